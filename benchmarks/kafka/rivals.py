# SPDX-License-Identifier: Apache-2.0
"""Others that read the bank's topics and write Parquet: Flink SQL, and Bento, which is Redpanda Connect's
engine and components under another name. Each takes op, ts_ms and the row (after; before of a delete) of
every record that is no tombstone into files of one folder a table, zstd, with two threads.

What is not installed is a Skip that says how to install it."""
import json
import pathlib
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / 'tests/oracle'))

import bank  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
FLINK = ROOT / 'build' / 'flink-jars'
CONNECT = ROOT / 'build' / 'connect' / 'connect'
TABLES = ('customer', 'account', 'transaction')
IDLE_SECONDS = 5  # Bento ends when nothing came for so long: it knows no end of a topic
FLINK_TYPES = {'LONG': 'BIGINT', 'SHORT': 'INT', 'BOOL': 'BOOLEAN', 'DOUBLE': 'DOUBLE', 'DATE': 'INT', 'LOCAL': 'BIGINT',
               'TAGS': 'ARRAY<STRING>'}
CONNECT_TYPES = {'LONG': 'INT64', 'SHORT': 'INT32', 'BOOL': 'BOOLEAN', 'DOUBLE': 'DOUBLE', 'DATE': 'INT32', 'LOCAL': 'INT64',
                 'TAGS': 'LIST'}
OPENED = [f'--add-opens=java.base/java.{name}=ALL-UNNAMED' for name in ('util', 'lang', 'net')]


class Skip(Exception):
    """A rival is not installed."""


# -- Flink SQL -----------------------------------------------------------------------------------


def flink_table(table, columns, brokers, home):
    """The topic as a table, the folder as a table, and what goes from one to the other."""
    types = ', '.join(f'`{c.name}` {FLINK_TYPES.get(c.kind, "STRING")}' for c in columns)
    row = ', '.join(f"CASE WHEN op = 'd' THEN `before`.`{c.name}` ELSE `after`.`{c.name}` END" for c in columns)
    source = (f"CREATE TABLE {table}_in (op STRING, ts_ms BIGINT, `before` ROW<{types}>, `after` ROW<{types}>) WITH ("
              f"'connector'='kafka','topic'='pg.bank.{table}','properties.bootstrap.servers'='{brokers}',"
              "'properties.group.id'='flink','properties.isolation.level'='read_committed',"
              "'scan.startup.mode'='earliest-offset','scan.bounded.mode'='latest-offset','format'='json');;\n")
    sink = (f"CREATE TABLE {table}_out (op STRING, ts_ms BIGINT, {types}) WITH ('connector'='filesystem',"
            f"'path'='file://{home}/flink/{table}','format'='parquet','parquet.compression'='ZSTD');;\n")
    return source + sink, f'INSERT INTO {table}_out SELECT op, ts_ms, {row} FROM {table}_in WHERE op IS NOT NULL;\n'


def flink(brokers, home):
    """The command that runs Flink SQL; fetches and compiles what it needs first."""
    pom = HERE / 'flink-pom.xml'
    stamp = FLINK / 'pom.xml'
    if not stamp.exists() or stamp.read_text() != pom.read_text():
        fetch = ['mvn', '-q', '-f', pom, 'dependency:copy-dependencies', f'-DoutputDirectory={FLINK}',
                 '-DexcludeArtifactIds=slf4j-log4j12']
        try:
            subprocess.run(fetch, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Skip(f'Flink: its jars are not in {FLINK} and Maven did not bring them: {error}') from error
        stamp.write_text(pom.read_text())
    subprocess.run(['javac', '-cp', f'{FLINK}/*', '-d', home, HERE / 'FlinkJob.java'], check=True)
    columns = bank.columns(ROOT)
    parts = [flink_table(table, columns[table], brokers, home) for table in TABLES]
    (home / 'flink.sql').write_text(''.join(tables for tables, _ in parts) + 'EXECUTE STATEMENT SET BEGIN\n' +
                                    ''.join(insert for _, insert in parts) + 'END;;\n')
    return ['java', '-Xmx1g', *OPENED, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', f'{home}:{FLINK}/*', 'FlinkJob',
            home / 'flink.sql']


# -- Bento (Redpanda Connect) --------------------------------------------------------------------


def connect_column(column):
    kind = CONNECT_TYPES.get(column.kind, 'UTF8')
    more = {'fields': [{'name': 'element', 'type': 'UTF8'}]} if kind == 'LIST' else {}
    return {'name': column.name, 'type': kind, 'optional': kind != 'LIST', **more}


def connect_case(table, columns):
    head = [{'name': 'op', 'type': 'UTF8'}, {'name': 'ts_ms', 'type': 'INT64'}]
    encode = {'schema': head + [connect_column(c) for c in columns], 'default_compression': 'zstd'}
    return {'check': f'meta("kafka_topic") == "pg.bank.{table}"', 'processors': [{'parquet_encode': encode}]}


def connect(brokers, home):
    """The command that runs the pipeline. A batch is of one partition, so it is of one table; a batch is a file."""
    if not CONNECT.exists():
        raise Skip(f'Bento: not at {CONNECT}: see benchmarks/kafka/README.md')
    columns = bank.columns(ROOT)
    kafka = {'seed_brokers': [brokers], 'topics': [f'pg.bank.{t}' for t in TABLES], 'consumer_group': '',
             'checkpoint_limit': 20000, 'batching': {'count': 10000, 'period': '1s'}}
    row = ('root = if content().length() == 0 { deleted() } else {\n'
           '  (if this.op == "d" { this.before } else { this.after }).assign({"op": this.op, "ts_ms": this.ts_ms})\n}')
    pipeline = {
        'http': {'enabled': False}, 'logger': {'level': 'WARN'},
        'input': {'read_until': {'idle_timeout': f'{IDLE_SECONDS}s', 'input': {'kafka_franz': kafka}}},
        'pipeline': {'threads': 2, 'processors': [{'mapping': row}, {'switch': [connect_case(t, columns[t]) for t in TABLES]}]},
        'output': {'file': {'path': f'{home}/connect/${{! meta("kafka_topic").trim_prefix("pg.bank.") }}/${{! uuid_v4() }}.parquet',
                            'codec': 'all-bytes'}},
    }
    (home / 'connect.yaml').write_text(json.dumps(pipeline, indent=1))  # JSON is YAML
    return ['env', 'GOMAXPROCS=2', CONNECT, '-c', home / 'connect.yaml']


# -- what was written ----------------------------------------------------------------------------


def lake_files(lake, table):
    """The files that the Delta log of a silver table counts as its own."""
    (log,) = lake.glob(f'*/silver/*/*/{table}/_delta_log')
    files = set()
    for version in sorted(log.glob('*.json')):
        for action in map(json.loads, version.read_text().splitlines()):
            if 'add' in action:
                files.add(action['add']['path'])
            if 'remove' in action:
                files.discard(action['remove']['path'])
    return [log.parent / urllib.parse.unquote(path) for path in files]


def folder_files(folder, table):
    """A rival's files; hidden ones were never finished."""
    return [path for path in (folder / table).glob('*') if not path.name.startswith('.')]


def written(files):
    """{table: (rows, sum of the key, NULLs of the last column)} of {table: files}."""
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet
    columns, found = bank.columns(ROOT), {}
    for table, paths in files.items():
        key, last = columns[table][0].name, columns[table][-1].name
        parts = [parquet.ParquetFile(path).read(columns=[key, last]) for path in paths]
        found[table] = (sum(p.num_rows for p in parts), sum(compute.sum(p[key]).as_py() or 0 for p in parts),
                        sum(p[last].null_count for p in parts))
    return found
