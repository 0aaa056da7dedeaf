# SPDX-License-Identifier: Apache-2.0
"""runs: a command that goes on while a test works: what it says, and all that it started, as one."""
import atexit
import contextlib
import os
import pathlib
import subprocess
import time
from signal import SIGKILL, SIGSTOP

END_SECONDS = 200  # ten times what a busy machine takes
RUNS = []


@atexit.register
def kill_runs():
    """A test that fails leaves nothing behind."""
    for run in RUNS:
        if run.running():
            run.signal(SIGKILL)


def stat(folder):
    """Name, state and session of a process or thread, by its folder in /proc."""
    with open(f'{folder}/stat', 'rb', buffering=0) as file:
        name, _, rest = file.read(4096).decode(errors='replace').rpartition(')')
    state, _, _, session = rest.split()[:4]
    return name.partition('(')[2], state, int(session)


def members(session, threads=False):
    """(process, name, state) of each process of a session that still runs, or of their threads."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            name, state, of = stat(f'/proc/{pid}')
            tasks = os.listdir(f'/proc/{pid}/task') if of == session else []
        except OSError:
            continue  # it ended while we looked
        # a zombie whose threads are still ending holds its locks
        if of != session or (state == 'Z' and len(tasks) == 1):
            continue
        for folder in [f'/proc/{pid}/task/{task}' for task in tasks] if threads else [f'/proc/{pid}']:
            with contextlib.suppress(OSError):
                found.append((int(pid), name, stat(folder)[1]))
    return found


class Run:
    """A command in a session of its own: it and what it started can be killed and stopped as one."""

    def __init__(self, words, log=None, **more):
        self.log = log and pathlib.Path(log)
        with open(log or os.devnull, 'wb') as out:
            self.process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, start_new_session=True, **more)
        self.pid = self.process.pid
        RUNS.append(self)

    def running(self):
        return self.process.poll() is None

    def said(self):
        return self.log.read_text(errors='replace')

    def await_words(self, words, seconds=END_SECONDS):
        until = time.monotonic() + seconds
        while words not in self.said():
            assert self.running(), f'the run has ended\n{self.said()[-3000:]}'
            assert time.monotonic() < until, f'never said: {words}\n{self.said()[-3000:]}'
            time.sleep(0.02)

    def await_ready(self):
        """Until `cupel run` has its lock and its part of the journal, and reads."""
        self.await_words('kernels')

    def members(self, threads=False):
        return members(self.pid, threads)

    def data_plane(self):
        return next((pid for pid, name, _ in self.members() if name == 'cupel-dataplane'), None)

    def state(self, pid):
        """What a process does, as /proc says it in a letter; None: it is gone."""
        return next((state for found, _, state in self.members() if found == pid), None)

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):  # it may just have ended
            os.killpg(self.pid, number)

    def stop(self):
        """Stops every thread of it, and waits until they are."""
        self.signal(SIGSTOP)
        until = time.monotonic() + END_SECONDS
        while any(state not in 'TtZ' for _, _, state in self.members(threads=True)):
            assert time.monotonic() < until, f'{self.members()} does not stop'
            time.sleep(0.0005)

    def gone(self, seconds=END_SECONDS):
        """The exit code, when nothing of the session is left: the data plane dies with its parent, and holds its
        lock until then."""
        code = self.process.wait(seconds)
        until = time.monotonic() + seconds
        while self.members():
            assert time.monotonic() < until, f'{self.members()} outlives cupel'
            time.sleep(0.002)
        return code

    def end(self, number=SIGKILL, seconds=END_SECONDS):
        """Sends a signal to all of it; gives the exit code when nothing is left."""
        self.signal(number)
        return self.gone(seconds)
