# SPDX-License-Identifier: Apache-2.0
"""lakes: runs cupel, and reads what it left with DuckDB (never with our own reader)."""
import datetime
import glob
import json
import os
import pathlib
import subprocess
import sys
import time

import duckdb
import duckdb_extension_delta

# The generated columns of silver (dataplane/abi/silver.def).
GENERATED = ('_op', '_ts', '_pos', '_sub', '_tx', '_snapshot', '_old_key', '_unset', '_topic', '_partition',
             '_offset', '_shard', '_epoch', '_ingested_at')


def connect():
    # the extension is pinned; to check its signature again for each lake takes half a second
    connection = duckdb.connect(config={'allow_unsigned_extensions': 'true'})
    extension = glob.glob(os.path.join(os.path.dirname(duckdb_extension_delta.__file__), 'extensions', '*',
                                       'delta.duckdb_extension'))[0]
    connection.execute("LOAD '" + extension.replace("'", "''") + "'")
    connection.execute("SET TimeZone='UTC'")
    return connection


def quoted(path):
    return "'" + str(path).replace("'", "''") + "'"


def run(cupel, *words, expect=0, timeout=900, **more):
    """Runs a command to its end; fails with all it said when the exit code is another."""
    done = subprocess.run([str(cupel), *map(str, words)], capture_output=True, text=True, timeout=timeout, **more)
    assert expect is None or done.returncode == expect, \
        f'{" ".join(map(str, words))}: exit {done.returncode}, expected {expect}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}'
    return done


# A small program starts the command: what the kernel counts for a process that is forked begins with its parent's memory.
MEASURE = """import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def run_measured(cupel, *words, timeout=900, **more):
    """Runs a command to its end; gives what run() gives, and the largest resident set of its processes in MiB, as the
    kernel counted it: nobody has to look in time."""
    done = run(sys.executable, '-c', MEASURE, cupel, *words, timeout=timeout, **more)
    return done, int(done.stderr.split()[-1]) // 1024


def await_day(seconds):
    """No epoch and no day's key spans midnight: a test of so many seconds that counts them waits for a day that is about
    to end."""
    now = datetime.datetime.now(datetime.timezone.utc)
    left = 86400 - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    if left < seconds:
        time.sleep(left + 1)


def epochs(lake):
    """Entries of the ledger's log: one for each epoch. It can be asked at any time."""
    return sum(1 for _ in pathlib.Path(lake).glob('_cupel/*/*/ledger/_delta_log/*.json'))


def added_rows(table):
    """Rows of each file that a table's log has added: it can be read at any time."""
    return [json.loads(entry['add']['stats'])['numRecords']
            for path in pathlib.Path(table).glob('_delta_log/*[0-9].json')
            for entry in map(json.loads, path.read_text().splitlines()) if 'add' in entry]


class Lake:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.duck = connect()

    def tables(self):
        """All Delta tables below the lake."""
        return sorted(p.parent for p in self.folder.rglob('_delta_log'))

    def silver(self):
        """{schema.table: path} of the silver tables."""
        return {f'{p.parent.name}.{p.name}': p for p in self.tables() if p.parts[-4] == 'silver'}

    def scan(self, path):
        return f'delta_scan({quoted(path)})'

    def rows(self, sql):
        got = self.duck.execute(sql)
        names = [d[0] for d in got.description]
        return [dict(zip(names, row)) for row in got.fetchall()]

    def one(self, sql):
        return self.duck.execute(sql).fetchone()[0]

    def only(self, pattern):
        found = sorted(self.folder.glob(pattern))
        assert len(found) == 1, f'{pattern}: {found}'
        return found[0]

    def quarantine(self):
        tables = [p for p in self.tables() if p.parent.name == 'quarantine']
        rows = []
        for path in tables:
            rows += self.rows(f'SELECT * FROM {self.scan(path)} ORDER BY input, position')
        return rows

    def ledger(self, kind):
        return self.rows(f"SELECT * FROM {self.scan(self.only('_cupel/*/*/ledger'))} "
                         f"WHERE kind = '{kind}' ORDER BY epoch, input, start")

    def outcomes(self):
        """{outcome: records} over the whole ledger."""
        sums = {}
        for row in self.ledger('input'):
            for name, count in json.loads(row['outcomes']).items():
                sums[name] = sums.get(name, 0) + count
        return sums

    def final_sql(self, path, key):
        """The state that the change log of a keyed table leads to."""
        return (f'(SELECT * EXCLUDE (place) FROM (SELECT *, row_number() OVER (PARTITION BY "{key}" '
                f"ORDER BY _offset DESC, _sub DESC) AS place FROM {self.scan(path)}) WHERE place = 1 AND _op <> 'd')")


TYPES = {'LONG': 'BIGINT', 'SHORT': 'SMALLINT', 'BOOL': 'BOOLEAN', 'DOUBLE': 'DOUBLE', 'DATE': 'DATE',
         'ZONED': 'TIMESTAMPTZ', 'LOCAL': 'TIMESTAMP', 'TAGS': 'VARCHAR'}


def truth_sql(folder, table, columns):
    """The truth of the generator as a typed relation."""
    path = pathlib.Path(folder) / f'{table}.csv'
    names = ', '.join(f"'{c.name}': 'VARCHAR'" for c in columns)
    read = (f"read_csv({quoted(path)}, header=true, delim=',', quote='\"', escape='\"', nullstr='\\N', "
            f"auto_detect=false, columns={{{names}}})")
    casts = []
    for column in columns:
        kind = TYPES.get(column.kind, 'VARCHAR')
        if column.kind == 'DECIMAL':
            kind = f'DECIMAL({column.precision},{column.scale})'
        cast = f'CAST("{column.name}" AS {kind})'
        if column.kind == 'TAGS':
            cast = f'CAST(from_json("{column.name}", \'["VARCHAR"]\') AS VARCHAR[])'
        casts.append(f'{cast} AS "{column.name}"')
    return f'(SELECT {", ".join(casts)} FROM {read})'


PLACE = '_topic, _partition, _offset, _sub'


def make_tables(lake, path, folder, table, columns):
    """Puts a table's rows (log), the state they lead to (final) and the truth into memory, each read once.

    What is last of a key is found by places alone: rows are wide."""
    names = ', '.join(f'"{c.name}"' for c in columns)
    lake.duck.execute(f'CREATE OR REPLACE TEMP TABLE log AS SELECT {PLACE}, _op, {names} FROM {lake.scan(path)}')
    lake.duck.execute(f'CREATE OR REPLACE TEMP TABLE final AS SELECT {names} FROM log JOIN (SELECT rowid AS spot, '
                      f'row_number() OVER (PARTITION BY "{columns[0].name}" ORDER BY _offset DESC, _sub DESC) AS place '
                      f"FROM log) ON spot = log.rowid WHERE place = 1 AND _op <> 'd'")
    lake.duck.execute(f'CREATE OR REPLACE TEMP TABLE truth AS SELECT {names} FROM {truth_sql(folder, table, columns)}')


def check_truth(lake, folder, tables, sums):
    """Sentences on what differs between the lake's silver tables and the generator's truth."""
    wrong = []
    silver = lake.silver()
    for table, columns in tables.items():
        events = sum(int(sums[table, '', f'op_{op}']) for op in 'rcud')
        if events == 0 and f'bank.{table}' not in silver:
            continue
        make_tables(lake, silver[f'bank.{table}'], folder, table, columns)
        got = lake.rows(f'SELECT count(*) AS n, count(DISTINCT ({PLACE})) AS d FROM log')[0]
        if got['n'] != events or got['d'] != events:
            wrong.append(f'{table}: {got["n"]} rows at {got["d"]} places, {events} events')
        lost = lake.one('SELECT count(*) FROM (FROM truth EXCEPT ALL FROM final)')
        more = lost + lake.one('SELECT (SELECT count(*) FROM final) - (SELECT count(*) FROM truth)')  # bags
        if lost or more:
            example = lake.rows('(FROM truth EXCEPT ALL FROM final) LIMIT 1') + \
                lake.rows('(FROM final EXCEPT ALL FROM truth) LIMIT 1')
            wrong.append(f'{table}: {lost} rows of the truth are not there, {more} are not in the truth: {example}')
    return wrong
