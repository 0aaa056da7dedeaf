#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a run that stood still while another took over its work damages nothing when it goes on.
Method: after some epoch, in each phase of the next, a run is stopped (SIGSTOP). A second run is
        refused while the first has its lock, with the owner's process in the message. Then the lock
        file is removed, as an operator might who takes the first for dead, and the second run reads
        to the end. The first then goes on: it must find that it was replaced, say so, and leave every
        log as it is. The lake is judged before and after.

    test_zombie.py CUPEL GEN ROOT [--seed N]"""
import argparse
import hashlib
import pathlib
import random as randoms
import signal
import sys
import tempfile
import time

import scene
import judge
from phase import PHASES, stop_in

ROWS = 36000
TRIES = 6       # runs per phase, at most
PHASES_MIN = 4  # that must have been met: some are short


def stopped_in(wanted, start, lake, random):
    """A run that stands still in the wanted phase."""
    for _ in range(TRIES):
        run = start()
        while run.running() and not list(lake.glob('_cupel/*/*/ledger/_delta_log/*.json')):
            time.sleep(0.001)  # while it begins, it has nothing that it could damage
        if stop_in(run, lake, wanted, random):
            return run
        run.gone()
        scene.clear(lake)
    return None


def logs(lake):
    """{log entry: digest}: what readers are told."""
    return {p.relative_to(lake): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in lake.rglob('_delta_log/[0-9]*.json')}


def second_is_refused(args, pipeline, lake, owner):
    """The first still has its lock."""
    run = scene.Run(args.cupel, pipeline, lake)
    code, said = run.gone(), run.said()
    run.log.unlink()
    wanted = ['another process is running this pipeline', f'pid {owner}']
    missing = [w for w in wanted if w not in said]
    return [f'a second run ended with {code} and said {said}'] if code != 1 or missing else []


def take_over(args, given, pipeline, home, wanted, random):
    lake = home / 'lake'

    def start():
        return scene.Run(args.cupel, pipeline, lake, log=home / 'zombie.txt')
    zombie = stopped_in(wanted, start, lake, random)
    if zombie is None:
        return None
    try:
        wrong = second_is_refused(args, pipeline, lake, zombie.data_plane())
        next(lake.glob('_cupel/*/*/[0-9]*/lock')).unlink()
        rest = scene.finish(args.cupel, pipeline, lake)
        wrong += [f'after the second run: {w}' for w in judge.judge(args.cupel, lake, given)]
        before = logs(lake)
    finally:
        zombie.signal(signal.SIGCONT)
    code, said = zombie.gone(), zombie.said()
    fenced = code == 1 and 'another instance owns this pipeline' in said
    if not fenced and not (code == 0 and '; 0 epochs' in rest):  # unless it had left nothing to do
        wrong.append(f'the first ended with {code} and said {said}')
    if logs(lake) != before:
        wrong.append('the first wrote to the logs')
    wrong += [f'after the first went on: {w}' for w in judge.judge(args.cupel, lake, given)]
    scene.finish(args.cupel, pipeline, lake)  # its leavings stop nobody
    return [f'{wanted}: {w}' for w in wrong]


def main():
    parser = argparse.ArgumentParser()
    for name in ('cupel', 'gen', 'root'):
        parser.add_argument(name)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    random, wrong, met = randoms.Random(args.seed), [], []
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        given = scene.Input(args.gen, args.root, home, ROWS, args.seed)
        pipeline = given.pipeline('pipeline')
        for wanted in PHASES[1:]:
            began = time.monotonic()
            found = take_over(args, given, pipeline, home, wanted, random)
            met += [] if found is None else [wanted]
            wrong += found or []
            scene.clear(home / 'lake')
            print(f'{wanted}: {"not met" if found is None else "met"}, {time.monotonic() - began:.1f} s', flush=True)
    if len(met) < PHASES_MIN:
        wrong.append(f'only {met} were met: the test proves too little')
    for sentence in wrong:
        print(sentence)
    print(f'{len(met)} phases, seed {args.seed}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
