#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   flattened captures lead to the database's own final tables too, but for what flattening
        loses: the truncate, and the before images of tables without a key.
Method: run each capture, replay silver, compare with the oracle; the exceptions are exactly the lines
        of its loss list. Operations, deletes and messages are counted as the fact sheet says. One
        capture carries schemas and needs no contract; one says its format, the others are detected.

    test_flattened.py CUPEL ROOT"""
import gzip
import json
import pathlib
import sys
import tempfile

import contracts
import lakes
from captures import read_losses
from cells import Oracle
from compare import compare, judge
from test_captures import check_tables, replay_tables
from wire import wire_of

BANK = pathlib.Path('tests/data/debezium/postgres-bank')
TEXTS = {'numeric': 'decimal_text', 'date': 'date_days', 'timestamp': 'timestamp_ms', 'bytea': 'bytes_base64'}

# Name: file, oracle, wires (None: embedded schemas), accepted c u d r, other outcomes, key changes.
CAPTURES = {
    'default-flat-rewrite': (
        'identity-default/flat-rewrite.ndjson', 'oracle', TEXTS, (43, 85, 15, 49), {'heartbeat': 3, 'message': 2}, 6),
    'default-flat-tombstone-schema': (
        'identity-default/flat-tombstone-schema.ndjson.gz', 'oracle', None, (43, 85, 15, 49),
        {'heartbeat': 3, 'message': 2}, 6),
    'full-flat-rewrite': (
        'identity-full/flat-rewrite.ndjson', 'oracle-full', TEXTS, (43, 85, 16, 49),
        {'heartbeat': 3, 'message': 2, 'update_without_key': 1}, 6),
}


class Losses:
    """What captures.read_losses wants to know."""

    def __init__(self, root, name):
        self.path = pathlib.Path(root) / 'tests/oracle/losses' / f'{name}.tsv'

    def losses_path(self):
        return self.path


def lines_of(path):
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == '.gz' else raw).decode().splitlines()


def contracts_of(path, oracle, wires, images):
    """{name: contract}: the final columns, and those that the stream had before."""
    ever = {}
    for line in lines_of(path):
        record = json.loads(line)
        value = json.loads(record['value']) if record['value'] else None
        if value and '__op' in value:
            ever.setdefault(record['topic'].split('.', 1)[1], set()).update(n for n in value if not n.startswith('__'))
    found = {}
    for full, description in oracle.columns.items():
        schema, table = full.split('.')
        keys = description['primary_key'] or []
        columns = [(c['column_name'], c['format_type'], wire_of(c, wires) or None,
                    keys.index(c['column_name']) + 1 if c['column_name'] in keys else 0, False)
                   for c in description['columns']]
        gone = sorted(ever[full] - {c['column_name'] for c in description['columns']})
        columns += [(name, 'text', None, 0, False) for name in gone]
        found[table] = contracts.contract(schema, table, columns, images)
    return found


def check(cupel, root, name):
    file, oracle_name, wires, accepted, others, key_changes = CAPTURES[name]
    path = pathlib.Path(root) / BANK / 'captures' / file
    oracle = Oracle(pathlib.Path(root) / BANK / oracle_name)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        if wires is None:
            words = ['run', '--input', path, '--format', 'flattened', '--until-end']
        else:
            images = 'full' if name.startswith('full') else 'default'
            contracts.write_pipeline(home / 'pipeline', [path], contracts_of(path, oracle, wires, images), 'dump',
                                     'format: auto\n')
            words = ['run', home / 'pipeline', '--until-end']
        done = lakes.run(cupel, *words, '--lake', home / 'lake')
        lake = lakes.Lake(home / 'lake')
        replays, old_keys = replay_tables(lake, oracle)
        wrong = judge(compare(oracle, replays), read_losses(Losses(root, name)))
        ops = {}
        for replay in replays.values():
            for op, count in replay.counts.items():
                ops[op] = ops.get(op, 0) + count
        if ops != dict(zip('cudr', accepted)):
            wrong.append(f'operations in silver {ops}, expected {accepted}')
        expected = {'accepted': sum(accepted)} | others
        outcomes = {n: c for n, c in lake.outcomes().items() if c}
        if outcomes != expected:
            wrong.append(f'outcomes {outcomes}, expected {expected}')
        if old_keys != key_changes:
            wrong.append(f'{old_keys} rows with _old_key, expected {key_changes}')
        if wires and 'cupel: format: flattened (' not in done.stderr:
            wrong.append(f'nothing said of the format: {done.stderr[:300]}')
        null_positions = lake.one('SELECT count(*) FROM (' + ' UNION ALL '.join(
            f'SELECT _pos FROM {lake.scan(p)}' for p in lake.silver().values()) + ') WHERE _pos IS NULL')
        if null_positions != 0:
            wrong.append(f'{null_positions} rows without position')
        if wires is None:
            wrong += check_tables(root, lake)
        lakes.run(cupel, 'verify', home / 'lake')
    return [f'{name}: {sentence}' for sentence in wrong]


def main():
    cupel, root = sys.argv[1:3]
    wrong = [sentence for name in sys.argv[3:] or CAPTURES for sentence in check(cupel, root, name)]
    print('\n'.join(wrong))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
