# SPDX-License-Identifier: Apache-2.0
"""bank: the generator's output and its truth, for tests. Columns come from benchmarks/gen/bank.def."""
import csv
import datetime
import decimal
import json
import pathlib
import re
import subprocess

KINDS = {'LONG': 'int64', 'SHORT': 'int16', 'BOOL': 'bool', 'DOUBLE': 'double', 'DECIMAL': 'decimal_base64',
         'DATE': 'date_days', 'ZONED': 'timestamp_zoned', 'LOCAL': 'timestamp_us', 'UUID': 'uuid',
         'JSON': 'json', 'TEXT': 'string', 'TAGS': 'list'}


class Column:
    def __init__(self, table, name, kind, precision, scale, null_in):
        self.table, self.name, self.kind = table, name, kind
        self.precision, self.scale, self.nullable = precision, scale, null_in > 0


def columns(root):
    """{table: [Column]} as the generator has them."""
    tables = {}
    pattern = re.compile(r'^CUP_BANK_COLUMN\((\w+), "(\w+)", (\w+), (\d+), (\d+), (\d+),', re.M)
    for match in pattern.finditer((pathlib.Path(root) / 'benchmarks/gen/bank.def').read_text()):
        table = match[1].lower()
        tables.setdefault(table, []).append(
            Column(table, match[2], match[3], int(match[4]), int(match[5]), int(match[6])))
    return tables


def generate(gen, *options):
    run = subprocess.run([gen, *map(str, options)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stderr


def truth_cell(text, column):
    if text == '\\N':
        return None
    if column.kind in ('LONG', 'SHORT'):
        return int(text)
    if column.kind == 'BOOL':
        return {'true': True, 'false': False}[text]
    if column.kind == 'DOUBLE':
        return float(text)
    if column.kind == 'DECIMAL':
        return decimal.Decimal(text).normalize()
    if column.kind == 'DATE':
        return datetime.date.fromisoformat(text)
    if column.kind in ('ZONED', 'LOCAL'):
        return datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    return json.loads(text) if column.kind == 'TAGS' else text


def truth(folder, tables):
    """{table: [row]} of a --truth folder; texts never equal the two characters of NULL."""
    found = {}
    for table, types in tables.items():
        with open(pathlib.Path(folder) / f'{table}.csv', newline='', encoding='utf-8') as file:
            rows = csv.reader(file)
            head = next(rows)
            assert head == [c.name for c in types], head
            found[table] = [{c.name: truth_cell(t, c) for c, t in zip(types, row)} for row in rows]
    return found


def sums(folder):
    """{(table, column, measure): value as text} of sums.csv."""
    with open(pathlib.Path(folder) / 'sums.csv', newline='') as file:
        rows = list(csv.reader(file))
    assert rows[0] == ['table', 'column', 'measure', 'value']
    return {tuple(row[:3]): row[3] for row in rows[1:]}
