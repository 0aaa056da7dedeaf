# SPDX-License-Identifier: Apache-2.0
"""Goal:   we read the checkpoints and the data files that other engines write, all of it.
Method: pyarrow writes files in every encoding, page version and codec; delta-rs and Spark write tables of
        all types with the checkpoints they know (single, in parts, statistics as structs, legacy lists,
        INT96), and the commits before the checkpoint are removed. A C program prints the state and merges
        all rows into one file; delta-rs, Spark and pyarrow say what must be in it.

usage: test_delta_foreign.py PROGRAM JARS
"""
import datetime
import decimal
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import deltalake
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROWS = 3000
WRONG = []


def table(rows=ROWS, start=0):
    """All types a Delta table may have, nulls and extremes among them."""
    ids = range(start, start + rows)
    some = lambda make: [None if i % 7 == 3 else make(i) for i in ids]
    zone = datetime.timezone.utc
    at = lambda i: datetime.datetime(1970, 1, 1, tzinfo=zone) + datetime.timedelta(microseconds=i * 86399999999)
    return pa.table({
        'id': pa.array(ids, pa.int64()),
        'tiny': pa.array(some(lambda i: i % 256 - 128), pa.int8()),
        'small': pa.array(some(lambda i: i % 65536 - 32768), pa.int16()),
        'int': pa.array(some(lambda i: (i * 715827882) % (1 << 32) - (1 << 31)), pa.int32()),
        'long': pa.array(some(lambda i: (-1) ** i * ((1 << 62) - i)), pa.int64()),
        'flag': pa.array(some(lambda i: i % 3 == 0), pa.bool_()),
        'real': pa.array(some(lambda i: i / 7), pa.float32()),
        'double': pa.array(some(lambda i: float('nan') if i == 4 else -i / 3), pa.float64()),
        'text': pa.array(some(lambda i: f'common prefix \u00e9 {i // 3}' * (i % 4)), pa.string()),
        'bytes': pa.array(some(lambda i: bytes([i % 256]) * (i % 5)), pa.binary()),
        'day': pa.array(some(lambda i: datetime.date(1, 1, 1) + datetime.timedelta(days=i * 1200)), pa.date32()),
        'at': pa.array(some(at), pa.timestamp('us', 'UTC')),
        'd9': pa.array(some(lambda i: decimal.Decimal(i - 999).scaleb(-2)), pa.decimal128(9, 2)),
        'd18': pa.array(some(lambda i: decimal.Decimal((-1) ** i * (10 ** 17 + i)).scaleb(-6)), pa.decimal128(18, 6)),
        'd38': pa.array(some(lambda i: decimal.Decimal((-1) ** i * (10 ** 37 + i)).scaleb(-10)), pa.decimal128(38, 10)),
        'list': pa.array(some(lambda i: [None if k == 1 else f't{k}' for k in range(i % 4)]), pa.list_(pa.string())),
        'map': pa.array(some(lambda i: [(f'k{k}', k if k % 2 else None) for k in range(i % 3)]), pa.map_(pa.string(), pa.int64())),
        'struct': pa.array(some(lambda i: {'a': i, 'b': [{'c': str(i)}] * (i % 3)}),
                           pa.struct([('a', pa.int64()), ('b', pa.list_(pa.struct([('c', pa.string())])))])),
    })


def ours(program, lake, name):
    """(state, rows), or what we refuse."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'out.parquet')
        done = subprocess.run([program, str(lake), name, out], capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr
        return json.loads(done.stdout), pq.read_table(out, use_threads=False)


def canonical(rows, columns):
    key = [c for c in columns]
    lists = rows.select(key).sort_by('id').to_pylist()
    return [repr(row) for row in lists]


def compare(what, program, lake, name, expected, files=None, tombstones=None, wanted=None):
    state, rows = ours(program, lake, name)
    if state is None:
        WRONG.append(f'{what}: {rows}')
        return None
    columns = [c for c in expected.column_names if c in rows.column_names]
    left, right = canonical(rows, columns), wanted if wanted and columns == expected.column_names else canonical(expected, columns)
    if left != right:
        differ = [(a, b) for a, b in zip(left, right) if a != b][:1]
        WRONG.append(f'{what}: {len(left)} rows, {len(right)} expected; {str(differ)[:1500]}')
    missing = set(expected.column_names) - set(columns) - set(state['columns'])
    if missing:
        WRONG.append(f'{what}: columns {missing} are missing')
    if files is not None and sorted(f[0] for f in state['files']) != sorted(files):
        WRONG.append(f'{what}: files {[f[0] for f in state["files"]][:3]}..., expected {files[:3]}...')
    if tombstones is not None and len(state['tombstones']) != tombstones:
        WRONG.append(f'{what}: {len(state["tombstones"])} tombstones, {tombstones} expected')
    return state


def drop_log(path, keep=1):
    """Removes the commits below the newest checkpoint."""
    log = pathlib.Path(path) / '_delta_log'
    newest = max(int(p.name[:20]) for p in log.glob('*.checkpoint*.parquet'))
    for commit in log.glob('*.json'):
        if re.fullmatch(r'\d{20}\.json', commit.name) and int(commit.name[:20]) <= newest:
            commit.unlink()
    return newest


# ---------------------------------------------------------------- pyarrow: encodings

ENCODINGS = {
    'PLAIN': {},
    'DELTA_BINARY_PACKED': {c: 'DELTA_BINARY_PACKED' for c in ('id', 'int', 'long', 'tiny', 'small', 'day', 'at')},
    'DELTA_LENGTH_BYTE_ARRAY': {c: 'DELTA_LENGTH_BYTE_ARRAY' for c in ('text', 'bytes', 'list.list.element')},
    'DELTA_BYTE_ARRAY': {c: 'DELTA_BYTE_ARRAY' for c in ('text', 'bytes', 'd38', 'list.list.element')},
    'BYTE_STREAM_SPLIT': {c: 'BYTE_STREAM_SPLIT' for c in ('real', 'double', 'int', 'long', 'd38')},
    'RLE': {'flag': 'RLE'},
}


def check_encodings(program, home):
    rows = table(1200)
    wanted = canonical(rows, rows.column_names)  # for all files
    deltalake.write_deltalake(str(home / 'model'), rows.slice(0, 1))
    head = [line for line in (home / 'model/_delta_log' / f'{0:020d}.json').read_text().splitlines()
            if '"protocol"' in line or '"metaData"' in line]
    for encoding, columns in ENCODINGS.items():
        for version, codec in (('1.0', 'snappy'), ('2.0', 'snappy'), ('2.0', 'gzip'), ('1.0', 'zstd'), ('2.0', 'none')):
            name = f'{encoding}-{version}-{codec}'
            file = home / name / 'part.parquet'
            (home / name / '_delta_log').mkdir(parents=True)
            options = {'use_dictionary': False, 'column_encoding': columns} if columns else {}
            pq.write_table(rows, file, compression=codec, data_page_version=version, row_group_size=500,
                           data_page_size=3000, **options)
            used = {e for c in range(rows.num_columns) for e in pq.ParquetFile(file).metadata.row_group(1).column(c).encodings}
            if columns and encoding not in used:
                WRONG.append(f'{name}: pyarrow did not use it: {used}')
            add = {'add': {'path': 'part.parquet', 'partitionValues': {}, 'size': file.stat().st_size,
                           'modificationTime': 1, 'dataChange': True}}
            (home / name / '_delta_log' / f'{0:020d}.json').write_text('\n'.join([*head, json.dumps(add)]) + '\n')
            compare(name, program, home, name, rows, wanted=wanted)


# ---------------------------------------------------------------- delta-rs

def check_delta_rs(program, home):
    path = str(home / 'rs')
    rows = table()
    for start in range(0, ROWS, 500):
        deltalake.write_deltalake(path, rows.slice(start, 500), mode='append')
    deltalake.DeltaTable(path).delete('id % 1000 < 10')
    there = deltalake.DeltaTable(path)
    expected = there.to_pyarrow_table()
    files = [f.split('/')[-1] for f in there.file_uris()]
    before = compare('delta-rs, JSON', program, home, 'rs', expected, files)
    there.create_checkpoint()
    drop_log(path)
    after = compare('delta-rs, checkpoint', program, home, 'rs', expected, files)
    if before and after and (len(before['tombstones']) == 0 or before['tombstones'] != after['tombstones']):
        WRONG.append(f'delta-rs: tombstones {before["tombstones"]} in the log, {after["tombstones"]} in the checkpoint')
    if before and after and before['schema'] != after['schema']:
        WRONG.append('delta-rs: another schema')
    path = str(home / 'rs-parted')
    deltalake.write_deltalake(path, rows.select(['id', 'text', 'small']).slice(0, 20), partition_by=['small'])
    there = deltalake.DeltaTable(path)
    there.create_checkpoint()
    drop_log(path)
    state, _ = ours(program, home, 'rs-parted')
    if state is None or state['columns'] != ['small'] or len(state['files']) != len(there.file_uris()):
        WRONG.append(f'delta-rs, partitions: {state}')
    elif {f[3]['small'] for f in state['files']} != {None if v is None else str(v) for v in
                                                     rows.column('small').slice(0, 20).to_pylist()}:
        WRONG.append(f'delta-rs, partition values: {state["files"]}')


# ---------------------------------------------------------------- Spark

def spark_session(jars, home):
    from pyspark.sql import SparkSession
    found = [j for j in glob.glob(os.path.join(jars, '*.jar')) if re.match(r'(delta-|unitycatalog-)', os.path.basename(j))]
    if not found:
        return None
    os.environ['SPARK_AUTH_SOCKET_TIMEOUT'] = '300'  # seconds that each side waits for the other; 15 without it
    builder = SparkSession.builder.master('local[1]').config('spark.jars', ','.join(found)) \
        .config('spark.sql.extensions', 'io.delta.sql.DeltaSparkSessionExtension') \
        .config('spark.sql.catalog.spark_catalog', 'org.apache.spark.sql.delta.catalog.DeltaCatalog') \
        .config('spark.ui.enabled', 'false').config('spark.ui.showConsoleProgress', 'false') \
        .config('spark.sql.session.timeZone', 'UTC') \
        .config('spark.sql.warehouse.dir', str(home / 'warehouse')) \
        .config('spark.databricks.delta.snapshotPartitions', '2').config('spark.sql.shuffle.partitions', '2') \
        .config('spark.driver.bindAddress', '127.0.0.1').config('spark.driver.host', '127.0.0.1').config('spark.log.level', 'OFF') \
        .config('spark.python.authenticate.socketTimeout', '300s')
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel('OFF')
    return session


SPARK = {  # name: (session settings, properties of the table)
    'legacy': ({'spark.sql.parquet.writeLegacyFormat': 'true', 'spark.sql.parquet.outputTimestampType': 'INT96'},
               {'delta.checkpoint.writeStatsAsStruct': 'true'}),
    'parts': ({'spark.databricks.delta.checkpoint.partSize': '3', 'parquet.writer.version': 'v2'}, {}),
    'second': ({}, {'delta.checkpointPolicy': 'v2'}),
}


def make_spark(session, home, name):
    """A table with a removed file and a checkpoint of it; the names of its checkpoint files."""
    settings, properties = SPARK[name]
    hadoop = session.sparkContext._jsc.hadoopConfiguration()
    for key, value in settings.items():
        session.conf.set(key, value)
        hadoop.set(key, value)
    path = home / f'spark-{name}'
    # the legacy format writes arrays that hold no nulls in two levels
    source = session.read.parquet(str(home / 'source.parquet')).selectExpr('*', 'array(id, id + 1) AS pair')
    for key, value in {**properties, 'delta.checkpointInterval': '2'}.items():
        session.conf.set(f'spark.databricks.delta.properties.defaults.{key[6:]}', value)
    source.where('id % 3 = 0').repartition(3).write.format('delta').save(str(path))
    source.where('id % 3 > 0').write.format('delta').mode('append').save(str(path))
    session.sql(f'DELETE FROM delta.`{path}` WHERE id < 20')  # the third commit: it has a checkpoint
    for key in [*settings, *(f'spark.databricks.delta.properties.defaults.{k[6:]}' for k in properties)]:
        session.conf.unset(key)
        hadoop.unset(key)
    return path, sorted(p.name for p in (path / '_delta_log').glob('*.checkpoint*'))


def check_spark(program, home, jars):
    try:
        session = spark_session(jars, home)
    except ImportError as missing:
        print(f'Spark is left out: {missing}')
        return
    if session is None:
        print(f'Spark is left out: no delta jars in {jars}')
        return
    pq.write_table(table(120), home / 'source.parquet')
    for name in SPARK:
        path, checkpoints = make_spark(session, home, name)
        expected = session.read.format('delta').load(str(path)).toArrow()
        if not checkpoints:
            WRONG.append(f'spark {name}: no checkpoint was written')
            continue
        if name == 'parts' and not any(re.search(r'checkpoint\.\d{10}\.\d{10}\.parquet', c) for c in checkpoints):
            WRONG.append(f'spark {name}: {checkpoints}')
        if name == 'second':
            state, why = ours(program, home, f'spark-{name}')
            if state is not None or 'v2Checkpoint' not in why:
                WRONG.append(f'spark second: {why}')
            continue
        state = compare(f'spark {name}, JSON', program, home, f'spark-{name}', expected)
        drop_log(path)
        again = compare(f'spark {name}, checkpoint', program, home, f'spark-{name}', expected)
        if state and again and (sorted(state['files']) != sorted(again['files']) or state['schema'] != again['schema']):
            WRONG.append(f'spark {name}: files or schema of the checkpoint differ')
        if state and again and len(state['tombstones']) != len(again['tombstones']):
            WRONG.append(f'spark {name}: tombstones {len(state["tombstones"])} and {len(again["tombstones"])}')


def main():
    program, jars = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        check_encodings(program, home)
        check_delta_rs(program, home)
        check_spark(program, home, jars)
    for sentence in WRONG:
        print(sentence)
    return 1 if WRONG else 0


if __name__ == '__main__':
    sys.exit(main())
