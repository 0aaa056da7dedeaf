#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   whatever dies between a producer and a reader of the output, each change is in the lake once
        and in the output's topics once, in the order of its key.
Method: a producer writes all the time, and remembers what the broker acknowledged, and where: changes,
        tombstones, transactions that are committed or aborted. cupel reads with epochs of 100 ms and
        publishes. Rounds, in an order drawn from the seed: its processes are killed or told to stop,
        the broker is killed or restarted, a stopped run is replaced by a second one and wakes up,
        partitions are added, records are deleted before and after they were read, a topic is made
        anew (the run must halt with words; the way on is the one that it names). At the end DuckDB
        reads the lake, another client reads the output (committed records), `verify --deep` is clean.

    campaign.py CUPEL [--rounds N] [--seed N] [--nodes 1|3] [--only ROUND] [--keep FOLDER]

FOLDER, a new one, keeps lake, broker and what was said."""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import random as randoms
import shutil
import signal
import sys
import tempfile
import threading
import time

import broker

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / 'oracle'), str(TESTS / 'crash')]
import feeds  # noqa: E402
import lakes  # noqa: E402
import scene  # noqa: E402

SHAPE = feeds.Shape({'id': 'int64', 'v': 'string'})
PLAIN, PAID, DOOMED = 'camp.plain', 'camp.paid', 'camp.doomed'
TABLES = {PLAIN: 'plain', PAID: 'paid', DOOMED: 'doomed'}
KEYS = 40                 # of a partition: few, so that a key has many changes
BURST = 60                # changes; then the producer rests
REST_SECONDS = 0.05
LATER_SECONDS = 0.4       # up to so long after some epochs a round strikes
EPOCHS_BEFORE = 4
WAIT_SECONDS = broker.START_SECONDS + broker.CLIENT_SECONDS  # the producer's, too, while a broker begins
TRANSACTION_MS = 300000   # longer than that
FENCED = 'another instance owns'
PIPELINE = """\
name: {name}
source: pg
kafka:
  brokers: {brokers}
  gaps: {gaps}
input:
  - topics: [{topics}]
output:
  publish: changes
  topic: "out.{name}.{{table}}"
  partitions: 2
  replication: {replication}
lake: {lake}
commit:
  interval: 100ms
memory: 16MiB
upkeep:
  compact: off
"""


def need(condition, what):
    assert condition, what


class Writer(threading.Thread):
    """Writes changes until it is told to end. told: {(topic, partition, offset): (id, op, v)} that
    readers of committed records must see. paid: those of transactions; what became of them another
    reader says at the end: a broker that is stopped does not tell all partitions of a transaction that
    it committed or aborted, and the next one decides (seen with Kafka 4.3)."""

    def __init__(self, kafka, random):
        super().__init__(daemon=True)
        self.kafka, self.random = kafka, random
        self.told, self.dropped, self.errors = {}, set(), []
        self.paid_told, self.paid_dropped, self.committed, self.lies = {}, set(), set(), set()
        self.state, self.number = {}, 0
        self.partitions = {PLAIN: 2, PAID: 1}
        self.turn, self.ends = threading.Lock(), False
        self.plain = kafka.producer(**{'enable.idempotence': True, 'retry.backoff.ms': 50})
        self.paid = None
        self.failure = None

    def run(self):
        try:
            while not self.ends:
                with self.turn:
                    self.burst(self.plain, PLAIN, self.told, self.dropped, self.errors)
                    self.transaction()
                    self.flush(self.plain)
                time.sleep(REST_SECONDS)
        except Exception as error:  # told by end()
            self.failure = error

    @staticmethod
    def flush(producer):
        until = time.monotonic() + WAIT_SECONDS
        while producer.flush(5) and time.monotonic() < until:
            pass

    def event(self, topic, partition, state):
        """One change of a key that belongs to the partition: (id, op, v, value, key)."""
        number = partition * 1000000 + self.random.randrange(KEYS)
        before, self.number = state.get((topic, number)), self.number + 1
        after = f'{self.number}-' + 'x' * self.random.randrange(40)
        op = 'c' if before is None else self.random.choice('uuud')
        if op == 'd':
            after = None
        state[topic, number] = after
        row = lambda v: None if v is None else {'id': number, 'v': v}
        feed = feeds.Feed()
        feed.add(TABLES[topic], SHAPE, row(after), op, row(before), pos=self.number, topic=topic)
        line = json.loads(feed.lines[0])
        return number, op, after, line['value'].encode(), line['key'].encode()

    def burst(self, producer, topic, told, dropped, errors, state=None):
        state = self.state if state is None else state
        for _ in range(BURST):
            partition = self.random.randrange(self.partitions[topic])
            number, op, after, value, key = self.event(topic, partition, state)

            def keep(error, message, what=(number, op, after)):
                if error is not None:
                    errors.append(error)
                else:
                    told[message.topic(), message.partition(), message.offset()] = what
            producer.produce(topic, value=value, key=key, partition=partition, on_delivery=keep)
            if op == 'd':  # as Debezium does it
                producer.produce(topic, value=None, key=key, partition=partition, on_delivery=lambda e, m:
                                 errors.append(e) if e else dropped.add((m.topic(), m.partition(), m.offset())))
        producer.poll(0)

    def transaction(self):
        """A transaction on a topic of its own, aborted each third time. One that fails may lose records; no other."""
        state, told, dropped, errors = dict(self.state), {}, set(), []
        abort = self.random.randrange(3) == 0
        try:
            if self.paid is None:
                self.paid = self.transactional()
                self.paid.init_transactions(WAIT_SECONDS)
            self.paid.begin_transaction()
            self.burst(self.paid, PAID, told, dropped, errors, state)
            self.flush(self.paid)
            if abort:
                self.paid.abort_transaction(WAIT_SECONDS)
            else:
                self.paid.commit_transaction(WAIT_SECONDS)
                self.state = state
                self.committed |= told.keys()
                self.errors += errors
        except broker.ck.KafkaException:
            self.settle()
        self.paid_told.update(told)
        self.paid_dropped |= dropped

    def transactional(self):
        return self.kafka.producer(**{'transactional.id': 'campaign', 'message.timeout.ms': TRANSACTION_MS,
                                      'transaction.timeout.ms': TRANSACTION_MS, 'retry.backoff.ms': 50})

    def settle(self):
        """A new producer of the same id ends the transaction, one way or the other."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            self.paid = self.transactional()
            try:
                self.paid.init_transactions(10)
                return
            except broker.ck.KafkaException:
                need(time.monotonic() < until, 'the producer cannot begin again')

    def judge_paid(self, seen):
        """seen: what another reader of committed records has, when all is over. Gives how many records
        became something else than the broker answered."""
        self.told.update({place: what for place, what in self.paid_told.items() if place in seen})
        self.dropped |= self.paid_dropped & seen
        self.lies = (self.paid_told.keys() | self.paid_dropped) - seen
        return len(self.committed ^ (self.paid_told.keys() & seen))

    def end(self):
        self.ends = True
        self.join(WAIT_SECONDS)
        need(not self.is_alive() and self.failure is None, f'the producer: {self.failure}')
        need(not self.errors, f'not delivered: {self.errors[:3]}')


class Campaign:
    def __init__(self, args, home, kafka):
        self.args, self.kafka, self.home = args, kafka, home
        self.random = randoms.Random(args.seed)
        self.lake, self.runs = home / 'lake', 0
        self.writer = Writer(kafka, randoms.Random(args.seed + 1))
        self.gaps, self.run = 'halt', None
        self.wrong, self.hits, self.lost = [], collections.Counter(), {}
        self.pipeline = self.write('main')

    def write(self, name, topics=f'{PLAIN}, {PAID}', lake=None):
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        (folder / 'pipeline.yaml').write_text(PIPELINE.format(
            name=name, brokers=self.kafka.plaintext, gaps=self.gaps, topics=topics, lake=lake or self.lake,
            replication=self.args.nodes))
        return folder

    # --- a run ---

    def start(self):
        self.runs += 1
        return scene.Follow(self.args.cupel, self.pipeline, self.lake, log=self.home / f'run{self.runs}.txt')

    def epochs(self):
        return lakes.epochs(self.lake)

    def wait_epochs(self, run, more):
        """Waits for so many more epochs."""
        due, until = self.epochs() + more, time.monotonic() + WAIT_SECONDS
        while self.epochs() < due:
            need(run.running(), f'the run has ended: {run.said()[-1500:]}')
            need(self.writer.failure is None, f'the producer: {self.writer.failure}')
            need(time.monotonic() < until, f'no epochs: {run.said()[-1500:]}')
            time.sleep(0.005)

    def moment(self):
        """Some epochs after the last round, and a little later."""
        if self.run is None:
            self.run = self.start()
        self.wait_epochs(self.run, 1 + self.random.randrange(EPOCHS_BEFORE))
        time.sleep(self.random.random() * LATER_SECONDS)

    def stopped(self, codes, what):
        code = self.run.gone(WAIT_SECONDS)
        if code not in codes:
            self.wrong.append(f'{what}: the run ended with {code}: {self.run.said()[-1500:]}')
        self.run = None

    def halts(self, words):
        """The run, or the next one, stops and says why."""
        run = self.run or self.start()
        self.run = None
        try:
            code = run.gone(WAIT_SECONDS)
        except Exception:
            run.signal(signal.SIGKILL)
            run.gone()
            code = None
        missing = [word for word in words if word not in run.said()]
        if code != 1 or missing:
            self.wrong.append(f'exit {code}, not said: {missing}: {run.said()[-1500:]}')

    # --- rounds ---

    def plane(self):
        pid = self.run.data_plane()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        self.stopped((0, 1), 'the data plane was killed')

    def group(self):
        self.run.signal(signal.SIGKILL)
        self.stopped((-signal.SIGKILL,), 'all were killed')

    def control(self):
        os.kill(self.run.pid, signal.SIGKILL)
        self.stopped((-signal.SIGKILL,), 'control was killed')

    def orderly(self):
        os.kill(self.run.pid, signal.SIGTERM)
        self.stopped((0,), 'told to end')

    def node(self):
        return self.random.randrange(self.args.nodes) if self.args.nodes > 1 else None

    def broker_killed(self):
        node = self.node()
        self.kafka.kill(node)
        time.sleep(self.random.random())
        self.kafka.start(node)
        self.wait_epochs(self.run, 2)

    def broker_restarted(self):
        node = self.node()
        self.kafka.stop(node)
        self.kafka.start(node)
        self.wait_epochs(self.run, 2)

    def zombie(self):
        """A stopped run is replaced; when it wakes up it must lose, and damage nothing."""
        old, self.run = self.run, None
        old.await_ready()  # before, it would take the shard over when it goes on
        old.stop()
        for lock in self.lake.glob('_cupel/*/*/[0-9]*/lock'):
            lock.unlink()
        self.run = self.start()
        self.wait_epochs(self.run, 2 + self.random.randrange(3))
        old.signal(signal.SIGCONT)
        try:
            code = old.gone(WAIT_SECONDS)
        except Exception:
            old.signal(signal.SIGKILL)
            code = None
        if code != 1 or FENCED not in old.said():
            self.wrong.append(f'the zombie ended with {code}: {old.said()[-1500:]}')
        need(self.run.running(), f'the second run ended: {self.run.said()[-1500:]}')

    def grown(self):
        count = self.writer.partitions[PLAIN] + 1
        self.kafka.grow(PLAIN, count)
        with self.writer.turn:
            self.writer.plain.list_topics(PLAIN, WAIT_SECONDS)  # so that it hears of it, too
            self.writer.partitions[PLAIN] = count
        until = time.monotonic() + WAIT_SECONDS
        while f'{PLAIN}/{count - 1}' not in self.journal():
            need(self.run.running() and time.monotonic() < until, f'no new partition: {self.run.said()[-1500:]}')
            time.sleep(0.1)

    def journal(self):
        """Inputs that the ledger's log knows of."""
        lake = lakes.Lake(self.lake)
        return {row[0] for row in lake.duck.execute(
            f"SELECT DISTINCT input FROM {lake.scan(lake.only('_cupel/*/*/ledger'))} WHERE kind = 'input'").fetchall()}

    def read_to(self, topic, partition):
        """Next offset that the lake does not have."""
        lake = lakes.Lake(self.lake)
        table = lake.silver().get(f's.{TABLES[topic]}')
        made = table and any(table.glob('_delta_log/*.json'))  # else it is being made just now
        last = made and lake.one(f'SELECT max(_offset) FROM {lake.scan(table)} WHERE _partition = {partition}')
        return last + 1 if made and last is not None else 0

    def wait_read(self):
        while self.read_to(PLAIN, 0) == 0:
            self.wait_epochs(self.run, 1)

    def deleted_read(self):
        """Retention deletes what was read: nobody notices."""
        self.wait_read()
        self.kafka.delete_records(PLAIN, 0, self.read_to(PLAIN, 0) - 1)
        os.kill(self.run.pid, self.random.choice([signal.SIGKILL, signal.SIGTERM]))
        self.stopped((-signal.SIGKILL, 0), 'after deletion')
        self.run = self.start()
        self.wait_epochs(self.run, 2)

    def deleted_unread(self):
        """Retention deletes what nobody has read: halt; then, told to, behind the gap."""
        self.wait_read()
        self.orderly()
        from_ = self.read_to(PLAIN, 0)
        until = time.monotonic() + WAIT_SECONDS
        # behind what was read last there may be its tombstone, which was read, too
        while (low := max(o for t, p, o in list(self.writer.told) if (t, p) == (PLAIN, 0))) <= from_ + 1:
            need(self.writer.failure is None and time.monotonic() < until, 'nothing is written')
            time.sleep(REST_SECONDS)
        with self.writer.turn:
            self.kafka.delete_records(PLAIN, 0, low)
        self.halts([f'{PLAIN}, partition 0', 'kafka.gaps'])
        for place in [k for k in list(self.writer.told) if k[:2] == (PLAIN, 0) and from_ <= k[2] < low]:
            self.lost[place] = self.writer.told[place]
        self.gaps = 'skip'
        self.write('main')
        self.run = self.start()
        while self.read_to(PLAIN, 0) <= low:  # until then it may not be behind the gap, whatever else it has read
            self.wait_epochs(self.run, 1)
        self.gaps = 'halt'
        self.write('main')

    def made_anew(self):
        """A topic is deleted and made again: halt; the way on is a pipeline of a new name."""
        number = self.hits['made_anew']
        lake, kept = self.home / f'lake-anew{number}', (self.pipeline, self.lake, self.run)
        topic = f'{DOOMED}{number}'
        pipeline = self.write(f'anew{number}', topic, lake)
        for turn in (0, 1):
            self.kafka.create(topic, 1)
            feed = feeds.Feed()
            for i in range(20 + 30 * turn):
                feed.add('doomed', SHAPE, {'id': i, 'v': f'{turn}'}, topic=topic, pos=i + 1)
            values = [json.loads(line) for line in feed.lines]
            self.kafka.produce(topic, [broker.Record(v['value'].encode(), v['key'].encode()) for v in values])
            if turn == 0:
                scene.finish(self.args.cupel, pipeline, lake)
                self.kafka.delete(topic)
        run = scene.Run(self.args.cupel, pipeline, lake, log=self.home / 'anew.txt')
        code, said = run.gone(WAIT_SECONDS), run.said()
        if code != 1 or f'{topic}, partition 0' not in said or 'new pipeline name' not in said:
            self.wrong.append(f'a topic made anew: exit {code}: {said[-1500:]}')
        shutil.rmtree(lake)
        scene.finish(self.args.cupel, self.write(f'after{number}', topic, lake), lake)
        rows = lakes.Lake(lake)
        found = rows.one(f"SELECT count(*) FROM {rows.scan(rows.silver()['s.doomed'])} WHERE v = '1'")
        if found != 50:
            self.wrong.append(f'a topic made anew: {found} rows of 50')
        self.pipeline, self.lake, self.run = kept

    # --- the whole ---

    ROUNDS = ['plane', 'group', 'plane', 'zombie', 'group', 'orderly', 'control', 'grown', 'plane', 'deleted_read',
              'group', 'deleted_unread', 'plane', 'broker_killed', 'group', 'made_anew', 'plane', 'broker_restarted',
              'zombie', 'group']

    def rounds(self, count):
        todo = [self.args.only] * count if self.args.only else (self.ROUNDS * (count // len(self.ROUNDS) + 1))[:count]
        self.random.shuffle(todo)
        self.writer.start()
        for number, name in enumerate(todo):
            began = time.monotonic()
            self.moment()
            getattr(self, name)()
            self.hits[name] += 1
            print(f'{number + 1} {name}: {time.monotonic() - began:.1f} s, {len(self.writer.told)} changes, '
                  f'{self.epochs()} epochs', flush=True)
        self.writer.end()
        self.kafka.wait_settled([PLAIN, PAID])
        if self.run is not None:
            self.orderly()
        scene.finish(self.args.cupel, self.pipeline, self.lake)

    def due(self):
        return {place: what for place, what in self.writer.told.items() if place not in self.lost}

    def judge_lake(self, due):
        lake = lakes.Lake(self.lake)
        for topic in (PLAIN, PAID):
            rows = lake.duck.execute(f"SELECT _topic, _partition, _offset, id, _op, CASE WHEN _op <> 'd' THEN v END FROM "
                                     f"{lake.scan(lake.silver()[f's.{TABLES[topic]}'])}").fetchall()
            found = {row[:3]: row[3:] for row in rows}
            want = {place: what for place, what in due.items() if place[0] == topic}
            if len(found) != len(rows):
                self.wrong.append(f'{topic}: {len(rows) - len(found)} rows are there twice')
            if found != want:
                lost, more = want.keys() - found.keys(), found.keys() - want.keys()
                other = [p for p in want.keys() & found.keys() if want[p] != found[p]][:2]
                self.wrong.append(f'{topic}: {len(lost)} rows are missing {sorted(lost)[:3]}, {len(more)} too much '
                                  f'{sorted(more)[:3]} ({len(more & self.writer.lies)} aborted), others {other}')
        if lake.quarantine():
            self.wrong.append(f'quarantine: {lake.quarantine()[:2]}')
        done = lakes.run(self.args.cupel, 'verify', self.lake, '--deep', expect=None)
        if done.returncode != 0:
            self.wrong.append(f'verify --deep: {done.stdout[-1500:]}{done.stderr[-1500:]}')

    def judge_output(self, due):
        """{key: changes in order}, as a reader of committed records gets them, against the input's."""
        self.kafka.wait_settled([f'out.main.{TABLES[topic]}' for topic in (PLAIN, PAID)])
        for topic in (PLAIN, PAID):
            want, found = collections.defaultdict(list), collections.defaultdict(list)
            for place in sorted(p for p in due if p[0] == topic):  # a key has one partition of the input
                number, op, v = due[place]
                want[number].append(None if op == 'd' else (*place, op, v))
            where = {}
            for record in self.kafka.consume(f'out.main.{TABLES[topic]}'):
                number = json.loads(record.key)['id']
                row = json.loads(record.value) if record.value is not None else None
                found[number].append(row and (row['_topic'], row['_partition'], row['_offset'], row['_op'], row['v']))
                if where.setdefault(number, record.partition) != record.partition:
                    self.wrong.append(f'{topic}: key {number} is in two partitions of the output')
            bad = [n for n in want.keys() | found.keys() if want[n] != found[n]]
            for number in bad[:3]:
                at = next((i for i, (a, b) in enumerate(zip(want[number], found[number])) if a != b),
                          min(len(want[number]), len(found[number])))
                self.wrong.append(f'output of {topic}: key {number}: {len(found[number])} changes, {len(want[number])} due; at '
                                  f'{at}: {found[number][at:at + 2]}, due {want[number][at:at + 2]} ({len(bad)} keys)')

    def judge(self):
        seen = {(r.topic, r.partition, r.offset) for r in self.kafka.consume(PAID)}
        turned = self.writer.judge_paid(seen)
        due = self.due()
        self.judge_lake(due)
        self.judge_output(due)
        print(f'{len(due)} changes in {self.epochs()} epochs, {len(self.writer.lies)} aborted, {len(self.lost)} deleted '
              f'before they were read, {turned} not as the broker answered; {dict(self.hits)}', flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('cupel')
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--nodes', type=int, default=1)
    parser.add_argument('--only', choices=sorted(set(Campaign.ROUNDS)))
    parser.add_argument('--keep', type=pathlib.Path)
    args = parser.parse_args()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        home = args.keep or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(exist_ok=True)
        kafka = stack.enter_context(broker.Broker(nodes=args.nodes, folder=args.keep and home / 'kafka'))
        config = {'min_insync_replicas': 2} if args.nodes > 1 else {}
        kafka.create(PLAIN, 2, args.nodes, **config)
        kafka.create(PAID, 1, args.nodes, **config)
        campaign = Campaign(args, home, kafka)
        try:
            campaign.rounds(args.rounds)
            campaign.judge()
        except AssertionError as error:
            campaign.wrong.append(str(error))
        finally:
            campaign.writer.ends = True
            if campaign.run is not None:
                campaign.run.signal(signal.SIGKILL)
    for sentence in campaign.wrong:
        print(sentence)
    print(f'{args.rounds} rounds in {time.monotonic() - began:.0f} s, seed {args.seed}')
    return 1 if campaign.wrong else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
