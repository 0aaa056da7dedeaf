#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   one bad record of each kind among many costs exactly that record.
Method: generated changes with bad records put in at known places. Quarantine must hold exactly these,
        each with input, position, reason and the byte where that is known; silver must hold exactly
        the rest (the truth); verify is clean; replay gives everything back, good and bad.

    test_bad_records.py CUPEL GEN ROOT ndjson|dump ROWS"""
import gzip
import json
import pathlib
import sys
import tempfile

import bank
import contracts
import lakes
import replayed

DEPTH = 80           # limits.depth_max is 64
SIZE = (1 << 20) + 9  # limits.record_bytes_max is 1 MiB
FORM = 'ndjson'


def replaced(value, old, new):
    assert value.count(old) >= 1, (old, value[:300])
    return value.replace(old, new, 1)


def member(value, name, text):
    """The value with another text for a member of `after`; None removes the member."""
    event = json.loads(value)
    raw = json.dumps(event['after'][name], ensure_ascii=False)
    return replaced(value, f'"{name}":{raw},', f'"{name}":{text},' if text is not None else '')


def kinds(value):
    """(kind, allowed reasons, bad value as bytes, byte of the fault or None) from a good create."""
    value = value.decode()
    torn = replaced(value, '"after":{', '"after":[')
    invalid = replaced(value, '"reference":"', '"reference":"\x00').encode().replace(b'\x00', b'\xff')
    nested = replaced(value, '"after":{', '"after":{"x":' + '[' * DEPTH + ']' * DEPTH + ',')
    yield 'syntax', {'json_syntax'}, torn.encode(), None
    # in a dump the line itself is JSON, and no longer legal: the line is refused before its value is seen
    utf8_byte = invalid.index(b'\xff') if FORM == 'ndjson' else None
    yield 'utf8', {'utf8' if FORM == 'ndjson' else 'dump_syntax'}, invalid, utf8_byte
    yield 'duplicate key', {'duplicate_key'}, replaced(value, '"op":"c"', '"op":"c","op":"d"').encode(), None
    yield 'depth', {'depth'}, nested.encode(), None
    yield 'size', {'record_too_large'}, replaced(value, '"kind":"', '"kind":"' + 'x' * SIZE).encode(), None
    yield 'type', {'type_mismatch'}, member(value, 'account_id', '"seven"').encode(), None
    yield 'overflow', {'int_overflow'}, member(value, 'account_id', '9223372036854775808').encode(), None
    yield 'missing key', {'missing_field', 'key_mismatch'}, member(value, 'transaction_id', None).encode(), None
    yield 'unknown table', {'unknown_table'}, replaced(value, '"table":"transaction"', '"table":"ghost"').encode(), None


def framed(line, value):
    """The line of a record that carries another value: itself, or inside the dump record of `line`."""
    if FORM == 'ndjson':
        return value
    head, _, rest = line.partition(b'"value":')
    tail = rest[rest.index(b',"headers":'):]
    quoted = value.replace(b'\\', b'\\\\').replace(b'"', b'\\"').replace(b'\n', b'\\n')
    return head + b'"value":"' + quoted + b'"' + tail


def value_of(line):
    if FORM == 'ndjson':
        return line
    value = json.loads(line)['value']
    return value.encode() if value is not None else None


def put_bad(source, target, rows):
    """Copies the records and puts each bad one behind a good create, far apart.

    Gives [(kind, reasons, position in the file, byte)]."""
    placed, waiting, due, at = [], [], [], 0
    with open(source, 'rb') as lines, open(target, 'wb') as out:
        for number, line in enumerate(lines):
            out.write(line)
            at += len(line)
            if not waiting and not placed and b'"op' in line:
                value = value_of(line[:-1])
                if value is not None and json.loads(value)['op'] == 'c':
                    waiting = [(line[:-1], *one) for one in kinds(value)]
                    step = (rows - number) // (len(waiting) + 1)
                    due = [number + step * (i + 1) for i in range(len(waiting))]
            if due and number >= due[0]:
                due.pop(0)
                good, kind, reasons, value, byte = waiting.pop(0)
                bad = framed(good, value) + b'\n'
                placed.append((kind, reasons, at, byte))
                out.write(bad)
                at += len(bad)
        # the file ends in the middle of its last record
        last = framed(good, value_of(good))
        placed.append(('truncated file', {'truncated', 'json_syntax', 'dump_syntax'}, at, None))
        out.write(last[:len(last) // 2])
    assert len(placed) == 10 and not waiting, placed
    return placed


def put_torn_gzip(gen, home):
    """A compressed file of another seed that ends in the middle of its compressed data.

    Gives how many whole records can still be read, and where the torn one starts."""
    plain = home / 'plain.ndjson'
    bank.generate(gen, '--rows', 3000, '--seed', 12, '--tables', '0:1:0', '--form', FORM, '--out', plain)
    packed = gzip.compress(plain.read_bytes(), 6)
    torn = packed[:len(packed) * 2 // 3]
    (home / 'in' / 'z-torn.ndjson.gz').write_bytes(torn)
    import zlib
    whole = zlib.decompressobj(31).decompress(torn)
    return whole.count(b'\n'), whole.rindex(b'\n') + 1


def check_quarantine(lake, placed, torn_at):
    wrong = []
    expected = [(kind, 'bad.ndjson', reasons, at, byte) for kind, reasons, at, byte in placed]
    expected.append(('torn gzip', 'z-torn.ndjson.gz', {'truncated'}, torn_at, None))
    rows = lake.quarantine()
    if len(rows) != len(expected):
        wrong.append(f'{len(rows)} records in quarantine, {len(expected)} are bad: '
                     f'{[(r["input"], r["position"], r["reason"]) for r in rows][:20]}')
    found = {(pathlib.Path(r['input']).name, r['position']): r for r in rows}
    for kind, name, reasons, at, byte in expected:
        row = found.get((name, at))
        if row is None:
            wrong.append(f'{kind}: no record of {name} at {at} in quarantine')
        elif row['reason'] not in reasons:
            wrong.append(f'{kind}: reason {row["reason"]}, expected one of {reasons}')
        elif byte is not None and row['byte'] != byte:
            wrong.append(f'{kind}: byte {row["byte"]}, the fault is at {byte}')
        elif not row['message']:
            wrong.append(f'{kind}: no message')
    return wrong


def main():
    global FORM
    cupel, gen, root, FORM, rows = sys.argv[1:6]
    rows = int(rows)
    tables = bank.columns(root)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        (home / 'in').mkdir()
        good, bad = home / 'good.ndjson', home / 'in' / 'bad.ndjson'
        bank.generate(gen, '--rows', rows, '--seed', 11, '--tables', '0:0:1', '--form', FORM, '--out', good,
                      '--truth', home / 'truth')
        placed = put_bad(good, bad, rows)
        good.unlink()
        whole, torn_at = put_torn_gzip(gen, home)
        contracts.write_pipeline(home / 'pipeline', [home / 'in' / '*'], contracts.of_bank(tables))
        lakes.run(cupel, 'run', home / 'pipeline', '--lake', home / 'lake', '--until-end')
        lake = lakes.Lake(home / 'lake')
        wrong = check_quarantine(lake, placed, torn_at)
        sums = bank.sums(home / 'truth')
        wrong += lakes.check_truth(lake, home / 'truth', {'transaction': tables['transaction']}, sums)
        outcomes = lake.outcomes()
        from_gzip = lake.one(f"SELECT count(*) FROM {lake.scan(lake.silver()['bank.account'])}")
        dropped = outcomes.get('tombstone', 0)
        if from_gzip + dropped - int(sums['', '', 'tombstones']) != whole:
            wrong.append(f'{from_gzip} rows and {dropped} tombstones, {whole} whole records before the tear')
        lakes.run(cupel, 'verify', home / 'lake')
        wrong += replayed.check(cupel, home / 'lake', home / 'replay', [bad, home / 'in' / 'z-torn.ndjson.gz'])
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
