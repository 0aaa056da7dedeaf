#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the whole job with one worker, beside what the machine and a peer can do.

    bench.py --build DIR [--bytes 512Mi] [--repetitions 3] [--no-record]

Per repetition, interleaved, on the same files: silver only, bronze only, both; memcpy; igzip -1; DuckDB with
one thread in two forms, of which the faster counts. cupel syncs what it commits, the others do not.
The medians, their spread and the ratios go to the screen and to benchmarks/records."""
import argparse
import datetime
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODES = {'silver': ['--no-bronze'], 'bronze': ['--no-silver'], 'both': []}
TARGETS = (('off', 'both', 'igzip', 0.40), ('off', 'silver', 'duckdb', 2.0))
RSS_TARGET_MIB = 256


def columns():
    """{table: [(name, kind)]} of the generator's tables."""
    found = {}
    text = (ROOT / 'benchmarks/gen/bank.def').read_text()
    for match in re.finditer(r'^CUP_BANK_COLUMN\((\w+), "(\w+)", (\w+),', text, re.M):
        found.setdefault(match[1].lower(), []).append((match[2], match[3]))
    return found


# How a column stands in the JSON, and what a typed projection makes of it. Decimals stay base64 text:
# DuckDB has no function for them, so it does less than cupel here.
WIRE = {'LONG': 'BIGINT', 'SHORT': 'SMALLINT', 'BOOL': 'BOOLEAN', 'DOUBLE': 'DOUBLE', 'DATE': 'INTEGER',
        'LOCAL': 'BIGINT', 'TAGS': 'VARCHAR[]'}
CAST = {'DATE': "DATE '1970-01-01' + {0}", 'ZONED': 'CAST({0} AS TIMESTAMPTZ)', 'LOCAL': 'make_timestamp({0})',
        'UUID': 'CAST({0} AS UUID)'}
SOURCE = 'STRUCT(ts_us BIGINT, snapshot VARCHAR, "sequence" VARCHAR, "txId" BIGINT, lsn BIGINT)'


def duckdb_struct(path, table, schema, target):
    """One typed pass: the reader gives structs, the projection casts."""
    rows = columns()[table]
    image = 'STRUCT(' + ', '.join(f'"{n}" {WIRE.get(k, "VARCHAR")}' for n, k in rows) + ')'
    event = {'op': 'VARCHAR', 'before': image, 'after': image, 'source': SOURCE}
    if schema:
        inner = ', '.join(f'"{n}" {t}' for n, t in event.items())
        given, at = f"{{'payload': 'STRUCT({inner})'}}", 'payload.'
    else:
        given, at = '{' + ', '.join(f"'{n}': '{t}'" for n, t in event.items()) + '}', ''
    cells = []
    for name, kind in rows:
        cell = f'coalesce({at}after."{name}", {at}before."{name}")'
        cells.append(CAST.get(kind, '{0}').format(cell) + f' AS "{name}"')
    read = f"read_json('{path}', format='newline_delimited', columns={given}, maximum_object_size=16777216)"
    return (f"COPY (SELECT {at}op AS _op, make_timestamptz({at}source.ts_us) AS _ts, {at}source.lsn AS _lsn, "
            f"{at}source.\"txId\" AS _tx, {', '.join(cells)} FROM {read}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def duckdb_objects(path, table, schema, target):
    """JSON objects first, then one typed transform of the parts that are needed."""
    rows = columns()[table]
    shape = '{' + ', '.join(f'"{n}": "{WIRE.get(k, "VARCHAR")}"' for n, k in rows) + '}'
    top = 'payload.' if schema else ''
    path_of = '$.' + top
    cells = ', '.join(CAST.get(k, '{0}').format(f'r."{n}"') + f' AS "{n}"' for n, k in rows)
    read = f"read_ndjson_objects('{path}', maximum_object_size=16777216)"
    return (f"COPY (SELECT _op, make_timestamptz(_ts) AS _ts, _lsn, _tx, {cells} FROM (SELECT json->>'{path_of}op' AS _op, "
            f"CAST(json->>'{path_of}source.ts_us' AS BIGINT) AS _ts, CAST(json->>'{path_of}source.lsn' AS BIGINT) AS _lsn, "
            f"CAST(json->>'{path_of}source.txId' AS BIGINT) AS _tx, "
            f"from_json(CASE WHEN json->>'{path_of}op' = 'd' THEN json->'{path_of}before' ELSE json->'{path_of}after' END, "
            f"'{shape}') AS r FROM {read})) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


class Rss:
    """Peak resident memory of a process and its children, by polling their high-water marks."""

    def __init__(self, pid):
        self.pid, self.peaks = pid, {}

    def look(self):
        try:
            below = pathlib.Path(f'/proc/{self.pid}/task/{self.pid}/children').read_text().split()
            for pid in [str(self.pid), *below]:
                status = pathlib.Path(f'/proc/{pid}/status').read_text()
                name = re.search(r'Name:\s+(\S+)', status)[1]
                peak = re.search(r'VmHWM:\s+(\d+)', status)
                if peak:
                    self.peaks[name] = max(self.peaks.get(name, 0), int(peak[1]) / 1024)
        except OSError:
            pass  # it has ended between two looks


def run_cupel(build, pipeline, files, lake, mode):
    shutil.rmtree(lake, ignore_errors=True)
    command = [str(build / 'control/cupel'), 'run', str(pipeline), '--lake', str(lake), '--until-end', '--workers', '1',
               *MODES[mode]]
    for path in files:
        command += ['--input', str(path)]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    rss = Rss(process.pid)
    while process.poll() is None:
        rss.look()
        time.sleep(0.01)
    took = time.monotonic() - start
    said = process.stdout.read()
    if process.returncode != 0:
        sys.exit(f'{" ".join(command)}: exit {process.returncode}\n{said}')
    return took, rss.peaks, said


def run_duckdb(form, tables, schema, folder):
    import duckdb
    connection = duckdb.connect()
    connection.execute("SET threads=1; SET TimeZone='UTC'")
    target = folder / 'duckdb.parquet'
    start = time.monotonic()
    for table, path in tables.items():
        connection.execute(form(path, table, schema, target))
    took = time.monotonic() - start
    target.unlink()
    return took


def run_igzip(files, folder):
    target, took = folder / 'igzip.gz', 0.0
    for path in files:
        start = time.monotonic()
        subprocess.run(['igzip', '-1', '-k', '-o', str(target), str(path)], check=True)
        took += time.monotonic() - start
        target.unlink()
    return took


def run_memcpy(build, files):
    return sum(float(subprocess.run([str(build / 'benchmarks/bench/cupel-memcpy'), str(p)], check=True,
                                    capture_output=True, text=True).stdout.split()[0]) for p in files)


def generate(build, folder, schema, size):
    out = folder / f'schema-{schema}'
    shutil.rmtree(out, ignore_errors=True)
    said = subprocess.run([str(build / 'benchmarks/gen/cupel-gen'), '--bytes', size, '--schema', schema, '--out', f'{out}/'],
                          check=True, capture_output=True, text=True).stderr
    files = sorted(out.iterdir())
    for path in files:
        path.read_bytes()  # into the page cache
    return {p.name.split('.')[1].split('-')[0]: p for p in files}, said.strip()


def cpu():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def revision():
    def git(*words):
        return subprocess.run(['git', *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return git('rev-parse', '--short=12', 'HEAD') + (' with changes' if git('status', '--porcelain') else '')


def measure(build, folder, pipeline, size, repetitions):
    times, peaks, notes = {}, {}, {}
    inputs = {schema: generate(build, folder, schema, size) for schema in ('off', 'on')}
    for repetition in range(repetitions):
        for schema, (tables, _) in inputs.items():
            files = list(tables.values())

            def add(name, took):
                times.setdefault((schema, name), []).append(took)
                print(f'  {repetition + 1} schema {schema:3} {name:16} {took:7.2f} s', flush=True)
            for mode in MODES:
                took, rss, notes[schema] = run_cupel(build, pipeline, files, folder / 'lake', mode)
                add(mode, took)
                for name, peak in rss.items():
                    peaks.setdefault((schema, mode, name), []).append(peak)
            add('memcpy', run_memcpy(build, files))
            add('igzip', run_igzip(files, folder))
            add('duckdb struct', run_duckdb(duckdb_struct, tables, schema == 'on', folder))
            add('duckdb objects', run_duckdb(duckdb_objects, tables, schema == 'on', folder))
    sizes = {schema: sum(p.stat().st_size for p in tables.values()) for schema, (tables, _) in inputs.items()}
    return times, peaks, sizes, {s: said for s, (_, said) in inputs.items()}, notes


def table(times, sizes):
    """Lines of the record, and {(schema, name): MB/s}; duckdb is the faster of its forms."""
    speeds = {}
    for (schema, name), seconds in times.items():
        speeds[schema, name] = [sizes[schema] / 1e6 / s for s in seconds]
    for schema in sizes:
        forms = [speeds[schema, 'duckdb struct'], speeds[schema, 'duckdb objects']]
        speeds[schema, 'duckdb'] = max(forms, key=statistics.median)
    medians = {at: statistics.median(s) for at, s in speeds.items()}
    lines = ['| schema | what | MB/s (median) | spread | x memcpy | x igzip -1 | x DuckDB |', '|---|---|---|---|---|---|---|']
    for (schema, name), speed in speeds.items():
        if name == 'duckdb':
            continue
        ratio = [medians[schema, name] / medians[schema, other] for other in ('memcpy', 'igzip', 'duckdb')]
        lines.append(f'| {schema} | {name} | {medians[schema, name]:.0f} | {min(speed):.0f} to {max(speed):.0f} | '
                     f'{ratio[0]:.3f} | {ratio[1]:.2f} | {ratio[2]:.2f} |')
    return lines, medians


def verdicts(medians, peaks):
    lines = []
    for schema, name, other, least in TARGETS:
        ratio = medians[schema, name] / medians[schema, other]
        lines.append(f'{name} / {other} (schema {schema}): {ratio:.2f}, target {least:.2f}: '
                     f'{"met" if ratio >= least else "NOT met"}')
    sums = {}
    for (schema, mode, name), values in peaks.items():
        peak = max(values)
        sums.setdefault((schema, mode), {})[name] = peak
    for (schema, mode), each in sums.items():
        plane = each.get('cupel-dataplane', 0)
        lines.append(f'peak RSS (schema {schema}, {mode}): data plane {plane:.0f} MiB, all processes {sum(each.values()):.0f} MiB, '
                     f'target {RSS_TARGET_MIB}: {"met" if sum(each.values()) <= RSS_TARGET_MIB else "NOT met"}')
    return lines


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--build', default='build/release')
    args.add_argument('--bytes', default='512Mi')
    args.add_argument('--repetitions', type=int, default=3)
    args.add_argument('--pipeline', default=str(ROOT / 'configs/bank'))
    args.add_argument('--no-record', action='store_true')
    given = args.parse_args()
    build = pathlib.Path(given.build).resolve()
    folder = ROOT / 'build/bench'
    folder.mkdir(parents=True, exist_ok=True)
    times, peaks, sizes, generated, notes = measure(build, folder, given.pipeline, given.bytes, given.repetitions)
    lines, medians = table(times, sizes)
    level = re.search(r'\b(avx512|avx2|sse42|scalar)\b', '\n'.join(notes.values()))
    import duckdb
    head = [f'# Whole job, one worker, {given.bytes} of generated bank CDC', '',
            f'* date {datetime.date.today()}, revision {revision()}, kernels {level[1] if level else "auto"}',
            f'* {cpu()}, {os.cpu_count()} cores, {os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30} GiB, '
            f'Linux {platform.release()}, DuckDB {duckdb.__version__}, igzip of ISA-L',
            f'* command: benchmarks/bench/bench.py --bytes {given.bytes} --repetitions {given.repetitions}; '
            'runs are interleaved, input is in the page cache; cupel syncs its commits, the others sync nothing',
            '* DuckDB keeps decimals as base64 text, cupel decodes them; the faster of its two forms counts',
            *[f'* schema {s}: {sizes[s] / 1e6:.0f} MB; {said}' for s, said in generated.items()], '']
    report = '\n'.join(head + lines + [''] + [f'* {v}' for v in verdicts(medians, peaks)]) + '\n'
    print(report)
    shutil.rmtree(folder)
    if not given.no_record:
        record = ROOT / 'benchmarks/records' / f'{datetime.date.today()}-job.md'
        with open(record, 'a') as file:
            file.write(report + '\n')
        print(f'added to {record.relative_to(ROOT)}')


if __name__ == '__main__':
    main()
