#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   the contracts that we write are contracts of the Open Data Contract Standard, and cupel knows
        exactly its keys.
Method: the standard's public JSON schema (PyPI open-data-contract-standard): our examples, the tests' own
        contracts and the one that cupel prints are valid, damaged ones are not (those that cupel infers:
        test_contract_tools.py); odcs.def has the schema's keys, place by place.

    test_odcs.py CUPEL ROOT"""
import importlib.resources
import json
import pathlib
import re
import sys

import jsonschema
import yaml

CUPEL, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
sys.argv = sys.argv[:2]

import contracts  # noqa: E402
import lakes  # noqa: E402
import test_rules  # noqa: E402

WRONG = []
SCHEMA = json.loads((importlib.resources.files('open_data_contract_standard') / 'schema.json').read_text())
JUDGE = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)

# Place in odcs.def: definitions of the schema whose properties it has.
PLACES = {'TABLE': ['SchemaElement', 'SchemaObject'], 'COLUMN': ['SchemaElement', 'SchemaBaseProperty'],
          'QUALITY': ['DataQuality', 'DataQualityLibrary', 'DataQualitySql', 'DataQualityCustom'],
          'SLA': ['ServiceLevelAgreementProperty'], 'SUPPORT': ['SupportItem'], 'PRICE': ['Pricing'],
          'TEAM': ['Team', 'TeamMember'], 'MEMBER': ['TeamMember'], 'ROLE': ['Role'], 'RELATION': ['RelationshipBase'],
          'CUSTOM': ['CustomProperty']}
# Keys of v3.2, and those that stand in parts of definitions.
LATER = {'CONTRACT': {'context'}, 'TABLE': {'deprecated', 'synonyms', 'context'},
         'COLUMN': {'enum', 'deprecated', 'synonyms', 'semanticType', 'items', 'properties', 'logicalTypeOptions'},
         'SLA': {'customProperties', 'authoritativeDefinitions'}, 'RELATION': {'id'}, 'CUSTOM': {'vendor'},
         'SERVER': {'catalogUrl', 'namespace', 'encoding', 'workgroup'},
         'QUALITY': {'mustBe', 'mustNotBe', 'mustBeGreaterThan', 'mustBeGreaterOrEqualTo', 'mustBeLessThan',
                     'mustBeLessOrEqualTo', 'mustBeBetween', 'mustNotBeBetween'}}


class Plain(yaml.SafeLoader):
    """YAML without dates: the standard has texts there."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != 'tag:yaml.org,2002:timestamp']
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def errors(text):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in
            JUDGE.iter_errors(yaml.load(text, Plain))]


def check(condition, *what):
    if not condition:
        WRONG.append(' '.join(map(str, what)))


def ours():
    """(name, text) of every contract that we write by hand or make."""
    for path in sorted((ROOT / 'configs').rglob('*.odcs.yaml')):
        yield str(path.relative_to(ROOT)), path.read_text()
    for readme in sorted(ROOT.glob('**/README.md')):
        for block in re.findall(r'```ya?ml\n(.*?)```', readme.read_text(), re.S):
            if 'kind: DataContract' in block:
                yield str(readme.relative_to(ROOT)), block
    printed = lakes.run(CUPEL, 'help', 'contract').stdout
    yield 'cupel help contract', printed[printed.index('apiVersion:'):printed.index('\npartitioned: true')]
    yield 'test_rules', test_rules.contract(test_rules.PROPERTIES)
    yield 'test_rules, datasets', test_rules.contract(
        test_rules.SMALL, '    quality: [{metric: rowCount, mustBeBetween: [1, 9], customProperties: [{property: '
        'onFailure, value: warn}]}, {metric: invalidValues, unit: percent, mustBeLessThan: 5}]\n',
        'slaProperties: [{property: latency, value: 1, unit: h, element: account}]\n')
    yield 'contracts.contract', contracts.contract('s', 't', [('id', 'bigint', None, 1, True),
                                                              ('at', 'timestamp', 'timestamp_us', 0, False)], 'full')


def in_def():
    """{place: keys} of odcs.def."""
    places = {}
    text = (ROOT / 'control/contract/odcs.def').read_text()
    for place, key in re.findall(r'^CUP_ODCS\((\w+), \w+, "(\w+)"\)', text, re.M):
        places.setdefault(place, set()).add(key)
    return places


def check_keys():
    places, definitions = in_def(), SCHEMA['$defs']
    wanted = {place: {k for name in names for k in definitions[name].get('properties', {})}
              for place, names in PLACES.items()}
    wanted['CONTRACT'] = set(SCHEMA['properties'])
    wanted['ABOUT'] = set(SCHEMA['properties']['description']['properties'])
    wanted['DEFINITION'] = set(definitions['AuthoritativeDefinitions']['items']['properties'])
    wanted['SERVER'] = set(definitions['Server']['properties']).union(
        *(source.get('properties', {}) for source in definitions['ServerSource'].values()))
    wanted['OPTIONS'] = {key for part in definitions['SchemaBaseProperty']['allOf']
                         for key in part.get('then', {}).get('properties', {}).get('logicalTypeOptions', {})
                         .get('properties', {})}
    check(len(wanted['OPTIONS']) > 10 and len(wanted['QUALITY']) > 15, 'the schema has another form')
    for place, keys in wanted.items():
        check(keys <= places[place], place, 'lacks', sorted(keys - places[place]))
        extra = places[place] - keys - LATER.get(place, set())
        check(not extra, place, 'has keys that are not of the standard:', sorted(extra))


def check_damaged():
    """The schema judges: a misspelt key, a wrong word, a missing key."""
    good = test_rules.contract(test_rules.PROPERTIES)
    check(not errors(good), 'good', errors(good))
    for was, bad in (('physicalType', 'fysicalType'), ('logicalType: number', 'logicalType: nmbr'), ('status: active\n', ''),
                     ('metric: invalidValues', 'metric: wrongValues'), ('minLength: 3', 'minLenght: 3')):
        check(was in good and errors(good.replace(was, bad)), 'accepted', bad)


def main():
    count = 0
    for name, text in ours():
        found = errors(text)
        check(not found, name, found)
        count += 1
    check(count >= 6, count, 'contracts')
    check_keys()
    check_damaged()
    print(count, 'contracts')
    for line in WRONG:
        print(line)
    return 1 if WRONG else 0


if __name__ == '__main__':
    sys.exit(main())
