#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   cupel-gen writes to topics what it writes to dumps, at the rate that it is told.
Method: the same seed to a dump and to a real broker; keys, values and headers compared per key, and
        the truths byte by byte. Another producer with Java's partitioner puts keys where they lie."""
import collections
import pathlib
import subprocess
import sys
import tempfile
import time

import broker
from broker import Record

ROWS = 3000


def check(condition, what):
    if not condition:
        sys.exit(f'test_gen: {what}')


def gen(program, *args):
    begin = time.monotonic()
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, check=False)
    return done, time.monotonic() - begin


def by_key(records):
    found = collections.defaultdict(list)
    for record in records:
        found[record.topic, record.key].append((record.value, record.headers))
    return found


def same(kafka, program, folder, schema):
    prefix = f'pg_{schema}'
    options = ['--rows', ROWS, '--schema', schema, '--seed', 7, '--snapshot', 20]
    done, _ = gen(program, *options, '--form', 'dump', '--out', folder / 'dump', '--truth', folder / 'a')
    check(done.returncode == 0, done.stderr)
    done, _ = gen(program, *options, '--brokers', kafka.plaintext, '--topic-prefix', prefix, '--partitions', 3,
                  '--truth', folder / 'b')
    check(done.returncode == 0, done.stderr)
    topics = [f'{prefix}.bank.{table}' for table in ('customer', 'account', 'transaction')]
    found = kafka.consume(topics)
    with open(folder / 'dump', 'rb') as lines:
        wanted = [broker.record_of_line(line) for line in lines]
    for record in wanted:
        record.topic = record.topic.replace('pg.', prefix + '.', 1)
    check(by_key(found) == by_key(wanted), f'{prefix}: records differ')
    for truth in (folder / 'a').iterdir():
        check(truth.read_bytes() == (folder / 'b' / truth.name).read_bytes(), f'{truth.name} differs')
    check(any(record.value is None for record in found), 'no tombstone')
    check(kafka.topics()[topics[0]] == 3, 'partitions')
    check(all(abs(record.timestamp_ms / 1000 - time.time()) < 300 for record in found), 'timestamps are not now')
    return found


def check_partitions(kafka, found):
    topic = 'pg_off.bank.account'
    wanted = {record.key: record.partition for record in found if record.topic == topic}
    check(len(set(wanted.values())) == 3, 'keys are not spread')
    kafka.create('java', 3)
    kafka.produce('java', [Record(b'', key) for key in wanted])
    check({record.key: record.partition for record in kafka.consume('java')} == wanted, 'partitions of keys')


def main():
    program = sys.argv[1]
    try:
        kafka = broker.Broker()
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    with kafka, tempfile.TemporaryDirectory() as folder:
        found = same(kafka, program, pathlib.Path(folder), 'off')
        same(kafka, program, pathlib.Path(folder), 'on')
        check_partitions(kafka, found)
        gen(program, '--rows', 1, '--brokers', kafka.plaintext)  # topics that are there are fine
        done, seconds = gen(program, '--rows', 1000, '--rate', 500, '--brokers', kafka.plaintext)
        check(done.returncode == 0 and seconds > 1.9, f'1000 events at 500 a second took {seconds:.2f} s')
    done, _ = gen(program, '--rows', 10, '--brokers', kafka.plaintext)
    check(done.returncode == 1 and 'kafka.brokers' in done.stderr, f'a cluster that is away: {done.stderr}')
    done, _ = gen(program, '--rows', 10, '--brokers', kafka.plaintext, '--form', 'dump')
    check(done.returncode == 1, '--form with --brokers')


if __name__ == '__main__':
    main()
