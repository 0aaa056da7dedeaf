#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what epochs cost: throughput with epochs of a second beside one epoch for all, on this disk
and on one whose flushes take long, with the flushes that each epoch needs; and how soon a lake with a
long past opens, as tests/crash/test_bounded measures it.

    epochs.py --build DIR [--bytes 1Gi] [--slow-bytes 512Mi] [--repetitions 5] [--flush-ms 5] [--workers 1] [--no-record]

Runs are interleaved; each input is read once before. The slow disk is tests/crash/tools/device.py behind
nbdfuse, a loop device and ext4; its flushes are counted by it. Needs root and the packages of
`tests/tools/deps test`; Python is .venv's. Medians and ratios go to the screen and to benchmarks/records."""
import argparse
import datetime
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / 'tests/crash'))

import blocks  # noqa: E402
import scene  # noqa: E402

ONE, MANY = '1h', '1s'  # commit.interval
TARGET = 0.9
SLOW_MEGABYTES = 3072


def generate(build, home, size, name):
    folder = home / name
    subprocess.run([str(build / 'benchmarks/gen/cupel-gen'), '--bytes', size, '--out', f'{folder}/'],
                   check=True, capture_output=True)
    for path in folder.iterdir():
        path.read_bytes()
    return folder


def run(build, pipeline, lake, interval, workers):
    """(MB/s, epochs) of one run by cupel's own summary."""
    shutil.rmtree(lake, ignore_errors=True)
    os.sync()
    done = subprocess.run([str(build / 'control/cupel'), 'run', str(pipeline), '--until-end', '--lake', str(lake),
                           '--commit-interval', interval, '--commit-bytes', '1024GiB', '--workers', str(workers)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    said = re.search(r'in [\d.,]+ s: ([\d.,]+) MB/s.*?; (\d+) epochs?,', done.stdout)
    return float(said[1].replace(',', '')), int(said[2])


def compare(build, pipeline, lake, args, after=lambda: None):
    """{interval: [(MB/s, epochs, what `after` says)]}, interleaved."""
    found = {ONE: [], MANY: []}
    for _ in range(args.repetitions):
        for interval in (ONE, MANY):
            after()
            found[interval].append((*run(build, pipeline, lake, interval, args.workers), after()))
    return found


def row(name, found):
    cells = []
    for interval in (ONE, MANY):
        speeds = sorted(speed for speed, _, _ in found[interval])
        cells += [f'{statistics.median(speeds):.0f} ({speeds[0]:.0f} to {speeds[-1]:.0f})',
                  f'{statistics.median(epochs for _, epochs, _ in found[interval]):.0f}']
    ratio = statistics.median(s for s, _, _ in found[MANY]) / statistics.median(s for s, _, _ in found[ONE])
    return f'| {name} | {" | ".join(cells)} | {ratio:.2f} |', ratio


def write_pipeline(home, files, name):
    import bank
    import contracts
    return contracts.write_pipeline(home / name, [files / '*'], contracts.of_bank(bank.columns(ROOT)),
                                    extra='    independent: true\n')


class Flushes:
    """Flushes of the slow disk since the last time it was asked."""

    def __init__(self, log):
        self.log, self.seen = log, 0

    def __call__(self):
        count = sum(kind == blocks.FLUSH for kind, _, _ in blocks.read(self.log))
        fresh, self.seen = count - self.seen, count
        return fresh


def slow(build, home, args):
    files = generate(build, home, args.slow_bytes, 'slow-in')
    pipeline = write_pipeline(home, files, 'slow')
    with scene.device(home, SLOW_MEGABYTES, flush_ms=args.flush_ms, log=home / 'log', data='no') as device:
        with scene.Disk('ext4', home, image=device) as disk:
            return compare(build, pipeline, disk.at / 'lake', args, Flushes(home / 'log'))


def reopen(build):
    """What test_bounded says of opening a long past; a build without tests has none."""
    program = build / 'tests/crash/test_bounded'
    if not program.exists():
        return None
    said = subprocess.run([str(program), '1', '1'], capture_output=True, text=True, check=True).stdout
    return re.search(r'open after .*', said)[0]


def lines(args, fast, late, past):
    revision = subprocess.run(['git', 'rev-parse', '--short=12', 'HEAD'], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    model = re.search(r'model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text())[1]
    usual, ratio = row('this disk', fast)
    table = [usual] + ([row(f'{args.flush_ms} ms a flush', late)[0]] if late else [])
    yield '# What epochs cost'
    yield ''
    yield f'* date {datetime.date.today()}, revision {revision}'
    yield f'* {model}, {os.cpu_count()} cores, Linux {platform.release()}; load before: {os.getloadavg()[0]:.1f}'
    yield (f'* command: benchmarks/epochs/epochs.py --bytes {args.bytes} --slow-bytes {args.slow_bytes} --repetitions '
           f'{args.repetitions} --flush-ms {args.flush_ms} --workers {args.workers}; runs are interleaved, bronze and silver')
    yield ''
    yield '| disk | one epoch, MB/s (spread) | epochs | 1 s, MB/s (spread) | epochs | ratio |'
    yield '|---|---|---|---|---|---|'
    yield from table
    yield ''
    yield f'* 1-second epochs / one epoch: {ratio:.2f}, target {TARGET}: {"met" if ratio >= TARGET else "NOT met"}'
    if late:
        flushes = statistics.median(count / epochs for _, epochs, count in late[MANY])
        yield f'* flushes of the slow disk per epoch (all of a run, its start and end too): {flushes:.1f}'
    if past:
        yield f'* {past} (test_bounded; disk in memory), target 2000 ms'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--bytes', default='1Gi')
    parser.add_argument('--slow-bytes', default='512Mi')
    parser.add_argument('--repetitions', type=int, default=5)
    parser.add_argument('--flush-ms', type=int, default=5)
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--no-slow', action='store_true')
    parser.add_argument('--no-record', action='store_true')
    args = parser.parse_args()
    build = args.build.resolve()
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        pipeline = write_pipeline(home, generate(build, home, args.bytes, 'in'), 'usual')
        fast = compare(build, pipeline, home / 'lake', args)
        late = None if args.no_slow else slow(build, home, args)
    text = '\n'.join(lines(args, fast, late, reopen(build))) + '\n'
    print(text)
    if not args.no_record:
        path = ROOT / 'benchmarks/records' / f'{datetime.date.today()}-epochs.md'
        path.write_text(text)


if __name__ == '__main__':
    main()
