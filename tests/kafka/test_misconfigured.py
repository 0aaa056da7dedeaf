#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   each way to be wrong about a cluster ends in a sentence that names the setting to change.
Method: one broker with all listeners, client certificates and ACLs; for each row of a table a client
        with one mistake, all at once. The same settings without the mistake work: the rows marked OK."""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import broker
from probe import Probe

TIMEOUT_MS = 4000  # four times as long for each turn
OK = 'ok'
SILENCE = 'does not answer'  # the only trouble that no connection has told of: a broker that is slow


def sasl(protocol, mechanism, password, **more):
    return {'security.protocol': protocol, 'sasl.mechanism': mechanism, 'sasl.username': 'cupel',
            'sasl.password': f'@{password}', **more}


def secret(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


class Scene:
    """Files with the right and the wrong secrets, and what connects with them."""

    def __init__(self, kafka):
        self.kafka, folder = kafka, kafka.folder
        self.password = secret(folder / 'password', 'cupel-secret\n')
        self.wrong = secret(folder / 'wrong', 'wrong')
        self.open = secret(folder / 'open', 'cupel-secret\n', 0o644)
        self.empty = secret(folder / 'empty', '\n')
        key, pem = kafka.keys.sign('client')
        self.other = broker.Keys(folder / 'other')
        self.other_key, self.other_pem = self.other.sign('client')
        self.ca = {'ssl.ca.location': kafka.keys.ca}
        self.tls = {'security.protocol': 'ssl', **self.ca, 'ssl.key.location': key, 'ssl.certificate.location': pem}
        self.insecure = {'cupel.insecure': 'true'}

    def rows(self):
        """(name, brokers, settings, what the answer holds)"""
        kafka, ca, tls, insecure = self.kafka, self.ca, self.tls, self.insecure
        nobody = f'localhost:{broker.free_ports(1)[0]}'
        yield 'plaintext', kafka.plaintext, {}, [OK]
        yield 'wrong port', nobody, {}, ['IO', 'nobody listens', 'kafka.brokers', nobody]
        yield 'wrong host', 'nowhere.invalid:9092', {}, ['IO', 'not known', 'kafka.brokers', 'nowhere.invalid']
        yield 'no brokers', '', {}, ['BAD_CONFIG', 'kafka.brokers']
        yield from self.tls_rows(kafka, ca, tls)
        yield from self.sasl_rows(kafka, ca, insecure)
        yield from self.property_rows(kafka, tls, insecure)

    def tls_rows(self, kafka, ca, tls):
        yield 'tls', kafka.tls, tls, [OK]
        yield 'plaintext to tls', kafka.tls, {}, ['IO', 'speaks TLS', 'kafka.security should be tls']
        yield 'tls to plaintext', kafka.plaintext, tls, ['IO', 'not speak', 'kafka.security should be plaintext']
        yield 'no authority', kafka.tls, {'security.protocol': 'ssl'}, ['IO', 'kafka.ca_file']
        yield 'other authority', kafka.tls, tls | {'ssl.ca.location': self.other.ca}, ['IO', 'kafka.ca_file']
        yield 'other name', kafka.tls.replace('localhost', '127.0.0.1'), tls, ['IO', 'another host', 'kafka.brokers']
        yield 'no certificate', kafka.tls, {'security.protocol': 'ssl', **ca}, ['IO', 'kafka.certificate_file']
        yield 'other certificate', kafka.tls, tls | {
            'ssl.key.location': self.other_key, 'ssl.certificate.location': self.other_pem}, \
            ['IO', 'kafka.certificate_file']
        yield 'key of another', kafka.tls, tls | {'ssl.key.location': self.other_key}, ['BAD_CONFIG', 'kafka.key_file']
        yield 'authority missing', kafka.tls, tls | {'ssl.ca.location': '/nonexistent'}, ['BAD_CONFIG', 'kafka.ca_file']
        yield 'no verification', kafka.tls, tls | {'enable.ssl.certificate.verification': 'false'}, \
            ['BAD_CONFIG', 'kafka.insecure']
        yield 'any name', kafka.tls, tls | {'ssl.endpoint.identification.algorithm': 'none'}, \
            ['BAD_CONFIG', 'kafka.insecure']
        yield 'any name, wanted', kafka.tls.replace('localhost', '127.0.0.1'), tls | {
            'ssl.endpoint.identification.algorithm': 'none', **self.insecure}, [OK]

    def sasl_rows(self, kafka, ca, insecure):
        clear = sasl('sasl_plaintext', 'PLAIN', self.password)
        tls = sasl('sasl_ssl', 'PLAIN', self.password, **ca)
        yield 'sasl_tls', kafka.sasl_tls, tls, [OK]
        yield 'sasl', kafka.sasl, clear | insecure, [OK]
        yield 'password in clear text', kafka.sasl, clear, ['BAD_CONFIG', 'clear text', 'kafka.security: sasl_tls']
        yield 'wrong password', kafka.sasl_tls, sasl('sasl_ssl', 'PLAIN', self.wrong, **ca), \
            ['IO', 'refuses the user or the password', 'kafka.password_file']
        yield 'wrong user', kafka.sasl_tls, tls | {'sasl.username': 'nobody'}, ['IO', 'kafka.username']
        scram = ['IO', 'older than 2.6.1', 'kafka.mechanism plain', 'kafka.certificate_file', 'newer librdkafka']
        yield 'scram', kafka.sasl_tls, sasl('sasl_ssl', 'SCRAM-SHA-256', self.password, **ca), scram
        yield 'scram in clear text', kafka.sasl, sasl('sasl_plaintext', 'SCRAM-SHA-512', self.wrong), scram
        yield 'plaintext to sasl', kafka.sasl, {}, ['IO', 'asks who we are', 'kafka.security should be sasl_plaintext']
        yield 'sasl to plaintext', kafka.plaintext, clear | insecure, ['IO', 'does not ask', 'kafka.security']
        yield 'sasl to sasl_tls', kafka.sasl_tls, clear | insecure, ['IO', 'speaks TLS', 'sasl_tls']
        yield 'sasl_tls to sasl', kafka.sasl, tls, ['IO', 'not speak', 'sasl_plaintext']
        bearer = {'security.protocol': 'sasl_ssl', **ca, 'sasl.mechanism': 'OAUTHBEARER',
                  'enable.sasl.oauthbearer.unsecure.jwt': 'true', 'sasl.oauthbearer.config': 'principal=a'}
        yield 'other mechanism', kafka.sasl_tls, bearer, ['IO', 'kafka.mechanism']
        yield 'no user', kafka.sasl_tls, {name: value for name, value in tls.items() if name != 'sasl.username'}, \
            ['BAD_CONFIG', 'kafka.username']
        yield 'unused password', kafka.plaintext, {'sasl.password': f'@{self.password}'}, \
            ['BAD_CONFIG', 'kafka.security']
        for name, path in (('missing', '/nonexistent'), ('open', self.open), ('empty', self.empty)):
            yield f'{name} password file', kafka.sasl_tls, sasl('sasl_ssl', 'PLAIN', path, **ca), \
                ['BAD_CONFIG', 'file', str(path)]
        yield 'open password file, wanted', kafka.sasl_tls, sasl('sasl_ssl', 'PLAIN', self.open, **ca) | insecure, [OK]

    @staticmethod
    def property_rows(kafka, tls, insecure):
        for name, value in (('auto.offset.reset', 'earliest'), ('isolation.level', 'read_uncommitted'),
                            ('enable.auto.commit', 'true'), ('transactional.id', 'x'),
                            ('plugin.library.paths', 'monitoring')):
            yield name, kafka.plaintext, {name: value} | insecure, ['BAD_CONFIG', 'kafka.options', name]
        yield 'as it is', kafka.plaintext, {'isolation.level': 'read_committed'}, [OK]
        yield 'no property', kafka.plaintext, {'no.such': '1'}, ['BAD_CONFIG', 'kafka.options', 'no.such']
        yield 'no value', kafka.plaintext, {'fetch.min.bytes': 'x'}, ['BAD_CONFIG', 'kafka.options', 'fetch.min.bytes']
        yield 'open key', kafka.tls, tls | {'ssl.key.pem': '@' + os.devnull}, ['BAD_CONFIG', 'file']


def judge(program, row):
    """A sentence, or None."""
    return broker.patiently(lambda turn: judge_once(program, row, TIMEOUT_MS * 4 ** turn))


def judge_once(program, row, timeout_ms):
    name, brokers, settings, wanted = row
    with Probe(program, brokers, timeout_ms=timeout_ms, **settings) as probe:
        answer = probe.answer
        if answer == OK:
            answer = probe.ask('list')
        told = probe.ask('trouble') if answer.startswith('IO|') else OK
        if told != OK and told.split('|')[1] != answer.split('|')[1]:
            return f'{name}: trouble says {told}, another thing than {answer}'
        if told == OK and answer.startswith('IO|') and SILENCE not in answer:
            return f'{name}: no trouble, but {answer}'
    missing = [part for part in wanted if part not in answer]
    if missing or (wanted == [OK]) != answer.startswith(OK):
        return f'{name}: {answer!r} has not {missing}'
    return None


def judge_rights(kafka, program, scene):
    """A user without rights: a topic is not seen, then not read; none is created."""
    settings = sasl('sasl_ssl', 'PLAIN', scene.password, **scene.ca)
    kafka.create('seen')
    kafka.allow('cupel', 'DESCRIBE', 'topic', 'other')
    found = []
    with Probe(program, kafka.sasl_tls, timeout_ms=TIMEOUT_MS * 8, **settings) as probe:
        for command, wanted in (('watermarks seen 0', ['input.topics', 'DESCRIBE']),
                                ('create new 1 1', ['BAD_CONFIG', 'kafka.username', 'CREATE'])):
            answer = probe.ask(command)
            if answer.startswith(OK) or not all(part in answer for part in wanted):
                found.append(f'{command}: {answer!r} has not {wanted}')
    return found


def main():
    try:
        kafka = broker.Broker(tls=True, sasl=True, acls=True,
                              properties={'listener.name.tls.ssl.client.auth': 'required'})
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    kafka.keys.sign('broker', 'DNS:localhost')
    with kafka, ThreadPoolExecutor(20) as pool:
        scene = Scene(kafka)
        found = [one for one in pool.map(lambda row: judge(sys.argv[1], row), scene.rows()) if one]
        found += judge_rights(kafka, sys.argv[1], scene)
    print('\n'.join(found))
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
