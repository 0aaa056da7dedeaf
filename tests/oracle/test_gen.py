#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   the generator writes what Debezium would write, and its truth is the end of its own stream.
Method: every form of output is read by a reader of our own, replayed, and compared with the truth
        cell by cell; sums, counters, markers, order and pace are checked beside it."""
import base64
import datetime
import decimal
import json
import pathlib
import sys
import tempfile
import time

import bank
from cells import equal, number
from replay import Replay

GEN, ROOT = sys.argv[1], sys.argv[2]
TABLES = bank.columns(ROOT)
EPOCH = datetime.datetime(1970, 1, 1)
ROWS = 4000


def check(condition, *what):
    if not condition:
        print('test_gen:', *what)
        sys.exit(1)


def cell(value, column):
    if value is None:
        return None
    if column.kind == 'DECIMAL':
        if value and not value.lstrip('-').replace('.', '', 1).isdigit() or 'base64' in MODE:
            raw = int.from_bytes(base64.b64decode(value, validate=True), 'big', signed=True)
            return number(decimal.Decimal(raw).scaleb(-column.scale))
        return number(value)
    if column.kind == 'DATE':
        return (EPOCH + datetime.timedelta(days=value)).date()
    if column.kind == 'LOCAL':
        return EPOCH + datetime.timedelta(microseconds=value)
    if column.kind == 'ZONED':
        return datetime.datetime.fromisoformat(value.replace('Z', '+00:00'))
    return float(value) if column.kind == 'DOUBLE' else value


def row(image, types):
    check(list(image) == [c.name for c in types], 'members', list(image))
    for column in types:
        check(column.nullable or image[column.name] is not None, column.name, 'is NULL')
    return {c.name: cell(image[c.name], c) for c in types}


def check_schema(schema, types, payload):
    check(schema['type'] == 'struct' and [f['field'] for f in schema['fields']] == list(payload), 'envelope schema')
    for member in ('before', 'after'):
        fields = next(f for f in schema['fields'] if f['field'] == member)['fields']
        check([f['field'] for f in fields] == [c.name for c in types], 'schema of', member)
        for field, column in zip(fields, types):
            check(field['optional'] == column.nullable, 'optional', column.name)
            scale = field.get('parameters', {}).get('scale')
            check(scale is None or scale == str(column.scale), 'scale', column.name)


MODE = set()


def events(path, dump):
    """(table, payload, key, headers, place) for each record, framing checked."""
    offsets = {}
    for line in path.read_bytes().decode('utf-8').splitlines():
        record = json.loads(line)
        key = headers = place = None
        value = record
        if dump:
            check(list(record) == ['topic', 'partition', 'offset', 'timestamp', 'key', 'value', 'headers'], line[:200])
            place = (record['topic'], record['partition'])
            check(record['offset'] == offsets.get(place, 0), 'offset of', place)
            offsets[place] = record['offset'] + 1
            key = json.loads(record['key'])
            headers = {n: json.loads(v) for n, v in record['headers'].items()}
            if 'schema' in MODE:
                key = key['payload']
                headers = {n: v['payload'] for n, v in headers.items()}
            value = None if record['value'] is None else json.loads(record['value'])
        if value is None:
            yield record['topic'].split('.')[-1], None, key, headers, place
            continue
        check(('schema' in value) == ('schema' in MODE), 'schema', line[:200])
        payload = value['payload'] if 'schema' in MODE else value
        table = payload['source']['table']
        if 'schema' in MODE:
            check_schema(value['schema'], TABLES[table], payload)
        yield table, payload, key, headers, place


class Stream:
    """Order and markers of a stream."""

    def __init__(self):
        self.lsn, self.streamed, self.markers, self.late, self.count, self.tx, self.changed = 0, False, [], 0, 0, 0, 0
        self.lanes = {}

    def see(self, payload):
        source = payload['source']
        self.count += 1
        if payload['op'] == 'r':
            check(not self.streamed, 'a snapshot row behind a streamed change')
            check(source['sequence'] == f'[null,"{source["lsn"]}"]', source['sequence'])
            self.markers.append((source['table'], source['snapshot']))
        else:
            self.streamed = True
            check(source['snapshot'] == 'false' and source['lsn'] >= self.lsn, 'order of LSN')
            check(source['txId'] >= self.tx, 'order of transactions')
            self.tx = source['txId']
            check(int(json.loads(source['sequence'])[0]) <= source['lsn'], source['sequence'])
            self.late += payload['ts_us'] - source['ts_us'] > 1000000
        self.lsn = max(self.lsn, source['lsn'])
        for at in (payload, source):
            check(at['ts_ms'] == at['ts_us'] // 1000 and at['ts_ns'] == at['ts_us'] * 1000, 'stamps')

    def check_markers(self):
        names = [m for _, m in self.markers]
        check(names[0] == 'first' and names[-1] == 'last' and names.count('first') == 1, 'markers')
        check(names.count('last_in_data_collection') == 2, names)
        check(names.count('first_in_data_collection') == 2, names)


def replay_file(path, dump, full):
    replays = {t: Replay((types[0].name,)) for t, types in TABLES.items()}
    stream, tombstones, expect_tombstone, changed_key = Stream(), 0, None, None
    for table, payload, key, headers, place in events(path, dump):
        types = TABLES[table]
        name = types[0].name
        if payload is None:
            check(key == expect_tombstone, 'a tombstone of another key')
            tombstones, expect_tombstone = tombstones + 1, None
            continue
        check(expect_tombstone is None, 'a delete without tombstone')
        stream.see(payload)
        op, before, after = payload['op'], payload['before'], payload['after']
        image = after if after is not None else before
        if dump:
            check(key == {name: image[name]}, 'key', key)
            check(stream.lanes.setdefault((table, image[name]), place) == place, 'a key in two partitions')
            expect_tombstone = key if op == 'd' else None
            if changed_key:
                check(headers.get('__debezium.oldkey') == changed_key and op == 'c', 'the create half')
            changed_key = key if '__debezium.newkey' in headers else None
        check((before is None) == (op in 'cr' or (op == 'u' and not full)), op, 'before')
        previous = replays[table].rows.get((image[name],))
        if before is not None and full:
            check(row(before, types) == previous, 'before image', before, previous)
        elif before is not None:
            check(all(v in (None, '', 0, False, 'AA==', '0.00', '0.0000', '0.000000', [],
                            '1970-01-01T00:00:00.000000Z', '00000000-0000-0000-0000-000000000000')
                      for n, v in before.items() if n != name), 'filler', before)
        check(op != 'c' or previous is None, 'create of a row that exists')
        values = row(after, types) if after is not None else {name: before[name]}
        stream.changed += op == 'u' and values != previous
        replays[table].apply({'op': op, 'values': values, 'unset': [], 'old_key': None})
    return replays, stream, tombstones


def compare(replays, folder, tombstones):
    truth, sums = bank.truth(folder, TABLES), bank.sums(folder)
    check(int(sums['', '', 'tombstones']) == tombstones, 'tombstones')
    for table, types in TABLES.items():
        final = {k[0]: r for k, r in replays[table].rows.items()}
        check([r[types[0].name] for r in truth[table]] == sorted(final), table, 'keys')
        for expected in truth[table]:
            got = final[expected[types[0].name]]
            for column in types:
                if column.kind == 'DECIMAL' and expected[column.name] is not None:
                    check(abs(expected[column.name].scaleb(column.scale)) < 10 ** column.precision, column.name, 'digits')
                check(equal(expected[column.name], got[column.name]), table, column.name, expected, got)
        for op in 'rcud':
            check(int(sums[table, '', f'op_{op}']) == replays[table].counts.get(op, 0), table, op)
        for column in types:
            cells = [r[column.name] for r in final.values() if r[column.name] is not None]
            check(int(sums[table, column.name, 'nulls']) == len(final) - len(cells), column.name, 'nulls')
            if (table, column.name, 'sum') in sums:
                check(decimal.Decimal(sums[table, column.name, 'sum']) == sum(map(decimal.Decimal, cells)),
                      table, column.name, 'sum')


def one(folder, *options):
    MODE.clear()
    words = ' '.join(options)
    MODE.update({'schema'} if '--schema on' in words else set())
    MODE.update(set() if '--decimal string' in words else {'base64'})
    dump = '--form dump' in words
    out, truth = folder / 'out.ndjson', folder / 'truth'
    bank.generate(GEN, '--rows', ROWS, '--seed', 7, '--out', out, '--truth', truth, *options)
    replays, stream, tombstones = replay_file(out, dump, '--identity full' in words)
    check(ROWS <= stream.count <= ROWS + 1, stream.count)
    check(stream.late > ROWS // 400, 'late events', stream.late)
    check((tombstones > 0) == dump, 'tombstones', tombstones)
    stream.check_markers()
    updates = sum(r.counts.get('u', 0) for r in replays.values())
    check(stream.changed > updates * 9 // 10, 'updates that change nothing', updates - stream.changed)
    compare(replays, truth, tombstones)


def check_sizes(folder):
    """--bytes, --record-size, --tables and a folder of files."""
    out = folder / 'sized.ndjson'
    bank.generate(GEN, '--bytes', '3Mi', '--record-size', 2000, '--tables', '0:0:1', '--out', out)
    lines = out.read_bytes().splitlines()
    check(3 << 20 <= out.stat().st_size < (3 << 20) + (64 << 10), out.stat().st_size)
    check(1700 < sum(map(len, lines)) / len(lines) < 2300, 'mean', sum(map(len, lines)) / len(lines))
    check(all(json.loads(l)['source']['table'] == 'transaction' for l in lines[:50]), 'only one table')
    bank.generate(GEN, '--rows', 500, '--partitions', 2, '--out', f'{folder}/split/')
    names = sorted(p.name for p in (folder / 'split').iterdir())
    check(len(names) == 6 and names[0] == 'bank.account-0.ndjson', names)
    check(sum(len(p.read_bytes().splitlines()) for p in (folder / 'split').iterdir()) in (500, 501), 'rows')


def check_seeds(folder):
    outs = []
    for seed in (1, 1, 2):
        out = folder / 'seed.ndjson'
        bank.generate(GEN, '--rows', 300, '--seed', seed, '--out', out)
        outs.append(out.read_bytes())
    check(outs[0] == outs[1] != outs[2], 'seeds')


def check_skew(folder):
    """A skewed run touches few rows often; without skew the hottest row is not much above the mean."""
    hottest = {}
    for skew in (0, 1.2):
        out = folder / 'skew.ndjson'
        bank.generate(GEN, '--rows', 4000, '--tables', '1:0:0', '--op-mix', '0:1:0:0', '--skew', skew, '--out', out)
        keys = {}
        for line in out.read_bytes().splitlines():
            after = json.loads(line)['after']
            keys[after['customer_id']] = keys.get(after['customer_id'], 0) + 1
        hottest[skew] = max(keys.values())
    check(hottest[0] < 40 and hottest[1.2] > 400, hottest)


def check_pace(folder):
    start = time.monotonic()
    bank.generate(GEN, '--rows', 500, '--rate', 1000, '--out', folder / 'paced.ndjson')
    took = time.monotonic() - start
    check(0.45 < took < 30, f'500 events at 1000/s took {took:.2f} s')


def check_refusals():
    import subprocess
    for options in (['--rows', 'many'], ['--rows'], ['--form', 'xml', '--rows', '1'], [], ['--op-mix', '1:2', '--rows', '1'],
                    ['--fancy', '1'], ['--rows', '1', '--partitions', '0'], ['--rows', '1', '--out', '/nowhere/x']):
        run = subprocess.run([GEN, *options], capture_output=True, text=True)
        check(run.returncode in (1, 2) and run.stderr.startswith('cupel-gen: '), options, run)
    helped = subprocess.run([GEN, '--help'], capture_output=True, text=True)
    check(helped.returncode == 0 and all(o in helped.stdout for o in ('--record-size', '--truth', '--rate')), helped)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        one(folder)
        one(folder, '--form', 'dump')
        one(folder, '--schema', 'on')
        one(folder, '--form', 'dump', '--schema', 'on', '--partitions', '3')
        one(folder, '--identity', 'full', '--decimal', 'string')
        one(folder, '--form', 'dump', '--op-mix', '10:50:20:20', '--record-size', '4000')
        check_sizes(folder)
        check_seeds(folder)
        check_skew(folder)
        check_pace(folder)
        check_refusals()


if __name__ == '__main__':
    main()
