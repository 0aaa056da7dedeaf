#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   compact and vacuum change no row, whatever else goes on; logs lose their old end.
Method: a lake of many small epochs. It is compacted while nothing runs, while a run is writing, and by
        processes that are killed at random moments; DuckDB and delta-rs must see the rows of before
        (and of the generator's truth), `verify --deep` must stay clean. Then a vacuum, dry and real,
        with files made old; and a run that finds old log entries.

    test_upkeep.py CUPEL GEN ROOT [SEED]"""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import deltalake

import bank
import contracts
import lakes
import runs

ROWS = 9000
RUNS = 16  # epochs of the first part
KILLS = 6
SMALL_FILES = 4  # of a partition, that a run merges
ONE_EPOCH = 'commit:\n  interval: 1h\n'  # however slow the machine is
DAY_SECONDS = 300  # more than a part of this test takes: an epoch ends with the day, too
OLD = time.time() - 40 * 86400


class Home:
    def __init__(self, cupel, gen, root, folder):
        self.cupel, self.gen, self.folder = cupel, gen, folder
        self.lake = folder / 'lake'
        self.tables = bank.columns(root)
        self.lines = []
        self.input = folder / 'in' / 'bank.ndjson'
        self.input.parent.mkdir()
        bank.generate(gen, '--rows', ROWS, '--seed', 11, '--out', self.input, '--truth', folder / 'truth', '--record-size', 1500)
        self.lines = self.input.read_bytes().splitlines(keepends=True)
        self.input.write_bytes(b'')
        contracts.write_pipeline(folder / 'pipeline', [self.input], contracts.of_bank(self.tables),
                                 extra=ONE_EPOCH + 'upkeep:\n  compact: off\n')

    def feed(self, count):
        """The next lines become part of the input."""
        with open(self.input, 'ab') as file:
            file.writelines(self.lines[:count])
        del self.lines[:count]

    def run(self, *more):
        return lakes.run(self.cupel, 'run', self.folder / 'pipeline', '--lake', self.lake, '--until-end', *more)

    def compact(self, *more, **how):
        return lakes.run(self.cupel, 'compact', self.lake, '--min-files', 3, *more, **how)


def wait_for(what, seconds=600):  # for what only a fault keeps from coming
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def contents(home):
    """Per table: files, rows and a sum over all cells that does not depend on order, by two engines."""
    lake = lakes.Lake(home.lake)
    found = {}
    for path in lake.tables():
        duck = lake.rows(f'SELECT count(*) AS n, sum(hash(t)::HUGEINT)::VARCHAR AS h FROM {lake.scan(path)} t')[0]
        there = deltalake.DeltaTable(str(path))
        rust = deltalake.QueryBuilder().register('t', there).execute('SELECT count(*) AS n FROM t').read_all()
        assert int(rust['n'][0].as_py()) == duck['n'], path
        found[str(path.relative_to(home.lake))] = (len(there.file_uris()), duck['n'], duck['h'])
    return found


def same_rows(before, after, what):
    assert before.keys() == after.keys(), (what, before.keys() ^ after.keys())
    for table in before:
        assert before[table][1:] == after[table][1:], (what, table, before[table], after[table])


def verify(home):
    assert lakes.run(home.cupel, 'verify', home.lake, '--deep').stdout.endswith('ok\n')


def leftovers(home):
    """What a finished upkeep may not leave: manifests and staged files."""
    folders = home.lake.glob('_cupel/*/*/*/upkeep')
    return [str(p) for f in folders for p in f.rglob('*') if p.is_file() and p.name != 'lock']


def orphans(home):
    """Data files that no version of any table names."""
    wrong = []
    for log in home.lake.rglob('_delta_log'):
        text = ''.join(p.read_text() for p in log.glob('*.json'))
        wrong += [str(p) for p in log.parent.glob('*.parquet') if p.name not in text]
    return wrong


def check_idle(home):
    for _ in range(RUNS):
        home.feed(len(home.lines) // (RUNS * 2))
        home.run()
    before = contents(home)
    assert max(files for files, _, _ in before.values()) == RUNS, before
    dry = home.compact('--dry-run')
    assert contents(home) == before and 'would become 1' in dry.stdout, dry.stdout
    done = home.compact('--table', 'default/silver/pg/bank/customer')
    assert 'silver/pg/bank/customer' in done.stdout and '1 tables compacted' in done.stdout, done.stdout
    home.compact()
    after = contents(home)
    same_rows(before, after, 'idle')
    assert all(files == 1 for files, _, _ in after.values()), after
    again = home.compact()
    assert '0 tables compacted' in again.stdout, again.stdout
    assert contents(home) == after
    verify(home)
    assert leftovers(home) == [] and orphans(home) == []
    newest = sorted((home.lake / 'default/silver/pg/bank/customer/_delta_log').glob('*.json'))[-1]
    info, *actions = [json.loads(line) for line in newest.read_text().splitlines()]
    assert info['commitInfo']['operation'] == 'OPTIMIZE', info
    assert all(next(iter(a.values()))['dataChange'] is False for a in actions), actions[:2]
    assert sorted(next(iter(a)) for a in actions) == ['add'] + ['remove'] * before['default/silver/pg/bank/customer'][0]


def check_running(home):
    """The run's own committer takes what is staged beside it."""
    home.feed(len(home.lines) // 3)
    writer = subprocess.Popen([home.cupel, 'run', home.folder / 'pipeline', '--lake', home.lake, '--until-end',
                               '--commit-bytes', '1MiB', '--workers', '1'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    said = []
    while writer.poll() is None:
        said.append(home.compact(expect=None))
    assert writer.returncode == 0
    assert all(done.returncode == 0 for done in said), [d.stderr for d in said if d.returncode]
    home.compact()
    verify(home)
    assert leftovers(home) == [] and orphans(home) == []
    return len(said)


def check_kills(home, rnd):
    """A killed compaction leaves the old files or the new ones; the next one cleans up."""
    home.feed(len(home.lines) // 2)
    home.run('--commit-bytes', '1MiB', '--workers', '1')
    before = contents(home)
    for round_ in range(KILLS):
        started = time.monotonic()
        process = subprocess.Popen([home.cupel, 'compact', home.lake, '--min-files', '2', '--target', '64KiB' if round_ % 2 else '1MiB'],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(rnd.uniform(0.0, 0.25))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        same_rows(before, contents(home), f'kill {round_} after {time.monotonic() - started:.3f} s')
    home.compact()
    same_rows(before, contents(home), 'after kills')
    verify(home)
    assert leftovers(home) == [] and orphans(home) == [], (leftovers(home), orphans(home))


def make_old(folder, pattern):
    for path in folder.rglob(pattern):
        os.utime(path, (OLD, OLD))


def check_vacuum(home):
    lake = home.lake
    before = contents(home)
    data = lambda: {p for p in lake.rglob('*.parquet') if '_delta_log' not in p.parts}
    files, archives = data(), sorted(lake.rglob('*.ndjson.gz'))
    dead = files - {pathlib.Path(u) for t in lakes.Lake(lake).tables() for u in deltalake.DeltaTable(str(t)).file_uris()}
    assert dead and archives
    assert '0 files' in lakes.run(home.cupel, 'vacuum', lake).stdout.splitlines()[-1]  # all are young
    refused = lakes.run(home.cupel, 'vacuum', lake, '--retain', '1h', expect=2)
    assert '--force' in refused.stderr, refused.stderr
    make_old(lake, '*.parquet')  # the tombstones are young still
    assert '0 files' in lakes.run(home.cupel, 'vacuum', lake).stdout.splitlines()[-1]
    hidden = lake / 'default/silver/pg/bank/customer/_mine.parquet'
    hidden.write_bytes(b'x')
    stray = lake / 'default/silver/pg/bank/customer/stray.parquet'
    stray.write_bytes(b'x')
    note = lake / 'default/silver/pg/bank/customer/note.txt'
    note.write_bytes(b'x')
    held = stray.with_name('held.parquet')  # a manifest names it: it may be part of the table tomorrow
    held.write_bytes(b'x')
    manifest = lake / '_cupel/default/test/0/upkeep/manifest'
    manifest.write_text('{"path":"held.parquet"}')
    for path in (hidden, stray, note, held):
        os.utime(path, (OLD, OLD))
    dry = lakes.run(home.cupel, 'vacuum', lake, '--dry-run', '--retain', '0h', '--force')
    assert data() == files | {hidden, stray, held} and f'{len(dead) + 1} files' in dry.stdout, dry.stdout
    done = lakes.run(home.cupel, 'vacuum', lake)
    assert '1 files' in done.stdout.splitlines()[-1] and not stray.exists() and held.exists(), done.stdout
    held.unlink()
    manifest.unlink()
    done = lakes.run(home.cupel, 'vacuum', lake, '--retain', '0h', '--force')
    assert f'{len(dead)} files' in done.stdout.splitlines()[-1], done.stdout
    assert data() == (files - dead) | {hidden} and note.exists() and sorted(lake.rglob('*.ndjson.gz')) == archives
    same_rows(before, contents(home), 'vacuum')
    verify(home)
    hidden.unlink()


def check_log(home):
    """Entries that are old when a checkpoint is made go, and what is left is a table."""
    make_old(home.lake, '0*.json')
    logs = {p: len(list(p.glob('*.json'))) for p in home.lake.rglob('_delta_log')}
    for left in range(11, 0, -1):  # across the next checkpoint
        home.feed(len(home.lines) // left)
        home.run()
    for log, count in logs.items():
        now = sorted(int(p.name[:20]) for p in log.glob('*.json'))
        marks = sorted(int(p.name[:20]) for p in log.glob('*.checkpoint.parquet'))
        assert now == list(range(now[0], now[-1] + 1)), log
        assert 0 < now[0] <= count and now[0] == marks[0], (log, now[0], count, marks)
    verify(home)


ODD = ['a/b', 'a b', '\u00e9\U0001f600', '..', 'x=y', '100%', '"q"', 'tab\there']
PARTED = """apiVersion: v3.1.0
kind: DataContract
id: s-t
version: 1.0.0
status: active
schema:
  - name: t
    customProperties:
      - {property: sourceSchema, value: s}
      - {property: partitionBy, value: _date}
    properties:
      - {name: id, physicalType: bigint, primaryKey: true, primaryKeyPosition: 1}
      - {name: p, physicalType: text, primaryKey: true, primaryKeyPosition: 2, partitioned: true, partitionKeyPosition: 1}
"""


def check_partitions(cupel, folder):
    """Files of one partition are merged with their like, in its folder; a vacuum sees folders of `_date`."""
    source = folder / 'parted.ndjson'
    source.write_text('')
    contracts.write_pipeline(folder / 'parted', [source], {'t': PARTED}, extra=ONE_EPOCH + 'upkeep:\n  compact: off\n')
    lake = folder / 'parted-lake'
    for start in range(0, 600, 200):
        with open(source, 'a', encoding='utf-8') as file:
            for i in range(start, start + 200):
                origin = {'connector': 'postgresql', 'name': 'pg', 'db': 'd', 'schema': 's', 'table': 't', 'lsn': 1,
                          'ts_us': 1767225600000000 + i % 3 * 86400 * 10 ** 6}
                file.write(json.dumps({'before': None, 'after': {'id': i, 'p': ODD[i % 8]}, 'source': origin, 'op': 'c'}) + '\n')
        lakes.run(cupel, 'run', folder / 'parted', '--lake', lake, '--until-end')
    path = lakes.Lake(lake).silver()['s.t']
    look = lambda: (sorted(map(str, lakes.Lake(lake).rows(f'SELECT * FROM delta_scan({lakes.quoted(path)})'))),
                    deltalake.DeltaTable(str(path)).to_pyarrow_table().sort_by('id').to_pylist())
    files = lambda: len(deltalake.DeltaTable(str(path)).file_uris())
    before, many = look(), files()
    assert len(before[0]) == 600 and many == 3 * 24, (len(before[0]), many)
    lakes.run(cupel, 'compact', lake, '--min-files', 2)
    assert look() == before and files() == 24, files()
    make_old(lake, '*.parquet')
    lakes.run(cupel, 'vacuum', lake, '--retain', '0h', '--force')
    assert look() == before and len([p for p in path.rglob('*.parquet') if '_delta_log' not in p.parts]) == 24
    lakes.run(cupel, 'verify', lake, '--deep')


def started_by(process):
    """Processes that a run has started and not seen the end of."""
    return pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()


def check_auto(cupel, gen, root, folder):
    """A run that finds many small files, and makes some, merges them by itself while it goes on, says so, and changes no row."""
    folder.mkdir()
    source, truth, lake = folder / 'in.ndjson', folder / 'truth', folder / 'lake'
    bank.generate(gen, '--rows', ROWS, '--seed', 12, '--out', source, '--truth', truth, '--record-size', 1500)
    tables = bank.columns(root)
    contracts.write_pipeline(folder / 'pipeline', [source], contracts.of_bank(tables),
                             extra=f'upkeep:\n  small_files: {SMALL_FILES}\ncommit:\n  interval: 100ms\n')
    lines = source.read_bytes().splitlines(keepends=True)
    source.write_bytes(b'')
    command, step = [cupel, 'run', folder / 'pipeline', '--lake', lake], len(lines) // (2 * SMALL_FILES + 2) + 1

    def feed():
        with open(source, 'ab') as file:
            file.writelines(lines[:step])
        del lines[:step]

    for _ in range(SMALL_FILES):  # too few epochs each to look for small files
        feed()
        lakes.run(*command, '--until-end', '--commit-interval', '1h')
    merged = lambda: [path for path in lake.rglob('_delta_log/*.json') if '"operation":"OPTIMIZE"' in path.read_text()]
    run = runs.Run(command, folder / 'said')
    for _ in range(SMALL_FILES):
        before = lakes.epochs(lake)
        feed()
        wait_for(lambda: lakes.epochs(lake) > before)
    wait_for(merged)  # by this run: those before had no reason
    wait_for(lambda: len(started_by(run.process)) == 1)  # the data plane; who merged has told what it did
    feed()
    run.process.terminate()
    assert run.gone() == 0, run.said()
    said = run.said()
    assert re.search(r'^upkeep  \d+ small files became \d+, in \d+ rounds?$', said, re.M), said
    feed()
    assert not lines
    lakes.run(*command, '--until-end')
    lakes.run(cupel, 'verify', lake, '--deep')
    return lakes.check_truth(lakes.Lake(lake), truth, tables, bank.sums(truth))


def main():
    cupel, gen, root = sys.argv[1:4]
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 30)
    print(f'seed {seed}')
    with tempfile.TemporaryDirectory() as folder:
        home = Home(cupel, gen, root, pathlib.Path(folder))
        lakes.await_day(DAY_SECONDS)
        check_idle(home)
        rounds = check_running(home)
        check_kills(home, random.Random(seed))
        check_vacuum(home)
        check_log(home)
        lakes.await_day(DAY_SECONDS)
        check_partitions(cupel, home.folder)
        wrong = lakes.check_truth(lakes.Lake(home.lake), home.folder / 'truth', home.tables, bank.sums(home.folder / 'truth'))
        wrong += check_auto(cupel, gen, root, home.folder / 'auto')
        print(f'{rounds} compactions beside a run')
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
