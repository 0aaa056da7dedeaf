#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   workers, shard and committer work together: several workers, many epochs, plans that change
        while they run, a pool at its smallest; in every preset, so that the sanitizers see the threads.
Method: three generated dumps with embedded schemas, one group each, two workers, epochs of 100 ms; the
        ledger must add up (verify --deep), a second run must find nothing to do, and the summary must
        name as many records as were generated.

    test_shard.py CUPEL CUPEL_GEN
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROWS = 15000
FILES = 3
PIPELINE = """\
name: shard
lake: lake
input:
{inputs}
commit:
  interval: 100ms
memory: 16MiB
workers: 2
"""


def call(*args, code=0):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=600)
    if done.returncode != code:
        sys.exit(f'{args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}')
    return done.stdout


def records(summary):
    found = re.search(r'^([\d,]+) records = ([\d,]+) accepted', summary, re.M)
    if not found:
        sys.exit(f'no sum in the summary:\n{summary}')
    return [int(g.replace(',', '')) for g in found.groups()]


def main():
    cupel, gen = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        lines = 0
        for i in range(FILES):
            dump = work / f'in{i}.ndjson'
            call(gen, '--rows', ROWS, '--form', 'dump', '--schema', 'on', '--seed', i + 1, '--out', dump)
            lines += dump.read_bytes().count(b'\n')
        inputs = '\n'.join(f'  - files: in{i}.ndjson' for i in range(FILES))
        (work / 'pipeline.yaml').write_text(PIPELINE.format(inputs=inputs))
        summary = call(cupel, 'run', work, '--until-end')
        read, accepted = records(summary)
        if read != lines or accepted < FILES * ROWS:
            sys.exit(f'{lines} lines, but:\n{summary}')
        if not int(re.search(r'the last is ([\d,]+)', summary).group(1).replace(',', '')) > 3:
            sys.exit(f'too few epochs to test anything:\n{summary}')
        call(cupel, 'verify', work / 'lake', '--deep')
        if records(call(cupel, 'run', work, '--until-end'))[0] != 0:
            sys.exit('the second run read something again')
        call(cupel, 'verify', work / 'lake')


main()
