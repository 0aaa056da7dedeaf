#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a run that stood still while another took over its work damages nothing when it goes on.
Method: after some epoch, in each phase of the next, a run stops: tools/stand.c, which is put before
        its system calls, sees to that; phase.py agrees. A second run is refused while the first has its lock, with the owner's process in the message. Then the lock
        file is removed, as an operator might who takes the first for dead, and the second run reads
        to the end. The first then goes on: it must find that it was replaced, say so, and leave every
        log as it is. The lake is judged before and after.

    test_zombie.py CUPEL GEN ROOT STAND [--seed N]"""
import argparse
import hashlib
import os
import pathlib
import shlex
import signal
import sys
import tempfile
import time

import scene
import judge
from phase import PHASES, stands_in

ROWS = 18000
WANTED = PHASES[PHASES.index('staging'):]  # before that, a run has nothing with which it could do damage
STEPS = 3  # of the input: one before, so that the lake has its tables; one while a run stands, so that it has to go on


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


def standing(args, pipeline, home, wanted):
    """A run that stands still in the wanted phase, and the file that has it stop there."""
    real = pathlib.Path(args.cupel).resolve().parents[1] / 'dataplane/cupel-dataplane'
    stand, plane = home / f'stand-{wanted}', home / 'dataplane'
    stand.touch()
    plane.write_text(f'#!/bin/sh\nLD_PRELOAD={shlex.quote(args.stand)} exec {shlex.quote(str(real))}\n')
    plane.chmod(0o755)
    environment = dict(os.environ, CUPEL_DATAPLANE=str(plane), CUPEL_STAND=str(stand))
    run = scene.Follow(args.cupel, pipeline, home / 'lake', log=home / 'zombie.txt', env=environment)
    assert stands_in(run, home / 'lake', wanted), f'{wanted} was not met: {run.said()}'
    return run, stand


def take_over(args, given, pipeline, home, wanted):
    lake, grow = home / 'lake', given.growing(STEPS)
    next(grow)
    scene.finish(args.cupel, pipeline, lake)
    next(grow)
    zombie, stand = standing(args, pipeline, home, wanted)
    try:
        wrong = second_is_refused(args, pipeline, lake, zombie.data_plane())
        next(grow)
        next(lake.glob('_cupel/*/*/[0-9]*/lock')).unlink()
        scene.finish(args.cupel, pipeline, lake)
        wrong += [f'after the second run: {w}' for w in judge.judge(args.cupel, lake, given)]
        before = logs(lake)
    finally:
        stand.unlink()
        zombie.signal(signal.SIGCONT)
    code, said = zombie.gone(), zombie.said()
    if code != 1 or 'another instance owns this pipeline' not in said:
        wrong.append(f'the first ended with {code} and said {said}')
    if logs(lake) != before:
        wrong.append('the first wrote to the logs')
    wrong += [f'after the first went on: {w}' for w in judge.judge(args.cupel, lake, given)]
    scene.finish(args.cupel, pipeline, lake)  # its leavings stop nobody
    return [f'{wanted}: {w}' for w in wrong]


def main():
    parser = argparse.ArgumentParser()
    for name in ('cupel', 'gen', 'root', 'stand'):
        parser.add_argument(name)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        given = scene.Input(args.gen, args.root, home, ROWS, args.seed)
        pipeline = given.pipeline('pipeline', 'store: posix\n')
        for wanted in WANTED:
            began = time.monotonic()
            wrong += take_over(args, given, pipeline, home, wanted)
            scene.clear(home / 'lake')
            print(f'{wanted}: {time.monotonic() - began:.1f} s', flush=True)
    for sentence in wrong:
        print(sentence)
    print(f'{len(WANTED)} phases, seed {args.seed}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
