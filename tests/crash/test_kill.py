#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   however often a run dies, and wherever, each record is in the lake once.
Method: runs with epochs of a few milliseconds are killed at random moments, or when they stand in a
        phase drawn before (they are stopped to look), and started again, on ext4, on xfs and on the
        machine's own file system, until a run reaches the end; then the lake is judged and the next
        one begun. Victims: the whole process group, control alone, the data plane alone, or (on our
        images) the file system itself, which forgets what was not synced. Between some rounds files
        are merged, by cupel or by another engine. What each round interrupted is read from the
        journal and the logs; the phases that last must all have been hit.

    test_kill.py CUPEL GEN ROOT [--rounds N] [--seed N]"""
import argparse
import collections
import contextlib
import os
import pathlib
import random as randoms
import signal
import sys
import tempfile
import time

from deltalake import DeltaTable

import scene
import judge
import lakes
from phase import PHASES, phase, stop_in

ROWS = 36000          # a run of about half a second
EPOCHS_BEFORE = 4     # a run commits fewer before it is hit
LATER_SECONDS = 0.05  # up to so long after that, if nobody waits for a phase
FEW_ROUNDS = 60       # fewer need not have met every phase
MERGE_ONE_IN = 3
FORMAT_ONE_IN = 8     # the checker of formats takes three seconds

# file system, disk of the store
LANES = [('ext4', 'uring'), ('xfs', 'posix'), ('own', 'uring'), ('ext4', 'posix'), ('xfs', 'uring'), ('own', 'posix')]

# who dies, and how the run may end then: its last moments are too late for data plane or disk to matter
ENDS = {'group': (-signal.SIGKILL,), 'control': (-signal.SIGKILL,), 'dataplane': (0, 1), 'power': (0, 1)}
MUST_BE_HIT = [p for p in PHASES if p not in ('starting', 'applying')]  # the others are short


class Lane:
    """One file system on which lakes are made, interrupted and judged, one after the other."""

    def __init__(self, args, given, home, number, random):
        self.args, self.given, self.random = args, given, random
        self.kind, self.store = LANES[number]
        self.name = f'{self.kind}-{self.store}'
        home = home / str(number)
        home.mkdir()
        self.disk = scene.Disk(self.kind, home)
        self.lake = self.disk.at / 'lake'
        self.pipeline = given.pipeline(f'pipeline-{number}', f'store: {self.store}\n')
        self.log = home / 'run.txt'
        self.hits = collections.Counter()
        self.wrong, self.lakes, self.merges, self.struck = [], 0, 0, 0

    def run(self):
        return scene.Run(self.args.cupel, self.pipeline, self.lake, log=self.log)

    def epochs(self):
        return lakes.epochs(self.lake)

    def await_moment(self, run):
        """Some epochs, then any moment or one in which the run stands in a wanted phase. Its data plane is there: to
        control, a lake that is gone is a mistake of whoever gave the command."""
        epochs, wanted = self.epochs() + self.random.randrange(EPOCHS_BEFORE), self.random.choice([None, *PHASES[1:]])
        while run.running() and (run.data_plane() is None or self.epochs() < epochs):
            time.sleep(0.001)
        if wanted is None:
            time.sleep(self.random.random() * LATER_SECONDS)
        else:
            stop_in(run, self.lake, wanted, self.random)

    def strike(self, run, victim):
        """Its end, from whatever moment it stands or runs in."""
        if victim == 'power':
            self.disk.cut_power()
        elif victim == 'group':
            run.signal(signal.SIGKILL)
        else:
            pid = run.pid if victim == 'control' else run.data_plane()
            with contextlib.suppress(ProcessLookupError):  # it may just have ended
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
        run.signal(signal.SIGCONT)

    def interrupt(self):
        """One run and its end. True when it was hit while it ran."""
        victim = self.random.choice([v for v in ENDS if v != 'power' or self.kind != 'own'])
        run = self.run()
        self.await_moment(run)
        hit = run.running()
        if hit:
            self.strike(run, victim)
        code = run.gone()
        if -signal.SIGKILL in ENDS[victim] and code == 0:
            hit = False  # it was through before the signal came
        if hit and code not in ENDS[victim]:
            self.wrong.append(f'{self.name}: {victim} died, the run ended with {code}: {run.said()[-400:]}')
        if hit and victim == 'power':
            self.disk.unmount()
            self.disk.mount()
        if hit:
            self.hits['power' if victim == 'power' else phase(self.lake)] += 1
        return hit

    def merge(self):
        """Small files are merged while nobody runs: by another engine or by cupel."""
        entry = next(self.lake.glob('*/silver/*/*/transaction/_delta_log/*.json'), None)
        if entry is None:
            return
        self.merges += 1
        if self.random.random() < 0.5:
            DeltaTable(str(entry.parents[1])).optimize.compact()
            os.sync()  # it syncs nothing itself: a cut of the power would take what is not cupel's to keep
        else:
            lakes.run(self.args.cupel, 'compact', self.lake)

    def over(self):
        """Finishes and judges a lake that was hit, and makes room for the next."""
        if self.struck > 0:
            scene.finish(self.args.cupel, self.pipeline, self.lake)
            found = judge.judge(self.args.cupel, self.lake, self.given)
            if self.random.randrange(FORMAT_ONE_IN) == 0:
                found += judge.check_format(self.lake)
            self.wrong += [f'{self.name}: {w}' for w in found]
            self.lakes += 1
        self.struck = 0
        scene.clear(self.lake)

    def rounds(self, count):
        for _ in range(count):
            while not self.interrupt():
                self.over()
            self.struck += 1
            if self.random.randrange(MERGE_ONE_IN) == 0:
                self.merge()
        self.over()


def main():
    parser = argparse.ArgumentParser()
    for name in ('cupel', 'gen', 'root'):
        parser.add_argument(name)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    scene.need_disks()
    hits, wrong, began = collections.Counter(), [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        given = scene.Input(args.gen, args.root, home, ROWS, args.seed)
        for number in range(len(LANES)):
            lane = Lane(args, given, home, number, randoms.Random(args.seed * 1000 + number))
            with lane.disk:
                try:
                    lane.rounds(len(range(number, args.rounds, len(LANES))))
                except AssertionError as error:
                    lane.wrong.append(f'{lane.name}: {error}')
            hits += lane.hits
            wrong += lane.wrong
            print(f'{lane.name}: {sum(lane.hits.values())} rounds, {lane.lakes} lakes judged, '
                  f'{lane.merges} merges, {dict(lane.hits)}', flush=True)
    missed = [p for p in MUST_BE_HIT if not hits[p]]
    if args.rounds >= FEW_ROUNDS and missed:
        wrong.append(f'no round interrupted {", ".join(missed)}: the test proves too little')
    for sentence in wrong:
        print(sentence)
    print(f'{sum(hits.values())} rounds in {time.monotonic() - began:.0f} s, {dict(hits)}, seed {args.seed}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
