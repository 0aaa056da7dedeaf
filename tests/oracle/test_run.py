#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   what people see and type: output when piped, the summary, exit codes, and errors that say
        file, line, key and what is allowed.
Method: small runs of the real programs, one behaviour a function.

    test_run.py CUPEL GEN ROOT"""
import gzip
import pathlib
import shutil
import sys
import tempfile

import bank
import contracts
import lakes

CUPEL, GEN, ROOT = sys.argv[1:4]
TABLES = bank.columns(ROOT)
WRONG = []


def check(condition, *what):
    if not condition:
        WRONG.append(' '.join(map(str, what)))


def pipeline(home, files, extra='', some=None):
    found = contracts.of_bank(TABLES)
    return contracts.write_pipeline(home, files, {n: found[n] for n in some or found}, extra=extra)


def test_no_configuration(home):
    """Embedded schemas and keys: one command, no folder."""
    dump = home / 'a.dump'
    bank.generate(GEN, '--rows', 2000, '--form', 'dump', '--schema', 'on', '--out', dump, '--truth', home / 'truth')
    done = lakes.run(CUPEL, 'run', '--input', dump, '--lake', home / 'lake', '--until-end')
    lake = lakes.Lake(home / 'lake')
    sums = bank.sums(home / 'truth')
    WRONG.extend(lakes.check_truth(lake, home / 'truth', TABLES, sums))
    said = done.stdout + done.stderr
    check('\r' not in said and '\x1b' not in said, 'piped output holds terminal control:', repr(said[:200]))
    records = sum(int(sums[t, '', f'op_{op}']) for t in TABLES for op in 'rcud') + int(sums['', '', 'tombstones'])
    check(f'{records:,}' in said, f'the summary does not say {records:,} records:', said)
    for word in ('tombstone', 'bank/customer', 'bank/account', 'bank/transaction', 'MB/s'):
        check(word in said, f'the summary does not say {word}:', said)
    lakes.run(CUPEL, 'verify', home / 'lake')


def test_forms_and_gzip(home):
    """The same changes as NDJSON, dump and compressed give the same final state."""
    for number, (form, packed) in enumerate([('ndjson', False), ('ndjson', True), ('dump', False), ('dump', True)]):
        at = home / str(number)
        at.mkdir()
        plain = at / 'x.ndjson'
        bank.generate(GEN, '--rows', 1500, '--seed', 5, '--form', form, '--out', plain, '--truth', at / 'truth')
        source = plain
        if packed:
            source = at / 'x.ndjson.gz'
            source.write_bytes(gzip.compress(plain.read_bytes()))
        pipeline(at / 'p', [source])
        lakes.run(CUPEL, 'run', at / 'p', '--lake', at / 'lake', '--until-end')
        WRONG.extend(f'{form} gzip={packed}: {w}' for w in
                     lakes.check_truth(lakes.Lake(at / 'lake'), at / 'truth', TABLES, bank.sums(at / 'truth')))


def test_goes_on(home):
    """A second run reads what was added; a third finds nothing to do."""
    source = home / 'x.ndjson'
    bank.generate(GEN, '--rows', 3000, '--seed', 6, '--out', source, '--truth', home / 'truth')
    raw = source.read_bytes()
    cut = raw.index(b'\n', len(raw) // 2) + 1
    source.write_bytes(raw[:cut])
    pipeline(home / 'p', [source])
    command = ['run', home / 'p', '--lake', home / 'lake', '--until-end']
    lakes.run(CUPEL, *command)
    with open(source, 'ab') as file:
        file.write(raw[cut:])
    lakes.run(CUPEL, *command)
    sums = bank.sums(home / 'truth')
    WRONG.extend(lakes.check_truth(lakes.Lake(home / 'lake'), home / 'truth', TABLES, sums))
    epochs = len(lakes.Lake(home / 'lake').ledger('input'))
    lakes.run(CUPEL, *command)
    check(len(lakes.Lake(home / 'lake').ledger('input')) == epochs, 'a run without new input made an epoch')
    source.write_bytes(b'{"another": "file"}\n' + raw)
    done = lakes.run(CUPEL, *command, expect=1)
    check('x.ndjson' in done.stderr, 'a changed input is not named:', done.stderr)


def test_workers(home):
    """Files that are independent, on two workers: the same truth."""
    bank.generate(GEN, '--rows', 6000, '--partitions', 2, '--out', f'{home}/in/', '--truth', home / 'truth')
    pipeline(home / 'p', [home / 'in' / '*'], extra='    independent: true\n')
    lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--until-end', '--workers', '2')
    WRONG.extend(lakes.check_truth(lakes.Lake(home / 'lake'), home / 'truth', TABLES, bank.sums(home / 'truth')))
    lakes.run(CUPEL, 'verify', home / 'lake')


def test_without_schema(home):
    """Schemaless JSON without a contract is an error that says what to do."""
    source = home / 'x.ndjson'
    bank.generate(GEN, '--rows', 200, '--out', source)
    done = lakes.run(CUPEL, 'run', '--input', source, '--lake', home / 'lake', '--until-end', expect=None)
    said = done.stdout + done.stderr
    check('contract' in said and 'bank' in said, 'schemaless without contract says:', said)
    check(done.returncode != 0 or '200' in said, 'nobody is told of 200 lost records:', said)


CONFIG_ERRORS = [
    # a line put in the place of another; what the message must hold
    ('name: test', 'name: test\ncolour: blue', ['pipeline.yaml', ':2', 'colour']),
    ('name: test', 'name: test\ncodec: lzma', ['pipeline.yaml', ':2', 'codec', 'zstd', 'snappy']),
    ('name: test', 'name: test\nworkers: 1000', ['pipeline.yaml', ':2', 'workers', '64']),
    ('name: test', 'name: test\nlimits:\n  record_bytes_max: 1GiB', ['pipeline.yaml', ':3', 'record_bytes_max']),
    ('name: test', 'name: test\nworkers: many', ['pipeline.yaml', ':2', 'workers']),
    ('name: test', 'name: test\ncommit:\n  interval: -1s', ['pipeline.yaml', ':3', 'interval']),
    ('    form: auto', '    form: avro', ['pipeline.yaml', 'form', 'ndjson', 'dump']),
    ('name: test', 'name: [test', ['pipeline.yaml']),
]
CONTRACT_ERRORS = [
    ('wire: decimal_base64', 'wire: decimal_roman', ['customer.odcs.yaml', 'decimal_roman', 'decimal_base64']),
    ('physicalType: numeric(18,4)', 'physicalType: numerical(18,4)', ['customer.odcs.yaml', 'numerical']),
    ('          - {property: wire, value: decimal_base64}', '          - {property: colour, value: blue}',
     ['customer.odcs.yaml', 'balance', 'wire']),
]


def test_bad_configuration(home):
    source = home / 'x.ndjson'
    bank.generate(GEN, '--rows', 50, '--out', source)
    for old, new, wanted in CONFIG_ERRORS:
        folder = pipeline(home / 'p', [source])
        text = (folder / 'pipeline.yaml').read_text()
        assert text.count(old) == 1, old
        (folder / 'pipeline.yaml').write_text(text.replace(old, new))
        refused(home, new, wanted)
    for old, new, wanted in CONTRACT_ERRORS:
        folder = pipeline(home / 'p', [source])
        path = folder / 'contracts' / 'customer.odcs.yaml'
        text = path.read_text().replace('value: decimal_base64', 'value: decimal_base64')
        assert old in text or old.replace('wire: ', 'wire, value: ') in text, old
        path.write_text(text.replace(old, new).replace(old.replace('wire: ', 'wire, value: '),
                                                       new.replace('wire: ', 'wire, value: ')))
        refused(home, new, wanted)


def refused(home, what, wanted):
    for command in (['run', home / 'p', '--lake', home / 'lake', '--until-end'], ['validate', home / 'p', '--lake', home / 'lake']):
        done = lakes.run(CUPEL, *command, expect=2)
        missing = [w for w in wanted if w not in done.stderr]
        check(not missing, f'{command[0]} of {what!r}: the message lacks {missing}: {done.stderr}')
    check(not (home / 'lake' / '_cupel').exists(), f'{what!r}: a refused configuration touched the lake')


def test_usage(home):
    done = lakes.run(CUPEL, 'frobnicate', expect=2)
    check('run' in done.stderr and 'verify' in done.stderr, 'an unknown command lists none:', done.stderr)
    done = lakes.run(CUPEL, 'run', '--input', home / 'nothing*', '--lake', home / 'lake', '--until-end', expect=2)
    check('nothing*' in done.stderr, 'a pattern without files is not named:', done.stderr)
    done = lakes.run(CUPEL, 'run', '--fancy', expect=2)
    check('--fancy' in done.stderr, 'an unknown option is not named:', done.stderr)
    for topic in ('run', 'config', 'contract', 'outcomes'):
        check(len(lakes.run(CUPEL, 'help', topic).stdout) > 200, f'help {topic} says little')


def test_damage(home):
    """verify finds what no run would leave: a lost file, a flipped byte, a shortened archive."""
    source = home / 'x.ndjson'
    bank.generate(GEN, '--rows', 2000, '--out', source)
    pipeline(home / 'p', [source])
    lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--until-end')
    lakes.run(CUPEL, 'verify', home / 'lake')
    lakes.run(CUPEL, 'verify', home / 'lake', '--deep')

    def lose(path):
        path.unlink()

    def flip(path):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)

    def cut(path):
        path.write_bytes(path.read_bytes()[:-1])
    silver = [p for p in (home / 'lake').rglob('*.parquet') if '/silver/' in str(p) and '_delta_log' not in p.parts]
    bronze = [p for p in (home / 'lake').rglob('*') if p.is_file() and '/bronze/' in str(p) and '_index' not in p.parts]
    check(silver and bronze, 'no files to damage', silver, bronze)
    for damage, path in ((lose, silver[0]), (flip, silver[0]), (flip, bronze[0]), (cut, bronze[0]), (lose, bronze[0])):
        copy = home / 'copy'
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(home / 'lake', copy)
        damage(copy / path.relative_to(home / 'lake'))
        done = lakes.run(CUPEL, 'verify', copy, '--deep', expect=None)
        check(done.returncode == 1, f'verify gives {done.returncode} after {damage.__name__} of {path.name}')
        check(path.name in done.stdout + done.stderr, f'verify does not name {path.name} after {damage.__name__}:',
              done.stdout + done.stderr)


def test_zones(home):
    """--no-bronze keeps refused records whole in quarantine; --no-silver writes the archive alone."""
    source = home / 'x.ndjson'
    bank.generate(GEN, '--rows', 500, '--out', source)
    bad = b'{"before":null,"after":{"customer_id":]}'
    with open(source, 'ab') as file:
        file.write(bad + b'\n')
    pipeline(home / 'p', [source])
    lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'a', '--until-end', '--no-bronze')
    lake = lakes.Lake(home / 'a')
    rows = lake.quarantine()
    check(len(rows) == 1 and bytes(rows[0]['value']) == bad, 'without bronze quarantine holds', rows)
    check(not list((home / 'a').glob('*/bronze')), '--no-bronze wrote bronze')
    lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'b', '--until-end', '--no-silver')
    check(not lakes.Lake(home / 'b').silver(), '--no-silver wrote silver')
    for name in ('a', 'b'):
        lakes.run(CUPEL, 'verify', home / name)


def test_modes(home):
    """Bronze, quarantine and the journal are for nobody else; silver is for the group."""
    source = home / 'x.ndjson'
    bank.generate(GEN, '--rows', 200, '--out', source)
    pipeline(home / 'p', [source])
    lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--until-end')
    for path in (home / 'lake').rglob('*'):
        parts = path.relative_to(home / 'lake').parts
        if len(parts) < 2:
            continue
        silver = parts[1] == 'silver'
        wanted = (0o750 if silver else 0o700) if path.is_dir() else (0o640 if silver else 0o600)
        check(path.stat().st_mode & 0o777 == wanted, f'{"/".join(parts)} has mode {path.stat().st_mode & 0o777:o}')


def main():
    for test in [f for n, f in sorted(globals().items()) if n.startswith('test_')]:
        before = len(WRONG)
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(pathlib.Path(folder))
            except AssertionError as error:
                WRONG.append(str(error))
        WRONG[before:] = [f'{test.__name__}: {w}' for w in WRONG[before:]]
    for sentence in WRONG:
        print(sentence)
    return 1 if WRONG else 0


if __name__ == '__main__':
    sys.exit(main())
