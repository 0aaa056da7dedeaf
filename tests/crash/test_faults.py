#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a disk that is full, fails, or may not be written to makes no wrong table: the run says
        what is wrong and waits or ends, and goes on when the disk is well.
Method: one case a function, each on a file system of its own; faults come at random moments of a run
        with epochs of a few milliseconds. The lake is finished on the healed disk and judged. Where something is
        asked of the run, it follows input that grows once the fault is there: it must meet it.

    test_faults.py CUPEL GEN ROOT [--rounds N] [--seed N]     rounds: of those cases that need luck"""
import argparse
import errno
import os
import pathlib
import random as randoms
import resource
import signal
import sys
import tempfile
import time

import scene
import judge

ROWS = 36000
MEGABYTES = 320
ROOM_BYTES = 64 << 20       # less than this free, and cupel begins no epoch
MAP_BYTES = 64 << 10        # what a file system may want for itself
NOT_ENOUGH_BYTES = 1 << 20  # for half of the input; some epochs fit
WITHIN_SECONDS = 0.4
STATUS_SECONDS, END_SECONDS = 200, 600  # what does not come in this time does not come
LEDGER, BIGGEST = '_cupel/default/test/ledger', 'default/silver/pg/bank/transaction'
FILE_BYTES = (200 << 10, 400 << 10, 2 << 20)  # limits on a file's size: an archive, the same, a journal segment


class Case:
    """One lake, what is done to it, and what is wrong with it."""

    def __init__(self, args, given, home, random):
        self.args, self.given, self.home, self.random = args, given, home, random
        self.wrong, self.outcomes = [], []

    def run(self, lake, kind=scene.Run, **more):
        return kind(self.args.cupel, self.home / 'pipeline', lake, log=self.home / 'run.txt', **more)

    def moment(self, run):
        """Some moment from when its data plane is there: to control, a lake that cannot be made is a mistake of
        whoever gave the command."""
        while run.running() and run.data_plane() is None:
            time.sleep(0.001)
        time.sleep(self.random.random() * WITHIN_SECONDS)

    def begun(self, lake):
        """A run that has something in the tables, and the rest of its input, which is still to come."""
        grow = self.given.growing(2)
        next(grow)
        run = self.run(lake, kind=scene.Follow)
        self.await_(run, lambda: epochs(lake) and (lake / BIGGEST / '_delta_log').exists(), 'no epoch comes')
        return run, grow

    def await_(self, run, holds, what):
        end = time.monotonic() + END_SECONDS
        while not holds():
            assert run.running() and time.monotonic() < end, f'{what}: {run.said()}'
            time.sleep(0.001)

    def expect(self, condition, what):
        if not condition:
            self.wrong.append(what)

    def ended(self, run, *words):
        """The run must end by itself, in good order or with a message that holds one of the words."""
        code, said = run.gone(END_SECONDS), run.said()
        self.outcomes.append(code)
        self.expect(code == 0 or code == 1 and 'what to do: ' in said and any(w in said for w in words),
                    f'exit {code}, said {said}')
        return code

    def well(self, lake):
        """On the healed disk: to the end, and judged."""
        try:
            scene.finish(self.args.cupel, self.home / 'pipeline', lake)
            self.wrong += judge.judge(self.args.cupel, lake, self.given)
        except AssertionError as error:
            self.wrong.append(str(error))


def epochs(lake):
    return len(list(lake.glob(f'{LEDGER}/_delta_log/*.json')))


def fill(disk, leave):
    """Takes all but `leave` bytes of a file system's room."""
    with open(disk.at / f'filler-{time.monotonic_ns()}', 'wb') as file:
        while True:
            room = os.statvfs(disk.at)
            count = room.f_bavail * room.f_frsize - leave
            try:
                return os.posix_fallocate(file.fileno(), 0, max(1, count))
            except OSError as error:  # what was written before takes room later
                if error.errno != errno.ENOSPC or count <= 1:
                    raise
                leave += MAP_BYTES


def empty(disk):
    for path in disk.at.glob('filler-*'):
        path.unlink()


def until(run, words):
    end = time.monotonic() + STATUS_SECONDS
    while run.running() and time.monotonic() < end:
        if all(w in run.said() for w in words):
            return True
        time.sleep(0.02)
    return False


def full(case, kind):
    """No room at the start, no room in the middle; each time the run waits, and goes on by itself."""
    with scene.Disk(kind, case.home, MEGABYTES) as disk:
        lake = disk.at / 'lake'
        fill(disk, ROOM_BYTES // 2)
        run = case.run(lake)
        case.expect(until(run, ['paused: the disk of', 'MiB free, 64 MiB needed']),
                    f'at the start: {run.said()}')
        empty(disk)
        case.expect(run.gone(END_SECONDS) == 0 and 'going on' in run.said(), f'did not go on: {run.said()}')
        case.well(lake)
        scene.clear(lake)
        for _ in range(case.args.rounds):
            run, grow = case.begun(lake)  # before that, a folder that cannot be made ends it
            case.moment(run)
            run.stop()  # it must not take what is being filled
            fill(disk, case.random.randrange(NOT_ENOUGH_BYTES))
            next(grow)
            run.signal(signal.SIGCONT)
            case.expect(until(run, ['paused: the disk of']), f'did not pause: {run.said()}')
            empty(disk)
            before = epochs(lake)
            # the first epoch from now on may still have met the full disk; behind the second, nothing has
            case.await_(run, lambda: 'going on' in run.said() and epochs(lake) > before + 1, 'does not go on')
            os.kill(run.pid, signal.SIGTERM)
            code = run.gone(END_SECONDS)
            case.outcomes.append(code)
            case.expect(code == 0, f'exit {code}, said {run.said()}')
            case.well(lake)
            scene.clear(lake)


def broken(case, kind):
    """The disk fails for good, or for a moment; the file system is mounted anew when it is well."""
    switch = case.home / 'broken'
    with scene.device(case.home, MEGABYTES, kind, broken=switch) as device:
        with scene.Disk(kind, case.home, image=device) as disk:
            lake = disk.at / 'lake'
            for _ in range(case.args.rounds):
                run = case.run(lake)
                case.moment(run)
                switch.touch()
                if case.random.random() < 0.5:
                    time.sleep(case.random.random() * 0.05)
                    switch.unlink()
                code = case.ended(run, 'Input/output error', 'Read-only file system', 'Structure needs cleaning')
                switch.unlink(missing_ok=True)
                disk.unmount()
                disk.mount()
                if code == 0:
                    case.well(lake)
                    scene.clear(lake)
            case.well(lake)


def short(case, kind):
    """A write that is cut short, then refused: the limit on a file's size, as a process can have it."""
    def limit(most):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    with scene.Disk(kind, case.home, MEGABYTES) as disk:
        lake = disk.at / 'lake'
        for most in FILE_BYTES:
            run = case.run(lake, preexec_fn=lambda: limit(most))
            case.ended(run, 'File too large')
        case.well(lake)


def read_only(case, kind):
    """The file system goes read-only under a run, as ext4 does when it finds an error."""
    with scene.Disk(kind, case.home, MEGABYTES) as disk:
        lake = disk.at / 'lake'
        for _ in range(case.args.rounds):
            run = case.run(lake)
            case.moment(run)
            scene.tool('mount', '-o', 'remount,abort', disk.at)
            case.ended(run, 'Read-only file system', 'Input/output error', 'Structure needs cleaning')
            disk.unmount()
            disk.mount()
        case.well(lake)


def locked_folder(case, kind):
    """A folder that takes no new names; its table stands still, nothing else is harmed."""
    with scene.Disk(kind, case.home, MEGABYTES) as disk:
        lake = disk.at / 'lake'
        run, grow = case.begun(lake)
        table = case.random.choice([LEDGER, BIGGEST])
        folder = table + case.random.choice(['', '/_delta_log'])
        scene.tool('chattr', '+i', lake / folder)
        next(grow)
        code = case.ended(run, 'Operation not permitted')
        scene.tool('chattr', '-i', lake / folder)
        case.expect(code == 1 and table in run.said(), f'{folder} is not named: {run.said()}')
        case.well(lake)


CASES = [(full, 'ext4'), (full, 'xfs'), (broken, 'ext4'), (broken, 'xfs'), (short, 'ext4'), (short, 'xfs'),
         (read_only, 'ext4'), (locked_folder, 'ext4')]


def main():
    parser = argparse.ArgumentParser()
    for name in ('cupel', 'gen', 'root'):
        parser.add_argument(name)
    parser.add_argument('--rounds', type=int, default=1)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--only')
    args = parser.parse_args()
    scene.need_disks(fuse=True)
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        given = scene.Input(args.gen, args.root, home, ROWS, args.seed)
        for number, (function, kind) in enumerate(CASES):
            if args.only not in (None, function.__name__):
                continue
            began = time.monotonic()
            place = home / f'{number}'
            place.mkdir()
            given.pipeline(f'{number}/pipeline')
            case = Case(args, given, place, randoms.Random(args.seed * 100 + number))
            function(case, kind)
            wrong += [f'{function.__name__} on {kind}: {w}' for w in case.wrong]
            print(f'{function.__name__} on {kind}: {case.outcomes}, {time.monotonic() - began:.1f} s', flush=True)
    for sentence in wrong:
        print(sentence)
    print(f'seed {args.seed}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
