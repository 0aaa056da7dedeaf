#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a source of partitions hands out each committed record once, in order, as it was written; and says so when
        what it read is not there any more.
Method: one real broker; another client writes and reads the same topics; the driver prints what the source gives.
        What is expected comes from what was written, and from what the other client reads."""
import concurrent.futures
import dataclasses
import pathlib
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import broker
from broker import Record

DRIVER = sys.argv[1]
FOR_EVER = (1 << 63) - 1
PATIENCE_MS = 60000  # for what must come: a broker may stand still for a while
PART, OVERSIZE = 1, 2
TURNS_TRIES = 4
APART_MAX = 260  # records of 400: five answers; without turns some have all, and some none
ABSENT_SECONDS = 2  # from 5 on a topic that is away is a fault of its own; that it is back is heard a little later
GAP_SECONDS = 1.2  # longer than a client that is fetched for may hear nothing without a doubt
TURN = 2 << 20  # of one of 8 partitions


def check(condition, what):
    if not condition:
        raise SystemExit(f'test_partitions: {what}')


@dataclass
class Batch:
    input: int
    start: int
    end: int
    lost: int
    ends: bool
    anchor: list
    records: list = field(default_factory=list)


@dataclass
class Got:
    """What a run gave: batches in order, and how it ended: quiet, end, or the words of a fault."""
    batches: list
    how: str
    anchors_gone: int = 0

    def records(self, which=None):
        return [r for b in self.batches if which in (None, b.input) for r in b.records if not r.flags & PART]

    def values(self, which=None):
        return [r.value for r in self.records(which)]


@dataclass
class Read(Record):
    input: int = 0
    flags: int = 0
    whole: int = 0


def unhex(text):
    return {'null': None, 'empty': b''}[text] if text in ('null', 'empty') else bytes.fromhex(text)


def read_record(words):
    headers = [(name, unhex(value)) for name, value in (word.split('=', 1) for word in words[9:])]
    return Read(unhex(words[5]), unhex(words[6]), headers, int(words[4]), int(words[2]), words[1], int(words[3]), int(words[0]),
                int(words[7]), int(words[8]))


class Source:
    """The driver, and where each of its partitions stands."""

    def __init__(self, brokers, gaps='halt', until='follow', pool_mib=64, record_bytes_max=1 << 20, settings=()):
        self.process = subprocess.Popen([DRIVER, brokers, str(pool_mib), str(record_bytes_max), gaps, until, *settings],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        lines = []
        for answer in self.process.stdout:
            if answer == 'done\n':
                return lines
            lines.append(answer.rstrip('\n'))
        check(False, f'the driver ended at: {line}: {str(lines[-3:])[:600]}')

    def consume(self, number, topic, partition=0, start=0, end=FOR_EVER, anchor=()):
        told = self.ask(f'consume {number} {topic} {partition} {start} {end} ' + ' '.join(map(str, anchor)))
        check(not told, f'{topic}: {told}')
        return self

    def run(self, quiet_ms, batches=1 << 30):
        made, open_records, how = [], [], ''
        for line in self.ask(f'run {quiet_ms} {batches}'):
            words = line.split(' ')
            if words[0] == 'record':
                open_records.append(read_record(words[1:]))
            elif words[0] == 'batch':
                made.append(Batch(int(words[1]), int(words[3]), int(words[4]), int(words[6]), words[8] == '1',
                                  [int(word) for word in words[10:]], open_records))
                open_records = []
            else:
                how = line
        return Got(made, how)

    def take(self, count):
        """Runs until so many records came, however long that takes here."""
        got = Got([], 'quiet')
        while len(got.records()) < count and got.how == 'quiet':
            more = self.run(PATIENCE_MS, 1)
            got = Got(got.batches + more.batches, more.how if more.batches else 'nothing came')
        return got

    def lags(self):
        rows = [[int(word) for word in line.split(' ')[1:]] for line in self.ask('lags')]
        self.anchors_gone = rows.pop()[0]
        return {row[0]: row[1:] for row in rows}

    def stop(self):
        """Stops every thread of it, and waits until they are."""
        self.process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 20
        while any(path.read_text().rpartition(')')[2].split()[0] not in 'Tt'
                  for path in pathlib.Path(f'/proc/{self.process.pid}/task').glob('*/stat')):
            check(time.monotonic() < until, 'the driver does not stop')
            time.sleep(0.001)

    def close(self):
        self.process.stdin.close()
        check(self.process.wait(60) == 0, f'the driver ended with {self.process.returncode}')

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.process.kill()


def same(got, expected, what):
    """The same records, whatever the order of partitions."""
    def key(r):
        return (r.topic, r.partition, r.offset)

    def plain(r):
        return (*key(r), r.value, r.key, r.headers, r.timestamp_ms)
    left, right = [plain(r) for r in sorted(got, key=key)], [plain(r) for r in sorted(expected, key=key)]
    if left == right:
        return
    odd = [pair for pair in zip(left, right) if pair[0] != pair[1]]
    check(False, f'{what}: {len(left)} records, expected {len(right)}; first that differs: {str(odd[:1])[:600]}')


def in_order(got, what):
    last = {}
    for r in got:
        place = r.topic, r.partition
        check(r.offset > last.get(place, -1), f'{what}: offset {r.offset} of {place} behind {last.get(place)}')
        last[place] = r.offset


def read_all(kafka, topic, partitions=1, end=None, **options):
    """Reads a topic to its end, or to `end`; returns what came and how it stands: {partition: (position, anchor)}."""
    with Source(kafka.plaintext, until='end', **options) as source:
        for partition in range(partitions):
            source.consume(partition, topic, partition, end=end or kafka.watermarks(topic, partition)[1])
        got = source.run(PATIENCE_MS)
    check(got.how == 'end', f'{topic}: {got.how}')
    check(sum(b.ends for b in got.batches) == partitions, f'{topic}: ends')
    places = {}
    for batch in got.batches:
        places[batch.input] = (batch.end, batch.anchor or places.get(batch.input, (0, []))[1])
    return got, places


# -- what records are made of ----------------------------------------------------------------------

def check_kinds(kafka):
    records = [Record(value, key, headers, 1700000000000 + i)
               for i, (value, key, headers) in enumerate(
                   (value, key, headers)
                   for value in (b'{"a":1}', b'', None, b'two\nlines', bytes(range(256)))
                   for key in (b'k', b'', None, b'\x00\n')
                   for headers in ([], [('a', b'1'), ('a', None), ('', b''), ('b', b'\xff\n')],
                                   [('long', bytes([len(key or b''), 7]) * 20000), ('', None)]))]  # more than what is copied
    kafka.create('kinds')
    kafka.produce('kinds', records)
    got, _ = read_all(kafka, 'kinds')
    expected = kafka.consume('kinds')
    written = [dataclasses.replace(r, topic='kinds', partition=0, offset=i) for i, r in enumerate(records)]
    same(expected, written, 'kinds: the oracle')
    same(got.records(), expected, 'kinds')
    check(all(r.flags == 0 and r.whole == len(r.value or b'') for r in got.records()), 'kinds: flags')


def check_codecs(kafka):
    codecs = ('none', 'gzip', 'snappy', 'lz4', 'zstd')
    kafka.create('codecs', len(codecs))
    for number, codec in enumerate(codecs):
        kafka.produce('codecs', (Record(f'{{"n":{i},"codec":"{codec}"}}'.encode() * 3, str(i).encode(), partition=number)
                                 for i in range(3000)), **{'compression.type': codec})
    got, _ = read_all(kafka, 'codecs', len(codecs))
    in_order(got.records(), 'codecs')
    same(got.records(), kafka.consume('codecs'), 'codecs')
    check(len(got.records()) == 15000, 'codecs: count')
    check(len(got.batches) < 300, f'codecs: {len(got.batches)} batches')


def check_interleaved(kafka):
    """Few records of many partitions: batches are of one partition each, and not one a record."""
    kafka.create('many', 20)
    kafka.produce('many', (Record(str(i).encode(), partition=i % 20) for i in range(4000)))
    got, _ = read_all(kafka, 'many', 20)
    in_order(got.records(), 'many')
    same(got.records(), kafka.consume('many'), 'many')
    check(len(got.batches) < 400, f'many: {len(got.batches)} batches')


def check_transactions(kafka):
    kafka.create('paid', 2)
    for i in range(4):
        records = [Record(f'{i}-{n}'.encode(), partition=n % 2) for n in range(50)]
        kafka.transaction('paid', records, commit=i % 3 != 1)
    got, places = read_all(kafka, 'paid', 2)
    same(got.records(), kafka.consume('paid'), 'paid')
    check(len(got.records()) == 150, 'paid: count')
    for partition, (position, _) in places.items():
        check(position == kafka.watermarks('paid', partition)[1], 'paid: it does not end behind the marks')
    got, halves = read_all(kafka, 'paid', 2, end=40)  # within the aborted ones
    check(len(got.records()) == 50 and [place[0] for place in halves.values()] == [40, 40], f'paid: to 40: {halves}')
    with Source(kafka.plaintext) as source:  # followed: behind the marks after a second, without another record
        source.consume(0, 'paid', 0)
        end, position, until = places[0][0], 0, time.monotonic() + PATIENCE_MS / 1000
        while (position, source.lags()[0][:2]) != (end, [end] * 2):
            check(time.monotonic() < until, f'paid: position {position} before {end}, lag {source.lags()}')
            position = max([position, *(batch.end for batch in source.run(500).batches)])
        kafka.transaction('paid', [Record(b'open', partition=0)])
        check(source.take(1).values() == [b'open'], 'paid: the next')


def at_rest(kafka, topic, act):
    """What `act` gives, and the topic's records: those that are there before it and behind it, too."""
    until = time.monotonic() + 60
    while True:
        before, given, after = kafka.consume(topic), act(), kafka.consume(topic)
        if before == after:
            return given, after
        check(time.monotonic() < until, f'{topic}: its records still go')


def check_holes(kafka):
    kafka.create('holes', cleanup_policy='compact', segment_ms=1, min_cleanable_dirty_ratio='0.001', max_compaction_lag_ms=1,
                 min_compaction_lag_ms=0, delete_retention_ms=0)
    producer = kafka.producer(**{'linger.ms': 0})

    def put(value, key):
        kafka.put(producer, 'holes', [Record(value, key)])
        producer.flush()
    for i in range(40):
        put(f'{i}'.encode() * 50, str(i % 4).encode())
    _, places = read_all(kafka, 'holes')
    end = time.monotonic() + 150
    while any(r.offset == places[0][1][0] for r in kafka.consume('holes')) and time.monotonic() < end:
        put(b'last', b'3')
        time.sleep(0.5)
    got, expected = at_rest(kafka, 'holes', lambda: read_all(kafka, 'holes')[0])
    gone = kafka.watermarks('holes')[1] - len(expected)
    check(gone > 20, f'holes: {gone} records were compacted away')
    same(got.records(), expected, 'holes')
    position, anchor = places[0]  # that record was compacted away since
    got, expected = at_rest(kafka, 'holes', lambda: resume(kafka, 'holes', (position, anchor)))
    same(got.records(), [r for r in expected if r.offset >= position], 'holes: behind a compacted anchor')
    check(got.anchors_gone > 0, 'holes: nobody counted the anchor')


def check_oversize(kafka):
    kafka.create('large', max_message_bytes=4 << 20)
    long = bytes(i * 31 % 251 for i in range(900000))
    values = [b'a', long[:70000], long[:300000], long, b'b', long[:64 << 10], long[:(64 << 10) + 1], b'c']
    kafka.produce('large', [Record(v, b'k%d' % i, [('h', b'v')]) for i, v in enumerate(values)], **{'message.max.bytes': 4 << 20})
    got, _ = read_all(kafka, 'large', record_bytes_max=1 << 20)
    same(got.records(), kafka.consume('large'), 'large')
    got, _ = read_all(kafka, 'large', record_bytes_max=64 << 10)
    whole, pieces = [], b''
    for batch in got.batches:
        for r in batch.records:
            check(r.flags in (0, PART, OVERSIZE) and (r.flags == 0 or len(batch.records) == 1), 'large: flags')
            pieces += r.value
            check(r.whole == len(pieces), f'large: whole {r.whole}')
            if r.flags & PART:
                check(len(r.value) == (256 << 10) - 1 and r.key is None, 'large: a piece')
                continue
            check((r.flags == OVERSIZE) == (len(pieces) > 64 << 10), f'large: {len(pieces)} is marked {r.flags}')
            check((r.key, r.headers) == (b'k%d' % r.offset, [('h', b'v')]), 'large: key of the last piece')
            whole.append(pieces)
            pieces = b''
    check(whole == values, 'large: the pieces make other values')


# -- what may have become of a topic ---------------------------------------------------------------

def fill(kafka, topic, count=100, word='old'):
    kafka.produce(topic, [Record(f'{word} {i}'.encode(), str(i).encode()) for i in range(count)])


def resume(kafka, topic, place, gaps='halt'):
    with Source(kafka.plaintext, gaps=gaps, until='end') as source:
        source.consume(0, topic, start=place[0], end=kafka.watermarks(topic)[1], anchor=place[1])
        got = source.run(PATIENCE_MS)
        source.lags()
        got.anchors_gone = source.anchors_gone
        return got


def is_fault(got, sign, topic):
    check(got.how.startswith('fault') and sign in got.how and topic in got.how, f'{topic}: {got.how}')


def check_anchors(kafka):
    for topic in ('anew', 'shorter', 'kept'):
        kafka.create(topic)
        fill(kafka, topic)
    places = {topic: read_all(kafka, topic)[1][0] for topic in ('anew', 'shorter', 'kept')}
    check(places['kept'][0] == 100 and places['kept'][1][0] == 99, f'anchor {places["kept"]}')
    for topic, count in (('anew', 150), ('shorter', 30)):
        kafka.delete(topic)
        kafka.create(topic)
        fill(kafka, topic, count, 'new')
    got, half = read_all(kafka, 'kept', end=50)
    check(got.values() == [b'old %d' % i for i in range(50)] and half[0][0] == 50, f'kept: half of it: {half}')
    check(resume(kafka, 'kept', half[0]).values() == [b'old %d' % i for i in range(50, 100)], 'kept: the other half')
    fill(kafka, 'kept', 20, 'new')
    got = resume(kafka, 'anew', places['anew'])
    is_fault(got, 'made anew', 'anew')
    check(not got.batches, 'anew: something was handed out')
    got = resume(kafka, 'shorter', places['shorter'])
    is_fault(got, 'made anew', 'shorter')
    got = resume(kafka, 'kept', places['kept'])
    check(got.values() == [b'new %d' % i for i in range(20)], f'kept: {got.how} {got.values()[:3]}')
    check(got.anchors_gone == 0, 'kept: the anchor is there')
    for changed in (1, 2, 3):  # each part of an anchor counts
        anchor = list(places['kept'][1])
        anchor[changed] += 1
        is_fault(resume(kafka, 'kept', (100, anchor)), 'made anew', 'kept')


def check_gaps(kafka):
    kafka.create('gaps')
    fill(kafka, 'gaps', 50)
    place = read_all(kafka, 'gaps')[1][0]
    fill(kafka, 'gaps', 50, 'new')
    kafka.delete_records('gaps', 0, 50)  # the anchor is gone, and nothing else
    check(resume(kafka, 'gaps', place).values() == [b'new %d' % i for i in range(50)], 'gaps: only the anchor is gone')
    kafka.delete_records('gaps', 0, 70)
    is_fault(resume(kafka, 'gaps', place), 'kafka.gaps: skip', 'gaps, partition 0, offset 50 to 70')
    got = resume(kafka, 'gaps', place, gaps='skip')
    check([(b.start, b.end, b.lost, len(b.records)) for b in got.batches[:1]] == [(50, 70, 20, 0)], f'gaps: {got.batches[:1]}')
    check(got.values() == [b'new %d' % i for i in range(20, 50)], 'gaps: what is behind')
    kafka.delete_records('gaps', 0, -1)
    got = resume(kafka, 'gaps', (90, []), gaps='skip')
    check([(b.start, b.end, b.lost, b.ends) for b in got.batches] == [(90, 100, 10, False), (100, 100, 0, True)],
          f'gaps: all gone: {got.batches}')
    for until in ('follow', 'end'):
        with Source(kafka.plaintext, gaps='skip', until=until) as source:
            source.consume(0, 'gaps', start=101, end=100 if until == 'end' else FOR_EVER)
            is_fault(source.run(PATIENCE_MS), 'made anew', 'gaps')


def check_recreated(kafka):
    """Deleted and made anew while it is read: nothing of the new one may be taken for more of the old one. `stopped`
    hears nothing of it: then there is no error, just other records at the offsets behind the old ones."""
    for name, count in (('shrunk', 30), ('grown', 200), ('stopped', 200)):
        for turn in range(TURNS_TRIES):
            topic = f'{name}{turn}'
            got, seconds = read_recreated(kafka, topic, count, name == 'stopped')
            check(not got.records(), f'{topic}: {got.values()[:2]}')
            if not was_away(got.how, seconds):
                break
        is_fault(got, 'made anew', topic)


def read_recreated(kafka, topic, count, is_stopped):
    """What comes of a topic after it was made anew, and how long that took."""
    kafka.create(topic)
    fill(kafka, topic)
    with Source(kafka.plaintext, gaps='skip') as source:
        source.consume(0, topic)
        check(len(source.take(100).records()) == 100, f'{topic}: before')
        if is_stopped:
            source.stop()
            time.sleep(0.7)  # the broker answers what it was asked before
        seconds = make_anew(kafka, topic)
        fill(kafka, topic, count, 'new')
        if is_stopped:
            time.sleep(GAP_SECONDS)
            source.process.send_signal(signal.SIGCONT)
        return source.run(PATIENCE_MS), seconds


def make_anew(kafka, topic):
    """Gives how many seconds it took."""
    began = time.monotonic()
    kafka.delete(topic)
    kafka.create(topic)
    return time.monotonic() - began


def was_away(how, seconds):
    """Whether a reader's fault is that the topic was away for too long: this machine or the broker was slow."""
    return 'is not there' in how and seconds > ABSENT_SECONDS


# -- while it runs ---------------------------------------------------------------------------------

class Writer(threading.Thread):
    """Writes numbers to a topic at a steady pace until it is told to stop."""

    def __init__(self, kafka, topic, partitions):
        super().__init__(daemon=True)
        self.client, self.topic, self.partitions = kafka.client(), topic, partitions
        self.count, self.stopping, self.error = 0, False, None

    def run(self):
        producer = self.client.producer(**{'enable.idempotence': True})
        while not self.stopping:
            self.client.put(producer, self.topic, [Record(str(self.count).encode(), partition=self.count % self.partitions)])
            self.count += 1
            time.sleep(0.002)
        if producer.flush(60):
            self.error = 'not flushed'


def check_restart(kafka):
    """The broker is killed and comes back while one writes and partitions are added."""
    kafka.create('steady', 3)
    writer = Writer(kafka, 'steady', 3)
    got = []
    with Source(kafka.plaintext) as source:
        source.consume(0, 'steady', 0)
        writer.start()
        got += source.take(50).records()
        source.consume(1, 'steady', 1)
        got += source.take(50).records()
        kafka.kill()
        got += source.run(300).records()
        kafka.start()
        source.consume(2, 'steady', 2)
        got += source.take(200).records()
        writer.stopping = True
        writer.join()
        check(writer.error is None, 'steady: the writer')
        got += source.take(writer.count - len(got)).records()
        last = source.run(300)
        check(last.how == 'quiet' and not last.batches, f'steady: more: {last}')
    in_order(got, 'steady')
    same(got, kafka.consume('steady'), 'steady')
    check(len(got) == writer.count, f'steady: {len(got)} of {writer.count}')


def check_refused(kafka):
    """What is refused for a moment is waited for; for longer is a fault that names the right that is missing."""
    kafka.create('secret')
    fill(kafka, 'secret')
    user = ('security.protocol', 'sasl_plaintext', 'sasl.mechanism', 'PLAIN', 'sasl.username', 'cupel',
            'sasl.password', 'cupel-secret', 'cupel.insecure', 'true')
    kafka.allow('cupel', 'DESCRIBE', 'topic', 'secret')
    with Source(kafka.sasl, settings=user) as source:
        check(source.consume(0, 'secret').run(500).how == 'quiet', 'secret: not refused')
        kafka.allow('cupel', 'READ', 'topic', 'secret')
        check(len(source.take(100).records()) == 100, 'secret: not read when it was allowed')
        kafka.deny_all('cupel')
        is_fault(source.run(PATIENCE_MS), 'grant READ', 'secret')


def check_dropped(kafka):
    kafka.create('dropped')
    fill(kafka, 'dropped')
    with Source(kafka.plaintext) as source:
        check(len(source.consume(0, 'dropped').take(100).records()) == 100, 'dropped: before')
        kafka.delete('dropped')
        is_fault(source.run(PATIENCE_MS), 'is not there', 'dropped')


def backlog(kafka, topics, count):
    """Inputs with a past of 20 KB records, in batches of a megabyte as the other client makes them: their places, and
    {input: values}."""
    places = [(topic, partition) for topic, partitions in topics.items() for partition in range(partitions)]
    values = {number: [f'{topic} {partition} {i} '.ljust(20000, 'x').encode() for i in range(count)]
              for number, (topic, partition) in enumerate(places)}
    producer = kafka.producer(**{'linger.ms': 50})
    for topic, partitions in topics.items():
        kafka.create(topic, partitions)
    for number, (topic, partition) in enumerate(places):
        for value in values[number]:
            producer.produce(topic, value=value, partition=partition)
        producer.flush()
    return places, values


def check_turns(kafka):
    """More partitions than fit an answer, read more slowly than they are fetched: none waits until others are read to
    their ends. A turn is what was fetched before the partition was stopped, two or three answers of 50 records. That
    batches follow each other is checked by the driver, so the sums tell that each record came once. A broker that stands
    still for half a second looks like one that has no more: then it is read again."""
    places, values = backlog(kafka, {'wide': 6, **{f'turn.{i}': 1 for i in range(4)}}, 400)
    for _ in range(TURNS_TRIES):
        half = read_in_turns(kafka, places, sum(map(len, values.values())))
        if max(half) - min(half) <= APART_MAX:
            return
        print(f'turns: {half} when half was read', flush=True)
    check(False, f'turns: {half} when half was read')


def read_in_turns(kafka, places, total):
    """How far each was when half was read."""
    half = []
    with Source(kafka.plaintext, pool_mib=32) as source:
        source.ask('count')
        for number, (topic, partition) in enumerate(places):
            source.consume(number, topic, partition)
        records, before, how = 0, -1, 'quiet'
        while before < records < total and how == 'quiet':
            before = records
            line, how = source.ask(f'run {PATIENCE_MS} 1')
            records = int(line.split(' ')[2])
            time.sleep(0.004)
            if not half and records * 2 >= total:
                half = [row[0] for row in source.lags().values()]
        more = source.ask('run 500 1')
    check(half, f'turns: {line}, {how}')
    check(more == [f'sum {line.split(" ")[1]} {total} {total * 20000}', 'quiet'], f'turns: {how}, {more}, {total} written')
    return half


def check_resting(kafka):
    """Made anew while it waits for its turn, so that no fetch hears of it, and filled beyond what was read. A broker that
    takes seconds for that leaves a topic that is not there, which is another fault: then it is done again."""
    for turn in range(TURNS_TRIES):
        how, topic, seconds = read_resting(kafka, f'rest{turn}')
        if not was_away(how, seconds):
            break
    check('made anew' in how and topic in how, f'resting: {how}')


def read_resting(kafka, prefix):
    """How reading ended, the topic that was made anew, and how long that took."""
    places, values = backlog(kafka, {f'{prefix}.{i}': 1 for i in range(8)}, 200)
    read, how, anew, took = {}, 'quiet', [], []

    def replace(topic):
        took.append(make_anew(kafka, topic))
        fill(kafka, topic, 300, 'new')

    with Source(kafka.plaintext, pool_mib=32) as source:
        for number, (topic, partition) in enumerate(places):
            source.consume(number, topic, partition)
        while how == 'quiet':
            got = source.run(PATIENCE_MS, 1)
            how = 'nothing came' if got.how == 'quiet' and not got.batches else got.how
            for batch in got.batches:
                read.setdefault(batch.input, []).extend(record.value for record in batch.records)
            full = [number for number, given in read.items() if len(given) * 20000 > TURN]
            if full and not anew:
                anew = [threading.Thread(target=replace, args=[places[full[0]][0]], daemon=True), places[full[0]][0]]
                anew[0].start()
            time.sleep(0.02)
    check(anew, f'resting: {how}, before a topic was made anew')
    anew[0].join()
    for number, given in read.items():
        check(given == values[number][:len(given)], f'resting: {places[number]}: {given[-1][:20]}')
    check(took, 'resting: the topic could not be made anew')
    return how, anew[1], took[0]


def check_latency(kafka):
    """A record is seen soon after it was written, and waiting costs little."""
    kafka.create('soon')
    fill(kafka, 'soon', 1)
    producer = kafka.producer(**{'linger.ms': 0})
    with Source(kafka.plaintext) as source:
        source.consume(0, 'soon').take(1)
        delays = []
        for _ in range(20):
            time.sleep(0.05)
            kafka.put(producer, 'soon', [Record(b'x')])
            producer.flush()
            before = time.monotonic()
            check(len(source.run(PATIENCE_MS, 1).records()) == 1, 'soon: a record')
            delays.append(time.monotonic() - before)
        before = [float(word) for word in source.ask('usage')[0].split(' ')[1:3]]
        began = time.monotonic()
        source.run(3000)
        after = [float(word) for word in source.ask('usage')[0].split(' ')[1:3]]
    idle = (sum(after) - sum(before)) / (time.monotonic() - began)
    print(f'soon: median {sorted(delays)[10] * 1000:.1f} ms behind the acknowledgement, idle {idle * 100:.1f} % of a core')
    check(min(delays) < 0.5, f'soon: {delays}')  # the library's own pause is a second
    check(idle < 0.4, f'soon: idle {idle}')


def timed(check_it, kafka):
    begun = time.monotonic()
    check_it(kafka)
    print(f'{check_it.__name__} {time.monotonic() - begun:.1f} s', flush=True)


def main():
    together = [check_holes, check_refused, check_dropped, check_transactions, check_kinds, check_codecs, check_interleaved,
                check_oversize, check_anchors, check_gaps, check_recreated]
    alone = [check_turns, check_resting, check_latency, check_restart]
    chosen = sys.argv[2:]
    try:
        kafka = broker.Broker(sasl=True, acls=True, properties={'log.cleaner.backoff.ms': 200, 'message.max.bytes': 5 << 20})
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    with kafka:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:  # most of them wait most of the time
            started = [pool.submit(timed, one, kafka) for one in together if not chosen or one.__name__ in chosen]
        for one in started:
            one.result()
        for one in alone:
            if not chosen or one.__name__ in chosen:
                timed(one, kafka)


if __name__ == '__main__':
    main()
