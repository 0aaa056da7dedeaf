#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a run that is stopped or killed loses nothing and counts nothing twice.
Method: ten runs, each into a new lake, follow files that grow by a step when there is one more epoch.
        They get the signal when they have committed 0, 1, .. 9 epochs and a little later, behind a step;
        then the files are whole, and are run to their end. Every table must equal the truth,
        every place must be there once, verify must be clean. SIGTERM must end the run in an orderly
        way; SIGKILL hits the process people started, and the data plane must die with it.

    test_resume.py CUPEL GEN ROOT TERM|KILL"""
import pathlib
import random as randoms
import shutil
import signal
import sys
import tempfile
import time

import bank
import contracts
import lakes
import runs

POINTS = 10
ROWS = 36000
DELAY_SECONDS = 0.05  # about an epoch of this test
SEED = 21
WAIT_SECONDS = 600  # for what only a fault keeps from coming


class Growing:
    """The input's files, which a run finds as they were after some of POINTS + 2 steps."""

    def __init__(self, whole, folder):
        self.whole, self.folder = {path.name: path.read_bytes() for path in whole.iterdir()}, folder

    def begin(self):
        shutil.rmtree(self.folder, ignore_errors=True)  # there is none at first
        self.folder.mkdir()
        self.step, self.sizes = 0, dict.fromkeys(self.whole, 0)
        self.grow()

    def grow(self, to=None):
        """By one step, or to so many; the last one is for the run to the end."""
        self.step = to or self.step + 1
        for name, raw in self.whole.items():
            end = raw.rindex(b'\n', 0, len(raw) * self.step // (POINTS + 2)) + 1
            with open(self.folder / name, 'ab') as file:
                file.write(raw[self.sizes[name]:end])
            self.sizes[name] = end


def interrupted(command, lake, number, files, after, delay):
    """Runs a command and sends the signal `delay` after a step of the files, behind so many epochs; gives its exit code."""
    run = runs.Run([*command, lake])
    until = time.monotonic() + WAIT_SECONDS
    for due in range(1, after + 1):
        while lakes.epochs(lake) < due:
            assert run.running(), f'the run ended with {run.process.returncode}'
            assert time.monotonic() < until, f'{lakes.epochs(lake)} epochs of {due}'
            time.sleep(0.001)
        files.grow()
    time.sleep(delay)
    run.process.send_signal(number)
    return run.gone()


def main():
    cupel, gen, root, name = sys.argv[1:5]
    number = {'TERM': signal.SIGTERM, 'KILL': signal.SIGKILL}[name]
    tables = bank.columns(root)
    wrong, left = [], []
    random = randoms.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        bank.generate(gen, '--rows', ROWS, '--seed', SEED, '--out', f'{home}/whole/', '--truth', home / 'truth',
                      '--record-size', 1200)
        sums, files = bank.sums(home / 'truth'), Growing(home / 'whole', home / 'in')
        contracts.write_pipeline(home / 'pipeline', [home / 'in' / '*'], contracts.of_bank(tables),
                                 extra='    independent: true\ncommit:\n  bytes: 1MiB\n  interval: 100ms\n')
        command = [cupel, 'run', str(home / 'pipeline'), '--workers', '2', '--lake']
        for point in range(POINTS):
            lake = home / f'lake{point}'
            files.begin()
            # the first point is before any epoch, when control and data plane start up
            code = interrupted(command, lake, number, files, point, random.random() * DELAY_SECONDS)
            left.append(lakes.epochs(lake))
            due = [0, -signal.SIGTERM][:1 + (left[-1] == 0)] if number == signal.SIGTERM else [-signal.SIGKILL]
            if code not in due:  # before there is a run a signal just ends the command
                wrong.append(f'point {point}: {signal.Signals(number).name} ended the run with {code}')
            files.grow(POINTS + 2)
            lakes.run(*command, lake, '--until-end')
            if lakes.epochs(lake) <= left[-1]:
                wrong.append(f'point {point}: {left[-1]} epochs before the signal, {lakes.epochs(lake)} at the end')
            wrong += [f'point {point}: {w}' for w in lakes.check_truth(lakes.Lake(lake), home / 'truth', tables, sums)]
            lakes.run(cupel, 'verify', lake, '--deep')
            shutil.rmtree(lake)
    for sentence in wrong:
        print(sentence)
    print(f'epochs before the signal {left}; seed {SEED}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
