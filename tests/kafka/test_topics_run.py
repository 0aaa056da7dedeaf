#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a run over topics takes each record into silver once: to the watermarks at start, or for ever,
        where it was left, where it was told to begin, from topics and partitions that come while it
        runs, over restarts of the broker; records deleted before they were read halt it, or are told.
Method: a real broker; records written with its own client, numbered by partition; the lake read with
        DuckDB must hold each number once, with the offsets that the broker gave. A capture's topics
        must lead to the source database's final tables. `cupel verify --deep` then proves the ledger.

    test_topics_run.py CUPEL ROOT [CASE]"""
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import broker

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'oracle'))
import disks  # noqa: E402
import feeds  # noqa: E402
import lakes  # noqa: E402
import replayed  # noqa: E402
import runs  # noqa: E402
import test_captures  # noqa: E402
from captures import Capture, read_losses  # noqa: E402
from cells import Oracle  # noqa: E402
from compare import compare, judge  # noqa: E402

CUPEL, ROOT = sys.argv[1], sys.argv[2]
CAPTURE = 'full-schema-string-isostring'
SHAPE = feeds.Shape({'id': 'int64', 'v': 'string'})
WAIT_SECONDS = 180
RATE = 'commit:\n  interval: 200ms\nmemory: 16MiB\nupkeep:\n  compact: off\nworkers: 2\n'


def need(condition, what, said=''):
    if not condition:
        sys.exit(f'test_topics_run: {what}\n{said[-3000:]}')


def events(first, count, partition):
    """Records with numbers from `first` on; the id tells number and partition."""
    feed = feeds.Feed()
    for number in range(first, first + count):
        feed.add('t', SHAPE, {'id': partition * 1000000 + number, 'v': 'x' * (number % 50)}, pos=number + 1)
    records = []
    for line in feed.lines:
        one = json.loads(line)
        records.append(broker.Record(one['value'].encode(), one['key'].encode(), partition=partition))
    return records


class World:
    """Topics, a pipeline that reads them, and what must come out."""

    def __init__(self, kafka, name, topics, extra='', options=()):
        self.kafka, self.name, self.options = kafka, name, options
        self.home = pathlib.Path(tempfile.mkdtemp(dir=HOME))
        self.lake = self.home / 'lake'
        self.counts, self.base, self.said, self.run = {}, {}, '', None
        self.write(topics, extra)

    def write(self, topics, extra=''):
        (self.home / 'p').mkdir(exist_ok=True)
        more = f'kafka:\n  brokers: {self.kafka.plaintext}\n  options: {{topic.metadata.refresh.interval.ms: 200}}\n'
        (self.home / 'p/pipeline.yaml').write_text(
            f'name: {self.name}\nsource: pg\ninput:\n  - topics: {topics}\nlake: {self.lake}\n{RATE}{more}{extra}')

    def put(self, topic, counts, skipped=False):
        """Writes numbered records to partitions {partition: count}; skipped: nobody is to see them."""
        for partition, count in counts.items():
            place = topic, partition
            first = self.counts.get(place, 0)
            self.kafka.produce(topic, events(first, count, partition))
            self.counts[place] = first + count
            if skipped:
                self.base[place] = first + count

    def words(self, *more):
        return [CUPEL, 'run', str(self.home / 'p'), *self.options, *more]

    def to_end(self, expect=0, *more):
        done = subprocess.run(self.words('--until-end', *more), capture_output=True, text=True, timeout=WAIT_SECONDS)
        self.said = done.stdout + done.stderr
        need(done.returncode == expect, f'{self.name}: exit {done.returncode}, expected {expect}', self.said)
        return self.said

    def start(self):
        self.run = runs.Run(self.words(), self.home / 'said')

    def stop(self, expect=0):
        if expect == 0:
            self.run.await_ready()
            self.run.process.terminate()
        code = self.run.gone(WAIT_SECONDS)
        self.said = self.run.said()
        need(code == expect, f'{self.name}: exit {code}, expected {expect}', self.said)
        return self.said

    def expected(self):
        return sum(self.counts[place] - self.base.get(place, 0) for place in self.counts)

    def count(self):
        """Rows that a reader sees now: those of the log's files."""
        return sum(lakes.added_rows(self.lake / 'default/silver/pg/s/t'))

    def await_rows(self):
        until = time.monotonic() + WAIT_SECONDS
        while (seen := self.count()) < self.expected():
            need(self.run.running(), f'{self.name}: the run has ended', self.run.said())
            need(time.monotonic() < until, f'{self.name}: {seen} rows of {self.expected()}', self.run.said())
            time.sleep(0.02)

    def check(self):
        """Each number once, at the offset that the broker gave it."""
        reader = lakes.Lake(self.lake)
        table = reader.scan(reader.silver()['s.t'])
        found = {}
        for topic, partition, ids in reader.duck.execute(
                f'SELECT _topic, _partition, list(id ORDER BY _offset) FROM {table} GROUP BY ALL').fetchall():
            found[topic, partition] = ids
        due = {p: [p[1] * 1000000 + n for n in range(self.base.get(p, 0), self.counts[p])] for p in self.counts}
        due = {place: ids for place, ids in due.items() if ids}
        for place in due.keys() | found.keys():
            a, b = due.get(place, []), found.get(place, [])
            need(a == b, f'{self.name}: {place}: {len(b)} rows, {len(a)} due; first {b[:3]} and {a[:3]}', self.said)
        for topic in {place[0] for place in due}:
            offsets = {(r.partition, json.loads(r.value)['payload']['after']['id']): r.offset
                       for r in self.kafka.consume(topic) if r.value}
            rows = reader.duck.execute(f"SELECT _partition, id, _offset FROM {table} WHERE _topic = '{topic}'").fetchall()
            need(all(offsets.get((p, i), o) == o for p, i, o in rows), f'{self.name}: offsets of {topic} differ')
        need(not reader.quarantine(), f'{self.name}: records in quarantine')
        done = lakes.run(CUPEL, 'verify', self.lake, '--deep')
        return reader, done.stdout + done.stderr


def capture(kafka):
    """Topics of a database to its final state; then nothing is read twice; the records come back."""
    made, home = Capture(ROOT, CAPTURE), pathlib.Path(tempfile.mkdtemp(dir=HOME))
    oracle = Oracle(made.oracle_folder)
    dump = home / 'in.dump'
    dump.write_bytes(made.text())
    topics = {json.loads(line)['topic'] for line in dump.read_text().splitlines() if line}
    for topic in sorted(topics):
        kafka.create(topic)
    kafka.produce_files([dump])
    words = ['run', '--brokers', kafka.plaintext, '--topics', ','.join(sorted(topics)), '--lake', home / 'lake']
    lakes.run(CUPEL, *words, '--until-end')
    for _ in range(2):
        lake = lakes.Lake(home / 'lake')
        replays, old_keys = test_captures.replay_tables(lake, oracle)
        wrong = judge(compare(oracle, replays), read_losses(made))
        wrong += test_captures.check_counts(made, lake, replays, old_keys)
        need(not wrong, '\n'.join(wrong))
        lakes.run(CUPEL, 'verify', home / 'lake', '--deep')
        epochs = lake.one(f"SELECT max(epoch) FROM {lake.scan(lake.only('_cupel/*/*/ledger'))}")
        lakes.run(CUPEL, *words, '--until-end')
    lake = lakes.Lake(home / 'lake')
    need(lake.one(f"SELECT max(epoch) FROM {lake.scan(lake.only('_cupel/*/*/ledger'))}") == epochs, 'an empty epoch')
    back(home, dump)


def back(home, dump):
    """`cupel replay` gives the dump lines, by topic."""
    lakes.run(CUPEL, 'replay', home / 'lake', '--to', home / 'back')
    came = sorted(replayed.dump_record(line) for line in dump.read_bytes().splitlines() if line)
    gone = sorted(replayed.dump_record(line) for path in (home / 'back').rglob('*') if path.is_file()
                  for line in path.read_bytes().splitlines())
    strip = [[record[:6] for record in records] for records in (came, gone)]  # the dump has no timestamps
    need(sorted(map(str, strip[0])) == sorted(map(str, strip[1])), 'replay differs')


def follow(kafka):
    """New partitions, new topics by pattern, a kill, a restart of the broker, a stop."""
    world = World(kafka, 'follow', '[/grow\\..*/, later]')
    kafka.create('grow.a', 2)
    kafka.create('other.a', 1)
    world.put('grow.a', {0: 300, 1: 20})
    world.start()
    world.run.await_words('topic later')
    world.await_rows()
    kafka.grow('grow.a', 4)
    kafka.create('grow.b', 1)
    kafka.create('later', 1)
    for topic, counts in (('grow.a', {0: 5, 3: 40}), ('grow.b', {0: 70}), ('later', {0: 7})):
        world.put(topic, counts)
    world.await_rows()
    world.run.end()
    world.put('grow.a', {1: 30, 2: 9})
    world.start()
    world.await_rows()
    kafka.stop()
    world.run.await_words('the cluster is away')
    kafka.start()
    world.put('grow.b', {0: 11})
    world.await_rows()
    world.run.await_words('going on')
    world.stop()
    world.check()


def setback(kafka):
    """An epoch that the lake's disk refuses: partitions are read again from where the decided ones end."""
    kafka.create('back', 3)
    world = World(kafka, 'setback', 'back')
    world.put('back', {0: 50, 1: 50})
    world.start()
    world.await_rows()
    disks.refuse(world, lambda: world.put('back', {0: 20, 2: 9}))
    world.await_rows()
    world.put('back', {1: 5})
    world.await_rows()
    world.stop()
    world.check()


def starts(kafka):
    """latest, a time and offsets count once, and only for the first run."""
    kafka.create('from', 3)
    for start in ('latest', None, '{0: 4, 2: 0}'):
        world = World(kafka, 'starts', '[from]')
        world.counts = {place: count for place, count in STARTS.items()}
        if start is None:
            time.sleep(0.01)
            start = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 1))
            time.sleep(1.1)
        if start.startswith('{'):
            world.base = {('from', 0): 4}
        world.write('[from]\n    start: ' + start)
        if start == 'latest':
            world.put('from', {0: 10, 1: 3}, skipped=True)
            world.to_end()
            world.put('from', {0: 6, 2: 5})
        elif not start.startswith('{'):
            world.base = dict(world.counts)
            world.put('from', {0: 2, 1: 4})
        world.to_end()
        world.check()
        STARTS.update(world.counts)
    world = World(kafka, 'beyond', '[from]\n    start: {0: 1000000}')
    need('input.start' in world.to_end(expect=1), 'an offset that is not there was taken', world.said)


STARTS = {}


def gaps(kafka):
    """Records that are deleted before they are read: halt, then skip, and the ledger tells."""
    kafka.create('gap', 1)
    world = World(kafka, 'gaps', '[gap]')
    world.put('gap', {0: 10})
    world.to_end()
    world.put('gap', {0: 20})
    kafka.delete_records('gap', 0, 25)
    said = world.to_end(expect=1)
    need('gap, partition 0' in said and 'kafka.gaps' in said, 'the gap is not told', said)
    world.write('[gap]', '  gaps: skip\n')
    need('gap/0: 15 of the offsets 10 to' in world.to_end(), 'the run does not tell the gap', world.said)
    reader = lakes.Lake(world.lake)
    table = reader.scan(reader.silver()['s.t'])
    ids = [row[0] for row in reader.duck.execute(f'SELECT id FROM {table} ORDER BY id').fetchall()]
    need(ids == [*range(10), *range(25, 30)], f'ids {ids}')
    need(sum(row['lost'] for row in reader.ledger('input')) == 15, 'the ledger does not tell the gap')
    need('15' in lakes.run(CUPEL, 'verify', world.lake, '--deep').stdout, 'verify does not tell the gap')


def kinds(kafka):
    """Null, empty and bytes that are no text, in values, keys and headers; the offsets for lag tools."""
    made = [broker.Record(b'no json', b'\xff\x00', [('h', b'\x80\xff'), ('h', None), ('\u00e9', b'')], 1700000000000, 0),
            broker.Record(None, b'k', [], 0, 0), broker.Record(b'', None, [], 0, 0),
            broker.Record(b'{"a":\n1}', b'', [('n', b'0')], 0, 1), broker.Record(b'\xff\xfe', b'k', [('n', b'1')], 0, 1)]
    kafka.create('kinds', 2)
    kafka.produce('kinds', made)
    kafka.transaction('kinds', [broker.Record(b'never', partition=1)], commit=False)
    world = World(kafka, 'kinds', 'kinds', '  group: readers\n')
    world.to_end()
    reader = lakes.Lake(world.lake)
    index = reader.rows(f"SELECT * FROM {reader.scan(world.lake / 'default/bronze/kinds/_index')} ORDER BY partition, \"offset\"")
    found = [(r['partition'], r['offset'], bytes(r['key']) if r['key'] is not None else None, r['kind'], r['bytes'])
             for r in index]
    need(found == [(0, 0, b'\xff\x00', 'value', 7), (0, 1, b'k', 'null', 0), (0, 2, None, 'empty', 0),
                   (1, 0, b'', 'value', 8), (1, 1, b'k', 'value', 2)], f'index {found}')
    need(json.loads(index[0]['headers']) == [['h', {'base64': 'gP8='}], ['h', None], ['\u00e9', '']], index[0]['headers'])
    need([json.loads(r['headers']) for r in index[3:]] == [[['n', '0']], [['n', '1']]], 'headers of the same length')
    kept = b''.join(gzip.decompress(p.read_bytes()) for p in (world.lake / 'default/bronze/kinds').glob('date=*/*.gz'))
    need(sorted(kept.splitlines()) == [b'no json', b'\xff\xfe'], f'bronze holds {kept}')
    need(index[0]['timestamp'].timestamp() == 1700000000, 'a timestamp differs')
    need({(r['input'], r['topic']) for r in index} == {('kinds/0', 'kinds'), ('kinds/1', 'kinds')}, 'inputs differ')
    lakes.run(CUPEL, 'verify', world.lake, '--deep')
    need(world.to_end().count('0 records =') == 1, 'records were read again', world.said)
    lakes.run(CUPEL, 'replay', world.lake, '--to', world.home / 'back')
    again = ['--input', str(world.home / 'back/kinds/*'), '--lake', str(world.home / 'again'), '--until-end']
    lakes.run(CUPEL, 'run', *again)
    other = lakes.Lake(world.home / 'again')
    rows = other.rows(f"SELECT * FROM {other.scan(other.only('default/bronze/*/_index'))} ORDER BY partition, \"offset\"")
    same = ('partition', 'offset', 'key', 'kind', 'bytes', 'headers', 'timestamp', 'value', 'outcome')
    need([[r[n] for n in same] for r in rows] == [[r[n] for n in same] for r in index], f'replayed: {rows}')
    until = time.monotonic() + WAIT_SECONDS
    while True:  # who closes waits a second for the answer, and no longer
        offsets = kafka.group_offsets('readers', 'kinds', 0), kafka.group_offsets('readers', 'kinds', 1)
        if offsets in ((3, 2), (3, 4)):
            break
        need(time.monotonic() < until, f'offsets {offsets}')
        world.to_end()


def refusals(kafka):
    """A name that no topic has; a topic that was made anew; no broker at all."""
    world = World(kafka, 'nothing', '[no.such.topic]')
    said = world.to_end(expect=1)
    need('no.such.topic' in said and 'input.topics' in said, 'the topic is not named', said)
    kafka.create('anew', 1)
    world = World(kafka, 'anew', '[anew]')
    world.put('anew', {0: 10})
    world.to_end()
    kafka.delete('anew')
    kafka.create('anew', 1)
    world.put('anew', {0: 3})
    need('anew/0' in world.to_end(expect=1), 'a topic made anew was read on', world.said)


def shards(kafka):
    """Two shards, one process each, at the same time: each record once, and each partition has one owner."""
    kafka.create('shared', 6)
    world = World(kafka, 'shared', '[shared]')
    for turn in range(2):
        world.put('shared', {p: 300 + 20 * p for p in range(6)})
        both = [runs.Run(world.words('--until-end', '--shard', f'{i}/2'), world.home / f'said{i}') for i in range(2)]
        for run in both:
            code = run.gone(WAIT_SECONDS)
            need(code == 0, f'a shard ended with {code}', run.said())
        world.check()
    lake = lakes.Lake(world.lake)
    owners = lake.rows(f"SELECT _partition AS p, min(_shard) AS a, max(_shard) AS b FROM {lake.scan(lake.only('default/silver/pg/s/t'))} GROUP BY 1")
    need(len(owners) == 6 and all(row['a'] == row['b'] for row in owners), f'owners {owners}')
    need(sorted(row['a'] for row in owners) == [0, 0, 0, 1, 1, 1], f'owners {owners}')
    lakes.run(CUPEL, 'verify', world.lake, '--deep')
    world.to_end(expect=1)
    need('--shard' in world.said, 'another number of shards is not refused in words', world.said)


CASES = [capture, follow, setback, starts, gaps, kinds, shards, refusals]


def main():
    global HOME
    wanted = sys.argv[3:] or [case.__name__ for case in CASES]
    with tempfile.TemporaryDirectory() as HOME, broker.Broker() as kafka:
        for case in CASES:
            began = time.monotonic()
            if case.__name__ in wanted:
                case(kafka)
                print(f'{case.__name__}: {time.monotonic() - began:.1f} s', flush=True)


if __name__ == '__main__':
    try:
        main()
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
