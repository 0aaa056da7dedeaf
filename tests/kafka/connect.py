# SPDX-License-Identifier: Apache-2.0
"""connect: what cupel publishes with `output.schema` is what Kafka Connect's own JsonConverter reads: the schema of every
type, and values that are exact, null, or were not sent. Part of test_tools.py, whose broker it uses.

A change as Debezium writes it, with a column of each type, goes through cupel into a topic; ReadConnect.java, whose
converter is Kafka Connect's, tells what it reads there. What it must be stands in COLUMNS beside what went in."""
import base64
import decimal
import json
import struct
import subprocess
import sys

import broker
import lakes

TOPIC, UNSENT = 'conn.s.t', '__debezium_unavailable_value'
PROGRAM = broker.ROOT / 'tests/kafka/ReadConnect.java'
SECONDS_MAX = 120
DECIMAL = 'org.apache.kafka.connect.data.Decimal'


def check(found, wanted, what):
    if found != wanted:
        sys.exit(f'connect: {what}: {found!r}, not {wanted!r}')


def b64(data):
    return base64.b64encode(data).decode()


def unscaled(text, scale):
    """Debezium's bytes of a decimal."""
    number = int(decimal.Decimal(text).scaleb(scale, decimal.Context(prec=40)))
    return b64(number.to_bytes(number.bit_length() // 8 + 1, 'big', signed=True))


def java_hex(value):
    """Double.toHexString: 0x1.8p1"""
    mantissa, exponent = value.hex().split('p')
    mantissa = mantissa.rstrip('0') + '0' if mantissa.rstrip('0').endswith('.') else mantissa.rstrip('0')
    return f'{mantissa}p{int(exponent)}'


def single(value):
    return struct.unpack('f', struct.pack('f', value))[0]


def plain(kind, name=None, parameters=None):
    return [kind, name, True, parameters, None]


def parameters(precision, scale):
    return {'scale': str(scale), 'connect.decimal.precision': str(precision)}


def given(kind, name=None, **more):
    """A field's schema as Debezium has it."""
    return {'type': kind, 'optional': True, **({'name': name, 'version': 1} if name else {}), **more}


PRICE = given('bytes', DECIMAL, parameters=parameters(20, 4))
DAY, MICROS, ZONED = (f'io.debezium.time.{name}' for name in ('Date', 'MicroTimestamp', 'ZonedTimestamp'))
CONNECT_DAY = 'org.apache.kafka.connect.data.Date'
DAY_MS = 86400000
NOON, NOON_READ = '2026-11-21T12:30:00.123456Z', '2026-11-21T12:30:00.123456Z'

# name: (schema given, schema read, [(value given, value read), ...]): the last value is an extreme one
COLUMNS = {
    'c_bool': (given('boolean'), plain('boolean'), [(True, 'true'), (False, 'false')]),
    'c_byte': (given('int8'), plain('int8'), [(7, '7'), (-128, '-128')]),
    'c_short': (given('int16'), plain('int16'), [(7, '7'), (-32768, '-32768')]),
    'c_int': (given('int32'), plain('int32'), [(7, '7'), (-2147483648, '-2147483648')]),
    'c_long': (given('int64'), plain('int64'), [(7, '7'), (-2**63, str(-2**63))]),
    'c_float': (given('float'), plain('float32'), [(0.1, java_hex(single(0.1))), (3.4028235e38, java_hex(single(3.4028235e38)))]),
    'c_double': (given('double'), plain('float64'), [(0.1, java_hex(0.1)), (1.7976931348623157e308, java_hex(1.7976931348623157e308))]),
    'c_price': (PRICE, plain('bytes', DECIMAL, parameters(20, 4)),
                [(unscaled('-12.5', 4), '-12.5000'), (unscaled('9999999999999999.9999', 4), '9999999999999999.9999')]),
    'c_whole': (given('bytes', DECIMAL, parameters=parameters(38, 0)), plain('bytes', DECIMAL, parameters(38, 0)),
                [(unscaled('0', 0), '0'), (unscaled('-' + '9' * 38, 0), '-' + '9' * 38)]),
    'c_day': (given('int32', DAY), plain('int32', CONNECT_DAY), [(20000, str(20000 * DAY_MS)), (-700000, str(-700000 * DAY_MS))]),
    'c_zoned': (given('string', ZONED), plain('string', ZONED), [(NOON, NOON_READ), ('1969-12-31T23:59:59.999999Z',) * 2]),
    'c_local': (given('int64', MICROS), plain('int64', MICROS), [(1700000000123456, '1700000000123456'), (-1, '-1')]),
    'c_text': (given('string'), plain('string'), [('grün "x"\n\u0001\U0001F600', 'grün "x"\n\u0001\U0001F600'), ('', '')]),
    'c_bytes': (given('bytes'), plain('bytes'), [(b64(b'\x00\xff\x80'), '00ff80'), ('', '')]),
    'c_texts': (given('array', items=given('string')), ['array', None, True, None, plain('string')],
                [(['a', None, ''], ['a', None, '']), ([], [])]),
    'c_prices': (given('array', items=PRICE), ['array', None, True, None, plain('bytes', DECIMAL, parameters(20, 4))],
                 [([unscaled('0.02', 4), None, unscaled('-0.0128', 4)], ['0.0200', None, '-0.0128']), ([], [])]),
    'c_days': (given('array', items=given('int32', DAY)), ['array', None, True, None, plain('int32', CONNECT_DAY)],
               [([1, -1], [str(DAY_MS), str(-DAY_MS)]), ([], [])]),
    'c_map': (given('map', keys={'type': 'string', 'optional': False}, values=given('string')),
              ['map', None, True, None, [['string', None, False, None, None], plain('string')]],
              [({'k': 'v', 'ü': None, '': ''}, {'k': 'v', 'ü': None, '': ''}), ({}, {})]),
}
SENT_LATER = 'c_text'  # what the update leaves out
GENERATED = {'_op': plain('string'), '_ts': plain('string', ZONED), '_unset': ['array', None, True, None, plain('string')],
             '_offset': plain('int64'), '_epoch': plain('int64')}


def row_of(number, which):
    return {'id': number, **{name: values[which][0] if which is not None else None for name, (_, _, values) in COLUMNS.items()}}


def rows():
    """(op, the row given, the row read without generated columns, columns that were not sent)"""
    for number, which in ((1, 0), (2, 1), (3, None)):
        read = {name: values[which][1] if which is not None else None for name, (_, _, values) in COLUMNS.items()}
        yield 'c', row_of(number, which), {'id': str(number), **read}, None
    read = {name: values[0][1] for name, (_, _, values) in COLUMNS.items()}
    yield 'u', row_of(1, 0) | {SENT_LATER: UNSENT}, {'id': '1', **read, SENT_LATER: None}, [SENT_LATER]


def change(op, row):
    """A change with its schema, as a Debezium connector with JsonConverter writes it."""
    fields = [{'type': 'int64', 'optional': False, 'field': 'id'}, *({**of, 'field': name} for name, (of, _, _) in COLUMNS.items())]
    source = {'version': 'string', 'connector': 'string', 'name': 'string', 'ts_ms': 'int64', 'snapshot': 'string', 'db': 'string',
              'schema': 'string', 'table': 'string', 'txId': 'int64', 'lsn': 'int64'}
    block = {'type': 'struct', 'fields': [{'type': kind, 'optional': True, 'field': name} for name, kind in source.items()],
             'optional': False, 'name': 'io.debezium.connector.postgresql.Source', 'field': 'source'}
    sides = [{'type': 'struct', 'fields': fields, 'optional': True, 'name': f'{TOPIC}.Value', 'field': side} for side in ('before', 'after')]
    schema = {'type': 'struct', 'fields': [*sides, block, {'type': 'string', 'optional': False, 'field': 'op'},
                                           {'type': 'int64', 'optional': True, 'field': 'ts_ms'}],
              'optional': False, 'name': f'{TOPIC}.Envelope'}
    where = dict(zip(source, ('3.5.0.Final', 'postgresql', 'conn', 1700000000000, 'false', 'd', 's', 't', 1, 1000)))
    before, after = (row, None) if op == 'd' else (None, row)
    return {'schema': schema, 'payload': {'before': before, 'after': after, 'source': where, 'op': op, 'ts_ms': 1700000000000}}


def key(number):
    return {'schema': {'type': 'struct', 'fields': [{'type': 'int64', 'optional': False, 'field': 'id'}], 'optional': False,
                       'name': f'{TOPIC}.Key'}, 'payload': {'id': number}}


def publish(cupel, kafka, home):
    """Through cupel, from a file into a topic."""
    folder = home / 'connect'
    folder.mkdir()
    with open(folder / 'in.dump', 'w', encoding='utf-8') as out:
        changes = [(op, row) for op, row, _, _ in rows()] + [('d', row_of(3, None))]
        for offset, (op, row) in enumerate(changes):
            out.write(json.dumps({'topic': TOPIC, 'partition': 0, 'offset': offset, 'key': json.dumps(key(row['id'])),
                                  'value': json.dumps(change(op, row)), 'headers': {}}) + '\n')
    config = {'name': 'connect', 'source': 'conn', 'lake': str(folder / 'lake'), 'workers': 1, 'kafka': {'brokers': kafka.plaintext},
              'input': [{'files': str(folder / 'in.dump'), 'form': 'dump'}], 'output': {'topic': 'connect.{table}', 'schema': True}}
    (folder / 'pipeline.yaml').write_text(json.dumps(config, indent=1))
    lakes.run(cupel, 'run', folder, '--until-end')
    kafka.wait_committed('connect.t', 0, len(changes))
    return kafka.consume('connect.t')


def read(records):
    """What Connect's converter reads, a dictionary a record."""
    lines = ''.join(f'{"-" if r.key is None else b64(r.key)} {"-" if r.value is None else b64(r.value)}\n' for r in records)
    if not any(broker.JARS.glob('connect-json-*.jar')):
        sys.exit(f'connect: {broker.JARS} has no connect-json: run make deps')
    done = subprocess.run(['java', '-Xmx96m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', f'{broker.JARS}/*', str(PROGRAM)],
                          input=lines, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    if done.returncode != 0:
        sys.exit(f'connect: {PROGRAM.name}: {done.stderr[-3000:]}')
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_record(found, op, wanted, unset):
    what = f'{op} {wanted["id"]}'
    check(found.get('error'), None, what)
    number = ['int64', None, False, None, None]
    check((found['key']['schema'][0], found['key']['schema'][2], found['key']['schema'][4], found['key']['value']),
          ('struct', False, {'id': number}, {'id': wanted['id']}), f'{what}: key')
    kind, _, optional, _, fields = found['value']['schema']
    check((kind, optional), ('struct', False), f'{what}: schema')
    schemas = {'id': plain('int64'), **{name: of for name, (_, of, _) in COLUMNS.items()}}
    for name, of in {**schemas, **GENERATED}.items():
        check(fields.get(name), of, f'{what}: schema of {name}')
    value = found['value']['value']
    check({name: value[name] for name in wanted}, wanted, f'{what}: row')
    check({name for name in value if name[0] != '_'}, set(wanted), f'{what}: columns')
    check((value['_op'], value['_unset']), (op, unset), f'{what}: generated columns')


def check_all(cupel, kafka, home):
    records = publish(cupel, kafka, home)
    found = read(records)
    wanted = list(rows())
    check(len(found), len(wanted) + 1, 'records')
    for one, (op, _, row, unset) in zip(found, wanted):
        check_record(one, op, row, unset)
    check((found[-1].get('error'), found[-1]['key']['value'], found[-1]['value']), (None, {'id': '3'}, None), 'a delete')
