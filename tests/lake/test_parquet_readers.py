# SPDX-License-Identifier: Apache-2.0
"""Goal:   independent readers see in our Parquet files exactly what was written.
Method: a C program writes files of every type, codec and null pattern, some with packed and stored
pages in one chunk, and what they hold as JSON;
pyarrow (page checksums on) and DuckDB read them. Bounds in the footer and in the Delta statistics
are compared with bounds computed here.

usage: test_parquet_readers.py PROGRAM [SEED]
"""
import collections
import datetime
import decimal
import json
import math
import subprocess
import sys
import tempfile

try:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

EPOCH = datetime.datetime(1970, 1, 1)
US = datetime.timedelta(microseconds=1)
decimal.getcontext().prec = 80


def same(value):
    return value


def converter(kind):
    """What makes a value that is not null look as the C program writes it; asked once a column."""
    if pa.types.is_decimal(kind):
        return lambda value: str(int(value.scaleb(kind.scale)))
    if pa.types.is_floating(kind):
        return float.hex
    if pa.types.is_date(kind):
        return lambda value: (value - EPOCH.date()).days
    if pa.types.is_timestamp(kind):
        return lambda value: (value.replace(tzinfo=None) - EPOCH) // US
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return bytes.hex
    if pa.types.is_map(kind):
        key, item = converter(kind.key_type), converter(kind.item_type)
        return lambda value: [[key(k), None if v is None else item(v)] for k, v in value]
    if pa.types.is_list(kind):
        item = converter(kind.value_type)
        return lambda value: [None if v is None else item(v) for v in value]
    if pa.types.is_struct(kind):
        members = [(f.name, converter(f.type)) for f in kind]
        return lambda value: [None if value[n] is None else member(value[n]) for n, member in members]
    return same


def plain(value, kind):
    """A value as the C program writes it."""
    return None if value is None else converter(kind)(value)


def plain_column(column, kind):
    values, make = column.to_pylist(), converter(kind)
    return values if make is same else [None if v is None else make(v) for v in values]


def canonical(rows, schema):
    """Rows whose hex floats, which C writes differently, are as Python writes them."""
    for i in [i for i, f in enumerate(schema) if pa.types.is_floating(f.type)]:
        for row in rows:
            row[i] = None if row[i] is None else float.fromhex(row[i]).hex()
    return rows


def rows_of(table):
    columns = [plain_column(table.column(i), f.type) for i, f in enumerate(table.schema)]
    return [list(row) for row in zip(*columns)]


def check(condition, *what):
    if not condition:
        print("FAILED", *what)
        sys.exit(1)


def all_finite(values):
    return all(math.isfinite(float.fromhex(v)) for v in values)


def check_types(schema):
    want = {"i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "d9": pa.decimal128(9, 2),
            "d38": pa.decimal128(38, 10), "at": pa.timestamp("us", "UTC"),
            'local "at"': pa.timestamp("us"), "text": pa.string(), "bytes": pa.binary(),
            "flag": pa.bool_(), "f32": pa.float32()}
    for name, kind in want.items():
        check(schema.field(name).type == kind, name, schema.field(name).type)
    check(not schema.field("id").nullable and schema.field("i64").nullable, "nullability")


def check_footer(path, rows, schema):
    """Row groups: null counts exact, bounds hold every value; no bounds where none may be."""
    meta = pq.ParquetFile(path).metadata
    names = [f.name for f in schema]
    at = 0
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        part = rows[at:at + group.num_rows]
        at += group.num_rows
        for c in range(group.num_columns):
            chunk = group.column(c)
            name = chunk.path_in_schema
            if name not in names:
                check(not chunk.statistics.has_min_max, path, name, "nested bounds")
                continue
            i = names.index(name)
            values = [r[i] for r in part if r[i] is not None]
            stats = chunk.statistics
            check(stats.null_count == len(part) - len(values), path, name, "null_count")
            if name in ("flag", "secret", "bytes"):
                check(not stats.has_min_max, path, name, "must have no bounds")
            elif pa.types.is_floating(schema.field(i).type) and not all_finite(values):
                check(not stats.has_min_max, path, name, "infinity must leave no bounds")
            elif values and not pa.types.is_decimal(schema.field(i).type):
                kind = schema.field(i).type
                if name != "text" and name != "unique":
                    check(stats.has_min_max, path, name, "bounds are missing")
                if not stats.has_min_max:
                    continue
                low, high = plain(stats.min, kind), plain(stats.max, kind)
                if pa.types.is_floating(kind):
                    low, high = float.fromhex(low), float.fromhex(high)
                    values = [float.fromhex(v) for v in values]
                    check(low == min(values) and high == max(values), path, name, low, high)
                elif pa.types.is_string(kind):
                    check(low.encode() <= min(v.encode() for v in values), path, name, "min")
                    check(high.encode() >= max(v.encode() for v in values), path, name, "max")
                else:
                    check(low == min(values) and high == max(values), path, name, low, high)
    check(at == len(rows), "rows of groups")


def instant(text, up):
    """Delta text to microseconds."""
    moment = datetime.datetime.strptime(text.rstrip("Z"), "%Y-%m-%dT%H:%M:%S.%f")
    return (moment - EPOCH) // US


def check_stats(path, rows, schema):
    with open(path.replace(".parquet", ".stats"), encoding="utf-8") as text:
        stats = json.load(text, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
    check(stats["numRecords"] == len(rows), path, "numRecords")
    for i, field in enumerate(schema):
        name, kind = field.name, field.type
        values = [r[i] for r in rows if r[i] is not None]
        if not pa.types.is_struct(kind):
            check(stats["nullCount"][name] == len(rows) - len(values), path, name, "nullCount")
        low, high = stats["minValues"].get(name), stats["maxValues"].get(name)
        endless = pa.types.is_floating(kind) and not all_finite(values)
        if not values or pa.types.is_nested(kind) or endless or name in ("flag", "secret", "bytes"):
            check(low is None and high is None, path, name, "must have no bounds")
        elif pa.types.is_string(kind):
            if high is not None:
                check(high.encode() >= max(v.encode() for v in values), path, name, "max", high)
                check(len(high) <= 32, path, name, "long max")
            check(low.encode() <= min(v.encode() for v in values), path, name, "min", low)
        elif pa.types.is_timestamp(kind):
            least, most = min(values), max(values)
            check(low.endswith("Z") == (kind.tz is not None), path, name, low)
            check(0 <= least - instant(low, False) < 1000, path, name, low, least)
            if not high.startswith("10000"):
                check(0 <= instant(high, True) - most < 1000, path, name, high, most)
        elif pa.types.is_date(kind):
            dates = [datetime.date.fromisoformat(d) for d in (low, high)]
            check([(d - EPOCH.date()).days for d in dates] == [min(values), max(values)], name)
        elif pa.types.is_decimal(kind):
            unit = decimal.Decimal(1).scaleb(-kind.scale)
            numbers = [int(v) for v in values]
            check(low == min(numbers) * unit and high == max(numbers) * unit, path, name, low)
        elif pa.types.is_floating(kind):
            numbers = [float.fromhex(v) for v in values]
            check(float(low) == min(numbers) and float(high) == max(numbers), path, name, low)
        else:
            check(low == min(values) and high == max(values), path, name, low, high)


def check_duckdb(path, table, rows):
    """DuckDB's answer as Arrow, compared column by column with pyarrow's rows."""
    seen = duckdb.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table()
    check(seen.num_rows == table.num_rows, path, "duckdb rows")
    for i, field in enumerate(table.schema):
        theirs = plain_column(seen.column(i), seen.schema.field(i).type)
        check([row[i] for row in rows] == theirs, path, "duckdb", field.name)


def read_back(program, path):
    """What our reader sees, or the exit code and message of its refusal."""
    done = subprocess.run([program, "read", path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], ""


def check_our_reader(program, folder, table):
    """Files of another writer, in its forms: V2 pages, gzip, INT96, dictionaries or none."""
    path = f"{folder}/other.parquet"
    want = rows_of(table)
    forms = [dict(compression=c, use_dictionary=d, data_page_version=v, write_page_checksum=k)
             for c in ("none", "snappy", "zstd", "gzip") for d in (True, False)
             for v, k in (("1.0", True), ("2.0", False), ("2.0", True))]
    forms.append(dict(compression="snappy", store_decimal_as_integer=True))
    forms.append(dict(compression="zstd", data_page_size=300, row_group_size=50))
    for form in forms:
        pq.write_table(table, path, **form)
        got, why = read_back(program, path)
        check(got is not None, form, why)
        check(canonical(got, table.schema) == want, form)
    # INT96 cannot hold year 1 in Arrow, so only the newer rows take part.
    moments = pa.table({"t": pa.array([0, -1, 1700000000123456, None], pa.timestamp("us"))})
    pq.write_table(moments, path, use_deprecated_int96_timestamps=True)
    check(read_back(program, path)[0] == [[0], [-1], [1700000000123456], [None]], "INT96")
    pq.write_table(pa.table({"t": pa.array([-1, None], pa.timestamp("ms"))}), path, version="1.0")
    check(read_back(program, path)[0] == [[-1000], [None]], "milliseconds")
    pq.write_table(pa.table({"x": pa.array([1, 2, 3])}), path, compression="brotli")
    got, why = read_back(program, path)
    check(got is None and "does not know" in why, "brotli", got, why)


def main():
    program = sys.argv[1]
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    dict_chunks = plain_chunks = 0
    delta_types = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, folder, seed], check=True)
        for number in range(21):
            path = f"{folder}/{number}.parquet"
            table = pq.read_table(path, page_checksum_verification=True)
            table.validate(full=True)
            with open(f"{folder}/{number}.jsonl", encoding="utf-8") as lines:
                want = canonical([json.loads(line) for line in lines], table.schema)
            got = rows_of(table)
            check(len(got) == len(want), path, len(got), len(want))
            for at, (a, b) in enumerate(zip(got, want)):
                check(a == b, path, "row", at, [x for x in zip(a, b, table.column_names) if x[0] != x[1]])
            check_types(table.schema)
            check_footer(path, got, table.schema)
            check_stats(path, got, table.schema)
            check_duckdb(path, table, got)
            if number % 5 == 0:
                check_our_reader(program, folder, table.slice(0, 400))
            meta = pq.ParquetFile(path).metadata
            for g in range(meta.num_row_groups):
                for c in range(meta.num_columns):
                    used = meta.row_group(g).column(c).has_dictionary_page
                    dict_chunks += used
                    plain_chunks += not used
                    if "DELTA_BINARY_PACKED" in meta.row_group(g).column(c).encodings:
                        delta_types[meta.row_group(g).column(c).physical_type] += 1
    check(dict_chunks > 100 and plain_chunks > 100, "both encodings", dict_chunks, plain_chunks)
    check(set(delta_types) == {"INT32", "INT64"}, "differences", delta_types)
    print(f"ok: seed {seed}, {dict_chunks} chunks with a dictionary, {plain_chunks} without, "
          f"differences in {dict(delta_types)}")


main()
