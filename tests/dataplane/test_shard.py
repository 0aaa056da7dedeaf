#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   workers, shard and committer work together: several workers, many epochs, plans that change
        while they run, a pool at its smallest; and the shard gets over what a disk and an operator
        do to it: abandoned epochs, a full disk, a second instance. In every preset, so that the
        sanitizers see the threads.
Method: three generated dumps with embedded schemas, one group each, two workers. The data plane is
        held with SIGSTOP while its world is changed: a limit on file sizes, an input that goes away,
        a disk that is filled, a lock file that is removed. Every lake must end up with the rows of
        an undisturbed run, and its ledger must add up (verify --deep); texts, exit codes and counts
        are compared.

    test_shard.py run|full CUPEL CUPEL_GEN      full: mounts a tmpfs, which needs root
"""
import collections
import contextlib
import fcntl
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROWS = 6000
FILES = 3
WAIT_SECONDS = 600
MIB = 1 << 20
FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x40086602, 0x10  # linux/fs.h
PIPELINE = """\
name: shard
lake: lake
input:
{inputs}
commit:
  interval: {interval}
memory: 16MiB
workers: 2
"""


def call(*args, code=0):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=600)
    if done.returncode != code:
        sys.exit(f'{args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}')
    return done.stdout


def number(text):
    return int(text.replace(',', ''))


def records(summary):
    found = re.search(r'^([\d,]+) records = ([\d,]+) accepted', summary, re.M)
    if not found:
        sys.exit(f'no sum in the summary:\n{summary}')
    return [number(g) for g in found.groups()]


def tables(summary):
    """Rows of each silver table."""
    return {m[2]: number(m[1]) for m in re.finditer(r'^ +([\d,]+) +\d+ +[\d.]+  (\S+/silver/\S+)$', summary, re.M)}


def need(condition, what, run):
    if not condition:
        run.process.kill()
        sys.exit(f'{what}\nstdout:\n{run.out}\nstderr:\n{run.err}')


class Run:
    """cupel run, with its words collected while it goes on."""

    def __init__(self, cupel, folder):
        self.out = self.err = ''
        self.process = subprocess.Popen([str(cupel), 'run', str(folder), '--until-end'], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.threads = [threading.Thread(target=self.collect, args=[name]) for name in ('out', 'err')]
        for thread in self.threads:
            thread.start()

    def collect(self, name):
        for line in getattr(self.process, 'std' + name):
            setattr(self, name, getattr(self, name) + line)

    def says(self, text):
        """Waits until stderr has the text."""
        due = time.monotonic() + WAIT_SECONDS
        while text not in self.err:
            need(time.monotonic() < due and self.process.poll() is None, f'never said: {text}', self)
            time.sleep(0.002)

    def until(self, condition, what):
        due = time.monotonic() + WAIT_SECONDS
        while not condition():
            need(time.monotonic() < due and self.process.poll() is None, f'never came: {what}', self)
            time.sleep(0.001)

    def plane(self):
        """Process id of the data plane."""
        pid = self.process.pid
        self.until(lambda: pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().strip(), 'the data plane')
        return int(pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()[0])

    @contextlib.contextmanager
    def held(self):
        """The data plane stands still inside."""
        pid = self.plane()
        os.kill(pid, signal.SIGSTOP)
        self.until(lambda: all(t.read_text().rpartition(')')[2].split()[0] == 'T'
                               for t in pathlib.Path(f'/proc/{pid}/task').glob('*/stat')), 'a stop')
        yield pid
        os.kill(pid, signal.SIGCONT)

    def ends(self, code):
        got = self.process.wait(WAIT_SECONDS)
        for thread in self.threads:
            thread.join()
        need(got == code, f'exit {got} instead of {code}', self)


Job = collections.namedtuple('Job', 'cupel work lines truth')


def write_pipeline(work, interval):
    inputs = '\n'.join(f'  - files: in{i}.ndjson' for i in range(FILES))
    (work / 'pipeline.yaml').write_text(PIPELINE.format(inputs=inputs, interval=interval))


def forget_lake(job):
    for path in (job.work / 'lake').iterdir():
        shutil.rmtree(path)


def epochs(job):
    return len(list((job.work / 'lake').glob('_cupel/*/*/ledger/_delta_log/*.json')))


def check_whole(job, run_or_rows, read):
    """The lake holds what an undisturbed run would have left; `read`: records of this run."""
    summary = run_or_rows.out
    need(records(summary)[0] == read, f'{read} records wanted', run_or_rows)
    call(job.cupel, 'verify', job.work / 'lake', '--deep')


def check_end(job, run):
    """The run has read everything, each record once."""
    run.ends(0)
    check_whole(job, run, job.lines)
    need(tables(run.out) == job.truth, f'rows are not {job.truth}', run)


# --- cases ---

def many_epochs(job):
    write_pipeline(job.work, '100ms')
    run = Run(job.cupel, job.work)
    check_end(job, run)
    need(number(re.search(r'the last is ([\d,]+)', run.out)[1]) > 3, 'too few epochs to test anything', run)
    need('abandoned' not in run.out and 'paused' not in run.out, 'a setback out of nowhere', run)
    again = Run(job.cupel, job.work)
    again.ends(0)
    check_whole(job, again, 0)


def limited(job, back):
    """Writes fail (EFBIG) once the first epoch's files are large; `back`: the limit is lifted again."""
    forget_lake(job)
    write_pipeline(job.work, '1h')
    run = Run(job.cupel, job.work)
    run.says('cupel: table ')
    with run.held() as pid:
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (64 << 10, before[1]))
    run.says('was abandoned (1 of 3)')
    if back:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        check_end(job, run)
        need('(3 of 3)' not in run.err and re.search(r'^[12] epochs abandoned', run.out, re.M), 'no count', run)
        need('cupel: going on\n' in run.err, 'it went on without a word', run)
        return
    run.ends(1)
    need('was abandoned (2 of 3)' in run.err and 'File too large' in run.err, 'no reason', run)
    need('nothing undecided is visible' in run.err, 'no comfort', run)
    run = Run(job.cupel, job.work)
    run.ends(0)
    call(job.cupel, 'verify', job.work / 'lake', '--deep')


def missing_input(job):
    """An input that cannot be read is nothing to try again."""
    forget_lake(job)
    write_pipeline(job.work, '1h')
    run = Run(job.cupel, job.work)
    run.says('cupel: table ')
    with run.held():
        (job.work / 'in2.ndjson').rename(job.work / 'aside')
    run.ends(1)
    (job.work / 'aside').rename(job.work / 'in2.ndjson')
    need('in2.ndjson' in run.err and 'abandoned' not in run.err, 'not a fault of the input', run)
    run = Run(job.cupel, job.work)
    run.ends(0)
    call(job.cupel, 'verify', job.work / 'lake', '--deep')


def locked(job):
    """While the first instance stands still it still owns the shard."""
    forget_lake(job)
    write_pipeline(job.work, '100ms')
    run = Run(job.cupel, job.work)
    run.until(lambda: epochs(job) > 1, 'an epoch')
    with run.held() as pid:
        second = Run(job.cupel, job.work)
        second.ends(1)
        boot = pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip()
        need(f'pid {pid} boot {boot}' in second.err, 'not named', second)
        need('another process is running this pipeline' in second.err, 'not locked', second)
    check_end(job, run)


def fenced(job):
    """Somebody removed the lock file: the second instance takes over, and the first one must lose."""
    forget_lake(job)
    write_pipeline(job.work, '100ms')
    first = Run(job.cupel, job.work)
    first.until(lambda: first.err.count('cupel: table ') == len(job.truth), 'the last plan')
    after = epochs(job) + 1
    first.until(lambda: epochs(job) > after, 'an epoch')
    with first.held():
        before = epochs(job)
        next((job.work / 'lake').glob('_cupel/*/*/*/lock')).unlink()
        second = Run(job.cupel, job.work)
        second.ends(0)
        need(epochs(job) > before, 'the second had nothing to do', second)
        call(job.cupel, 'verify', job.work / 'lake', '--deep')
    first.ends(1)
    need('another instance owns this pipeline' in first.err, 'not fenced', first)
    call(job.cupel, 'verify', job.work / 'lake', '--deep')
    third = Run(job.cupel, job.work)
    third.ends(0)
    check_whole(job, third, 0)


def fill(job, leave):
    """Writes the ballast so that `leave` bytes are free."""
    info = os.statvfs(job.work / 'lake')
    bytes_ = info.f_bavail * info.f_frsize - leave
    with open(job.work / 'lake' / 'ballast', 'ab') as ballast:
        ballast.write(bytes(max(bytes_, 0)))


def full_at_start(job):
    fill(job, leave=12 * MIB)
    run = Run(job.cupel, job.work)
    run.says(f"paused: the disk of {job.work / 'lake'} is full: 1")
    need(' MiB free, 64 MiB needed; goes on by itself when there is room\n' in run.err, 'no numbers', run)
    run.process.send_signal(signal.SIGTERM)
    run.ends(1)
    need('begin an epoch: the disk is full' in run.err, 'no reason', run)
    run = Run(job.cupel, job.work)
    run.says('paused: ')
    (job.work / 'lake' / 'ballast').unlink()
    check_end(job, run)
    need(run.err.index('paused: ') < run.err.index('cupel: going on\n'), 'it went on without a word', run)
    need(re.search(r'^paused 1 times for \d+ s: the disk was full$', run.out, re.M), 'no count', run)


def full_later(job):
    """The disk is filled while an epoch is open, and stays so for more than one look at it."""
    forget_lake(job)
    run = Run(job.cupel, job.work)
    run.until(lambda: epochs(job) > 1, 'an epoch')
    with run.held():
        fill(job, leave=0)
    run.says('paused: ')
    time.sleep(2.2)
    need(run.err.count('paused: the disk') == 1, 'said again and again', run)
    (job.work / 'lake' / 'ballast').unlink()
    check_end(job, run)
    need('cupel: going on\n' in run.err, 'it went on without a word', run)
    need(re.search(r'^paused \d+ times for [1-9]\d* s', run.out, re.M), 'no count', run)


def stop_while_full(job):
    forget_lake(job)
    run = Run(job.cupel, job.work)
    run.until(lambda: epochs(job) > 1, 'an epoch')
    with run.held():
        fill(job, leave=0)
    run.says('paused: ')
    asked = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    run.ends(1)
    need(time.monotonic() - asked < 10, 'STOP was not heard', run)
    need('the disk is full' in run.err and 'nothing undecided is visible' in run.err, 'no reason', run)
    (job.work / 'lake' / 'ballast').unlink()
    rest = Run(job.cupel, job.work)
    rest.ends(0)
    call(job.cupel, 'verify', job.work / 'lake', '--deep')
    done = records(run.out)[0] if 'only' not in run.out else \
        number(re.search(r'^only ([\d,]+) of them', run.out, re.M)[1])
    need(done + records(rest.out)[0] == job.lines, f'{done} before', rest)


def seal_folder(folder, sealed):
    """Nothing can be made in an immutable folder, whoever has it open."""
    fd = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack('i', FS_IMMUTABLE_FL if sealed else 0))
    os.close(fd)


def decided(job):
    """One table's log cannot be written to: the decided epoch is finished when it can be again."""
    forget_lake(job)
    run = Run(job.cupel, job.work)
    logs = job.work / 'lake' / 'default' / 'silver' / 'pg' / 'bank' / 'transaction' / '_delta_log'
    run.until(lambda: logs.is_dir() and epochs(job) > 2, 'an epoch')
    with run.held():
        seal_folder(logs, True)
    run.says('is decided, but not yet in all tables (1 of 3)')
    seal_folder(logs, False)
    check_end(job, run)
    need('cupel: going on\n' in run.err, 'it went on without a word', run)


def prepare(cupel, gen, work):
    lines = 0
    for i in range(FILES):
        dump = work / f'in{i}.ndjson'
        call(gen, '--rows', ROWS, '--form', 'dump', '--schema', 'on', '--seed', i + 1, '--out', dump)
        lines += dump.read_bytes().count(b'\n')
    write_pipeline(work, '1h')
    (work / 'lake').mkdir()
    summary = call(cupel, 'run', work, '--until-end')
    read, accepted = records(summary)
    truth = tables(summary)
    if read != lines or accepted < FILES * ROWS or len(truth) < 3:
        sys.exit(f'{lines} lines, but:\n{summary}')
    job = Job(cupel, work, lines, truth)
    forget_lake(job)
    return job


@contextlib.contextmanager
def small_disk(work):
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=128m,mode=755', 'cupel-test', work / 'lake']
    if subprocess.run(mount).returncode != 0:
        print('a tmpfs cannot be mounted here')
        sys.exit(77)
    try:
        yield
    finally:
        subprocess.run(['umount', '--lazy', work / 'lake'], check=True)


def main():
    case = sys.argv[1]
    cupel, gen = (pathlib.Path(a).resolve() for a in sys.argv[2:4])
    with tempfile.TemporaryDirectory() as folder:
        job = prepare(cupel, gen, pathlib.Path(folder))
        if case == 'full':
            write_pipeline(job.work, '100ms')
            with small_disk(job.work):
                full_at_start(job)
                full_later(job)
                stop_while_full(job)
                decided(job)
            return
        many_epochs(job)
        limited(job, back=True)
        limited(job, back=False)
        missing_input(job)
        locked(job)
        fenced(job)


main()
