#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   what users of other tools suffer from does not happen here: the patterns that no other test of
        this folder covers (README.md says which test covers which).
Method: streams made record by record, so that the truth is known without cupel; run in one process; read
        with DuckDB. Memory is the largest resident set of the programs.

    test_patterns.py CUPEL [pattern]"""
import itertools
import json
import pathlib
import random
import sys
import tempfile
import time
from decimal import Decimal

import lakes
import replayed
from feeds import START_US, Feed, Pipe, Shape, contract
from replay import Replay

CUPEL = sys.argv[1]
ONLY = sys.argv[2] if len(sys.argv) > 2 else ''
WRONG = []
BIG, TEXT = 'int64', 'string'
KEYED = {'sourceSchema': 's', 'replicaIdentity': 'default'}
ID = ('id', 'bigint', {}, 1, True)
UNSET = '__debezium_unavailable_value'
UNSET_BASE64 = 'X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=='


def same(what, got, expected):
    if got != expected:
        WRONG.append(f'{what}:\n  is       {str(got)[:1500]}\n  expected {str(expected)[:1500]}')


def pipe_of(home, name, feed, tables=None, extra=''):
    (home / name).mkdir()
    pipe = Pipe(CUPEL, home / name)
    pipe.write(feed, tables, extra)
    return pipe


# --- values that were not sent, in every type that can have them, mixed in every order ---

TOAST = {  # column: (type, hints, placeholder, value number n on the wire, the same in the table)
    'a_text': ('text', {}, UNSET, lambda n: f'text {n}', lambda n: f'text {n}'),
    'b_varchar': ('varchar(90)', {}, UNSET, lambda n: f'v{n}', lambda n: f'v{n}'),
    'c_json': ('json', {}, UNSET, lambda n: f'{{"n":{n}}}', lambda n: f'{{"n":{n}}}'),
    'd_jsonb': ('jsonb', {}, UNSET, lambda n: f'[{n}]', lambda n: f'[{n}]'),
    'e_xml': ('xml', {}, UNSET, lambda n: f'<n>{n}</n>', lambda n: f'<n>{n}</n>'),
    'f_bytes': ('bytea', {'wire': 'bytes_base64'}, UNSET_BASE64, lambda n: 'AAEC' * (n % 3 + 1),
                lambda n: b'\0\1\2' * (n % 3 + 1)),
    'g_hex': ('bytea', {'wire': 'bytes_hex'}, UNSET, lambda n: f'{n:04x}', lambda n: n.to_bytes(2, 'big')),
    'h_number': ('numeric(12,3)', {'wire': 'decimal_text'}, UNSET, lambda n: f'{n}.125', lambda n: Decimal(f'{n}.125')),
    'i_tags': ('text[]', {}, [UNSET], lambda n: ['x', str(n)], lambda n: ['x', str(n)]),
}


def unset_values(home):
    """Full, NULL and unsent values of each column in each order of four updates; and all columns at random."""
    plain, feed, numbers = Shape({'id': BIG} | dict.fromkeys(TOAST, TEXT), embedded=False), Feed(), itertools.count(1)
    truth, noise, events = {}, random.Random(27), []
    kinds = ('new', 'null', 'unsent', 'unsent')
    for name in TOAST:  # one column at a time: every order of what can happen to it
        for order in sorted(set(itertools.permutations(kinds))):
            key = len(truth)
            truth[key] = {}
            events.append([(key, 'c', dict.fromkeys(TOAST, 'new'))] +
                          [(key, 'u', dict.fromkeys(TOAST, 'new') | {name: kind}) for kind in order])
    for _ in range(300):  # all columns at once
        key = len(truth)
        truth[key] = {}
        events.append([(key, 'c', dict.fromkeys(TOAST, 'new'))] +
                      [(key, 'u', {name: noise.choice(kinds) for name in TOAST}) for _ in range(6)])
    while events:  # keys are mixed in one batch; each keeps its own order
        one = noise.choice(events)
        key, op, what = one.pop(0)
        if not one:
            events.remove(one)
        row = {'id': key}
        for name, (_, _, placeholder, wire, value) in TOAST.items():
            n = next(numbers) % 60000
            row[name] = {'new': wire(n), 'null': None, 'unsent': placeholder}[what[name]]
            if what[name] != 'unsent':
                truth[key][name] = value(n) if what[name] == 'new' else None
        feed.add('t', plain, row, op)
    columns = [ID] + [(name, kind, hints, 0, False) for name, (kind, hints, *_) in TOAST.items()]
    pipe = pipe_of(home, 'toast', feed, {'t': (columns, KEYED)})
    pipe.run()
    state = Replay(('id',))
    for values in pipe.rows('t', ['_op', '_unset', 'id', *TOAST]):
        op, unset, cells = values[0], values[1], dict(zip(['id', *TOAST], values[2:]))
        state.apply({'op': op, 'unset': unset, 'old_key': None, 'values': cells})
    final = {row['id']: {name: row[name] for name in TOAST} for row in state.final()}
    same('unset values, records', pipe.lake.outcomes(), {'accepted': len(feed.lines)})
    for key in truth:
        if final.get(key) != truth[key]:
            same(f'unset values of key {key}', final.get(key), truth[key])
            return
    same('unset values, keys', len(final), len(truth))
    text = pipe.lake.one(f"SELECT count(*) FROM {pipe.lake.scan(pipe.path('t'))} AS t WHERE CAST(t AS VARCHAR) "
                         f"LIKE '%{UNSET}%' OR CAST(t AS VARCHAR) LIKE '%{UNSET_BASE64}%'")
    same('placeholders in the table', text, 0)


# --- the scale of a decimal changes in mid-stream ---

def scale_change(home):
    texts = ['12.125', '-0.001', '12.25', '99.9', '7.125']
    old, new = ({'id': BIG, 'd': f'decimal(5,{scale})'} for scale in (3, 2))
    feed = Feed()
    for n, text in enumerate(texts[:4]):
        feed.add('t', Shape(old if n < 2 else new), {'id': n, 'd': text})
    pipe = pipe_of(home, 'schema', feed)
    pipe.run()
    same('scale, with schema', pipe.rows('t', ['id', 'coalesce(d__2, d)']),
         [(n, Decimal(text)) for n, text in enumerate(texts[:4])])
    # without schema the text itself has its scale: exact, or refused; never another value
    for wire, value in (('decimal_text', str), ('decimal_number', lambda text: None)):
        feed = Feed()
        for n, text in enumerate(texts):
            feed.add('t', Shape({'id': BIG, 'd': TEXT}, embedded=False), {'id': n, 'd': text})
            if wire == 'decimal_number':
                feed.lines[-1] = feed.lines[-1].replace(f'\\"d\\": \\"{text}\\"', f'\\"d\\": {text}')
        columns = [ID, ('d', 'numeric(5,2)', {'wire': wire}, 0, False)]
        pipe = pipe_of(home, wire, feed, {'t': (columns, KEYED)})
        pipe.run()
        fits = [n for n, text in enumerate(texts) if len(text.split('.')[1]) <= 2]
        same(f'scale, {wire}', pipe.rows('t', ['id', 'd']), [(n, Decimal(texts[n])) for n in fits])
        same(f'scale, {wire}, refused', pipe.refused(),
             [('pg.s.t', n, 'decimal_scale', 'after.d') for n in range(len(texts)) if n not in fits])


# --- tombstones ---

def tombstones(home):
    plain, feed = Shape({'id': BIG}, embedded=False), Feed()
    empty, wrapped = '{"schema":null,"payload":null}', '{"schema":{"type":"struct","fields":[]},"payload":null}'
    expected = {'tombstone': 0, 'tombstone_keyless': 0, 'accepted': 0, 'null_value': 0}
    nulls = []
    for number in range(20):
        feed.add('t', plain, {'id': number})
        feed.add('t', plain, None, 'd', before={'id': number})
        expected['accepted'] += 2
        for key in ('{"id":%d}' % number, None):
            for value in (None, empty, wrapped):
                offset = feed.raw('pg.s.t', key, value)
                expected['tombstone' if key else 'tombstone_keyless'] += 1
                nulls += [(offset, key)] if value is None else []
        feed.raw('pg.s.t', '{"id":1}', 'null')  # a text, no NULL
        expected['null_value'] += 1
    pipe = pipe_of(home, 'nulls', feed, {'t': ([ID], KEYED)})
    pipe.run()
    same('tombstones', pipe.lake.outcomes(), expected)
    same('rows', pipe.rows('t', ['id', '_op']), [(n, op) for n in range(20) for op in 'cd'])
    WRONG.extend(replayed.check(CUPEL, pipe.home / 'lake', home / 'again', [pipe.home / 'in.dump']))
    again = [json.loads(line) for line in next((home / 'again').rglob('*.dump')).read_text().splitlines()]
    same('NULL again', [(r['offset'], r['key']) for r in again if r['value'] is None], nulls)


# --- a thousand tables, one of them broken ---

def thousand_tables(home):
    tables, topics, rows, broken = 1000, 50, 6, 777
    plain, feed = Shape({'id': BIG, 'v': TEXT}, embedded=False), Feed()
    order = [(n, table) for n in range(rows) for table in range(tables)]
    random.Random(12).shuffle(order)
    for n, table in order:
        feed.add(f't{table}', plain, {'id': n, 'v': f'{table}-{n}'}, topic=f'topic{table % topics}')
    declared = {f't{table}': ([ID, ('v', 'text' if table != broken else 'integer', {}, 0, False)], KEYED)
                for table in range(tables)}
    pipe = pipe_of(home, 'tables', feed, declared)
    _, most = lakes.run_measured(CUPEL, 'run', pipe.home, '--until-end')
    same(f'{most} MiB of 512', most < 512, True)
    lake = lakes.Lake(pipe.home / 'lake')
    same('outcomes', lake.outcomes(), {'accepted': (tables - 1) * rows, 'type_mismatch': rows})
    found = lake.duck.execute(
        f"SELECT t, count(*), count(DISTINCT id), count(*) FILTER (v = t || '-' || id) FROM (SELECT id, v, "
        f"regexp_extract(filename, 's/t(\\d+)/', 1)::INT AS t FROM read_parquet("
        f"{lakes.quoted(pipe.path('*') / '*.parquet')}, filename = true)) GROUP BY t ORDER BY t").fetchall()
    same('999 tables', found, [(t, rows, rows, rows) for t in range(tables) if t != broken])
    same('the broken one', sorted({(r['table'], r['reason'], r['path']) for r in lake.quarantine()}),
         [(f'default/silver/pg/s/t{broken}', 'type_mismatch', 'after.v')])


# --- one bad record in each position of a batch of 1000 ---

def each_position(home):
    groups = batch = 1000
    source = f'"source":{{"connector":"postgresql","name":"pg","ts_us":{START_US},"db":"d","schema":"s","table":"t"}}'
    bad = ['{"id":"x"}', '{"id":1', '{"id":1.5}', '{}', '{"id":1,"id":2}', '{"id":1,"x":2}']
    (home / 'contracts').mkdir()
    with open(home / 'in.ndjson', 'w') as out:
        good = ''.join(f'{{"after":{{"id":{n}}},{source},"op":"c"}}\n' for n in range(batch))
        starts = [0] + list(itertools.accumulate(len(line) + 1 for line in good.split('\n')[:-1]))
        for group in range(groups):
            out.write(good[:starts[group]])
            out.write(f'{{"after":{bad[group % len(bad)]},{source},"op":"c"}}\n')
            out.write(good[starts[group + 1]:])
    (home / 'contracts/x.odcs.yaml').write_text(contract({'t': ([ID], KEYED)}))
    (home / 'pipeline.yaml').write_text('name: test\nsource: pg\ninput:\n  - files: "*.ndjson"\nlake: lake\nworkers: 1\n')
    lakes.run(CUPEL, 'run', home, '--until-end')
    lake = lakes.Lake(home / 'lake')
    scan = lake.scan(home / 'lake/default/silver/pg/s/t')
    counts = lake.duck.execute(f'SELECT id, count(*) FROM {scan} GROUP BY 1 ORDER BY 1').fetchall()
    same('rows', counts, [(n, groups - 1) for n in range(batch)])
    # in file order the ids count up; what is left out of group g is its position g
    left_out = lake.duck.execute(
        f'SELECT g, {batch} * ({batch} - 1) / 2 - sum(id), count(*) FROM (SELECT id, (row_number() OVER (ORDER BY '
        f'_offset) - 1) // {batch - 1} AS g FROM {scan}) GROUP BY g ORDER BY g').fetchall()
    same('left out', left_out, [(g, g, batch - 1) for g in range(groups)])
    at = [row['position'] for row in lake.quarantine()]
    text = (home / 'in.ndjson').read_bytes()
    same('quarantine', len(at), groups)
    lines = [text[p:text.index(b'\n', p)].decode() for p in at]
    same('quarantined', lines, [f'{{"after":{bad[g % len(bad)]},{source},"op":"c"}}' for g in range(groups)])


# --- silver made again from bronze ---

def rebuilt(home):
    noise, feed = random.Random(15), Feed()
    shapes = [Shape({'id': BIG, 'a': TEXT}), Shape({'id': BIG, 'a': TEXT, 'n': 'decimal(10,2)'}),
              Shape({'id': BIG, 'a': TEXT}, embedded=False)]
    for n in range(6000):
        shape = noise.choice(shapes)
        row = {'id': noise.randrange(500), 'a': noise.choice(['', 'x', 'ünï', '\\"', 'a' * 300])}
        if 'n' in shape.columns:
            row['n'] = str(Decimal(noise.randrange(-10 ** 6, 10 ** 6)).scaleb(-2))
        if noise.random() < 0.02:
            feed.raw('pg.s.t', noise.choice([None, '{"id":1}']), noise.choice([None, '{', 'null', '']))
        feed.add(noise.choice('tu'), shape, row, headers={'h': '1'} if n % 7 == 0 else None)
    declared = {name: ([ID, ('a', 'text', {}, 0, False)], KEYED) for name in 'tu'}
    first = pipe_of(home, 'first', feed, declared)
    first.run()
    lakes.run(CUPEL, 'replay', first.home / 'lake', '--to', home / 'dumped')
    (home / 'second').mkdir()
    second = Pipe(CUPEL, home / 'second')
    second.write(Feed(), declared)
    (second.home / 'in.dump').write_bytes(next((home / 'dumped').rglob('*.dump')).read_bytes())
    second.run()
    same('outcomes', second.lake.outcomes(), first.lake.outcomes())
    for table in 'tu':
        columns = ['id', 'a', 'n', '_op', '_ts', '_pos', '_sub', '_unset', '_topic', '_partition', '_offset']
        same(f'table {table}', second.rows(table, columns), first.rows(table, columns))
    refused = [[(r['topic'], r['offset'], r['reason'], r['byte'], r['key']) for r in lake.quarantine()]
               for lake in (first.lake, second.lake)]
    same('quarantine', refused[1], refused[0])


PATTERNS = (unset_values, scale_change, tombstones, thousand_tables, each_position, rebuilt)


def main():
    for pattern in PATTERNS:
        if ONLY not in ('', pattern.__name__):
            continue
        before, began = len(WRONG), time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            pattern(pathlib.Path(folder))
        print(f'{pattern.__name__}: {"right" if len(WRONG) == before else "WRONG"}, {time.monotonic() - began:.1f} s')
    for sentence in WRONG:
        print(sentence)
    return 1 if WRONG else 0


if __name__ == '__main__':
    sys.exit(main())
