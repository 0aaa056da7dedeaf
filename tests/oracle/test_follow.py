#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a run without --until-end takes every line that is ever written to a folder exactly once, whatever
        happens to the files: they grow in odd pieces, are rotated, truncated, removed, and come in
        thousands; the run is killed at any moment and started again; it is quick, idle and ends cleanly.
Method: a writer here with a seeded schedule; every line it wrote carries a number, and the silver table,
        read with DuckDB, must hold each number once. `cupel verify --deep` then proves the ledger.

    test_follow.py CUPEL CASE [SEED]      CASE: growth | rotate | kill | many | gzip | late | setback | idle"""
import contextlib
import gzip
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

import contracts
import disks
import lakes
import runs

CUPEL = sys.argv[1]
CASE = sys.argv[2]
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
WAIT_SECONDS = 600  # for what only a fault keeps from coming
RATE = 'commit:\n  interval: 200ms\nmemory: 16MiB\nupkeep:\n  compact: off\n'
CONTRACT = contracts.contract('s', 't', [('id', 'bigint', None, 1), ('v', 'text')], 'full')


def event(number, pad=0):
    return json.dumps({'before': None, 'after': {'id': number, 'v': 'x' * pad}, 'op': 'c',
                       'source': {'connector': 'postgresql', 'name': 'pg', 'db': 'd', 'schema': 's', 'table': 't',
                                  'lsn': number + 1, 'ts_us': 1767225600000000 + number}}) + '\n'


class World:
    """A folder that is written to, a pipeline that follows it, and what must come out."""

    def __init__(self, home, pattern='*.ndjson', extra='', options=()):
        self.home, self.options = home, options
        self.folder = home / 'in'
        self.folder.mkdir()
        self.lake = home / 'lake'
        self.random = random.Random(SEED)
        self.numbers = 0
        self.said = ''
        contracts.write_pipeline(home / 'p', [self.folder / pattern], {'t': CONTRACT}, extra=RATE + extra)

    def lines(self, count, pad=200):
        made = ''.join(event(self.numbers + i, self.random.randrange(pad)) for i in range(count))
        self.numbers += count
        return made.encode()

    def start(self):
        self.run = runs.Run([CUPEL, 'run', self.home / 'p', '--lake', self.lake, '--workers', '2', *self.options],
                            self.home / 'said')

    def stop(self, how=signal.SIGTERM):
        self.run.await_ready()
        self.run.process.send_signal(how)
        code = self.run.gone(WAIT_SECONDS)
        self.said = self.run.said()
        need(code == 0, f'exit {code}', self.said)
        return self.said

    def count(self, table='silver/pg/s/t'):
        """Rows that a reader sees now: those of the log's files. No entry is cut off so soon."""
        return sum(lakes.added_rows(self.lake / 'default' / table))

    def await_rows(self, count=None, table='silver/pg/s/t'):
        count = self.numbers if count is None else count
        until = time.monotonic() + WAIT_SECONDS
        while (seen := self.count(table)) < count:
            need(self.run.running(), 'the run has ended', self.run.said())
            need(time.monotonic() < until, f'{seen} rows of {count} in {table}', self.run.said())
            time.sleep(0.02)

    def check(self, quarantined=0):
        """Each number once, and positions that tell all rows apart."""
        reader = lakes.Lake(self.lake)
        table = reader.scan(reader.silver()['s.t'])
        rows, first, last, ids, places = reader.duck.execute(
            f'SELECT count(*), min(id), max(id), count(DISTINCT id), '
            f"count(DISTINCT _topic || '|' || _partition || '|' || _offset) FROM {table}").fetchone()
        need((rows, first, last, ids, places) == (self.numbers, 0, self.numbers - 1, self.numbers, self.numbers),
             f'{self.numbers} lines were written; rows, first, last, ids, places: {rows, first, last, ids, places}',
             self.run.said())
        found = len(reader.quarantine())
        need(found == quarantined, f'{found} records in quarantine, not {quarantined}', '')
        lakes.run(CUPEL, 'verify', self.lake, '--deep')
        return reader, table


def need(condition, what, said):
    if not condition:
        sys.exit(f'{CASE}, seed {SEED}: {what}\n{said[-3000:]}')


def append(path, data, rnd=None):
    """In pieces that care for nothing."""
    with open(path, 'ab', buffering=0) as out:
        while data:
            piece = data[:rnd.randrange(1, 900)] if rnd else data
            out.write(piece)
            data = data[len(piece):]


def growth(world):
    """Pieces of lines; a last line that waits; a file that comes with an earlier name; SIGINT."""
    append(world.folder / 'm.ndjson', world.lines(50))
    world.start()
    waited = []
    for turn in range(12):
        name = world.random.choice(['m', 'b', 'z']) + '.ndjson'
        append(world.folder / name, world.lines(20), world.random)
        began = time.monotonic()
        world.await_rows()
        waited.append(time.monotonic() - began)
    half = world.lines(1)
    append(world.folder / 'm.ndjson', half[:40])
    append(world.folder / 'a.ndjson', world.lines(3))
    world.await_rows(world.numbers - 1)
    world.stop(signal.SIGINT)
    need(world.count() == world.numbers - 1, 'a line without LF was taken', world.said)
    need('4 files followed' in world.said, 'the summary counts the files', world.said)
    append(world.folder / 'm.ndjson', half[40:])
    world.start()
    world.await_rows()
    world.stop()
    world.check()
    print(f'append to visible: median {sorted(waited)[len(waited) // 2]:.2f} s, longest {max(waited):.2f} s '
          '(commit.interval 0.2 s)')


def rotate(world):
    """logrotate's two ways, and removal."""
    path = world.folder / 'app.ndjson'
    world.start()
    for turn in range(4):
        append(path, world.lines(30), world.random)
        world.await_rows()  # a file must be seen once under a name that matches
        writer = open(path, 'ab', buffering=0)  # it has not heard of the rotation yet
        for old in range(turn, 0, -1):
            os.rename(f'{path}.{old}', f'{path}.{old + 1}')
        os.rename(path, f'{path}.1')
        writer.write(world.lines(5))
        append(path, world.lines(7))
        writer.write(world.lines(5))
        writer.close()
    world.await_rows()
    for turn in range(3):  # copytruncate, with a pause so that nothing is lost
        append(path, world.lines(40), world.random)
        world.await_rows()
        (world.folder / 'app.copy').write_bytes(path.read_bytes())
        os.truncate(path, 0)
        time.sleep(0.3)
        append(path, world.lines(90 if turn == 1 else 4))
    world.await_rows()
    append(world.folder / 'last.ndjson', world.lines(9)[:-1])  # its LF never comes
    world.await_rows(world.numbers - 1)
    os.remove(world.folder / 'last.ndjson')
    world.await_rows()
    said = world.stop()
    need('4 rotated, 3 truncated' in said, 'rotations and truncations are counted', said)
    need(said.count('was truncated in place') == 3, 'a truncation is told', said)
    need('app.ndjson was truncated' in said and 'bytes were read' in said, 'and what may be lost', said)
    reader, table = world.check()
    found = reader.rows(f'SELECT _topic, _partition, count(*) AS n FROM {table} GROUP BY ALL ORDER BY ALL')
    need([r['_partition'] for r in found if r['_topic'] == 'app.ndjson'] == list(range(8)),
         f'generations: {found}', said)
    # the old file's lines stand before those of the new one
    wrong = reader.one(f'SELECT count(*) FROM (SELECT id, lag(id) OVER (ORDER BY _partition, _offset) AS before '
                       f"FROM {table} WHERE _topic = 'app.ndjson' AND _partition > 4) WHERE before > id")
    need(wrong == 0, 'order of generations', said)


def kill(world):
    """kill -9 at any moment; what happens while nobody looks is found by identity. The pattern matches
    rotated names too: a file may come and be rotated while nobody looks."""
    path = world.folder / 'app.ndjson'
    append(path, world.lines(10))
    world.start()
    for turn in range(9):
        append(path, world.lines(60), world.random)
        time.sleep(world.random.random() * 0.5)
        if turn % 3 == 0:
            world.run.end()
        append(path, world.lines(10)[:-1])
        for old in range(turn, 0, -1):
            if os.path.exists(f'{path}.{old}'):
                os.rename(f'{path}.{old}', f'{path}.{old + 1}')
        os.rename(path, f'{path}.1')
        append(f'{path}.1', b'\n')
        if turn % 3 == 1:
            world.run.end()
        append(path, world.lines(1))
        append(world.folder / f'new{turn}.ndjson', world.lines(5), world.random)
        if not world.run.running():
            world.start()
        time.sleep(world.random.random() * 0.3)
        if turn % 3 == 2:
            world.run.end()
            world.start()
    world.await_rows()
    world.stop()
    world.check()


def size_of(journal):
    """Bytes of its files. One may be removed while they are looked at: then a later one has what it had."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            return sum(file.stat().st_size for file in journal.glob('*.cj'))


def many(world):
    """5,000 files; then they go, and the journal forgets them."""
    world.start()
    began = time.monotonic()
    for i in range(5000):
        (world.folder / f'{i:05d}.ndjson').write_bytes(world.lines(2, 20))
    world.await_rows()
    took = time.monotonic() - began
    most = max(len(os.listdir(f'/proc/{pid}/fd')) for pid, _, _ in world.run.members())
    need(most < 600, f'{most} descriptors are open', '')
    for i in range(5000):
        os.remove(world.folder / f'{i:05d}.ndjson')
    journal = world.lake / '_cupel/default/test/0/journal'
    until = time.monotonic() + WAIT_SECONDS
    while (size := size_of(journal)) > 400000:
        need(time.monotonic() < until, f'the journal still has {size} bytes', world.run.said())
        append(world.folder / 'more.ndjson', world.lines(1))
        time.sleep(0.5)
    (world.folder / '00000.ndjson').write_bytes(world.lines(2))  # the name of one that is forgotten
    world.await_rows()
    world.stop()
    world.check()
    print(f'5,000 files: {took:.1f} s; {most} descriptors; journal {size} bytes after they went')


def gzipped(world):
    """Members that are not whole yet; more members; a damaged one."""
    path = world.folder / 'a.gz'
    member = gzip.compress(world.lines(300))
    path.write_bytes(member[:len(member) // 2])
    world.start()
    time.sleep(1.2)
    need(world.count() == 0, 'half a member was taken', '')
    append(path, member[len(member) // 2:], world.random)
    world.await_rows()
    append(path, gzip.compress(world.lines(20)), world.random)
    world.await_rows()
    damaged = bytearray(gzip.compress(world.lines(20)))
    damaged[-6] ^= 1  # its checksum: the lines come, and the tear is told
    (world.folder / 'b.gz').write_bytes(bytes(damaged))
    world.await_rows()
    world.await_rows(1, 'quarantine/test')  # the tear comes behind the lines: an epoch may end between them
    world.stop()
    world.check(quarantined=1)


def late(world):
    """No folder yet; a record longer than allowed, in pieces; an empty file; one that nobody may have."""
    (world.folder / 'deep').mkdir()
    world.start()
    (world.folder / 'empty.ndjson').touch()
    time.sleep(0.5)
    long = b'{"x":"' + b'y' * (3 << 20) + b'"}\n'
    append(world.folder / 'l.ndjson', world.lines(2) + long[:2 << 20])
    append(world.folder / 'k.ndjson', world.lines(3))
    world.await_rows()
    append(world.folder / 'l.ndjson', long[2 << 20:] + world.lines(1))
    append(world.folder / 'empty.ndjson', world.lines(4))
    world.await_rows()
    world.stop()
    world.check(quarantined=1)


def unknown(number):
    """An event of a table that no contract names, with its schema."""
    row = [{'type': 'int64', 'optional': False, 'field': 'id'}, {'type': 'string', 'optional': True, 'field': 'v'}]
    source = [{'type': 'string', 'optional': False, 'field': f}
              for f in ('connector', 'name', 'db', 'schema', 'table')]
    schema = {'type': 'struct', 'optional': False, 'name': 'pg.s.born.Envelope', 'fields': [
        {'type': 'struct', 'fields': row, 'optional': True, 'name': 'pg.s.born.Value', 'field': 'before'},
        {'type': 'struct', 'fields': row, 'optional': True, 'name': 'pg.s.born.Value', 'field': 'after'},
        {'type': 'struct', 'fields': source, 'optional': False, 'field': 'source'},
        {'type': 'string', 'optional': False, 'field': 'op'}]}
    payload = {'before': None, 'after': {'id': number, 'v': 'x'}, 'op': 'c',
               'source': {'connector': 'postgresql', 'name': 'pg', 'db': 'd', 'schema': 's', 'table': 'born'}}
    return (json.dumps({'schema': schema, 'payload': payload}) + '\n').encode()


def setback(world):
    """New files come while a new table needs a new plan, and while the lake's disk fails."""
    world.start()
    for i in range(6):
        append(world.folder / f'{i}.ndjson', world.lines(20) + unknown(i) + world.lines(3))
        time.sleep(0.15)
    world.await_rows()

    def more(*names):
        for name in names:
            append(world.folder / name, world.lines(9))

    disks.refuse(world, lambda: more('3.ndjson'), lambda: more('2.ndjson', 'new.ndjson'))
    world.await_rows()
    said = world.stop()
    need('going on' in said, 'it went on', said)
    reader, _ = world.check()
    need(reader.one(f"SELECT count(DISTINCT id) FROM {reader.scan(reader.silver()['s.born'])}") == 6, 'new table', said)


def await_ledger(world):
    """Until the last table has what the first ones have; at first it may not be there."""
    until = time.monotonic() + WAIT_SECONDS
    while not lakes.epochs(world.lake):
        need(time.monotonic() < until, 'no ledger', world.run.said())
        time.sleep(0.1)
    while sum(row['records'] for row in lakes.Lake(world.lake).ledger('input')) < world.numbers:
        need(time.monotonic() < until, 'the ledger lacks records', world.run.said())
        time.sleep(0.1)
    time.sleep(1)


def idle(world):
    """Nothing to do costs nothing, and commits nothing."""
    for i in range(200):
        append(world.folder / f'{i}.ndjson', world.lines(1))
    world.start()
    world.await_rows()
    await_ledger(world)

    def seconds():
        ticks = 0
        for pid, _, _ in world.run.members():
            words = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
            ticks += int(words[11]) + int(words[12])
        return ticks / os.sysconf('SC_CLK_TCK')

    epochs = len(lakes.Lake(world.lake).ledger('input'))
    before, began = seconds(), time.monotonic()
    time.sleep(4)
    used = (seconds() - before) / (time.monotonic() - began)
    need(used < 0.2, f'{100 * used:.1f} % of a processor while idle', '')
    need(len(lakes.Lake(world.lake).ledger('input')) == epochs, 'an empty epoch was committed', '')
    append(world.folder / '7.ndjson', world.lines(1))
    began = time.monotonic()
    world.await_rows()
    took = time.monotonic() - began
    world.stop()
    world.check()
    print(f'idle: {100 * used:.1f} % of a processor; a line after that visible in {took:.2f} s')


CASES = {'growth': (growth, {}), 'rotate': (rotate, {}), 'kill': (kill, {'pattern': '*.ndjson*'}),
         'many': (many, {}), 'gzip': (gzipped, {'pattern': '*.gz'}),
         'late': (late, {}), 'setback': (setback, {}), 'idle': (idle, {})}


def main():
    case, more = CASES[CASE]
    with tempfile.TemporaryDirectory(prefix='cupel-follow-') as home:
        world = World(pathlib.Path(home), **more)
        try:
            case(world)
        finally:
            if hasattr(world, 'run') and world.run.running():
                world.run.end()


main()
