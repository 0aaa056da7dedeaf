#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   every line of the loss lists is a loss of the wire, not of cupel.
Method: the capture, decoded and replayed by the reader in wire.py (which shares nothing with cupel),
        must differ from the database's own final tables in exactly the cells of the list. --print
        shows the differences in the form of a list."""
import sys

from captures import Capture, CAPTURES, read_losses
from cells import Oracle
from compare import compare, judge
from replay import Replay
from wire import changes


def not_reproducible(capture):
    """The list of the capture with schemas is exactly the scenario's own."""
    own = {tuple(line.split('\t')[:3])
           for line in (capture.oracle_folder / 'not-reproducible.tsv').read_text().splitlines() if line}
    listed = set(read_losses(capture))
    return [] if own == listed else [f'not-reproducible.tsv has {own}, the loss list {listed}']


def main():
    root = sys.argv[1]
    bad = 0
    for name in CAPTURES:
        capture = Capture(root, name)
        oracle = Oracle(capture.oracle_folder)
        replays, counts = {}, {}
        for table, change in changes(capture, oracle):
            if change['op'] == 'refused':
                counts[change['was']] = counts.get(change['was'], 0) + 1
                continue
            replays.setdefault(table, Replay(oracle.key(table))).apply(change)
        differences = compare(oracle, replays)
        if '--print' in sys.argv:
            for cell, pair in sorted(differences.items()):
                print(name, *cell, *pair, sep='\t')
            continue
        wrong = judge(differences, read_losses(capture))
        if name == 'default-schema-precise-adaptive':
            wrong += not_reproducible(capture)
        for replay in replays.values():
            for op, count in replay.counts.items():
                counts[op] = counts.get(op, 0) + count
        expected = {op: n for op, n in capture.op_counts.items() if op != 'm'}
        if counts != expected:
            wrong.append(f'operations {counts}, the table says {expected}')
        bad += len(wrong)
        for sentence in wrong:
            print(f'{name}: {sentence}')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
