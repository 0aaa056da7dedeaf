# SPDX-License-Identifier: Apache-2.0
"""type_cells: every PostgreSQL and MariaDB type of the captures, brought to one Python form.

`from_oracle` reads the text that the database itself printed (COPY, or MariaDB's client), `from_silver`
the cell that DuckDB read from silver. Two cells are equal when both give the same: int, Decimal, float
(as the database's own width), str, bytes, bool, datetime.date, datetime (naive or UTC), a list of
these, or what a text means: ('us', n) for times, ('span', months, days, us), ('bits', n), a dict for
hstore. What Python's dates cannot hold stays ('text', t).
"""
import datetime
import decimal
import json
import math
import re
import struct

from cells import parse_array

MONTH_US = 2629800000000  # 30.4375 days: what one number for an interval takes for a month
DAY_US = 86400000000
UTC = datetime.timezone.utc
NOT_FINITE = {'nan': 'NaN', 'infinity': 'Infinity', '-infinity': '-Infinity', 'inf': 'Infinity', '-inf': '-Infinity',
              'positive_infinity': 'Infinity', 'negative_infinity': '-Infinity'}


def decimal_of(text):
    special = NOT_FINITE.get(str(text).lower())
    return special or decimal.Decimal(text).normalize() + 0


def real_of(value, single):
    value = float(NOT_FINITE.get(str(value).lower(), value))
    if math.isnan(value) or math.isinf(value):
        return NOT_FINITE[str(value)]
    return struct.unpack('f', struct.pack('f', value))[0] if single else value


def clock_us(text):
    """Microseconds of [-]H..:MM:SS[.ffffff]."""
    sign, hours, minutes, seconds, fraction = re.fullmatch(r'(-?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?', text).groups()
    us = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000000 + int((fraction or '0').ljust(6, '0')[:6])
    return -us if sign else us


def zoned_us(text):
    """Time of day in UTC: the day is not known."""
    main, sign, hours, minutes = re.fullmatch(r'([\d:.]+)(?:Z|([+-])(\d\d)(?::(\d\d))?)', text).groups()
    offset = (int(hours or 0) * 60 + int(minutes or 0)) * 60000000
    return (clock_us(main) - (-offset if sign == '-' else offset)) % DAY_US


def date_of(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return ('text', text)


def moment_of(text, zoned):
    try:
        moment = datetime.datetime.fromisoformat(text.removesuffix('+00'))
    except ValueError:
        return ('text', text)
    return moment.replace(tzinfo=UTC) if zoned else moment


def span_of(text):
    """PostgreSQL's interval text, or ISO-8601's."""
    if text.startswith('P'):
        found = re.fullmatch(r'P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?[\d.]+)S)?', text)
        years, months, days, hours, minutes, seconds = (decimal.Decimal(g or 0) for g in found.groups())
        us = (hours * 60 + minutes) * 60000000 + seconds * 1000000
        return ('span', int(years * 12 + months), int(days), int(us))
    months = days = us = 0
    for number, unit in re.findall(r'([+-]?\d+) (year|mon|day)', text):
        months += {'year': 12, 'mon': 1, 'day': 0}[unit] * int(number)
        days += int(number) if unit == 'day' else 0
    clock = re.search(r'([+-]?)(\d+:\d\d:\d\d(?:\.\d+)?)$', text)
    if clock:
        us = clock_us(clock[2]) * (-1 if clock[1] == '-' else 1)
    return ('span', months, days, us)


def hstore_of(text):
    pairs = re.findall(r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)', text)
    plain = [re.sub(r'\\(.)', r'\1', key) for key, _ in pairs]
    values = [None if 'NULL' == m else re.sub(r'\\(.)', r'\1', m[1:-1])
              for m in re.findall(r'=>("(?:[^"\\]|\\.)*"|NULL)', text)]
    return dict(zip(plain, values))


def plain_numbers(text):
    """(1.0,1.0) is (1,1)."""
    return re.sub(r'(\d)\.0\b', r'\1', text)


POSTGRES = {
    'smallint': 'int', 'integer': 'int', 'bigint': 'int', 'oid': 'int', 'alltypes.posint': 'int',
    'numeric': 'decimal', 'alltypes.price': 'decimal', 'money': 'money', 'real': 'single', 'double precision': 'double',
    'boolean': 'bool', 'bytea': 'bytes', 'bit': 'bits', 'bit varying': 'bits', 'date': 'date',
    'time without time zone': 'time', 'time with time zone': 'timetz', 'timestamp without time zone': 'timestamp',
    'timestamp with time zone': 'timestamptz', 'interval': 'span', 'hstore': 'hstore', 'point': 'point',
    'box': 'numbers', 'circle': 'numbers', 'line': 'numbers', 'path': 'numbers', 'polygon': 'numbers', 'lseg': 'numbers'}
MARIADB = {
    'tinyint': 'int', 'smallint': 'int', 'mediumint': 'int', 'int': 'int', 'bigint': 'int', 'year': 'int',
    'decimal': 'decimal', 'float': 'single', 'double': 'double', 'bit': 'bits', 'date': 'date', 'datetime': 'timestamp',
    'timestamp': 'timestamptz', 'time': 'time', 'point': 'wkb', 'geometry': 'wkb', 'binary': 'hex', 'varbinary': 'hex',
    'tinyblob': 'hex', 'blob': 'hex'}


def kind_of(column):
    """The kind of a column of columns.json of either database."""
    if 'format_type' in column:
        name = re.sub(r'\(.*?\)', '', column['format_type'])
        array = name.endswith('[]')
        kind = POSTGRES.get(name.removesuffix('[]'), 'text')
        return kind + '[]' if array else kind
    return MARIADB.get(re.sub(r'\W.*', '', column['column_type'], flags=re.S), 'text')


def from_oracle(text, kind):
    if text is None:
        return None
    if kind.endswith('[]'):
        if text.startswith('{{'):
            return ('text', text)
        return [from_oracle(item, kind[:-2]) for item in parse_array(text)]
    return ORACLE[kind](text)


ORACLE = {
    'int': int, 'decimal': decimal_of, 'single': lambda t: real_of(t, True), 'double': lambda t: real_of(t, False),
    'money': lambda t: decimal_of(re.sub('[$,]', '', t)), 'bool': lambda t: t == 't', 'text': str, 'numbers': plain_numbers,
    'bytes': lambda t: bytes.fromhex(t[2:]), 'hex': bytes.fromhex, 'bits': lambda t: ('bits', int(t or '0', 2)),
    'date': date_of, 'time': clock_us, 'timetz': zoned_us, 'timestamp': lambda t: moment_of(t, False),
    'timestamptz': lambda t: moment_of(t, True), 'span': span_of, 'hstore': hstore_of,
    'point': lambda t: struct.pack('<BIdd', 1, 1, *map(float, t[1:-1].split(','))).hex().upper(),
    'wkb': lambda t: t[8:]}  # behind MariaDB's own srid, which is 0


def silver_bool(cell):
    return cell if isinstance(cell, bool) else ('text', cell)


def silver_bytes(cell):
    return bytes.fromhex(cell) if isinstance(cell, str) else bytes(cell)


def silver_moment(cell):
    if isinstance(cell, datetime.datetime) and cell.tzinfo is not None:
        return cell.astimezone(UTC)
    return cell


def silver_pairs(cell):
    """A map<string,string>, or the JSON text of the other mode."""
    return cell if isinstance(cell, dict) else json.loads(cell)


def silver_decimal(cell):
    return real_of(cell, False) if isinstance(cell, float) else decimal_of(cell)


SILVER = {
    'decimal': silver_decimal, 'money': silver_decimal, 'single': lambda c: real_of(c, True), 'double': lambda c: real_of(c, False),
    'bool': silver_bool, 'bytes': silver_bytes, 'hex': silver_bytes, 'numbers': plain_numbers,
    'bits': lambda c: ('bits', int(c) if isinstance(c, bool) else int(c or '0', 2)),
    'timetz': zoned_us, 'timestamp': silver_moment, 'timestamptz': silver_moment, 'hstore': silver_pairs,
    'span': lambda c: span_of(c) if isinstance(c, str) else ('us', c)}


def from_silver(cell, kind):
    if cell is None:
        return None
    if kind.endswith('[]'):
        return [from_silver(item, kind[:-2]) for item in cell]
    return SILVER.get(kind, lambda c: c)(cell)


def same(oracle, cell):
    """Do the two mean the same value? An interval in one number has lost its months; a double is the
    one next to the decimal; a boolean stands for the integer that MySQL has."""
    if isinstance(oracle, list) and isinstance(cell, list):
        return len(oracle) == len(cell) and all(map(same, oracle, cell))
    if isinstance(oracle, tuple) and oracle[0] == 'span' and isinstance(cell, tuple) and cell[0] == 'us':
        return oracle[1] * MONTH_US + oracle[2] * DAY_US + oracle[3] == cell[1]
    if isinstance(oracle, decimal.Decimal) and isinstance(cell, float):
        return float(oracle) == cell
    if isinstance(oracle, decimal.Decimal) and isinstance(cell, str):
        return oracle == decimal_of(cell)
    if isinstance(oracle, int) and isinstance(cell, bool):
        return bool(oracle) == cell
    if isinstance(oracle, int) and isinstance(cell, (decimal.Decimal, str)):
        return decimal.Decimal(oracle) == decimal_of(cell)
    return type(oracle) is type(cell) and oracle == cell
