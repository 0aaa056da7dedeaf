# SPDX-License-Identifier: Apache-2.0
"""A few requests of Kafka's protocol, as bytes: what no client library lets a test do. With it a test is
the instance before: it takes a transactional id, writes records as its producer, and tells the cluster
of a partition or does not; a broker that does not verify (transaction.partition.verification.enable)
takes records of a partition that it was not told of, and nobody ever ends these.

Formats: https://kafka.apache.org/protocol (the versions stand with the calls); record batches, version 2."""
import socket
import struct
import time

TRANSACTIONAL = 1 << 4
NOT_LEADER, COORDINATOR_LOADING, NOT_COORDINATOR, CONCURRENT = 6, 14, 16, 51


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def varint(n):
    n = n << 1 ^ n >> 63
    out = b''
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def string(text):
    data = text.encode()
    return struct.pack('>h', len(data)) + data


def array(items):
    return struct.pack('>i', len(items)) + b''.join(items)


def batch(records, pid, epoch, sequence):
    """A batch of (key, value) records of a transaction."""
    body = b''
    for i, (key, value) in enumerate(records):
        one = b'\0' + varint(0) + varint(i) + varint(len(key)) + key + varint(len(value)) + value + varint(0)
        body += varint(len(one)) + one
    ms, last = int(time.time() * 1000), len(records) - 1
    rest = struct.pack('>hiqqqhii', TRANSACTIONAL, last, ms, ms, pid, epoch, sequence, len(records)) + body
    tail = struct.pack('>ibI', -1, 2, crc32c(rest)) + rest
    return struct.pack('>qi', 0, len(tail)) + tail


class Producer:
    """The producer of a transactional id; transactions of an earlier one are aborted."""

    def __init__(self, port, name):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=60)
        self.name, self.sequences = name, {}
        answer = self.until_ready(22, 0, string(name) + struct.pack('>i', 60000), lambda a: struct.unpack('>h', a[4:6])[0])
        self.pid, self.epoch = struct.unpack('>qh', answer[6:16])  # InitProducerId, version 0

    def ask(self, key, version, body):
        request = struct.pack('>hhi', key, version, 7) + string('raw') + body
        self.socket.sendall(struct.pack('>i', len(request)) + request)
        length, = struct.unpack('>i', self.read(4))
        return self.read(length)[4:]

    def read(self, count):
        data = b''
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, 'the broker closed the connection'
            data += more
        return data

    def until_ready(self, key, version, body, error_of):
        until = time.monotonic() + 60
        while True:
            answer = self.ask(key, version, body)
            error = error_of(answer)
            if error == 0:
                return answer
            assert error in (NOT_LEADER, COORDINATOR_LOADING, NOT_COORDINATOR, CONCURRENT, 15), f'request {key}: error {error}'
            assert time.monotonic() < until, f'request {key}: still error {error}'
            time.sleep(0.1)

    def head(self):
        return string(self.name) + struct.pack('>qh', self.pid, self.epoch)

    def tell(self, topic, partitions):
        """Adds partitions to the transaction (AddPartitionsToTxn, version 0)."""
        body = self.head() + array([string(topic) + array([struct.pack('>i', p) for p in partitions])])
        end = struct.calcsize('>iih') + len(topic) + struct.calcsize('>ii')
        self.until_ready(24, 0, body, lambda a: struct.unpack('>h', a[end:end + 2])[0])

    def write(self, topic, partition, records):
        """Writes a batch (Produce, version 3); gives its first and last offset."""
        place = (topic, partition)
        data = batch(records, self.pid, self.epoch, self.sequences.get(place, 0))
        self.sequences[place] = self.sequences.get(place, 0) + len(records)
        body = (string(self.name) + struct.pack('>hi', -1, 20000) +
                array([string(topic) + array([struct.pack('>ii', partition, len(data)) + data])]))
        at = struct.calcsize('>ih') + len(topic) + struct.calcsize('>i')
        answer = self.until_ready(0, 3, body, lambda a: struct.unpack('>h', a[at + 4:at + 6])[0])
        first, = struct.unpack('>q', answer[at + 6:at + 14])
        return first, first + len(records) - 1

    def end(self, commit):
        """Ends the transaction where it was told of partitions (EndTxn, version 0)."""
        self.until_ready(26, 0, self.head() + struct.pack('>b', commit), lambda a: struct.unpack('>h', a[4:6])[0])

    def close(self):
        self.socket.close()
