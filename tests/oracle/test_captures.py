#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   silver leads to the database's own final tables, value by value, from every capture.
Method: run the capture, read silver with DuckDB, replay it in the order of its offsets, and compare
        with the oracle. The exceptions are exactly the lines of the capture's loss list. Beside it:
        counts per kind equal the fact sheet's table, every Delta table passes the checker, verify is
        clean, and replay gives the records back byte for byte.

    test_captures.py CUPEL ROOT CAPTURE"""
import json
import pathlib
import subprocess
import sys
import tempfile

import contracts
import lakes
import replayed
from captures import Capture, read_losses
from cells import Oracle, same_type
from compare import compare, judge
from replay import Replay

# What a right contract still refuses, by capture: {outcome: [operations]}.
REFUSED = {'default-plain-numeric-nanoseconds': {'time_precision': ['c']}}


def silver_changes(lake, path):
    """The change log of one table, in order; balance__2 is what balance became."""
    order = "_offset, _sub, CASE _op WHEN 'b' THEN 0 ELSE 1 END"
    for row in lake.rows(f'SELECT * FROM {lake.scan(path)} ORDER BY {order}'):
        values = {n: same_type(v) for n, v in row.items() if n not in lakes.GENERATED}
        for name in [n for n in values if n.endswith('__2')]:
            wider = values.pop(name)
            if wider is not None:
                values[name[:-3]] = wider
        old_key = json.loads(row['_old_key']) if row['_old_key'] is not None else None
        unset = [name.removesuffix('__2') for name in row['_unset'] or []]
        yield {'op': row['_op'], 'values': values, 'unset': [] if row['_op'] == 'd' else unset,
               'old_key': old_key, 'sent': row}


def replay_tables(lake, oracle):
    replays, old_keys = {}, 0
    for table, path in lake.silver().items():
        replays[table] = Replay(oracle.key(table) if table in oracle.tables else ('?',))
        for change in silver_changes(lake, path):
            old_keys += change['old_key'] is not None
            replays[table].apply(change)
    return replays, old_keys


def check_counts(capture, lake, replays, old_keys):
    """Counts per kind: operations from silver, everything else from the ledger."""
    refused = REFUSED.get(capture.name, {})
    expected_ops = {op: n for op, n in capture.op_counts.items() if op != 'm'}
    for ops in refused.values():
        for op in ops:
            expected_ops[op] -= 1
    ops = {}
    for replay in replays.values():
        for op, count in replay.counts.items():
            ops[op] = ops.get(op, 0) + count
    expected = {'accepted': sum(expected_ops.values()), 'tombstone': capture.tombstones,
                'tombstone_keyless': capture.tombstones_keyless, 'heartbeat': capture.heartbeats,
                'transaction': capture.markers, 'message': capture.op_counts['m']}
    expected |= {outcome: len(of) for outcome, of in refused.items()}
    outcomes = lake.outcomes()
    wrong = []
    if ops != expected_ops:
        wrong.append(f'operations in silver {ops}, expected {expected_ops}')
    if {n: c for n, c in outcomes.items() if c} != {n: c for n, c in expected.items() if c}:
        wrong.append(f'outcomes in the ledger {outcomes}, expected {expected}')
    if sum(outcomes.values()) != capture.lines:
        wrong.append(f'{sum(outcomes.values())} records in the ledger, {capture.lines} lines')
    if old_keys != capture.key_changes:
        wrong.append(f'{old_keys} rows with _old_key, {capture.key_changes} key changes')
    reasons = sorted(row['reason'] for row in lake.quarantine())
    if reasons != sorted(r for r, of in refused.items() for _ in of):
        wrong.append(f'quarantine {reasons}')
    return wrong


def check_tables(root, lake):
    """Every table passes the checker."""
    checker = pathlib.Path(root) / 'tests/oracle/check_delta.py'
    done = subprocess.run([sys.executable, str(checker), *map(str, lake.tables()), '--readers', 'pyarrow,duckdb'],
                          capture_output=True, text=True)
    return [] if done.returncode == 0 else [line for line in done.stdout.splitlines() if 'FAIL' in line]


def main():
    cupel, root, name = sys.argv[1:4]
    capture = Capture(root, name)
    oracle = Oracle(capture.oracle_folder)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        if capture.schema:
            lakes.run(cupel, 'run', '--input', capture.path, '--lake', home / 'lake', '--until-end')
        else:
            contracts.write_pipeline(home / 'pipeline', [capture.path], contracts.of_capture(capture, oracle), 'dump')
            lakes.run(cupel, 'run', home / 'pipeline', '--lake', home / 'lake', '--until-end')
        lake = lakes.Lake(home / 'lake')
        replays, old_keys = replay_tables(lake, oracle)
        wrong = judge(compare(oracle, replays), read_losses(capture))
        wrong += check_counts(capture, lake, replays, old_keys)
        wrong += check_tables(root, lake)
        lakes.run(cupel, 'verify', home / 'lake')
        wrong += replayed.check(cupel, home / 'lake', home / 'replay', [capture.path])
    for sentence in wrong:
        print(f'{name}: {sentence}')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
