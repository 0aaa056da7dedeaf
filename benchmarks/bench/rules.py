#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what rules on every column cost: the same generated bank data, silver only, one worker, with the
contracts of configs/bank and with the same contracts and a rule or more on each column.

    rules.py --build DIR [--bytes 256Mi] [--repetitions 5] [--no-record]

Runs are interleaved. The ratio is of processor time (user and system, all processes), which a busy machine
disturbs least; elapsed time stands beside it. The record goes to benchmarks/records."""
import argparse
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORD = ROOT / 'benchmarks/records/2026-11-21-rules.md'
TARGET = 0.30

# One or more rules for each column of the bank that all its values keep.
BY_TYPE = {
    'bigint': ['logicalTypeOptions: {minimum: 0, maximum: 1000000000000}'],
    'smallint': ['logicalTypeOptions: {minimum: 0, maximum: 9, multipleOf: 1}'],
    'uuid': ['logicalTypeOptions: {format: uuid}'],
    'jsonb': ['logicalTypeOptions: {minLength: 2, pattern: "^[{].*[}]$"}'],
    'text': ['logicalTypeOptions: {maxLength: 4000, pattern: "^[^\\\\x00-\\\\x08]*$"}'],
    'date': ['logicalTypeOptions: {minimum: "1900-01-01", maximum: "2100-12-31"}'],
    'timestamp': ['logicalTypeOptions: {minimum: "1970-01-01T00:00:00", maximum: "2100-12-31T00:00:00"}'],
    'timestamp with time zone': ['logicalTypeOptions: {minimum: "1970-01-01T00:00:00Z", maximum: "2100-12-31T00:00:00Z"}'],
    'numeric': ['logicalTypeOptions: {minimum: -1000000000000, exclusiveMaximum: 1000000000000}'],
    'double precision': ['logicalTypeOptions: {minimum: -500, maximum: 500}'],
    'text[]': ['logicalTypeOptions: {maxItems: 100}'],
    'boolean': ['quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [true, false]}}]'],
}
BY_NAME = {
    'email': ['logicalTypeOptions: {maxLength: 200, pattern: "^[^@ ]+@[^@ ]+$"}'],
    'country': ['logicalTypeOptions: {minLength: 2, maxLength: 2, pattern: "^[A-Z]{2}$"}'],
    'currency': ['logicalTypeOptions: {minLength: 3, maxLength: 3, pattern: "^[A-Z]{3}$"}'],
    'iban': ['logicalTypeOptions: {minLength: 15, maxLength: 34, pattern: "^[A-Z]{2}[0-9A-Z]+$"}'],
    'kind': ['quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [card, transfer, fee, cash, direct]}}]'],
}


def with_rules(text):
    """The contract with rules behind each physicalType; returns it and how many columns got some."""
    lines, name, count = [], None, 0
    for line in text.split('\n'):
        found = re.match(r'      - name: (\w+)', line)
        name = found[1] if found else name
        lines.append(line)
        kind = re.match(r'        physicalType: ([^(\n]+)', line)
        if kind:
            lines += ['        ' + rule for rule in BY_NAME.get(name, BY_TYPE[kind[1].strip()])]
            count += 1
    return '\n'.join(lines), count


def run(build, folder, inputs, lake):
    """(processor seconds, elapsed seconds) of one run; every record must be accepted."""
    shutil.rmtree(lake, ignore_errors=True)
    command = [str(build / 'control/cupel'), 'run', str(folder), '--lake', str(lake), '--until-end', '--workers', '1',
               '--no-bronze']
    for path in inputs:
        command += ['--input', str(path)]
    with tempfile.TemporaryFile('w+') as said:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - start
        said.seek(0)
        text = said.read()
    if status != 0 or ' + 0 quarantined + ' not in text:
        sys.exit(f'{" ".join(command)}: status {status}\n{text[-3000:]}')
    return usage.ru_utime + usage.ru_stime, took


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', type=pathlib.Path, required=True)
    parser.add_argument('--bytes', default='256Mi')
    parser.add_argument('--repetitions', type=int, default=5)
    parser.add_argument('--no-record', action='store_true')
    options = parser.parse_args()
    home = pathlib.Path(tempfile.mkdtemp(prefix='cupel-bench-rules-'))
    made = subprocess.run([str(options.build / 'benchmarks/gen/cupel-gen'), '--bytes', options.bytes, '--out',
                           str(home / 'in') + '/'], capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(made.stdout + made.stderr)
    inputs = sorted(p for p in (home / 'in').rglob('*') if p.is_file() and 'truth' not in p.parts and p.suffix in
                    ('.ndjson', '.json'))
    bytes_ = sum(p.stat().st_size for p in inputs)
    columns = 0
    for name in ('without', 'with'):
        shutil.copytree(ROOT / 'configs/bank', home / name)
        for path in (home / name / 'contracts').glob('*.odcs.yaml'):
            text = re.sub(r'slaProperties:\n(  - .*\n)+', '', path.read_text())
            if name == 'with':
                text, count = with_rules(text)
                columns += count
            path.write_text(text)
    times = {'without': [], 'with': []}
    for _ in range(options.repetitions):
        for name, rows in times.items():
            rows.append(run(options.build, home / name, inputs, home / 'lake'))
    shutil.rmtree(home)
    revision = subprocess.run(['git', '-C', str(ROOT), 'rev-parse', '--short=12', 'HEAD'], capture_output=True, text=True).stdout
    cpu = next((l.split(': ')[1] for l in open('/proc/cpuinfo') if l.startswith('model name')), '?').strip()
    lines = [f'# Rules on every column: {options.bytes} of generated bank CDC, silver only, one worker', '',
             f'* date 2026-11-21, revision {revision.strip()}', f'* {cpu}, {os.cpu_count()} cores, Linux {platform.release()}, '
             f'load average {os.getloadavg()[0]:.1f} at the end',
             f'* command: benchmarks/bench/rules.py --bytes {options.bytes} --repetitions {options.repetitions}; runs are interleaved',
             f'* {columns} columns of three tables, each with one to three rules; all records keep them', '',
             '| contracts | processor s (median) | spread | MB per processor s | elapsed s (median) |', '|---|---|---|---|---|']
    median = {}
    for name, rows in times.items():
        took = [cpu_s for cpu_s, _ in rows]
        median[name] = statistics.median(took)
        lines.append(f'| {name} rules | {median[name]:.2f} | {min(took):.2f} to {max(took):.2f} | '
                     f'{bytes_ / 1e6 / median[name]:.0f} | {statistics.median(e for _, e in rows):.2f} |')
    cost = 1 - median['without'] / median['with']
    lines += ['', f'* throughput lost to rules: {100 * cost:.1f} %, target at most {100 * TARGET:.0f} %: '
              f'{"met" if cost <= TARGET else "NOT met"}', '']
    print('\n'.join(lines))
    if not options.no_record:
        RECORD.write_text('\n'.join(lines))


if __name__ == '__main__':
    main()
