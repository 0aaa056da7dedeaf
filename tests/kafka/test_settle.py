#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   whatever a transaction of an earlier instance became, partition by partition, each change is in the
        output's topics once: committed here, forgotten by the cluster there, aborted elsewhere.
Method: epochs wait in the spool while the broker is away. Then the test is the instance before: with the
        pipeline's transactional id and raw requests it sends the next epoch (records that say "earlier"),
        and commits some partitions, while the cluster never hears of others, as when a broker that is
        stopped drops the end of a transaction. Another client reads what cupel makes of it.

    test_settle.py CUPEL"""
import json
import pathlib
import signal
import sys
import tempfile
import time

import broker
import raw
from test_deliver import Pipe, Truth, check, consume, murmur2, wait

import feeds  # test_deliver found it

CONTROL = '_cupel.bank.{}'
PARTITIONS = 2
EARLIER, UNMARKED = b'earlier', 'unmarked'
LATE = 5  # changes of another table, each time
# What was sent before, and in which partitions (C: the control topic) it is committed; the others hang.
CASES = {
    'nothing':    ((), ()),
    'hangs':      ((0, 1, 'C'), ()),
    UNMARKED:     ((0, 1), ()),
    'answerless': ((0, 1, 'C'), (0, 1, 'C')),
    'first':      ((0, 1, 'C'), (0, 'C')),
    'second':     ((0, 1, 'C'), (1,)),
    'marker':     ((0, 1, 'C'), (0, 1)),
}


def sends(producer, name, epoch, sent, committed):
    """Sends an epoch as the instance before would."""
    topic, control, ranges = f'{name}.t', CONTROL.format(name), []
    for place in committed:
        producer.tell(*((control, [0]) if place == 'C' else (topic, [place])))
    for place in sent:
        if place == 'C':
            marker = {'epoch': epoch, 'records': 2, 'shard': 0, 'shards': 1, 'domain': 'bank', 'pipeline': name, 'ranges': ranges}
            producer.write(control, 0, [(b'{"shard":0}', json.dumps(marker, separators=(',', ':')).encode())])
        else:
            first, last = producer.write(topic, place, [(EARLIER, EARLIER)] * 2)
            ranges.append(f'{topic} {place}/{PARTITIONS} {first}-{last}')
    if name == UNMARKED:
        producer.write(f'{name}.u', 0, [(EARLIER, EARLIER)])
    if committed:
        producer.end(True)


def prepare(cupel, home, kafka):
    """A pipeline for each case, all of the same changes: some delivered, some in the spool."""
    pipes, truth, late, feed = {}, Truth(9), Truth(10, table='u'), feeds.Feed()
    for name in CASES:
        pipes[name] = Pipe(cupel, home / name, kafka.plaintext, f'  topic: "{name}.{{table}}"\n  partitions: {PARTITIONS}\n')
    late.some(feed, LATE)
    pipes[UNMARKED].add(feed)  # a topic that the last marker does not name
    pipes[UNMARKED].run()
    for turn in (0, 1):
        truth.some(feed, 30)
        for name, pipe in pipes.items():
            more = feeds.Feed()
            if name == UNMARKED and turn == 1:
                late.some(more, LATE)
            with open(pipe.home / 'in.dump', 'a', encoding='utf-8') as out:
                out.write(''.join(line + '\n' for line in more.lines + feed.lines))
        feed.lines.clear()
        if turn == 0:
            for pipe in pipes.values():
                pipe.run()
    kafka.kill()
    started = [pipe.start() for pipe in pipes.values()]
    for pipe in pipes.values():
        wait(pipe.spool)
    for run in started:
        run.signal(signal.SIGTERM)
    for run in started:
        check(run.gone(), 0, 'a run that is stopped while the cluster is away')
    kafka.start()
    return pipes


def read(kafka, name):
    """{partition: [(key, what matters of the value), ...]}"""
    found = {p: [] for p in range(PARTITIONS)}
    for record in consume(kafka, f'{name}.t'):
        value = record.value
        if value is not None and value != EARLIER:
            row = json.loads(value)
            value = {column: row[column] for column in ('id', 'name', 'amount', '_op') if column in row}
        if record.key != EARLIER:
            check(murmur2(record.key) % PARTITIONS, record.partition, 'where a key is')
        found[record.partition].append((record.key, value))
    return found


def judge(name, found, wanted, before):
    """The instance before counts where it was committed; else cupel sends it."""
    sent, committed = CASES[name]
    for partition in range(PARTITIONS):
        settled = 'C' in sent and partition in committed  # without a marker nobody knows of it
        due = before[partition] + [(EARLIER, EARLIER)] * 2 if settled else wanted[partition]
        check(found[partition], due, f'{name}: partition {partition}')


def main():
    cupel = sys.argv[1]
    properties = {'transaction.partition.verification.enable': 'false'}
    with tempfile.TemporaryDirectory() as folder, broker.Broker(properties=properties) as kafka:
        pipes = prepare(cupel, pathlib.Path(folder), kafka)
        before = read(kafka, 'nothing')
        assert all(before.values()), 'a partition has no record: the test proves too little'
        wanted = None
        for name, (sent, committed) in CASES.items():
            epoch = int(pipes[name].spool()[0].name[:20])
            if sent:
                producer = raw.Producer(kafka.ports[0]['PLAINTEXT'], f'cupel.bank.{name}.0')
                sends(producer, name, epoch, sent, committed)
                producer.close()
            began = time.monotonic()
            pipes[name].run()
            check(pipes[name].spool(), [], f'{name}: files that wait')
            found = read(kafka, name)
            wanted = wanted or found
            judge(name, found, wanted, before)
            print(f'{name}: {[len(found[p]) for p in found]} records, {time.monotonic() - began:.1f} s', flush=True)
        late = [record.key for record in consume(kafka, f'{UNMARKED}.u')]
        check((len(late), late.count(EARLIER)), (2 * LATE, 0), 'the other topic')
        assert all(len(wanted[p]) > len(before[p]) for p in wanted), 'nothing was waiting: the test proves too little'
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
