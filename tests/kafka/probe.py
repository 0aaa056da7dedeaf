# SPDX-License-Identifier: Apache-2.0
"""Asks cupel's Kafka client through the program cluster_probe: one command, one answer."""
import subprocess


class Probe:
    """A client with settings; `answer` of the opening, then ask(). Settings '@path' are files."""

    def __init__(self, program, brokers, role='consumer', timeout_ms=30000, **settings):
        settings = {'bootstrap.servers': brokers, **settings}
        self.process = subprocess.Popen(
            [program, role, str(timeout_ms), *(f'{name}={value}' for name, value in settings.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer = self.process.stdout.readline().rstrip('\n')

    def ask(self, command):
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip('\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait(60) != 0:
            raise RuntimeError(f'cluster_probe ended with {self.process.returncode}')
