#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   each rule of a contract, broken once, sends exactly that record to quarantine, with the rule's id
        and the byte of the value; a rule for the records of an epoch warns, pauses or aborts, and nothing
        is lost; so does the circuit breaker.
Method: events made here, each knows the rule that it breaks; tables read with DuckDB; a run that was
        aborted is run again with another contract; `cupel verify --deep` at the end.

    test_rules.py CUPEL"""
import json
import pathlib
import shutil
import sys
import tempfile
import time

import contracts
import lakes
import runs

CUPEL = sys.argv[1]
WRONG = []
START_US = 1767225600000000
WAIT_SECONDS = 600  # for what only a fault keeps from coming
DAY_SECONDS = 200  # more than this test takes
ONE_EPOCH = 'commit: {interval: 1h}\n'  # however slow the machine is
PAUSED = 'and nothing is read for 1.5 s'
UNAVAILABLE = '__debezium_unavailable_value'

PROPERTIES = '''
      - {name: id, physicalType: bigint, primaryKey: true, required: true, unique: true}
      - {name: email, physicalType: text, logicalType: string, logicalTypeOptions: {format: email, maxLength: 20}}
      - name: amount
        physicalType: numeric(10,2)
        logicalType: number
        logicalTypeOptions: {minimum: 0.005, exclusiveMaximum: 1000, multipleOf: 0.05}
        customProperties: [{property: wire, value: decimal_text}]
      - name: status
        physicalType: text
        quality: [{id: known_status, metric: invalidValues, mustBe: 0, arguments: {validValues: [open, closed, "\\u00e9"]}}]
      - {name: code, physicalType: text, logicalType: string, logicalTypeOptions: {pattern: '^[A-Z]{2}\\d+$', minLength: 3}}
      - name: note
        physicalType: text
        quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: [null, '', N/A]}}]
      - name: born
        physicalType: date
        logicalType: date
        logicalTypeOptions: {minimum: '1900-01-01', maximum: '2026-12-31'}
        customProperties: [{property: wire, value: date_days}]
      - {name: level, physicalType: double precision, logicalType: number, logicalTypeOptions: {exclusiveMinimum: 0.5}}
      - {name: rank, physicalType: smallint, logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 5, format: u8}}
      - {name: tags, physicalType: 'text[]', logicalType: array, logicalTypeOptions: {minItems: 1, maxItems: 3, uniqueItems: true}}
      - {name: trap, physicalType: text, logicalType: string, logicalTypeOptions: {pattern: '^(a+)+$'}}
'''
GOOD = {'email': 'a@b.example', 'amount': '12.50', 'status': 'open', 'code': 'DE1', 'note': 'x', 'born': 0,
        'level': 0.75, 'rank': 5, 'tags': ['a', 'b'], 'trap': 'aaa'}

# (values that differ from GOOD, rule, column); one rule is broken by each
BROKEN = [
    ({'email': 'a.example'}, 'account.email.format', 'email'),
    ({'email': 'abcdefghijklm@b.example'}, 'account.email.maxLength', 'email'),
    ({'amount': '0.00'}, 'account.amount.minimum', 'amount'),
    ({'amount': '1000.00'}, 'account.amount.exclusiveMaximum', 'amount'),
    ({'amount': '12.51'}, 'account.amount.multipleOf', 'amount'),
    ({'status': 'gone'}, 'account.status.known_status', 'status'),
    ({'status': 'Open'}, 'account.status.known_status', 'status'),
    ({'code': 'de1'}, 'account.code.pattern', 'code'),
    ({'code': 'DE1\n'}, 'account.code.pattern', 'code'),
    ({'note': ''}, 'account.note.missingValues', 'note'),
    ({'note': 'N/A'}, 'account.note.missingValues', 'note'),
    ({'born': -25568}, 'account.born.minimum', 'born'),
    ({'born': 20819}, 'account.born.maximum', 'born'),
    ({'level': 0.5}, 'account.level.exclusiveMinimum', 'level'),
    ({'rank': 0}, 'account.rank.minimum', 'rank'),
    ({'rank': 6}, 'account.rank.maximum', 'rank'),
    ({'tags': []}, 'account.tags.minItems', 'tags'),
    ({'tags': ['a', 'b', 'c', 'd']}, 'account.tags.maxItems', 'tags'),
    ({'tags': ['a', 'a']}, 'account.tags.uniqueItems', 'tags'),
]
KEPT = [{'email': None}, {'amount': '0.05'}, {'amount': '999.95'}, {'status': 'é'}, {'born': -25567}, {'born': 20818},
        {'level': 0.5000001}, {'level': None}, {'rank': 1}, {'tags': ['a', 'b', 'c']}, {'tags': None}, {'status': None},
        {'note': 'n/a'}]


def check(condition, *what):
    if not condition:
        WRONG.append(' '.join(map(str, what)))


def event(table, after, op='c', before=None, ts_us=START_US):
    source = {'connector': 'postgresql', 'name': 'pg', 'db': 'd', 'schema': 's', 'table': table, 'lsn': 1, 'ts_us': ts_us}
    return json.dumps({'before': before, 'after': after, 'source': source, 'op': op}, ensure_ascii=False)


def contract(properties, quality='', sla=''):
    return ('apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n' + sla +
            'schema:\n  - name: account\n    customProperties: [{property: sourceSchema, value: s}]\n' + quality +
            '    properties:' + properties)


def setup(home, text, lines, extra=''):
    (home / 'in.ndjson').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    contracts.write_pipeline(home / 'p', [home / '*.ndjson'], {'x': text}, extra=extra)


def run(home, *more, expect=0):
    return lakes.run(CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--until-end', '--workers', '1', *more, expect=expect)


def check_values(home):
    lines, expected, accepted = [], {}, 0
    at = 0

    def add(line, rule=None, column=None, reason='rule_violated', value=None):
        nonlocal at, accepted
        raw = line.encode()
        if rule is None:
            accepted += 1
        else:
            member = json.dumps(column) + ': '
            byte = None
            if value:  # of a text its first character, behind the quote
                byte = raw.index(member.encode(), raw.index(b'"after"')) + len(member)
                byte += raw[byte:byte + 1] == b'"'
            expected[at] = (rule, reason, f'after.{column}', byte)
        lines.append(line)
        at += len(raw) + 1

    for i, (values, rule, column) in enumerate(BROKEN):
        add(event('account', {'id': i, **GOOD}))
        add(event('account', {'id': i, **GOOD, **values}), rule, column, value=True)
        add(event('account', {'id': i, **GOOD, **values}, 'u', {'id': i}), rule, column, value=True)
        add(event('account', {'id': i, **GOOD, **values}, 'r'), rule, column, value=True)
    for i, values in enumerate(KEPT):
        add(event('account', {'id': 100 + i, **GOOD, **values}))
    add(event('account', {'id': 200, **GOOD, 'note': None}), 'account.note.required', 'note', 'null_in_required', True)
    without = {k: v for k, v in GOOD.items() if k != 'note'}
    add(event('account', {'id': 201, **without}), 'account.note.required', 'note', 'missing_field')
    add(event('account', {'id': None, **GOOD}), 'account.id.required', 'id', 'null_in_required', True)
    add(event('account', {'id': 202, **GOOD, 'trap': 'a' * 40 + '!'}), 'account.trap.pattern', 'trap', 'rule_limit', True)
    add(event('account', {'id': 203, **GOOD, 'code': UNAVAILABLE}, 'u'))  # unset: no value to judge
    add(event('account', None, 'd', {'id': 0, **GOOD, 'rank': 77}))  # what goes need not be good
    add(event('account', {'id': 204, **GOOD, 'rank': 6, 'level': 0}), 'account.level.exclusiveMinimum', 'level',
        value=True)  # the first by column
    setup(home, contract(PROPERTIES), lines)
    run(home)
    lakes.run(CUPEL, 'verify', home / 'lake', '--deep')
    lake = lakes.Lake(home / 'lake')
    got = {row['position']: (row['rule'], row['reason'], row['path'], row['byte']) for row in lake.quarantine()}
    for position in sorted(set(got) | set(expected)):
        check(got.get(position) == expected.get(position), 'at', position, 'quarantine has', got.get(position),
              'not', expected.get(position))
    rows = lake.one(f"SELECT count(*) FROM {lake.scan(lake.silver()['s.account'])}")
    check(rows == accepted, rows, 'rows, not', accepted)


def check_validate(home):
    text = contract('''
      - {name: id, physicalType: bigint, primaryKey: true}
      - {name: email, physicalType: text, unique: true}
''', "    quality: [{type: sql, query: 'SELECT 1', mustBe: 1}]\n")
    setup(home, text, [event('account', {'id': 1, 'email': 'x'})], 'lake: lake\n')
    said = lakes.run(CUPEL, 'validate', home / 'p').stdout
    check('not checked by cupel: ' in said and 'account.email: unique' in said, said)
    check('account: quality of type sql' in said, said)


SMALL = '''
      - {name: id, physicalType: bigint, primaryKey: true}
      - {name: rank, physicalType: bigint, logicalType: integer, logicalTypeOptions: {maximum: 5}}
      - {name: fill, physicalType: text}
'''


def events(count, bad_percent, first=0, fill=10):
    return [event('account', {'id': first + i, 'rank': 6 if i * 7919 % 100 < bad_percent else 5, 'fill': 'x' * fill})
            for i in range(count)]


def state(home):
    lake = lakes.Lake(home / 'lake')
    tables = lake.silver()
    ids = lake.rows(f"SELECT id FROM {lake.scan(tables['s.account'])}") if tables else []
    return len(ids), len({row['id'] for row in ids}), len(lake.quarantine())


def check_abort(home, name, quality, extra):
    """Good records, then bad ones: the bad epoch leaves no trace, and is read again when the limit is gone."""
    setup(home, contract(SMALL, quality), events(1000, 2), ONE_EPOCH + extra)
    run(home)
    check(state(home) == (980, 980, 20), 'below the limit', state(home))
    with open(home / 'in.ndjson', 'a') as more:
        more.write('\n'.join(events(1000, 20, 1000)) + '\n')
    for _ in range(2):  # the same again: nothing has moved
        said = run(home, expect=1).stderr
        check(f'rule {name} is broken in epoch 2: the share of' in said and ': 20 percent, allowed: at most 5 (1000 records'
              in said, said)
        check('the epoch was dropped and the run ends' in said and 'what to do: ' in said, said)
        check(state(home) == (980, 980, 20), 'after the abort', state(home))
    lakes.run(CUPEL, 'verify', home / 'lake', '--deep')
    contracts.write_pipeline(home / 'p', [home / 'in.ndjson'], {'x': contract(SMALL)})
    run(home)
    check(state(home) == (1780, 1780, 220), 'at the end', state(home))
    lakes.run(CUPEL, 'verify', home / 'lake', '--deep')


def committed(home):
    """Rows of each epoch in silver."""
    return [rows for table in (home / 'lake').glob('default/silver/*/*/*') for rows in lakes.added_rows(table)]


def wait(run, holds, what):
    until = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert run.running() and time.monotonic() < until, f'pause: {what}: {run.said()}'
        time.sleep(0.01)


def bring(home, number):
    """A file of bad records, whole when it is seen: an epoch of its first or last lines might have no bad one."""
    (home / 'new').mkdir(exist_ok=True)  # a folder that nobody watches
    (home / 'new/part').write_text('\n'.join(events(1000, 20, 1000 * number)) + '\n')
    (home / 'new/part').rename(home / f'part{number}.ndjson')


def paused_run(home):
    """A run that goes on for ever meets bad records twice, each time when it has read all; what it said, and how long
    behind the coming of bad records it went on, at least."""
    run = runs.Run([CUPEL, 'run', home / 'p', '--lake', home / 'lake', '--workers', '1'], home / 'said')
    said, took = lambda piece: run.said().count(piece), []
    for part in range(2):
        began = time.monotonic()
        bring(home, part)
        wait(run, lambda: sum(committed(home)) == 800 * (part + 1), f'rows of part {part}')
        epochs = len(committed(home))
        wait(run, lambda: said('going on') == said(PAUSED) == epochs, f'part {part}')
        took.append(time.monotonic() - began)
    run.process.terminate()
    check(run.gone() == 0, 'the end of a run that paused', run.said())
    return run.said(), min(took)


def check_pause(home):
    """Every epoch is bad: each but the last of a run to the end is followed by a pause, and all is committed."""
    quality = ('    quality: [{metric: invalidValues, unit: percent, mustBeLessThan: 5}, '
               '{metric: rowCount, mustBeGreaterThan: 100000, customProperties: [{property: onFailure, value: warn}]}]\n')
    sla = 'slaProperties: [{property: latency, value: 1, unit: h, element: account}]\n'
    setup(home, contract(SMALL, quality, sla), [], 'commit: {interval: 100ms}\nbreaker: {pause: 1500ms}\n')
    first, took = paused_run(home)
    paused = first.count(PAUSED)
    check(paused >= 2 and took >= 1.5, paused, 'pauses, bad records and a pause took', took, 's', first)
    bring(home, 2)
    last = run(home, '--commit-interval', '1h').stderr  # else it may end when all is read, but before that is known
    said = first + last
    ended = last.count('the run ends anyway')
    check(ended == 1 and PAUSED not in last, last)
    for rule in ('failureRate is broken', 'rowCount is broken', 'latency is broken'):
        check(said.count(f'rule account.{rule}') == paused + ended, rule, paused, said)
    check(said.count('going on') == paused and 'at least 100001' in said and 'at most 3600' in said, said)
    check(state(home) == (2400, 2400, 600), 'at the end', state(home))


def main():
    lakes.await_day(DAY_SECONDS)
    home = pathlib.Path(tempfile.mkdtemp(prefix='cupel-rules-'))
    cases = {
        'values': check_values,
        'validate': check_validate,
        'abort': lambda at: check_abort(
            at, 'account.failureRate', '    quality:\n      - metric: invalidValues\n        unit: percent\n'
            '        mustBeLessOrEqualTo: 5\n'
            '        customProperties: [{property: onFailure, value: abort}]\n', ''),
        'breaker': lambda at: check_abort(at, 'breaker', '', 'breaker: {rate: 5%, records: 100, action: abort}\n'),
        'pause': check_pause,
    }
    for name, case in cases.items():
        (home / name).mkdir()
        before = len(WRONG)
        case(home / name)
        print(name, 'ok' if len(WRONG) == before else 'WRONG')
    for line in WRONG:
        print(line)
    if not WRONG:
        shutil.rmtree(home)
    return 1 if WRONG else 0


if __name__ == '__main__':
    sys.exit(main())
