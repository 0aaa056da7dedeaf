#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   many topics and many partitions in one process: all are read, none waits for the others, and
        what the process holds and leaves behind is bounded.
Method: one broker. topics: by a pattern, a few records each; the lake has each record once, memory and
        descriptors stay within bounds. fair: partitions with a long past, a few of them much longer,
        are read by two workers with epochs of 100 ms; the ledger says how far each one was when its worker
        had read half: all have begun, and of those that had as much to give, none is far ahead.

    test_many.py CUPEL topics|fair [--count N] [--records N]"""
import argparse
import itertools
import json
import pathlib
import signal
import sys
import tempfile
import threading
import time

import broker

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / 'oracle'), str(TESTS / 'crash')]
import feeds  # noqa: E402
import lakes  # noqa: E402
import scene  # noqa: E402

SHAPE = feeds.Shape({'id': 'int64', 'v': 'string'})
TABLES = 20
RECORDS = 5             # of each of many topics
MEMORY_MIB = 64
WORKERS = 2             # partition p is of worker p % 2
RSS_MIB_MAX = 320       # budget, two clients of the library with their metadata, code
DESCRIPTORS_MAX = 400
FILES_A_TABLE_MAX = 3   # of an epoch
FAIR_TRIES = 3
AHEAD_MAX = 4.0         # of equal partitions, the one that is read furthest beside the one read least; a turn is 1 to 3 answers of 1 MB
SECONDS = 240
RECORD_BYTES = 10000
PIPELINE = """\
name: many
source: pg
kafka:
  brokers: {brokers}
input:
  - topics: [{topics}]
lake: {lake}
commit:
  interval: {interval}
memory: {memory}MiB
workers: {workers}
upkeep:
  compact: off
"""


class Watch(threading.Thread):
    """Memory and descriptors of the data plane, at their highest."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_, self.rss_mib, self.descriptors = run, 0, 0

    def run(self):
        pid = None
        while self.run_.running():
            pid = pid or self.run_.data_plane()
            try:
                status = pathlib.Path(f'/proc/{pid}/status').read_text()
                peak = int(status.partition('VmHWM:')[2].split()[0]) >> 10
                self.rss_mib = max(self.rss_mib, peak)
                self.descriptors = max(self.descriptors, len(list(pathlib.Path(f'/proc/{pid}/fd').iterdir())))
            except (OSError, ValueError, IndexError):
                pid = None
            time.sleep(0.05)


def event(table, number, length=20):
    feed = feeds.Feed()
    feed.add(table, SHAPE, {'id': number, 'v': 'x' * length}, pos=number + 1)
    line = json.loads(feed.lines[0])
    return line['value'].encode(), line['key'].encode()


def write_pipeline(home, kafka, topics, interval):
    folder = home / 'pipeline'
    folder.mkdir()
    (folder / 'pipeline.yaml').write_text(PIPELINE.format(
        brokers=kafka.plaintext, topics=topics, lake=home / 'lake', interval=interval,
        memory=MEMORY_MIB, workers=WORKERS))
    return folder


def check_bounds(watch, what):
    print(f'{what}: {watch.rss_mib} MiB, {watch.descriptors} descriptors', flush=True)
    return [f'{what}: {watch.rss_mib} MiB of memory, {watch.descriptors} descriptors'] \
        if watch.rss_mib > RSS_MIB_MAX or watch.descriptors > DESCRIPTORS_MAX else []


def write(kafka, records):
    """Writes (topic, value, key), again where the broker lists a new topic but does not have it yet."""
    until = time.monotonic() + SECONDS
    while records:
        producer, failed = kafka.producer(), []  # a new one: the last believes that there is no such topic
        for record in records:
            try:
                producer.produce(record[0], value=record[1], key=record[2], partition=0,
                                 on_delivery=lambda error, _, record=record: error and failed.append(record))
            except broker.ck.KafkaException:
                failed.append(record)
            producer.poll(0)
        assert producer.flush(SECONDS) == 0 and time.monotonic() < until, f'not delivered: {len(failed)}'
        records = failed


def topics(args, home, kafka):
    names = [f'many.{i:04}' for i in range(args.count)]
    for at in range(0, len(names), 100):
        kafka.create_many(names[at:at + 100])
    events = {table: event(f't{table}', 1) for table in range(TABLES)}
    write(kafka, [(name, *events[i % TABLES]) for _ in range(RECORDS) for i, name in enumerate(names)])
    pipeline = write_pipeline(home, kafka, '/many\\..*/', '1s')
    run = scene.Run(args.cupel, pipeline, home / 'lake', log=home / 'run.txt')
    watch = Watch(run)
    watch.start()
    code = run.gone(SECONDS)
    if code != 0:
        return [f'exit {code}: {run.said()[-3000:]}']
    wrong = []
    lake = lakes.Lake(home / 'lake')
    for name, path in lake.silver().items():
        found = lake.rows(f'SELECT _topic AS topic, count(*) AS n, count(DISTINCT _offset) AS d FROM {lake.scan(path)} GROUP BY ALL')
        bad = [row for row in found if (row['n'], row['d']) != (RECORDS, RECORDS)]
        if bad or len(found) != args.count // TABLES:
            wrong.append(f'{name}: {len(found)} topics, {bad[:2]}')
        logs = len(list((path / '_delta_log').glob('*.json')))
        files = len([p for p in path.rglob('*.parquet') if '_delta_log' not in p.parts])
        if files > FILES_A_TABLE_MAX * logs:
            wrong.append(f'{name}: {files} files in {logs} commits')
    if len(lake.silver()) != TABLES:
        wrong.append(f'{len(lake.silver())} tables')
    lakes.run(args.cupel, 'verify', home / 'lake')
    if wrong:
        wrong.append(run.said()[-6000:])
    return wrong + check_bounds(watch, f'{args.count} topics')


def judge(worker, own, due, states):
    """How far a worker's partitions were when it had read half: the machine may run one worker more than the other."""
    half = next((state for state in states if sum(state[p] for p in own) * 2 >= sum(due[p] for p in own)), due)
    wrong = []
    for what, is_long in (('short', False), ('long', True)):
        counts = [half[p] for p in own if (p % 10 == 0) == is_long]
        if not counts:
            continue
        sentence = f'worker {worker}, {what} partitions when half was read: {min(counts)} to {max(counts)}'
        print(f'{sentence}, {len(states)} epochs', flush=True)
        if min(counts) == 0 or max(counts) > AHEAD_MAX * min(counts):
            wrong.append(sentence)
    return wrong


def fair(args, home, kafka):
    """{partition: records}: each tenth has five times as many."""
    kafka.create('wide', args.count)
    producer = kafka.producer(**{'queue.buffering.max.messages': 1000000, 'linger.ms': 50})
    value, key = event('wide', 1, RECORD_BYTES)
    due = {p: args.records * (5 if p % 10 == 0 else 1) for p in range(args.count)}
    for partition, count in due.items():
        for _ in range(count):
            producer.produce('wide', value=value, key=key, partition=partition)
        producer.poll(0)
        if len(producer) > 5000:
            producer.flush(SECONDS)
    assert producer.flush(SECONDS) == 0, 'not delivered'
    for turn in range(FAIR_TRIES):  # a broker that stands still for half a second looks like one that has no more
        (home / f'{turn}').mkdir()
        wrong, unfair = read_fairly(args, home / f'{turn}', kafka, due)
        if wrong or not unfair:
            break
    return wrong + unfair


def read_fairly(args, home, kafka, due):
    """Sentences on what is wrong; and on what may be the broker's fault."""
    pipeline = write_pipeline(home, kafka, 'wide', '100ms')
    run = scene.Run(args.cupel, pipeline, home / 'lake', log=home / 'run.txt')
    watch = Watch(run)
    watch.start()
    code = run.gone(SECONDS)
    if code != 0:
        return [f'exit {code}: {run.said()[-3000:]}'], []
    wrong = []
    lake = lakes.Lake(home / 'lake')
    rows = lake.duck.execute(
        f"SELECT epoch, input, records FROM {lake.scan(lake.only('_cupel/*/*/ledger'))} WHERE kind = 'input' ORDER BY epoch").fetchall()
    states, read = [], dict.fromkeys(due, 0)
    for _, group in itertools.groupby(rows, lambda row: row[0]):
        for _, name, count in group:
            read[int(name.rpartition('/')[2])] += count
        states.append(dict(read))
    if read != due:
        wrong.append(f'{sum(read.values())} records of {sum(due.values())}, at {sum(read[p] != due[p] for p in due)} '
                     'partitions another number')
    unfair = [one for worker in range(WORKERS) for one in judge(worker, [p for p in due if p % WORKERS == worker], due, states)]
    lakes.run(args.cupel, 'verify', home / 'lake')
    return wrong + check_bounds(watch, f'{args.count} partitions'), unfair


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('cupel')
    parser.add_argument('case', choices=('topics', 'fair'))
    parser.add_argument('--count', type=int, default=200)
    parser.add_argument('--records', type=int, default=200)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder, broker.Broker(heap='256m') as kafka:
        wrong = {'topics': topics, 'fair': fair}[args.case](args, pathlib.Path(folder), kafka)
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
