#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   nothing of a masked column is anywhere in the lake but in bronze; tokens are the HMAC that the
        README describes, join inside a domain and not across; rotation; what cannot be masked is refused.
Method: canary values in every masked column, in keys, key headers, deletes, key changes and broken
        records; every file outside of bronze is searched for them as text, hexadecimal, base64 and
        integers, Parquet files also as pyarrow reads them; a run without masks proves that the search
        finds them. Tokens are computed anew with hmac and hashlib.

    test_masked.py CUPEL"""
import base64
import datetime
import decimal
import hashlib
import hmac
import json
import os
import pathlib
import re
import struct
import sys
import tempfile

import pyarrow.parquet

import lakes

CUPEL = sys.argv[1]
WRONG = []
KEYS = {'k1': bytes(range(100, 140)), 'k2': os.urandom(32)}
ID = 7700112233445500
TEXTS = {'mail': 'canary.mail.4711@example.org', 'card': 'CANARYCARD-4929-1234', 'name': 'Canary van Name',
         'gone': 'canary-dropped-text', 'note': 'canary-null-note', 'alias': 'canary-constant-alias'}
SEEN_US = 1706702400123457
BYTES = b'canary-bytes-\x00\xff\x01'


def check(condition, *what):
    if not condition:
        WRONG.append(' '.join(map(str, what)))


def subkey(key, domain):
    """HKDF-SHA-256 of RFC 5869, one block, no salt."""
    extracted = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(extracted, b'cupel token ' + domain.encode() + b'\x01', hashlib.sha256).digest()


def token(key_id, domain, form):
    form = form if isinstance(form, bytes) else str(form).encode()
    digest = hmac.new(subkey(KEYS[key_id], domain), form, hashlib.sha256).digest()
    return f'{key_id}:' + base64.urlsafe_b64encode(digest).decode().rstrip('=')


# --- records ---

def image(number, **more):
    row = {'id': ID + number, 'born': 8000 + number, 'seen': SEEN_US + number, 'price': '123456.78', 'raw':
           base64.b64encode(BYTES).decode(), 'plain': f'plain {number}'}
    row.update({name: f'{text}{number}' for name, text in TEXTS.items()})
    row.update(more)
    return row


def record(table, op, before, after, key, offset, headers=None):
    source = {'connector': 'postgresql', 'name': 'pg', 'db': 'd', 'schema': 's', 'table': table, 'lsn': offset + 1,
              'ts_us': 1767225600000000}
    value = {'before': before, 'after': after, 'source': source, 'op': op}
    return {'topic': f'pg.s.{table}', 'partition': 0, 'offset': offset, 'key': json.dumps(key, separators=(',', ':')),
            'value': json.dumps(value), 'headers': headers or {}}


def records():
    made = [record('customer', 'c', None, image(n), {'id': ID + n}, n) for n in range(20)]
    made.append(record('customer', 'u', image(3), image(3, mail=None), {'id': ID + 3}, 20))
    made.append(record('customer', 'd', image(4), None, {'id': ID + 4}, 21))
    old = json.dumps({'id': ID + 5, 'secret_extra': TEXTS['mail']})
    made.append(record('customer', 'c', None, image(50), {'id': ID + 50}, 22, {'a': TEXTS['mail'][:16], '__debezium.oldkey': old}))
    made += [record('orders', 'c', None, {'number': n, 'customer': ID + n, 'mail': f"{TEXTS['mail']}{n}"},
                    {'number': n}, n) for n in range(20)]
    bad = record('customer', 'c', None, image(60, born=TEXTS['name']), {'id': ID + 60}, 23)
    broken = record('customer', 'c', None, image(61), {'id': ID + 61}, 24)
    broken['value'] = broken['value'][:-1] + ']'
    return made + [bad, broken]


# --- pipelines ---

MASKED = {'personal': 'hmac', 'card': 'keep_last 4', 'secret': 'drop'}
COLUMNS = [('id', 'bigint', 'personal', None), ('mail', 'text', 'personal', None), ('card', 'text', 'card', None),
           ('name', 'text', 'personal', None), ('gone', 'text', 'secret', None), ('note', 'text', None, 'null'),
           ('alias', 'text', 'personal', 'constant (hidden)'), ('born', 'date', None, 'year'),
           ('seen', 'timestamp without time zone', None, 'year'), ('price', 'numeric(12,2)', None, 'hmac'),
           ('raw', 'bytea', None, 'hmac'), ('plain', 'text', 'personal', 'none')]
WIRE = {'born': 'date_days', 'seen': 'timestamp_us', 'price': 'decimal_text', 'raw': 'bytes_base64'}


def column(name, kind, classification, mask, key=False, wire=None, partition=False):
    lines = [f'      - name: {name}', f'        physicalType: {kind}']
    lines += [f'        classification: {classification}'] if classification else []
    lines += ['        primaryKey: true', '        primaryKeyPosition: 1'] if key else []
    lines += ['        partitioned: true', '        partitionKeyPosition: 1'] if partition else []
    custom = [('wire', wire or WIRE.get(name))] if wire or name in WIRE else []
    custom += [('mask', mask)] if mask else []
    lines += ['        customProperties:'] if custom else []
    return lines + [f'          - {{property: {p}, value: {v}}}' for p, v in custom]


def contract(partition=True):
    lines = ['apiVersion: v3.1.0', 'kind: DataContract', 'id: x', 'version: 1.0.0', 'status: active', 'schema:']
    for table, columns in {'customer': COLUMNS, 'orders': [('number', 'bigint', None, None),
                                                           ('customer', 'bigint', 'personal', None),
                                                           ('mail', 'text', 'personal', None)]}.items():
        lines += [f'  - name: {table}', '    customProperties:', '      - {property: sourceSchema, value: s}',
                  '      - {property: replicaIdentity, value: full}', '    properties:']
        for place, one in enumerate(columns):
            lines += column(*one, key=place == 0, partition=partition and table == 'customer' and place == 0)
    return '\n'.join(lines) + '\n'


def pipeline(home, name, domain, current='k1', masks=True, extra=''):
    folder = home / name
    (folder / 'contracts').mkdir(parents=True, exist_ok=True)
    text = contract()
    if not masks:
        text = re.sub('property: mask, value: [^}]*', 'property: mask, value: none', text)
    (folder / 'contracts' / 'x.odcs.yaml').write_text(text)
    said = ''.join(f'  {c}: {m}\n' for c, m in MASKED.items()) if masks else ''
    (folder / 'pipeline.yaml').write_text(
        f'name: {name}\ndomain: {domain}\nsource: pg\ncodec: none\ninput:\n  - files: {home}/in.dump\n    form: dump\n'
        + (f'masks:\n{said}keys:\n  folder: {home}/keys\n  current: {current}\n' if masks else '') + extra)
    return folder


def run(home, folder, **more):
    return lakes.run(CUPEL, 'run', folder, '--lake', home / 'lake', '--until-end', '--workers', '1', **more)


def write_keys(home):
    (home / 'keys').mkdir(mode=0o700)
    for name, key in KEYS.items():
        path = home / 'keys' / f'{name}.key'
        path.write_bytes(key if name == 'k1' else key.hex().encode() + b'\n')  # both forms
        path.chmod(0o600)


# --- canaries ---

def forms(text):
    """A text as it is, as hexadecimal, and as base64 at each of its three alignments."""
    raw = text if isinstance(text, bytes) else text.encode()
    made = [raw, raw.hex().encode(), raw.hex().upper().encode()]
    for skip in range(3):
        made.append(base64.b64encode(b'\0' * skip + raw)[skip and 4:-4])
    return made


CANARIES = [TEXTS['mail'][:16].encode()] + [f for t in TEXTS.values() for f in forms(t)] + forms(BYTES)
CANARIES += [str(ID)[:14].encode(), struct.pack('<q', ID), struct.pack('<q', SEEN_US), str(SEEN_US)[:13].encode(),
             b'123456.78', (12345678).to_bytes(6, 'big'), b'12345678']


def found_in(blob):
    return [c for c in CANARIES if c in blob]


def files(lake, folders):
    for path in sorted(lake.rglob('*')):
        parts = path.relative_to(lake).parts
        if path.is_file() and not any(part in folders for part in parts):
            yield path


def parquet_text(path):
    """Values, statistics and names as pyarrow reads them."""
    file = pyarrow.parquet.ParquetFile(path)
    said = [repr(file.read().to_pylist()), repr(file.metadata.metadata)]
    for group in range(file.metadata.num_row_groups):
        for place in range(file.metadata.num_columns):
            said.append(repr(file.metadata.row_group(group).column(place).statistics))
    return '\n'.join(said).encode()


def search(lake, *leave_out):
    hits = {}
    for path in files(lake, leave_out):
        got = found_in(path.read_bytes()) + found_in(str(path).encode())
        if path.suffix == '.parquet':
            got += found_in(parquet_text(path))
        if got:
            hits[str(path.relative_to(lake))] = got
    return hits


# --- cases ---

def check_search(home):
    """The search finds what is there: without masks every kind of file has some."""
    run(home, pipeline(home, 'clear', 'clear', masks=False))
    hits = search(home / 'lake', 'bronze')
    zones = {zone for zone in ('silver', 'quarantine', '_delta_log') for path in hits if zone in path}
    check(zones == {'silver', 'quarantine', '_delta_log'}, 'the search finds too little', zones, list(hits)[:5])
    all_found = {c for got in hits.values() for c in got}
    plain = [t.encode() for t in TEXTS.values()] + [BYTES, struct.pack('<q', SEEN_US)]
    check(all(p in all_found for p in plain), 'not found without masks:', [p for p in plain if p not in all_found])


def check_leaks(home, said):
    hits = search(home / 'lake', 'bronze', 'clear')
    check(not hits, 'values are in', {p: c[:3] for p, c in hits.items()})
    check(not found_in((said.stdout + said.stderr).encode()), 'values are printed')


def check_values(home, domain, key_id):
    lake = lakes.Lake(home / 'lake')
    customer, orders = home / 'lake' / domain / 'silver/pg/s/customer', home / 'lake' / domain / 'silver/pg/s/orders'
    names = [r['column_name'] for r in lake.rows(f'DESCRIBE SELECT * FROM {lake.scan(customer)}')]
    check('gone' not in names and 'note' in names, names)
    rows = lake.rows(f'SELECT * FROM {lake.scan(customer)} WHERE id LIKE \'{key_id}:%\' ORDER BY _offset')
    check(len(rows) == 23, domain, len(rows), 'rows')
    for row in rows[:20]:
        n = row['_offset']
        want = {'id': token(key_id, domain, ID + n), 'mail': token(key_id, domain, f"{TEXTS['mail']}{n}"),
                'card': '****' + f"{TEXTS['card']}{n}"[-4:], 'name': token(key_id, domain, f"{TEXTS['name']}{n}"),
                'note': None, 'alias': '(hidden)', 'plain': f'plain {n}', 'raw': token(key_id, domain, BYTES),
                'price': token(key_id, domain, decimal.Decimal('123456.78')), 'born': datetime.date(1991, 1, 1)
                if n < 0 else (datetime.date(1970, 1, 1) + datetime.timedelta(8000 + n)).replace(month=1, day=1)}
        got = {name: row[name] for name in want}
        check(got == want, domain, n, 'is', got, 'not', want)
        check(row['seen'].isoformat()[:19] == '2024-01-01T00:00:00', row['seen'])
    check(rows[20]['mail'] is None and rows[21]['_op'] == 'd', 'null stays null')
    old = json.loads(rows[22]['_old_key'])
    check(old == {'id': token(key_id, domain, ID + 5)}, 'old key', old)
    joined = lake.one(f'SELECT count(*) FROM {lake.scan(customer)} c JOIN {lake.scan(orders)} o '
                      f"ON c.id = o.customer AND c.mail = o.mail WHERE c._op = 'c' AND c.id LIKE '{key_id}:%'")
    check(joined == 20, domain, joined, 'rows join')
    folder = customer / f'id={token(key_id, domain, ID).replace(":", "%3A")}'
    check(folder.is_dir(), folder, 'is not there')
    log = ''.join(p.read_text() for p in (customer / '_delta_log').glob('*.json'))
    check('(masked: hmac)' in log and '(masked: keep_last)' in log, 'comments do not say what is masked')
    return {row['id'] for row in rows}


def check_rotation(home):
    """A new current key: new rows have its tokens, old rows keep theirs."""
    folder = pipeline(home, 'p1', 'bank', current='k2')
    more = [record('customer', 'c', None, image(n), {'id': ID + n}, n) for n in range(20)]
    for place, one in enumerate(more):
        one['offset'] += 1000 + place
    with open(home / 'in.dump', 'a') as out:
        out.write(''.join(json.dumps(r) + '\n' for r in more))
    run(home, folder)
    lake = lakes.Lake(home / 'lake')
    customer = lake.scan(home / 'lake/bank/silver/pg/s/customer')
    counts = {r['k']: r['n'] for r in lake.rows(f"SELECT left(id, 3) AS k, count(*) AS n FROM {customer} GROUP BY 1")}
    check(counts == {'k1:': 23, 'k2:': 20}, counts)
    ids = {r['id'] for r in lake.rows(f"SELECT id FROM {customer} WHERE id LIKE 'k2:%'")}
    check(ids == {token('k2', 'bank', ID + n) for n in range(20)}, 'tokens of the new key')


def refused(home, what, *words):
    done = lakes.run(CUPEL, 'validate', home / 'p1', '--lake', home / 'lake', expect=2)
    said = done.stderr + done.stdout
    check(all(word in said for word in words), what, 'says', said)
    check(not found_in(said.encode()) and not any(k.hex() in said for k in KEYS.values()), what, 'prints a secret')


def check_refusals(home):
    key, folder = home / 'keys/k1.key', home / 'p1'
    for mode in (0o640, 0o604, 0o660, 0o700):
        key.chmod(mode)
        pipeline(home, 'p1', 'bank')
        refused(home, f'mode {mode:o}', 'k1.key', 'chmod 0600')
    key.chmod(0o400)
    pipeline(home, 'p1', 'bank', current='k9')
    refused(home, 'no key', 'k9.key')
    pipeline(home, 'p1', 'bank', current='../keys/k1')
    refused(home, 'no id', 'keys.current')
    pipeline(home, 'p1', 'bank')
    key.chmod(0o600)
    key.write_bytes(b'short')
    refused(home, 'short key', 'k1.key', '32')
    key.write_bytes(KEYS['k1'])
    contracts = folder / 'contracts/x.odcs.yaml'
    good = contracts.read_text()
    pipe = folder / 'pipeline.yaml'
    settings = pipe.read_text()
    for mask, line, words in (
            ('keep_last 4', 'born', ('x.odcs.yaml:', 'born', 'keep_last', 'date')),
            ('hmac2', 'note', ('x.odcs.yaml:', 'note', 'hmac2', 'allowed')),
            ('keep_last 17', 'note', ('note', '1 to 16')),
            ('year', 'note', ('note', 'dates'))):
        at = good.index(f'- name: {line}')
        changed = good[:at] + good[at:].replace('value: year' if line == 'born' else 'value: null', f'value: {mask}', 1)
        contracts.write_text(changed)
        refused(home, mask, *words)
    contracts.write_text(good)
    pipe.write_text(settings.replace('personal: hmac', 'personal: drop'))
    refused(home, 'drop of a key', 'x.odcs.yaml:', 'classification', 'id')
    pipe.write_text(settings.replace('personal: hmac', 'personal: hide'))
    refused(home, 'no mask', 'pipeline.yaml:', 'masks.personal')
    pipe.write_text(settings.replace(f'{home}/keys', f'{home}/lake/keys'))
    (home / 'lake/keys').mkdir(mode=0o700)
    refused(home, 'keys in the lake', 'lies in the lake')
    (home / 'lake/keys').rmdir()
    pipe.write_text(settings)


def check_modes(home):
    """Raw zones are closed, whatever the umask."""
    for path in (home / 'lake').rglob('*'):
        parts = path.relative_to(home / 'lake').parts
        if not {'bronze', 'quarantine', '_cupel'} & set(parts):
            continue
        mode = path.stat().st_mode & 0o777
        check(mode == (0o700 if path.is_dir() else 0o600), path, f'{mode:o}')


def main():
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        os.umask(0)
        write_keys(home)
        (home / 'in.dump').write_text(''.join(json.dumps(r) + '\n' for r in records()))
        said = run(home, pipeline(home, 'p1', 'bank'))
        check_leaks(home, said)
        bank = check_values(home, 'bank', 'k1')
        run(home, pipeline(home, 'p2', 'shop'))
        shop = check_values(home, 'shop', 'k1')
        check(not bank & shop, 'tokens of two domains are equal')
        check_modes(home)
        check_rotation(home)
        check_leaks(home, said)
        lakes.run(CUPEL, 'verify', home / 'lake', '--deep')
        check_refusals(home)
        check_search(home)
    if WRONG:
        sys.exit('\n'.join(WRONG[:20]))


main()
