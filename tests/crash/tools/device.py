# SPDX-License-Identifier: Apache-2.0
"""device: a disk for nbdkit's Python plug-in that remembers, is slow, or fails.

    nbdkit python device.py image=FILE [log=FILE] [data=no] [flush_ms=N] [broken=FILE]

image     holds the blocks
log       every write and flush in order, as blocks.py reads it: RECORD, then a write's bytes
data      no: only that there was a flush
flush_ms  what a flush takes on top
broken    while this file exists, writes and flushes fail with EIO
"""
import errno
import io
import os
import struct
import time

import nbdkit

API_VERSION = 2
RECORD = struct.Struct('<QIB3x')  # offset, bytes, kind
WRITE, FORCED, FLUSH = 1, 2, 3    # FORCED: durable when it returns

options = {'flush_ms': '0', 'data': 'yes'}
image = log = None


def config(key, value):
    options[key] = value


def get_ready():
    global image, log
    image = os.open(options['image'], os.O_RDWR)
    if 'log' in options:
        log = io.FileIO(options['log'], 'w')


def thread_model():
    return nbdkit.THREAD_MODEL_SERIALIZE_ALL_REQUESTS


def open(readonly):
    return 1


def get_size(handle):
    return os.fstat(image).st_size


def can_fua(handle):
    return nbdkit.FUA_NATIVE


def refuse():
    if 'broken' in options and os.path.exists(options['broken']):
        nbdkit.set_error(errno.EIO)
        raise RuntimeError('broken')


def note(kind, offset=0, data=b''):
    if log is not None and (kind == FLUSH or options['data'] == 'yes'):
        log.write(RECORD.pack(offset, len(data), kind) + bytes(data))


def pread(handle, data, offset, flags):
    data[:] = os.pread(image, len(data), offset)


def pwrite(handle, data, offset, flags):
    refuse()
    os.pwrite(image, data, offset)
    note(FORCED if flags & nbdkit.FLAG_FUA else WRITE, offset, data)


def flush(handle, flags):
    refuse()
    time.sleep(int(options['flush_ms']) / 1000)
    note(FLUSH)
