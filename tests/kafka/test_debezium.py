#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   rows that are changed in a real PostgreSQL appear in silver, exactly.
Method: PostgreSQL decodes its log for Debezium's connector, which Kafka Connect (standalone) runs and
        which writes to a real broker; cupel reads the topics without a contract. The database has rows
        before (they come as a snapshot), then gets random inserts, updates, deletes, changed keys,
        values too long to be sent again (TOAST), transactions that are rolled back, a new column, and
        a restart of Connect. At the end each table's state in the lake equals the database's own.

    test_debezium.py CUPEL [--changes N] [--seed N]"""
import argparse
import contextlib
import json
import os
import pathlib
import pwd
import random as randoms
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import broker

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / 'oracle')]
import lakes  # noqa: E402

POSTGRES = pathlib.Path('/usr/lib/postgresql/15/bin')
JARS = TESTS.parent / 'build' / 'debezium-jars'
WAIT_SECONDS = 120
TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.customer (id bigint PRIMARY KEY, name text NOT NULL, balance numeric(12,2), score double precision,
    born date, seen timestamptz, at timestamp, flag boolean, ref uuid, extra jsonb, long_text text, small smallint);
CREATE TABLE shop.line (order_id int, number int, what varchar(40), price numeric(9,3), PRIMARY KEY (order_id, number));
ALTER TABLE shop.line REPLICA IDENTITY FULL;
"""
KEYS = {'customer': ['id'], 'line': ['order_id', 'number']}
ROWS_BEFORE = 200


class Database:
    """A PostgreSQL in a folder of its own, run by somebody who is not root."""

    def __init__(self, home):
        self.home, self.port = pathlib.Path(home) / 'pg', broker.free_ports(1)[0]
        self.home.mkdir()
        self.user = pwd.getpwnam('postgres') if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.home, self.user.pw_uid, self.user.pw_gid)
            pathlib.Path(home).chmod(0o755)
        self.tool('initdb', '-D', self.home / 'data', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N')
        settings = {'wal_level': 'logical', 'listen_addresses': "'127.0.0.1'", 'port': self.port,
                    'unix_socket_directories': f"'{self.home}'", 'fsync': 'off', 'shared_buffers': '16MB', 'timezone': "'UTC'"}
        with open(self.home / 'data/postgresql.conf', 'a') as conf:
            conf.writelines(f'{name} = {value}\n' for name, value in settings.items())
        self.tool('pg_ctl', '-D', self.home / 'data', '-l', self.home / 'log', '-w', 'start')

    def tool(self, name, *words):
        """A program of PostgreSQL's, as its user."""
        more = {'user': self.user.pw_uid, 'group': self.user.pw_gid, 'extra_groups': []} if self.user else {}
        done = subprocess.run([POSTGRES / name, *map(str, words)], text=True, cwd='/', stdin=subprocess.DEVNULL,
                              stdout=open(os.devnull, 'w'), stderr=subprocess.PIPE, check=False, **more)
        assert done.returncode == 0, f'{name}: {done.stderr}'

    def sql(self, text):
        done = subprocess.run([POSTGRES / 'psql', '-h', '127.0.0.1', '-p', str(self.port), '-U', 'postgres', '-qAtX', '-v',
                               'ON_ERROR_STOP=1'], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def copy(self, table, path):
        """The table's rows as CSV, as the database prints them."""
        path.write_text(self.sql(f"COPY (SELECT * FROM shop.{table}) TO STDOUT (FORMAT csv, HEADER, NULL '\\N', FORCE_QUOTE *);"))

    def stop(self):
        self.tool('pg_ctl', '-D', self.home / 'data', '-m', 'immediate', '-w', 'stop')


class Connect:
    """Kafka Connect with one connector."""

    def __init__(self, home, kafka, database):
        self.home, self.process, self.port = pathlib.Path(home), None, broker.free_ports(1)[0]
        self.write('worker', {
            'bootstrap.servers': kafka.plaintext, 'listeners': f'http://127.0.0.1:{self.port}',
            'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'key.converter.schemas.enable': 'true',
            'value.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter.schemas.enable': 'true',
            'offset.storage.file.filename': self.home / 'connect-offsets', 'offset.flush.interval.ms': 500,
            'plugin.discovery': 'service_load'})
        self.write('source', {
            'name': 'shop', 'connector.class': 'io.debezium.connector.postgresql.PostgresConnector', 'tasks.max': 1,
            'database.hostname': '127.0.0.1', 'database.port': database.port, 'database.user': 'postgres',
            'database.password': 'none', 'database.dbname': 'postgres', 'topic.prefix': 'pg', 'plugin.name': 'pgoutput',
            'slot.name': 'shop', 'table.include.list': 'shop.customer,shop.line', 'publication.autocreate.mode': 'filtered',
            'poll.interval.ms': 50, 'topic.creation.default.partitions': 2,
            'topic.creation.default.replication.factor': 1})

    def write(self, name, settings):
        (self.home / f'{name}.properties').write_text(''.join(f'{k}={v}\n' for k, v in settings.items()))

    def start(self):
        self.log = self.home / f'connect-{time.monotonic_ns()}.txt'
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                ['java', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', f'{JARS}/*',
                 'org.apache.kafka.connect.cli.ConnectStandalone', self.home / 'worker.properties',
                 self.home / 'source.properties'], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=broker.die_with_parent)
        until = time.monotonic() + WAIT_SECONDS
        while self.state() != 'RUNNING':
            assert self.process.poll() is None and time.monotonic() < until, \
                f'Connect does not run:\n{self.log.read_text(errors="replace")[-3000:]}'
            time.sleep(0.2)

    def state(self):
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/connectors/shop/status', timeout=2) as answer:
                tasks = json.load(answer)['tasks']
                return tasks[0]['state'] if tasks else None
        return None

    def end(self, number):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(WAIT_SECONDS)


def text(random, length):
    return ''.join(random.choice("abcdefg \u00e4\u20ac'\\\"") for _ in range(length)).replace("'", "''")


def customer(random):
    """Values of a customer, as SQL, without the key."""
    null = lambda sql: 'NULL' if random.randrange(6) == 0 else sql
    stamp = f"{random.randrange(1950, 2049)}-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"
    clock = f'{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}.{random.randrange(1000000):06}'
    return [f"'{text(random, random.randrange(30))}'", null(f'{random.randrange(-10**11, 10**11) / 100:.2f}'),
            null(repr(random.uniform(-1e6, 1e6))), null(f"'{stamp}'"), null(f"'{stamp} {clock}+00'"), null(f"'{stamp} {clock}'"),
            null(random.choice(['true', 'false'])), null(f"'{random.getrandbits(128):032x}'::uuid"),
            null(f"'{json.dumps({'a': random.randrange(9)})}'"),
            null(f"'{text(random, 6000 if random.randrange(4) == 0 else 5)}'"), null(str(random.randrange(-32768, 32768)))]


CUSTOMER = ['name', 'balance', 'score', 'born', 'seen', 'at', 'flag', 'ref', 'extra', 'long_text', 'small']


class Work:
    """Random changes; keys keeps what there is."""

    def __init__(self, random):
        self.random, self.next, self.ids, self.lines = random, 1, [], []

    def insert(self):
        self.ids.append(self.next)
        self.next += 1
        return f"INSERT INTO shop.customer (id, {', '.join(CUSTOMER)}) VALUES ({self.ids[-1]}, {', '.join(customer(self.random))});"

    def line(self):
        self.lines.append((self.random.choice(self.ids), len(self.lines)))
        return f"INSERT INTO shop.line VALUES ({self.lines[-1][0]}, {self.lines[-1][1]}, '{text(self.random, 12)}', {self.random.randrange(10**6) / 1000});"

    def one(self):
        random = self.random
        kind = random.randrange(12)
        if kind < 3 or len(self.ids) < 5:
            return self.insert()
        if kind < 5:
            return self.line()
        at = random.randrange(len(self.ids))
        if kind < 9:  # one column: long values that stay are not in the log
            column = random.randrange(len(CUSTOMER))
            return f'UPDATE shop.customer SET {CUSTOMER[column]} = {customer(random)[column]} WHERE id = {self.ids[at]};'
        if kind == 9:
            gone, self.ids[at] = self.ids[at], self.next
            self.next += 1
            # long text in the same change: the log does not have it otherwise, and nobody has it under the new key
            return f"UPDATE shop.customer SET id = {self.ids[at]}, long_text = '{text(random, 6)}' WHERE id = {gone};"
        if kind == 10 and self.lines:
            order, number = self.lines[random.randrange(len(self.lines))]
            return f"UPDATE shop.line SET price = {random.randrange(10**6) / 1000} WHERE order_id = {order} AND number = {number};"
        return f'DELETE FROM shop.customer WHERE id = {self.ids.pop(at)};'

    def batch(self, count):
        """Transactions of one to five changes, and some that are rolled back."""
        words, done = [], 0
        while done < count:
            size = self.random.randrange(1, 6)
            words += ['BEGIN;', *(self.one() for _ in range(size)), 'COMMIT;']
            done += size
            if self.random.randrange(8) == 0:
                words += ['BEGIN;', "UPDATE shop.customer SET name = 'never';", 'ROLLBACK;']
        return '\n'.join(words)


def await_end(kafka, database, work):
    """Until a mark, written last, is in its topic; gives the records of all topics."""
    work.ids.append(work.next)
    work.next += 1
    database.sql(f"INSERT INTO shop.customer (id, name) VALUES ({work.ids[-1]}, 'mark');")
    until = time.monotonic() + WAIT_SECONDS
    while True:
        records = []
        with contextlib.suppress(broker.ck.KafkaException):  # a topic that has only just come
            records = kafka.consume([t for t in kafka.topics() if t.startswith('pg.shop.')])
        if any(r.value and f'"id":{work.ids[-1]},' in r.value.decode() for r in records):
            return records
        assert time.monotonic() < until, 'the last change is not in its topic'
        time.sleep(0.5)


def quoted(name):
    return f'"{name}"'


def final_sql(lake, path, table):
    """The state that the change log leads to; a value that was not sent is the one before it."""
    keys = ', '.join(KEYS[table])
    data = [r['column_name'] for r in lake.rows(f'DESCRIBE SELECT * FROM {lake.scan(path)}')
            if r['column_name'] not in lakes.GENERATED]
    filled = []
    for column in data:
        kept = f"CASE WHEN list_contains(_unset, '{column}') THEN 0 ELSE 1 END"
        filled.append(f'first("{column}" ORDER BY {kept} DESC, place DESC) AS "{column}"' if column not in KEYS[table]
                      else quoted(column))
    log = f"(SELECT * FROM {lake.scan(path)} WHERE _op <> 'b')"
    alive = (f"(SELECT *, max(CASE WHEN _op IN ('d') THEN place ELSE 0 END) OVER (PARTITION BY {keys}) AS died FROM "
             f'(SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY _partition, _offset, _sub) AS place FROM {log}))')
    names = ', '.join(filled)
    return f'(SELECT {names} FROM (SELECT * FROM {alive} WHERE place > died) GROUP BY {keys})', data


def check_table(lake, database, table, home):
    path = lake.silver()[f'shop.{table}']
    sql, data = final_sql(lake, path, table)
    database.copy(table, home / f'{table}.csv')
    kinds = {r['column_name']: r['column_type'] for r in lake.rows(f'DESCRIBE SELECT * FROM {lake.scan(path)}')}
    names = database.sql(f"SELECT column_name FROM information_schema.columns WHERE table_schema = 'shop' AND "
                         f"table_name = '{table}' ORDER BY ordinal_position;").split()
    if sorted(names) != sorted(data):
        return [f'{table}: columns {sorted(data)}, the database has {sorted(names)}']
    text_columns = ', '.join(f"'{n}': 'VARCHAR'" for n in names)
    truth = (f"(SELECT {', '.join(f'CAST({quoted(n)} AS {kinds[n]}) AS {quoted(n)}' for n in names)} FROM read_csv({lakes.quoted(home / f'{table}.csv')}, "
             f"header=true, quote='\"', escape='\"', nullstr='\\N', auto_detect=false, allow_quoted_nulls=false, max_line_size=10000000, "
             f"columns={{{text_columns}}}))")
    got = f"(SELECT {', '.join(quoted(n) for n in names)} FROM {sql})"
    wrong = []
    for what, left, right in (('missing', truth, got), ('too much', got, truth)):
        rows = lake.rows(f'SELECT * FROM {left} EXCEPT ALL SELECT * FROM {right}')
        if rows:
            wrong.append(f'{table}: {len(rows)} rows {what}: {str(rows[:2])[:1500]}')
    print(f"{table}: {lake.one(f'SELECT count(*) FROM {got}')} rows, {lake.one(f'SELECT count(*) FROM {lake.scan(path)}')} changes")
    return wrong


def check_changes(lake, records):
    """Each change of the topics is in silver, once, at its place."""
    wrong = []
    for table in KEYS:
        places = {(r.topic, r.partition, r.offset) for r in records if r.topic == f'pg.shop.{table}' and r.value}
        rows = lake.duck.execute(f"SELECT _topic, _partition, _offset, _sub FROM {lake.scan(lake.silver()[f'shop.{table}'])}").fetchall()
        if len(set(rows)) != len(rows) or {row[:3] for row in rows} != places:
            wrong.append(f'{table}: {len(rows)} rows at {len({row[:3] for row in rows})} places, {len(places)} changes')
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('cupel')
    parser.add_argument('--changes', type=int, default=3000)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    if not any(JARS.glob('debezium-connector-postgres-*.jar')):
        raise broker.Skip(f'no jars in {JARS}')
    work = Work(randoms.Random(args.seed))
    with contextlib.ExitStack() as stack:
        home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(broker.Broker())
        database = Database(home)
        stack.callback(database.stop)
        database.sql(TABLES)
        database.sql('\n'.join(work.insert() for _ in range(ROWS_BEFORE)) + '\n'.join(work.line() for _ in range(ROWS_BEFORE)))
        connect = Connect(home, kafka, database)
        connect.start()
        stack.callback(connect.end, signal.SIGKILL)
        lake = home / 'lake'
        words = ['run', '--brokers', kafka.plaintext, '--topics', '/pg\\.shop\\..*/', '--lake', lake, '--until-end']
        for step in range(4):
            database.sql(work.batch(args.changes // 4))
            if step == 1:
                connect.end(signal.SIGTERM)
                database.sql(work.batch(args.changes // 10))
                connect.start()
            if step == 2:
                database.sql('ALTER TABLE shop.customer ADD COLUMN nick text;')
                CUSTOMER.append('nick')
                values = customer
                globals()['customer'] = lambda random: [*values(random), f"'{text(random, 8)}'"]
            records = await_end(kafka, database, work)
            lakes.run(args.cupel, *words)
        found = lakes.Lake(lake)
        wrong = check_changes(found, records)
        for table in KEYS:
            wrong += check_table(found, database, table, home)
        wrong += [f'quarantine: {row}' for row in found.quarantine()[:2]]
        lakes.run(args.cupel, 'verify', lake, '--deep')
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    if not shutil.which(POSTGRES / 'initdb'):
        print('skipped: no PostgreSQL 15')
        sys.exit(77)
    try:
        sys.exit(main())
    except broker.Skip as reason:
        print(f'skipped: {reason}')
        sys.exit(77)
