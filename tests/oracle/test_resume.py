#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a run that is stopped or killed loses nothing and counts nothing twice.
Method: ten runs, each into a new lake, get the signal when they have committed 0, 1, .. 9 epochs
        and a little later, and are run again to their end. Every table must equal the truth,
        every place must be there once, verify must be clean. SIGTERM must end the run in an orderly
        way; SIGKILL hits the process people started, and the data plane must die with it.

    test_resume.py CUPEL GEN ROOT TERM|KILL"""
import os
import pathlib
import random as randoms
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import bank
import contracts
import lakes

POINTS = 10
DELAY_SECONDS = 0.05  # about an epoch of this test
SEED = 21
DIE_SECONDS = 20


def in_session(session):
    """Processes of a session that still run: cupel and what it started."""
    found = []
    for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
        try:
            state, _, _, of = path.read_text().rpartition(')')[2].split()[:4]
            threads = len(list((path.parent / 'task').iterdir()))
        except OSError:
            continue  # it ended while we looked
        # a zombie whose threads are still ending holds its locks
        if int(of) == session and (state != 'Z' or threads > 1):
            found.append(int(path.parent.name))
    return found


def epochs(lake):
    return len(list(lake.glob('_cupel/*/*/ledger/_delta_log/*.json')))


def interrupted(command, lake, number, after, delay):
    """Runs a command and sends the signal `delay` after its epoch; gives (exit code, was it still running)."""
    process = subprocess.Popen([*command, str(lake)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    while process.poll() is None and epochs(lake) < after:
        time.sleep(0.001)
    time.sleep(delay)
    running = process.poll() is None
    if running:
        os.kill(process.pid, number)
    code = process.wait(DIE_SECONDS)
    until = time.monotonic() + DIE_SECONDS
    while in_session(process.pid):
        assert time.monotonic() < until, f'{in_session(process.pid)} outlives cupel'
        time.sleep(0.01)
    return code, running


def main():
    cupel, gen, root, name = sys.argv[1:5]
    number = {'TERM': signal.SIGTERM, 'KILL': signal.SIGKILL}[name]
    tables = bank.columns(root)
    wrong, hits, left = [], 0, []
    random = randoms.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        bank.generate(gen, '--rows', 90000, '--seed', SEED, '--out', f'{home}/in/', '--truth', home / 'truth',
                      '--record-size', 1200)
        sums = bank.sums(home / 'truth')
        contracts.write_pipeline(home / 'pipeline', [home / 'in' / '*'], contracts.of_bank(tables),
                                 extra='    independent: true\ncommit:\n  bytes: 1MiB\n')
        command = [cupel, 'run', str(home / 'pipeline'), '--until-end', '--workers', '2', '--lake']
        for point in range(POINTS):
            lake = home / f'lake{point}'
            # the first point is before any epoch, when control and data plane start up
            code, hit = interrupted(command, lake, number, point, random.random() * DELAY_SECONDS)
            hits += hit
            left.append(epochs(lake))
            if hit and code != (0 if number == signal.SIGTERM else -signal.SIGKILL):
                wrong.append(f'point {point}: {signal.Signals(number).name} ended the run with {code}')
            lakes.run(*command, lake)
            if epochs(lake) < left[-1] + 2:
                wrong.append(f'point {point}: {left[-1]} epochs before the signal, {epochs(lake)} at the end')
            wrong += [f'point {point}: {w}' for w in lakes.check_truth(lakes.Lake(lake), home / 'truth', tables, sums)]
            lakes.run(cupel, 'verify', lake, '--deep')
            shutil.rmtree(lake)
    if hits < POINTS or sum(n > 0 for n in left) < POINTS - 2:
        wrong.append(f'{hits} signals hit a run, epochs before {left}: the points prove too little')
    for sentence in wrong:
        print(sentence)
    print(f'{hits} of {POINTS} hit; epochs before the signal {left}; seed {SEED}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
