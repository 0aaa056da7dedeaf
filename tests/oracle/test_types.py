#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   every type in every mode of the connectors is exact in silver.
Method: run each capture of a scenario (without a contract where records carry their schema, else with
        contracts made from the final tables' own description), read silver with DuckDB, replay it, and
        compare with what the database printed in the end. The exceptions are exactly the lines of the
        capture's loss list, and for the capture with schemas and all defaults no line may be outside the
        scenario's own not-reproducible.tsv, but for records that the range policy refuses. Flattened
        captures lose the truncate, and changes of rows without a key; those are lines of their lists. Counts per
        kind equal the fact sheet's table, and the summary counts what was lost before it was sent.

    test_types.py CUPEL ROOT SCENARIO [CAPTURE] [--print]"""
import base64
import json
import pathlib
import re
import sys
import tempfile

import contracts
import lakes
import type_captures
from captures import read_losses
from cells import read_csv
from cells import show as show_all
from replay import Replay
from type_cells import from_oracle, from_silver, kind_of, same

ORDER = "_offset, _sub, CASE _op WHEN 'b' THEN 0 ELSE 1 END"


def show(cell):
    text = show_all(cell)
    return text if len(text) <= 60 else f'{text[:48]}..({len(text)})'


class TypeOracle:
    """The final tables, typed; keys by name."""

    def __init__(self, capture):
        described = json.loads((capture.folder / 'oracle/columns.json').read_text())
        self.kinds, self.tables, self.keys = {}, {}, {}
        for name, table in described.items():
            full = capture.facts['schema'] + name
            self.kinds[full] = {c['column_name']: kind_of(c) for c in table['columns']}
            self.keys[full] = tuple(table['primary_key'] or ())
            head, rows = read_csv(capture.folder / 'oracle' / f'{name.split(".")[-1]}.csv')
            self.tables[full] = [{h: from_oracle(t, self.kinds[full][h]) for h, t in zip(head, row)} for row in rows]


class Gaps(Replay):
    """A replay of a table some of whose records are in quarantine: deletes may find nothing."""

    def __init__(self, key):
        super().__init__(key)
        self.missing = 0

    def apply_keyed(self, op, change):
        if op == 'd' and self.key_of(change['values']) not in self.rows:
            self.missing += 1
            self.gone[self.key_of(change['values'])] = dict(change['values'])
            return
        super().apply_keyed(op, change)


def changes(lake, path):
    for row in lake.rows(f'SELECT * FROM {lake.scan(path)} ORDER BY {ORDER}'):
        values = {n: v for n, v in row.items() if n not in lakes.GENERATED}
        for name in [n for n in values if n.endswith('__2')]:
            wider = values.pop(name)
            if wider is not None:
                values[name[:-3]] = wider
        unset = [name.removesuffix('__2') for name in row['_unset'] or []]
        yield {'op': row['_op'], 'values': values, 'unset': [] if row['_op'] == 'd' else unset,
               'old_key': json.loads(row['_old_key']) if row['_old_key'] is not None else None}


def old_key_values(old_key):
    """A 64-bit key without sign comes signed, or as base64 of a decimal."""
    return {k: int.from_bytes(base64.b64decode(v), 'big') if isinstance(v, str) else v for k, v in old_key.items()}


def replay(lake, capture, oracle):
    """{table: Replay}; temp_t is what kept_t was called before."""
    replays, old_keys = {}, 0
    silver = lake.silver()
    for table in sorted(silver, key=lambda t: t.endswith('kept_t')):
        if table.endswith('gone_t'):
            name, key = table, ('a',)
        else:
            name = table.replace('temp_t', 'kept_t')
            key = oracle.keys[name]
        into = replays.setdefault(name, Gaps(key))
        for change in changes(lake, silver[table]):
            if change['old_key'] is not None:
                old_keys += 1
                change['old_key'] = old_key_values(change['old_key'])
            into.apply(change)
    return replays, old_keys


def unsigned(value):
    return value % 2**64 if isinstance(value, int) and not isinstance(value, bool) and value < 0 else value


def key_of(row, key):
    return tuple(unsigned(int(row[k])) for k in key)


def compare(oracle, replays):
    """{(table, key, column): (oracle, silver)} of all that differs."""
    found = {}
    for table, rows in oracle.tables.items():
        kinds, key = oracle.kinds[table], oracle.keys[table] or ('a',)
        final = replays[table].final() if table in replays else []
        left = {key_of(row, key): row for row in final}
        for row in rows:
            name = ','.join(str(row[k]) for k in key)
            other = left.pop(key_of(row, key), None)
            if other is None:
                found[table, name, '*'] = ('row', 'no row')
                continue
            for column, cell in row.items():
                got = from_silver(other.get(column), kinds[column])
                if not same(cell, got):
                    found[table, name, column] = (show(cell), show(got))
        for k in left:
            found[table, ','.join(map(str, k)), '*'] = ('no row', 'row')
    return found


def judge(found, losses):
    wrong = [f'{cell}: oracle {pair[0]}, silver {pair[1]}: not in the loss list'
             for cell, pair in sorted(found.items()) if cell not in losses]
    wrong += [f'{cell}: oracle {found[cell][0]}, silver {found[cell][1]}: the loss list says {losses[cell]}'
              for cell in sorted(set(found) & set(losses)) if found[cell] != losses[cell]]
    return wrong + [f'{cell}: listed as lost, but it is right' for cell in sorted(set(losses) - set(found))]


def check_source_list(capture, losses):
    """The scenario's own list says what no reader can get; beyond it are only refused rows."""
    lines = (capture.folder / 'oracle/not-reproducible.tsv').read_text().splitlines()
    known = {(capture.facts['schema'] + t, k.replace('|', ','), c) for t, k, c, *_ in (x.split('\t') for x in lines if x)}
    refused = {(t, k) for t, k, c in losses if c == '*'}
    beyond = [c for c in losses if c[2] != '*' and c not in known]
    # a label with a comma is c\\,d in the stream; the labels in the schema say so, and it is read as c,d
    unlisted = [c for c in known if c not in losses and c[:2] not in refused and c[2] not in ('c_enum', 'state')]
    return [f'{c}: not in not-reproducible.tsv' for c in beyond] + \
        [f'{c}: in not-reproducible.tsv, but not lost' for c in unlisted]


def check_flat(capture, lake, refused):
    """What flattening leaves: deletes of the key only but for declared images, positions, refused records."""
    facts, wrong = capture.facts, []
    expected = sorted(reason for reason, (_, count) in facts['refused'].items() for _ in range(count))
    if sorted(refused) != expected:
        wrong.append(f'refused {sorted(refused)}, expected {expected}')
    rows = ' UNION ALL '.join(f'SELECT _op, _unset, _pos FROM {lake.scan(path)}' for path in lake.silver().values())
    whole = lake.one(f"SELECT count(*) FROM ({rows}) WHERE _op = 'd' AND _unset IS NULL")
    if whole != facts['whole']:
        wrong.append(f'{whole} deletes with whole rows, expected {facts["whole"]}')
    without = lake.one(f'SELECT count(*) FROM ({rows}) WHERE (_pos IS NULL) = {facts["positions"]}')
    if without:
        wrong.append(f'{without} rows {"without" if facts["positions"] else "with"} position')
    return wrong


def check_counts(capture, lake, replays, old_keys):
    facts = capture.facts
    outcomes = {n: c for n, c in lake.outcomes().items() if c}
    refused = [row['reason'] for row in lake.quarantine()]
    expected = {'tombstone': facts['tombstones'], 'tombstone_keyless': facts['keyless'],
                'heartbeat': facts['heartbeats'], 'transaction': capture.markers,
                'schema_change': facts['schema_changes'], 'accepted': sum(facts['ops']) - len(refused)}
    expected |= {reason: refused.count(reason) for reason in set(refused)}
    wrong = []
    if outcomes != {n: c for n, c in expected.items() if c}:
        wrong.append(f'outcomes {outcomes}, expected {expected}')
    if sum(outcomes.values()) != capture.lines:
        wrong.append(f'{sum(outcomes.values())} records, {capture.lines} lines')
    if capture.flat:
        wrong += check_flat(capture, lake, refused)
    elif set(refused) - ({'time_range'} if capture.schema else set()):
        wrong.append(f'refused: {sorted(set(refused))}')
    if refused and not capture.flat:
        return wrong
    ops = {}
    for one in replays.values():
        for op, count in one.counts.items():
            ops[op] = ops.get(op, 0) + count
    if ops != {op: n for op, n in capture.op_counts().items() if n}:
        wrong.append(f'operations {ops}, expected {capture.op_counts()}')
    if old_keys != facts['key_changes']:
        wrong.append(f'{old_keys} rows with _old_key, {facts["key_changes"]} key changes')
    if any(one.missing for one in replays.values()):
        wrong.append('a delete of a row that is not there')
    rows = {t.split('.')[-1]: len(one.final()) for t, one in replays.items() if not t.endswith('gone_t')}
    if rows != facts['rows']:
        wrong.append(f'final rows {rows}, expected {facts["rows"]}')
    return wrong


ODD = {  # what the summary says of the captures with schemas and all defaults: (oddity, table, column): records
    'postgres-alltypes': {
        ('value_lost', 't_array', 'c_int_2d'): 3, ('money_not_exact', 't_num', 'c_money'): 2,
        ('null_default_possible', 't_def', 'd_text'): 2, ('null_default_possible', 't_def', 'd_ts'): 2,
        ('null_default_possible', 't_def', 'd_bool'): 2, ('null_default_possible', 't_def', 'd_expr'): 4,
        ('null_maybe_unavailable', 't_toast', 'c_num'): 3, ('null_maybe_unavailable', 't_toast', 'c_double_a'): 3},
    'mariadb-shop': {
        ('pre_gregorian', 'alltypes', 'c_date'): 1, ('pre_gregorian', 'alltypes', 'c_dt'): 1,
        ('uuid_leading_zero', 'alltypes', 'c_uuid'): 3}}


def odd_of(summary):
    found, oddity = {}, None
    for line in summary.partition('lost or changed before they were sent')[2].splitlines():
        title = re.match(r'  (\w+): ', line)
        count = re.match(r' +(\d+)  default/silver/\w+/\w+/(\w+) ?(\w*)$', line)
        if title:
            oddity = title[1]
        elif count:
            found[oddity, count[2], count[3]] = int(count[1])
    return found


def run(cupel, capture, home):
    if capture.schema:
        done = lakes.run(cupel, 'run', '--input', capture.path, *(['--format', 'flattened'] if capture.flat else []),
                         '--lake', home / 'lake', '--until-end')
    else:
        contracts.write_pipeline(home / 'pipeline', [capture.path], type_captures.contracts(capture), 'dump',
                                 'format: flattened\n' if capture.flat else '', source=capture.facts['source'])
        done = lakes.run(cupel, 'run', home / 'pipeline', '--lake', home / 'lake', '--until-end')
    return lakes.Lake(home / 'lake'), done.stdout


def check(cupel, root, scenario, name, printing):
    capture = type_captures.TypeCapture(root, scenario, name)
    oracle = TypeOracle(capture)
    with tempfile.TemporaryDirectory() as folder:
        lake, summary = run(cupel, capture, pathlib.Path(folder))
        replays, old_keys = replay(lake, capture, oracle)
        found = compare(oracle, replays)
        if printing:
            for cell, pair in sorted(found.items()):
                print(name, *cell, *pair, sep='\t')
            for sentence in check_counts(capture, lake, replays, old_keys):
                print(name, sentence)
            return []
        losses = read_losses(capture)
        wrong = judge(found, losses) + check_counts(capture, lake, replays, old_keys)
    if name == 'schema-precise-adaptive':
        wrong += check_source_list(capture, losses)
        if odd_of(summary) != ODD[scenario]:
            wrong.append(f'oddities {odd_of(summary)}, expected {ODD[scenario]}')
    return [f'{name}: {sentence}' for sentence in wrong]


def main():
    words = [w for w in sys.argv[1:] if not w.startswith('-')]
    cupel, root, scenario = words[:3]
    wrong = []
    for name in words[3:] or type_captures.names(root, scenario):
        wrong += check(cupel, root, scenario, name, '--print' in sys.argv)
    print('\n'.join(wrong))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
