#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   the broker of the tests does what the other tests take for granted.
Method: one real broker with all listeners and ACLs; each helper once, told by another helper."""
import json
import sys
import tempfile
import time

import broker
from broker import Record

SECURE = {'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'SCRAM-SHA-512', 'sasl.username': 'cupel',
          'sasl.password': 'cupel-secret'}


def check(condition, what):
    if not condition:
        sys.exit(f'test_broker: {what}')


def refused(act):
    try:
        act()
    except (broker.ck.KafkaException, RuntimeError):
        return True
    return False


def check_records(kafka):
    records = [Record(b'1', b'k', [('a', b'x'), ('a', None), ('b', b'')], 1700000000000, 0), Record(None, b'k', partition=1),
               Record(b'', None, partition=2)]
    kafka.create('kinds', 3)
    kafka.produce('kinds', records)
    found = kafka.consume('kinds')
    check([(r.value, r.key, r.headers) for r in found] == [(r.value, r.key, r.headers) for r in records],
          f'records differ: {found}')
    check(found[0].timestamp_ms == 1700000000000, 'a timestamp is lost')
    with tempfile.NamedTemporaryFile('w', suffix='.dump') as dump:
        dump.write(json.dumps({'topic': 'kinds', 'partition': 1, 'offset': 7, 'key': 'q', 'value': '{"a":1}',
                               'headers': [['h', None], ['h', 'v']], 'timestamp': 5}) + '\n')
        dump.flush()
        kafka.produce_files([dump.name], 'kinds')
    last = [r for r in kafka.consume('kinds') if r.partition == 1][-1]
    check((last.key, last.value, last.headers, last.timestamp_ms) == (b'q', b'{"a":1}', [('h', None), ('h', b'v')], 5),
          f'a dump line differs: {last}')


def check_transactions(kafka):
    kafka.create('paid')
    kafka.transaction('paid', [Record(b'no')], commit=False)
    kafka.transaction('paid', [Record(b'yes')])
    check([r.value for r in kafka.consume('paid')] == [b'yes'], 'an aborted record is seen')
    check(len(kafka.consume('paid', committed=False)) == 2, 'an aborted record is not seen')
    kafka.wait_committed('paid', 0, 4)
    check(kafka.watermarks('paid') == (0, 4), 'watermarks')
    kafka.delete_records('paid', 0, 3)
    check(kafka.watermarks('paid')[0] == 3, 'records were not deleted')
    kafka.grow('paid', 4)
    kafka.delete('kinds')
    check(kafka.topics() == {'paid': 4}, f'topics {kafka.topics()}')
    kafka.configure_topic('paid', max_message_bytes=2000)
    end = time.monotonic() + broker.CLIENT_SECONDS
    while not refused(lambda: kafka.produce('paid', [Record(b'x' * 3000)])):
        check(time.monotonic() < end, 'a large record is taken')


def check_rights(kafka):
    user = broker.Client(kafka.sasl_tls, **SECURE, **{'ssl.ca.location': str(kafka.keys.ca)})
    check(user.topics() == {}, 'a user without rights sees topics')
    kafka.allow('cupel', 'DESCRIBE READ', 'topic', 'pa', prefix=True)
    end = time.monotonic() + broker.CLIENT_SECONDS
    while user.topics() != {'paid': 4} and time.monotonic() < end:
        time.sleep(0.1)
    check(user.topics() == {'paid': 4}, 'a right was not granted')
    check(refused(lambda: user.produce('paid', [Record(b'1')], **{'enable.idempotence': False})), 'a right too many')
    kafka.deny_all('cupel')


def main():
    try:
        kafka = broker.Broker(tls=True, sasl=True, acls=True)
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    with kafka:
        check_records(kafka)
        check_transactions(kafka)
        check_rights(kafka)
        kafka.kill()
        kafka.start()
        check(kafka.topics() == {'paid': 4}, 'a killed broker forgot its topics')


if __name__ == '__main__':
    main()
