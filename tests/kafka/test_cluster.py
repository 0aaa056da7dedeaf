#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   what cupel sees of a cluster is what the cluster has; what it creates is there.
Method: topics, transactions and deletions made by another client (broker.py); answers of
        cluster_probe are compared with what was made, or read back by that client."""
import sys
import time

import broker
from broker import Record
from probe import Probe

MINUTE = 60000
T0 = 1700000000000
CLOSE_SECONDS_MAX = 30


def check(found, wanted, what):
    if found != wanted:
        sys.exit(f'test_cluster: {what}: {found!r}, not {wanted!r}')


def begins(found, wanted, what):
    check(found[:len(wanted)], wanted, what)


def check_topics(kafka, probe):
    kafka.create('b', 3)
    kafka.create('a.x')
    kafka.transaction('b', [Record(b'1', partition=0)])  # makes Kafka's own topics, too
    first = probe.ask('list')
    begins(first[19:], ' a.x=1 b=3', 'topics by name, without internal ones')
    if int(first[3:19], 16) == 0:
        sys.exit('test_cluster: no cluster id')
    kafka.delete('a.x')
    kafka.grow('b', 5)
    check(probe.ask('list'), first[:19] + ' b=5', 'topics after a deletion and a growth')


def check_watermarks(kafka, probe):
    kafka.create('w', 2)
    check(probe.ask('watermarks w 0'), 'ok 0 0', 'watermarks of nothing')
    kafka.produce('w', [Record(b'x', partition=0, timestamp_ms=T0 + i * MINUTE) for i in range(10)])
    kafka.delete_records('w', 0, 4)
    check(probe.ask('watermarks w 0'), 'ok 4 10', 'watermarks')
    # An open transaction: others may not see what lies behind its first record.
    producer = kafka.producer(**{'transactional.id': 'open'})
    producer.init_transactions(broker.CLIENT_SECONDS)
    producer.begin_transaction()
    kafka.put(producer, 'w', [Record(b'y', partition=0)])
    producer.flush(broker.CLIENT_SECONDS)
    kafka.produce('w', [Record(b'z', partition=0)])
    check(kafka.watermarks('w', 0, committed=False), (4, 12), 'the open transaction is written')
    check(probe.ask('watermarks w 0'), 'ok 4 10', 'watermarks stop at an open transaction')
    producer.abort_transaction(broker.CLIENT_SECONDS)
    kafka.wait_committed('w', 0, 13)
    check(probe.ask('watermarks w 0'), 'ok 4 13', 'watermarks after the transaction')
    begins(probe.ask('watermarks w 9'), 'NOT_FOUND|', 'a partition that is not there')
    begins(probe.ask('watermarks no 0'), 'NOT_FOUND|', 'a topic that is not there')


def check_times(probe):
    check(probe.ask(f'times w {T0 + 5 * MINUTE} 0'), 'ok 5 0', 'the record of a time; an empty partition')
    check(probe.ask(f'times w {T0 + 5 * MINUTE + 1}'), 'ok 6', 'the first that is not older')
    check(probe.ask('times w 0'), 'ok 4', 'the first that is left')
    check(probe.ask('times w 9000000000000'), 'ok 13', 'the end, when all are older')


def check_create(kafka, probe):
    check(probe.ask('create c 3 1 cleanup.policy=compact max.message.bytes=2000'), 'ok', 'create')
    kafka.wait_partitions('c', 3)
    config = kafka.topic_config('c')
    check((config['cleanup.policy'], config['max.message.bytes']), ('compact', '2000'), 'settings of a new topic')
    begins(probe.ask('create c 5 1'), 'EXISTS|', 'a topic that is there')
    check(kafka.topics()['c'], 3, 'a topic that is there is left as it is')
    check(probe.ask('create d 0 0'), 'ok', 'the broker\'s defaults')
    kafka.wait_partitions('d', 1)
    for command, setting in (('create e 1 7', 'output.replication'), ('create e 1 1 no.such=1', 'output.settings'),
                             ('create e/f 1 1', 'output.topic')):
        answer = probe.ask(command)
        begins(answer, 'BAD_CONFIG|', command)
        if setting not in answer:
            sys.exit(f'test_cluster: {command}: {answer} does not name {setting}')


def check_advice(kafka, probe, group='lag'):
    check(probe.ask('advice'), 'OK', 'no advice')
    end = time.monotonic() + broker.CLIENT_SECONDS
    answer = 'IO'  # until the group's broker is found, and has begun
    while answer == 'IO' and time.monotonic() < end:
        check(probe.ask(f'advise {group} w 0 7'), 'ok', 'advise')
        while (answer := probe.ask('advice')) == 'AGAIN' and time.monotonic() < end:
            pass  # each asks for seconds
    check(answer, 'OK', 'advice')
    check(kafka.group_offsets(group, 'w'), 7, 'offsets of the group')


def check_close(kafka, program):
    """A client that closes at once: what it advised is stored; a broker that has its advice, and does not
    answer, is not waited for until socket.timeout.ms (a minute)."""
    end, number = time.monotonic() + broker.CLIENT_SECONDS, 0
    while True:  # who closes waits a second for the answer, and no longer
        number += 1
        with Probe(program, kafka.plaintext) as probe:
            check(probe.ask(f'advise short{number} w 0 9'), 'ok', 'advise')
        stored = kafka.group_offsets(f'short{number}', 'w')
        if stored == 9 or time.monotonic() > end:
            break
    check(stored, 9, 'advice before the end')
    with Probe(program, kafka.plaintext) as probe:
        check_advice(kafka, probe, 'held')  # it knows the group's broker now
        kafka.pause()
        check(probe.ask('advise held w 0 10'), 'ok', 'advise')
        begin = time.monotonic()
    kafka.resume()
    check(time.monotonic() - begin < CLOSE_SECONDS_MAX, True, 'a client that closes soon')


def check_trouble(kafka, probe):
    check(probe.ask('trouble'), 'ok', 'no trouble')
    kafka.kill()  # at once: it is told for 15 s, and a broker that is stopped may close connections long before it ends
    end = time.monotonic() + broker.CLIENT_SECONDS
    while (answer := probe.ask('trouble')) == 'ok' and time.monotonic() < end:
        time.sleep(0.05)
    begins(answer, 'IO|', 'trouble while the broker is away')
    kafka.start()
    end = time.monotonic() + broker.CLIENT_SECONDS
    while True:  # a thread of the library may tell late that the port was closed, and an answer ends that
        begins(probe.ask('list'), 'ok ', 'after the broker came back')
        if (answer := probe.ask('trouble')) == 'ok' or time.monotonic() > end:
            break
    check(answer, 'ok', 'trouble is over')


def main():
    try:
        kafka = broker.Broker()
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    with kafka, Probe(sys.argv[1], kafka.plaintext) as probe:
        check(probe.answer, 'ok', 'open')
        check_topics(kafka, probe)
        check_watermarks(kafka, probe)
        check_times(probe)
        check_create(kafka, probe)
        check_advice(kafka, probe)
        check_close(kafka, sys.argv[1])
        check_trouble(kafka, probe)


if __name__ == '__main__':
    main()
