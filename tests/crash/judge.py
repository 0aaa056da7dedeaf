# SPDX-License-Identifier: Apache-2.0
"""judge: is this lake what the generator's truth says, and nothing else? DuckDB and delta-rs read it."""
import json
import pathlib
import subprocess
import sys
from urllib.parse import unquote

from deltalake import DeltaTable

import scene  # its folder of oracles comes first
import lakes

FOREIGN = 'foreign'  # what other writers put into _topic, so that their rows can be told from ours


class Lake(lakes.Lake):
    """Our rows of the silver tables."""

    def scan(self, path):
        if 'silver' not in path.parts:
            return super().scan(path)
        return f"(SELECT * FROM {super().scan(path)} WHERE _topic <> '{FOREIGN}')"


def places(lake, given):
    """Every line of the input has one row, with its operation and key; there are no other rows."""
    wrong = []
    for table, columns in given.tables.items():
        path = lake.silver().get(f'bank.{table}')
        if path is None:
            wrong.append(f'{table}: there is no such table')
            continue
        lake.duck.register('events', given.events[table])
        got = f'SELECT _topic, _offset, _op, "{columns[0].name}" FROM {lake.scan(path)}'
        for what, sql in (('missing', f'SELECT * FROM events EXCEPT ALL {got}'),
                          ('too much', f'{got} EXCEPT ALL SELECT * FROM events')):
            count = lake.one(f'SELECT count(*) FROM ({sql})')
            if count:
                wrong.append(f'{table}: {count} rows {what}: {lake.rows(f"{sql} LIMIT 3")}')
        lake.duck.unregister('events')
    return wrong


def named(lake):
    """Files that some log or the ledger names: live, removed since, or of the archive."""
    found = {lake.folder / row['path'] for row in lake.ledger('file')}
    for table in lake.tables():
        found |= {pathlib.Path(unquote(uri.removeprefix('file://'))) for uri in DeltaTable(str(table)).file_uris()}
        for log in (table / '_delta_log').glob('[0-9]*.json'):
            for action in map(json.loads, log.read_text().splitlines()):
                entry = action.get('add') or action.get('remove')
                if entry:
                    found.add(table / unquote(entry['path']))
    return found


def orphans(lake):
    """Data files that nothing names, and what is left in staging or half written in a log."""
    known = named(lake)
    known |= {path.with_name(f'.{path.name}.crc') for path in known}  # Hadoop's file systems check what they write
    shards = list(lake.folder.glob('_cupel/*/*/[0-9]*'))
    wrong = []
    for path in lake.folder.rglob('*'):
        if not path.is_file() or path in known:
            continue
        log, own = '_delta_log' in path.parts, any(path.is_relative_to(s) for s in shards)
        if (log and path.name.startswith('.tmp')) or (own and 'staging' in path.parts):
            wrong.append(f'{path.relative_to(lake.folder)} was left behind')
        elif not log and not own and path.name != 'shards':
            wrong.append(f'nothing names {path.relative_to(lake.folder)}')
    return wrong


def judge(cupel, folder, given):
    """Sentences on all that is wrong with a lake whose input has been read to the end."""
    lake = Lake(folder)
    wrong = lakes.check_truth(lake, given.truth, given.tables, given.sums)
    wrong += places(lake, given)
    wrong += orphans(lake)
    done = lakes.run(cupel, 'verify', folder, '--deep', expect=None)
    if done.returncode != 0:
        wrong.append(f'verify --deep: exit {done.returncode}: {done.stdout[-600:]}{done.stderr[-600:]}')
    return wrong


def check_format(folder):
    """The independent checker's failures, over all tables of the lake."""
    checker = pathlib.Path(scene.__file__).resolve().parents[1] / 'oracle/check_delta.py'
    tables = lakes.Lake(folder).tables()
    done = subprocess.run([sys.executable, str(checker), *map(str, tables), '--readers', 'pyarrow'],
                          capture_output=True, text=True)
    return [] if done.returncode == 0 else \
        [line for line in done.stdout.splitlines() if 'FAIL' in line] or [done.stderr[-500:]]
