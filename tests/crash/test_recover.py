#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   a lake that was damaged, put back from a backup or changed by others is never made worse: `cupel run`
        refuses and names the way out, `cupel recover` explains it, and the way leads back to a lake that verifies.
Method: a lake of three days (one input file each), with copies of each evening. Each case breaks a copy for real
        (yesterday's journal, yesterday's table, a table made anew, a flipped byte, ...), sees the run refuse, does what
        `recover` says, runs again, and counts rows with DuckDB against a lake that never broke.

    test_recover.py CUPEL GEN ROOT"""
import atexit
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'oracle'))
import bank
import lakes

SHARD = '_cupel/default/run/0'
LEDGER = '_cupel/default/run/ledger'
INDEX = 'default/bronze/run/_index'
ACCOUNT = 'default/silver/pg/bank/account'
FRAME = 4096
WAIT_SECONDS = 600  # for what only a fault keeps from coming
VERIFY_STEPS = 6
EPOCH_FRAME = 2


def await_(run, condition):
    """Waits for what a run does that goes on."""
    due = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert run.poll() is None, f'the run ended with {run.returncode}'
        if time.monotonic() > due:
            run.kill()
            raise AssertionError('it does not come')
        time.sleep(0.002)


def digest(folder):
    """Everything below a folder: names and bytes."""
    sums = {}
    for path in sorted(pathlib.Path(folder).rglob('*')):
        if path.is_file():
            sums[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return sums


class Case:
    """One broken lake; `wrong` collects what should not be."""

    def __init__(self, world, name, day):
        self.world, self.name, self.wrong = world, name, []
        self.folder = world.home / 'cases' / name
        shutil.copytree(world.days[day], self.folder, symlinks=True)

    def fail(self, sentence):
        self.wrong.append(f'{self.name}: {sentence}')

    def restore(self, what, day):
        """Puts a part of the lake back from a day's backup, or removes it when that day had none."""
        shutil.rmtree(self.folder / what)
        if (self.world.days[day] / what).exists():
            shutil.copytree(self.world.days[day] / what, self.folder / what)

    def run(self, inputs, expect=0):
        return self.world.run(self.folder, inputs, expect)

    def recover(self, *words, expect=0):
        return lakes.run(self.world.cupel, 'recover', self.folder, *words, expect=expect)

    def explain(self, refuses, needle='', way=''):
        """The finding with `needle`; explain must say the same as text and as JSON, and write nothing."""
        before = digest(self.folder)
        text = self.recover(expect=1 if refuses else 0).stdout
        shards = [json.loads(line) for line in self.recover('--json', expect=1 if refuses else 0).stdout.splitlines()]
        if digest(self.folder) != before:
            self.fail('explain wrote into the lake')
        findings = [f for shard in shards for f in shard['next_run'] if f['refuses'] == refuses]
        for finding in findings:
            if finding['what'] not in text:
                self.fail(f'only --json says {finding["what"]}')
            if needle in finding['what'] and way in (finding['way'] or ''):
                return finding
        self.fail(f'explain does not say "{needle}", "{way}": {text}')
        return None

    def refused(self, inputs, needle):
        """The run must refuse with this and point to recover; nothing may be changed but the journal's segments."""
        done = self.run(inputs, expect=1)
        if needle not in done.stderr:
            self.fail(f'the run should say "{needle}", but says {done.stderr[-600:]}')
        if 'cupel recover' not in done.stderr:
            self.fail(f'the run does not point to cupel recover: {done.stderr[-600:]}')

    def change(self, *words):
        """A changing command: without --yes nothing happens, with it there is a line in recover.log."""
        before = digest(self.folder)
        said = self.recover(*words).stdout
        if digest(self.folder) != before:
            self.fail(f'{words} without --yes changed something')
        if 'nothing was changed' not in said:
            self.fail(f'{words} without --yes does not say so: {said}')
        done = self.recover(*words, '--yes').stdout
        log = self.folder / SHARD / 'recover.log'
        lines = [json.loads(line) for line in log.read_text().splitlines() if line]
        if not lines or words[0] not in lines[-1]['did'] or lines[-1]['uid'] != os.getuid():
            self.fail(f'recover.log does not tell of {words}: {lines}')
        return done

    def unchanged(self, *words, needle):
        """A command that must refuse, and leave everything as it is."""
        before = digest(self.folder)
        said = self.recover(*words, '--yes', expect=1)
        if needle not in said.stdout + said.stderr:
            self.fail(f'{words} should say "{needle}": {said.stdout}{said.stderr}')
        after = digest(self.folder)
        lock = str(self.folder / SHARD / 'lock')
        before.pop(lock, None), after.pop(lock, None)
        if after != before:
            self.fail(f'{words} was refused, but changed something')

    def whole(self, rows, note=None):
        """The lake verifies, byte by byte, and its tables have these rows."""
        done = lakes.run(self.world.cupel, 'verify', self.folder, '--deep', expect=None)
        if done.returncode != 0 or '\nok\n' not in done.stdout:
            self.fail(f'verify: {done.stdout[-1500:]}{done.stderr[-500:]}')
        if ('note:' in done.stdout) != (note is not None) or (note or '') not in done.stdout:
            self.fail(f'verify should note "{note}": {done.stdout[-800:]}')
        got = counts(self.folder)
        if got != rows:
            self.fail(f'rows {got}, expected {rows}')


def counts(folder):
    lake = lakes.Lake(folder)
    return {name: lake.one(f'SELECT count(*) FROM {lake.scan(path)}') for name, path in lake.silver().items()}


class World:
    """Inputs a, b, c; days[n] is the lake after n of them; rows[n] what its tables held then."""

    def __init__(self, cupel, gen, home):
        self.cupel, self.gen, self.home = cupel, gen, home
        self.inputs, self.days, self.rows = [], [], []
        lake = home / 'lake'
        lake.mkdir()
        for number, name in enumerate('abc'):
            path = home / f'{name}.dump'
            bank.generate(gen, '--rows', 400, '--seed', 7 + number, '--form', 'dump', '--schema', 'on', '--out', path)
            self.inputs.append(path)
        for day in range(4):
            if day > 0:
                self.run(lake, day)
            self.days.append(home / f'day{day}')
            shutil.copytree(lake, self.days[day])
            self.rows.append(counts(lake) if day > 0 else {})

    def run(self, lake, inputs, expect=0):
        words = [word for path in self.inputs[:inputs] for word in ('--input', path)]
        return lakes.run(self.cupel, 'run', *words, '--lake', lake, '--until-end', '--workers', '1',
                         '--commit-bytes', '1MiB', '--commit-interval', '1h', expect=expect)

    def follow(self, lake, inputs):
        """A run that goes on until it is told to end; epochs as short as can be."""
        words = [word for path in inputs for word in ('--input', str(path))]
        run = subprocess.Popen([self.cupel, 'run', *words, '--lake', lake, '--workers', '1', '--commit-interval',
                                '100ms'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(run.kill)  # a test that fails leaves nothing behind
        return run

    def added(self, table, *days):
        """Rows of a table that these days added."""
        return sum(self.rows[day][table] - self.rows[day - 1].get(table, 0) for day in days)


def frames(path):
    """(offset, kind) of the frames of a segment."""
    data, at, found = path.read_bytes(), 0, []
    while at + 28 <= len(data) and data[at:at + 4] == b'CJR1':
        found.append((at, int.from_bytes(data[at + 20:at + 22], 'little')))
        count = 28 + int.from_bytes(data[at + 4:at + 8], 'little')
        at += (count + FRAME - 1) // FRAME * FRAME
    return found


def segments(case):
    return sorted((case.folder / SHARD / 'journal').glob('*.cj'))


# --- the journal ---

def journal_lost(world):
    case = Case(world, 'journal-lost', 2)
    shutil.rmtree(case.folder / SHARD / 'journal')
    case.refused(3, 'journal')
    case.explain(True, 'the journal was lost', 'adopt')
    case.change('adopt')
    case.explain(False, 'goes on behind epoch')
    known = json.loads(case.recover('--json').stdout)['tables']
    if len(known) < 4 or any(t['expected_epoch'] != t['epoch'] or t['expected_id'] != t['id'] for t in known):
        case.fail(f'the adopted journal does not know its tables: {known}')
    case.run(3)
    case.whole(world.rows[3])
    return case


def journal_of_yesterday(world):
    case = Case(world, 'journal-of-yesterday', 2)
    case.restore(f'{SHARD}/journal', 1)
    case.refused(3, 'journal')
    case.explain(True, 'put back from a backup', 'adopt')
    case.change('adopt')
    if not list((case.folder / SHARD / 'journal').glob('*.old')):
        case.fail('the old journal was not kept')
    case.run(3)
    case.whole(world.rows[3])
    return case


def journal_damaged(world):
    """A flipped byte in each kind of frame that has a good one behind it."""
    case = Case(world, 'journal-damaged', 2)
    segment = segments(case)[-1]
    good = segment.read_bytes()
    found = frames(segment)
    for at, kind in found[:-1]:
        data = bytearray(good)
        data[at + 40] ^= 1
        segment.write_bytes(data)
        case.explain(True, f'{segment.name}, byte {at}', 'adopt')
    case.refused(3, 'journal')
    case.change('adopt')
    case.run(3)
    case.whole(world.rows[3])
    if {kind for _, kind in found} < {1, 2}:
        case.fail(f'too few kinds of frames: {found}')
    return case


def journal_torn(world):
    """A tail that was cut off is no damage: the run goes on by itself."""
    case = Case(world, 'journal-torn', 2)
    segment = segments(case)[-1]
    at, _ = frames(segment)[-1]
    segment.write_bytes(segment.read_bytes()[:at + 40])
    case.explain(False, 'goes on behind epoch')
    if f'unreadable from byte {at} (a write that was cut off)' not in case.recover().stdout:
        case.fail('explain does not tell of the torn tail')
    case.run(3)
    case.whole(world.rows[3])
    return case


def nothing_to_adopt(world):
    case = Case(world, 'nothing-to-adopt', 2)
    before = digest(case.folder / SHARD / 'journal')
    if 'nothing to adopt' not in case.recover('adopt', '--yes').stdout or \
            digest(case.folder / SHARD / 'journal') != before:
        case.fail('adopt touched a journal that agrees with the tables')
    case.run(3)
    case.whole(world.rows[3])
    return case


def all_of_yesterday(world):
    """A backup of everything is a lake of yesterday: nothing needs recovering."""
    case = Case(world, 'all-of-yesterday', 1)
    case.explain(False, 'goes on behind epoch')
    case.run(3)
    case.whole(world.rows[3])
    return case


def tables_of_yesterday(world):
    """All tables are of yesterday, the journal is of today: it goes back with them."""
    case = Case(world, 'tables-of-yesterday', 1)
    shutil.rmtree(case.folder / SHARD / 'journal')
    shutil.copytree(world.days[2] / SHARD / 'journal', case.folder / SHARD / 'journal')
    case.refused(3, 'journal')
    case.explain(True, 'the ledger')
    case.change('adopt')
    case.run(3)
    case.whole(world.rows[3])
    return case


def two_histories(world):
    """Another instance, on another journal, decided the last epoch of the index: no ledger proves both."""
    case = Case(world, 'two-histories', 2)
    last = sorted((case.folder / INDEX / '_delta_log').glob('*.json'))[-1]
    lines = actions(last)
    next(line for line in lines if 'commitInfo' in line)['commitInfo']['epochId'] = str(uuid.uuid4())
    last.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    shutil.rmtree(case.folder / SHARD / 'journal')
    case.unchanged('adopt', needle='two instances ran on two journals')
    return case


# --- tables ---

def table_of_yesterday(world):
    case = Case(world, 'table-of-yesterday', 2)
    case.restore(ACCOUNT, 1)
    case.refused(3, ACCOUNT)
    case.explain(True, ACCOUNT, f'discard --table {ACCOUNT}')
    lost = world.added('bank.account', 2)
    said = case.change('discard', '--table', ACCOUNT)
    if f'{lost} rows of' not in said or 'cupel replay' not in said:
        case.fail(f'discard does not say that {lost} rows are missing, and how to get them: {said}')
    case.run(3)
    case.whole({**world.rows[3], 'bank.account': world.rows[3]['bank.account'] - lost}, 'were given up')
    return case


def table_of_yesterday_without_journal(world):
    """Two things at once: the table is given up first, then the rest proves the journal."""
    case = Case(world, 'table-of-yesterday-without-journal', 2)
    case.restore(ACCOUNT, 1)
    shutil.rmtree(case.folder / SHARD / 'journal')
    case.unchanged('adopt', needle=f'table {ACCOUNT} has epoch')
    lost = world.added('bank.account', 2)
    case.change('discard', '--table', ACCOUNT)
    case.change('adopt')
    case.run(3)
    case.whole({**world.rows[3], 'bank.account': world.rows[3]['bank.account'] - lost}, 'were given up')
    return case


def table_removed(world):
    case = Case(world, 'table-removed', 2)
    shutil.rmtree(case.folder / ACCOUNT)
    case.refused(3, ACCOUNT)
    case.explain(True, f'{ACCOUNT} is gone', f'discard --table {ACCOUNT}')
    case.change('discard', '--table', ACCOUNT)
    case.run(3)
    case.whole({**world.rows[3], 'bank.account': world.added('bank.account', 3)}, 'were given up')
    return case


def actions(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_commit(table, version, lines):
    log = table / '_delta_log'
    log.mkdir(parents=True, exist_ok=True)
    path = log / f'{version:020d}.json'
    assert not path.exists(), path
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))


def head_of(table):
    """protocol and metaData of a table's first commit."""
    first = actions(sorted((table / '_delta_log').glob('*.json'))[0])
    return next(a for a in first if 'protocol' in a), next(a for a in first if 'metaData' in a)


def make_anew(case, source, table):
    """Another writer's empty table of the same columns."""
    protocol, metadata = head_of(source)
    metadata['metaData']['id'] = str(uuid.uuid4())
    (case.folder / table / '_delta_log' / f'{0:020d}.json').unlink(missing_ok=True)
    write_commit(case.folder / table, 0, [protocol, metadata])


def table_made_anew(world):
    case = Case(world, 'table-made-anew', 2)
    shutil.rmtree(case.folder / ACCOUNT)
    make_anew(case, world.days[2] / ACCOUNT, ACCOUNT)
    case.refused(3, ACCOUNT)
    case.explain(True, f'{ACCOUNT} is another table', f'discard --table {ACCOUNT}')
    case.change('discard', '--table', ACCOUNT)
    case.run(3)
    case.whole({**world.rows[3], 'bank.account': world.added('bank.account', 3)}, 'were given up')
    return case


def ledger_of_yesterday(world):
    case = Case(world, 'ledger-of-yesterday', 2)
    case.restore(LEDGER, 1)
    case.refused(3, 'ledger')
    case.explain(True, 'the ledger', 'put back a newer copy')
    case.unchanged('discard', '--table', LEDGER, needle='the ledger is what everything else is proven with')
    case.unchanged('adopt', needle='the tables disagree')
    shutil.rmtree(case.folder / LEDGER)
    shutil.copytree(world.days[2] / LEDGER, case.folder / LEDGER)
    case.run(3)
    case.whole(world.rows[3])
    return case


def next_version(table):
    return len(list((table / '_delta_log').glob('*.json')))


def forgetful_table(world):
    case = Case(world, 'forgetful-table', 2)
    table = case.folder / ACCOUNT
    _, metadata = head_of(table)
    metadata['metaData']['configuration'] = {'delta.setTransactionRetentionDuration': 'interval 1 days'}
    write_commit(table, next_version(table), [metadata])
    case.refused(3, 'delta.setTransactionRetentionDuration')
    case.explain(True, 'delta.setTransactionRetentionDuration', 'UNSET TBLPROPERTIES')
    metadata['metaData']['configuration'] = {}
    write_commit(table, next_version(table), [metadata])
    case.run(3)
    case.whole(world.rows[3])
    return case


def demanding_table(world):
    """A feature that cupel has not; the way out without the engine that set it: begin the table anew."""
    case = Case(world, 'demanding-table', 2)
    table = case.folder / ACCOUNT
    write_commit(table, next_version(table), [{'protocol': {
        'minReaderVersion': 1, 'minWriterVersion': 7, 'writerFeatures': ['checkConstraints']}}])
    case.refused(3, 'checkConstraints')
    case.explain(True, 'checkConstraints', 'move the table away')
    shutil.move(table, case.folder / 'aside')
    case.change('discard', '--table', ACCOUNT)
    case.run(3)
    shutil.rmtree(case.folder / 'aside')
    case.whole({**world.rows[3], 'bank.account': world.added('bank.account', 3)}, 'were given up')
    return case


# --- an epoch that is decided and nowhere ---

def epoch_of(commit):
    return next((a['txn']['version'] for a in actions(commit) if 'txn' in a), 0)


def decided(world, name, number):
    """The moment behind the decision of an epoch of a new lake: files have their names, no table has a commit of it.
    Gives the case and the tables that were made for the epoch; they are there, and empty."""
    case = Case(world, name, 0)
    case.run(1)
    segment = segments(case)[-1]
    found = frames(segment)
    places = [i for i, (_, kind) in enumerate(found) if kind == EPOCH_FRAME]
    segment.write_bytes(segment.read_bytes()[:found[places[number - 1] + 1][0]])
    made = []
    for log in list(case.folder.rglob('_delta_log')):
        commits = sorted(log.glob('*.json'))
        first = next(epoch for epoch in map(epoch_of, commits) if epoch > 0)
        if first == number:
            made.append(str(log.parent.relative_to(case.folder)))
        for commit in commits[0 if first > number else 1:]:
            if first > number or epoch_of(commit) >= number:
                commit.unlink()
        if not list(log.iterdir()):
            log.rmdir()
    return case, [table for table in made if table.startswith('default/silver')]


def apply_decided(case, table):
    """Brings the decided epoch into one empty table, as the run would: the bytes stand in the journal."""
    payload = segments(case)[-1].read_bytes()
    at = payload.rindex(b'"folder":"' + table.encode())
    line = payload[payload.rindex(b'{"t":"commit"', 0, at):payload.index(b'\n', at)]
    begin = payload.index(b'\n', at) + 1
    log = case.folder / table / '_delta_log'
    (log / f'{1:020d}.json').write_bytes(payload[begin:begin + json.loads(line)['bytes']])


def decided_epoch(world):
    """Nothing is in the way: the run finishes it."""
    case, _ = decided(world, 'decided-epoch', 1)
    case.explain(False, 'finishes epoch 1')
    case.run(3)
    case.whole(world.rows[3])
    return case


def discarded(world, number):
    case, made = decided(world, f'epoch-{number}-discarded', number)
    table = made[0]
    make_anew(case, world.days[1] / table, table)
    case.explain(True, f'cannot come into table {table}', f'discard --epoch {number}')
    case.unchanged('discard', '--epoch', number + 1, needle='only the last decided epoch')
    placed = len(list((case.folder / 'default').rglob(f'*{number:010d}-*')))
    case.change('discard', '--epoch', number)
    case.explain(False, f'removes what is there of {placed + 1} files')  # and the ledger's
    case.run(3)
    case.whole(world.rows[3])
    if placed == 0 or len(list((case.folder / table).glob(f'part-{number:010d}-*'))) != 1:
        case.fail(f'the files of the discarded epoch ({placed} in all) are still there')
    return case


def first_epoch_discarded(world):
    """Nothing of the input is left: it is read from its start."""
    return discarded(world, 1)


def later_epoch_discarded(world):
    """The input is read again from where the epoch began; what is in the tables stays."""
    return discarded(world, 2)


def epoch_without_table(world):
    """Another table has the epoch already: then only the table that cannot take it can be given up."""
    case, made = decided(world, 'epoch-without-table', 1)
    table = made[0]
    make_anew(case, world.days[1] / table, table)
    apply_decided(case, LEDGER)
    case.explain(True, f'cannot come into table {table}', f'discard --table {table}')
    case.unchanged('discard', '--epoch', '1', needle='already')
    lost = case.change('discard', '--table', table)
    case.run(3)
    rows = dict(world.rows[3])
    rows[f'bank.{pathlib.Path(table).name}'] -= int(lost.split(' rows of ')[0].split()[-1])
    case.whole(rows, 'were given up')
    return case


# --- inputs and owners ---

def input_replaced(world):
    case = Case(world, 'input-replaced', 2)
    path = world.inputs[0]
    aside = path.with_suffix('.aside')
    os.rename(path, aside)
    shutil.copy(world.inputs[2], path)
    try:
        case.refused(2, path.name)
        case.explain(True, f'input {path} is another file than before', 'a name of its own')
    finally:
        os.rename(aside, path)
    case.run(3)
    case.whole(world.rows[3])
    return case


def two_owners(world):
    """While one instance has the shard, a second one and every change are refused; explain and verify work."""
    case = Case(world, 'two-owners', 1)
    lock = case.folder / SHARD / 'lock'
    lock.unlink()  # of the day before
    first = world.follow(case.folder, world.inputs)
    await_(first, lambda: lock.exists() and lock.read_text().endswith('\n'))
    pid = int(lock.read_text().split()[1])
    os.kill(pid, signal.SIGSTOP)
    try:
        done = case.run(3, expect=1)
        if f'pid {pid} ' not in done.stderr:
            case.fail(f'the second instance does not name pid {pid}: {done.stderr}')
        text = case.recover().stdout
        if 'running: pid' not in text or f'kill -TERM {pid}' not in text:
            case.fail(f'explain does not name the owner: {text}')
        refused = case.recover('adopt', '--yes', expect=1)
        if str(pid) not in refused.stdout + refused.stderr:
            case.fail(f'adopt does not name the owner: {refused.stdout}{refused.stderr}')
        lakes.run(world.cupel, 'verify', case.folder)
    finally:
        os.kill(pid, signal.SIGCONT)
    first.terminate()
    if first.wait(WAIT_SECONDS) != 0:
        case.fail('the first instance did not end well')
    case.run(3)  # what it has not read
    case.whole(world.rows[3])
    return case


def verify_while_running(world):
    """verify of a lake in motion: it may note an epoch on its way, and finds nothing wrong. The input grows in
    steps: while each is on its way, until it is in the ledger, and then, the lake is looked at."""
    case = Case(world, 'verify-while-running', 0)
    path = world.home / 'long.dump'
    bank.generate(world.gen, '--rows', 24000, '--seed', 70, '--form', 'dump', '--schema', 'on', '--out', path)
    lines, between = path.read_bytes().splitlines(keepends=True), set()
    path.write_bytes(b'')
    run = world.follow(case.folder, [path])

    def commits():
        return next_version(case.folder / LEDGER)

    def look():
        done = lakes.run(world.cupel, 'verify', case.folder, expect=None)
        if done.returncode != 0:
            case.fail(f'verify of a running lake: {done.stdout[-800:]}')
        lakes.run(world.cupel, 'recover', case.folder, expect=0)
        between.add(done.stdout.split(':')[1].split()[0])
        return True
    for step in range(VERIFY_STEPS):
        before = commits()
        with open(path, 'ab') as file:
            file.write(b''.join(lines[len(lines) * step // VERIFY_STEPS:len(lines) * (step + 1) // VERIFY_STEPS]))
        await_(run, lambda: step > 0 and look() and commits() > before or step == 0 and commits() > 1)
        look()  # behind what the look before the step can have seen
    run.terminate()
    if run.wait(WAIT_SECONDS) != 0 or len(between) < VERIFY_STEPS:
        case.fail(f'exit {run.returncode}; looks at epochs {sorted(between)} prove too little')
    lakes.run(world.cupel, 'verify', case.folder, '--deep')
    return case


def usage(world):
    case = Case(world, 'usage', 1)
    for words, needle in (
            (('remove',), 'explain, adopt and discard, not remove'), (('discard',), '--epoch or --table'),
            (('discard', '--epoch', '1', '--table', 'x'), '--epoch or --table'), (('--yes',), 'no --yes'),
            (('adopt', '--epoch', '1'), '--epoch or --table'), (('discard', '--epoch', 'x'), 'takes a number'),
            (('--shard', '-1'), 'takes a number'), (('adopt', '--json'), '--json'), (('--deep',), 'does not know --deep')):
        said = case.recover(*words, expect=2).stderr
        if needle not in said:
            case.fail(f'{words}: {said}')
    for words in (('--shard', '7'), ('--pipeline', 'default/other')):
        if 'no such shard' not in case.recover(*words, expect=1).stderr:
            case.fail(f'{words}: there is no such shard')
    case.unchanged('discard', '--table', 'default/silver/none', needle='know such a table')
    case.recover('--pipeline', 'default/run', '--shard', '0')
    return case


CASES = (journal_lost, journal_of_yesterday, journal_damaged, journal_torn, nothing_to_adopt, all_of_yesterday,
         tables_of_yesterday, two_histories, table_of_yesterday, table_of_yesterday_without_journal, table_removed, table_made_anew,
         ledger_of_yesterday, forgetful_table, demanding_table, decided_epoch, first_epoch_discarded,
         later_epoch_discarded, epoch_without_table,
         input_replaced, two_owners, verify_while_running, usage)


def main():
    cupel, gen = sys.argv[1:3]
    only = sys.argv[4:]
    with tempfile.TemporaryDirectory() as folder:
        world = World(cupel, gen, pathlib.Path(folder))
        chosen = [case for case in CASES if not only or case.__name__ in only]

        def judge(case):
            try:
                done = case(world)
                shutil.rmtree(done.folder)
                return done.wrong
            except AssertionError as error:
                return [f'{case.__name__}: {error}']

        # disks wait more than they work: two cases at a time, but for the one that moves an input
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = list(pool.map(judge, [case for case in chosen if case is not input_replaced]))
        found += [judge(case) for case in chosen if case is input_replaced]
        wrong = [sentence for sentences in found for sentence in sentences]
    for sentence in wrong:
        print(sentence)
    print(f'{len(found)} cases, {len(wrong)} wrong')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
