# SPDX-License-Identifier: Apache-2.0
"""disks: a disk that refuses what a run writes, for a while."""
import contextlib
import resource
import time

import lakes

TURNS = 6
WAIT_SECONDS = 600  # for what only a fault keeps from coming
BYTES = 64  # of a file, as long as the disk refuses
ABANDONED, DECIDED = 'was abandoned (1 of 3)', 'is decided, but not yet in all tables (1 of 3)'


@contextlib.contextmanager
def small_files(pid):
    """No file of a process may get long. It may end meanwhile."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (BYTES, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def wait(world, holds, what):
    """False: the run has ended."""
    until = time.monotonic() + WAIT_SECONDS
    while not holds():
        if not world.run.running():
            return False
        assert time.monotonic() < until, f'{what}\n{world.run.said()[-3000:]}'
        time.sleep(0.01)
    return True


def refused(world, put, meanwhile):
    """Whether the run gave up an epoch, and goes on since the disk takes files again: it commits. That it is going on it says
    before each try, also when the disk still refuses."""
    world.run.await_ready()
    told = {words: world.run.said().count(words) for words in (ABANDONED, DECIDED)}
    says = lambda words: world.run.said().count(words) > told[words]
    with small_files(world.run.data_plane()):
        put()
        wait(world, lambda: says(ABANDONED) or says(DECIDED), 'no file is refused')
        meanwhile()
        before = lakes.epochs(world.lake)
    return wait(world, lambda: lakes.epochs(world.lake) > before, 'the run does not go on') and says(ABANDONED)


def refuse(world, put, meanwhile=lambda: None):
    """The disk refuses the files of the epoch of what `put` brings, and takes them when the run has given that epoch up and
    `meanwhile` is done. A run ends at its third failure, 1.2 s after the first: where that is sooner than we are, or the limit
    meets an epoch that is decided already, all is done again. `world` has run (runs.Run), start, and the folder of its lake."""
    for _ in range(TURNS):
        if refused(world, put, meanwhile):
            return
        if not world.run.running():
            world.start()
    assert False, f'no epoch was abandoned in {TURNS} turns\n{world.run.said()[-3000:]}'
