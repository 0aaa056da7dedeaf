# SPDX-License-Identifier: Apache-2.0
"""blocks: what tools/device.py wrote down, and the disks that a loss of power could have left."""
import os
import struct

RECORD = struct.Struct('<QIB3x')  # offset, bytes, kind
WRITE, FORCED, FLUSH = 1, 2, 3
SECTOR = 512  # what a disk writes whole


def read(path):
    """[(kind, offset, data)]"""
    raw, found, at = memoryview(path.read_bytes()), [], 0
    while at + RECORD.size <= len(raw):
        offset, count, kind = RECORD.unpack_from(raw, at)
        at += RECORD.size
        found.append((kind, offset, raw[at:at + count]))
        at += count
    return found


def cuts(records, start):
    """[(from, to)]: after record `from`, which is a flush, power may go before record `to`, the next."""
    flushes = [n for n, record in enumerate(records) if record[0] == FLUSH and n >= start]
    return list(zip(flushes, flushes[1:] + [len(records)]))


def survivors(records, random):
    """What may be left of writes that no flush covered: any subset, and parts of one more."""
    kept = []
    for kind, offset, data in records:
        if kind == FORCED or random.random() < 0.5:
            kept.append((kind, offset, data))
        elif random.random() < 0.1:
            kept.append((kind, offset, data[:random.randrange(len(data) // SECTOR + 1) * SECTOR]))
    return kept


class Image:
    """A disk that grows with the log."""

    def __init__(self, path):
        self.file, self.at = os.open(path, os.O_RDWR), 0
        self.path = path

    def write(self, records):
        for kind, offset, data in records:
            if kind != FLUSH:
                os.pwrite(self.file, data, offset)

    def advance(self, records, to):
        self.write(records[self.at:to])
        self.at = to

    def close(self):
        os.close(self.file)
