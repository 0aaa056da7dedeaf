#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   the power may go at any moment: what a reader has seen stays, and the next run loses nothing.
Method: a disk in user space (tools/device.py) writes down each write and flush that a file system
        gives it while cupel reads a growing input in several runs. Meanwhile a reader notes which log
        entries it sees, and puts a mark into the same record of writes. From the record, disks are
        built as a loss of power could have left them: all up to a flush, and any part of what came
        after it. Each is mounted, so that the file system recovers; every log entry that is there
        must be whole, with its files; a run to the end must give the truth, with every entry that
        the reader had seen as it was.

    test_power.py CUPEL GEN ROOT ext4|xfs [--cuts N] [--seed N]"""
import argparse
import hashlib
import json
import pathlib
import random as randoms
import shutil
import sys
import tempfile
import threading
import time

import blocks
import scene
import judge

ROWS = 9000
RUNS = 5
MEGABYTES = {'ext4': 96, 'xfs': 320}  # xfs wants 300
MARK = b'cupel mark'
LOOK_SECONDS = 0.002


class Reader(threading.Thread):
    """Notes each log entry that it sees, and marks the record of writes when it has seen more."""

    def __init__(self, lake, device, end):
        super().__init__()
        self.lake, self.device, self.end = lake, device, end
        self.seen, self.over, self.turn = {}, threading.Event(), threading.Lock()

    def run(self):
        while not self.over.is_set():
            self.look()
            time.sleep(LOOK_SECONDS)

    def look(self):
        with self.turn:
            self.look_now()

    def look_now(self):
        fresh = {path: hashlib.sha256(path.read_bytes()).hexdigest()
                 for path in self.lake.rglob('_delta_log/[0-9]*.json') if path not in self.seen}
        self.seen.update(fresh)
        if fresh:  # seen before this write arrives: it stands behind what they rest on
            with open(self.device, 'r+b', buffering=0) as file:
                file.seek(self.end)
                file.write((MARK + b' %d' % len(self.seen)).ljust(blocks.SECTOR))

    def marks(self, records):
        """[(place in the record, entries seen)]"""
        return [(n, int(bytes(data[len(MARK):]))) for n, (_, _, data) in enumerate(records)
                if bytes(data[:len(MARK)]) == MARK]


def record(args, given, home):
    """Runs on the disk that remembers; gives (its writes, marks, entries seen)."""
    pipeline = given.pipeline('pipeline')
    with scene.device(home, MEGABYTES[args.kind], args.kind, log=home / 'log') as device:
        shutil.copy(home / 'device.img', home / 'start.img')
        with scene.Disk(args.kind, home, image=device) as disk:
            reader = Reader(disk.at / 'lake', device, MEGABYTES[args.kind] << 20)
            reader.start()
            try:
                for _ in given.growing(RUNS):
                    scene.finish(args.cupel, pipeline, disk.at / 'lake')
                    reader.look()  # however slow it was: a mark behind each run
            finally:
                reader.over.set()
                reader.join()
        records = blocks.read(home / 'log')
    seen = [(path.relative_to(disk.at / 'lake'), digest) for path, digest in reader.seen.items()]
    return records, reader.marks(records), seen, pipeline


def torn(lake):
    """Log entries that a reader could not use as they are."""
    wrong = []
    for log in lake.rglob('_delta_log'):
        entries = sorted(log.glob('[0-9]*.json'))
        if [int(e.stem) for e in entries] != list(range(len(entries))):
            wrong.append(f'{log}: versions {[int(e.stem) for e in entries]}')
        for entry in entries:
            try:
                actions = [json.loads(line) for line in entry.read_text().splitlines()]
            except ValueError as error:
                wrong.append(f'{entry}: {error}')
                continue
            for action in actions:
                add = action.get('add')
                file = add and log.parent / add['path']
                if add and (not file.exists() or file.stat().st_size != add['size']):
                    wrong.append(f'{entry} names {add["path"]}, which is not whole')
            if not actions:
                wrong.append(f'{entry} is empty')
    return wrong


def changed(lake, seen):
    found = []
    for name, digest in seen:
        path = lake / name
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            found.append(f'{name} was seen and is {"another" if path.exists() else "gone"}')
    return found


def recover(args, given, home, image, pipeline, seen):
    """Mounts a disk, looks, runs to the end, judges."""
    with scene.Disk(args.kind, home, image=image) as disk:
        lake = disk.at / 'lake'
        wrong = torn(lake)
        try:
            scene.finish(args.cupel, pipeline, lake)
            wrong += judge.judge(args.cupel, lake, given)
        except AssertionError as error:
            wrong.append(str(error))
        return wrong + changed(lake, seen)


def main():
    parser = argparse.ArgumentParser()
    for name in ('cupel', 'gen', 'root', 'kind'):
        parser.add_argument(name)
    parser.add_argument('--cuts', type=int, default=12)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    scene.need_disks(fuse=True)
    random, wrong, began = randoms.Random(args.seed), [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        given = scene.Input(args.gen, args.root, home, ROWS, args.seed)
        records, marks, seen, pipeline = record(args, given, home)
        recorded = time.monotonic() - began
        places = blocks.cuts(records, marks[0][0] if marks else 0)
        growing = blocks.Image(home / 'start.img')
        chosen = sorted(random.sample(range(len(places)), min(args.cuts, len(places))))
        for number, place in enumerate(chosen):
            start, end = places[place]
            growing.advance(records, start + 1)
            image = home / 'cut.img'
            scene.tool('cp', '--sparse=always', growing.path, image)
            cut = blocks.Image(image)
            inside = number % 2 == 1
            if inside:
                cut.write(blocks.survivors(records[start + 1:end], random))
            cut.close()
            known = max([count for at, count in marks if at <= start], default=0)
            found = recover(args, given, home, image, pipeline, seen[:known])
            wrong += [f'cut {place} of {len(places)}{" inside" if inside else ""}: {w}' for w in found]
        growing.close()
    if len(places) < args.cuts or len(marks) < RUNS:
        wrong.append('too little was recorded: the test proves too little')
    for sentence in wrong:
        print(sentence)
    print(f'{args.kind}: {len(chosen)} of {len(places)} flushes, {len(records)} writes and flushes, {len(seen)} log entries '
          f'seen, {len(marks)} marks; recorded in {recorded:.0f} s, all {time.monotonic() - began:.0f} s, seed {args.seed}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
