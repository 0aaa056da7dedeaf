# SPDX-License-Identifier: Apache-2.0
"""Goal:   shards of one pipeline, each a process, make one lake exactly once, whatever happens to any of them.
Method: three processes of `cupel run --shard I/3` follow a third of a generated input each (all tables in each) into the
        same tables. The input grows before each blow, so that there is something to do and nobody is through. At random
        moments one is killed and started again, while the others go on; one is stopped, taken over by another instance,
        and let go on when its input has grown; small files are merged meanwhile. Then each is told to end, and another
        process reads what is left. Truth, each record's place, orphans and
        `verify --deep` as for one process, with DuckDB and delta-rs; every table has rows of every shard. Another
        number of shards, and a shard that runs already, are refused in words."""
import argparse
import json
import pathlib
import random as randoms
import signal
import sys
import tempfile
import time
import zlib

import scene
import judge
import contracts
import lakes

SHARDS, ROWS, KILLS = 3, 36000, 8
PAUSE_SECONDS = 0.2
LOOKS = 6  # of verify behind a blow: the runs commit meanwhile
END_SECONDS = 600


class Input(scene.Input):
    """One file a table and shard; a key's events are in one of them."""

    def places(self, table, key):
        for path in sorted(self.files.glob(f'bank.{table}-*')):
            parts = [open(path.with_name(f'bank.{table}-{path.name}.{i}'), 'wb') for i in range(SHARDS)]
            for line in path.read_bytes().splitlines(keepends=True):
                event = json.loads(line)
                parts[zlib.crc32(str((event['after'] or event['before'])[key]).encode()) % SHARDS].write(line)
            for part in parts:
                part.close()
            path.unlink()
        return super().places(table, key)

    def pipeline(self, name, extra=''):
        return contracts.write_pipeline(self.home / name, [self.files / f'*.{i}' for i in range(SHARDS)],
                                        contracts.of_bank(self.tables), extra=f'commit:\n  bytes: 1MiB\n{extra}')


class Scene:
    def __init__(self, args, home):
        self.args, self.home, self.lake = args, home, home / 'lake'
        self.random = randoms.Random(args.seed)
        self.given = Input(args.gen, args.root, home, ROWS, args.seed)
        self.folder = self.given.pipeline('pipeline')
        self.runs, self.wrong = {}, []

    def start(self, shard, count=SHARDS, kind=scene.Follow):
        return kind(self.args.cupel, self.folder, self.lake, '--shard', f'{shard}/{count}')

    def refused(self, run, needle):
        code, said = run.gone(), run.said()
        run.log.unlink()
        if code == 0 or needle not in said:
            self.wrong.append(f'ended with {code}, without "{needle}": {said}')

    def kill(self):
        """Ends one of them, and begins it again."""
        shard = self.random.randrange(SHARDS)
        run = self.runs[shard]
        run.signal(signal.SIGKILL)
        code = run.gone()
        if code != -signal.SIGKILL:
            self.wrong.append(f'shard {shard} ended by itself, with {code}: {run.said()}')
        run.log.unlink()
        self.runs[shard] = self.start(shard)

    def take_over(self, shard):
        """Another instance of a shard that is stopped, which is given. It had begun its part of the journal."""
        zombie = self.runs[shard]
        zombie.await_ready()
        zombie.stop()
        self.refused(self.start(shard), 'another process is running this pipeline')
        (self.lake / f'_cupel/default/test/{shard}/lock').unlink()
        self.runs[shard] = self.start(shard)
        return zombie

    def logs(self):
        return {path: path.read_bytes() for path in self.lake.rglob('_delta_log/*.json')}

    def go_on(self, zombie):
        """It says that it lost its place, and changes nothing."""
        before = self.logs()
        zombie.signal(signal.SIGCONT)
        code, said = zombie.gone(END_SECONDS), zombie.said()
        zombie.log.unlink()
        if code != 1 or 'another instance owns this pipeline' not in said or self.logs() != before:
            self.wrong.append(f'the instance that was stopped ended with {code} and said {said}')

    def ends(self, shard, run):
        code, said = run.gone(END_SECONDS), run.said()
        run.log.unlink()
        if code != 0:
            self.wrong.append(f'shard {shard} ended with {code} and said {said}')

    def finish(self):
        """What is left is read by others, one after the other."""
        for shard, run in self.runs.items():
            run.await_ready()
            run.process.terminate()
        for shard, run in self.runs.items():
            self.ends(shard, run)
        for shard in self.runs:
            self.ends(shard, self.start(shard, kind=scene.Run))

    def check(self):
        self.wrong += judge.judge(self.args.cupel, self.lake, self.given)
        lake = judge.Lake(self.lake)
        for table, path in lake.silver().items():
            shards = {row['_shard'] for row in lake.rows(f'SELECT DISTINCT _shard FROM {lake.scan(path)}')}
            if shards != set(range(SHARDS)):
                self.wrong.append(f'{table} has rows of shards {shards}')
        inputs = {}
        for row in lake.ledger('input'):
            inputs.setdefault(row['input'], set()).add(row['shard'])
        if any(len(shards) != 1 for shards in inputs.values()):
            self.wrong.append(f'inputs that two shards read: {inputs}')

    def verify_beside(self, looks):
        """Every shard has its place again, and the ledger is there: verify takes for damage what a shard left half
        done that nobody runs."""
        for run in self.runs.values():
            run.await_ready()
        due = time.monotonic() + END_SECONDS
        while not next(self.lake.glob('_cupel/*/*/ledger/_delta_log/*1.json'), None):
            assert time.monotonic() < due, 'no epoch comes'
            time.sleep(0.02)
        for _ in range(looks):
            beside = lakes.run(self.args.cupel, 'verify', self.lake, expect=None)
            if beside.returncode != 0:
                self.wrong.append(f'verify beside the runs: {beside.stdout[-600:]}{beside.stderr[-600:]}')

    def play(self):
        grow = self.given.growing(KILLS)
        next(grow)
        self.runs = {shard: self.start(shard) for shard in range(SHARDS)}
        for step in grow:
            time.sleep(self.random.random() * PAUSE_SECONDS)
            self.kill()
            if step == KILLS // 2:
                zombie = self.take_over(1)
            if step >= KILLS // 2:
                self.verify_beside(LOOKS)
        lakes.run(self.args.cupel, 'compact', self.lake, '--min-files', '2')
        self.verify_beside(1)
        self.finish()
        self.go_on(zombie)
        self.refused(self.start(0, 2), 'begun with another number of shards')
        self.check()
        print(f'{KILLS - 1} kills and a takeover, seed {self.args.seed}')


def main():
    parser = argparse.ArgumentParser()
    for name in ('cupel', 'gen', 'root'):
        parser.add_argument(name)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        played = Scene(args, pathlib.Path(folder))
        played.play()
    for sentence in played.wrong:
        print(sentence)
    return 1 if played.wrong else 0


if __name__ == '__main__':
    sys.exit(main())
