# SPDX-License-Identifier: Apache-2.0
"""feeds: streams made record by record, with or without embedded schema, for tests that need to know
each record; and a run over them whose lake is read with DuckDB."""
import base64
import decimal
import json
import pathlib

import lakes

START_US = 1767225600000000
SEMANTIC = {'time': ('int64', 'io.debezium.time.MicroTime'), 'uuid': ('string', 'io.debezium.data.Uuid'),
            'json': ('string', 'io.debezium.data.Json')}


def precision(kind):
    """'decimal(18,2)' as (18, 2)."""
    return tuple(int(part) for part in kind[kind.index('(') + 1:-1].split(','))


def unscaled(value, scale):
    """A decimal on the wire: base64 of its unscaled integer."""
    number = int(decimal.Decimal(value).scaleb(scale))
    return base64.b64encode(number.to_bytes(number.bit_length() // 8 + 1, 'big', signed=True)).decode()


def field(name, kind):
    if kind.startswith('decimal'):
        digits, scale = precision(kind)
        return {'type': 'bytes', 'optional': True, 'name': 'org.apache.kafka.connect.data.Decimal', 'version': 1,
                'parameters': {'scale': str(scale), 'connect.decimal.precision': str(digits)}, 'field': name}
    if kind in SEMANTIC:
        return {'type': SEMANTIC[kind][0], 'optional': True, 'name': SEMANTIC[kind][1], 'version': 1, 'field': name}
    return {'type': kind, 'optional': True, 'field': name}


def struct(fields, name, member=None):
    node = {'type': 'struct', 'fields': fields, 'optional': True, 'name': name}
    return node | {'field': member} if member else node


class Shape:
    """Columns of a table as its records carry them: {name: kind}; key: names."""

    def __init__(self, columns, key=('id',), embedded=True):
        self.columns, self.key, self.embedded = columns, key, embedded
        fields = [field(*one) for one in columns.items()]
        self.schema = json.dumps(struct([struct(fields, 'v', 'before'), struct(fields, 'v', 'after')], 'e'))
        self.key_schema = json.dumps(struct([field(name, columns[name]) for name in key], 'k'))

    def image(self, row):
        if row is None:
            return None
        image = {}
        for name, value in row.items():
            kind = self.columns.get(name, '')
            decimals = kind.startswith('decimal') and isinstance(value, (str, decimal.Decimal))
            image[name] = unscaled(value, precision(kind)[1]) if decimals else value
        return image


class Feed:
    """Records of one file, in the dump form; topic per table."""

    def __init__(self, connector='postgresql'):
        self.connector, self.lines, self.offsets = connector, [], {}

    def raw(self, topic, key, value, partition=0, headers=None):
        """Appends a record; key and value are texts or None. Gives its offset."""
        offset = self.offsets.get((topic, partition), 0)
        self.offsets[topic, partition] = offset + 1
        self.lines.append(json.dumps({'topic': topic, 'partition': partition, 'offset': offset, 'key': key,
                                      'value': value, 'headers': headers or {}}, ensure_ascii=False))
        return offset

    def source(self, table, pos):
        source = {'connector': self.connector, 'name': 'pg', 'ts_us': START_US, 'db': 'd', 'table': table}
        if self.connector == 'postgresql':
            return source | {'schema': 's', 'lsn': pos}
        return source | {'snapshot': 'false', 'file': 'b.000001', 'pos': pos, 'row': 0}

    def add(self, table, shape, after, op='c', before=None, pos=None, topic=None, partition=0, headers=None):
        row = after if after is not None else before
        pos = pos if pos is not None else len(self.lines) + 1
        payload = json.dumps({'before': shape.image(before), 'after': shape.image(after),
                              'source': self.source(table, pos), 'op': op, 'ts_ms': 1}, ensure_ascii=False)
        key = json.dumps({name: row[name] for name in shape.key}) if shape.key else None
        if shape.embedded:
            payload = f'{{"schema":{shape.schema},"payload":{payload}}}'
            key = f'{{"schema":{shape.key_schema},"payload":{key}}}' if key else None
        return self.raw(topic or f'pg.s.{table}', key, payload, partition, headers)

    def ddl(self, statement, changes, pos):
        """A DDL record of a stream; changes: (type, table)."""
        changes = [{'type': kind, 'id': f'"d"."{table}"', 'table': None} for kind, table in changes]
        value = {'source': self.source('x', pos), 'ts_ms': 1, 'databaseName': 'd', 'ddl': statement,
                 'tableChanges': changes}
        return self.raw('pg', '{"databaseName":"d"}', json.dumps(value))


def contract(tables):
    """tables: {name: (columns, properties)}; columns: (name, type, {property: value}, place in the
    key or 0, required)."""
    lines = ['apiVersion: v3.1.0', 'kind: DataContract', 'id: x', 'version: 1.0.0', 'status: active', 'schema:']
    for name, (columns, properties) in tables.items():
        lines += [f'  - name: {name}', '    customProperties:']
        lines += [f'      - {{property: {key}, value: {value}}}' for key, value in properties.items()]
        lines.append('    properties:')
        for column, kind, hints, key, required in columns:
            lines += [f'      - name: {column}', f'        physicalType: {kind}']
            lines += ['        primaryKey: true', f'        primaryKeyPosition: {key}'] if key else []
            lines += ['        required: true'] if required else []
            lines += ['        customProperties:'] if hints else []
            lines += [f'          - {{property: {a}, value: {b}}}' for a, b in hints.items()]
    return '\n'.join(lines) + '\n'


class Pipe:
    """A pipeline folder with its input and its lake."""

    def __init__(self, cupel, home):
        self.cupel, self.home, self.lake = cupel, pathlib.Path(home), None

    def write(self, feed, tables=None, extra='', name='in'):
        (self.home / 'contracts').mkdir(parents=True, exist_ok=True)
        (self.home / f'{name}.dump').write_text(''.join(line + '\n' for line in feed.lines), encoding='utf-8')
        (self.home / 'pipeline.yaml').write_text(
            f'name: test\nsource: pg\ninput:\n  - files: "*.dump"\n    form: dump\nlake: lake\nworkers: 1\n{extra}')
        if tables:
            (self.home / 'contracts/x.odcs.yaml').write_text(contract(tables))

    def run(self, expect=0, **more):
        """Runs to the end of the input; gives all that was said."""
        done = lakes.run(self.cupel, 'run', self.home, '--until-end', expect=expect, **more)
        self.lake = lakes.Lake(self.home / 'lake')
        return done.stdout + done.stderr

    def path(self, table, schema='s'):
        return self.home / 'lake/default/silver/pg' / schema / table

    def rows(self, table, columns, schema='s', where='true'):
        """Rows of a silver table in the order of their records, as tuples."""
        names = ', '.join(columns)
        return self.lake.duck.execute(f'SELECT {names} FROM {self.lake.scan(self.path(table, schema))} WHERE {where} '
                                      'ORDER BY _topic, _partition, _offset, _sub').fetchall()

    def columns(self, table, schema='s'):
        """{data column: type} as DuckDB sees it."""
        found = self.lake.duck.execute(f'DESCRIBE SELECT * FROM {self.lake.scan(self.path(table, schema))}').fetchall()
        return {row[0]: row[1] for row in found if row[0] not in lakes.GENERATED}

    def files(self, table, schema='s'):
        return [p for p in self.path(table, schema).rglob('*.parquet') if '_delta_log' not in p.parts]

    def refused(self):
        """(topic, offset, reason, path of the value) of what is in quarantine."""
        return sorted((r['topic'], r['offset'], r['reason'], r['path']) for r in self.lake.quarantine())
