# SPDX-License-Identifier: Apache-2.0
"""type_captures: the captures of all types: how each encodes, what it holds, and the contracts that a
right reader of those without embedded schemas needs."""
import gzip
import json
import pathlib
import re

# Modes of the connectors: names of dataplane/abi/encoding.def by kind of column.
BASE64 = {'decimal': 'decimal_base64', 'bytes': 'bytes_base64'}
TEXT = {'decimal': 'decimal_text', 'bytes': 'bytes_base64'}
DOUBLE = {'decimal': 'double', 'bytes': 'bytes_base64'}
NUMBER = {'decimal': 'decimal_number', 'bytes': 'bytes_base64url'}

CAPTURES = {  # time precision mode; {} = the schema says all
    'schema-precise-adaptive': ('adaptive', {}), 'schema-string-isostring': ('isostring', {}),
    'plain-precise-adaptive': ('adaptive', BASE64), 'plain-string-connect': ('connect', TEXT),
    'plain-double-microseconds': ('microseconds', DOUBLE), 'plain-numeric-nanoseconds': ('nanoseconds', NUMBER),
    'plain-unknown-types': ('adaptive', TEXT), 'plain-nulls-kept': ('adaptive', TEXT),
    'flat-rewrite': ('adaptive', TEXT), 'flat-tombstone-schema': ('adaptive', {})}

# Per scenario (the fact sheet's table of captures): the source's name, what is missing before the table
# names in columns.json, operations c u d r t, tombstones with and without key, heartbeats, schema changes,
# key changes, lines without transaction markers, markers, final rows.
SCENARIOS = {
    'postgres-alltypes': dict(source='pg', schema='', ops=(56, 8, 19, 48, 0), tombstones=19, keyless=0, heartbeats=4,
                              schema_changes=0, key_changes=7, lines=154, markers=140,
                              rows={'t_num': 16, 't_text': 8, 't_time': 16, 't_timeinf': 4, 't_timebc': 10, 't_misc': 6,
                                    't_array': 4, 't_exotic': 4, 't_def': 4, 't_numnan': 6, 't_numinf': 6, 't_toast': 1}),
    'mariadb-shop': dict(source='my', schema='shop.', ops=(43, 37, 8, 45, 1), tombstones=7, keyless=1, heartbeats=2,
                         schema_changes=21, key_changes=1, lines=165, markers=111,
                         rows={'alltypes': 8, 'customers': 16, 'orders': 17, 'items': 2, 'kept_t': 2})}

# What differs in the flattened captures: deletes are their own tombstones, and no truncate is told. Also the records
# that must be refused, deletes with whole rows, final rows, and whether a position can be had (pos without file cannot).
SHOP_FLAT = dict(ops=(43, 37, 8, 45, 0), tombstones=0, keyless=0, lines=156, positions=False)
ROWS = {'alltypes': 8, 'customers': 16, 'orders': 17, 'items': 35}
FLAT = {
    ('postgres-alltypes', 'flat-rewrite'): dict(tombstones=0, heartbeats=3, lines=134, refused={}, whole=0, positions=True),
    ('mariadb-shop', 'flat-rewrite'): SHOP_FLAT | dict(
        refused={'update_without_key': ('u', 1)}, whole=8, rows=ROWS | {'kept_t': 2}),
    ('mariadb-shop', 'flat-tombstone-schema'): SHOP_FLAT | dict(
        refused={'update_without_key': ('u', 1), 'tombstone_without_key': ('d', 1)}, whole=0, rows=ROWS | {'kept_t': 3})}

EXOTIC = ('pg_lsn', 'box', 'circle', 'line', 'path', 'polygon', 'lseg', 'tsquery', 'alltypes.pair', 'int4multirange',
          'jsonpath', 'xid8')


class TypeCapture:
    def __init__(self, root, scenario, name):
        self.root, self.scenario, self.name = pathlib.Path(root).resolve(), scenario, name
        self.flat = name.startswith('flat')
        self.facts = SCENARIOS[scenario] | FLAT.get((scenario, name), {})
        self.time, self.wires = CAPTURES[name]
        self.schema = 'schema' in name
        self.markers = self.facts['markers'] if name.endswith('precise-adaptive') else 0
        self.lines = self.facts['lines'] + self.markers
        self.folder = self.root / 'tests/data/debezium' / scenario
        self.path = next(p for p in sorted((self.folder / 'captures').iterdir()) if p.name.split('.')[0] == name)

    def losses_path(self):
        return self.root / 'tests/oracle/losses' / f'{self.scenario}-{self.name}.tsv'

    def op_counts(self):
        """Operations in silver."""
        counts = dict(zip('cudrt', self.facts['ops']))
        for op, refused in self.facts.get('refused', {}).values():
            counts[op] -= refused
        return counts


def names(root, scenario):
    folder = pathlib.Path(root) / 'tests/data/debezium' / scenario / 'captures'
    return [n for n in CAPTURES if any(p.name.split('.')[0] == n for p in folder.iterdir())]


def unit(mode, precision, default):
    """ms, us, ns of a time that keeps so many digits; adaptive is by the digits."""
    if mode in ('connect', 'microseconds', 'nanoseconds'):
        return {'connect': 'connect', 'microseconds': 'us', 'nanoseconds': 'ns'}[mode]
    return default or ('ms' if precision <= 3 else 'us')


def time_wire(capture, kind, precision, default=None):
    if kind == 'date':
        return 'date_connect' if capture.time == 'connect' else 'date_days'
    return f'{kind}_{unit(capture.time, precision, default)}'


def declared(capture, kind, wire):
    """What must be said of the values so that every record is taken: see cdc-formats 2.7 and 2.8."""
    says, base = {}, kind.removesuffix('[]')
    if base in ('date', 'timestamp', 'timestamp without time zone', 'timestamp with time zone', 'interval'):
        says['range'] = 'null'
    if base.startswith('timestamp') and wire == 'timestamp_ns':
        says['truncate'] = 'ns'
    if capture.wires['decimal'] == 'decimal_text' and base in ('numeric', 'money'):
        says['notFinite'] = 'null'
    hidden = (base == 'numeric' and wire == 'decimal_variable') or wire == 'bytes_base64url' or \
        kind == 'double precision[]' or (kind == 'date[]' and wire == 'date_connect')
    if hidden:
        says['toastNull'] = 'accept'
    return says


def postgres_column(capture, column):
    """(physical type, wire, declarations), or None when the connector leaves the column out."""
    kind = re.sub(r'\(.*?\)', '', column['format_type'])
    kind = {'alltypes.posint': 'integer', 'alltypes.price': 'numeric', 'alltypes.mood': 'enum',
            'alltypes.mood[]': 'enum[]', 'alltypes.pair': 'text'}.get(kind, kind)
    physical = column['format_type'] if kind in column['format_type'] or '(' in column['format_type'] else kind
    if column['format_type'] == 'alltypes.price':
        physical = 'numeric(9,2)'
    base, array, wire, says = kind.removesuffix('[]'), kind.endswith('[]'), None, {}
    if column['format_type'] in EXOTIC:
        return (physical, 'text_base64', {}) if capture.name == 'plain-unknown-types' else None
    if base in ('numeric', 'money'):
        wire = capture.wires['decimal']
        if wire == 'double':
            return ('double precision' + kind[len(base):], None, {'toastNull': 'accept'} if array else {})
        if base == 'numeric' and '(' not in column['format_type'] and column['format_type'] != 'alltypes.price' and \
                wire in ('decimal_base64', 'decimal_number'):
            wire = 'decimal_variable'
        if ',-2' in physical and wire == 'decimal_base64':
            says['scale'] = '2046'
    elif base == 'bytea':
        wire = capture.wires['bytes']
    elif base == 'date':
        wire = time_wire(capture, 'date', 0)
    elif base == 'time without time zone':
        wire = time_wire(capture, 'time', column['datetime_precision'])
    elif base == 'timestamp without time zone':
        wire = time_wire(capture, 'timestamp', 6 if column['datetime_precision'] is None else column['datetime_precision'])
    elif base == 'interval':
        wire = 'duration_us'
    if column['column_name'] == 'd_gen':
        says['generated'] = 'empty'
    return physical, wire, says | declared(capture, kind, wire)


def mariadb_column(capture, column):
    kind, wire, says = re.sub(r'\W.*', '', column['column_type'], flags=re.S), None, {}
    physical = column['column_type']
    digits = int(column['datetime_precision'] or 0)
    if kind == 'decimal':
        wire = capture.wires['decimal']
        if wire == 'double':
            return 'double precision', None, {}
    elif kind in ('binary', 'varbinary', 'tinyblob', 'blob'):
        wire = capture.wires['bytes']
    elif kind == 'date':
        wire = time_wire(capture, 'date', 0)
        says['range'] = 'null'
    elif kind == 'time':
        wire = time_wire(capture, 'time', digits, 'us')
    elif kind == 'datetime':
        wire = time_wire(capture, 'timestamp', digits)
        says |= declared(capture, 'timestamp', wire)
    elif kind == 'timestamp':
        physical = 'timestamp with time zone'
    elif kind in ('enum', 'set'):
        physical = kind
        if ',' in re.sub("','", '', column['column_type']) and kind == 'enum':
            labels = [label.replace("''", "'").replace(',', '\\,')
                      for label in re.findall(r"'((?:[^']|'')*)'", column['column_type'])]
            says['enumValues'] = ','.join(labels)
    elif kind == 'float':
        physical = 'double precision' if '(' in column['column_type'] else 'real'
    elif column['column_name'] == 'c_bool':
        physical, says['boolAsInt'] = 'boolean', 'nonzero'
    elif 'bigint' in column['column_type'] and 'unsigned' in column['column_type']:
        says['unsigned'] = 'wrapped'
    elif column['column_name'] == 'c_json':
        physical = 'json'
    if column['column_name'].endswith('_nn'):
        says['zeroDate'] = 'epoch_is_null'
    return physical, wire, says


def quote(text):
    return json.dumps(text, ensure_ascii=False)


def contract(source_key, schema, table, columns, images):
    """columns: (name, place in the key or 0, physical, wire, declarations)."""
    lines = ['apiVersion: v3.1.0', 'kind: DataContract', f'id: {schema}-{table}', 'version: 1.0.0', 'status: active',
             'schema:', f'  - name: {table}', '    customProperties:',
             f'      - {{property: {source_key}, value: {schema}}}']
    lines += [f'      - {{property: replicaIdentity, value: {images}}}'] if images else []
    lines += ['    properties:']
    for name, place, physical, wire, says in columns:
        lines += [f'      - name: {quote(name)}', f'        physicalType: {quote(physical)}']
        if place:
            lines += ['        primaryKey: true', f'        primaryKeyPosition: {place}']
        properties = ({'wire': wire} if wire else {}) | says
        if properties:
            lines.append('        customProperties:')
        lines += [f'          - {{property: {p}, value: {quote(v)}}}' for p, v in properties.items()]
    return '\n'.join(lines) + '\n'


def line_table(line):
    return json.loads(line)['topic'].split('.')[-1]


def dropped(capture, table, present):
    """Columns that records have and the final table has not."""
    seen = set()
    for line in capture.path.read_text().splitlines() if capture.path.suffix != '.gz' else unzip(capture.path):
        event = json.loads(json.loads(line)['value'] or '{}')
        if event.get('after') and event['source']['table'] == table:
            seen |= set(event['after'])
        elif event.get('__op') and line_table(line) == table:
            seen |= {name for name in event if not name.startswith('__')}
    return sorted(seen - present)


def unzip(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def contracts(capture):
    """{name: contract} of every table of a capture without schemas."""
    postgres = capture.scenario == 'postgres-alltypes'
    described = json.loads((capture.folder / 'oracle/columns.json').read_text())
    if not postgres:  # tables that another name, or nobody, has in the end
        described['temp_t'] = described['kept_t']
        described['gone_t'] = {'primary_key': ['a'], 'columns': [dict(described['kept_t']['columns'][0])]}
    found = {}
    for full, table in described.items():
        name = full.split('.')[-1]
        columns, key = [], table['primary_key'] or []
        for column in table['columns']:
            made = (postgres_column if postgres else mariadb_column)(capture, column)
            if made is not None:
                column_name = column['column_name']
                place = key.index(column_name) + 1 if column_name in key else 0
                columns.append((column_name, place, *made))
        gone = [] if postgres else dropped(capture, name, {c['column_name'] for c in table['columns']})
        columns += [(column, 0, 'text', None, {}) for column in gone]
        found[name] = contract('sourceSchema' if postgres else 'sourceDatabase', 'alltypes' if postgres else 'shop',
                               name, columns, 'full' if capture.flat and not postgres else None)
    return found
