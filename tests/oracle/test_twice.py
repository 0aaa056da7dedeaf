#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   `verify --deep` names a row that stands twice, and is silent on lakes that are right.
Method: a lake with everything that makes rows of one place or puts places out of order: before images, key changes,
        retries, merged files, one dump read twice under two names. Then another engine (delta-rs) writes a table anew
        in which one row is another one's copy: epochs, outcomes and files all have as many rows as before.

    test_twice.py CUPEL GEN ROOT"""
import pathlib
import shutil
import sys
import tempfile

import deltalake
import pyarrow
import pyarrow.compute

import bank
import contracts
import lakes

CUPEL, GEN, ROOT = sys.argv[1:4]
SILVER = 'default/silver/pg/bank/account'


def check(condition, *what):
    if not condition:
        sys.exit(' '.join(map(str, ('test_twice:', *what))))


def verify(lake, *more, expect=0):
    done = lakes.run(CUPEL, 'verify', lake, *more, expect=expect)
    return done.stdout


def copy_row(table, same, wanted=lambda row: True):
    """One row becomes the copy of another one that is equal in the columns `same`; gives the copied row."""
    rows = deltalake.DeltaTable(str(table)).to_pyarrow_table()
    first = {}
    for number, row in enumerate(rows.to_pylist()):
        of = tuple(row[name] for name in same)
        if not wanted(row):
            continue
        if of in first:
            source, values = first[of]
            take = [source if i == number else i for i in range(len(rows))]
            deltalake.write_deltalake(str(table), rows.take(pyarrow.array(take)), mode='overwrite')
            return values
        first[of] = number, row
    sys.exit(f'test_twice: {table}: no two rows have the same {same}')


def spoiled(home, lake, table, same, **how):
    """What verify says of a copy of the lake with such a row, without --deep and with it."""
    broken = home / 'broken'
    shutil.copytree(lake, broken, symlinks=True)
    row = copy_row(broken / table, same, **how)
    check(verify(broken).endswith('ok\n'), table, 'only --deep reads places')
    said = verify(broken, '--deep', expect=1)
    shutil.rmtree(broken)
    return row, [line for line in said.splitlines() if line.startswith('problem')], said


def write_pipeline(folder, files):
    """Updates have a row for their before image, too."""
    both = '    customProperties:\n      - {property: images, value: both}\n'
    found = {name: text.replace('    customProperties:\n', both, 1).replace('value: default}', 'value: full}')
             for name, text in contracts.of_bank(bank.columns(ROOT)).items()}
    return contracts.write_pipeline(folder, [files], found, extra='commit:\n  interval: 1h\n')  # pairs of one epoch are wanted


def make_lake(home):
    dump = home / 'in' / 'a.dump'
    dump.parent.mkdir()
    bank.generate(GEN, '--rows', 2000, '--form', 'dump', '--identity', 'full', '--out', dump)
    lines = dump.read_bytes().splitlines(keepends=True)
    for number in (300, 500):
        lines[number] = lines[number].replace(b'\\"op\\":\\"', b'\\"op\\":\\"?', 1)
    lake, folder = home / 'lake', write_pipeline(home / 'p', home / 'in' / '*.dump')
    for part in range(4):
        dump.write_bytes(b''.join(lines[:len(lines) * (part + 1) // 4]))
        lakes.run(CUPEL, 'run', folder, '--lake', lake, '--until-end')
    shutil.copy(dump, home / 'in' / 'b.dump')
    lakes.run(CUPEL, 'run', folder, '--lake', lake, '--until-end')
    return lake


def test_right(lake):
    subs = lakes.Lake(lake).rows(f"SELECT DISTINCT _sub FROM delta_scan('{lake / SILVER}') ORDER BY 1")
    check([row['_sub'] for row in subs] == [0, 1], 'records of two rows', subs)
    check(verify(lake, '--deep').endswith('ok\n'), 'a lake that is right')
    lakes.run(CUPEL, 'compact', lake, '--min-files', 2)
    check(verify(lake, '--deep').endswith('ok\n'), 'the lake, compacted')


def test_copies(home, lake):
    row, problems, said = spoiled(home, lake, SILVER, ['_epoch'])
    place = f'{row["_topic"]}/{row["_partition"]}/{row["_offset"]}'
    check(len(problems) == 1 and SILVER in problems[0] and f'3 rows of one place, {place} (_sub {row["_sub"]})' in problems[0], said)
    row, problems, said = spoiled(home, lake, 'default/bronze/test/_index', ['epoch', 'input', 'outcome'],
                                  wanted=lambda row: row['outcome'] == 'tombstone')  # of which silver has nothing
    place = f'2 rows of one place, input {row["input"]}, position {row["position"]}, epoch {row["epoch"]}'
    check(len(problems) == 1 and 'default/bronze/test/_index' in problems[0] and place in problems[0], said)
    row, problems, said = spoiled(home, lake, 'default/quarantine/test', ['epoch', 'reason'])
    place = f'2 rows of one place, input {row["input"]}, position {row["position"]}, epoch {row["epoch"]}'
    check(len(problems) == 1 and 'default/quarantine/test' in problems[0] and place in problems[0], said)


def test_without_bronze(home):
    """Nobody counts records then: a line of a file is there once, a record of a dump may have been there twice."""
    lines = home / 'c.ndjson'
    bank.generate(GEN, '--rows', 400, '--identity', 'full', '--out', lines)
    lake, folder = home / 'bare', write_pipeline(home / 'q', lines)
    lakes.run(CUPEL, 'run', folder, '--lake', lake, '--until-end', '--no-bronze')
    check(verify(lake, '--deep').endswith('ok\n'), 'a lake without bronze')
    (table,) = [path.parent.relative_to(lake) for path in lake.glob('*/silver/*/bank/account/_delta_log')]
    row, problems, said = spoiled(home, lake, table, ['_epoch'])
    check(len(problems) == 1 and f'{row["_topic"]}/{row["_partition"]}/{row["_offset"]}' in problems[0], said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        lake = make_lake(home)
        test_right(lake)
        test_copies(home, lake)
        test_without_bronze(home)


if __name__ == '__main__':
    main()
