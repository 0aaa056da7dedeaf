#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds every preset, runs the tests, and counts what meson's logs say.

    run_tests.py [--long]

Presets: release runs everything; asan (address and undefined behaviour) runs the C tests and one
whole run; tsan (threads) runs the tests that start threads; fuzz (clang, libFuzzer) builds and runs the fuzz targets only.
They are built one after the other, and run in this order; those behind the first are built beside its tests, with
what these leave of the processors. The output of builds and tests goes to
build/<preset>/*.txt; the screen gets one line a preset and the failures. A skipped test counts as failed unless tests/skips.tsv excuses it: its
condition is a shell command that must succeed on this machine.
The last line is alone: N passed, N failed, N skipped. Exit 0 only when nothing failed.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Tests in Python start the release programs; under a sanitizer they would test the same again, slowly.
# Lines are all that a report names: -O1 and -g1 compile in less than half the time, and sanitize as much.
SANITIZED = ['--buildtype=debugoptimized', '-Doptimization=1', '-Dwerror=false', '-Db_lundef=false']
LINES = '-g1'
COVERED = f'{LINES} -fsanitize=fuzzer-no-link'
PRESETS = {  # options of meson; what meson test runs; what ninja builds ([]: all)
    'release': (['--buildtype=release'], [], []),
    'asan': (SANITIZED + ['-Db_sanitize=address,undefined', f'-Dc_args={LINES}', f'-Dcpp_args={LINES}'],
             ['--no-suite', 'style', '--no-suite', 'oracle', '--no-suite', 'kafka-run'], []),
    'tsan': (SANITIZED + ['-Db_sanitize=thread', f'-Dc_args={LINES}', f'-Dcpp_args={LINES}'],
             ['shard', 'wire', 'commit', 'disk_uring', 'store_batch_uring',
              'follow-rotate', 'follow-setback'], ['thread-tests']),
    # gcc's warnings are the rule: clang's differ
    'fuzz': (SANITIZED + ['-Db_sanitize=address,undefined', '-Dfuzz=true', f'-Dc_args={COVERED}', f'-Dcpp_args={COVERED}',
                          '-Dwerror=false', '-Dwarning_level=0'], ['--suite', 'fuzz'], ['fuzz-targets']),
}
PROCESSORS_MAX = 8
FIRST = 'release'  # the others are built beside its tests
COMPILERS = {'fuzz': {'CC': 'clang-14', 'CXX': 'clang++-14'}}
PASSED = {'OK', 'EXPECTEDFAIL'}
# Times the limits in meson.build: machines are shared, and each test has ten times what the slowest run of it took.
TIMEOUTS = {'release': '6', 'asan': '12', 'tsan': '12', 'fuzz': '12'}


def run(args, log, more=None):
    with open(log, 'w') as out:
        env = dict(os.environ, **(more or {}), ASAN_OPTIONS='detect_leaks=1:abort_on_error=0:max_malloc_fill_size=65536',
                   UBSAN_OPTIONS='halt_on_error=1:print_stacktrace=1',
                   TSAN_OPTIONS='halt_on_error=1')
        return subprocess.run(args, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=env).returncode


def build(preset, options, targets, beside):
    """Sets a preset up and builds it; gives (file with what went wrong or None, seconds)."""
    start = time.monotonic()
    broken = make(preset, options, targets, ['nice', '-n', '19'] if beside else [])
    return broken, time.monotonic() - start


def make(preset, options, targets, nice):
    folder = ROOT / 'build' / preset
    folder.mkdir(parents=True, exist_ok=True)
    setup = ['meson', 'setup', str(folder)] + options
    if (folder / 'build.ninja').exists():
        setup.append('--reconfigure')
    if run(nice + setup, folder / 'setup.txt', COMPILERS.get(preset)) != 0:
        return folder / 'setup.txt'
    if run(nice + ['ninja', '-C', str(folder)] + targets, folder / 'build.txt') != 0:
        return folder / 'build.txt'
    return None


def tail(path, lines=25):
    text = pathlib.Path(path).read_text(errors='replace').splitlines()
    return '\n'.join('    ' + line for line in text[-lines:])


def processors():
    """Those that we may use: a container may be given less than its machine has. Of many, not all: brokers and engines
    take a gigabyte each."""
    count = len(os.sched_getaffinity(0))
    for shares in (['cpu.max'], ['cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us']):  # cgroups of either version
        try:
            quota, period = ' '.join(pathlib.Path('/sys/fs/cgroup', file).read_text() for file in shares).split()
            count = min(count, max(1, round(int(quota) / int(period)))) if int(quota) > 0 else count
        except (OSError, ValueError):
            continue  # there is none, or no limit: `max`
    return min(count, PROCESSORS_MAX)


def results(folder, long):
    """Runs the tests of a preset; gives (name, result, output) for each."""
    log = folder / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    suites = PRESETS[folder.name][1] + ([] if long else ['--no-suite', 'long'])
    code = run(['meson', 'test', '-C', str(folder), '--no-rebuild', '--print-errorlogs',
                '--num-processes', str(processors() + 1),  # one of them waits: for a disk, a signal, a clock
                '--timeout-multiplier', TIMEOUTS[folder.name]] + suites, folder / 'test.txt')
    found = []
    if log.exists():
        for line in log.read_text().splitlines():
            one = json.loads(line)
            output = (one.get('stdout') or '') + (one.get('stderr') or '')
            found.append((one['name'], one['result'], output))
    if not found or (code != 0 and all(r in PASSED or r == 'SKIP' for _, r, _ in found)):
        found.append((f'meson test ({folder.name})', 'ERROR', tail(folder / 'test.txt')))
    return found


def excuses():
    table = {}
    for line in (ROOT / 'tests' / 'skips.tsv').read_text().splitlines():
        if line and not line.startswith('#'):
            test, condition = line.split('\t')
            table[test] = condition
    return table


def excused(name, table):
    short = name.split(' / ')[-1]
    if short not in table:
        return False
    return subprocess.run(table[short], shell=True, cwd=ROOT, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def main():
    long = '--long' in sys.argv[1:]
    table = excuses()
    passed = failed = skipped = 0
    builder = concurrent.futures.ThreadPoolExecutor(1)  # tests wait a lot: the next preset is built meanwhile
    builds = {preset: builder.submit(build, preset, options, targets, preset != FIRST)
              for preset, (options, _, targets) in PRESETS.items()}
    for preset in PRESETS:
        broken, built = builds[preset].result()
        if broken:
            failed += 1
            print(f'FAIL {preset}: does not build; {broken.relative_to(ROOT)}\n{tail(broken)}', flush=True)
            continue
        start = time.monotonic()
        counts = [0, 0, 0]
        for name, result, output in results(ROOT / 'build' / preset, long):
            if result in PASSED:
                counts[0] += 1
            elif result == 'SKIP' and excused(name, table):
                counts[2] += 1
                print(f'skip {preset} {name}: excused by tests/skips.tsv', flush=True)
            else:
                counts[1] += 1
                why = 'skipped without an excuse in tests/skips.tsv' if result == 'SKIP' else result
                print(f'FAIL {preset} {name}: {why}', flush=True)
                for line in output.splitlines()[-25:]:
                    print('    ' + line, flush=True)
        print(f'{preset}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped '
              f'(build {built:.0f} s, tests {time.monotonic() - start:.0f} s)', flush=True)
        passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if failed or passed == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
