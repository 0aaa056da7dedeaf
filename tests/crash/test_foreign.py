#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   other engines write to a table while cupel does: nothing is lost, nothing is there twice.
Method: cupel reads a growing input in many runs with small epochs. At the same time delta-rs (or
        Spark) appends rows of its own to one silver table, merges its files, removes what the log
        no longer needs, writes checkpoints and cleans the log. At the end all our rows and all of
        theirs are there once, as DuckDB reads it. VACUUM is told to keep nothing, but to remove
        no more than what the log says was removed: files that are not in the log yet must stay.

    test_foreign.py CUPEL GEN ROOT delta-rs|spark [--seed N]"""
import argparse
import collections
import pathlib
import random as randoms
import subprocess
import sys
import tempfile
import threading
import time

import pyarrow
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

import scene
import judge
import lakes

ROWS = 60000
RUNS = 12
TABLE = 'transaction'
ROWS_OF_APPEND = 7
PATIENCE_SECONDS = 600  # for what the other engine has to do between our runs


class Lost(Exception):
    """A commit of ours came before a task of another engine: what it says."""


def foreign_rows(schema, first):
    """Rows that a silver table takes, with our mark for others and ascending places."""
    own = {'_topic': [judge.FOREIGN] * ROWS_OF_APPEND, '_offset': list(range(first, first + ROWS_OF_APPEND)),
           '_op': ['c'] * ROWS_OF_APPEND}
    columns = [pyarrow.array(own.get(field.name, [None] * ROWS_OF_APPEND), field.type) for field in schema]
    return pyarrow.Table.from_arrays(columns, schema=schema)


class Other(threading.Thread):
    """Another engine at work on one table: rounds of its tasks, each in an order of its own. A task
    that loses to a commit of ours is done again."""
    ROUNDS, TASKS = 0, []

    def __init__(self, path, random):
        super().__init__(daemon=True)
        self.path, self.appended, self.error = str(path), 0, None
        self.todo = [task for _ in range(self.ROUNDS) for task in random.sample(self.TASKS, len(self.TASKS))]
        self.done, self.lost = collections.Counter(), collections.Counter()

    def run(self):
        try:
            for task in self.todo:
                while not self.attempt(task):
                    self.lost[task] += 1
                self.done[task] += 1
        except Exception as error:  # told by wait()
            self.error = error

    def attempt(self, task):
        try:
            getattr(self, task)()
        except (CommitFailedError, Lost):
            return False
        return True

    def wait(self, part):
        """Until that part of all tasks is done."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            alive = self.is_alive()  # asked first: behind its last task it ends
            if self.done.total() >= part * len(self.todo):
                return
            assert alive and time.monotonic() < until, \
                f'task {self.todo[self.done.total()]}, after {dict(self.done)}: {self.error or "it takes too long"}'
            time.sleep(0.01)

    def end(self):
        pass


class DeltaRs(Other):
    ROUNDS = 20
    TASKS = ['append', 'optimize', 'append', 'vacuum', 'checkpoint', 'clean']

    def append(self):
        schema = pyarrow.schema(DeltaTable(self.path).schema().to_arrow())
        write_deltalake(self.path, foreign_rows(schema, self.appended), mode='append')
        self.appended += ROWS_OF_APPEND

    def optimize(self):
        DeltaTable(self.path).optimize.compact()

    def vacuum(self):
        DeltaTable(self.path).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=False)

    def checkpoint(self):
        DeltaTable(self.path).create_checkpoint()

    def clean(self):
        DeltaTable(self.path).cleanup_metadata()


class Spark(Other):
    ROUNDS = 1
    TASKS = ['append', 'optimize', 'append', 'vacuum', 'append']

    def __init__(self, path, random):
        super().__init__(path, random)
        tool = pathlib.Path(__file__).resolve().parent / 'tools/spark.py'
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # a JVM may outlive us
        self.process = subprocess.Popen([sys.executable, str(tool), self.path, self.home.name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def hear(self, *words):
        """What Spark says next that begins with one of them; VACUUM prints, too."""
        said = next((line for line in self.process.stdout if line.startswith(words)), None)
        assert said, 'Spark is gone'
        return said

    def run(self):
        self.hear('ready')
        super().run()

    def ask(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        said = self.hear('done', 'failed')
        if 'DELTA_CONCURRENT' in said:
            raise Lost(said)
        assert said == 'done\n', said

    def append(self):
        self.ask(f'append {self.appended} {ROWS_OF_APPEND}')
        self.appended += ROWS_OF_APPEND

    def optimize(self):
        self.ask('OPTIMIZE')

    def vacuum(self):
        self.ask('VACUUM RETAIN 0 HOURS LITE')

    def end(self):
        if self.is_alive():
            self.process.kill()
        self.process.communicate()
        self.home.cleanup()


ENGINES = {'delta-rs': DeltaRs, 'spark': Spark}


def main():
    parser = argparse.ArgumentParser()
    for name in ('cupel', 'gen', 'root', 'engine'):
        parser.add_argument(name)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        given = scene.Input(args.gen, args.root, home, ROWS, args.seed)
        pipeline, lake = given.pipeline('pipeline'), home / 'lake'
        grow = given.growing(RUNS + 1)
        next(grow)
        scene.finish(args.cupel, pipeline, lake)
        other = ENGINES[args.engine](lake / f'default/silver/pg/bank/{TABLE}', randoms.Random(args.seed))
        other.start()
        try:
            for step in grow:
                scene.finish(args.cupel, pipeline, lake)
                other.wait((step - 1) / RUNS)
        finally:
            other.end()
        scene.finish(args.cupel, pipeline, lake)
        found = judge.Lake(lake)
        wrong = judge.judge(args.cupel, lake, given)
        path = found.silver()[f'bank.{TABLE}']
        theirs = lakes.Lake(lake).rows(f"SELECT count(*) AS n, count(DISTINCT _offset) AS d, max(_offset) AS m "
                                       f"FROM {lakes.Lake(lake).scan(path)} WHERE _topic = '{judge.FOREIGN}'")[0]
        if theirs != {'n': other.appended, 'd': other.appended, 'm': other.appended - 1}:
            wrong.append(f'{other.appended} rows of {args.engine} became {theirs}')
        versions = len(list((path / '_delta_log').glob('*.json')))
    for sentence in wrong:
        print(sentence)
    print(f'{args.engine}: did {dict(other.done)}, lost races {dict(other.lost)}, {versions} versions, '
          f'{time.monotonic() - began:.0f} s, seed {args.seed}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
