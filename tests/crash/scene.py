# SPDX-License-Identifier: Apache-2.0
"""scene: what the crash tests share: generated input with its truth, pipelines, runs that can be
killed or stopped as a whole, and file systems that can be taken away."""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time

import pyarrow

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / 'oracle'))

import bank  # noqa: E402
import contracts  # noqa: E402
import runs  # noqa: E402

RECORD_BYTES = 1200  # with epochs of 1 MiB, about 900 records an epoch
SECTOR = 512
SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are one number
SHUTDOWN_NOW = 2       # without flushing the file system's journal: as if the power went


# A test that is told to end, as one that takes too long is, gives its disks back.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def skip(why):
    print(f'skipped: {why}')
    sys.exit(77)


def need_disks(fuse=False):
    """Tests that make file systems end here where that cannot be done; tests/skips.tsv excuses it."""
    needs = ['unshare --mount mount -t tmpfs cupel-test /mnt', 'losetup -f',
             'grep -qw xfs /proc/filesystems || modprobe xfs'] + (['test -c /dev/fuse'] if fuse else [])
    for command in needs:
        if subprocess.run(command, shell=True, capture_output=True).returncode != 0:
            skip(f'{command}: fails')


class Input:
    """Generated changes: one file a table, its contracts, its truth, and every record's place."""

    def __init__(self, gen, root, home, rows, seed):
        self.home, self.tables = pathlib.Path(home), bank.columns(root)
        self.files, self.truth = self.home / 'in', self.home / 'truth'
        bank.generate(gen, '--rows', rows, '--seed', seed, '--out', f'{self.files}/', '--truth', self.truth,
                      '--record-size', RECORD_BYTES)
        self.sums = bank.sums(self.truth)
        self.events = {table: self.places(table, columns[0].name) for table, columns in self.tables.items()}

    def places(self, table, key):
        """Relation of (topic, at, op, key) as the lines of the input say it."""
        found = []
        for path in sorted(self.files.glob(f'bank.{table}-*')):
            at = 0
            for line in path.read_bytes().splitlines(keepends=True):
                event = json.loads(line)
                found.append((path.name, at, event['op'], (event['after'] or event['before'])[key]))
                at += len(line)
        return pyarrow.table(list(map(pyarrow.array, zip(*found))), names=['topic', 'at', 'op', 'key'])

    def growing(self, steps):
        """Lets the files grow to what they are, step by step; the last step is the whole."""
        whole = {path: path.read_bytes() for path in self.files.iterdir()}
        for path in whole:
            path.write_bytes(b'')
        for step in range(1, steps + 1):
            for path, raw in whole.items():
                at = path.stat().st_size
                with open(path, 'ab') as file:
                    file.write(raw[at:raw.rindex(b'\n', 0, max(1, len(raw) * step // steps)) + 1])
            yield step

    def pipeline(self, name, extra=''):
        """A pipeline folder with small epochs."""
        return contracts.write_pipeline(
            self.home / name, [self.files / '*'], contracts.of_bank(self.tables),
            extra=f'    independent: true\ncommit:\n  bytes: 1MiB\n{extra}')


class Run(runs.Run):
    """`cupel run` with two workers."""
    ENDS = ['--until-end']

    def __init__(self, cupel, pipeline, lake, *options, **more):
        log = more.pop('log', f'{lake}.{time.monotonic_ns()}.txt')
        super().__init__([cupel, 'run', pipeline, *self.ENDS, '--lake', lake, '--workers', '2', *options], log, **more)


class Follow(Run):
    """A run that ends when it is told to."""
    ENDS = []


def finish(cupel, pipeline, lake, *options, timeout=600):
    """Runs to the end of the input; gives what was said."""
    run = Run(cupel, pipeline, lake, *options)
    code = run.gone(timeout)
    said = run.said()
    run.log.unlink()
    assert code == 0, f'run to the end: exit {code}\n{said[-2000:]}'
    return said


def clear(lake):
    shutil.rmtree(lake, ignore_errors=True)  # there may be none yet


# --- file systems ---

# root is not to have room that others have not
MAKE = {'ext4': ['mkfs.ext4', '-q', '-F', '-b', '4096', '-m', '0', '-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0'],
        'xfs': ['mkfs.xfs', '-q', '-f']}


def tool(*words):
    environment = dict(os.environ, PATH=f'{os.environ["PATH"]}:/usr/sbin:/sbin')
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f'{" ".join(map(str, words))}: {done.stderr}'
    return done.stdout


def patiently(*words):
    """What ended a moment ago may still be held by the kernel."""
    until = time.monotonic() + runs.END_SECONDS
    while True:
        try:
            return tool(*words)
        except AssertionError as error:
            if 'busy' not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)


class Disk:
    """A file system in an image, or (kind 'own') a folder of the machine's. An image that is given
    holds one already."""

    def __init__(self, kind, home, megabytes=320, image=None):
        self.kind, self.at = kind, pathlib.Path(home) / f'disk-{kind}'
        self.image, self.device, self.mounted = image or pathlib.Path(f'{self.at}.img'), None, False
        self.at.mkdir(exist_ok=True)
        if kind == 'own':
            return
        if image is None:
            blank(self.image, megabytes)
            tool(*MAKE[kind], self.image)
        self.mount()

    def mount(self, options='rw'):
        if self.kind != 'own':
            self.device = tool('losetup', '-f', '--show', self.image).strip()
            tool('mount', '-o', options, self.device, self.at)
            self.mounted = True

    def unmount(self):
        if self.device is not None:
            if self.mounted:
                patiently('umount', self.at)
            self.mounted = False
            tool('losetup', '-d', self.device)
            self.device = None

    def cut_power(self):
        """What no sync has made durable is lost; everything that is open here fails from now on."""
        folder = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack('I', SHUTDOWN_NOW))
        finally:
            os.close(folder)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            runs.kill_runs()  # they hold it
        self.unmount()
        if self.kind == 'own':
            shutil.rmtree(self.at)


def blank(image, megabytes):
    with open(image, 'wb') as file:
        file.truncate(megabytes << 20)


@contextlib.contextmanager
def device(home, megabytes, kind='ext4', **options):
    """A file that is tools/device.py with an empty file system and, behind it, a sector that nobody
    uses; options are the plug-in's."""
    image, file = pathlib.Path(home) / 'device.img', pathlib.Path(home) / 'device'
    blank(image, megabytes)
    tool(*MAKE[kind], image)
    os.truncate(image, (megabytes << 20) + SECTOR)
    file.touch()
    plugin = pathlib.Path(__file__).resolve().parent / 'tools/device.py'
    words = [f'{name}={value}' for name, value in options.items()]
    server = subprocess.Popen(['nbdfuse', file, '--command', 'nbdkit', '-s', '--exit-with-parent', 'python', plugin,
                               f'image={image}', *words], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + runs.END_SECONDS
        while not file.stat().st_size:
            assert time.monotonic() < until and server.poll() is None, 'nbdfuse does not serve'
            time.sleep(0.01)
        yield file
    finally:
        if server.poll() is None:
            patiently('fusermount3', '-u', file)  # a loop device is given back when the last who looks at it is gone
        else:
            subprocess.run(['fusermount3', '-u', file], check=False)  # what it left
        server.wait(runs.END_SECONDS)
        image.unlink()
