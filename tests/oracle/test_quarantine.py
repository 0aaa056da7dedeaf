#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   refused records are shown as they came, and once their cause is mended they get into silver
        exactly once, however the retry is interrupted.
Method: good records with bad ones of many kinds between them, as NDJSON, as a dump, and without bronze.
        DuckDB says what is open (the latest row of each record) and what silver holds; the bytes that
        `show --raw` writes must be those that were put in. Then limits and contracts are mended and the
        records retried: twice, and in `kill` with SIGKILL at many moments and a call behind each.
        `bound`: where the quarantine grows beyond its limit, the run stops with its epoch committed and the
        next one does not begin; a retry does both, whatever share of it fails, and a larger limit goes on.

    test_quarantine.py CUPEL ndjson|dump|inline|kill|bound"""
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import contracts
import lakes
import runs

SEED = 31
GOOD = 60
KILL_RECORDS = 2600
KILL_POINTS = 8
KILL_TURNS = 5  # of a point whose moment was over when it was seen
BOUND_RECORDS = 700
QUALITY = """    quality:
      - metric: invalidValues
        unit: percent
        mustBeLessOrEqualTo: 0
        customProperties: [{property: onFailure, value: abort}]
"""
NOTE = 'y' * 1800
MIB = 1 << 20
LIMITS = 'limits:\n  record_bytes_max: {}\n  depth_max: {}\n'
COLUMNS = [('account_id', 'bigint', None, 1, True), ('name', 'text', None, 0, True), ('place', 'integer', None, 0, False)]


def event(number, table='account', **more):
    after = {'account_id': number, 'name': f'n{number}', 'place': number % 7} | more
    return {'before': None, 'after': after, 'op': 'c', 'ts_ms': 1700000000000 + number, 'source': {
        'version': '3', 'connector': 'postgresql', 'name': 'pg', 'ts_ms': 1700000000000, 'snapshot': 'false', 'db': 'd',
        'schema': 'bank', 'table': table, 'txId': number, 'lsn': 1000 + number}}


def text(number, **more):
    return json.dumps(event(number, **more), ensure_ascii=False)


def kinds():
    """(reasons, value as bytes, what mends it: '' nothing, else the table it ends in) from number 1000 on."""
    yield {'unknown_table'}, text(1000, table='ghost').encode(), 'ghost'
    yield {'null_in_required'}, text(1001, name=None).encode(), 'account'
    yield {'record_too_large'}, text(1002, name='x' * MIB).encode(), 'account'
    yield {'depth'}, text(1003).replace('"op": "c"', '"deep": ' + '[' * 80 + ']' * 80 + ', "op": "c"').encode(), 'account'
    yield {'type_mismatch'}, text(1004).replace('1004,', '"seven",', 1).encode(), ''
    yield {'json_syntax'}, text(1005).replace('"after": {', '"after": [').encode(), ''
    yield {'duplicate_key'}, text(1006).replace('"op": "c"', '"op": "c", "op": "d"').encode(), ''
    yield {'int_overflow'}, text(1007).replace('1007,', '99999999999999999999,', 1).encode(), ''
    yield {'json_syntax', 'utf8'}, text(1008).replace('"n1008"', '"\x01\x1b[31m"').encode(), ''
    yield {'not_an_object'}, b'[1, 2]', ''
    yield {'unknown_table'}, text(1009, table='gh\u00f6st').encode(), ''


class Record:
    def __init__(self, value, reasons=None, mended=''):
        self.value, self.reasons, self.mended = value, reasons, mended
        number = re.search(rb'"account_id": (\d+)', value)
        self.number = int(number[1]) if number else 0
        self.topic, self.partition, self.offset = None, 0, None


def dumped(record, offset, value):
    record.topic, record.partition, record.offset = 'pg.bank.account', 3, offset
    record.key = json.dumps({'account_id': record.number})
    if value and record.reasons and '\n' not in value and offset % 2:
        value = value + '\n '  # an LF that is white space: such a value is no line of an archive
        record.value = value.encode()
    line = {'topic': record.topic, 'partition': 3, 'offset': offset, 'key': record.key, 'value': value,
            'headers': {'trace': f'h{offset}', 'none': None}, 'timestamp': 1700000000000 + offset}
    return json.dumps(line, ensure_ascii=False).encode()


def write_input(home, form, bad):
    """Good and bad records in one file; gives them all, with the places they got."""
    records = [Record(text(i).encode()) for i in range(GOOD)]
    rng = random.Random(SEED)
    for reasons, value, mended in bad:
        records.insert(rng.randrange(len(records)), Record(value, reasons, mended))
    lines, at = [], 0
    if form == 'ndjson':
        records.append(Record(text(1010).replace('"n1010"', '"\x00"').encode().replace(b'\x00', b'\xc3('), {'utf8'}))
    for offset, record in enumerate(records):
        record.position = at
        line = record.value
        if form == 'ndjson':
            record.topic, record.offset = 'in.ndjson', at
        else:
            line = dumped(record, offset, record.value.decode())
        lines.append(line)
        at += len(line) + 1
    if form != 'ndjson':
        for reasons, line, mended in dump_lines():
            record = Record(line, reasons, mended)
            record.topic, record.offset, record.position = 'in.ndjson', at, at
            records.append(record)
            lines.append(line)
            at += len(line) + 1
    (home / 'in.ndjson').write_bytes(b'\n'.join(lines) + b'\n')
    return records


def dump_lines():
    yield {'dump_syntax'}, b'{"topic":"pg.bank.account","value":1}', ''
    yield {'dump_syntax'}, b'{"topic":"pg.bank.account","partition":0,"offset":1,"key":null,"value":"\xff"}', ''
    # longer than a line may be: its pieces are kept as a line, and read as a record when the limit is raised
    value = text(1011, name='z' * (3 * MIB))
    yield {'record_too_large'}, json.dumps({'topic': 'pg.bank.account', 'partition': 4, 'offset': 77,
                                            'key': '{"account_id": 1011}', 'value': value}).encode(), 'account'


def contract(table, required):
    columns = [(name, kind, wire, key, must and (required or key > 0)) for name, kind, wire, key, must in COLUMNS]
    return contracts.contract('bank', table, columns, 'default')


def write_pipeline(home, mended, extra=''):
    shutil.rmtree(home / 'p', ignore_errors=True)
    tables = {'account': contract('account', not mended)}
    if mended:
        tables['ghost'] = contract('ghost', False)
    limits = LIMITS.format('6MiB', 128) if mended else LIMITS.format('1MiB', 64)
    contracts.write_pipeline(home / 'p', [home / 'in.ndjson'], tables, extra=limits + extra)


def open_rows(lake):
    """What the quarantine table says of each record last, as the README tells people to ask it."""
    path = lake.only('default/quarantine/test')
    return lake.rows(f"""SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY first_epoch, input, position
        ORDER BY "by" IS NULL, epoch DESC) AS place FROM {lake.scan(path)}) WHERE place = 1 AND state = 'open'""")


def check_ls(cupel, lake, where):
    listed = {}
    for line in lakes.run(cupel, 'quarantine', 'ls', lake.folder, '--json').stdout.splitlines():
        row = json.loads(line)
        assert row['help'], row
        listed[row['reason'], row['table']] = row['records']
    counted = {}
    for row in open_rows(lake):
        counted[row['reason'], row['table']] = counted.get((row['reason'], row['table']), 0) + 1
    return [] if listed == counted else [f'{where}: ls says {listed}, DuckDB {counted}']


def check_open(lake, records, where):
    """The open rows must be exactly these records."""
    wrong = []
    rows = {(r['topic'], r['partition'], r['offset']): r for r in open_rows(lake)}
    for record in records:
        row = rows.pop((record.topic, record.partition, record.offset), None)
        if row is None or row['reason'] not in record.reasons or row['position'] != record.position:
            wrong.append(f'{where}: {record.topic}/{record.offset} {record.reasons}: {row and row["reason"]}')
    return wrong + [f'{where}: {place} is open: {row["reason"]}' for place, row in rows.items()]


def check_silver(lake, records, where):
    """Each table holds the accepted records once, with their own places."""
    wrong, due = [], {}
    for record in records:
        value = json.loads(record.value)
        value = json.loads(value['value']) if 'value' in value else value
        place = (record.topic, record.partition, record.offset)
        if 'value' in json.loads(record.value):
            place = ('pg.bank.account', 4, 77)
        due.setdefault(value['source']['table'], []).append((value['after']['account_id'], value['after']['name'], *place))
    for table, rows in due.items():
        path = lake.silver()[f'bank.{table}']
        got = lake.duck.execute(f'SELECT account_id, name, _topic, _partition, _offset FROM {lake.scan(path)}').fetchall()
        if sorted(got, key=str) != sorted(rows, key=str):
            short = [(r[0], len(r[1] or ''), *r[2:]) for r in set(got) ^ set(rows)]
            wrong.append(f'{where}: {table}: {len(got)} rows, {len(rows)} records; differ: {short[:5]}')
    return wrong


def check_bytes(cupel, lake, records):
    wrong = []
    for record in records:
        place = f'{record.topic}/{record.partition}/{record.offset}'
        done = subprocess.run([cupel, 'quarantine', 'show', lake, '--offset', place, '--raw'], capture_output=True)
        if done.returncode or done.stdout != record.value:
            wrong.append(f'{place}: {len(done.stdout)} bytes shown raw, {len(record.value)} came: {done.stderr[-200:]}')
    shown = lakes.run(cupel, 'quarantine', 'show', lake, '--limit', '100').stdout
    unsafe = [c for c in shown if c != '\n' and not ' ' <= c <= '~']
    if unsafe:
        wrong.append(f'show writes {unsafe[:5]}')
    lines = shown.splitlines()
    marked = [i for i, line in enumerate(lines) if line.endswith('^ byte 42')]
    if not any(lines[i - 1][lines[i].index('^'):].startswith('seven"') for i in marked):
        wrong.append(f'the caret is not under "seven": {[lines[i - 1:i + 1] for i in marked]}')
    return wrong


def retry(cupel, home, *words, action='retry', expect=0):
    return lakes.run(cupel, 'quarantine', action, home / 'p', '--lake', home / 'lake', *words, expect=expect).stdout


def story(cupel, home, form):
    bad = list(kinds())
    records = write_input(home, 'ndjson' if form == 'ndjson' else 'dump', bad)
    extra = 'bronze:\n  enabled: false\n' if form == 'inline' else ''
    write_pipeline(home, False, extra)
    lakes.run(cupel, 'run', home / 'p', '--lake', home / 'lake', '--until-end')
    good = [r for r in records if not r.reasons]
    refused = [r for r in records if r.reasons]
    mended, never = [r for r in refused if r.mended], [r for r in refused if not r.mended]

    lake = lakes.Lake(home / 'lake')

    def look(where, accepted, left):
        lakes.run(cupel, 'verify', home / 'lake', '--deep')
        return check_open(lake, left, where) + check_silver(lake, accepted, where) + check_ls(cupel, lake, where)

    wrong = look('first', good, refused) + check_bytes(cupel, home / 'lake', refused)
    count = retry(cupel, home, '--dry-run')
    if f'{len([r for r in refused if len(r.value) <= MIB])} records would be judged again' not in count:
        wrong.append(f'dry run: {count}')
    retry(cupel, home, '--reason', 'null_in_required')
    wrong += look('nothing mended', good, refused)
    write_pipeline(home, True, extra)
    retry(cupel, home, '--reason', 'depth')
    depth = [r for r in mended if r.reasons == {'depth'}]
    wrong += look('one reason', good + depth, [r for r in refused if r not in depth])
    retry(cupel, home)
    wrong += look('mended', good + mended, never)
    retry(cupel, home)
    retry(cupel, home, '--table', 'bank/account')
    wrong += look('again', good + mended, never)
    held = [r for r in never if 'unknown_table' in r.reasons]
    if 'nothing was done' not in retry(cupel, home, '--reason', 'unknown_table', action='drop'):
        wrong.append('drop without --yes')
    retry(cupel, home, action='drop', expect=2)
    retry(cupel, home, '--reason', 'unknown_table', '--yes', action='drop')
    wrong += look('dropped', good + mended, [r for r in never if r not in held])
    if not any(r['state'] == 'discarded' and r['by'] for r in lake.quarantine()):
        wrong.append('nobody discarded anything')
    if form != 'inline':
        lakes.run(cupel, 'replay', home / 'lake', '--input', 'in.ndjson', '--to', home / 'out')
        wrong += check_replay(home, form)
    lakes.run(cupel, 'run', home / 'p', '--lake', home / 'lake', '--until-end')
    return wrong + look('a later run', good + mended, [r for r in never if r not in held])


def check_replay(home, form):
    came, back = ((home / name / 'in.ndjson').read_bytes().split(b'\n') for name in ('', 'out'))
    if form == 'dump':  # written anew: equal as records; lines that are none are equal as bytes
        came, back = ([as_record(line) for line in lines] for lines in (came, back))
    return [] if came == back else [f'replay gives {len(back)} lines for {len(came)}']


def as_record(line):
    try:
        found = json.loads(line)
        return found if isinstance(found, dict) and 'offset' in found and len(line) < 2 * MIB else line
    except ValueError:
        return line


# --- kill ---

def interrupted(command, home, point, turn):
    """Starts a retry and kills all of it at a moment that the point chooses; False: it was faster."""
    folder = home / 'lake/_cupel/default/test/0/retry'
    ledger = home / 'lake/_cupel/default/test/ledger/_delta_log'
    before = len(list(ledger.glob('*.json')))
    moments = [lambda: list(folder.glob('*.tmp')), lambda: list(folder.glob('*.retry')),
               *[lambda n=n: len(list(ledger.glob('*.json'))) >= before + n for n in (1, 2, 3, 4)]]
    run = runs.Run(command)
    until = time.monotonic() + 60
    while run.running() and time.monotonic() < until and not moments[point % len(moments)]():
        time.sleep(0.0005)
    time.sleep(random.Random(SEED + point).random() * 0.02 / (1 + turn))
    running = run.running()
    run.end()
    return running


def kills(cupel, home):
    # a null in a required column, of some 2 KB: several epochs of 1 MiB
    bad = [({'null_in_required'}, text(5000 + i, name=None).replace('"op": "c"', f'"note": "{NOTE}", "op": "c"').encode(), 'account') for i in range(KILL_RECORDS)]
    bad += list(kinds())[4:8]
    records = write_input(home, 'ndjson', bad)
    extra = 'commit:\n  bytes: 1MiB\nworkers: 1\n'
    write_pipeline(home, False, extra)
    lakes.run(cupel, 'run', home / 'p', '--lake', home / 'lake', '--until-end')
    write_pipeline(home, True, extra)
    (home / 'lake').rename(home / 'fresh')
    left = [r for r in records if r.reasons and not r.mended]
    lake, wrong, hits = lakes.Lake(home / 'lake'), [], 0
    for point in range(KILL_POINTS):
        command = [str(cupel), 'quarantine', 'retry', str(home / 'p'), '--lake', str(home / 'lake')]
        for turn in range(KILL_TURNS):
            shutil.rmtree(home / 'lake', ignore_errors=True)  # the first time there is none
            shutil.copytree(home / 'fresh', home / 'lake', symlinks=True)
            if interrupted(command, home, point, turn):
                hits += 1
                break
        said = retry(cupel, home)
        if 'interrupted in' in said:
            retry(cupel, home)
        accepted = [r for r in records if not r.reasons or r.mended]
        wrong += check_open(lake, left, f'point {point}') + check_silver(lake, accepted, f'point {point}')
        if point % 4 == 0:
            lakes.run(cupel, 'verify', home / 'lake')
        shutil.rmtree(home / 'lake')
    print(f'{hits} of {KILL_POINTS} hit; seed {SEED}')
    return wrong + ([f'only {hits} kills hit a retry'] if hits < KILL_POINTS / 2 else [])


# --- bound ---

def live_bytes(lake):
    """Nothing merged or removed files of so small a table: all that are there are live."""
    path = lake.only('default/quarantine/test')
    return sum(file.stat().st_size for file in path.rglob('*.parquet') if file.parent.name != '_delta_log')


def bounds(cupel, home):
    rng = random.Random(SEED)
    # refused ones of some 4 KB that do not compress: inline, 1 MiB holds a third of them. A source without end
    # has the first half: only the limit ends that run
    bad = [({'null_in_required'}, text(5000 + i, name=None).replace('"op": "c"', f'"note": "{rng.randbytes(2000).hex()}", "op": "c"').encode(),
            'account') for i in range(BOUND_RECORDS)]
    bad += list(kinds())[4:8]
    records = write_input(home, 'ndjson', bad)
    whole = (home / 'in.ndjson').read_bytes()
    cut = whole.index(b'\n', len(whole) // 2) + 1
    (home / 'in.ndjson').write_bytes(whole[:cut])
    extra = 'commit: {bytes: 1MiB, interval: 200ms}\nworkers: 1\ncodec: none\nquarantine: {inline: true, bytes_max: %s}\n'
    small, large = extra % '1MiB', extra % '1GiB'
    run = lambda expect, *words: lakes.run(cupel, 'run', home / 'p', '--lake', home / 'lake', *words, expect=expect).stderr
    epochs = lambda: lake.duck.execute(f"SELECT max(epoch) FROM {lake.scan(lake.only('_cupel/default/test/ledger'))}").fetchone()[0]
    write_pipeline(home, False, small)
    said, lake, wrong = run(1), lakes.Lake(home / 'lake'), []
    for form in (r'default/quarantine/test: (\d+) bytes, and quarantine.bytes_max is 1048576', '`cupel quarantine ls', 'raise quarantine.bytes_max'):
        if not re.search(form, said):
            wrong.append(f'the run does not say {form}: {said}')
    told, last = int((re.search(r'test: (\d+) bytes', said) or [0, 0])[1]), epochs()
    if told <= MIB or told != live_bytes(lake):
        wrong.append(f'{told} bytes told, {live_bytes(lake)} are there')
    count = len(open_rows(lake))
    read = max(row['end'] for row in lake.ledger('input'))  # the half, or less of it in an epoch that was late
    if count != len([r for r in records if r.reasons and r.position < read]) or read > cut:
        wrong.append(f'{count} are open behind the first run, which read {read} bytes of {cut}')
    lakes.run(cupel, 'verify', home / 'lake', '--deep')
    (home / 'in.ndjson').write_bytes(whole)
    if 'quarantine.bytes_max' not in run(1, '--until-end') or epochs() != last:
        wrong.append(f'a second run went on: epoch {epochs()} behind {last}')
    # nothing mended and the sternest breaker: a retry is judged by neither
    write_pipeline(home, False, small + 'breaker: {rate: 0, records: 1, action: abort}\n')
    contract_file = home / 'p/contracts/account.odcs.yaml'
    contract_file.write_text(contract_file.read_text() + QUALITY)
    retry(cupel, home)
    if epochs() == last or len(open_rows(lake)) != count:
        wrong.append(f'the retry made epoch {epochs()} behind {last}, {len(open_rows(lake))} of {count} are open')
    write_pipeline(home, True, small)
    retry(cupel, home)
    write_pipeline(home, False, large)
    run(0, '--until-end')
    write_pipeline(home, True, large)
    retry(cupel, home)
    lakes.run(cupel, 'verify', home / 'lake', '--deep')
    accepted = [r for r in records if not r.reasons or r.mended]
    return wrong + check_open(lake, [r for r in records if r.reasons and not r.mended], 'end') + check_silver(lake, accepted, 'end')


def main():
    cupel, case = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        cases = {'kill': kills, 'bound': bounds}
        wrong = cases[case](cupel, home) if case in cases else story(cupel, home, case)
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
