#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   workers, shard and committer work together: several workers, many epochs, none larger than
        it may be, plans that change while they run, a pool at its smallest; and the shard gets over
        what a disk and an operator do to it: abandoned epochs, a full disk, a second instance. In
        every preset, so that the sanitizers see the threads.
Method: three generated dumps with embedded schemas, one group each, two workers. Runs that something
        happens to follow files that grow: they do not end before it has happened, and what happens
        is an answer to input that comes then. The data plane is held with SIGSTOP while its world
        is changed: a limit on file sizes, an input that goes away, a disk that is filled, a lock
        file that is removed. Every lake must end up with the rows of an undisturbed run, and its
        ledger must add up (verify --deep); texts, exit codes and counts are compared.

    test_shard.py run|full CUPEL CUPEL_GEN ROWS     full: mounts a tmpfs, which needs root; ROWS of each dump
"""
import atexit
import collections
import contextlib
import fcntl
import gzip
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

FILES = 3
WAIT_SECONDS = 600
STEPS = 4            # in which the inputs grow: each is an epoch or more
TRIES = 5            # of a case whose moment cannot be arranged
STOP_SECONDS = 60    # a run that does not hear STOP goes on for ever
HEAD_BYTES = 64 << 10
FILE_BYTES = 512     # less than any file of an epoch
MIB = 1 << 20
WORKERS = 2
BATCH = 256 << 10  # CUP_BATCH_BYTES
STATS_FD, STATS = 4, struct.Struct('=IIQ')  # how struct cup_stats begins: magic, workers, the last epoch that is over
FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x40086602, 0x10  # linux/fs.h
PIPELINE = """\
name: shard
lake: lake
input:
{inputs}
commit:
  interval: {interval}
  bytes: {size}
memory: 16MiB
workers: {workers}
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


def full_pipe():
    """A pipe that takes nothing more until it is read."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b'\n' * 4096)
    os.set_blocking(writer, True)
    return reader, writer


class Run:
    """cupel run, with its words collected while it goes on. follow: it ends when it is told to. unheard: it stands
    still at its first word until somebody waits for its end; its data plane gets no answer."""

    def __init__(self, cupel, folder, follow=False, unheard=False):
        self.out = self.err = ''
        self.heard = threading.Event()
        reader, writer = full_pipe() if unheard else os.pipe()
        self.process = subprocess.Popen([str(cupel), 'run', str(folder)] + ([] if follow else ['--until-end']),
                                        text=True, stdout=subprocess.PIPE, stderr=writer)
        os.close(writer)
        atexit.register(self.process.kill)  # a test that fails leaves nothing behind
        self.threads = [threading.Thread(target=self.collect, args=[name, file], daemon=True)
                        for name, file in (('out', self.process.stdout), ('err', os.fdopen(reader)))]
        if not unheard:
            self.heard.set()
        for thread in self.threads:
            thread.start()

    def collect(self, name, file):
        self.heard.wait()
        for line in file:
            setattr(self, name, getattr(self, name) + line)

    def until(self, condition, what):
        due = time.monotonic() + WAIT_SECONDS
        while not condition():
            if self.process.poll() is not None:
                self.end()
                need(condition(), f'never came: {what}', self)
            need(time.monotonic() < due, f'does not come: {what}', self)
            time.sleep(0.002)

    def says(self, text):
        """Waits until stderr has the text."""
        self.until(lambda: text in self.err, text)

    def plane(self):
        """Process id of the data plane; None when the run is over."""
        children = pathlib.Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children')
        self.until(lambda: self.process.poll() is not None or children.read_text().strip(), 'the data plane')
        return None if self.process.poll() is not None else int(children.read_text().split()[0])

    @contextlib.contextmanager
    def held(self):
        """The data plane stands still inside, or is over."""
        pid = self.plane()
        if pid is None:
            yield None
            return
        os.kill(pid, signal.SIGSTOP)
        self.until(lambda: set(states(pid)) == {'T'}, 'a stop')
        yield pid
        os.kill(pid, signal.SIGCONT)

    def end(self):
        """Its exit code."""
        self.heard.set()
        got = self.process.wait(WAIT_SECONDS)
        for thread in self.threads:
            thread.join()
        return got

    def ends(self, code):
        got = self.end()
        need(got == code, f'exit {got} instead of {code}', self)

    def stops(self, code=0):
        """It is told to end."""
        self.process.send_signal(signal.SIGTERM)
        self.ends(code)


def states(pid):
    """What each thread of a process does."""
    found = []
    for path in pathlib.Path(f'/proc/{pid}/task').iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            found.append((path / 'stat').read_text().rpartition(')')[2].split()[0])
    return found


def reads(run):
    """A worker has begun to read: what only looks at an input takes no more than its head."""
    pid = run.plane()
    for fd in pathlib.Path(f'/proc/{pid}/fd').iterdir() if pid is not None else ():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it was closed meanwhile
            if os.readlink(fd).endswith('.ndjson'):
                position = pathlib.Path(f'/proc/{pid}/fdinfo/{fd.name}').read_text()
                if int(re.match(r'pos:\s+(\d+)', position)[1]) >= HEAD_BYTES:
                    return True
    return False


# rests: the later part of each input
Job = collections.namedtuple('Job', 'cupel work lines truth rests')


def write_pipeline(work, interval, files=FILES, size='1GiB'):
    inputs = '\n'.join(f'  - files: in{i}.ndjson' for i in range(files))
    (work / 'pipeline.yaml').write_text(PIPELINE.format(inputs=inputs, interval=interval, size=size, workers=WORKERS))


def forget_lake(job):
    for path in (job.work / 'lake').iterdir():
        shutil.rmtree(path)


def dump_of(job, i):
    return job.work / f'in{i}.ndjson'


def shorten(job):
    """The inputs as they are before they grow."""
    for i, rest in enumerate(job.rests):
        path = dump_of(job, i)
        os.truncate(path, path.stat().st_size - len(rest))


def short_lines(job):
    """Records of the inputs before they grow."""
    return job.lines - sum(rest.count(b'\n') for rest in job.rests)


def grow(job, step=None):
    """The inputs get their rests, or one of STEPS parts of them."""
    for i, rest in enumerate(job.rests):
        lines = rest.splitlines(keepends=True)
        part = slice(None) if step is None else slice(len(lines) * step // STEPS, len(lines) * (step + 1) // STEPS)
        with open(dump_of(job, i), 'ab') as file:
            file.write(b''.join(lines[part]))


def epochs(job):
    return len(list((job.work / 'lake').glob('_cupel/*/*/ledger/_delta_log/*.json')))


def idle(job, run, records):
    """The ledger has these records, which are all there are, and the last epoch is over: it is in all tables, and
    nothing is written any more. A line of the ledger's log alone does not say so."""
    found = re.search(r' ([\d,]+) epochs, ([\d,]+) records = ', call(job.cupel, 'verify', job.work / 'lake'))
    pid = run.plane()
    if pid is None:
        return False
    with open(f'/proc/{pid}/fd/{STATS_FD}', 'rb') as stats:
        _, _, applied = STATS.unpack(stats.read(STATS.size))
    return found is not None and [number(g) for g in found.groups()] == [applied, records]


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


def committed(run):
    """Records of a run that are in the lake."""
    only = re.search(r'^only ([\d,]+) of them', run.out, re.M)
    return number(only[1]) if only else records(run.out)[0]


def check_rest(job, *before):
    """These runs, and one that reads what they have left, have read everything, each record once."""
    read = sum(committed(run) for run in before)
    rest = Run(job.cupel, job.work)
    rest.ends(0)
    check_whole(job, rest, job.lines - read)
    rows = sum((collections.Counter(tables(run.out)) for run in (*before, rest)), collections.Counter())
    need(rows == job.truth, f'rows are not {job.truth}', rest)


# --- cases ---

def many_epochs(job):
    write_pipeline(job.work, '100ms')
    shorten(job)
    run = Run(job.cupel, job.work, follow=True)
    run.until(lambda: epochs(job) > 1, 'an epoch')
    for step in range(STEPS):
        before = epochs(job)
        grow(job, step)
        run.until(lambda: epochs(job) > before, 'an epoch')
    run.stops()
    need(number(re.search(r'the last is ([\d,]+)', run.out)[1]) > STEPS, 'fewer epochs than steps', run)
    need('abandoned' not in run.out and 'paused' not in run.out, 'a setback out of nowhere', run)
    check_rest(job, run)
    again = Run(job.cupel, job.work)
    again.ends(0)
    check_whole(job, again, 0)
    forget_lake(job)
    whole = Run(job.cupel, job.work)
    check_end(job, whole)
    need('abandoned' not in whole.out and 'paused' not in whole.out, 'a setback out of nowhere', whole)


def bounded_epochs(job):
    """An epoch has no more than commit.bytes and what each worker reads at once, however fast they are; bronze
    has what was read, and the number of its epoch in each name."""
    forget_lake(job)
    write_pipeline(job.work, '1h', size='1MiB')
    run = Run(job.cupel, job.work)
    check_end(job, run)
    sizes = collections.Counter()
    for path in (job.work / 'lake').glob('*/bronze/*/date=*/*.ndjson.gz'):
        sizes[path.name.split('-')[0]] += len(gzip.decompress(path.read_bytes()))
    *full, last = [sizes[epoch] for epoch in sorted(sizes)]
    need(len(full) > 10, 'too few epochs to test anything', run)
    need(max(full) <= MIB + WORKERS * BATCH, f'too much in an epoch: {full}', run)
    need(sum(full) + last > len(full) * MIB * 3 // 4, f'epochs are closed early: {full}', run)


def limited(job, back):
    """No file can be written (EFBIG), those of an epoch first; `back`: the limit is lifted again. Nothing is
    under way when it comes: a journal that cannot be written ends the run at once.
    False: it was lifted after the last try."""
    forget_lake(job)
    shorten(job)
    write_pipeline(job.work, '100ms')
    run = Run(job.cupel, job.work, follow=True)
    run.until(lambda: epochs(job) > 1 and idle(job, run, short_lines(job)), 'all that was there')
    with run.held() as pid:
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_BYTES, before[1]))
        grow(job)
    run.says('was abandoned (1 of 3)')
    if back:
        done = epochs(job)
        with contextlib.suppress(ProcessLookupError):  # it has given up
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        run.until(lambda: epochs(job) > done or run.process.poll() is not None, 'an epoch')
        if run.process.poll() is not None:
            run.ends(1)
            need('was abandoned (2 of 3)' in run.err, 'ended by itself', run)
            return False
        run.stops()
        need(re.search(r'^[12] epochs abandoned', run.out, re.M), 'no count', run)
        need('cupel: going on\n' in run.err, 'it went on without a word', run)
    else:
        run.ends(1)
        need('was abandoned (2 of 3)' in run.err and 'File too large' in run.err, 'no reason', run)
        need('nothing undecided is visible' in run.err, 'no comfort', run)
    need('(3 of 3)' not in run.err, 'there is no third time', run)
    check_rest(job, run)
    return True


def missing_input(job):
    """An input that cannot be read is nothing to try again. It goes away when workers have begun, and are
    not far: for their first record they need a plan, and control stands still."""
    forget_lake(job)
    write_pipeline(job.work, '1h')
    run = Run(job.cupel, job.work, unheard=True)
    run.until(lambda: reads(run), 'a worker at its first records')
    dump_of(job, 2).rename(job.work / 'aside')
    code = run.end()
    (job.work / 'aside').rename(dump_of(job, 2))
    need(code == 1 and 'in2.ndjson' in run.err and 'abandoned' not in run.err, 'not a fault of the input', run)
    need(epochs(job) > 1, 'it was missed before anything was read', run)
    check_rest(job, run)


def again(case, *args):
    """Plays a case whose moment a slow test can miss, until it was there in time."""
    for _ in range(TRIES):
        if case(*args):
            return
    sys.exit(f'{case.__name__}: {TRIES} times too late')


def locked(job):
    """While the first instance stands still it still owns the shard."""
    forget_lake(job)
    write_pipeline(job.work, '100ms')
    run = Run(job.cupel, job.work, follow=True)
    run.until(lambda: epochs(job) > 1, 'an epoch')
    with run.held() as pid:
        second = Run(job.cupel, job.work)
        second.ends(1)
        boot = pathlib.Path('/proc/sys/kernel/random/boot_id').read_text().strip()
        need(f'pid {pid} boot {boot}' in second.err, 'not named', second)
        need('another process is running this pipeline' in second.err, 'not locked', second)
    run.stops()
    check_rest(job, run)


def fenced(job):
    """Somebody removed the lock file: the second instance takes over, and the first one must lose."""
    forget_lake(job)
    shorten(job)
    write_pipeline(job.work, '100ms')
    first = Run(job.cupel, job.work, follow=True)
    first.until(lambda: first.err.count('cupel: table ') == len(job.truth), 'the last plan')
    after = epochs(job)
    grow(job, 0)
    first.until(lambda: epochs(job) > after, 'an epoch')
    with first.held():
        for step in range(1, STEPS):
            grow(job, step)
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


def replaced(job):
    """One that has nothing to do notices too that another instance has taken over."""
    forget_lake(job)
    write_pipeline(job.work, '100ms')
    first = Run(job.cupel, job.work, follow=True)
    first.until(lambda: epochs(job) > 1 and idle(job, first, job.lines), 'all that there is')
    with first.held():
        next((job.work / 'lake').glob('_cupel/*/*/*/lock')).unlink()
        second = Run(job.cupel, job.work)
        second.ends(0)
        check_whole(job, second, 0)
    first.ends(1)
    need('another process has taken over this journal' in first.err, 'not told', first)
    check_rest(job, first)


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


@contextlib.contextmanager
def filled_later(job):
    """A run that goes on, whose disk is full when more input comes. Nothing is under way then: a decided epoch is
    tried again with less room than a new one needs, so that the run would pause and go on more than once."""
    forget_lake(job)
    shorten(job)
    run = Run(job.cupel, job.work, follow=True)
    run.until(lambda: epochs(job) > 1 and idle(job, run, short_lines(job)), 'all that was there')
    with run.held():
        fill(job, leave=0)
        grow(job)
    run.says('paused: ')
    yield run
    (job.work / 'lake' / 'ballast').unlink()


def full_later(job):
    """The disk is full when an epoch needs it, and stays so for more than one look at it."""
    with filled_later(job) as run:
        time.sleep(2.2)
        need(run.err.count('paused: the disk') == 1, 'said again and again', run)
    run.says('cupel: going on\n')
    run.stops()
    need(re.search(r'^paused \d+ times for [1-9]\d* s', run.out, re.M), 'no count', run)
    check_rest(job, run)


def stop_while_full(job):
    with filled_later(job) as run:
        asked = time.monotonic()
        run.stops(1)
        need(time.monotonic() - asked < STOP_SECONDS, 'STOP was not heard', run)
        need('the disk is full' in run.err and 'nothing undecided is visible' in run.err, 'no reason', run)
    check_rest(job, run)


def seal_folder(folder, sealed):
    """Nothing can be made in an immutable folder, whoever has it open."""
    fd = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack('i', FS_IMMUTABLE_FL if sealed else 0))
    os.close(fd)


def decided(job):
    """One table's log cannot be written to: the decided epoch is finished when it can be again. False: it could
    again after the last try."""
    forget_lake(job)
    write_pipeline(job.work, '100ms', files=1)
    first = call(job.cupel, 'run', job.work, '--until-end')
    write_pipeline(job.work, '100ms')
    logs = job.work / 'lake' / 'default' / 'silver' / 'pg' / 'bank' / 'transaction' / '_delta_log'
    seal_folder(logs, True)
    run = Run(job.cupel, job.work)
    run.says('is decided, but not yet in all tables (1 of 3)')
    seal_folder(logs, False)
    if run.end() == 1 and 'not yet in all tables (3 of 3)' in run.err:
        return False
    run.ends(0)
    check_whole(job, run, job.lines - records(first)[0])
    both = collections.Counter(tables(first)) + collections.Counter(tables(run.out))
    need(both == job.truth, f'rows are not {job.truth}', run)
    need('cupel: going on\n' in run.err, 'it went on without a word', run)
    return True


def prepare(cupel, gen, work, rows):
    lines, rests = 0, []
    for i in range(FILES):
        dump = work / f'in{i}.ndjson'
        call(gen, '--rows', rows, '--form', 'dump', '--schema', 'on', '--seed', i + 1, '--out', dump)
        whole = dump.read_bytes().splitlines(keepends=True)
        lines += len(whole)
        rests.append(b''.join(whole[len(whole) // 2:]))
    write_pipeline(work, '1h')
    (work / 'lake').mkdir()
    summary = call(cupel, 'run', work, '--until-end')
    read, accepted = records(summary)
    truth = tables(summary)
    if read != lines or accepted < FILES * rows or len(truth) < 3:
        sys.exit(f'{lines} lines, but:\n{summary}')
    job = Job(cupel, work, lines, truth, rests)
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
        job = prepare(cupel, gen, pathlib.Path(folder), int(sys.argv[4]))
        if case == 'full':
            write_pipeline(job.work, '100ms')
            with small_disk(job.work):
                full_at_start(job)
                full_later(job)
                stop_while_full(job)
                again(decided, job)
            return
        many_epochs(job)
        bounded_epochs(job)
        again(limited, job, True)
        again(limited, job, False)
        missing_input(job)
        locked(job)
        fenced(job)
        replaced(job)


main()
