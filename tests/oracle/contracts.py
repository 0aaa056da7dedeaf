# SPDX-License-Identifier: Apache-2.0
"""contracts: pipeline folders for records without schemas, from a scenario's columns.json or the
generator's columns. Contracts are in the first form of the Open Data Contract Standard that cupel
reads (`cupel help contract`)."""
import json
import pathlib

from cells import kind_of
from wire import unwrap, wire_of


def property_lines(name, physical, wire=None, key_place=0, required=False):
    lines = [f'      - name: {name}', f'        physicalType: {physical}']
    if key_place:
        lines += ['        primaryKey: true', f'        primaryKeyPosition: {key_place}']
    if required:
        lines.append('        required: true')
    if wire:
        lines += ['        customProperties:', f'          - {{property: wire, value: {wire}}}']
    if wire == 'bytes_base64url':  # an unchanged value is null in this encoding
        lines.append('          - {property: toastNull, value: accept}')
    return lines


def contract(schema, table, columns, images):
    """columns: (name, physical type, wire or None, place in the key or 0, required)."""
    lines = ['apiVersion: v3.1.0', 'kind: DataContract', f'id: {schema}-{table}', 'version: 1.0.0',
             'status: active', 'schema:', f'  - name: {table}', '    customProperties:',
             f'      - {{property: sourceSchema, value: {schema}}}',
             f'      - {{property: replicaIdentity, value: {images}}}', '    properties:']
    for column in columns:
        lines += property_lines(*column)
    return '\n'.join(lines) + '\n'


def write_pipeline(folder, files, contracts, form='auto', extra='', source='pg'):
    """A pipeline folder; files: globs; contracts: {file name: text}."""
    folder = pathlib.Path(folder)
    (folder / 'contracts').mkdir(parents=True, exist_ok=True)
    entries = ''.join(f'  - files: {json.dumps(str(f))}\n    form: {form}\n' for f in files)
    (folder / 'pipeline.yaml').write_text(f'name: test\nsource: {source}\ninput:\n{entries}{extra}')
    for name, text in contracts.items():
        (folder / 'contracts' / f'{name}.odcs.yaml').write_text(text)
    return folder


def members(capture):
    """{table: (members of every after image, members of any)}: columns come and go in a stream."""
    seen = {}
    for line in capture.text().decode().splitlines():
        record = json.loads(line)
        event = unwrap(record['value'])[1] if record['value'] else {}
        if event.get('after') is None:
            continue
        table = f"{event['source']['schema']}.{event['source']['table']}"
        names = set(event['after'])
        always, ever = seen.get(table, (names, set()))
        seen[table] = (always & names, ever | names)
    return seen


def of_capture(capture, oracle):
    """{name: contract} for every table of a capture, from the final columns and its handling modes."""
    found = {}
    for full, description in oracle.columns.items():
        schema, table = full.split('.')
        always, ever = members(capture)[full]
        columns = []
        for column in description['columns']:
            name, kind = column['column_name'], kind_of(column)
            wire = wire_of(column, capture.wires) or None
            physical = column['format_type']
            if kind == 'numeric' and wire == 'double':
                physical = 'double precision'  # the stream has no more than a double
            key = (description['primary_key'] or []).index(name) + 1 if name in (description['primary_key'] or []) else 0
            columns.append((name, physical, wire, key, column['is_nullable'] == 'NO' and name in always))
        gone = sorted(ever - {c['column_name'] for c in description['columns']})
        columns += [(name, 'text', None, 0, False) for name in gone]  # dropped while the stream ran
        found[table] = contract(schema, table, columns, 'full' if capture.full else 'default')
    return found


PHYSICAL = {'LONG': 'bigint', 'SHORT': 'smallint', 'BOOL': 'boolean', 'DOUBLE': 'double precision', 'DATE': 'date',
            'ZONED': 'timestamp with time zone', 'LOCAL': 'timestamp without time zone', 'UUID': 'uuid',
            'JSON': 'jsonb', 'TEXT': 'text', 'TAGS': 'text[]'}
WIRE = {'DATE': 'date_days', 'LOCAL': 'timestamp_us', 'DECIMAL': 'decimal_base64'}


def of_bank(tables, images='default'):
    """{name: contract} of the generator's tables."""
    found = {}
    for table, columns in tables.items():
        rows = []
        for place, column in enumerate(columns):
            physical = PHYSICAL.get(column.kind) or f'numeric({column.precision},{column.scale})'
            rows.append((column.name, physical, WIRE.get(column.kind), 1 if place == 0 else 0, not column.nullable))
        found[table] = contract('bank', table, rows, images)
    return found
