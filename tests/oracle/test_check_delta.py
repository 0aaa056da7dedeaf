#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   the checker that judges our tables can pass a good table and refuse each fault it knows.
Method: the example tables, good ones with their content as CSV, broken ones with one fault each."""
import concurrent.futures
import contextlib
import importlib.util
import io
import multiprocessing
import pathlib
import sys
import traceback
import types

CHECKER, EXAMPLES = sys.argv[1], pathlib.Path(sys.argv[2])
READERS = 'pyarrow,deltalake,duckdb,polars'


def load():
    spec = importlib.util.spec_from_file_location('check_delta', CHECKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(table, *extra):
    """The checker's main; each worker loads it and the readers once: that was most of the time."""
    run.checker = getattr(run, 'checker', None) or load()
    out, err = io.StringIO(), io.StringIO()
    sys.argv = [CHECKER, str(table), *extra]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = run.checker.main()
        except SystemExit as left:
            code = left.code
        except Exception:
            code = traceback.print_exc() or 1
    return types.SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def good(name):
    readers = READERS.replace(',polars', '') if name == 'colmap' else READERS  # no column mapping there
    got = run(EXAMPLES / name, '--csv', str(EXAMPLES / f'{name}.csv'), '--key', 'id', '--readers', readers)
    if got.returncode == 0 and 'RESULT PASS' in got.stdout:
        return None
    return f'{name} is good, but:\n{got.stdout[-600:]}{got.stderr[-300:]}'


def broken(name):
    got = run(EXAMPLES / 'broken' / name, '--readers', 'pyarrow')
    if got.returncode == 1 and 'RESULT FAIL' in got.stdout:
        return None
    return f'broken/{name} was not refused: {got.stdout[-300:]}{got.stderr[-300:]}'


def main():
    good_names = sorted(p.stem for p in EXAMPLES.glob('*.csv'))
    broken_names = sorted(p.name for p in (EXAMPLES / 'broken').iterdir())
    assert len(good_names) == 7 and len(broken_names) == 28, (good_names, broken_names)
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context('spawn')) as pool:
        findings = list(pool.map(good, good_names)) + list(pool.map(broken, broken_names))
    for finding in filter(None, findings):
        print(finding)
    print(f'{len(good_names)} good, {len(broken_names)} broken tables')
    return 1 if any(findings) else 0


if __name__ == '__main__':
    sys.exit(main())
