#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   whoever runs a pipeline with a wrong pipeline.yaml reads which of its settings to change, soon.
Method: a broker with TLS, SASL and ACLs; for each row of a table `cupel run FOLDER --until-end` with one
        mistake, several at once. The rows marked OK have the same settings without it, and read all. Then the
        same for discover, lag and replay: secure.py."""
import json
import pathlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import broker
import secure
from broker import Record

ROWS = 50
SECONDS_MAX = 180  # a run that never met its cluster ends after 10; machines under test are slow
OK = 'accepted'
TOPIC = 'pg.bank.customer'


class Scene:
    """What runs are made of: the broker, its secrets, a folder for each run."""

    def __init__(self, kafka, cupel, folder):
        self.kafka, self.cupel, self.folder = kafka, cupel, folder
        self.ca = str(kafka.keys.ca)
        self.password = self.secret('password', 'cupel-secret')
        self.wrong = self.secret('wrong', 'wrong')
        self.other = str(broker.Keys(folder / 'other').ca)

    def secret(self, name, text):
        path = self.folder / name
        path.write_text(text + '\n')
        path.chmod(0o600)
        return str(path)

    def plain(self, **more):
        return {'brokers': self.kafka.plaintext, **more}

    def tls(self, **more):
        return {'brokers': self.kafka.tls, 'security': 'tls', 'ca_file': self.ca, **more}

    def sasl(self, **more):
        return {'brokers': self.kafka.sasl_tls, 'security': 'sasl_tls', 'ca_file': self.ca, 'username': 'cupel',
                'password_file': self.password, **more}

    def run(self, name, kafka, topic=TOPIC, **more):
        """Runs a pipeline; returns its exit code and all that it said. YAML holds JSON."""
        home = self.folder / name.replace(' ', '-')
        home.mkdir()
        config = {'name': home.name, 'domain': 'test', 'source': 'pg', 'owner': 'test@example.org', 'workers': 1,
                  'lake': str(home / 'lake'), 'kafka': kafka, 'input': [{'topics': topic}],
                  'commit': {'interval': '1s'}, **more}
        (home / 'pipeline.yaml').write_text(json.dumps(config, indent=1))
        begin = time.monotonic()
        done = subprocess.run([self.cupel, 'run', str(home), '--until-end'], capture_output=True, text=True,
                              timeout=SECONDS_MAX, check=False)
        return done.returncode, done.stdout + done.stderr, time.monotonic() - begin


def reach_rows(scene):
    """(name, what the run holds, arguments of Scene.run)"""
    kafka, nobody = scene.kafka, f'localhost:{broker.free_ports(1)[0]}'
    yield 'plaintext', [OK], scene.plain()
    yield 'wrong port', ['nobody listens', 'kafka.brokers'], scene.plain(brokers=nobody)
    yield 'wrong host', ['not known', 'kafka.brokers'], scene.plain(brokers='nowhere.invalid:9092')
    yield 'tls', [OK], scene.tls()
    yield 'plaintext to tls', ['speaks TLS', 'kafka.security should be tls'], scene.plain(brokers=kafka.tls)
    yield 'tls to plaintext', ['kafka.security should be plaintext'], scene.tls(brokers=kafka.plaintext)
    yield 'other authority', ['kafka.ca_file'], scene.tls(ca_file=scene.other)
    yield 'weak tls', ['kafka.insecure'], scene.tls(options={'enable.ssl.certificate.verification': 'false'})
    yield 'wrong password', ['kafka.username', 'kafka.password_file'], scene.sasl(password_file=scene.wrong)
    yield 'scram', ['older than 2.6.1', 'kafka.mechanism plain'], scene.sasl(mechanism='scram-sha-256')
    yield 'clear text', ['kafka.security', 'kafka.insecure'], scene.plain(
        brokers=kafka.sasl, security='sasl_plaintext', username='cupel', password_file=scene.password)


def right_rows(scene):
    yield 'missing topic', ['input.topics', 'no such topic', 'pg.none'], scene.plain(), 'pg.none'
    yield 'unseen topic', ['input.topics', 'DESCRIBE', 'pg.hidden'], scene.sasl(), 'pg.hidden'
    yield 'unread topic', ['READ', 'pg.seen'], scene.sasl(), 'pg.seen'
    yield 'read topic', [OK], scene.sasl()


def output_rows(scene):
    """The output: what is published goes to topics that begin with out."""
    def out(name, **more):
        return {'output': {'publish': 'changes', 'topic': f'out.{name}.{{table}}', **more}}
    yield 'publish', [OK], scene.sasl(), TOPIC, out('right')
    yield 'no topic', ['output.create'], scene.sasl(), TOPIC, out('none', create=False)
    yield 'topic not created', ['kafka.username', 'CREATE'], scene.sasl(), TOPIC, out('closed')
    yield 'topic not written', ['kafka.username', 'WRITE', 'output'], scene.sasl(), TOPIC, out('seen')
    yield 'transactional id', ['kafka.username', 'transactional id'], scene.sasl(username='reader'), TOPIC, out('right')
    yield 'larger than the topic takes', ['max.message.bytes', 'out.small'], scene.plain(), TOPIC, out('small')
    yield 'larger than the producer sends', ['message.max.bytes', 'kafka.options'], \
        scene.plain(options={'message.max.bytes': '1000'}), TOPIC, {'output': {'publish': 'raw'}}


def allow_output(kafka):
    """cupel may publish to out.right; to out.seen it may not write, out.closed it may not create."""
    for user in ('cupel', 'reader'):
        kafka.allow(user, 'DESCRIBE READ', 'topic', TOPIC)
        for topic in ('out.right.', '_cupel.'):
            kafka.allow(user, 'DESCRIBE READ WRITE CREATE', 'topic', topic, prefix=True)
    kafka.allow('cupel', 'DESCRIBE WRITE', 'transactional_id', 'cupel', prefix=True)
    kafka.create('out.seen.customer')
    kafka.allow('cupel', 'DESCRIBE', 'topic', 'out.', prefix=True)
    kafka.create('out.small.customer', max_message_bytes=200)


def judge(scene, row):
    """A sentence, or None."""
    return broker.patiently(lambda turn: judge_once(scene, row, turn))


def judge_once(scene, row, turn):
    name, wanted, kafka, *rest = row
    topic, more = (*rest, *(TOPIC, {})[len(rest):])
    try:
        code, said, seconds = scene.run(f'{name} {turn}', kafka, topic, **more)
    except subprocess.TimeoutExpired as late:
        return f'{name}: no end after {SECONDS_MAX} s: {(late.stderr or b"").decode()[-600:]}'
    missing = [part for part in wanted if part not in said]
    if missing or (code == 0) != (wanted == [OK]):
        return f'{name} ({seconds:.0f} s): exit {code}, has not {missing}: {said[-900:]}'
    if 'first_name' in said:
        return f'{name}: a record is shown to whoever reads the log: {said[-900:]}'
    if wanted == [OK] and f'{ROWS} records = {ROWS} accepted' not in said:
        return f'{name}: not all records: {said[-600:]}'
    return None


def prepare(kafka, program):
    """A topic with records that name their columns, one that may be seen only, one that may not."""
    made = subprocess.run([program, '--rows', str(ROWS), '--schema', 'on', '--op-mix', '1:1:0:0', '--tables', '1:0:0',
                           '--brokers', kafka.plaintext], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        sys.exit(f'test_misconfigured_run: {made.stderr}')
    for topic in ('pg.seen', 'pg.hidden'):
        kafka.create(topic)
        kafka.produce(topic, [Record(b'{}')])
    kafka.allow('cupel', 'DESCRIBE', 'topic', 'pg.seen')


def main():
    cupel, gen = sys.argv[1:3]
    try:
        kafka = broker.Broker(tls=True, sasl=True, acls=True,
                              users={name: 'cupel-secret' for name in ('cupel', 'reader', secure.USER, secure.NOBODY)})
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    with kafka, ThreadPoolExecutor(8) as pool:
        prepare(kafka, gen)
        scene = Scene(kafka, cupel, pathlib.Path(kafka.folder))
        allow_output(kafka)
        rows = [*reach_rows(scene), *right_rows(scene), *output_rows(scene)]
        runs = pool.map(lambda row: judge(scene, row), rows)
        found = [*secure.check_tools(scene, pool, ROWS), *(one for one in runs if one)]
    print('\n'.join(found))
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
