#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   `cupel contract infer` writes contracts that are valid, that `cupel run` takes as they are, and
        that lead to the database's own final tables: with embedded schemas at once, without them after
        the decisions that the comments ask for, and no others.
Method: infer from a capture, check the contracts against the standard's published JSON schema, run with
        them, replay silver and compare with the oracle.

    test_contract_tools.py CUPEL ROOT"""
import json
import pathlib
import re
import shutil
import sys
import tempfile

import jsonschema
import lakes
import open_data_contract_standard
import yaml
from captures import Capture, read_losses
from cells import Oracle
from compare import compare, judge
from sarif_pydantic import Sarif
from test_captures import check_counts, replay_tables

CUPEL, ROOT = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
SCHEMA = json.loads((pathlib.Path(open_data_contract_standard.__file__).parent / 'schema.json').read_text())

# What a person decides about default-plain-precise-adaptive; every line was offered by a comment.
DECISIONS = {
    'account': {'opened_on': ('date', 'date_days'), 'balance': ('numeric(18,4)', 'decimal_base64')},
    'customer': {'date_of_birth': ('date', 'date_days'), 'created_at': ('timestamp with time zone', None),
                 'balance': ('numeric(18,4)', 'decimal_base64'), 'kyc': ('jsonb', None)},
    'transaction_log': {'amount': ('numeric(18,2)', 'decimal_base64'), 'ts': ('timestamp with time zone', None)},
    'audit_note': {'noted_at': ('timestamp without time zone', 'timestamp_ms')},
}


def decide(path, decisions):
    """Replaces the type of columns; each must have been offered in the comment above the column."""
    text = path.read_text()
    for column, (physical, wire) in decisions.items():
        found = re.search(rf'((?: +#.*\n)+)      - name: {column}\n((?:        .*\n)*)', text)
        assert found, f'{path}: no comment above {column}'
        offer = physical.split('(')[0] if 'numeric' in physical else physical
        assert re.search(rf'#   {offer}.*{wire or ""}', found[1]), f'{path}: {column}: {physical} {wire} not in {found[1]}'
        lines = re.sub(r'physicalType: .*', f'physicalType: {physical}', found[2])
        lines = re.sub(r'logicalType: .*\n +', '', lines)
        if wire:
            lines += f'        customProperties:\n          - {{property: wire, value: {wire}}}\n'
        text = text[:found.start(2)] + lines + text[found.end(2):]
    path.write_text(text)


def check_valid(folder):
    for path in sorted(folder.glob('contracts/*.odcs.yaml')):
        contract = yaml.safe_load(path.read_text())
        errors = list(jsonschema.Draft201909Validator(SCHEMA).iter_errors(contract))
        assert not errors, f'{path}: {errors[0].message} at {list(errors[0].absolute_path)}'


def round_trip(home, name, decisions):
    """Infer, decide, run; sentences on what differs from the oracle."""
    capture, folder = Capture(ROOT, name), home / name
    oracle = Oracle(capture.oracle_folder)
    done = lakes.run(CUPEL, 'contract', 'infer', capture.path, '--out', folder)
    assert '4 tables' in done.stderr and f'{capture.lines} records of 1 file' in done.stderr, done.stderr
    check_valid(folder)
    shutil.copytree(folder, home / f'{name}-before')
    for table, of in decisions.items():
        decide(folder / f'contracts/bank.{table}.odcs.yaml', of)
    check_valid(folder)
    lakes.run(CUPEL, 'run', folder, '--lake', home / f'lake-{name}', '--until-end')
    lake = lakes.Lake(home / f'lake-{name}')
    replays, old_keys = replay_tables(lake, oracle)
    wrong = judge(compare(oracle, replays), read_losses(capture))
    return [f'{name}: {sentence}' for sentence in wrong + check_counts(capture, lake, replays, old_keys)]


def check_policy(home):
    """The example keeps the example's policy; what was inferred does not, and SARIF says so."""
    root, folder = pathlib.Path(ROOT), home / 'default-plain-precise-adaptive'
    policy = root / 'configs/policy.yaml'
    check_valid(root / 'configs/bank')
    done = lakes.run(CUPEL, 'contract', 'check', root / 'configs/bank', '--policy', policy)
    assert done.stdout == '3 contracts: 0 errors, 0 warnings, 0 notes\n', done.stdout
    listed = json.loads(lakes.run(CUPEL, 'contract', 'check', folder, '--policy', policy, '--format', 'json',
                                  expect=1).stdout)
    text = lakes.run(CUPEL, 'contract', 'check', 'contracts', '--policy', policy.resolve(), '--format', 'sarif',
                     expect=1, cwd=folder).stdout
    sarif = Sarif.model_validate_json(text)
    assert sarif.version == '2.1.0' and not sarif.model_extra.get('inlineExternalProperties')
    driver, results = sarif.runs[0].tool.driver, sarif.runs[0].results
    assert len(results) == len(listed['findings']) == sum(listed[k] for k in ('errors', 'warnings', 'notes')) > 50
    for result, finding in zip(results, listed['findings']):
        region = result.locations[0].physical_location.region
        uri = result.locations[0].physical_location.artifact_location.uri
        lines = (folder / uri).read_text().splitlines()
        assert 1 <= region.start_line <= len(lines) and region.start_column <= len(lines[region.start_line - 1]) + 1
        assert driver.rules[result.rule_index].id == result.rule_id == finding['rule'] and result.message.text
        assert result.level.value == finding['severity'] and region.start_line == finding['line']
        assert not uri.startswith('/') and finding['file'].endswith(uri)
    fingerprints = [tuple(json.loads(text)['runs'][0]['results'][i]['partialFingerprints'].values())
                    for i in range(len(results))]
    assert len(set(fingerprints)) == len(fingerprints)
    missing = {f['rule'] for f in listed['findings']}
    assert missing == {'contract-description', 'owner', 'sla', 'table-description', 'primary-key', 'column-description',
                       'classification'}, missing


def check_diff(home, before):
    """The decisions are changes of type and wire, in the columns where they were made."""
    done = lakes.run(CUPEL, 'contract', 'diff', before, home / 'default-plain-precise-adaptive', '--format', 'json',
                     expect=1)
    told = {(c['table'], c['member']): c['kind'] for c in json.loads(done.stdout)['changes']
            if c['kind'] != 'other-changed'}
    made = {(table, column): 'type-spelled' if physical == 'jsonb' else 'type-changed'
            for table, of in DECISIONS.items() for column, (physical, _) in of.items()}
    told[('customer', 'kyc')] = told[('customer', 'kyc')].replace('wire-changed', 'type-spelled')
    assert told == made, f'{told}\n{made}'
    lakes.run(CUPEL, 'contract', 'diff', before, before)


def main():
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        wrong = round_trip(home, 'default-schema-precise-adaptive', {})
        wrong += round_trip(home, 'default-plain-precise-adaptive', DECISIONS)
        check_policy(home)
        check_diff(home, home / 'default-plain-precise-adaptive-before')
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
