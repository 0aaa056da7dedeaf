#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one SQL statement with DuckDB and its Delta extension, as make demo installed them.

    build/demo-venv/bin/python benchmarks/sql.py "SELECT ... FROM delta_scan('LAKE/.../TABLE')"
"""
import glob
import os
import sys

import duckdb
import duckdb_extension_delta


def connect():
    connection = duckdb.connect()
    extension = glob.glob(os.path.join(os.path.dirname(duckdb_extension_delta.__file__), 'extensions', '*',
                                       'delta.duckdb_extension'))[0]
    connection.execute(f"LOAD '{extension}'; SET TimeZone='UTC'")
    return connection


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(connect().sql(sys.argv[1]))
    except duckdb.Error as error:
        sys.exit(f'sql.py: {error}')
