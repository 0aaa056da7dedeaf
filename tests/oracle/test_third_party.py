#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   samples that other projects test with are read: every record is taken or known for what it is,
        and the values in silver are the samples' own.
Method: all files of a format below $CUPEL_THIRD_PARTY go through one run, format by its detection, with
        contracts made from the columns that the samples have; each value is kept as its own JSON text.
        Rows are compared with what this test reads from the samples itself.

    test_third_party.py CUPEL; skipped when CUPEL_THIRD_PARTY names no folder"""
import json
import os
import pathlib
import sys
import tempfile

import lakes

SEATUNNEL = {'canal': 'canal-data-filter-table.txt', 'maxwell': 'maxwell-data-filter-table.txt',
             'goldengate': 'ogg-data-filter-table.txt', 'debezium': 'debezium-data.txt'}
PAIMON = {'canal': 'canal', 'maxwell': 'maxwell', 'goldengate': 'ogg', 'dms': 'aws-dms'}
# Broken on purpose, columns that differ by case, and other tables under a name that is taken.
LEFT_OUT = {'incomplete', 'case-insensitive', 'computedcolumn', 'watermark', 'metadatacolumn'}


def column_of(name):
    """A member's column: some characters, and names of generated columns, cannot be."""
    name = ''.join('_' if c in ' ,;{}()=' else c for c in name)
    return f'{name}_' if name.lower() == '_date' else name


def records(path):
    """The JSON objects of a sample; some stand on many lines, behind a comment."""
    text = path.read_text()
    if text.startswith('/*'):
        text = text[text.index('*/') + 2:]
    decoder, at = json.JSONDecoder(parse_float=str, parse_int=str), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        _, end = decoder.raw_decode(text, at)
        yield json.loads(text[at:end])
        at = end


def changes(form, record):
    """(database or schema, table, key columns, [(op, row)]) of a record; None: it is no change."""
    if form == 'canal':
        ops = {'INSERT': 'c', 'UPDATE': 'u', 'DELETE': 'd'}
        if record.get('isDdl') or record['type'] not in ops:
            return None
        return (record['database'], record['table'], record['pkNames'],
                [(ops[record['type']], row) for row in record['data']])
    if form == 'maxwell':
        ops = {'insert': 'c', 'update': 'u', 'delete': 'd', 'bootstrap-insert': 'r'}
        if record['type'] not in ops:
            return None
        return record['database'], record['table'], record.get('primary_key_columns'), [(ops[record['type']], record['data'])]
    if form == 'goldengate':
        op = {'I': 'c', 'U': 'u', 'D': 'd'}[record['op_type']]
        schema, table = record['table'].rsplit('.', 1)
        return schema, table, record.get('primary_keys'), [(op, record['before' if op == 'd' else 'after'])]
    if form == 'dms':
        meta = record['metadata']
        if meta['record-type'] != 'data':
            return None
        op = {'load': 'r', 'insert': 'c', 'update': 'u', 'delete': 'd'}[meta['operation']]
        return meta['schema-name'], meta['table-name'], None, [(op, record['data'])]
    source, op = record['source'], record['op']
    return source['db'], source['table'], None, [(op, record['before' if op == 'd' else 'after'])]


def contract(form, schema, table, key, columns):
    place = 'sourceSchema' if form in ('goldengate', 'dms') else 'sourceDatabase'
    lines = ['apiVersion: v3.1.0', 'kind: DataContract', f'id: {schema}-{table}', 'version: 1.0.0', 'status: active',
             'schema:', f'  - name: {json.dumps(table)}', '    customProperties:',
             f'      - {{property: {place}, value: {json.dumps(schema)}}}',
             '      - {property: missing, value: keep}', '    properties:']
    for name in columns:
        lines += [f'      - name: {json.dumps(name)}', '        physicalType: text', '        customProperties:',
                  '          - {property: wire, value: json_text}']
        if name in key:
            lines += ['        primaryKey: true']
    return '\n'.join(lines) + '\n'


def run(cupel, home, form, files):
    tables, lines, rows, dull = {}, [], {}, 0
    for path in files:
        for record in records(path):
            lines.append(json.dumps(record))
            found = changes(form, record)
            if found is None:
                dull += 1
                continue
            schema, table, key, some = found
            names, keys = tables.setdefault((schema, table), ({}, []))
            for _, row in some:
                names.update(dict.fromkeys(row))
            if key and not keys:
                keys += key
            rows.setdefault((schema, table), []).extend(some)
    folder = home / form
    (folder / 'contracts').mkdir(parents=True)
    (folder / 'x.ndjson').write_text('\n'.join(lines) + '\n')
    (folder / 'pipeline.yaml').write_text(f'name: p\nsource: src\nformat: auto\ninput:\n  - files: x.ndjson\n')
    for index, ((schema, table), (names, keys)) in enumerate(tables.items()):
        keys = keys or [name for name in ('id', *names) if name in names][:1]
        (folder / f'contracts/c{index}.odcs.yaml').write_text(contract(form, schema, table, keys, names))
    done = lakes.run(cupel, 'run', folder, '--lake', home / f'{form}-lake', '--until-end')
    wrong = [] if f'format: {form} (' in done.stderr else [f'detected: {done.stderr.splitlines()[0]}']
    lake = lakes.Lake(home / f'{form}-lake')
    outcomes = {n: c for n, c in lake.outcomes().items() if c}
    accepted = outcomes.pop('accepted')
    refused = {row['reason'] for row in lake.quarantine()}
    if refused or sum(outcomes.values()) != dull or accepted + dull != len(lines):
        wrong.append(f'{accepted} accepted, {outcomes}; {dull} of {len(lines)} records are no changes; {refused}')
    silver = lake.silver()
    for (schema, table), expected in rows.items():
        path = next(p for name, p in silver.items() if name == f'{schema}.{table}')
        got = lake.rows(f"SELECT * FROM {lake.scan(path)} WHERE _op <> 'd' ORDER BY _offset, _sub")
        want = [row for op, row in expected if op != 'd']
        if len(got) != len(want):
            wrong.append(f'{schema}.{table}: {len(got)} rows, the samples have {len(want)}')
        for one, other in zip(got, want):
            for name, value in other.items():
                text = one.get(column_of(name))
                if (None if text is None else json.loads(text)) != value:
                    wrong.append(f'{schema}.{table}: {name} is {text}, the sample says {value!r}')
    return [f'{form}: {sentence}' for sentence in wrong]


def main():
    root = pathlib.Path(os.environ.get('CUPEL_THIRD_PARTY', '/nonexistent'))
    if not root.is_dir():
        print('CUPEL_THIRD_PARTY names no folder of samples')
        return 77
    cupel, wrong = pathlib.Path(sys.argv[1]).resolve(), []
    with tempfile.TemporaryDirectory() as folder:
        for index, group in enumerate(({f: [root / 'seatunnel' / n] for f, n in SEATUNNEL.items()},
                                       {f: sorted((root / 'paimon-cdc' / n).rglob('*.txt')) for f, n in PAIMON.items()})):
            for form, files in group.items():
                wrong += run(cupel, pathlib.Path(folder) / str(index), form, [f for f in files if f.exists() and not LEFT_OUT & set(f.parts)])
    print('\n'.join(wrong))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
