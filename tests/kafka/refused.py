# SPDX-License-Identifier: Apache-2.0
"""refused: a lake that two shards fill from one topic, whose quarantine is judged again while the topic goes on, and
whose table is lost; what is published meanwhile. Part of test_tools.py, whose broker it uses.

What must be where follows from what was produced: record i is broken, against the contract, or good. All
records of a key are against the contract, or none is: so a retry must not change the order of a key."""
import collections
import contextlib
import functools
import json
import os
import shutil
import signal
import sys
import time

import lakes
import runs
from broker import Record

TOPIC, PARTITIONS, KEYS = 'ref.s.t', 4, 20
OUTPUT = 'd.ref.s.t'
BROKEN, BAD, GOOD = 'json_syntax', 'rule_violated', 'accepted'
COMPARED = ('k', 'id', 'v', '_op', '_pos', '_sub', '_topic', '_partition', '_offset')
SECONDS_MAX = 120
KILL_TURNS = 5
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: t
version: 1.0.0
status: draft
schema:
  - name: t
    customProperties:
      - {property: sourceName, value: ref}
      - {property: sourceSchema, value: s}
      - {property: sourceTable, value: t}
      - {property: replicaIdentity, value: default}
    properties:
      - {name: k, physicalType: bigint, primaryKey: true, required: true}
      - {name: id, physicalType: bigint, required: true}
      - name: v
        physicalType: text
        quality:
          - {metric: invalidValues, arguments: {validValues: [%s]}, mustBe: 0}
"""


def check(found, wanted, what):
    if found != wanted:
        sys.exit(f'refused: {what}: {found!r}, not {wanted!r}')


def kind_of(i):
    return BROKEN if i % 17 == 4 else BAD if i % 5 == 3 else GOOD


def place_of(i):
    return i % PARTITIONS, i // PARTITIONS


def value_of(i):
    if kind_of(i) == BROKEN:
        return b'{broken %d' % i
    row = {'k': i % KEYS, 'id': i, 'v': 'review' if kind_of(i) == BAD else 'open'}
    source = {'version': '3.5.0.Final', 'connector': 'postgresql', 'name': 'ref', 'ts_ms': 1700000000000 + i, 'snapshot': 'false',
              'db': 'd', 'schema': 's', 'table': 't', 'txId': i, 'lsn': 1000 + i}
    return json.dumps({'before': None, 'after': row, 'source': source, 'op': 'c', 'ts_ms': 1700000000000 + i}).encode()


class World:
    """The topic, a pipeline of two shards, its lake."""

    def __init__(self, cupel, kafka, home):
        self.cupel, self.kafka, self.count = cupel, kafka, 0
        self.read, self.settled = [0, 0], 0  # by shard; refused records before `settled` are open no more
        self.folder, self.lake = home / 'refused', home / 'refused.lake'
        (self.folder / 'contracts').mkdir(parents=True)
        config = {'name': 'p', 'domain': 'd', 'source': 'ref', 'owner': 'test@example.org', 'workers': 1,
                  'lake': str(self.lake), 'kafka': {'brokers': kafka.plaintext}, 'commit': {'interval': '100ms'},
                  'input': [{'topics': TOPIC, 'start': 'earliest'}], 'output': {'publish': 'changes', 'partitions': 3}}
        (self.folder / 'pipeline.yaml').write_text(json.dumps(config, indent=1))
        self.allow('open')
        kafka.create(TOPIC, PARTITIONS)

    def allow(self, values):
        (self.folder / 'contracts/t.odcs.yaml').write_text(CONTRACT % values)

    def put(self, count):
        which = range(self.count, self.count + count)
        self.kafka.produce(TOPIC, [Record(value_of(i), b'%d' % i, [('n', b'%d' % i)], partition=i % PARTITIONS) for i in which])
        self.count += count

    def ask(self, *words, **more):
        return lakes.run(self.cupel, *words, **more).stdout

    def run(self, shard):
        self.read[shard] = self.count
        return self.ask('run', self.folder, '--until-end', '--shard', f'{shard}/2')

    def quarantine(self, action, *words):
        return self.ask('quarantine', action, self.folder, *words)

    def open_ones(self):
        """{reason: records} as ls says."""
        rows = [json.loads(line) for line in self.quarantine('ls', '--json').splitlines()]
        return {row['reason']: row['records'] for row in rows}

    def wait(self, holds, what):
        end = time.monotonic() + SECONDS_MAX
        while not holds():
            if time.monotonic() > end:
                sys.exit(f'refused: {what}: not after {SECONDS_MAX} s; {self.open_ones()}')
            time.sleep(0.05)

    def wait_visible(self):
        """Nothing comes any more, and the shard runs: its last epoch is in the tables, as lag has to say."""
        def behind():
            rows = json.loads(self.ask('lag', self.folder, '--json'))['partitions']
            return sum(row['records_visible'] for row in rows if row['partition'] % 2)
        self.wait(lambda: behind() == 0, 'visible')

    def wait_read(self):
        """Until shard 1 has judged what was produced for its partitions, by the contract that it began with."""
        self.read[1] = self.count
        wanted = {BROKEN: [i for i in self.numbers(BROKEN) if i < self.read[i % 2]],
                  BAD: [i for i in self.numbers(BAD, first=self.settled) if i < self.read[i % 2] and (i % 2 or not self.settled)]}
        self.wait(lambda: self.open_ones() == {kind: len(which) for kind, which in wanted.items() if which},
                  f'refused are to be {wanted}')

    @contextlib.contextmanager
    def running(self, shard):
        """A shard that reads until it is ended, for better or worse."""
        run = runs.Run([self.cupel, 'run', self.folder, '--shard', f'{shard}/2'], self.lake.with_suffix(f'.{shard}.txt'))
        try:
            self.wait(lambda: (self.lake / f'_cupel/d/p/{shard}/journal').exists(), 'a shard starts')
            yield
        finally:
            run.process.kill()
            run.gone()

    def numbers(self, *kinds, first=0):
        return [i for i in range(first, self.count) if kind_of(i) in kinds]

    @functools.cached_property
    def reader(self):
        return lakes.Lake(self.lake)  # DuckDB takes a while to open

    def rows(self):
        lake = self.reader
        return lake.rows(f'SELECT * EXCLUDE (_epoch, _ingested_at, _shard) FROM {lake.scan(lake.silver()["s.t"])} '
                         'ORDER BY id, _epoch')

    def published(self):
        """What a reader of committed records finds, by key and in order; marks of transactions come a little later."""
        ends = [[self.kafka.watermarks(OUTPUT, p, committed=c) for p in range(3)] for c in (True, False)]
        if ends[0] != ends[1]:
            return None
        records = collections.defaultdict(list)
        for record in sorted(self.kafka.consume(OUTPUT), key=lambda r: (r.partition, r.offset)):
            records[json.loads(record.key)['k']].append(json.loads(record.value))
        return records

    def check_topic(self, what):
        """Each row of silver is published once, those of a key in their order."""
        found = []
        self.wait(lambda: found.append(self.published()) or found[-1] is not None, 'published')
        wanted = collections.defaultdict(list)
        for row in self.rows():
            wanted[row['k']].append(tuple(row[name] for name in COMPARED))
        found = {k: [tuple(row[name] for name in COMPARED) for row in rows] for k, rows in found[-1].items()}
        check(found, dict(wanted), f'{what}: what is published of each key')
        check([path.name for path in self.lake.glob('_cupel/d/p/*/spool/*.spool')], [], f'{what}: files that wait')

    def killed(self, pattern, *words, **environment):
        """kill -9, once a file below shard 0 is there that was not; False: the command was faster."""
        shard = self.lake / '_cupel/d/p/0'
        before = set(shard.glob(pattern))
        run = runs.Run([self.cupel, *words], self.lake.with_suffix('.killed.txt'), env=os.environ | environment)
        while run.running() and not set(shard.glob(pattern)) - before:
            time.sleep(0.001)
        return run.end() == -signal.SIGKILL

    def killed_at_begin(self, *words):
        """kill -9 when the records are chosen: the data plane that is to judge them is one that never does."""
        sleeper = self.lake.with_suffix('.sleeper')
        sleeper.write_text('#!/bin/sh\nexec sleep 1000\n')
        sleeper.chmod(0o755)
        return self.killed('retry/*.retry', *words, CUPEL_DATAPLANE=str(sleeper))

    def killed_at_delivery(self, *words):
        """kill -9 when an epoch waits for the broker, which stands still."""
        self.kafka.pause()
        try:
            return self.killed('spool/*.spool', *words)
        finally:
            self.kafka.resume()

    def check_silver(self, wanted, what):
        rows = self.rows()
        check([(row['id'], row['v'].encode() in value_of(row['id']), row['_partition'], row['_offset']) for row in rows],
              [(i, True, *place_of(i)) for i in wanted], what)
        return rows


def check_table(world):
    """Each refused record says where it came from, and still has its bytes."""
    found = sorted((row['topic'], row['partition'], row['offset'], row['reason'], row['state'], row['key'])
                   for row in world.reader.quarantine())
    wanted = sorted((TOPIC, *place_of(i), kind_of(i), 'open', b'%d' % i) for i in world.numbers(BROKEN, BAD))
    check(found, wanted, 'the quarantine')
    for i in world.numbers(BROKEN)[:1] + world.numbers(BAD)[:1]:
        place = '/'.join(map(str, (TOPIC, *place_of(i))))
        check(world.quarantine('show', '--raw', '--offset', place).encode(), value_of(i), f'bytes of {place}')
        said = world.quarantine('show', '--offset', place)
        if f'offset {place_of(i)[1]} of the input' not in said or place not in said:
            sys.exit(f'refused: show does not say where {place} is: {said}')


def retry_while_read(world):
    """Shard 1 reads on, with the contract as it was; what it refused in its many epochs is judged by shard 0 in few."""
    world.run(0)
    with world.running(1):
        for _ in range(3):
            world.put(20)
            world.wait_read()
        world.wait_visible()
        world.run(0)
        check_table(world)
        world.allow('open, review')
        refused = len(world.numbers(BAD))
        check(world.quarantine('retry', '--dry-run', '--reason', BAD).strip(), f'{refused} records would be judged again',
              'a dry run')
        words = ['quarantine', 'retry', world.folder, '--reason', BAD]
        if not world.killed_at_begin(*words) or not world.killed_at_delivery(*words):
            sys.exit('refused: a retry ended before it was killed')
        said = world.ask(*words)
        if 'finished what an earlier retry was interrupted in' not in said:
            sys.exit(f'refused: a retry that was killed: {said}')
        check(world.quarantine('retry', '--reason', BAD).strip(), 'no open records are chosen', 'a second retry')
        world.settled = world.count
        world.put(20)
        world.run(0)
        world.wait_read()
        said = lakes.run(world.cupel, 'replay', world.folder, '--missing', expect=1).stderr
        if 'is running' not in said:
            sys.exit(f'refused: replay while a shard runs: {said}')


def check_retry(world):
    world.put(40)
    retry_while_read(world)  # it ends with kill -9
    said = world.ask('recover', world.lake)
    check(said.count('next run   goes on behind epoch'), 2, f'shards that can go on: {said}')
    world.run(1)
    refused = world.open_ones()[BAD]
    said = world.quarantine('retry', '--reason', BAD)
    if f'{refused} records = {refused} accepted' not in said:
        sys.exit(f'refused: retry: {said}')
    world.check_silver(world.numbers(GOOD, BAD), 'after the retries')
    world.check_topic('after the retries')
    partition, offset = place_of(world.numbers(BROKEN)[0])
    world.quarantine('drop', '--offset', f'{TOPIC}/{partition}/{offset}', '--yes')
    check(world.open_ones(), {BROKEN: len(world.numbers(BROKEN)) - 1}, 'after a drop')
    world.quarantine('drop', '--reason', BROKEN, '--yes')
    check(world.open_ones(), {}, 'after all drops')
    world.ask('verify', world.lake, '--deep')


def killed_replay(world, words, before):
    """The table is lost, and two replays of it are killed; gives what finished the second says, '' where that was faster."""
    (table,) = world.lake.glob('*/silver/*/s/t')
    shutil.rmtree(table)
    for shard in range(2):
        world.ask('recover', world.lake, '--pipeline', 'd/p', '--shard', shard, 'discard', '--table',
                  table.relative_to(world.lake), '--yes')
    check(world.ask(*words, '--dry-run').strip(), f'{len(before)} records would be added', 'a dry run')
    world.ask(*words, '--offsets', '0-3')
    check(world.rows(), [row for row in before if row['_offset'] <= 3], 'the first rows')
    if not world.killed_at_begin(*words):
        sys.exit('refused: a replay ended before it was killed')
    hit = world.killed('staging/*', *words)
    left = list(world.lake.glob('_cupel/d/p/0/retry/*.retry'))  # none: its last moment
    said = world.quarantine('retry')  # finishes it, and publishes nothing of it
    return said if hit and left else ''


def check_missing(world):
    """The table is lost: all of its rows come back once, those that a retry brought, too."""
    before = world.check_silver(world.numbers(GOOD, BAD), 'before the loss')
    words = ['replay', world.folder, '--missing']
    for _ in range(KILL_TURNS):
        said = killed_replay(world, words, before)
        check(world.rows(), before, 'rows after --missing')
        if said:
            break
    else:
        sys.exit('refused: each replay was faster than its kill')
    if 'finished what an earlier retry was interrupted in' not in said:
        sys.exit(f'refused: a replay that was killed: {said}')
    check(world.ask(*words).strip(), 'nothing is missing', 'a second replay')
    world.put(8)
    for shard in range(2):
        world.run(shard)
    world.check_silver(world.numbers(GOOD, BAD), 'with what came since')
    world.check_topic('after --missing')
    world.ask('verify', world.lake, '--deep')


def check_anew(world):
    """The topic is made anew: it is shorter than what was read, and nobody can be behind."""
    world.kafka.delete(TOPIC)
    world.kafka.create(TOPIC, PARTITIONS)
    said = world.ask('lag', world.folder)
    check(said.count('shorter than what was read: made anew'), PARTITIONS, f'lag of a topic that was made anew: {said}')


def check_all(cupel, kafka, home):
    world = World(cupel, kafka, home)
    check_retry(world)
    check_missing(world)
    check_anew(world)
