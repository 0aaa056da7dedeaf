# SPDX-License-Identifier: Apache-2.0
"""Goal:   independent readers see in our Delta tables exactly what was written.
Method: a C program writes tables (plain with a column added later, partitioned, timestamp_ntz,
checkpointed with the older commits removed); delta-rs (two paths), polars and DuckDB read them.

usage: test_delta_readers.py PROGRAM WORK_DIR
"""
import datetime
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys

try:
    import deltalake
    import duckdb
    import polars
    import pyarrow
    EXTENSION = [f.locate() for f in importlib.metadata.files("duckdb-extension-delta")
                 if f.name.endswith(".duckdb_extension")][0]
except (ImportError, IndexError) as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

UTC = datetime.timezone.utc
BASE = 1700000000000000
FILES = [n for n in range(1, 13) if n != 2]


def moment(us, zone):
    return datetime.datetime(1970, 1, 1, tzinfo=zone) + datetime.timedelta(microseconds=us)


def plain_row(row_id, with_later):
    return {"id": row_id, "text": f"t{row_id}", "at": moment(BASE + row_id, UTC),
            "tags": ["x"] * (row_id % 3), "later": row_id if with_later else None}


def ntz_rows():
    return [{"id": i, "local": moment(BASE + i, None)} for f in FILES for i in range(100 * f, 100 * f + 10)]


EXPECTED = {
    "plain": [plain_row(i, i >= 100) for i in [*range(10), *range(100, 110)]],
    "partitioned": [{"id": i, "p": "a/b c" if i < 100 else None}
                    for i in [*range(10), *range(100, 110)]],
    "ntz": ntz_rows(),
    "checkpointed": [plain_row(i, True) for f in FILES for i in range(100 * f, 100 * f + 10)],
    "checkpointed_ntz": ntz_rows(),
}


def with_arrow(path):
    return deltalake.DeltaTable(path).to_pyarrow_table().to_pylist()


def with_datafusion(path):
    query = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(path))
    return pyarrow.table(query.execute("SELECT * FROM t").read_all()).to_pylist()


def with_polars(path):
    return polars.read_delta(path).to_dicts()


def with_duckdb(path):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{EXTENSION}'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection.execute(f"SELECT * FROM delta_scan('{path}')").to_arrow_table().to_pylist()


def same(rows, expected):
    rows = sorted(rows, key=lambda row: row["id"])
    for row in rows:
        if isinstance(row.get("at"), datetime.datetime):
            row["at"] = row["at"].astimezone(UTC)
    return rows == expected


def check_schema(path):
    table = deltalake.DeltaTable(path)
    fields = {f.name: f for f in table.schema().fields}
    assert fields["id"].metadata.get("comment") == "the key", fields["id"].metadata
    assert fields["text"].metadata.get("comment") == 'a "quoted"\nline \u00e9', fields["text"].metadata
    assert table.metadata().description == "sample"
    assert table.transaction_version("cupel-sample") in (2, 12)


def check_history(path):
    """commitInfo as other engines show it, our own members included."""
    entry = deltalake.DeltaTable(path).history(1)[0]
    assert entry["engineInfo"].startswith("cupel/"), entry
    assert entry["operation"] == "WRITE" and entry["isBlindAppend"] is True, entry
    with open(f"{path}/_delta_log/{2:020d}.json", encoding="utf-8") as log:
        info = json.loads(log.readline())["commitInfo"]
    assert info["epoch"] == 2 and info["epochId"] == info["txnId"], info


def check_stats(path):
    """Every live file's numRecords is what COUNT(*) answers."""
    adds = pyarrow.table(deltalake.DeltaTable(path).get_add_actions(flatten=True)).to_pylist()
    assert sum(add["num_records"] for add in adds) == len(EXPECTED[os.path.basename(path)])
    assert len(adds) == 11 and all(add["size_bytes"] > 0 for add in adds)


def main():
    program, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    subprocess.run([program, folder], check=True)
    failed = 0
    for name, expected in EXPECTED.items():
        for reader in (with_arrow, with_datafusion, with_polars, with_duckdb):
            rows = reader(f"{folder}/{name}")
            if not same(rows, expected):
                print(f"FAILED {name} {reader.__name__}: {len(rows)} of {len(expected)} rows; "
                      f"{[r for r in rows if r not in expected][:2]}")
                failed += 1
    check_schema(f"{folder}/plain")
    check_schema(f"{folder}/checkpointed")
    check_history(f"{folder}/plain")
    check_stats(f"{folder}/checkpointed")
    shutil.rmtree(folder)
    if failed:
        sys.exit(1)
    print(f"ok: {len(EXPECTED)} tables, 4 readers")


main()
