#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   the command says what is wrong and what to do, with the exit codes that help names.
Method: run the program as a person would: help, wrong words, a folder to validate, the example in
        configs/bank and configs/kafka. Nothing here starts the data plane. Arguments: CUPEL ROOT."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CUPEL, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*words):
    done = subprocess.run([CUPEL, *map(str, words)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def check(got, code, out='', err=''):
    ok = got[0] == code and out in got[1] and err in got[2]
    assert ok, f'wanted {code} {out!r} {err!r}\ngot {got}'


def check_words():
    check(run(), 2, 'cupel run --input')
    check(run('--version'), 0, 'cupel 0.')
    check(run('help'), 0, 'commands\n')
    check(run('--help'), 0, 'exit codes: 0 fine')
    check(run('run', '--help'), 0, '--until-end')
    check(run('help', 'config'), 0, 'limits.record_bytes_max   (bytes, 4096 to 16777216)')
    check(run('help', 'nothing'), 2, err='there is no help for "nothing"')
    check(run('rum'), 2, err='there is no command "rum"; try one of: run validate')
    check(run('run', '--inptu', 'x'), 2, err='did you mean --input?')
    check(run('validate'), 2, err='validate needs the folder of a pipeline')


def check_contract(folder):
    check(run('contract'), 2, err='contract needs a word; allowed: infer, check, diff')
    check(run('contract', 'infr'), 2, err='there is no "infr"; allowed: infer, check, diff')
    check(run('contract', 'diff', 'a'), 2, err='contract diff needs OLD NEW')
    check(run('contract', 'check', 'a', 'b'), 2, err='contract check needs FOLDER')
    check(run('contract', 'check', 'a', '--polcy', 'x'), 2, err='has no option --polcy; allowed: --policy, --format')
    check(run('contract', 'diff', 'a', 'b', '--format', 'sarif'), 2, err='"sarif" is not known; allowed: text, json')
    check(run('contract', 'check', folder / 'none'), 2, err='none: No such file or directory')
    check(run('contract', 'infer', 'a', '--records', '0'), 2, err='is no count; allowed: 1 to')
    check(run('contract', 'infer', 'a', '--format=debezum'), 2, err='"debezum" is not known; allowed: debezium')
    check(run('contract', 'check', ROOT / 'configs/bank'), 0, out='3 contracts: 0 errors')
    check(run('help', 'contract'), 0, 'key-changed            producers, consumers, lake')


def check_run(folder):
    (folder / 'a.ndjson').write_text('{}\n')
    check(run('run', '--input', folder / '*.ndjson', '--until-end'), 2, err='there is no lake')
    check(run('run', '--input', folder / '*.ndjson'), 2, err='there is no lake')
    check(run('run', '--lake', folder / 'lake', '--until-end'), 2, err='there is no input')
    check(run('run', '--input', folder / '*.none', '--lake', folder / 'lake', '--until-end'), 2,
          err='*.none: no file matches')
    check(run('run', '--input', folder / '*.ndjson', '--lake', folder / 'no/lake', '--until-end'), 2,
          err='no/lake: No such file or directory')
    assert not (folder / 'lake').exists(), 'a refused run makes no lake'


def check_validate(folder):
    bank = folder / 'bank'
    shutil.copytree(ROOT / 'configs/bank', bank)
    check(run('validate', bank), 2, err='no file matches')
    (bank / 'data').mkdir(exist_ok=True)
    (bank / 'data/x.ndjson').write_text('{"op":"c"}\n')
    check(run('validate', bank), 0, 'balance                  decimal(18,2) from decimal_base64, required')
    check(run('validate', bank), 0, '3 tables by contract')
    check(run('validate', bank), 0, 'warning: unavailable')
    check(run('validate', bank), 0, 'drift.columns is evolve for')
    text = (bank / 'pipeline.yaml').read_text()
    (bank / 'pipeline.yaml').write_text(text.replace('depth_max: 64', 'depth_mx: 64'))
    line = text[:text.index('depth_max')].count('\n') + 1
    check(run('validate', bank), 2, err=f'pipeline.yaml:{line}: limits.depth_mx: there is no such key')
    (bank / 'pipeline.yaml').write_text(text)
    contract = bank / 'contracts/account.odcs.yaml'
    contract.write_text(contract.read_text().replace('decimal_base64', 'base64', 1))
    check(run('validate', bank), 2, err='column balance: wire "base64" is no encoding of numeric; allowed: '
                                        'decimal_base64')


def check_kafka(folder):
    kafka = folder / 'kafka'
    shutil.copytree(ROOT / 'configs/kafka', kafka)
    check(run('validate', kafka), 2, err='pipeline.yaml:20: the environment has no variable BROKERS')
    os.environ['BROKERS'] = 'localhost:9092'
    check(run('validate', kafka), 0, 'topics /pg\\.bank\\.(customer|account|transaction)/: behind')
    check(run('validate', kafka), 0, '  cleanup.policy = compact')
    text = (kafka / 'pipeline.yaml').read_text()
    keys = re.findall(r'^(?:kafka|output|input\[\])\.([a-z_]+)', run('help', 'config')[1], re.M)
    assert len(keys) > 20, keys
    for key in set(keys) - {'files', 'form', 'independent'}:
        assert re.search(rf'^[ #-]*{key}:', text, re.M), f'configs/kafka does not explain {key}'
    for line in re.findall(r'^  # (\w+: secrets/\S+)$', text, re.M):
        assert line.split(':')[0] in keys, line
    secured = text.replace('security: plaintext', 'security: sasl_tls\n  username: cupel\n'
                                                  '  password_file: secrets/kafka')
    (kafka / 'pipeline.yaml').write_text(secured)
    check(run('validate', kafka), 2, err='kafka.password_file: ')
    (kafka / 'secrets').mkdir()
    (kafka / 'secrets/kafka').write_text('hunter2')
    (kafka / 'secrets/kafka').chmod(0o600)
    shown = run('validate', kafka)
    check(shown, 0, 'sasl.password = what is in ')
    assert 'hunter2' not in shown[1] + shown[2]
    (kafka / 'pipeline.yaml').write_text(secured + 'format: auto\n')
    check(run('validate', kafka), 2, err='format: auto')
    check(run('run', '--topics', 'a', '--lake', folder / 'lake'), 2, err='kafka.brokers: is missing')
    check(run('run', '--brokers', 'b:1', '--topics', 'a b', '--lake', folder / 'lake'), 2,
          err='"a b" is no name of a topic')
    check(run('run', '--shard', '3/3', '--input', 'x', '--lake', folder / 'lake'), 2, err='"3/3" is no shard')


def main():
    check_words()
    with tempfile.TemporaryDirectory() as folder:
        check_contract(pathlib.Path(folder))
        check_run(pathlib.Path(folder))
        check_validate(pathlib.Path(folder))
        check_kafka(pathlib.Path(folder))


main()
