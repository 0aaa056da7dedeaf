#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   every engine reads our tables, and all read the same.
Method: a small lake of every kind of table (silver from two forms of input, bronze index, quarantine,
        ledger; several commits, so that there are checkpoints); check_delta.py judges each table and
        compares the content of all rows as pyarrow, delta-rs, DuckDB, polars and Spark give it.
        Row counts and sums are compared with the generator's truth, so that equal is also right.

    test_engines.py CUPEL GEN ROOT"""
import pathlib
import subprocess
import sys
import tempfile

import bank
import contracts
import lakes

READERS = 'pyarrow,deltalake,duckdb,polars,spark'
ROWS = 6000
RUNS = 12  # a table gets a checkpoint every ten commits


def make_lake(cupel, gen, root, home):
    """Changes without schema by contract, in many commits, with one bad record among them."""
    tables = bank.columns(root)
    out = home / 'in' / 'bank.ndjson'
    out.parent.mkdir()
    bank.generate(gen, '--rows', ROWS, '--seed', 3, '--out', out, '--truth', home / 'truth', '--record-size', 3000)
    lines = out.read_bytes().splitlines(keepends=True) + [b'{"before":null,"after":{"customer_id":]}\n']
    contracts.write_pipeline(home / 'pipeline', [out], contracts.of_bank(tables))
    out.write_bytes(b'')
    for start in range(0, len(lines), len(lines) // RUNS + 1):  # the file grows; each run commits what is new
        with open(out, 'ab') as file:
            file.writelines(lines[start:start + len(lines) // RUNS + 1])
        lakes.run(cupel, 'run', home / 'pipeline', '--lake', home / 'lake', '--until-end')
    return tables


def check_sums(lake, sums, tables):
    """Counts and sums of the final state, by one engine; the checker showed that all agree."""
    wrong = []
    for table, columns in tables.items():
        path = lake.silver()[f'bank.{table}']
        for column in columns:
            expected = sums.get((table, column.name, 'sum'))
            if expected is None:
                continue
            kind = 'CAST("{0}" AS INT)' if column.kind == 'BOOL' else '"{0}"'
            got = lake.one(f'SELECT sum({kind.format(column.name)}) FROM {lake.final_sql(path, columns[0].name)}')
            if float(got) != float(expected) or (column.kind == 'DECIMAL' and str(got) != expected):
                wrong.append(f'{table}.{column.name}: sum {got}, truth {expected}')
    return wrong


def main():
    cupel, gen, root = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        tables = make_lake(cupel, gen, root, home)
        lake = lakes.Lake(home / 'lake')
        found = lake.tables()
        kinds = sorted('silver' if 'silver' in p.parts else p.name if p.name in ('_index', 'ledger') else p.parent.name
                       for p in found)
        wrong = [] if kinds == ['_index', 'ledger', 'quarantine', 'silver', 'silver', 'silver'] else [f'tables {kinds}']
        if not list((home / 'lake').rglob('*.checkpoint.parquet')):
            wrong.append('no checkpoint was written: the test needs more epochs')
        checker = pathlib.Path(root) / 'tests/oracle/check_delta.py'
        done = subprocess.run([sys.executable, str(checker), *map(str, found), '--readers', READERS,
                               '--delta-jars', str(pathlib.Path(root) / 'build/jars')], capture_output=True, text=True)
        agreed = done.stdout.count('read.agree: 5 readers')
        if done.returncode != 0 or agreed != len(found):
            wrong += [line for line in done.stdout.splitlines() if 'FAIL' in line] or [done.stdout[-500:], done.stderr[-500:]]
        wrong += check_sums(lake, bank.sums(home / 'truth'), tables)
        wrong += lakes.check_truth(lake, home / 'truth', tables, bank.sums(home / 'truth'))
        lakes.run(cupel, 'verify', home / 'lake')
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
