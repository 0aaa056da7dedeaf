#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures cupel behind Kafka: processor seconds, memory and speed of the whole job from topics, beside
the same job from files, a bare drain with librdkafka, Flink SQL and Bento; and how long a change takes
from its producer until a reader of the lake can see it.

    kafka.py --build DIR [--bytes 512Mi] [--only throughput,flink,connect,latency] [--rate 20000] [--seconds 20]

throughput, flink and connect run in turn in each repetition, on the same topics; what each wrote must
agree with what the others wrote. The broker is that of tests/kafka and is not counted. Processor seconds are those of a command and all
that it waited for; memory is the sum over its processes, looked at every 50 ms. Figures go to the screen."""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / 'tests/kafka'), str(ROOT / 'tests/oracle')]

import bank  # noqa: E402
import broker  # noqa: E402
import contracts  # noqa: E402
import rivals  # noqa: E402
from rivals import TABLES  # noqa: E402


def family(root):
    """A process and all below it."""
    parents = {}
    for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
        try:
            pid, _, rest = stat.read_text().partition(' ')
            parents.setdefault(int(rest.rpartition(')')[2].split()[1]), []).append(int(pid))
        except (OSError, ValueError, IndexError):
            pass
    found, todo = [], [root]
    while todo:
        found.append(todo.pop())
        todo += parents.get(found[-1], [])
    return found


class Watch(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, False

    def run(self):
        while not self.over:
            total = 0
            for pid in family(self.pid):
                try:
                    total += int(pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]) * 4096
                except (OSError, IndexError):
                    pass
            self.peak = max(self.peak, total)
            time.sleep(0.05)


def measure(*words, env=None):
    """(wall seconds, processor seconds, MiB, output) of a command and all it starts."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=dict(os.environ, **(env or {})))
    watch = Watch(process.pid)
    watch.start()
    said = process.communicate()[0]
    watch.over = True
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0, said[-3000:]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, cpu, watch.peak / (1 << 20), said


def row(name, size, got):
    wall, cpu, mib, _ = got
    print(f'{name:27} {wall:7.2f} s  {size / wall / 1e6:7.1f} MB/s  {cpu:7.2f} CPU-s  {mib:7.0f} MiB', flush=True)


def pipeline(home, name, text):
    folder = home / name
    (folder / 'contracts').mkdir(parents=True, exist_ok=True)
    (folder / 'pipeline.yaml').write_text(text)
    for table, one in contracts.of_bank(bank.columns(ROOT)).items():
        (folder / 'contracts' / f'{table}.odcs.yaml').write_text(one)
    return folder


def job(args, home, name, inputs, more=''):
    return pipeline(home, name, f'name: {name}\nsource: pg\nlake: {home}/lake-{name}\ninput:\n{inputs}'
                                f'workers: {args.workers}\n{more}')


def cupels(args, home, kafka):
    """[(title, command, {table: files that it wrote})] of cupel, and of what it cannot be faster than."""
    cupel = args.build / 'control/cupel'
    topics = [f'pg.bank.{t}' for t in TABLES]
    brokers = f'kafka: {{brokers: "{kafka.plaintext}"}}\n'
    listed = f'  - topics: [{", ".join(topics)}]\n'
    jobs = {'files': job(args, home, 'files', ''.join(f'  - files: {home}/in/bank.{t}*\n' for t in TABLES)),
            'Kafka': job(args, home, 'kafka', listed, brokers),
            'Kafka, no bronze': job(args, home, 'silver', listed, brokers + 'bronze: {enabled: false}\n')}
    drain = ('drain (librdkafka)', [args.build / 'benchmarks/drain', kafka.plaintext, *topics], None)
    return [drain, *((f'cupel from {name}', [cupel, 'run', folder, '--until-end'], lake_of(home / f'lake-{folder.name}'))
                     for name, folder in jobs.items())]


def lake_of(lake):
    return lambda table: rivals.lake_files(lake, table)


def others(home, kafka, only):
    """The same of those that are installed; a line for each that is not."""
    found = []
    for name, title, command in (('flink', 'Flink SQL', rivals.flink), ('connect', 'Bento', rivals.connect)):
        try:
            if name in only:
                found.append((title, command(kafka.plaintext, home), folder_of(home / name)))
        except rivals.Skip as why:
            print(f'{title:27} skipped: {why}', flush=True)
    return found


def folder_of(folder):
    return lambda table: rivals.folder_files(folder, table)


def events(truth):
    """{table: events of it}, as the generator counted them: a row each."""
    found = dict.fromkeys(TABLES, 0)
    for (table, _, measure_of), value in bank.sums(truth).items():
        if measure_of.startswith('op_'):
            found[table] += int(value)
    return found


def throughput(args, home, kafka, only):
    size = sum(p.stat().st_size for p in (home / 'in').iterdir())
    contenders = (cupels(args, home, kafka) if 'throughput' in only else []) + others(home, kafka, only)
    agreed = {}  # files and topics hold about the same, not the same
    for _ in range(args.repetitions):
        for title, command, files in contenders:
            for old in [*home.glob('lake-*'), home / 'flink', home / 'connect']:
                subprocess.run(['rm', '-rf', old], check=True)
            row(title, size, measure(*command))
            if files:
                source = 'truth-files' if title == 'cupel from files' else 'truth-topics'
                found = rivals.written({table: files(table) for table in TABLES})
                assert found == agreed.setdefault(source, found), f'{title}: {found}, others: {agreed}'
                assert {t: n for t, (n, *_) in found.items()} == events(home / source), f'{title}: {found}, not {events(home / source)}'
    print(f'rows written by each from the topics: {events(home / "truth-topics")}', flush=True)


class Log(threading.Thread):
    """When each version of each silver table came into its log."""

    def __init__(self, lake):
        super().__init__(daemon=True)
        self.lake, self.seen, self.over = lake, {}, False

    def run(self):
        while not self.over:
            for log in self.lake.glob('*/silver/*/*/*/_delta_log'):
                for name in os.listdir(log):
                    path = f'{log}/{name}'
                    if name.endswith('.json') and name[:20].isdigit() and path not in self.seen:
                        self.seen[path] = time.time()
            time.sleep(0.002)


def latency(args, home, kafka, interval):
    """Producer's timestamp of a record to the log entry of its row: percentiles."""
    import pyarrow.parquet as parquet
    prefix, name = f'l{interval}', f'latency{interval}'
    topics = ', '.join(f'{prefix}.bank.{t}' for t in TABLES)
    folder = job(args, home, name, f'  - topics: [{topics}]\n',
                 f'kafka: {{brokers: "{kafka.plaintext}"}}\ncommit:\n  interval: {interval}\n')
    lake = home / f'lake-{name}'
    for table in TABLES:  # a new topic is looked for every five seconds
        kafka.create(f'{prefix}.bank.{table}', 2)
    run = subprocess.Popen([args.build / 'control/cupel', 'run', folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = Log(lake)
    log.start()
    time.sleep(2)
    subprocess.run([args.build / 'benchmarks/gen/cupel-gen', '--brokers', kafka.plaintext, '--topic-prefix', prefix, '--partitions', '2',
                    '--rate', str(args.rate), '--rows', str(args.rate * args.seconds), '--snapshot', '0'], check=True, capture_output=True)
    time.sleep(3)
    run.terminate()
    run.wait()
    log.over = True
    stamps = {(r.topic, r.partition, r.offset): r.timestamp_ms for r in kafka.consume([f'{prefix}.bank.{t}' for t in TABLES])}
    delays = []
    for path, seen in log.seen.items():
        for line in open(path):
            action = json.loads(line)
            if 'add' not in action or not action['add']['dataChange']:  # merged files: their rows were seen before
                continue
            rows = parquet.read_table(pathlib.Path(path).parents[1] / action['add']['path'], columns=['_topic', '_partition', '_offset'])
            for place in zip(*(rows.column(c).to_pylist() for c in rows.column_names)):
                delays.append(seen * 1000 - stamps[place])
    delays.sort()
    at = lambda q: delays[min(len(delays) - 1, int(len(delays) * q))]
    print(f'latency, epochs of {interval}: {len(delays)} rows, p50 {at(0.5):.0f} ms, p99 {at(0.99):.0f} ms, max {delays[-1]:.0f} ms, '
          f'{len(log.seen)} log entries, load {os.getloadavg()[0]:.0f}', flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--bytes', default='512Mi')
    parser.add_argument('--only', default='throughput,flink,connect,latency')
    parser.add_argument('--rate', type=int, default=20000)
    parser.add_argument('--seconds', type=int, default=20)
    parser.add_argument('--repetitions', type=int, default=3)
    parser.add_argument('--workers', type=int, default=2)
    args = parser.parse_args()
    args.build = args.build.resolve()
    only = args.only.split(',')
    with tempfile.TemporaryDirectory() as folder, broker.Broker(heap='512m') as kafka:
        home = pathlib.Path(folder)
        print(f'{time.strftime("%Y-%m-%d %H:%M")}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}', flush=True)
        if {'throughput', 'flink', 'connect'} & set(only):
            gen = args.build / 'benchmarks/gen/cupel-gen'
            bank.generate(gen, '--bytes', args.bytes, '--out', f'{home}/in/', '--truth', home / 'truth-files')
            rows = sum(events(home / 'truth-files').values())
            bank.generate(gen, '--rows', rows, '--brokers', kafka.plaintext, '--partitions', 2, '--truth', home / 'truth-topics')
            throughput(args, home, kafka, only)
        if 'latency' in only:
            for interval in ('1s', '100ms'):
                latency(args, home, kafka, interval)


if __name__ == '__main__':
    main()
