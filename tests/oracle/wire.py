# SPDX-License-Identifier: Apache-2.0
"""wire: the captures decoded by a small reader of our tests' own, straight from the record's text.

It shares nothing with cupel: what it cannot get right is lost on the wire, so it proves each loss
list, and that the comparison itself finds differences.
"""
import base64
import datetime
import decimal
import json

from cells import kind_of, number

PLACEHOLDER = '__debezium_unavailable_value'
PLACEHOLDERS = (PLACEHOLDER, base64.b64encode(PLACEHOLDER.encode()).decode(), [PLACEHOLDER])
EPOCH = datetime.datetime(1970, 1, 1)


class Refused(Exception):
    """The record is not taken: cupel has it in quarantine with this reason."""


def after_epoch(us):
    return EPOCH + datetime.timedelta(microseconds=us)


def decimal_base64(text, scale):
    return number(decimal.Decimal(int.from_bytes(base64.b64decode(text, validate=True), 'big', signed=True))
                  .scaleb(-scale))


def decode(value, column, wire, scale):
    """One cell; column: entry of columns.json, wire: name of the encoding."""
    if value is None:
        return None
    kind = kind_of(column)
    if kind == 'numeric':
        if wire == 'decimal_base64':
            return decimal_base64(value, scale)
        return float(value) if wire == 'double' else number(str(value))
    if kind == 'date':
        if wire == 'date_iso':
            return datetime.date.fromisoformat(value.rstrip('Z'))
        return (EPOCH + datetime.timedelta(days=value)).date()
    if kind == 'bytea':
        if wire == 'bytes_hex':
            return bytes.fromhex(value)
        return base64.b64decode(value, altchars=b'-_' if wire == 'bytes_base64url' else None, validate=True)
    if kind == 'timestamp without time zone':
        if wire == 'timestamp_iso':
            return datetime.datetime.fromisoformat(value.rstrip('Z'))
        if wire == 'timestamp_ns' and value % 1000:
            raise Refused('time_precision')  # a wrapped value: the source has milliseconds
        return after_epoch({'timestamp_ns': value // 1000, 'timestamp_us': value}.get(wire, value * 1000))
    if kind == 'timestamp with time zone':
        return datetime.datetime.fromisoformat(value.replace('Z', '+00:00'))
    return value


def unwrap(text):
    """(schema or None, payload) of a key, value or header value."""
    value = json.loads(text, parse_float=decimal.Decimal)
    if isinstance(value, dict) and set(value) == {'schema', 'payload'}:
        return value['schema'], value['payload']
    return None, value


def scales(schema):
    """Decimal scales by column that an envelope's schema gives."""
    if schema is None:
        return {}
    after = next(f for f in schema['fields'] if f['field'] == 'after')
    return {f['field']: int(f['parameters']['scale']) for f in after['fields'] if 'scale' in f.get('parameters', {})}


def wire_of(column, wires):
    kind = kind_of(column)
    return wires.get('timestamp' if kind == 'timestamp without time zone' else kind, '')


def image(row, columns, wires, by_schema, may_be_unset):
    """(values, unset) of a before or after object."""
    values, unset = {}, []
    for name, value in row.items():
        column = columns.get(name, {'format_type': 'text', 'numeric_scale': None})
        if may_be_unset and value in PLACEHOLDERS:
            values[name] = None
            unset.append(name)
        else:
            values[name] = decode(value, column, wire_of(column, wires),
                                  by_schema.get(name, column['numeric_scale']))
    return values, unset


def changes(capture, oracle):
    """(table, change) for every row event of a capture, in order."""
    for line in capture.text().decode().splitlines():
        record = json.loads(line)
        if record['value'] is None:
            continue
        schema, event = unwrap(record['value'])
        if 'op' not in event or event['op'] == 'm':
            continue
        source = event['source']
        table = f"{source['schema']}.{source['table']}"
        columns = {c['column_name']: c for c in oracle.columns[table]['columns']}
        headers = record.get('headers') or {}
        old_key = unwrap(headers['__debezium.oldkey'])[1] if '__debezium.oldkey' in headers else None
        try:
            yield from list(row_changes(table, event, columns, capture, scales(schema), old_key))
        except Refused as refused:
            yield table, {'op': 'refused', 'reason': str(refused), 'was': event['op']}


def row_changes(table, event, columns, capture, by_schema, old_key):
    op = event['op']
    change = {'op': op, 'values': {}, 'unset': [], 'old_key': old_key}
    if op in 'cru':
        if op == 'u' and capture.full and event['before'] is not None:
            before, _ = image(event['before'], columns, capture.wires, by_schema, False)
            yield table, dict(change, op='b', values=before)
        may_be_unset = not capture.declared_full and (op == 'u' or (op == 'c' and old_key is not None))
        change['values'], change['unset'] = image(event['after'], columns, capture.wires, by_schema, may_be_unset)
    elif op == 'd':
        change['values'], _ = image(event['before'], columns, capture.wires, by_schema, False)
    yield table, change
