# SPDX-License-Identifier: Apache-2.0
"""cells: the values of the captures' oracle tables, typed, so that readers are compared by value.

A cell is None, bool, int, Decimal (normalised), float, date, datetime (naive, or aware in UTC), str,
bytes, or a list of cells. Oracle cells are made from the text forms of PostgreSQL's COPY; cells of
a reader are brought to the same types by `same_type`.
"""
import csv
import datetime
import decimal
import json
import pathlib
import re

NULL = '\\N'
decimal.getcontext().prec = 100


def read_csv(path):
    """Rows of text cells; None for the unquoted \\N (the csv module does not tell it from "\\N")."""
    rows, cell, row, quoted, was_quoted = [], [], [], False, False
    text = pathlib.Path(path).read_bytes().decode()  # as it is: a cell may hold CR
    at = 0
    while at < len(text):
        char = text[at]
        if quoted:
            if char == '"' and text[at + 1:at + 2] == '"':
                cell.append('"')
                at += 1
            elif char == '"':
                quoted = False
            else:
                cell.append(char)
        elif char == '"':
            quoted = was_quoted = True
        elif char in ',\n':
            value = ''.join(cell)
            row.append(None if value == NULL and not was_quoted else value)
            cell, was_quoted = [], False
            if char == '\n':
                rows.append(row)
                row = []
        else:
            cell.append(char)
        at += 1
    assert not row and not cell and not quoted, f'{path}: ends inside a row'
    return rows[0], rows[1:]


def parse_array(text):
    """A one-dimensional PostgreSQL array literal of texts."""
    items, item, quoted, was_quoted = [], [], False, False
    inner = text[1:-1]
    if not inner:
        return []
    at = 0
    while at <= len(inner):
        char = inner[at] if at < len(inner) else ','
        if quoted and char == '\\':
            at += 1
            item.append(inner[at])
        elif quoted and char == '"':
            quoted = False
        elif quoted:
            item.append(char)
        elif char == '"':
            quoted = was_quoted = True
        elif char == ',':
            value = ''.join(item)
            items.append(None if value == 'NULL' and not was_quoted else value)
            item, was_quoted = [], False
        else:
            item.append(char)
        at += 1
    return items


def parse_time(text):
    """PostgreSQL's timestamp text; aware when it has the +00 of UTC."""
    zoned = text.endswith('+00')
    main = text[:-3] if zoned else text
    stamp = datetime.datetime.fromisoformat(main)
    return stamp.replace(tzinfo=datetime.timezone.utc) if zoned else stamp


def number(text):
    return decimal.Decimal(text).normalize()


def kind_of(column):
    """The column's type without its numbers: numeric, timestamp without time zone, text[], .."""
    return re.sub(r'\(.*?\)', '', column['format_type'])


def oracle_cell(text, column):
    """A cell of an oracle CSV; column is an entry of columns.json."""
    if text is None:
        return None
    kind = kind_of(column)
    if kind in ('bigint', 'integer', 'smallint'):
        return int(text)
    if kind == 'numeric':
        return number(text)
    if kind == 'boolean':
        return text == 't'
    if kind == 'date':
        return datetime.date.fromisoformat(text)
    if kind.startswith('timestamp'):
        return parse_time(text)
    if kind == 'bytea':
        return bytes.fromhex(text[2:])
    if kind == 'text[]':
        return parse_array(text)
    assert kind in ('text', 'character varying', 'character', 'jsonb', 'json', 'uuid'), kind
    return text


def same_type(cell):
    """A cell as an engine gives it, brought to the types above."""
    if isinstance(cell, decimal.Decimal):
        return cell.normalize()
    if isinstance(cell, datetime.datetime) and cell.tzinfo is not None:
        return cell.astimezone(datetime.timezone.utc)
    if isinstance(cell, (bytearray, memoryview)):
        return bytes(cell)
    if isinstance(cell, (list, tuple)):
        return [same_type(item) for item in cell]
    return cell


def equal(oracle, cell):
    """By value; a double is compared with the double next to the oracle's number."""
    if isinstance(oracle, decimal.Decimal) and isinstance(cell, float):
        return float(oracle) == cell
    if isinstance(oracle, decimal.Decimal) and isinstance(cell, int) and not isinstance(cell, bool):
        return oracle == cell
    if isinstance(oracle, decimal.Decimal) and isinstance(cell, str):
        return oracle == decimal.Decimal(cell)  # decimals as text, and no contract: a string column
    if isinstance(oracle, bytes) and isinstance(cell, str):
        return oracle.hex() == cell  # the same with binary as hex
    return type(oracle) is type(cell) and oracle == cell


def show(cell):
    """One line of text for a loss list: exact, short, without tabs."""
    if cell is None:
        return 'NULL'
    if isinstance(cell, str):
        text = json.dumps(cell, ensure_ascii=True)
        return text if len(text) <= 60 else text[:48] + f'..({len(cell)})'
    if isinstance(cell, bytes):
        text = cell.hex()
        return text if len(text) <= 60 else text[:48] + f'..({len(cell)})'
    if isinstance(cell, decimal.Decimal):
        return format(cell, 'f')
    if isinstance(cell, (datetime.date, datetime.datetime)):
        return cell.isoformat()
    return json.dumps(cell, ensure_ascii=True, default=str)


class Oracle:
    """The final tables of one oracle folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.columns = json.loads((self.folder / 'columns.json').read_text())
        self.tables = {}
        with open(self.folder / 'files.tsv', newline='') as file:
            for name, path in csv.reader(file, delimiter='\t'):
                head, rows = read_csv(self.folder / path)
                types = {c['column_name']: c for c in self.columns[name]['columns']}
                self.tables[name] = [{h: oracle_cell(t, types[h]) for h, t in zip(head, row)} for row in rows]

    def key(self, table):
        return tuple(self.columns[table]['primary_key'] or ())
