#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   from a cluster to tables without writing a line: discover proposes folders that validate and run, lag says
        how far they are, and bronze goes into a topic again byte for byte, into new tables, and into the same tables
        without a row twice. What is refused is judged again while the topic goes on (refused.py).
        What is published with schemas is read by Kafka Connect (connect.py).
Method: captures of real connectors are produced to one real broker, with topics of tools, empty ones and ones
        without changes beside them. Silver is compared with the database's own final tables; topics are read back by
        another client (broker.py); what is missing is made missing by removing a table.

    test_tools.py CUPEL ROOT"""
import collections
import dataclasses
import functools
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

import broker
from broker import Record

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oracle'))
import connect  # noqa: E402
import lakes  # noqa: E402
import refused  # noqa: E402
import test_captures  # noqa: E402
from captures import Capture, read_losses  # noqa: E402
from cells import Oracle  # noqa: E402
from compare import compare, judge  # noqa: E402

BANK = ['account', 'audit_note', 'customer', 'transaction_log']
# Topics that are left out, and a word of the reason.
LEFT_OUT = {'__debezium-heartbeat.pg': 'heartbeats', 'connect-offsets': 'positions of connectors',
            'schemahistory.pg': 'schema history', '_cupel.default.pg': "cupel's own", 'nothing': 'no records',
            'app.events': 'without a sign of change data', 'blob': 'is a change', 'pg.transaction': 'transaction markers',
            'pg.message': 'logical messages', 'deleted': 'null values', 'mixed': 'look like debezium'}
T0 = 1700000000000
BINARY = [Record(b'\xff\xfe\x00', b'\x80', [('h', b'\xfe'), ('n', None), ('h', b'')], T0, 1),
          Record(b'', b'', [], T0 + 1, 1), Record(None, b'k', [('a', 'ü'.encode())], T0 + 2, 0),
          Record(b'{"op":"x"}\n{}', None, [], T0 + 3, 1)]


def check(found, wanted, what):
    if found != wanted:
        sys.exit(f'test_tools: {what}: {found!r}, not {wanted!r}')


def fail(what):
    sys.exit(f'test_tools: {what}')


# -- the scene -------------------------------------------------------------------------------------

def of_topics(text, rename=lambda topic: topic):
    topics = collections.defaultdict(list)
    for line in text.splitlines():
        record = broker.record_of_line(line)
        topics[rename(record.topic)].append(dataclasses.replace(record, topic=''))
    return topics


def fill(kafka, capture, flat):
    topics = of_topics(capture.text()) | of_topics(flat, lambda topic: topic.replace('pg.', 'shop.', 1))
    topics['app.events'] = [Record(json.dumps({'a': i}).encode()) for i in range(20)]
    topics['blob'] = BINARY
    topics['deleted'] = [Record(None, b'1')]
    topics['mixed'] = [topics['pg.bank.account'][0], Record(json.dumps(
        {'database': 'd', 'table': 't', 'type': 'insert', 'ts': 1, 'data': {'a': 1}}).encode(), partition=0)]
    topics['connect-offsets'] = topics['schemahistory.pg'] = topics['_cupel.default.pg'] = [Record(b'{"a":1}')]
    topics['nothing'] = []
    for name, records in topics.items():
        kafka.create(name, 2 if name in ('blob', 'app.events') else 1)
        kafka.produce(name, records)
    return topics


# -- discover --------------------------------------------------------------------------------------

def found_topics(text):
    """{topic: the rest of its line}"""
    lines = text.split('\n\n')[0].splitlines()[1:]
    return {line.split()[0]: line for line in lines}


def check_discover(cupel, kafka, home):
    out = home / 'pipelines'
    words = ['discover', '--brokers', kafka.plaintext, '--out', out, '--seconds', '120']
    samples = home / 'samples'
    samples.mkdir()
    found = found_topics(lakes.run(cupel, *words, env=os.environ | {'TMPDIR': str(samples)}).stdout)
    check([path.name for path in samples.iterdir()], [], 'samples that are left in TMPDIR')
    for topic, reason in LEFT_OUT.items():
        if topic not in found or f'left out: ' not in found[topic] or reason not in found[topic]:
            fail(f'discover: {topic}: {found.get(topic)!r} does not say {reason!r}')
    for prefix, form in (('pg', 'debezium'), ('shop', 'flattened')):
        for table in BANK:
            line = found[f'{prefix}.bank.{table}'].split()
            check(line[-2:], [form, prefix], f'discover: {prefix}.bank.{table}')
        contracts = sorted(path.name for path in (out / prefix / 'contracts').iterdir())
        check(contracts, [f'bank.{table}.odcs.yaml' for table in BANK], f'contracts of {prefix}')
    check(sorted(path.name for path in out.iterdir()), ['pg', 'shop'], 'pipelines')
    before = {path: path.read_bytes() for path in out.rglob('*') if path.is_file()}
    (out / 'pg/contracts/mine.txt').write_text('a note')
    again = lakes.run(cupel, *words)
    if 'was not touched' not in again.stdout or 'written' in again.stdout:
        fail(f'discover again: {again.stdout}')
    check({path: path.read_bytes() for path in before}, before, 'folders that were there')
    only = found_topics(lakes.run(cupel, 'discover', '--brokers', kafka.plaintext, '--topics',
                                  '/pg[.]bank[.]a.*/,blob').stdout)
    check(sorted(only), ['blob', 'pg.bank.account', 'pg.bank.audit_note'], 'topics by pattern and name')
    return out


def check_refusals(cupel, home):
    """Words that name what is missing; nothing is written."""
    told = lakes.run(cupel, 'discover', '--out', home / 'none', expect=2).stderr
    if '--brokers' not in told or (home / 'none').exists():
        fail(f'discover without a cluster: {told}')
    told = lakes.run(cupel, 'discover', '--brokers', 'localhost:1', '--out', home / 'none', expect=1, timeout=60).stderr
    if 'localhost:1' not in told or (home / 'none').exists():
        fail(f'discover with a wrong port: {told}')
    told = lakes.run(cupel, 'lag', home, expect=2).stderr
    if '--pipeline' not in told:
        fail(f'lag without a pipeline: {told}')


# -- run, lag --------------------------------------------------------------------------------------

def lag_of(cupel, folder, lake):
    return json.loads(lakes.run(cupel, 'lag', folder, '--lake', lake, '--json').stdout)


def check_silver(capture, lake):
    oracle = Oracle(capture.oracle_folder)
    replays, _ = test_captures.replay_tables(opened(lake), oracle)
    for sentence in judge(compare(oracle, replays), read_losses(capture)):
        fail(f'silver: {sentence}')


def check_run(cupel, kafka, folder, lake, capture, topics):
    count = sum(len(topics[f'pg.bank.{table}']) for table in BANK)
    lakes.run(cupel, 'validate', folder, '--lake', lake)
    before = lag_of(cupel, folder, lake)
    check((before['records'], {row['committed'] for row in before['partitions']}), (count, {None}), 'lag before')
    if not all(row['seconds'] > 0 for row in before['partitions']):
        fail(f'lag before: nothing waits: {before}')
    lakes.run(cupel, 'run', folder, '--lake', lake, '--until-end')
    after = lag_of(cupel, folder, lake)
    check((after['records'], after['seconds'], [row['visible'] - row['end'] for row in after['partitions']]),
          (0, 0, [0] * len(BANK)), 'lag after')
    now = int(time.time() * 1000)
    kafka.produce('pg.bank.customer', [dataclasses.replace(topics['pg.bank.customer'][0], timestamp_ms=now - 90000, topic='')] * 3)
    (row,) = [row for row in lag_of(cupel, folder, lake)['partitions'] if row['records']]
    most = time.time() - now / 1000 + 91
    check((row['topic'], row['records'], row['end'] - row['committed']), ('pg.bank.customer', 3, 3), 'lag of one topic')
    if not 89 < row['seconds'] < most:
        fail(f'lag in seconds: {row}')
    check_silver(capture, lake)


def check_auto(cupel, folder, lake):
    """format: auto looks at the topics."""
    told = lakes.run(cupel, 'validate', folder, '--lake', lake, '--format', 'auto').stdout
    if 'format flattened' not in told:
        fail(f'format auto: {told[:300]}')


def check_nothing(cupel, kafka, home):
    """A pattern that no topic fits is no error, but must not look like one that fits."""
    told = lakes.run(cupel, 'run', '--brokers', kafka.plaintext, '--topics', '/pq[.].*/', '--lake', home / 'nothing',
                     '--until-end').stdout
    if 'no topic fits input[].topics' not in told:
        fail(f'a pattern that no topic fits: {told}')


# -- replay ----------------------------------------------------------------------------------------

def plain(record):
    return record.key, record.value, record.headers, record.timestamp_ms


def check_to_topic(cupel, kafka, folder, lake):
    """The records of every partition come back as they are, in order, read by another client."""
    names = [f'pg.bank.{table}' for table in BANK]
    lag = {row['topic']: row['committed'] for row in lag_of(cupel, folder, lake)['partitions']}
    lakes.run(cupel, 'replay', folder, '--lake', lake, '--to-topic', '{topic}.replay', '--create', 1)
    came = {name: [plain(r) for r in kafka.consume(name)] for name in names}
    for name in names:  # what came after the run is in no bronze yet
        found = [plain(r) for r in kafka.consume(f'{name}.replay')]
        check(found, came[name][:lag[name]], f'{name} after a replay')
    lakes.run(cupel, 'replay', folder, '--lake', lake, '--to-topic', 'some', '--create', 1, '--topic', names[0],
              '--offsets', '3-7')
    check([plain(r) for r in kafka.consume('some')], came[names[0]][3:8], 'some offsets')
    told = lakes.run(cupel, 'replay', folder, '--lake', lake, '--to-topic', 'absent', expect=1).stderr
    if 'absent' not in told or '--create' not in told:
        fail(f'replay to a topic that is not there: {told}')


def check_binary(cupel, kafka, home):
    """Bytes that are no text, empty and null, repeated headers: through samples and through bronze, to topics."""
    tool = pathlib.Path(cupel).parent.parent / 'dataplane/kafka/tool/cupel-kafka'
    lines = lakes.run(tool, 'sample', '--brokers', kafka.plaintext, '--topics', 'blob').stdout
    lakes.run(tool, 'produce', '--brokers', kafka.plaintext, '--to', '{topic}.copy', '--create', 2, input=lines)
    lake, wanted = home / 'blobs', [plain(r) for r in BINARY]
    lakes.run(cupel, 'run', '--brokers', kafka.plaintext, '--topics', 'blob', '--lake', lake, '--until-end')
    lakes.run(cupel, 'replay', lake, '--pipeline', 'default/run', '--to-topic', 'again', '--create', 2, '--brokers',
              kafka.plaintext)
    for topic in ('blob.copy', 'again'):
        found = sorted(kafka.consume(topic), key=lambda r: r.timestamp_ms)
        check([plain(r) for r in found], wanted, f'bytes in {topic}')
        check(found[3].partition, 1, f'{topic}: a record without a key keeps its partition')
    told = lakes.run(tool, 'produce', '--brokers', kafka.plaintext, '--to', 'again', input='{"a":1}\n', expect=1).stderr
    if 'line 1' not in told:
        fail(f'produce what is no dump: {told}')


@functools.cache
def opened(lake):
    return lakes.Lake(lake)  # DuckDB takes a while to open


def rows_of(lake, table):
    of = opened(lake)
    sql = f'SELECT * EXCLUDE (_epoch, _ingested_at) FROM {of.scan(of.silver()[table])} ORDER BY _offset, _sub, _op'
    return of.rows(sql)


def check_to_tables(cupel, folder, lake, home):
    new = home / 'new'
    lakes.run(cupel, 'replay', folder, '--lake', lake, '--to-lake', new)
    for table in BANK:
        check(rows_of(new, f'bank.{table}'), rows_of(lake, f'bank.{table}'), f'{table} in a new lake')
    lakes.run(cupel, 'verify', new)
    told = lakes.run(cupel, 'replay', folder, '--lake', lake, '--to-lake', new, expect=1).stderr
    if 'has run there' not in told:
        fail(f'replay into a lake that is not new: {told}')
    check(len(rows_of(new, 'bank.account')), len(rows_of(lake, 'bank.account')), 'rows after the refusal')


def check_missing(cupel, folder, lake):
    """A table is lost; its rows come back once, however often they are asked for."""
    words = ['replay', folder, '--lake', lake, '--missing']
    before = {table: rows_of(lake, f'bank.{table}') for table in BANK}
    if 'nothing is missing' not in lakes.run(cupel, *words).stdout:
        fail('rows are missing that are there')
    (account,) = lake.glob('*/silver/*/bank/account')
    shutil.rmtree(account)
    lakes.run(cupel, 'recover', lake, 'discard', '--table', account.relative_to(lake), '--yes')
    offsets = sorted(row['_offset'] for row in before['account'])
    check(lakes.run(cupel, *words, '--offsets', f'0-{offsets[9]}', '--topic', 'pg.bank.account', '--dry-run').stdout,
          '10 records would be added\n', 'a dry run')
    lakes.run(cupel, *words, '--offsets', f'0-{offsets[9]}', '--topic', 'pg.bank.account')
    check(rows_of(lake, 'bank.account'), before['account'][:10], 'the first rows')
    for _ in range(2):
        lakes.run(cupel, *words)
        check({table: rows_of(lake, f'bank.{table}') for table in BANK}, before, 'rows after --missing')
    lakes.run(cupel, 'verify', lake)


def main():
    cupel, root = sys.argv[1:3]
    capture = Capture(root, 'default-schema-precise-adaptive')
    flat = capture.path.with_name('flat-rewrite.ndjson').read_bytes()
    try:
        kafka = broker.Broker(properties={'log.retention.ms': -1})  # records are as old as they say
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    with kafka, tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        check_refusals(cupel, home)
        topics = fill(kafka, capture, flat)
        pipelines = check_discover(cupel, kafka, home)
        check_binary(cupel, kafka, home)
        check_auto(cupel, pipelines / 'shop', home / 'lake')
        check_nothing(cupel, kafka, home)
        lake = home / 'lake'
        check_run(cupel, kafka, pipelines / 'pg', lake, capture, topics)
        check_to_topic(cupel, kafka, pipelines / 'pg', lake)
        check_to_tables(cupel, pipelines / 'pg', lake, home)
        check_missing(cupel, pipelines / 'pg', lake)
        refused.check_all(cupel, kafka, home)
        connect.check_all(cupel, kafka, home)


if __name__ == '__main__':
    main()
