#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   partitioned tables hold what came in, wherever their rows lie: hours interleaved record by
        record, days, odd texts, every allowed type, 100,000 values in one epoch, a thousand tables; in
        bounded memory and with one file a partition, an epoch and a worker.
Method: events made here, counted here; tables read with DuckDB, delta-rs and polars; then
        `cupel verify --deep`. Memory is the largest resident set of the programs.

    test_partitions.py CUPEL [case [values]]"""
import collections
import datetime
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

import deltalake
import polars

import contracts
import lakes

CUPEL = sys.argv[1]
ONLY = sys.argv[2] if len(sys.argv) > 2 else 'all'
VALUES = int(sys.argv[3]) if len(sys.argv) > 3 else 100000
WRONG = []
START_US = 1767225600000000
ONE_EPOCH = 'commit:\n  interval: 1h\n'  # however slow the machine is
DAY_SECONDS = 300  # more than a run of this test takes: an epoch ends with the day, too
ROOM_BYTES = 1 << 30  # more than a hundred thousand small files take, and 64 MiB that a run wants to be free
FILE_KIB = 6  # what the commit of a file may take beside the pool, as dataplane/worker/README.md says


def check(condition, *what):
    if not condition:
        WRONG.append(' '.join(map(str, what)))


def event(table, row, ts_us=START_US, op='c', before=None):
    source = {'connector': 'postgresql', 'name': 'pg', 'db': 'd', 'schema': 's', 'table': table, 'lsn': 1}
    if ts_us is not None:
        source['ts_us'] = ts_us
    return json.dumps({'before': before, 'after': row, 'source': source, 'op': op}, ensure_ascii=False)


def column(name, kind, wire=None, key=0, partition=0):
    lines = [f'      - name: {name}', f'        physicalType: {kind}']
    if key:
        lines += ['        primaryKey: true', f'        primaryKeyPosition: {key}']
    if partition:
        lines += ['        partitioned: true', f'        partitionKeyPosition: {partition}']
    if wire:
        lines += ['        customProperties:', f'          - {{property: wire, value: {wire}}}']
    return lines


def contract(tables):
    """tables: {name: (columns, by date)}."""
    lines = ['apiVersion: v3.1.0', 'kind: DataContract', 'id: x', 'version: 1.0.0', 'status: active', 'schema:']
    for name, (columns, by_date) in tables.items():
        lines += [f'  - name: {name}', '    customProperties:', '      - {property: sourceSchema, value: s}',
                  '      - {property: replicaIdentity, value: full}']
        lines += ['      - {property: partitionBy, value: _date}'] if by_date else []
        lines += ['    properties:']
        for one in columns:
            lines += column(*one) if isinstance(one, tuple) else one
    return '\n'.join(lines) + '\n'


def run(home, tables, lines, extra=''):
    source = home / 'in.ndjson'
    source.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    contracts.write_pipeline(home / 'p', [source], {'x': contract(tables)}, extra=ONE_EPOCH + extra)
    done = lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--until-end', '--workers', '1', timeout=900)
    lakes.run(CUPEL, 'verify', home / 'lake', '--deep', timeout=900)
    return lakes.Lake(home / 'lake'), done


def run_measured(home, tables, lines, extra):
    """Runs; returns (lake, seconds, largest resident set in MiB)."""
    source = home / 'in.ndjson'
    source.write_text('\n'.join(lines) + '\n')
    contracts.write_pipeline(home / 'p', [source], {'x': contract(tables)}, extra=ONE_EPOCH + extra)
    began = time.monotonic()
    _, most = lakes.run_measured(CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--until-end', '--workers', '1')
    took = time.monotonic() - began
    lakes.run(CUPEL, 'verify', home / 'lake', '--deep', timeout=1800)
    return lakes.Lake(home / 'lake'), took, most


def table_at(lake, name):
    return lake.folder / 'default/silver/pg/s' / name


def files_of(path):
    return [f for f in path.rglob('*.parquet') if '_delta_log' not in f.parts]


def readers(lake, path, columns):
    """(reader, rows as sorted tuples of the columns) for each."""
    names = ', '.join(f'"{c}"' for c in columns)
    yield 'duckdb', lake.duck.execute(f'SELECT {names} FROM {lake.scan(path)}').fetchall()
    table = deltalake.DeltaTable(str(path))
    yield 'delta-rs', [tuple(r[c] for c in columns)
                       for r in table.to_pyarrow_table(columns=list(columns)).to_pylist()]
    yield 'polars', polars.scan_delta(str(path)).select(columns).collect().rows()


def order(row):
    return tuple((v is not None, str(v)) for v in row)


def same_rows(lake, path, columns, want):
    want = sorted(want, key=order)
    for reader, got in readers(lake, path, columns):
        got = sorted(got, key=order)
        if got == want:
            continue
        first = next(((g, w) for g, w in zip(got, want) if g != w), (len(got), len(want)))
        check(False, f'{path.name}: {reader} reads other rows:', first)


def case_hours(home):
    """The usual case: 20 hours, interleaved; one file each, though rows come one by one."""
    rows = [{'hour': f'2026-01-01T{i % 20:02}', 'id': i, 'note': 'n' * (i % 50) if i % 7 else None}
            for i in range(120000)]
    tables = {'t': ([('hour', 'text', None, 1, 1), ('id', 'bigint', None, 2), ('note', 'text')], False)}
    lake, done = run(home, tables, [event('t', r) for r in rows], extra='memory: 24MiB\n')
    path = table_at(lake, 't')
    check(len(files_of(path)) == 20, 'hours:', len(files_of(path)), 'files of 20 partitions')
    same_rows(lake, path, ['hour', 'id', 'note'], [tuple(r.values()) for r in rows])
    closed = collections.Counter(r['closed'] for r in lake.ledger('file'))
    check(set(closed) == {'drain'}, 'hours: files closed for', dict(closed))
    check('files closed' in done.stdout and 'drain' in done.stdout, 'the summary does not say why:', done.stdout)
    stored = lake.rows(f'SELECT name FROM parquet_schema({lakes.quoted(files_of(path)[0])})')
    check({'name': 'id'} in stored and {'name': 'hour'} not in stored, 'hours: the file holds', stored)


def case_days(home):
    """_date of _ts, before 1970 too, and of events that have none; a key column below it."""
    days = [0, 1, -1, -40000, 20000]
    rows, lines = [], []
    for i in range(5000):
        row = {'part': i % 3, 'id': i}
        day = days[i % 5]
        ts = None if i % 11 == 0 else day * 86400000000 + (i * 7919) % 86400000000
        lines.append(event('t', row, ts))
        date = None if ts is None else datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
        rows.append((date, i % 3, i))
    tables = {'t': ([('part', 'integer', None, 1, 1), ('id', 'bigint', None, 2)], True)}
    lake, _ = run(home, tables, lines)
    path = table_at(lake, 't')
    same_rows(lake, path, ['_date', 'part', 'id'], rows)
    check((path / '_date=__HIVE_DEFAULT_PARTITION__/part=0').is_dir(), 'no folder of the null day')
    check(len(files_of(path)) == 18, 'days:', len(files_of(path)), 'files of 18 partitions')
    found = lake.one(f"SELECT count(*) FROM {lake.scan(path)} WHERE _date = DATE '1970-01-02'")
    check(found == sum(r[0] == datetime.date(1970, 1, 2) for r in rows), 'a filter by day finds', found)


ODD = ['a', 'A', 'ä', '日本', '😀', 'a/b', 'a%b', 'a%2Fb', 'a=b', '"q"', "it's", '..', '.', ' lead', 'trail ', 'a b',
       'x:y', 'c*', 'q?', '#h', '[b]', '{c', 'tab\tx', 'nl\nx', 'back\\s', 'del\x7f', '^', '~', '+', '&', 'a,b',
       'null', 'NULL', 'n' * 250, 'é' * 100, '%' * 83]


def case_odd(home):
    """Texts that folders, URIs or readers could take for something else; and those that no folder can have."""
    rows = [(v, i * 3 + k) for i, v in enumerate(ODD) for k in range(3)]
    bad = [('', 'partition_empty'), ('__HIVE_DEFAULT_PARTITION__', 'partition_empty'), ('n' * 254, 'partition_too_long'),
           ('%' * 85, 'partition_too_long'), ('é' * 200, 'partition_too_long'), ('x' * 70000, 'partition_too_long')]
    lines = [event('t', {'p': v, 'id': i}) for v, i in rows] + \
            [event('t', {'p': v, 'id': 1000 + i}) for i, (v, _) in enumerate(bad)]
    random.Random(4).shuffle(lines)
    tables = {'t': ([('p', 'text', None, 1, 1), ('id', 'bigint', None, 2)], False)}
    lake, _ = run(home, tables, lines)
    path = table_at(lake, 't')
    same_rows(lake, path, ['p', 'id'], rows)
    want = collections.Counter(o for _, o in bad)
    got = collections.Counter(r['reason'] for r in lake.quarantine())
    check(got == want, 'odd: quarantined', dict(got), 'not', dict(want))
    check({r['path'] for r in lake.quarantine()} == {'p'}, 'odd: the column is not named')


def case_types(home):
    """Partition columns of all allowed types at their ends; a delete and a truncate."""
    utc = datetime.timezone.utc
    values = [
        ('b', 'boolean', None, [(True, True), (False, False)]),
        ('s', 'smallint', None, [(-32768, -32768), (32767, 32767)]),
        ('i', 'integer', None, [(-2147483648, -2147483648), (0, 0)]),
        ('l', 'bigint', None, [(-2**63, -2**63), (2**63 - 1, 2**63 - 1)]),
        ('d', 'date', 'date_days', [(-719162, datetime.date(1, 1, 1)), (2932896, datetime.date(9999, 12, 31)),
                                    (-1, datetime.date(1969, 12, 31)), (19782, datetime.date(2024, 2, 29))]),
        ('z', 'timestamp with time zone', None,
         [('1969-12-31T23:59:59.999999Z', datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, utc)),
          ('2024-02-29T00:00:00Z', datetime.datetime(2024, 2, 29, 0, 0, 0, 0, utc))])]
    tables, lines, want = {}, [], {}
    for name, kind, wire, cells in values:
        tables[f't_{name}'] = ([(name, kind, wire, 1, 1), ('id', 'bigint', None, 2)], False)
        for i, (on_wire, value) in enumerate(cells * 3):
            lines.append(event(f't_{name}', {name: on_wire, 'id': i}))
            want.setdefault(name, []).append((value, i))
        lines.append(event(f't_{name}', None, op='d', before={name: cells[0][0], 'id': 0}))
        want[name].append((cells[0][1], 0))
        lines.append(event(f't_{name}', None, op='t'))
        want[name].append((None, None))
    lake, _ = run(home, tables, lines)
    for name, rows in want.items():
        same_rows(lake, table_at(lake, f't_{name}'), [name, 'id'], rows)


def case_large(home):
    """Rows too long to wait in memory, lists, and tables that are not partitioned beside them."""
    rows = [{'p': f'p{i % 5}', 'id': i, 'text': chr(97 + i % 26) * (150000 if i % 40 == 0 else i % 300),
             'tags': None if i % 3 == 0 else [None if k == 2 else f't{k}' for k in range(i % 6)]} for i in range(3000)]
    columns = [('p', 'text', None, 1, 1), ('id', 'bigint', None, 2), ('text', 'text'), ('tags', 'text[]')]
    plain = [('p', 'text', None, 1), *columns[1:]]
    lines = [event(t, r) for r in rows for t in ('t', 'u')]
    lake, _ = run(home, {'t': (columns, False), 'u': (plain, False)}, lines, extra='memory: 24MiB\n')
    for name in ('t', 'u'):
        same_rows(lake, table_at(lake, name), ['p', 'id', 'text', 'tags'], [tuple(r.values()) for r in rows])


def case_limits(home):
    """files.rows and files.bytes close files early; the ledger says so."""
    rows = [{'p': f'p{i % 2}', 'id': i, 'text': str(i * 7919)} for i in range(30000)]
    columns = [('p', 'text', None, 1, 1), ('id', 'bigint', None, 2), ('text', 'text')]
    lake, _ = run(home, {'t': (columns, False)}, [event('t', r) for r in rows],
                  extra='files:\n  rows: 1000\nmemory: 16MiB\n')
    same_rows(lake, table_at(lake, 't'), ['p', 'id', 'text'], [tuple(r.values()) for r in rows])
    closed = collections.Counter(r['closed'] for r in lake.ledger('file') if r['zone'] == 'silver')
    check(closed['rows'] >= 4, 'files closed for', dict(closed))
    more = home / 'more'
    more.mkdir()
    noise = random.Random(5)
    long = [{'p': f'p{i % 2}', 'id': i, 'text': '%x' % noise.getrandbits(1000)} for i in range(30000)]
    lake, _ = run(more, {'t': (columns, False)}, [event('t', r) for r in long], extra='files:\n  bytes: 1MiB\n')
    closed = collections.Counter(r['closed'] for r in lake.ledger('file') if r['zone'] == 'silver')
    check(closed['size'] >= 2, 'files closed for', dict(closed))
    size = max(f.stat().st_size for f in files_of(table_at(lake, 't')))
    check(size < 3 << 20, 'a file of at most about 1 MiB has', size, 'bytes')


def case_changed(home):
    """A table is not written to when its partitions are not the contract's; a new column keeps them."""
    rows = [{'p': f'p{i % 3}', 'id': i} for i in range(300)]
    columns = [('p', 'text', None, 1, 1), ('id', 'bigint', None, 2)]
    lake, _ = run(home, {'t': (columns, False)}, [event('t', r) for r in rows])
    with open(home / 'in.ndjson', 'a') as file:
        for i in range(300, 600):
            file.write(event('t', {'p': f'p{i % 3}', 'id': i, 'extra': f'x{i}'}) + '\n')
    contracts.write_pipeline(home / 'p', [home / 'in.ndjson'],
                             {'x': contract({'t': ([*columns, ('extra', 'text')], False)})})
    lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--until-end')
    want = [(f'p{i % 3}', i, f'x{i}' if i >= 300 else None) for i in range(600)]
    same_rows(lake, table_at(lake, 't'), ['p', 'id', 'extra'], want)
    with open(home / 'in.ndjson', 'a') as file:
        file.write(event('t', {'p': 'p0', 'id': 600, 'extra': None}) + '\n')
    for other in ([('p', 'text', None, 1), *columns[1:], ('extra', 'text')],
                  [('p', 'text', None, 1), ('id', 'bigint', None, 2, 1), ('extra', 'text')]):
        contracts.write_pipeline(home / 'p', [home / 'in.ndjson'], {'x': contract({'t': (other, False)})})
        done = lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--until-end', expect=None)
        check(done.returncode != 0 and 'partitioned' in done.stderr and '/s/t' in done.stderr,
              'another partitioning says:', done.returncode, done.stderr[-600:])
    same_rows(lake, table_at(lake, 't'), ['p', 'id', 'extra'], want)


def case_many(home):
    """So many values in one epoch, three rows each in random order: a file each, in bounded memory."""
    ids = list(range(VALUES * 3))
    random.Random(6).shuffle(ids)
    lines = [event('t', {'p': f'v{i % VALUES}', 'id': i}) for i in ids]
    tables = {'t': ([('p', 'text', None, 1, 1), ('id', 'bigint', None, 2)], False)}
    lake, took, most = run_measured(home, tables, lines, 'memory: 64MiB\n')
    print(f'{VALUES} values: {took:.1f} s, largest resident set {most} MiB')
    check(most < 64 + 64 + VALUES * FILE_KIB // 1024, 'a program took', most, 'MiB')
    path = table_at(lake, 't')
    files = [r for r in lake.ledger('file') if r['zone'] == 'silver']
    check(len(files) == VALUES, len(files), 'files of', VALUES, 'partitions')
    check(all(r['rows'] == 3 for r in files), 'a file does not have its 3 rows')
    check(len(deltalake.DeltaTable(str(path)).file_uris()) == VALUES, 'the log has another number of files')
    if VALUES <= 20000: # the reader takes a minute for more
        got = lake.rows(f'SELECT count(*) AS n, sum(id) AS s, count(DISTINCT p) AS d FROM {lake.scan(path)}')[0]
        check(got == {'n': len(ids), 's': sum(ids), 'd': VALUES}, 'read:', got)


def case_tables(home):
    """A thousand tables record by record, in the budget of one worker."""
    names = [f't{i}' for i in range(1000)]
    columns = [('id', 'bigint', None, 1), ('a', 'text'), ('b', 'integer'), ('c', 'numeric(10,2)', 'decimal_number')]
    lines, sums = [], collections.Counter()
    noise = random.Random(7)
    for i in range(60000):
        name = noise.choice(names)
        sums[name] += i
        lines.append(event(name, {'id': i, 'a': f'text {i}', 'b': i % 1000, 'c': 1.25}))
    lake, took, most = run_measured(home, {n: (columns, False) for n in names}, lines, 'memory: 96MiB\n')
    print(f'1000 tables: {took:.1f} s, largest resident set {most} MiB')
    check(most < 96 + 64, 'a program took', most, 'MiB')
    check(len(lake.silver()) == len(sums), len(lake.silver()), 'tables')
    for name in noise.sample(names, 50):
        got = lake.one(f'SELECT sum(id) FROM {lake.scan(table_at(lake, name))}')
        check(got == sums[name], name, 'has', got, 'not', sums[name])
        check(len(files_of(table_at(lake, name))) == 1, name, 'has', len(files_of(table_at(lake, name))), 'files')


def has_room(folder):
    """Containers often have a small one, and a run waits until there is room."""
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM_BYTES


def main():
    cases = [v for n, v in globals().items() if n.startswith('case_') and ONLY in ('all', n[5:])]
    for case in cases:
        # 200,000 folders and files: what their fsyncs cost is the disk's matter, not this test's
        memory = '/dev/shm' if case is case_many and has_room('/dev/shm') else None
        lakes.await_day(DAY_SECONDS)
        home = pathlib.Path(tempfile.mkdtemp(prefix='cupel-partitions-', dir=memory))
        began = time.monotonic()
        try:
            case(home)
            print(f'{case.__name__[5:]}: {time.monotonic() - began:.1f} s')
        finally:
            shutil.rmtree(home, ignore_errors=True)
    for line in WRONG:
        print('WRONG', line)
    return 1 if WRONG else 0


if __name__ == '__main__':
    sys.exit(main())
