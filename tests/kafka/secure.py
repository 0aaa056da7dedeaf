# SPDX-License-Identifier: Apache-2.0
"""secure: discover, lag, replay and cupel-kafka against a broker with TLS, passwords and rights; the user has those that
are needed and no more. Part of test_misconfigured_run.py, whose broker it uses.

First the way through, from a folder with nothing but kafka: to the same records in a topic, in new tables and in a table
that was lost; then each mistake, and the setting or right that the answer must name."""
import json
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oracle'))
import broker  # noqa: E402
import lakes  # noqa: E402

TOPIC, USER, NOBODY = 'pg.bank.customer', 'tools', 'nobody'  # nobody has no right
SECONDS_MAX = 180
SILVER = 'bank.customer'


class Wrong(Exception):
    """A sentence for whoever reads the test's end."""


def check(found, wanted, what):
    if found != wanted:
        raise Wrong(f'{what}: {found!r}, not {wanted!r}')


def allow(kafka):
    """What reading a topic and copying into another take; beside it, topics that may be seen, and one that may not."""
    kafka.allow(USER, 'DESCRIBE READ', 'topic', TOPIC)
    kafka.allow(USER, 'DESCRIBE WRITE CREATE', 'topic', 'copy.', prefix=True)
    kafka.allow(USER, 'DESCRIBE', 'topic', 'pg.seen')
    kafka.allow(USER, 'DESCRIBE', 'topic', 'closed.', prefix=True)
    kafka.create('closed.seen')


class Tools:
    """Folders that differ in how they reach the cluster, and one lake."""

    def __init__(self, scene):
        self.scene, self.kafka, self.cupel = scene, scene.kafka, scene.cupel
        self.tool = pathlib.Path(self.cupel).parent.parent / 'dataplane/kafka/tool/cupel-kafka'
        self.home = scene.folder / 'secure'
        self.lake = self.home / 'lake'
        self.home.mkdir()

    def reach(self, **more):
        return self.scene.sasl(**{'username': USER, **more})

    def folder(self, name, **more):
        """Files beside pipeline.yaml are named as people do: by themselves."""
        folder = self.home / name
        folder.mkdir()
        kafka = self.reach(**more)
        for key in ('password_file', 'ca_file'):
            shutil.copy2(kafka[key], folder / key)
            kafka[key] = key
        config = {'name': 'safe', 'domain': 'test', 'source': 'pg', 'owner': 'test@example.org', 'workers': 1,
                  'lake': str(self.lake), 'kafka': kafka, 'input': [{'topics': TOPIC}]}
        (folder / 'pipeline.yaml').write_text(json.dumps(config, indent=1))
        return folder

    def settings(self, name, **more):
        """The same for cupel-kafka, when people start it."""
        kafka = self.reach(**more)
        path = self.home / f'{name}.settings'
        path.write_text(f'text bootstrap.servers {kafka["brokers"]}\ntext security.protocol sasl_ssl\n'
                        f'text sasl.mechanisms PLAIN\ntext sasl.username {USER}\n'
                        f'file sasl.password {kafka["password_file"]}\ntext ssl.ca.location {kafka["ca_file"]}\n')
        return path

    def ask(self, *words, expect=0, program=None):
        """TURN in a word: what is asked again, since the broker was late, begins with nothing of the time before."""
        def act(turn):
            nonlocal done
            now = [str(word).replace('TURN', str(turn)) for word in words]
            done = lakes.run(program or self.cupel, *now, expect=None, timeout=SECONDS_MAX)
            done.turn = turn
            return None if done.returncode == expect else f'{words}: exit {done.returncode}: {done.stdout}{done.stderr}'
        done = None
        wrong = broker.patiently(act)
        if wrong is not None:
            raise Wrong(wrong)
        for text in (done.stdout, done.stderr):
            if 'cupel-secret' in text:
                raise Wrong(f'{words[0]}: it shows a password: {text}')
        return done

    def rows(self, lake):
        of = lakes.Lake(lake)
        return of.rows(f'SELECT * EXCLUDE (_epoch, _ingested_at) FROM {of.scan(of.silver()[SILVER])} ORDER BY _offset')


def check_way(tools, count):
    """discover, run what it proposes, lag, replay: all with the rights of `allow`."""
    folder, out = tools.folder('good'), tools.home / 'out'
    settings = tools.settings('good')
    listed = [json.loads(line) for line in tools.ask('topics', '--settings', settings, '--json', program=tools.tool)
              .stdout.splitlines()]
    check({row['topic']: row['records'] for row in listed}[TOPIC], count, 'records of a topic')
    sample = tools.ask('sample', '--settings', settings, '--topics', TOPIC, '--records', '7', program=tools.tool).stdout
    check([json.loads(line)['offset'] for line in sample.splitlines()], list(range(count - 7, count)), 'a sample')
    tools.ask('discover', folder, '--topics', TOPIC, '--out', out, '--lake', tools.lake)
    if 'cupel-secret' in (out / 'pg/pipeline.yaml').read_text():
        raise Wrong('discover writes a password')
    tools.ask('validate', out / 'pg', '--lake', tools.lake)
    tools.ask('run', folder, '--until-end')
    lag = json.loads(tools.ask('lag', folder, '--json').stdout)
    check((lag['records'], lag['seconds'], [row['committed'] for row in lag['partitions']]), (0, 0, [count]), 'lag')
    tools.ask('run', out / 'pg', '--lake', tools.home / 'proposed', '--until-end')
    check(len(tools.rows(tools.home / 'proposed')), count, 'rows of the proposed pipeline')
    return folder


def check_replay(tools, folder, count):
    turn = tools.ask('replay', folder, '--to-topic', 'copy.TURN.{topic}', '--create', 1).turn
    came, copied = ([(r.key, r.value, r.headers, r.timestamp_ms) for r in tools.kafka.consume(topic)]
                    for topic in (TOPIC, f'copy.{turn}.{TOPIC}'))
    check(len(came), count, 'records')
    check(copied, came, 'records after a replay')
    rows = tools.rows(tools.lake)
    turn = tools.ask('replay', folder, '--to-lake', tools.home / 'new.TURN').turn
    check(tools.rows(tools.home / f'new.{turn}'), rows, 'a new lake')
    (table,) = tools.lake.glob('*/silver/*/bank/customer')
    shutil.rmtree(table)
    tools.ask('recover', tools.lake, 'discard', '--table', table.relative_to(tools.lake), '--yes')
    offline = tools.folder('offline', password_file=tools.scene.wrong)  # bronze has all that it takes
    tools.ask('replay', offline, '--missing')
    check(tools.rows(tools.lake), rows, 'a table that was lost')


def mistakes(tools):
    """(name, what the answer holds, exit code, program, words)"""
    def by_all(name, wanted, **more):
        folder = tools.folder(name, **more)
        for action in ('discover', 'lag'):
            yield f'{action}, {name}', wanted, 1, tools.cupel, [action, folder]
        yield f'replay, {name}', wanted, 1, tools.cupel, ['replay', folder, '--to-topic', 'copy.wrong', '--create', 1]
        yield f'cupel-kafka, {name}', wanted, 1, tools.tool, ['topics', '--settings', tools.settings(name, **more)]

    good = tools.home / 'good'
    yield from by_all('wrong password', ['kafka.username', 'kafka.password_file'], password_file=tools.scene.wrong)
    yield from by_all('other authority', ['kafka.ca_file'], ca_file=tools.scene.other)
    yield 'discover unread', ['READ', 'pg.seen', 'is READ granted?'], 0, tools.cupel, ['discover', good]
    yield 'discover unseen', ['pg.hidden', 'kafka.username', 'DESCRIBE'], 0, tools.cupel, ['discover', good, '--topics', 'pg.hidden']
    yield 'lag unread', ['READ', 'pg.seen', '1 records behind\n'], 0, tools.cupel, ['lag', good, '--topics', 'pg.seen']
    yield 'lag unseen', ['pg.hidden', 'DESCRIBE'], 0, tools.cupel, ['lag', good, '--topics', 'pg.hidden']
    nobody = tools.folder('nobody', username=NOBODY)
    yield 'discover nothing', ['kafka.username', 'DESCRIBE and READ'], 0, tools.cupel, ['discover', nobody]
    yield 'lag of what is not shown', ['kafka.username', 'not shown', '0 records behind\n'], 0, tools.cupel, ['lag', nobody]
    yield 'lag of a pipeline', ['--pipeline', 'LAKE'], 2, tools.cupel, ['lag', good, '--pipeline', 'a/b']
    for name, wanted, topic in (('unwritten', ['WRITE', 'closed.seen'], 'closed.seen'), ('uncreated', ['CREATE', 'closed.new'], 'closed.new')):
        yield f'replay {name}', ['kafka.username', *wanted], 1, tools.cupel, ['replay', good, '--to-topic', topic, '--create', 1]
    yield 'replay unseen', ['kafka.username', 'DESCRIBE', 'pg.hidden'], 1, tools.cupel, ['replay', good, '--to-topic', 'pg.hidden']


def judge(row):
    """A sentence, or None."""
    return broker.patiently(lambda _: judge_once(row))


def judge_once(row):
    name, wanted, code, program, words = row
    try:
        done = subprocess.run([str(program), *map(str, words)], capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        return f'{name}: no end after {SECONDS_MAX} s'
    said = done.stdout + done.stderr
    missing = [part for part in wanted if part not in said]
    if missing or done.returncode != code or 'cupel-secret' in said:
        return f'{name}: exit {done.returncode}, has not {missing}: {said[-900:]}'
    return None


def check_tools(scene, pool, count):
    """Sentences on what is wrong."""
    allow(scene.kafka)
    tools = Tools(scene)
    try:
        check_replay(tools, check_way(tools, count), count)
    except (Wrong, AssertionError) as wrong:
        return [str(wrong)]
    return [one for one in pool.map(judge, list(mistakes(tools))) if one]
