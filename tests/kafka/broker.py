#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Kafka cluster on loopback ports, and what tests do with it: topics, records, ACLs.

    with broker.Broker(tls=True) as kafka:
        kafka.create('bank.customer', partitions=2)
        kafka.produce('bank.customer', [broker.Record(key=b'1', value=b'{}')])
        rows = kafka.consume('bank.customer')

As a program: `tests/tools/venv-python tests/kafka/broker.py run` starts one and prints where it is;
`... create|produce|consume|topics --help` use one.

The client is the confluent-kafka wheel, which carries its own librdkafka: it shares no code with
the library that cupel is linked with, and is newer.
"""
import argparse
import atexit
import base64
import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

import confluent_kafka as ck
from confluent_kafka import admin as ck_admin

ROOT = pathlib.Path(__file__).resolve().parents[2]
JARS = ROOT / 'build' / 'kafka-jars'
CLASSES = ROOT / 'build' / 'kafka-classes.jsa'  # made by `archive`; without it a start takes longer
PORTS = range(20000, 32000)  # below those that the kernel hands out for outgoing connections
READY = 'Kafka Server started'
START_SECONDS = 120  # seconds when the machine has nothing else to do
CLIENT_SECONDS = 90  # for an answer, not for the machine: a broker may stand still for a while
PR_SET_PDEATHSIG = 1
# One process, few threads, short sessions: a killed broker is back in 8 s instead of 12. Not shorter: a broker that gets
# no processor for so long is fenced, and then no topic can be created.
PROPERTIES = {
    'process.roles': 'broker,controller',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'broker.session.timeout.ms': 6000,
    'broker.heartbeat.interval.ms': 500,
    'controller.quorum.election.timeout.ms': 500,
    'num.network.threads': 2,
    'num.io.threads': 2,
    'log.cleaner.dedupe.buffer.size': 4 << 20,
    'log.cleaner.io.buffer.size': 128 << 10,
    'log.cleaner.threads': 1,
    'auto.create.topics.enable': 'false',
    'log.retention.ms': -1,  # records are as old as they say: the first look, 30 s behind the start, removed them
    'log.initial.task.delay.ms': 3600000,  # ... and topics of tests may say otherwise
    'metadata.log.segment.bytes': 8 << 20,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
}
PROTOCOLS = {'PLAINTEXT': 'PLAINTEXT', 'TLS': 'SSL', 'SASL': 'SASL_PLAINTEXT', 'SASL_TLS': 'SASL_SSL',
             'CONTROLLER': 'PLAINTEXT'}
JAAS = 'org.apache.kafka.common.security.'


@dataclass
class Record:
    """A record as it is written and as it was read; None is null, b'' is empty."""
    value: bytes | None = None
    key: bytes | None = None
    headers: list = field(default_factory=list)  # (name, bytes or None)
    timestamp_ms: int = 0                        # 0: now
    partition: int = -1                          # -1: by key
    topic: str = ''
    offset: int = -1


class Skip(Exception):
    """The jars are not there."""


# What cupel says of a broker that was slower than it waits.
LATE = ('does not answer', 'no broker can be reached', 'the connection to a broker failed', 'the broker closes connections')
LATE_TURNS = 4
HELD = {}  # port: its socket
COORDINATOR_COMES = {ck.KafkaError.COORDINATOR_LOAD_IN_PROGRESS, ck.KafkaError.COORDINATOR_NOT_AVAILABLE,
                     ck.KafkaError.NOT_COORDINATOR}
# A partition has no leader for a moment: its broker stood still, and was fenced.
LEADER_COMES = {ck.KafkaError._UNKNOWN_PARTITION, ck.KafkaError.LEADER_NOT_AVAILABLE, ck.KafkaError.NOT_LEADER_FOR_PARTITION}


def patiently(act):
    """What is wrong, a sentence of `act`, or None; asked again where the broker was late: act(turn)."""
    for turn in range(LATE_TURNS):
        wrong = act(turn)
        if wrong is None or not any(words in wrong for words in LATE):
            break
    return wrong


def free_ports(count):
    """Ports that nobody gets until this process ends, but who listens with SO_REUSEADDR, as servers do: each has a socket
    that is bound to it and never listens. While no server does, a connection to it is refused."""
    found = []
    while len(found) < count:
        port, taken = random.SystemRandom().choice(PORTS), socket.socket()
        try:
            taken.bind(('127.0.0.1', port))  # without SO_REUSEADDR: fails where another one holds it so
        except OSError:
            taken.close()
            continue
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        HELD[port] = taken
        found.append(port)
    return found


def die_with_parent():
    # Linux ends the child with the *thread* that started it: see start().
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def openssl(*args):
    subprocess.run(['openssl', *map(str, args)], check=True, capture_output=True)


class Keys:
    """An authority, and certificates that it signed, as PEM files of a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / 'ca.pem'
        self.authority(self.ca)

    def authority(self, path):
        """A new authority; its key stands beside it."""
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', f'/CN={path.stem}',
                '-keyout', path.with_suffix('.key'), '-out', path)

    def sign(self, name, names='DNS:localhost,IP:127.0.0.1'):
        """A key and its certificate: NAME.key, NAME.pem; both together in NAME-both.pem."""
        key, csr, pem = (self.folder / f'{name}.{end}' for end in ('key', 'csr', 'pem'))
        extension = self.folder / f'{name}.ext'
        extension.write_text(f'subjectAltName={names}\n')
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', f'/CN={name}', '-keyout', key, '-out', csr)
        openssl('x509', '-req', '-in', csr, '-CA', self.ca, '-CAkey', self.ca.with_suffix('.key'),
                '-CAcreateserial', '-days', '30', '-extfile', extension, '-out', pem)
        key.chmod(0o600)
        both = self.folder / f'{name}-both.pem'
        both.write_text(key.read_text() + pem.read_text())
        both.chmod(0o600)
        return key, pem


class Broker:
    """One broker (or `nodes` of them) that keeps its ports and its data over restarts.

    Addresses: .plaintext always; .tls, .sasl, .sasl_tls when asked for. Who connects to .plaintext is
    ANONYMOUS, and a super user when there are ACLs: tests set the scene through it.
    """

    def __init__(self, tls=False, sasl=False, acls=False, users=None, properties=None, nodes=1,
                 client_auth='none', folder=None, heap='96m', classes_to=None):
        if not any(JARS.glob('kafka_2.13-*.jar')):
            raise Skip(f'no jars in {JARS}: run make deps')
        self.own_folder = folder is None
        self.classes_to = classes_to  # a file for what the JVM makes of the broker's classes
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix='cupel-kafka-'))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.users = users or {'cupel': 'cupel-secret'}
        self.properties = dict(properties or {})
        self.heap, self.acls, self.client_auth = heap, acls, client_auth
        self.listeners = ['PLAINTEXT', *(['TLS'] if tls else []), *(['SASL'] if sasl else []),
                          *(['SASL_TLS'] if tls and sasl else [])]
        self.keys = Keys(self.folder / 'keys') if tls else None
        if tls:
            self.keys.sign('broker')
        ports = iter(free_ports(nodes * (len(self.listeners) + 1)))
        self.ports = [{name: next(ports) for name in [*self.listeners, 'CONTROLLER']} for _ in range(nodes)]
        self.processes = [None] * nodes
        self.admin_client = None
        self.cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip('=').replace('-', 'a', 1)
        for node in range(nodes):
            self.configure(node)

    # -- the process ---------------------------------------------------------------------------

    def configure(self, node):
        ports, count = self.ports[node], len(self.ports)
        replicas = min(count, 3)
        settings = {
            **PROPERTIES, 'node.id': node + 1, 'log.dirs': self.folder / f'log{node + 1}',
            'listeners': ','.join(f'{name}://127.0.0.1:{port}' for name, port in ports.items()),
            'advertised.listeners': ','.join(f'{name}://localhost:{ports[name]}' for name in self.listeners),
            'listener.security.protocol.map': ','.join(f'{name}:{PROTOCOLS[name]}' for name in ports),
            'controller.quorum.voters': ','.join(f'{n + 1}@127.0.0.1:{other["CONTROLLER"]}'
                                                 for n, other in enumerate(self.ports)),
            'default.replication.factor': replicas, 'offsets.topic.replication.factor': replicas,
            'transaction.state.log.replication.factor': replicas,
            'transaction.state.log.min.isr': min(count, 2),
            'share.coordinator.state.topic.replication.factor': replicas,
            'share.coordinator.state.topic.min.isr': min(count, 2),
        }
        if self.keys:
            settings |= {'ssl.keystore.type': 'PEM', 'ssl.truststore.type': 'PEM',
                         'ssl.keystore.location': self.keys.folder / 'broker-both.pem',
                         'ssl.truststore.location': self.keys.ca, 'ssl.client.auth': self.client_auth}
        for listener in (name.lower() for name in self.listeners if name.startswith('SASL')):
            prefix = f'listener.name.{listener}.'
            known = ' '.join(f'user_{name}="{password}"' for name, password in self.users.items())
            settings[f'{prefix}plain.sasl.jaas.config'] = f'{JAAS}plain.PlainLoginModule required {known};'
            for mechanism in ('scram-sha-256', 'scram-sha-512'):
                settings[f'{prefix}{mechanism}.sasl.jaas.config'] = f'{JAAS}scram.ScramLoginModule required;'
        if self.acls:
            settings |= {'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
                         'super.users': 'User:ANONYMOUS;User:admin'}
        settings |= self.properties
        text = ''.join(f'{name}={value}\n' for name, value in settings.items())
        (self.folder / f'server{node + 1}.properties').write_text(text)

    def java(self, main, *args):
        classes = [f'-XX:SharedArchiveFile={CLASSES}'] if CLASSES.exists() else []
        if self.classes_to:
            classes = [f'-XX:ArchiveClassesAtExit={self.classes_to}'] if main == 'kafka.Kafka' else []
        return ['java', *classes, f'-Xmx{self.heap}', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto',
                '-Dorg.slf4j.simpleLogger.showDateTime=true', '-cp', f'{JARS}/*', main, *map(str, args)]

    def format(self, node):
        scram = []
        if any(name.startswith('SASL') for name in self.listeners):
            for name, password in self.users.items():
                for mechanism in ('SCRAM-SHA-256', 'SCRAM-SHA-512'):
                    scram += ['--add-scram', f'{mechanism}=[name={name},password={password}]']
        done = subprocess.run(self.java('kafka.tools.StorageTool', 'format', '-t', self.cluster, '-c',
                                        self.folder / f'server{node + 1}.properties', *scram),
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'format: {done.stdout}{done.stderr}')

    def start(self, node=None):
        """Starts all nodes, or one; returns when they can be used. Same ports and data as before."""
        which = range(len(self.ports)) if node is None else [node]
        logs = {}
        for one in which:
            if not (self.folder / f'log{one + 1}').exists():
                self.format(one)
            logs[one] = self.folder / f'broker{one + 1}-{time.monotonic_ns()}.txt'
            in_main = threading.current_thread() is threading.main_thread()
            with open(logs[one], 'wb') as log:
                self.processes[one] = subprocess.Popen(  # ended by stop(), kill() or with us
                    self.java('kafka.Kafka', self.folder / f'server{one + 1}.properties'), stdout=log, stderr=log,
                    stdin=subprocess.DEVNULL, start_new_session=True,
                    preexec_fn=die_with_parent if in_main else None)
        atexit.register(self.kill)
        for one in which:
            self.wait_ready(one, logs[one])
        return self

    def wait_ready(self, node, log):
        end = time.monotonic() + START_SECONDS
        while READY not in log.read_text(errors='replace'):
            if self.processes[node].poll() is not None or time.monotonic() > end:
                raise RuntimeError(f'the broker did not start:\n{log.read_text(errors="replace")[-4000:]}')
            time.sleep(0.05)
        for name in self.listeners:
            socket.create_connection(('127.0.0.1', self.ports[node][name]), timeout=CLIENT_SECONDS).close()

    def signal(self, number, node=None):
        which = range(len(self.ports)) if node is None else [node]
        for one in which:
            process = self.processes[one]
            if process is not None and process.poll() is None:
                process.send_signal(number)

    def wait(self, node=None):
        for one in range(len(self.ports)) if node is None else [node]:
            if self.processes[one] is not None:
                try:
                    self.processes[one].wait(30)
                except subprocess.TimeoutExpired:
                    self.processes[one].kill()
                    self.processes[one].wait()
            self.processes[one] = None

    def stop(self, node=None):
        self.signal(signal.SIGTERM, node)
        self.wait(node)

    def kill(self, node=None):
        self.signal(signal.SIGKILL, node)
        self.wait(node)

    def pause(self, node=None):
        self.signal(signal.SIGSTOP, node)

    def resume(self, node=None):
        self.signal(signal.SIGCONT, node)

    def close(self):
        """Ends the broker; its folder goes, unless it was given."""
        self.admin_client = None
        self.kill()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    # -- where it is ---------------------------------------------------------------------------

    def address(self, listener='PLAINTEXT'):
        return ','.join(f'localhost:{ports[listener]}' for ports in self.ports)

    @property
    def plaintext(self):
        return self.address()

    @property
    def tls(self):
        return self.address('TLS')

    @property
    def sasl(self):
        return self.address('SASL')

    @property
    def sasl_tls(self):
        return self.address('SASL_TLS')

    def client(self):
        return Client(self.plaintext)

    def __getattr__(self, name):
        """What a Client can do, a Broker can: broker.create(...)."""
        if name.startswith('_') or not hasattr(Client, name):
            raise AttributeError(name)
        if self.__dict__.get('admin_client') is None:
            self.admin_client = self.client()
        return getattr(self.admin_client, name)


def one_result(futures):
    for future in futures.values():
        future.result(CLIENT_SECONDS)


class Client:
    """Topics, records and rights of a cluster, for tests: everything waits until it is so."""

    def __init__(self, brokers, **settings):
        self.settings = {'bootstrap.servers': brokers, 'log_level': 0, **settings}
        self.admin = ck_admin.AdminClient(self.settings)

    # -- topics --------------------------------------------------------------------------------

    def create(self, topic, partitions=1, replication=-1, **config):
        """Creates a topic; config with _ for dots: cleanup_policy='compact'. Waits for its leaders."""
        config = {name.replace('_', '.'): str(value) for name, value in config.items()}
        self.create_all([ck_admin.NewTopic(topic, partitions, replication, config=config)])
        self.wait_partitions(topic, partitions)

    def create_all(self, topics):
        self.in_service(lambda: self.admin.create_topics(topics))

    @staticmethod
    def in_service(ask):
        """Also when the brokers are fenced for a moment: the machine stood still, and their controller did not hear of them."""
        until = time.monotonic() + CLIENT_SECONDS
        while True:
            try:
                return one_result(ask())
            except ck.KafkaException as error:
                if 'currently fenced' not in error.args[0].str() or time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def wait_partitions(self, topic, count):
        end = time.monotonic() + CLIENT_SECONDS
        while True:
            found = self.admin.list_topics(timeout=CLIENT_SECONDS).topics.get(topic)
            if found and len(found.partitions) == count and all(p.leader >= 0 for p in found.partitions.values()):
                return
            if time.monotonic() > end:
                raise RuntimeError(f'{topic}: no {count} partitions with leaders')
            time.sleep(0.05)

    def create_many(self, topics, partitions=1):
        """Creates many topics in one request; does not wait for leaders."""
        self.create_all([ck_admin.NewTopic(name, partitions, -1) for name in topics])

    def delete(self, topic):
        one_result(self.admin.delete_topics([topic]))
        end = time.monotonic() + CLIENT_SECONDS
        while topic in self.topics() and time.monotonic() < end:
            time.sleep(0.05)

    def grow(self, topic, partitions):
        self.in_service(lambda: self.admin.create_partitions([ck_admin.NewPartitions(topic, partitions)]))
        self.wait_partitions(topic, partitions)

    def topics(self):
        """{topic: number of partitions}, without Kafka's own."""
        listed = self.admin.list_topics(timeout=CLIENT_SECONDS).topics
        return {name: len(topic.partitions) for name, topic in listed.items() if not name.startswith('__')}

    def topic_config(self, topic):
        resource = ck_admin.ConfigResource(ck_admin.ResourceType.TOPIC, topic)
        (future,) = self.admin.describe_configs([resource]).values()
        return {name: entry.value for name, entry in future.result(CLIENT_SECONDS).items()}

    def configure_topic(self, topic, **config):
        """The broker acts by it a little later: nothing that it can be asked tells when."""
        entries = [ck_admin.ConfigEntry(name.replace('_', '.'), str(value),
                                        incremental_operation=ck_admin.AlterConfigOpType.SET)
                   for name, value in config.items()]
        resource = ck_admin.ConfigResource(ck_admin.ResourceType.TOPIC, topic, incremental_configs=entries)
        one_result(self.admin.incremental_alter_configs([resource]))

    def delete_records(self, topic, partition, before):
        """Deletes records below offset `before`, as retention does; -1: all."""
        place, until = ck.TopicPartition(topic, partition, before), time.monotonic() + CLIENT_SECONDS
        while True:
            try:
                return one_result(self.admin.delete_records([place]))
            except ck.KafkaException as error:  # its leader is another one since a moment ago
                if error.args[0].code() not in LEADER_COMES or time.monotonic() > until:
                    raise
            time.sleep(0.1)

    def watermarks(self, topic, partition=0, committed=True):
        consumer = self.consumer(committed)
        try:
            return self.low_and_high(consumer, ck.TopicPartition(topic, partition))
        finally:
            consumer.close()

    @staticmethod
    def low_and_high(consumer, place):
        until = time.monotonic() + CLIENT_SECONDS
        while True:
            try:
                return consumer.get_watermark_offsets(place, CLIENT_SECONDS)
            except ck.KafkaException as error:
                if error.args[0].code() not in LEADER_COMES or time.monotonic() > until:
                    raise
            time.sleep(0.1)

    def group_offsets(self, group, topic, partition=0):
        """The offset a group has stored; -1001: none."""
        place = ck.ConsumerGroupTopicPartitions(group, [ck.TopicPartition(topic, partition)])
        until = time.monotonic() + CLIENT_SECONDS
        while True:
            try:
                (future,) = self.admin.list_consumer_group_offsets([place]).values()
                return future.result(CLIENT_SECONDS).topic_partitions[0].offset
            except ck.KafkaException as error:  # who keeps the group has just begun, or is being chosen
                if error.args[0].code() not in COORDINATOR_COMES or time.monotonic() > until:
                    raise
            time.sleep(0.1)

    # -- rights --------------------------------------------------------------------------------

    def allow(self, user, operations, kind, name, prefix=False):
        """Grants operations ('READ DESCRIBE') on a 'topic', 'group', 'transactional_id' or 'broker'."""
        pattern = ck_admin.ResourcePatternType.PREFIXED if prefix else ck_admin.ResourcePatternType.LITERAL
        rights = [ck_admin.AclBinding(ck_admin.ResourceType[kind.upper()], name, pattern, f'User:{user}', '*',
                                      ck_admin.AclOperation[operation], ck_admin.AclPermissionType.ALLOW)
                  for operation in operations.split()]
        one_result(self.admin.create_acls(rights))
        self.wait_rights(user, lambda found: found.issuperset(rights))

    def deny_all(self, user):
        """Takes back all that was granted."""
        one_result(self.admin.delete_acls([self.rights_of(user)]))
        self.wait_rights(user, lambda found: not found)

    @staticmethod
    def rights_of(user):
        return ck_admin.AclBindingFilter(ck_admin.ResourceType.ANY, None, ck_admin.ResourcePatternType.ANY, f'User:{user}',
                                         None, ck_admin.AclOperation.ANY, ck_admin.AclPermissionType.ANY)

    def wait_rights(self, user, holds):
        """The controller has answered; the broker, who is asked here, hears of it a little later."""
        end = time.monotonic() + CLIENT_SECONDS
        while not holds(set(self.admin.describe_acls(self.rights_of(user)).result(CLIENT_SECONDS))):
            if time.monotonic() > end:
                raise RuntimeError(f'{user}: the broker does not hear of rights')
            time.sleep(0.02)

    # -- records in ----------------------------------------------------------------------------

    def producer(self, **settings):
        return ck.Producer({**self.settings, 'partitioner': 'murmur2_random', 'linger.ms': 5, **settings})

    def put(self, producer, topic, records, written=None):
        """Queues records. After a flush, the list it returns holds errors, and `written` the last offsets."""
        errors = []

        def told(error, message):
            if error is not None:
                errors.append(error)
            elif written is not None:
                written[message.topic(), message.partition()] = message.offset()
        for record in records:
            arguments = {'partition': record.partition} if record.partition >= 0 else {}
            if record.timestamp_ms:
                arguments['timestamp'] = record.timestamp_ms
            while True:
                try:
                    producer.produce(record.topic or topic, value=record.value, key=record.key,
                                     headers=list(record.headers), on_delivery=told, **arguments)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        return errors

    def produce(self, topic, records, **settings):
        """Writes records, and waits until all are acknowledged, in order."""
        producer = self.producer(**{'enable.idempotence': True, **settings})
        errors = self.put(producer, topic, records)
        left = producer.flush(CLIENT_SECONDS)
        if errors or left:
            raise RuntimeError(f'{topic}: {left} not delivered, {errors[:1]}')

    def transaction(self, topic, records, transactional_id='test', commit=True):
        """Writes records in one transaction, and commits it or not; waits until readers may see that."""
        producer = self.producer(**{'transactional.id': transactional_id})
        producer.init_transactions(CLIENT_SECONDS)
        producer.begin_transaction()
        written = {}
        self.put(producer, topic, records, written)
        producer.flush(CLIENT_SECONDS)
        if commit:
            producer.commit_transaction(CLIENT_SECONDS)
        else:
            producer.abort_transaction(CLIENT_SECONDS)
        for (name, partition), offset in written.items():
            self.wait_committed(name, partition, offset + 1)

    def wait_committed(self, topic, partition, end):
        """Waits until readers of committed records may read up to `end`: marks are written a little later."""
        latest = time.monotonic() + CLIENT_SECONDS
        while self.watermarks(topic, partition)[1] < end:
            if time.monotonic() > latest:
                raise RuntimeError(f'{topic}/{partition}: {end} is not committed')
            time.sleep(0.02)

    def wait_settled(self, topics):
        """Waits until no transaction is open in the topics, so that readers of committed records see all that is there."""
        for topic in [topics] if isinstance(topics, str) else topics:
            for partition in range(self.topics()[topic]):
                self.wait_committed(topic, partition, self.watermarks(topic, partition, committed=False)[1])

    def produce_files(self, paths, topic=None, partition=-1):
        """Writes files: lines of dumps with all that they say, others as values."""
        for path in paths:
            with open(path, 'rb') as lines:
                self.produce(topic or pathlib.Path(path).stem,
                             (record_of_line(line.rstrip(b'\n'), topic, partition) for line in lines if line.strip()))

    # -- records out ---------------------------------------------------------------------------

    def consumer(self, committed=True, **settings):
        return ck.Consumer({**self.settings, 'group.id': 'test', 'enable.auto.commit': False,
                            'isolation.level': 'read_committed' if committed else 'read_uncommitted',
                            'auto.offset.reset': 'error', 'check.crcs': True, 'fetch.wait.max.ms': 50, **settings})

    def consume(self, topics, committed=True, seconds=CLIENT_SECONDS):
        """All records of topics from their first to their end now, by topic, partition and offset.

        A transaction that was committed a moment ago may not be seen yet: wait_settled() or wait_committed()."""
        topics = [topics] if isinstance(topics, str) else topics
        consumer = self.consumer(committed, **{'enable.partition.eof': True})
        try:
            listed = self.admin.list_topics(timeout=CLIENT_SECONDS).topics
            places, ends = [], {}
            for topic in topics:
                for partition in listed[topic].partitions if topic in listed else []:
                    place = ck.TopicPartition(topic, partition)
                    low, high = self.low_and_high(consumer, place)
                    if low < high:
                        places.append(ck.TopicPartition(topic, partition, low))
                        ends[topic, partition] = high
            if not places:
                return []
            consumer.assign(places)
            return sorted(self.drain(consumer, ends, seconds), key=lambda r: (r.topic, r.partition, r.offset))
        finally:
            consumer.close()

    @staticmethod
    def drain(consumer, ends, seconds):
        end, found, open_ones = time.monotonic() + seconds, [], set(ends)
        while open_ones:
            for message in consumer.consume(1000, 0.2):
                place = message.topic(), message.partition()
                if message.error() is not None:
                    if message.error().code() != ck.KafkaError._PARTITION_EOF:
                        raise ck.KafkaException(message.error())
                    open_ones.discard(place)
                elif message.offset() < ends[place]:
                    found.append(record_of_message(message))
            if time.monotonic() > end:
                raise RuntimeError(f'not read to the end: {sorted(open_ones)[:5]}')
        return found


def record_of_message(message):
    return Record(message.value(), message.key(), message.headers() or [], message.timestamp()[1],
                  message.partition(), message.topic(), message.offset())


def bytes_of_json(value):
    """A member of a dump: null is null, a string is its text, anything else its JSON."""
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else json.dumps(value, separators=(',', ':')).encode()


def record_of_line(line, topic=None, partition=-1):
    """A line of a dump (an object with `offset` and `value`) as it says; any other line is a value."""
    try:
        dump = json.loads(line)
    except ValueError:
        dump = None
    if not isinstance(dump, dict) or 'offset' not in dump or 'value' not in dump:
        return Record(line, partition=partition)
    headers = dump.get('headers') or {}
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Record(bytes_of_json(dump['value']), bytes_of_json(dump.get('key')),
                  [(name, bytes_of_json(value)) for name, value in pairs], dump.get('timestamp') or 0,
                  partition if partition >= 0 else dump['partition'], '' if topic else dump['topic'])


def archive():
    """Keeps what the JVM makes of a broker's classes (class data sharing): each start takes half the time then."""
    new = CLASSES.with_name(f'kafka-classes-{os.getpid()}.jsa')
    CLASSES.unlink(missing_ok=True)
    with Broker(tls=True, sasl=True, acls=True, classes_to=new) as kafka:
        kafka.create('classes')
        kafka.produce('classes', [Record(b'{}')])
        kafka.transaction('classes', [Record(b'{}')])
        kafka.consume('classes')
        kafka.signal(signal.SIGTERM)
        if kafka.processes[0].wait(START_SECONDS) == 128 + signal.SIGTERM:  # it ended as it should
            new.replace(CLASSES)
    new.unlink(missing_ok=True)


# -- for people ------------------------------------------------------------------------------------

def run(options):
    properties = dict(one.split('=', 1) for one in options.property)
    with Broker(tls=options.tls, sasl=options.sasl, acls=options.acls, properties=properties,
                nodes=options.nodes, folder=options.folder) as kafka:
        for name in kafka.listeners:
            print(f'{name.lower()} {kafka.address(name)}', flush=True)
        if kafka.keys:
            print(f'ca {kafka.keys.ca}', flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.pause()


def show(options):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # | head
    for record in Client(options.brokers).consume(options.topic, not options.uncommitted):
        text = {name: value.decode(errors='replace') if isinstance(value, bytes) else value
                for name, value in (('key', record.key), ('value', record.value))}
        print(json.dumps({'topic': record.topic, 'partition': record.partition, 'offset': record.offset, **text}))


def main():
    parser = argparse.ArgumentParser(description='A real Kafka broker for tests.')
    commands = parser.add_subparsers(dest='command', required=True)
    one = commands.add_parser('run', help='start a broker, print its addresses, wait for Ctrl-C')
    for flag in ('--tls', '--sasl', '--acls'):
        one.add_argument(flag, action='store_true')
    one.add_argument('--nodes', type=int, default=1)
    one.add_argument('--folder', help='keep the data here')
    one.add_argument('--property', action='append', default=[], metavar='NAME=VALUE')
    one.set_defaults(act=run)
    one = commands.add_parser('create', help='create a topic')
    one.add_argument('brokers')
    one.add_argument('topic')
    one.add_argument('--partitions', type=int, default=1)
    one.set_defaults(act=lambda o: Client(o.brokers).create(o.topic, o.partitions))
    one = commands.add_parser('topics', help='list topics and their partitions')
    one.add_argument('brokers')
    one.set_defaults(act=lambda o: print('\n'.join(f'{n} {c}' for n, c in Client(o.brokers).topics().items())))
    one = commands.add_parser('produce', help='write NDJSON files or dumps to a topic')
    one.add_argument('brokers')
    one.add_argument('topic')
    one.add_argument('file', nargs='+')
    one.set_defaults(act=lambda o: Client(o.brokers).produce_files(o.file, o.topic))
    one = commands.add_parser('consume', help='print the committed records of a topic')
    one.add_argument('brokers')
    one.add_argument('topic')
    one.add_argument('--uncommitted', action='store_true')
    one.set_defaults(act=show)
    one = commands.add_parser('archive', help=f'make {CLASSES.name}, with which brokers start sooner')
    one.set_defaults(act=lambda _: archive())
    options = parser.parse_args()
    try:
        options.act(options)
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
