#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   every format arrives in silver as it should, is told from the others by `format: auto`, and
        records of another format go to quarantine.
Method: a small file per format, by hand from the fact sheet on CDC formats; `cupel run` with
        `format: auto` (by name where nothing can be detected); rows read with DuckDB, quarantine and
        ledger beside them. Then what must be refused: two formats in one input, a row that looks like
        an event, two contracts for one topic.

    test_dialects.py CUPEL ROOT"""
import json
import pathlib
import sys
import tempfile

import lakes

COLUMNS = (('id', 'bigint', None, True), ('name', 'text', None, False), ('amount', 'numeric(10,2)', None, False),
           ('at', 'timestamp', None, False), ('photo', 'bytea', None, False))
WIRES = {'amount': 'decimal_text', 'at': 'timestamp_text', 'photo': 'bytes_base64'}


def contract(table, place, wires, rules=()):
    """place: the property that says where the table is, and its value."""
    lines = ['apiVersion: v3.1.0', 'kind: DataContract', f'id: {table}', 'version: 1.0.0', 'status: active',
             'schema:', f'  - name: {table}', '    customProperties:']
    for name, value in (place, *rules):
        lines.append(f'      - {{property: {name}, value: {json.dumps(value)}}}')
    lines.append('    properties:')
    for name, physical, member, key in COLUMNS:
        member = wires.get(f'member of {name}', member)
        lines += [f'      - name: {name}', f'        physicalType: {physical}']
        if member:
            lines.append(f'        physicalName: "{member}"')
        if key:
            lines.append('        primaryKey: true')
        if (WIRES | wires).get(name) not in (None, ''):
            lines += ['        customProperties:', f'          - {{property: wire, value: {(WIRES | wires)[name]}}}']
    return '\n'.join(lines) + '\n'


def dump(topic, records):
    """(key, value) pairs as a record dump; a value that is a dict is JSON, None a NULL."""
    lines = []
    for offset, (key, value) in enumerate(records):
        text = value if value is None or isinstance(value, str) else json.dumps(value)
        lines.append(json.dumps({'topic': topic, 'partition': 0, 'offset': offset,
                                 'key': None if key is None else json.dumps(key), 'value': text, 'headers': {}}))
    return '\n'.join(lines) + '\n'


def source(**more):
    return {'connector': 'postgresql', 'name': 'pg', 'db': 'd', 'schema': 's', 'table': 't', 'lsn': 100} | more


def debezium(op, before, after, **more):
    return {'before': before, 'after': after, 'source': source(**more), 'op': op}


def maxwell(kind, data, **more):
    return {'database': 'd', 'table': 't', 'type': kind, 'ts': 1709210096, 'xid': 7, 'data': data} | more


def canal(kind, data, old=None, **more):
    return {'database': 'd', 'table': 't', 'isDdl': False, 'type': kind, 'es': 1709210096000, 'ts': 1, 'data': data,
            'old': old} | more


def dms(operation, data):
    return {'data': data, 'metadata': {'timestamp': '2024-02-29T12:34:56.000000Z', 'record-type': 'data',
                                       'operation': operation, 'schema-name': 's', 'table-name': 't'}}


def goldengate(op, **more):
    return {'table': 's.t', 'op_type': op, 'op_ts': '2024-02-29 12:34:56.000000', 'pos': '00000000000000004338'} | more


def mongo(op, after, update=None):
    return {'before': None, 'after': None if after is None else json.dumps(after), 'updateDescription': update,
            'source': {'connector': 'mongodb', 'name': 'm', 'db': 'd', 'collection': 't', 'ts_ms': 1709210096000,
                       'ord': 1}, 'op': op}


def cloud(op, before, after):
    return {'id': 'x', 'specversion': '1.0', 'iodebeziumop': op, 'iodebeziumconnector': 'postgresql',
            'iodebeziumname': 'pg', 'iodebeziumtsms': '1709210096000', 'iodebeziumdb': 'd', 'iodebeziumschema': 's',
            'iodebeziumtable': 't', 'iodebeziumlsn': '100', 'data': {'before': before, 'after': after}}


AT = '2024-02-29 12:34:56.5'
ROW = {'id': 1, 'name': 'a', 'amount': '7.90', 'at': AT, 'photo': 'Zm8='}
FULL = "c 1 a 7.90 2024-02-29T12:34:56.500000 666f"
S, D = ('sourceSchema', 's'), ('sourceDatabase', 'd')
KEY1, KEY2 = {'id': 1}, {'id': 2}

# Format: contract, form, records, rows (op and values; [] what was not sent), other outcomes.
CASES = {
    'debezium': (contract('t', S, {}), [
        (KEY1, debezium('c', None, ROW)), (KEY1, debezium('d', {'id': 1}, None)), (KEY1, None)],
        [FULL, 'd 1 - - - - [*]'], {'tombstone': 1}),
    'flattened': (contract('t', S, {}, [('topic', 'x.s.t')]), [
        (KEY1, ROW | {'__op': 'c', '__lsn': 5, '__deleted': 'false'}), (KEY1, ROW | {'name': 'b'}),
        (KEY1, ROW | {'__deleted': 'true'}), (KEY2, None)],
        [FULL, FULL.replace('c 1 a', 'u 1 b'), 'd 1 - - - - [*]', 'd 2 - - - - [*]'], {}),
    'cloudevents': (contract('t', S, {}), [
        (KEY1, cloud('c', None, ROW)), (KEY1, cloud('d', {'id': 1}, None))], [FULL, 'd 1 - - - - [*]'], {}),
    'maxwell': (contract('t', D, {}), [
        (None, maxwell('insert', ROW)), (None, maxwell('update', ROW | {'id': 2}, old={'id': 1})),
        (None, maxwell('delete', ROW | {'id': 2})), (None, maxwell('table-alter', None) | {'def': {}, 'ts': 17e8})],
        [FULL, 'd 1 - - - - [*]', FULL.replace('c 1', 'c 2'), 'd 2 - - - - [*]'], {'schema_change': 1}),
    'canal': (contract('t', D, {'photo': 'bytes_latin1'}), [
        (None, canal('INSERT', [ROW | {'id': '1', 'photo': 'f\u00ff'}, {'id': '2', 'name': None, 'amount': '1', 'at': None,
                                                               'photo': None}])),
        (None, canal('UPDATE', [{'id': '1', 'name': 'x'}], [{'name': 'a'}])),
        (None, canal('DELETE', [{'id': '1'}])), (None, canal('ALTER', None, isDdl=True, sql='x')),
        (None, canal('INSERT', [ROW | {'id': '3', 'photo': '\u0100'}]))],
        ['c 1 a 7.90 2024-02-29T12:34:56.500000 66ff', 'c 2 - 1.00 - -', 'u 1 x - - -', 'd 1 - - - - [*]'],
        {'schema_change': 1, 'base64': 1}),
    'dms': (contract('t', S, {}, [('missing', 'keep')]), [
        (None, dms('load', ROW)), (None, dms('update', {'id': 1, 'name': 'b', 'amount': '1'})),
        (None, dms('delete', {'id': 1})),
        (None, {'metadata': {'record-type': 'control', 'operation': 'create-table'}})],
        [FULL.replace('c 1', 'r 1'), 'u 1 b 1.00 - - [at photo]', 'd 1 - - - - [*]'], {'schema_change': 1}),
    'goldengate': (contract('t', S, {}), [
        (None, goldengate('I', after=ROW)),
        (None, goldengate('U', before={'id': 1}, after={'id': 1, 'name': None, 'name_isMissing': True, 'amount': '1'})),
        (None, goldengate('D', before={'id': 1}))],
        [FULL, 'u 1 - 1.00 - - [at name photo]', 'd 1 - - - - [*]'], {}),
    'mongodb': (contract('t', D, {'member of id': '_id', 'at': 'timestamp_ms', 'amount': 'decimal_number'}), [
        ({'id': '1'}, mongo('c', {'_id': 1, 'name': 'a', 'amount': {'$numberDecimal': '7.9'},
                                  'at': {'$date': 1709210096500}, 'photo': {'$binary': 'Zm8=', '$type': '00'}})),
        ({'id': '{"$numberLong": "1"}'}, mongo('u', None, {'updatedFields': '{"name":"b"}', 'removedFields': ['photo']})),
        ({'id': '1'}, mongo('d', None))],
        [FULL, 'u 1 b - - - [amount at]', 'd 1 - - - - [*]'], {}),
    'upsert': (contract('t', S, {}), [(KEY1, ROW), (KEY1, ROW | {'name': 'b'}), (KEY2, None)],
               [FULL.replace('c 1', 'u 1'), FULL.replace('c 1 a', 'u 1 b'), 'd 2 - - - - [*]'], {}),
}


def shown(row):
    values = [row[name] for name, *_ in COLUMNS]
    words = [row['_op']]
    for value in values:
        if value is None:
            words.append('-')
        elif isinstance(value, bytes):
            words.append(value.hex())
        else:
            words.append(value.isoformat() if hasattr(value, 'isoformat') else str(value))
    if row['_unset']:
        words.append('[' + ' '.join(sorted(row['_unset'])) + ']')
    return ' '.join(words)


def pipeline(home, text, contracts, form, extra='', name='x.ndjson'):
    (home / 'contracts').mkdir(parents=True)
    (home / name).write_text(text)
    (home / 'pipeline.yaml').write_text(
        f'name: p\nsource: src\nformat: {form}\ninput:\n  - files: "*.ndjson"\n{extra}')
    for index, one in enumerate(contracts):
        (home / 'contracts' / f'c{index}.odcs.yaml').write_text(one)
    return home


def run_case(cupel, home, name):
    one, records, rows, others = CASES[name]
    form = 'upsert' if name == 'upsert' else 'auto'
    stranger = debezium('c', None, ROW) if name in ('maxwell', 'canal', 'dms', 'goldengate') else None
    text = dump('x.s.t', records)
    folder = pipeline(home / name, text, [one], form)
    done = lakes.run(cupel, 'run', folder, '--lake', home / f'{name}-lake', '--until-end')
    wrong = []
    if form == 'auto' and f'cupel: format: {name} (' not in done.stderr:
        wrong.append(f'what was detected: {done.stderr.splitlines()[:1]}')
    if stranger is not None:  # pinned by name now: a record of another format is refused
        with open(folder / 'x.ndjson', 'a') as file:
            file.write(dump('x.s.t', [(None, stranger)]))
        lakes.run(cupel, 'run', folder, '--lake', home / f'{name}-lake', '--until-end', '--format', name)
        others = others | {'format_mismatch': 1}
    lake = lakes.Lake(home / f'{name}-lake')
    (path,) = lake.silver().values()
    got = [shown(row) for row in lake.rows(f'SELECT * FROM {lake.scan(path)} ORDER BY _offset, _sub')]
    if got != rows:
        wrong.append(f'rows {got}\nexpected {rows}')
    outcomes = {n: c for n, c in lake.outcomes().items() if c and n != 'accepted'}
    if outcomes != others:
        wrong.append(f'outcomes {outcomes}, expected {others}')
    if lake.one(f'SELECT count(*) FROM {lake.scan(path)} WHERE _ts IS NULL') and name not in ('debezium', 'flattened', 'upsert'):
        wrong.append('rows without _ts')
    return [f'{name}: {sentence}' for sentence in wrong]


def check_refusals(cupel, home):
    """What control must not start, and the words that say why."""
    both = dump('x', [(None, maxwell('insert', ROW)), (None, canal('INSERT', [ROW]))])
    event = dump('x', [(KEY1, {'id': 1, 'op': 'c', 'before': 'x', 'after': 'y', 'source': 'web'})])
    claims = [contract('t', S, {}, [('topic', 'x')]), contract('u', S, {}, [('topic', 'x')])]
    sequin = dump('x', [(None, {'record': {}, 'action': 'insert', 'metadata': {'table_name': 't'}})])
    cases = [('two', both, [contract('t', D, {})], ['format_ambiguous', 'maxwell', 'canal', ':1)', ':2)']),
             ('event', event, [contract('t', S, {})], ['format_ambiguous', 'debezium', 'flattened']),
             ('none', dump('x', [(None, None)]), [contract('t', S, {})], ['format_ambiguous', 'none of the first 1']),
             ('sequin', sequin, [contract('t', S, {})], ['sequin', 'does not read']),
             ('claims', dump('x', [(KEY1, ROW)]), claims, ['topic', '"x"', 'claimed'])]
    wrong = []
    for name, text, contracts, words in cases:
        folder = pipeline(home / f'refused-{name}', text, contracts, 'auto')
        done = lakes.run(cupel, 'run', folder, '--lake', home / f'refused-{name}-lake', '--until-end', expect=None)
        if done.returncode != 2 or any(word not in done.stderr for word in words):
            wrong.append(f'{name}: exit {done.returncode}: {done.stderr}')
    return wrong


def check_topics(cupel, home):
    """Rows of two tables, told apart by their topics: one claimed, one named for its table."""
    folder = pipeline(home / 'topics', dump('pg.s.t', [(KEY1, ROW)]) + dump('claimed', [(KEY2, ROW | {'id': 2})]) +
                      dump('__debezium-heartbeat.pg', [(None, {'ts_ms': 1})]) + dump('pg.s.new', [(KEY1, ROW)]),
                      [contract('t', S, {}), contract('u', S, {}, [('topic', 'claimed')])], 'flattened')
    lakes.run(cupel, 'run', folder, '--lake', home / 'topics-lake', '--until-end')
    lake = lakes.Lake(home / 'topics-lake')
    got = {table: lake.rows(f'SELECT id FROM {lake.scan(path)}') for table, path in lake.silver().items()}
    outcomes = {n: c for n, c in lake.outcomes().items() if c}
    wrong = []
    if got != {'s.t': [{'id': 1}], 's.u': [{'id': 2}]}:
        wrong.append(f'topics: {got}')
    if outcomes != {'accepted': 2, 'heartbeat': 1, 'unknown_table': 1}:
        wrong.append(f'topics: {outcomes}')
    return wrong


def main():
    cupel = pathlib.Path(sys.argv[1]).resolve()
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        for name in sys.argv[3:] or CASES:
            wrong += run_case(cupel, home, name)
        if not sys.argv[3:]:
            wrong += check_refusals(cupel, home) + check_topics(cupel, home)
    print('\n'.join(wrong))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
