#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Queries the demo's silver tables with DuckDB, and compares two sums with the generator's truth."""
import csv
import pathlib
import sys

from sql import connect

LAKE, TRUTH = map(pathlib.Path, sys.argv[1:3])


def show(connection, title, sql):
    print(f'\n-- {title}\n{sql}')
    print(connection.sql(sql))


def main():
    connection = connect()
    for path in sorted(LAKE.glob('default/silver/*/bank/*')):
        connection.execute(f"CREATE VIEW \"{path.name}\" AS SELECT * FROM delta_scan('{path}')")
    connection.execute('''CREATE VIEW account_now AS SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY _offset DESC) AS place FROM account)
        WHERE place = 1 AND _op <> 'd' ''')
    show(connection, 'changes by kind', 'SELECT _op, count(*) AS changes FROM "transaction" GROUP BY _op ORDER BY _op')
    show(connection, 'the accounts as they are now: the last change of each key',
         'SELECT currency, count(*) AS accounts, sum(balance) AS balance FROM account_now GROUP BY currency ORDER BY currency')
    with open(TRUTH / 'sums.csv', newline='') as file:
        truth = {tuple(row[:3]): row[3] for row in csv.reader(file)}
    count, balance = connection.execute('SELECT count(*), sum(balance) FROM account_now').fetchone()
    expected = (truth['account', '', 'rows'], truth['account', 'balance', 'sum'])
    same = (str(count), str(balance)) == expected
    print(f'\n{count} accounts, balance {balance}; the generator says {expected[0]} and {expected[1]}: '
          f'{"the same" if same else "DIFFERENT"}')
    return 0 if same else 1


if __name__ == '__main__':
    sys.exit(main())
