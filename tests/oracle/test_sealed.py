#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   with bronze.encrypt nothing of a record can be read in bronze and quarantine without the day's
        key; with it replay and verify give back every record; a key that is gone erases its day,
        counted and named, and harms nothing else; damage is told from erasure.
Method: an NDJSON input and a dump with keys, headers, tombstones, values that are no line, broken
        records, large values; one run under a key folder, searches of all files, replay compared
        with the inputs; keys moved away, exchanged, bytes flipped.

    test_sealed.py CUPEL"""
import base64
import datetime
import gzip
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile

import lakes
import replayed

CUPEL = sys.argv[1]
WRONG = []
DAY_SECONDS = 180  # more than the runs of this test take
MARK = 'canary-person-0815'


def check(condition, *what):
    if not condition:
        WRONG.append(' '.join(map(str, what)))


def schema(table):
    lines = ['apiVersion: v3.1.0', 'kind: DataContract', f'id: {table}', 'version: 1.0.0', 'status: active', 'schema:',
             f'  - name: {table}', '    customProperties:', '      - {property: sourceSchema, value: s}',
             '    properties:', '      - name: id', '        physicalType: bigint', '        primaryKey: true',
             '        primaryKeyPosition: 1', '      - name: who', '        physicalType: text']
    return '\n'.join(lines + ['        customProperties:', '          - {property: mask, value: hmac}']) + '\n'


def value(number, who):
    source = {'connector': 'postgresql', 'name': 'pg', 'db': 'd', 'schema': 's', 'table': 't', 'lsn': number + 1}
    return json.dumps({'before': None, 'after': {'id': number, 'who': who}, 'source': source, 'op': 'c'})


def inputs(home):
    rnd = random.Random(7)
    lines = [value(n, f'{MARK}-{n}-{rnd.getrandbits(4000):x}') for n in range(3000)]
    lines[11], lines[12] = lines[11].replace('"op"', '"xx"'), f'{MARK} is no JSON'
    (home / 'a.ndjson').write_text('\n'.join(lines) + '\n')
    records = []
    for n in range(200):
        one = {'topic': 'pg.s.t', 'partition': 0, 'offset': n, 'timestamp': 1700000000000 + n,
               'key': json.dumps({'id': n, 'name': MARK}), 'value': value(n, MARK), 'headers': {'by': MARK}}
        if n % 7 == 0:
            one['value'] = None
        if n % 11 == 0:
            one['key'] = None
        if n % 13 == 1:
            one['value'] = json.dumps(json.loads(one['value'] or '{}'), indent=1)  # not one line
        if n % 17 == 2:
            one['value'] = MARK  # no JSON
        if n == 5:
            one['value'] = ''
        records.append(json.dumps(one))
    (home / 'b.dump').write_text('\n'.join(records) + '\n')
    return [home / 'a.ndjson', home / 'b.dump']


def pipeline(home, encrypt, inline):
    folder = home / 'p'
    (folder / 'contracts').mkdir(parents=True, exist_ok=True)
    (folder / 'contracts' / 't.odcs.yaml').write_text(schema('t'))
    (folder / 'pipeline.yaml').write_text(
        f'name: p\nsource: pg\ncodec: none\ninput:\n  - files: {home}/a.ndjson\n  - files: {home}/b.dump\n    form: dump\n'
        f'bronze:\n  encrypt: {encrypt}\nquarantine:\n  inline: {inline}\n'
        f'keys:\n  folder: {home}/keys\n  current: k1\n')
    return folder


def blobs(lake):
    """(path, bytes) of all files, inflated too where they are gzip."""
    for path in sorted(lake.rglob('*')):
        if path.is_file():
            raw = path.read_bytes()
            yield path, raw
            if raw[:2] == b'\x1f\x8b':
                yield path, gzip.decompress(raw)


def hits(lake):
    wanted = [MARK.encode(), MARK.encode().hex().encode()]
    wanted += [base64.b64encode(b'\0' * skip + MARK.encode())[skip and 4:-4] for skip in range(3)]
    return sorted({str(p.relative_to(lake)) for p, raw in blobs(lake) if any(w in raw for w in wanted)})


def verify(lake, *more, expect=0):
    return lakes.run(CUPEL, 'verify', lake, '--deep', *more, expect=expect).stdout


def replay(home, to, *more, expect=0):
    shutil.rmtree(home / to, ignore_errors=True)
    return lakes.run(CUPEL, 'replay', home / 'lake', '--to', home / to, *more, expect=expect).stderr


def check_back(home, files):
    """Byte for byte, record for record."""
    replay(home, 'back', '--keys', home / 'keys')
    check((home / 'back/a.ndjson').read_bytes() == files[0].read_bytes(), 'NDJSON did not come back as it was')
    before = [replayed.dump_record(l) for l in files[1].read_bytes().splitlines()]
    after = [replayed.dump_record(l) for l in (home / 'back/b.dump').read_bytes().splitlines()]
    check(before == after, 'the dump came back as another')
    check((home / 'back/a.ndjson').stat().st_mode & 0o777 == 0o600, 'what came back is open to others')


def check_keys(home, day):
    key = home / f'keys/default/p/{day}.key'
    check(key.stat().st_mode & 0o7777 == 0o600 and key.stat().st_size == 32, key)
    check([p.name for p in (home / 'keys/default/p').iterdir()] == [key.name], 'more than the key is there')
    check(all(f.stat().st_mode & 0o7777 == 0o700 for f in (home / 'keys/default', home / 'keys/default/p')), 'folders')
    for path, raw in blobs(home / 'lake'):
        check(key.read_bytes() not in raw and key.read_bytes().hex().encode() not in raw, 'the key is in', path)
    return key


def check_gone(home, key, files, count):
    """The key is removed: all is erased, nothing is wrong; an other key does not help."""
    lake, kept = home / 'lake', home / 'kept'
    key.rename(kept)
    said = verify(lake, '--keys', home / 'keys')
    check('0 records can be read' in said and f'{count} records are erased: the key of {key.stem} is gone' in said, said)
    check(said.rstrip().endswith('ok'), said)
    said = replay(home, 'back', '--keys', home / 'keys')
    check(f'0 records; {count} records are erased: the key of {key.stem} is gone' in said, said)
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    said = verify(lake, '--keys', home / 'keys')
    check(f'{count} records are erased' in said and said.rstrip().endswith('ok'), 'another key', said)
    key.unlink()
    # the day goes on under a new key: what was erased stays so, the new can be read
    with open(files[0], 'a') as out:
        out.write(value(90001, MARK) + '\n')
    lakes.run(CUPEL, 'run', home / 'p', '--lake', lake, '--until-end', '--workers', '2')
    if datetime.datetime.now(datetime.timezone.utc).date().isoformat() == key.stem:
        said = verify(lake, '--keys', home / 'keys')
        check('1 records can be read' in said and f'{count} records are erased' in said, 'a new key', said)
    for path in (home / 'keys/default/p').iterdir():
        path.unlink()
    kept.rename(key)


def check_damage(home, key):
    """A flipped byte of a sealed file is damage; --deep finds it without keys, --keys finds it alone."""
    lake = home / 'lake'
    path = max(lake.rglob('*.sealed'), key=lambda p: p.stat().st_size)
    good = path.read_bytes()
    for place in (3, 20, 60, len(good) - 1):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1:])
        said = verify(lake, expect=1)
        check(path.name in said, 'byte', place, said)
        if place not in (3, 20):  # magic and fingerprint: no longer a stream of this key
            said = lakes.run(CUPEL, 'verify', lake, '--keys', home / 'keys', expect=1).stdout
            check('damaged' in said and path.name in said, 'byte', place, said)
            said = replay(home, 'back', '--keys', home / 'keys', expect=1)
            check('damaged' in said, 'byte', place, said)
    path.write_bytes(good)


def check_refusals(home):
    said = replay(home, 'back', expect=1)
    check('--keys' in said and 'sealed' in said, said)
    said = replay(home, 'back', '--keys', home / 'nowhere', expect=1)
    check('nowhere' in said, said)
    (home / 'lake/keys').mkdir(mode=0o700)
    config = home / 'p/pipeline.yaml'
    good = config.read_text()
    config.write_text(good.replace(f'{home}/keys', f'{home}/lake/keys'))
    said = lakes.run(CUPEL, 'validate', home / 'p', '--lake', home / 'lake', expect=2).stderr
    check('lies in the lake' in said, said)
    config.write_text(good.replace(f'  folder: {home}/keys\n', ''))
    said = lakes.run(CUPEL, 'validate', home / 'p', '--lake', home / 'lake', expect=2).stderr
    check('keys.folder' in said, said)
    config.write_text(good)
    (home / 'lake/keys').rmdir()


def main():
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        os.umask(0)
        lakes.await_day(DAY_SECONDS)
        (home / 'keys').mkdir(mode=0o700)
        (home / 'keys/k1.key').write_text(os.urandom(32).hex())
        (home / 'keys/k1.key').chmod(0o600)
        files = inputs(home)
        count = 3200
        lakes.run(CUPEL, 'run', pipeline(home, 'off', 'true'), '--lake', home / 'open', '--until-end', '--workers', '1')
        kinds = {pathlib.PurePath(p).parts[1] for p in hits(home / 'open')}
        check(kinds == {'bronze', 'quarantine'}, 'the search does not find what is open', kinds)
        lakes.run(CUPEL, 'run', pipeline(home, 'on', 'true'), '--lake', home / 'lake', '--until-end', '--workers', '2')
        check(hits(home / 'lake') == [], 'in the clear:', hits(home / 'lake'))
        days = [p.stem for p in (home / 'keys/default/p').glob('*.key')]
        check(len(days) == 1, days)
        key = check_keys(home, days[0])
        check(verify(home / 'lake').rstrip().endswith('ok'), 'verify without keys')
        said = verify(home / 'lake', '--keys', home / 'keys')
        check(f'{count} records can be read' in said and 'erased' not in said, said)
        check_back(home, files)
        check_damage(home, key)
        check_refusals(home)
        check_gone(home, key, files, count)
    if WRONG:
        sys.exit('\n'.join(WRONG[:20]))


main()
