#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_delta.py - independent checker for a Delta Lake table on local disk.

    check_delta.py TABLE_DIR... [--expect-rows N] [--key COL,...] [--csv ORACLE.csv]
                   [--readers pyarrow,deltalake,duckdb,polars,spark]
                   [--allow-orphans] [--allow-readd] [--csv-null TOKEN] [--delta-jars DIR]

One line per check: "ok", "FAIL", "warn" or "skip".  Several tables share the readers' start-up.
Exit 0 only when nothing failed; 1 = a check failed; 2 = usage.
The log replay, the Parquet footer parser, the page walker, the level decoder and the deletion-vector decoder are written
here from the format documents; pyarrow is used for decompression and for decoding values.

Reader "pyarrow" = our own log replay + pyarrow on each file with page checksums verified.
The other readers open the table by themselves.  A reader that is not installed is skipped, unless named in --readers.
CSV oracle: header = column names (a subset is allowed); timestamps ISO 8601, dates YYYY-MM-DD, binary as hex,
decimals as text; an empty field is null except in string and binary columns; --csv-null (default \\N) is null everywhere.
"""
import argparse, csv, datetime, decimal, hashlib, json, math, os, re, struct, sys, urllib.parse, zlib
import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq

CTX = decimal.Context(prec=80)
RESULT = []


def report(kind, name, detail=''):
    RESULT.append((kind, name, detail))
    print(f'{kind:4} {name}' + (f': {detail}' if detail else ''), flush=True)


class Bad(Exception):
    """a check failed; the message is the reason"""


def check(name, fn, *a):
    """Runs one check: prints its line; returns its value or None when it failed."""
    try:
        r = fn(*a)
        detail, val = r if isinstance(r, tuple) else (r, True)
        report('ok', name, detail or '')
        return val
    except Bad as e:
        report('FAIL', name, str(e))
    except Exception as e:                                    # a crash of the check on odd input is a failure of the input
        report('FAIL', name, f'{type(e).__name__}: {re.sub(chr(10), " ", str(e))[:300]}')
    return None


# ------------------------------------------------------------------ the log
COMMIT = re.compile(r'^(\d{20})\.json$')
CKPT = re.compile(r'^(\d{20})\.checkpoint\.parquet$')
OTHER = re.compile(r'^(\d{20}\.(crc|checkpoint\.[0-9a-f-]{36}\.(json|parquet)|checkpoint\.\d{10}\.\d{10}\.parquet)|\d{20}\.\d{20}\.compacted\.json|_last_checkpoint|_last_vacuum_info|_sidecars|_staged_commits)$')
ACTIONS = {'commitInfo', 'protocol', 'metaData', 'add', 'remove', 'cdc', 'txn', 'domainMetadata', 'checkpointMetadata', 'sidecar'}
NEED = {'add': {'path': str, 'partitionValues': dict, 'size': int, 'modificationTime': int, 'dataChange': bool},
        'remove': {'path': str, 'dataChange': bool}, 'cdc': {'path': str, 'partitionValues': dict, 'size': int, 'dataChange': bool},
        'txn': {'appId': str, 'version': int}, 'protocol': {'minReaderVersion': int, 'minWriterVersion': int},
        'metaData': {'id': str, 'format': dict, 'schemaString': str, 'partitionColumns': list, 'configuration': dict}}
BOTH = {'columnMapping', 'deletionVectors', 'timestampNtz', 'v2Checkpoint', 'typeWidening', 'vacuumProtocolCheck', 'variantType'}


def strict_json(text, where):
    def pairs(p):
        d = {}
        for k, v in p:
            if k in d: raise Bad(f'{where}: key "{k}" twice in one object')
            d[k] = v
        return d

    def const(c): raise Bad(f'{where}: bare {c} is not JSON')
    try: return json.loads(text, object_pairs_hook=pairs, parse_constant=const)
    except json.JSONDecodeError as e: raise Bad(f'{where}: not JSON: {e}')


def dv_id(a):
    d = a.get('deletionVector')
    return None if not d else d['storageType'] + d['pathOrInlineDv'] + (f"@{d['offset']}" if d.get('offset') is not None else '')


class Log:
    def __init__(self, table):
        self.table, self.dir = table, os.path.join(table, '_delta_log')
        self.commits, self.ckpts, self.actions = [], [], {}
        self.protocol = self.meta = None
        self.live, self.tomb, self.txn, self.ever, self.cdc = {}, {}, {}, set(), []

    def names(self):
        if not os.path.isdir(self.dir): raise Bad('no _delta_log directory')
        odd = []
        for n in sorted(os.listdir(self.dir)):
            if m := COMMIT.match(n): self.commits.append(int(m[1]))
            elif m := CKPT.match(n): self.ckpts.append(int(m[1]))
            elif not OTHER.match(n) and not n.startswith('.'): odd.append(n)
        if odd: report('warn', 'log.names', 'not Delta log files: ' + ', '.join(odd[:5]))
        if not self.commits: raise Bad('no commit files')
        gaps = [b for a, b in zip(self.commits, self.commits[1:]) if b != a + 1]
        if gaps: raise Bad(f'versions are not contiguous: gap before {gaps[0]}')
        if self.commits[0] != 0 and not any(c >= self.commits[0] - 1 for c in self.ckpts): raise Bad(f'log starts at {self.commits[0]} and no checkpoint covers what came before')
        return f'versions {self.commits[0]}..{self.commits[-1]} contiguous, {len(self.ckpts)} checkpoints'

    def syntax(self):
        n = 0
        for v in self.commits:
            raw = open(os.path.join(self.dir, f'{v:020d}.json'), 'rb').read()
            w = f'version {v}'
            if raw.startswith(b'\xef\xbb\xbf'): raise Bad(f'{w}: starts with a byte order mark')
            try: text = raw.decode()
            except UnicodeDecodeError as e: raise Bad(f'{w}: not UTF-8: {e}')
            out = []
            for i, l in enumerate(text.split('\n')):
                if not l.strip(): continue
                wi = f'{w} line {i + 1}'
                o = strict_json(l, wi)
                if not isinstance(o, dict) or len(o) != 1: raise Bad(f'{wi}: not one action')
                k, a = next(iter(o.items()))
                if k not in ACTIONS: report('warn', 'log.syntax', f'{wi}: unknown action {k}')
                for f, t in NEED.get(k, {}).items():
                    if not isinstance(a.get(f), t) or (t is int and isinstance(a[f], bool)): raise Bad(f'{wi}: {k}.{f} is missing or not a {t.__name__}')
                for f in ('size', 'modificationTime', 'deletionTimestamp'):
                    if f in a and a[f] is not None and type(a[f]) is not int: raise Bad(f'{wi}: {k}.{f} is not an integer')
                for pk, pv in (a.get('partitionValues') or {}).items():
                    if pv is not None and not isinstance(pv, str): raise Bad(f'{wi}: partition value {pk} is not a string')
                    if pv == '': raise Bad(f'{wi}: partition value {pk} is the empty string (readers disagree: write null)')
                if 'stats' in a and a['stats'] is not None:
                    if not isinstance(a['stats'], str): raise Bad(f'{wi}: {k}.stats is not a string')
                    a['_stats'] = strict_json(a['stats'], f'{wi} stats')
                if k == 'metaData':
                    for ck, cv in a['configuration'].items():
                        if not isinstance(cv, str): raise Bad(f'{wi}: configuration {ck} is not a string')
                    a['_schema'] = strict_json(a['schemaString'], f'{wi} schemaString')
                if 'path' in a:
                    if re.search(r'[\x00-\x20"<>\\^`{|}\x7f-\U0010ffff]', a['path']): raise Bad(f'{wi}: path {a["path"]!r} is not percent-encoded')
                    if re.search(r'%(?![0-9A-Fa-f]{2})', a['path']): raise Bad(f'{wi}: path {a["path"]!r} has a bad % escape')
                    if a['path'].startswith('/') or re.match(r'^[a-z][a-z0-9+.-]*:', a['path']): raise Bad(f'{wi}: path is absolute (delta-rs and polars cannot read it)')
                    if a['path'].startswith('./') or '/../' in '/' + a['path']: raise Bad(f'{wi}: path {a["path"]!r} has dot segments')
                out.append((k, a)); n += 1
            self.actions[v] = out
        return f'{n} actions in {len(self.commits)} commits'

    def replay(self):
        """Applies the commits in order with the strict rules for a single careful writer."""
        base = self.commits[0]
        if base != 0: self._load_checkpoint(max(c for c in self.ckpts if c >= base - 1))
        start = base if base == 0 else self.from_ckpt + 1
        for v in self.commits:
            if v < start: continue
            seen, ntx, nmeta, nproto = {}, set(), 0, 0
            acts = self.actions[v]
            for k, a in acts:
                if k in ('add', 'remove'):
                    if (k, a['path']) in seen: raise Bad(f'version {v}: two {k} actions for {a["path"]}')
                    seen[k, a['path']] = dv_id(a)
            for (k, p), d in seen.items():
                if k == 'add' and ('remove', p) in seen and seen['remove', p] == d: raise Bad(f'version {v}: add and remove of the same file {p} in one commit')
            for k, a in sorted(acts, key=lambda x: x[0] != 'remove'):
                if k == 'protocol': self.protocol = a; nproto += 1
                elif k == 'metaData': self.meta = a; nmeta += 1
                elif k == 'txn':
                    if a['appId'] in ntx: raise Bad(f'version {v}: two txn for appId {a["appId"]}')
                    ntx.add(a['appId'])
                    if a['appId'] in self.txn and a['version'] <= self.txn[a['appId']]['version']:
                        raise Bad(f'version {v}: txn {a["appId"]} goes from {self.txn[a["appId"]]["version"]} to {a["version"]}')
                    self.txn[a['appId']] = a
                elif k == 'remove':
                    cur = self.live.get(a['path'])
                    if cur is None: raise Bad(f'version {v}: remove of {a["path"]}, which is not live')
                    if dv_id(cur) != dv_id(a): raise Bad(f'version {v}: remove of {a["path"]} names another deletion vector')
                    if a['dataChange'] and self.meta and self.meta['configuration'].get('delta.appendOnly', '').lower() == 'true': raise Bad(f'version {v}: remove with dataChange in an append-only table')
                    del self.live[a['path']]; self.tomb[a['path']] = a
                elif k == 'add':
                    if a['path'] in self.live: raise Bad(f'version {v}: add of {a["path"]}, which is already live (duplicate add)')
                    if a['path'] in self.ever and ('remove', a['path']) not in seen and not ARGS.allow_readd: raise Bad(f'version {v}: path {a["path"]} was used before (names must be unique)')
                    self.live[a['path']] = a; self.tomb.pop(a['path'], None); self.ever.add(a['path'])
                elif k == 'cdc': self.cdc.append((v, a))
            if nproto > 1 or nmeta > 1: raise Bad(f'version {v}: more than one protocol or metaData')
            if v == 0 and not (nproto and nmeta): raise Bad('version 0 lacks protocol or metaData')
        if not self.protocol or not self.meta: raise Bad('no protocol or no metaData')
        return f'{len(self.live)} live files, {len(self.tomb)} tombstones, {len(self.txn)} txn ids, each strictly increasing'

    def _load_checkpoint(self, v):
        self.from_ckpt = v
        for r in ckpt_rows(self, v):
            for k, a in r.items():
                if k == 'protocol': self.protocol = a
                elif k == 'metaData': self.meta = a; a['_schema'] = json.loads(a['schemaString'])
                elif k == 'txn': self.txn[a['appId']] = a
                elif k == 'add':
                    if a['path'] in self.live: raise Bad(f'checkpoint {v}: {a["path"]} twice')
                    if a.get('stats'): a['_stats'] = strict_json(a['stats'], f'checkpoint {v} stats')
                    self.live[a['path']] = a; self.ever.add(a['path'])
                elif k == 'remove': self.tomb[a['path']] = a; self.ever.add(a['path'])

    def protocol_rules(self):
        p, m = self.protocol, self.meta
        r, w, rf, wf = p['minReaderVersion'], p['minWriterVersion'], p.get('readerFeatures'), p.get('writerFeatures')
        if (rf is not None) != (r == 3): raise Bad(f'readerFeatures must be present exactly when minReaderVersion is 3 (is {r})')
        if (wf is not None) != (w == 7): raise Bad(f'writerFeatures must be present exactly when minWriterVersion is 7 (is {w})')
        if r > 3 or w > 7: raise Bad(f'unknown protocol {r}/{w}')
        if r == 3 and w != 7: raise Bad('reader 3 needs writer 7')
        for f in rf or []:
            if f not in wf: raise Bad(f'reader feature {f} is not in writerFeatures')
        for f in wf or []:
            if f in BOTH and f not in (rf or []) and not (f == 'columnMapping' and r == 2): raise Bad(f'feature {f} must be in readerFeatures too')
        def has(f, minw=None, minr=0): return (f in wf and (f not in BOTH or r == 2 or f in (rf or []))) if wf is not None else (minw is not None and w >= minw and r >= minr)
        conf, s = m['configuration'], m['_schema']
        flat = json.dumps(s)
        need = []
        if '"timestamp_ntz"' in flat: need.append(('timestampNtz', None, 0))
        if conf.get('delta.enableDeletionVectors') == 'true' or any(dv_id(a) for a in self.live.values()): need.append(('deletionVectors', None, 0))
        if conf.get('delta.columnMapping.mode', 'none') != 'none': need.append(('columnMapping', 5, 2))
        elif 'delta.columnMapping.physicalName' in flat: raise Bad('column mapping metadata without delta.columnMapping.mode')
        if conf.get('delta.appendOnly', '').lower() == 'true': need.append(('appendOnly', 2, 0))
        if '"nullable": false' in flat and wf is not None: need.append(('invariants', 2, 0))
        if conf.get('delta.enableChangeDataFeed') == 'true' or self.cdc: need.append(('changeDataFeed', 4, 0))
        for f, mw, mr in need:
            if not has(f, mw, mr): raise Bad(f'table uses {f}, which protocol {r}/{w} {rf or ""} {wf or ""} does not declare')
        low = [f['name'].lower() for f in s['fields']]
        if len(set(low)) != len(low): raise Bad('column names differ only by case')
        for pcn in m['partitionColumns']:
            if pcn not in [f['name'] for f in s['fields']]: raise Bad(f'partition column {pcn} is not in the schema')
        for f in s['fields']:
            if 'metadata' not in f or 'nullable' not in f: raise Bad(f'schema field {f.get("name")} lacks metadata or nullable')
        return f'reader {r} writer {w}' + (f' features {sorted(set(wf))}' if wf is not None else '')

    def partition_rules(self):
        cols = self.meta['partitionColumns']
        ph = {f['name']: phys(f) for f in self.meta['_schema']['fields']}
        for p, a in self.live.items():
            got = set(a['partitionValues'])
            if got != {ph[c] for c in cols}: raise Bad(f'{p}: partitionValues has {sorted(got)}, partition columns are {cols}')
            if cols and not all(f'{ph[c]}=' in urllib.parse.unquote(p) for c in cols): report('warn', 'log.partitions', f'{p}: not in col=value directories (polars reads such partition columns as null)'); break
        return f'{len(cols)} partition columns'


def phys(f): return f['metadata'].get('delta.columnMapping.physicalName', f['name'])


def arrow_plain(x):
    if isinstance(x, list) and x and isinstance(x[0], tuple): return {k: v for k, v in x}
    if isinstance(x, dict): return {k: arrow_plain(v) for k, v in x.items()}
    return x


def ckpt_rows(log, v):
    t = pq.read_table(os.path.join(log.dir, f'{v:020d}.checkpoint.parquet'), page_checksum_verification=True)
    out = []
    maps = {'partitionValues', 'tags', 'configuration', 'options'}
    def fix(d):
        for k in list(d):
            if d[k] is None: del d[k]
            elif k in maps: d[k] = dict(d[k])
            elif isinstance(d[k], dict): fix(d[k])
        return d
    for r in t.to_pylist():
        r = {k: fix(x) for k, x in r.items() if x is not None}
        if len(r) != 1: raise Bad(f'checkpoint {v}: a row with {len(r)} actions')
        if 'commitInfo' in r or 'cdc' in r: raise Bad(f'checkpoint {v}: holds commitInfo or cdc')
        out.append(r)
    return out


def canon(x, p=''):
    q = lambda s: '"' + urllib.parse.quote(s, safe='-._~') + '"'
    if isinstance(x, dict): it = [(q(k), v) for k, v in x.items() if not (p == '' and k == 'checksum')]
    elif isinstance(x, list): it = [(str(i), v) for i, v in enumerate(x)]
    else: return [(p, q(x) if isinstance(x, str) else json.dumps(x))]
    return [e for k, v in it for e in canon(v, p + '+' + k if p else k)]


def check_checkpoint(log, v):
    rows = ckpt_rows(log, v)
    nadd = [r['add']['path'] for r in rows if 'add' in r]
    if len(set(nadd)) != len(nadd): raise Bad('the same path in two add rows')
    if sum('protocol' in r for r in rows) != 1 or sum('metaData' in r for r in rows) != 1: raise Bad('needs exactly one protocol and one metaData')
    pr = next(r['protocol'] for r in rows if 'protocol' in r)
    if ('readerFeatures' in pr) != (pr['minReaderVersion'] == 3) or ('writerFeatures' in pr) != (pr['minWriterVersion'] == 7): raise Bad('feature lists must be null unless the protocol is 3/7 (an empty list is not null)')
    if log.commits[0] == 0 and v <= log.commits[-1]:
        live, txn, meta = {}, {}, None
        for i in range(v + 1):
            for k, a in sorted(log.actions[i], key=lambda x: x[0] != 'remove'):
                if k == 'add': live[a['path']] = a
                elif k == 'remove': live.pop(a['path'], None)
                elif k == 'txn': txn[a['appId']] = a['version']
                elif k == 'metaData': meta = a
        if set(live) != set(nadd): raise Bad(f'add rows differ from the log replay: {sorted(set(live) ^ set(nadd))[:3]}')
        for r in rows:
            if 'add' in r:
                for f in ('size', 'partitionValues', 'modificationTime'):
                    if r['add'].get(f, {} if f == 'partitionValues' else None) != live[r['add']['path']][f]: raise Bad(f'{r["add"]["path"]}: {f} differs from the log')
                if dv_id(r['add']) != dv_id(live[r['add']['path']]): raise Bad(f'{r["add"]["path"]}: deletion vector differs from the log')
        ct = {r['txn']['appId']: r['txn']['version'] for r in rows if 'txn' in r}
        if ct != txn: raise Bad(f'txn rows {ct} differ from the log {txn}')
        if next(r['metaData'] for r in rows if 'metaData' in r)['schemaString'] != meta['schemaString']: raise Bad('metaData differs from the log')
        return f'{len(rows)} rows equal to the replay of 0..{v}'
    return f'{len(rows)} rows (log before it is gone: not compared)'


def check_last(log):
    p = os.path.join(log.dir, '_last_checkpoint')
    if not os.path.exists(p): return 'absent'
    j = strict_json(open(p, encoding='utf-8').read(), '_last_checkpoint')
    v = j['version']
    if v not in log.ckpts:
        if j.get('parts') or j.get('v2Checkpoint') or any(n.startswith(f'{v:020d}.checkpoint.') for n in os.listdir(log.dir)): return f'version {v}, another checkpoint kind (not checked)'
        raise Bad(f'points to version {v}, which has no checkpoint file')
    f = os.path.join(log.dir, f'{v:020d}.checkpoint.parquet')
    n = pq.ParquetFile(f).metadata.num_rows
    if j['size'] != n: raise Bad(f'size says {j["size"]} actions, the file has {n}')
    if j.get('sizeInBytes') not in (None, os.path.getsize(f)): raise Bad(f'sizeInBytes {j["sizeInBytes"]}, the file has {os.path.getsize(f)}')
    if 'checksum' in j:
        c = hashlib.md5(','.join(f'{k}={x}' for k, x in sorted(canon(j), key=lambda e: e[0].encode())).encode()).hexdigest()
        if c != j['checksum']: raise Bad(f'checksum {j["checksum"]}, computed {c}')
    return f'version {v}, {n} actions'


# ------------------------------------------------------------------ files on disk
def local(log, p): return os.path.join(log.table, urllib.parse.unquote(p))


def check_files(log):
    for p, a in log.live.items():
        f = local(log, p)
        if not os.path.isfile(f): raise Bad(f'{p}: missing on disk')
        if os.path.getsize(f) != a['size']: raise Bad(f'{p}: {os.path.getsize(f)} bytes on disk, the log says {a["size"]}')
    for v, a in log.cdc:
        f = local(log, a['path'])
        if os.path.isfile(f) and os.path.getsize(f) != a['size']: raise Bad(f'{a["path"]}: {os.path.getsize(f)} bytes on disk, the log says {a["size"]}')
        if not os.path.isfile(f): raise Bad(f'{a["path"]}: change data file missing')
    return f'{len(log.live)} files, {sum(a["size"] for a in log.live.values())} bytes'


def check_orphans(log):
    known = {os.path.normpath(local(log, p)) for p in log.ever | set(log.tomb)} | {os.path.normpath(local(log, a['path'])) for _, a in log.cdc}
    for a in list(log.live.values()) + list(log.tomb.values()) + [a for x in log.actions.values() for k, a in x if k in ('add', 'remove')]:
        d = a.get('deletionVector')
        if d and d['storageType'] == 'u': known.add(os.path.normpath(dv_path(log, d)))
    orphan = []
    for d, ds, fs in os.walk(log.table):
        rel = os.path.relpath(d, log.table)
        top = rel.split(os.sep)[0]
        if top == '_delta_log': continue
        for f in fs:
            full = os.path.normpath(os.path.join(d, f))
            if f.startswith('.') and f.endswith('.crc'): continue
            if full not in known: orphan.append(os.path.relpath(full, log.table))
    if orphan:
        msg = f'{len(orphan)} files no log action names: ' + ', '.join(sorted(orphan)[:4])
        if ARGS.allow_orphans: report('warn', 'files.orphans', msg); return 'allowed'
        raise Bad(msg)
    return 'none'


# ------------------------------------------------------------------ deletion vectors
Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#'


def unz85(s):
    if len(s) % 5: raise Bad('Z85 length is not a multiple of 5')
    o = b''
    for i in range(0, len(s), 5):
        n = 0
        for c in s[i:i + 5]: n = n * 85 + Z85.index(c)
        o += n.to_bytes(4, 'big')
    return o


def dv_path(log, d):
    s = d['pathOrInlineDv']
    u = unz85(s[-20:]).hex()
    return os.path.join(log.table, s[:-20], f'deletion_vector_{u[:8]}-{u[8:12]}-{u[12:16]}-{u[16:20]}-{u[20:]}.bin')


def roaring32(b, o):
    """Portable 32-bit roaring at b[o:]; returns (sorted values, end offset)."""
    cookie, = struct.unpack_from('<I', b, o); start = o; o += 4
    if cookie & 0xffff == 12347: n = (cookie >> 16) + 1; runs = b[o:o + (n + 7) // 8]; o += (n + 7) // 8
    elif cookie == 12346: n, = struct.unpack_from('<I', b, o); o += 4; runs = None
    else: raise Bad(f'roaring cookie {cookie}')
    keys = [struct.unpack_from('<HH', b, o + 4 * i) for i in range(n)]; o += 4 * n
    if runs is None or n >= 4: o += 4 * n
    out = []
    for i, (k, c) in enumerate(keys):
        c += 1; hi = k << 16
        if runs is not None and runs[i >> 3] >> (i & 7) & 1:
            nr, = struct.unpack_from('<H', b, o); o += 2
            for _ in range(nr):
                s, l = struct.unpack_from('<HH', b, o); o += 4; out += range(hi + s, hi + s + l + 1)
        elif c <= 4096: out += [hi + x for x in struct.unpack_from(f'<{c}H', b, o)]; o += 2 * c
        else:
            bits = int.from_bytes(b[o:o + 8192], 'little'); o += 8192
            vals = [hi + x for x in range(65536) if bits >> x & 1] if bits else []
            if len(vals) != c: raise Bad('roaring bitmap container cardinality')
            out += vals
    return out, o


def dv_rows(log, a):
    d = a.get('deletionVector')
    if not d: return None
    if d['storageType'] == 'i': data = unz85(d['pathOrInlineDv'])[:d['sizeInBytes']]
    else:
        f = dv_path(log, d) if d['storageType'] == 'u' else urllib.parse.unquote(urllib.parse.urlparse(d['pathOrInlineDv']).path)
        b = open(f, 'rb').read(); o = d.get('offset') or 0
        if b[0] != 1: raise Bad(f'{os.path.basename(f)}: version byte {b[0]}')
        n, = struct.unpack_from('>I', b, o)
        if n != d['sizeInBytes']: raise Bad(f'deletion vector: the file says {n} bytes, the log {d["sizeInBytes"]}')
        data = b[o + 4:o + 4 + n]; crc, = struct.unpack_from('>I', b, o + 4 + n)
        if zlib.crc32(data) != crc: raise Bad('deletion vector CRC mismatch')
    magic, = struct.unpack_from('<I', data)
    if magic != 1681511377: raise Bad(f'deletion vector magic {magic}')
    nb, = struct.unpack_from('<Q', data, 4); o = 12; out = []
    for _ in range(nb):
        k, = struct.unpack_from('<I', data, o); vals, o = roaring32(data, o + 4); out += [k << 32 | v for v in vals]
    if o != len(data): raise Bad('deletion vector has trailing bytes')
    if len(out) != d['cardinality']: raise Bad(f'deletion vector cardinality {d["cardinality"]}, it holds {len(out)}')
    return out


# ------------------------------------------------------------------ Parquet footer and pages, own decoder
class Thrift:
    def __init__(s, b, o=0): s.b, s.o = b, o
    def uv(s):
        r = n = 0
        while True:
            c = s.b[s.o]; s.o += 1; r |= (c & 127) << n; n += 7
            if c < 128: return r
    def zz(s): n = s.uv(); return (n >> 1) ^ -(n & 1)
    def val(s, t):
        if t in (1, 2): return t == 1
        if t == 3: s.o += 1; return struct.unpack_from('b', s.b, s.o - 1)[0]
        if t in (4, 5, 6): return s.zz()
        if t == 7: s.o += 8; return struct.unpack_from('<d', s.b, s.o - 8)[0]
        if t == 8: n = s.uv(); s.o += n; return bytes(s.b[s.o - n:s.o])
        if t in (9, 10):
            h = s.b[s.o]; s.o += 1; n, e = h >> 4, h & 15
            if n == 15: n = s.uv()
            if e in (1, 2): s.o += n; return [x == 1 for x in s.b[s.o - n:s.o]]
            return [s.val(e) for _ in range(n)]
        if t == 12: return s.struct()
        raise Bad(f'Thrift type {t}')
    def struct(s):
        d, last = {}, 0
        while True:
            h = s.b[s.o]; s.o += 1
            if h == 0: return d
            last = last + (h >> 4) if h >> 4 else s.zz()
            d[last] = s.val(h & 15)


def hybrid_runs(b, o, end, bw, want):
    """Yields (count, value or None, packed int) until want values were seen."""
    t = Thrift(b, o)
    while want > 0:
        if t.o >= end: raise Bad('levels end too early')
        h = t.uv()
        if h & 1:
            n = (h >> 1) * 8; nb = (h >> 1) * bw
            if t.o + nb > end: raise Bad('bit-packed run passes its block')
            yield min(n, want), None, int.from_bytes(b[t.o:t.o + nb], 'little'); t.o += nb
        else:
            n = h >> 1; nb = (bw + 7) // 8
            if n == 0 or n > want: raise Bad(f'RLE run of {n} values, {want} left')
            yield n, int.from_bytes(b[t.o:t.o + nb], 'little'), None; t.o += nb
        want -= n


def count_max(b, o, end, maxlevel, n):
    bw = maxlevel.bit_length(); c = 0
    for k, v, packed in hybrid_runs(b, o, end, bw, n):
        if packed is None: c += k if v == maxlevel else 0
        elif bw == 1: c += (packed & ((1 << k) - 1)).bit_count()
        else: c += sum((packed >> (i * bw)) & ((1 << bw) - 1) == maxlevel for i in range(k))
    return c


CODECS = {0: None, 1: 'snappy', 2: 'gzip', 4: 'brotli', 6: 'zstd', 7: 'lz4_raw'}


class PFile:
    """Footer of one Parquet file plus a full walk over its pages."""
    def __init__(self, path):
        self.path = path; b = self.b = open(path, 'rb').read()
        if len(b) < 12 or b[:4] != b'PAR1' or b[-4:] != b'PAR1': raise Bad('no PAR1 at both ends')
        n, = struct.unpack('<I', b[-8:-4])
        if n + 12 > len(b): raise Bad('footer length passes the file')
        t = Thrift(b, len(b) - 8 - n); self.md = m = t.struct()
        if t.o != len(b) - 8: raise Bad('bytes after FileMetaData')
        for f in (1, 2, 3, 4):
            if f not in m: raise Bad(f'FileMetaData field {f} missing')
        self.rows = m[3]; self.leaves = []
        els = m[2]
        def walk(i, path, d, r):
            e = els[i]; kids = e.get(5, 0)
            if i: path = path + (e[4].decode(),); d += e.get(3, 0) != 0; r += e.get(3, 0) == 2
            if not kids:
                if 1 not in e: raise Bad(f'schema leaf {path} has no type')
                self.leaves.append((path, e, d, r)); return i + 1
            i += 1
            for _ in range(kids): i = walk(i, path, d, r)
            return i
        if walk(0, (), 0, 0) != len(els): raise Bad('schema tree does not use every element')

    def index(self, c, plist, maxr, w):
        """Page index structures against the pages that were walked."""
        if 4 in c:
            t = Thrift(self.b, c[4]); x = t.struct()
            if t.o != c[4] + c[5]: raise Bad(f'{w}: offset index length')
            got = [(l[1], l[2], l[3]) for l in x[1]]
            if [g[:2] for g in got] != [q[:2] for q in plist] or not maxr and [g[2] for g in got] != [q[2] for q in plist]: raise Bad(f'{w}: offset index differs from the pages')
        if 6 in c:
            t = Thrift(self.b, c[6]); x = t.struct()
            if t.o != c[6] + c[7]: raise Bad(f'{w}: column index length')
            if not len(x[1]) == len(x[2]) == len(x[3]) == len(plist): raise Bad(f'{w}: column index has {len(x[1])} pages of {len(plist)}')
            if 5 in x and x[5] != [q[4] for q in plist]: raise Bad(f'{w}: column index null_counts')
            if x[4] not in (0, 1, 2): raise Bad(f'{w}: boundary_order {x[4]}')

    def verify(self):
        m = self.md; b = self.b; npages = ncrc = 0; self.pages = {}
        if m[1] not in (1, 2): raise Bad(f'footer version {m[1]}')
        if sum(g[3] for g in m[4]) != self.rows: raise Bad(f'footer num_rows {self.rows}, row groups hold {sum(g[3] for g in m[4])}')
        if 7 not in m and any(c[3].get(12) and 5 in c[3][12] for g in m[4] for c in g[1]): raise Bad('min_value/max_value without column_orders')
        if 7 in m and len(m[7]) != len(self.leaves): raise Bad('column_orders length')
        spans = []
        for gi, g in enumerate(m[4]):
            if len(g[1]) != len(self.leaves): raise Bad(f'row group {gi}: {len(g[1])} chunks for {len(self.leaves)} leaves')
            if 6 in g and g[6] != sum(c[3][7] for c in g[1]): raise Bad(f'row group {gi}: total_compressed_size')
            if g[2] != sum(c[3][6] for c in g[1]): raise Bad(f'row group {gi}: total_byte_size')
            for ci, c in enumerate(g[1]):
                path, e, maxd, maxr = self.leaves[ci]; w = f'row group {gi} column {".".join(path)}'
                if 2 not in c: raise Bad(f'{w}: ColumnChunk.file_offset missing')
                k = c[3]
                if [x.decode() for x in k[3]] != list(path): raise Bad(f'{w}: path_in_schema')
                if k[1] != e[1]: raise Bad(f'{w}: type differs from the schema')
                if 11 in k and not 0 < k[11] < k[9]: raise Bad(f'{w}: dictionary page is not before the data pages')
                plist = self.pages[gi, ci] = []
                o = start = k.get(11, k[9]); end = start + k[7]; seen = unc = nn = nn0 = 0; dictn = None; first_data = None
                if start < 4 or end > len(b) - 8: raise Bad(f'{w}: chunk outside the file')
                if k[7]: spans.append((start, end, w))
                while o < end:
                    t = Thrift(b, o); h = t.struct(); ho = t.o; size = h[3]
                    if ho + size > end: raise Bad(f'{w}: page passes the chunk')
                    body = b[ho:ho + size]; npages += 1
                    if 4 in h:
                        ncrc += 1
                        if zlib.crc32(body) != h[4] & 0xffffffff: raise Bad(f'{w}: page CRC mismatch at byte {ho}')
                    lv = b''; comp = body; ulen = h[2]
                    if h[1] == 3:
                        p = h[8]; ll = p[5] + p[6]; lv, comp, ulen = body[:ll], body[ll:], h[2] - ll
                        if not p.get(7, True) or CODECS[k[4]] is None: data = comp
                        else: data = decomp(k[4], comp, ulen, w) if ulen else b''
                    else: data = decomp(k[4], comp, ulen, w)
                    if len(data) != ulen: raise Bad(f'{w}: uncompressed_page_size {ulen}, the page has {len(data)}')
                    if h[1] == 2:
                        if dictn is not None or seen: raise Bad(f'{w}: dictionary page not first')
                        dictn = h[7][1]
                        if 11 not in k: raise Bad(f'{w}: dictionary page but no dictionary_page_offset')
                        if k[1] in (1, 2, 4, 5): 
                            if len(data) != dictn * {1: 4, 2: 8, 4: 4, 5: 8}[k[1]]: raise Bad(f'{w}: dictionary size')
                    elif h[1] in (0, 3):
                        if first_data is None: first_data = o
                        p = h[5] if h[1] == 0 else h[8]; n = p[1]; seen += n; po = 0
                        enc = p[2] if h[1] == 0 else p[4]
                        if enc not in k[2]: raise Bad(f'{w}: encoding {enc} not listed in the chunk')
                        if h[1] == 0:
                            if maxr: po = 4 + struct.unpack_from('<I', data)[0]
                            if maxd:
                                l, = struct.unpack_from('<I', data, po); nn += count_max(data, po + 4, po + 4 + l, maxd, n); po += 4 + l
                            else: nn += n
                            have = None
                        else:
                            have = count_max(lv, p[6], len(lv), maxd, n) if maxd else n; nn += have
                            if maxd and not maxr and p[2] != n - have: raise Bad(f'{w}: page v2 num_nulls')
                        if enc in (2, 8) and dictn is None: raise Bad(f'{w}: dictionary-encoded page without dictionary')
                        nval = (nn - nn0); width = e.get(2) if k[1] == 7 else WIDTH.get(k[1]); nn0 = nn
                        plist.append((o, ho - o + size, seen - n, n, n - nval))
                        if enc == 0 and width and len(data) - po != nval * width: raise Bad(f'{w}: PLAIN page has {len(data) - po} value bytes for {nval} values')
                        if enc in (2, 8) and po < len(data) and nval:
                            if data[po] > 32: raise Bad(f'{w}: dictionary index bit width {data[po]}')
                            for _ in hybrid_runs(data, po + 1, len(data), data[po], nval): pass
                        if enc in (2, 8) and h[1] == 0 and po >= len(data): raise Bad(f'{w}: dictionary-encoded page without the bit-width byte')
                    else: raise Bad(f'{w}: page type {h[1]}')
                    unc += (ho - o) + h[2]; o = ho + size
                if o != end: raise Bad(f'{w}: pages do not fill total_compressed_size')
                if unc != k[6]: raise Bad(f'{w}: total_uncompressed_size {k[6]}, pages have {unc}')
                if first_data is not None and first_data != k[9]: raise Bad(f'{w}: data_page_offset {k[9]}, first data page is at {first_data}')
                if seen != k[5]: raise Bad(f'{w}: num_values {k[5]}, pages have {seen}')
                if not maxr and seen != g[3]: raise Bad(f'{w}: {seen} values for {g[3]} rows')
                self.index(c, plist, maxr, w)
                s = k.get(12)
                if s is not None:
                    if 3 in s and s[3] != seen - nn: raise Bad(f'{w}: footer null_count {s[3]}, levels say {seen - nn}')
                    if 1 in s and 5 not in s: raise Bad(f'{w}: only the deprecated min/max are set')
        spans.sort()
        for (s1, e1, w1), (s2, e2, w2) in zip(spans, spans[1:]):
            if s2 < e1: raise Bad(f'{w1} and {w2} overlap')
        return npages, ncrc


def check_index(f, gi, ci, w, e, col):
    """ColumnIndex bounds against the values of each page (flat columns)."""
    c = f.md[4][gi][1][ci]
    if 6 not in c: return
    x = Thrift(f.b, c[6]).struct(); prev = None
    for i, (o, size, row, n, nulls) in enumerate(f.pages[gi, ci]):
        lo, hi, _, nan = order_values(col.slice(row, n), None)
        if lo is None:
            if not nan and not x[1][i]: raise Bad(f'{w}: page {i} is all null, its null_pages flag is not set')
            continue
        if x[1][i]: raise Bad(f'{w}: page {i} has values but null_pages is set')
        mn, mx = footer_value(x[2][i], e), footer_value(x[3][i], e)
        if mn > lo or mx < hi: raise Bad(f'{w}: column index page {i} {mn!r}..{mx!r}, data {lo!r}..{hi!r}')
        if prev and (x[4] == 1 and (mn < prev[0] or mx < prev[1]) or x[4] == 2 and (mn > prev[0] or mx > prev[1])): raise Bad(f'{w}: column index boundary_order is false')
        prev = mn, mx


def decomp(codec, data, n, w):
    c = CODECS.get(codec, '?')
    if c == '?': raise Bad(f'{w}: codec {codec}')
    if c is None: return data
    try:
        if c == 'gzip':
            if data[:2] != b'\x1f\x8b': raise Bad(f'{w}: gzip page without a gzip header')
            return zlib.decompress(data, 31)
        if c == 'zstd': return pa.CompressedInputStream(pa.BufferReader(data), 'zstd').read()
        real = Thrift(data).uv() if c == 'snappy' else lz4_len(data) if c == 'lz4_raw' else n     # Arrow trusts the caller's size
        if real != n: raise Bad(f'{w}: uncompressed_page_size {n}, the page has {real}')
        return pa.Codec(c).decompress(data, n, asbytes=True)
    except Bad: raise
    except Exception as e: raise Bad(f'{w}: cannot decompress: {e}')


def lz4_len(b):
    """Output size of an LZ4 block."""
    o = n = 0
    def more(x):
        nonlocal o
        if x == 15:
            while True:
                c = b[o]; o += 1; x += c
                if c != 255: break
        return x
    while o < len(b):
        t = b[o]; o += 1; l = more(t >> 4); o += l; n += l
        if o >= len(b): break
        o += 2; n += more(t & 15) + 4
    return n


WIDTH = {1: 4, 2: 8, 3: 12, 4: 4, 5: 8}
PHYS = {'boolean': 0, 'byte': 1, 'short': 1, 'integer': 1, 'date': 1, 'long': 2, 'timestamp': 2, 'timestamp_ntz': 2, 'float': 4, 'double': 5, 'string': 6, 'binary': 6}
EPOCH = datetime.datetime(1970, 1, 1)


def iso_us(s):
    m = re.match(r'^([+-]?\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d:?\d\d)?$', s)
    if not m: raise Bad(f'not a timestamp: {s!r}')
    d = datetime.datetime(int(m[1]), int(m[2]), int(m[3]), int(m[4] or 0), int(m[5] or 0), int(m[6] or 0)) - EPOCH
    us = (d.days * 86400 + d.seconds) * 10**6 + int((m[7] or '').ljust(6, '0')[:6])
    if m[8] and m[8] != 'Z': us -= (1 if m[8][0] == '+' else -1) * (int(m[8][1:3]) * 3600 + int(m[8][-2:]) * 60) * 10**6
    return us


def day(s): return (datetime.date.fromisoformat(s) - datetime.date(1970, 1, 1)).days


def order_values(col, typ):
    """(min, max, nulls, has_nan) of an Arrow column in the order of the Delta type; numbers for time types."""
    col = pa.chunked_array([col]) if isinstance(col, pa.Array) else col
    nulls = col.null_count; t = col.type; nan = False
    if len(col) == nulls: return None, None, nulls, False
    if pa.types.is_timestamp(t): col = col.cast(pa.timestamp('us', t.tz)).cast(pa.int64())
    elif pa.types.is_date(t): col = col.cast(pa.int32())
    elif pa.types.is_floating(t):
        k = pc.is_nan(col); nan = bool(pc.any(k).as_py()); col = col.filter(pc.invert(k))
        if len(col) == col.null_count: return None, None, nulls, nan
    elif str(t) in ('string_view', 'binary_view'): col = col.cast(pa.string() if str(t) == 'string_view' else pa.binary()).cast(pa.binary())
    elif pa.types.is_string(t) or pa.types.is_large_string(t): col = col.cast(pa.binary())
    elif pa.types.is_boolean(t): col = col.cast(pa.int8())
    mm = pc.min_max(col)
    return mm['min'].as_py(), mm['max'].as_py(), nulls, nan


def footer_value(b, e):
    t = e[1]
    if t == 0: return b[0]
    if t in (1, 2):
        v = int.from_bytes(b, 'little', signed=True)
        if len(b) != (4 if t == 1 else 8): raise Bad('statistics value of wrong length')
        return decimal.Decimal(v).scaleb(-e.get(7, 0), CTX) if e.get(6) == 5 else v
    if t in (4, 5): return struct.unpack('<f' if t == 4 else '<d', b)[0]
    if t == 7 and e.get(6) == 5: return decimal.Decimal(int.from_bytes(b, 'big', signed=True)).scaleb(-e.get(7, 0), CTX)
    return b


def stat_value(x, typ):
    if isinstance(typ, dict): return None
    if typ == 'string': return x.encode()
    if typ in ('timestamp', 'timestamp_ntz'): return iso_us(x)
    if typ == 'date': return day(x)
    if typ.startswith('decimal'): return decimal.Decimal(str(x))
    if typ in ('float', 'double'): return float(x)
    if typ == 'binary': return None
    return int(x)


def check_parquet(log, path, a, schema, extra=()):
    """Every rule for one data file; returns (pages, pages with CRC, rows)."""
    f = PFile(local(log, path)); np_, nc = f.verify()
    st = a.get('_stats')
    parts = set(log.meta['partitionColumns'])
    by = {phys(x): x for x in schema if x['name'] not in parts}
    pf = pq.ParquetFile(f.path, page_checksum_verification=True)
    have = {}
    for p, e, d, r in f.leaves: have.setdefault(p[0], (p, e, d, r))
    for n, x in by.items():
        t = x['type']
        if n not in have:
            near = [h for h in have if h.lower() == n.lower()]
            if near: raise Bad(f'column {n} is called {near[0]} in the file (delta-rs and polars are case sensitive)')
            if not x['nullable']: raise Bad(f'required column {n} is not in the file')
            continue
        p, e, d, r = have[n]
        if isinstance(t, str) and len(p) == 1:
            if t.startswith('decimal'):
                pr, sc = map(int, t[8:-1].split(','))
                if e.get(6) != 5 or e.get(8) != pr or e.get(7, 0) != sc: raise Bad(f'column {n}: not {t} in the file')
            else:
                if e[1] != PHYS.get(t): raise Bad(f'column {n}: physical type {e[1]} for {t}')
                lt = e.get(10, {})
                if t in ('timestamp', 'timestamp_ntz'):
                    ts = lt.get(8)
                    if not ts or ts[1] != (t == 'timestamp') or 2 not in ts[2]: raise Bad(f'column {n}: {t} needs TIMESTAMP(isAdjustedToUTC={t == "timestamp"}, MICROS)')
                if t == 'string' and 1 not in lt: raise Bad(f'column {n}: string needs the STRING logical type')
                if t == 'date' and 6 not in lt: raise Bad(f'column {n}: date needs the DATE logical type')
        if log.meta['configuration'].get('delta.columnMapping.mode') in ('id', 'name'):
            top = [x2 for x2 in f.md[2][1:] if x2[4].decode() == n][0]
            if top.get(9) != x['metadata'].get('delta.columnMapping.id'): raise Bad(f'column {n}: field_id {top.get(9)}')
    # value bounds, per row group and per file
    ext = {}
    for gi in range(len(f.md[4])):
        cols = [n for n in by if n in have and len(have[n][0]) == 1]
        t = pf.read_row_group(gi, columns=[c for c in cols if '.' not in c] if any('.' in c for c in cols) else cols)
        for ci, (p, e, d, r) in enumerate(f.leaves):
            if len(p) != 1 or p[0] not in t.column_names: continue
            typ = by[p[0]]['type']
            check_index(f, gi, ci, f'row group {gi} column {p[0]}', e, t[p[0]])
            lo, hi, nulls, nan = order_values(t[p[0]], typ); w = f'row group {gi} column {p[0]}'
            s = f.md[4][gi][1][ci][3].get(12) or {}
            if 5 in s or 6 in s:
                fmn = footer_value(s[6], e) if 6 in s else None; fmx = footer_value(s[5], e) if 5 in s else None
                for v in (fmn, fmx):
                    if isinstance(v, float) and math.isnan(v): raise Bad(f'{w}: NaN in footer statistics')
                if lo is None and (fmn is not None or fmx is not None): raise Bad(f'{w}: footer bounds but no values')
                if fmn is not None and (fmn > lo or (s.get(8) and fmn != lo)): raise Bad(f'{w}: footer min {fmn!r}, data min {lo!r}')
                if fmx is not None and (fmx < hi or (s.get(7) and fmx != hi)): raise Bad(f'{w}: footer max {fmx!r}, data max {hi!r}')
                if nan and fmx is not None: raise Bad(f'{w}: footer max given though the column holds NaN')
            q = ext.setdefault(p[0], [None, None, 0, False])
            if lo is not None: q[0] = lo if q[0] is None else min(q[0], lo); q[1] = hi if q[1] is None else max(q[1], hi)
            q[2] += nulls; q[3] |= nan
    if st is not None:
        if st.get('numRecords', f.rows) != f.rows: raise Bad(f'Delta stats numRecords {st["numRecords"]}, the file has {f.rows} rows')
        for n, (lo, hi, nulls, nan) in ext.items():
            typ = by[n]['type']
            mn, mx, ncount = (st.get(k, {}).get(n) for k in ('minValues', 'maxValues', 'nullCount'))
            if ncount is not None and st.get('tightBounds', True) and ncount != nulls: raise Bad(f'Delta stats nullCount of {n} is {ncount}, the data has {nulls}')
            if ncount in (0, f.rows) and ncount != nulls: raise Bad(f'Delta stats nullCount of {n} is {ncount}, the data has {nulls}')
            mn = stat_value(mn, typ) if mn is not None else None; mx = stat_value(mx, typ) if mx is not None else None
            slack = 999 if typ in ('timestamp', 'timestamp_ntz') else 0             # readers widen a millisecond-truncated maximum
            fuzz = max(abs(lo or 0), abs(hi or 0)) * decimal.Decimal('1e-15') if str(typ).startswith('decimal') else 0   # double-rounded by some writers
            if typ in ('float',) and mn is not None: mn = struct.unpack('<f', struct.pack('<f', mn))[0]
            if typ in ('float',) and mx is not None: mx = struct.unpack('<f', struct.pack('<f', mx))[0]
            raw = isinstance(lo, bytes)                                              # strings: bounds in byte order, no slack
            if None not in (mn, lo) and mn > (lo if raw else lo + fuzz): raise Bad(f'Delta stats minValues.{n} = {mn!r} is above the data minimum {lo!r}')
            if None not in (mx, hi) and (mx if raw else mx + slack) < (hi if raw else hi - fuzz): raise Bad(f'Delta stats maxValues.{n} = {mx!r} is below the data maximum {hi!r}')
            if nan and mx is not None: raise Bad(f'Delta stats maxValues.{n} given though the column holds NaN (readers prune NaN rows)')
    if a.get('deletionVector') and (st is None or 'numRecords' not in st): raise Bad('deletion vector without stats.numRecords')
    for rrow in dv_rows(log, a) or []:
        if rrow >= f.rows: raise Bad(f'deletion vector names row {rrow} of {f.rows}')
    return np_, nc, f.rows


# ------------------------------------------------------------------ reading and comparing
def norm(a, typ):
    """Arrow array -> list of exact, reader-independent Python values."""
    if isinstance(a, pa.ChunkedArray): a = a.combine_chunks()
    if isinstance(a, pa.ChunkedArray): a = pa.concat_arrays(a.chunks) if a.num_chunks else pa.array([], a.type)
    t = a.type
    if pa.types.is_dictionary(t): return norm(a.cast(t.value_type), typ)
    if isinstance(t, pa.BaseExtensionType): return norm(a.storage, typ)
    if isinstance(typ, dict):
        if typ['type'] == 'array': return [None if not s.is_valid else ['L'] + norm(s.values, typ['elementType']) for s in a]
        if typ['type'] == 'map': return [None if x is None else ['M'] + sorted((str(k), str(v)) for k, v in (x.items() if isinstance(x, dict) else x)) for x in a.to_pylist()]
        return [None if not v else ['S'] + [c[i] for c in cols] for cols in [[norm(a.field(f['name']), f['type']) for f in typ['fields']]] for i, v in enumerate(a.is_valid().to_pylist())]
    if pa.types.is_null(t): return [None] * len(a)
    if typ in ('timestamp', 'timestamp_ntz'):
        if not pa.types.is_timestamp(t): raise Bad(f'reader gave {t} for {typ}')
        k = {'s': 10**6, 'ms': 1000, 'us': 1, 'ns': 0}[t.unit]; v = a.cast(pa.int64()).to_pylist()
        if k == 0 and any(x is not None and x % 1000 for x in v): raise Bad('reader gave nanoseconds')
        return [None if x is None else (x * k if k else x // 1000) for x in v]
    if typ == 'date': return a.cast(pa.date32()).cast(pa.int32()).to_pylist()
    if typ == 'float': return [None if x is None else ('nan' if math.isnan(x) else struct.pack('<f', x).hex()) for x in a.to_pylist()]
    if typ == 'double': return [None if x is None else ('nan' if math.isnan(x) else struct.pack('<d', x).hex()) for x in a.to_pylist()]
    if typ.startswith('decimal'):
        sc = int(typ[:-1].split(',')[1])
        return [None if x is None else int(decimal.Decimal(x).scaleb(sc, CTX)) for x in a.to_pylist()]
    if typ == 'binary': return [None if x is None else bytes(x).hex() for x in a.to_pylist()]
    if typ == 'boolean': return [None if x is None else bool(x) for x in a.to_pylist()]
    return a.to_pylist()


def row_hashes(t, schema, cols):
    """Order-independent content hash: (rows, sum of row hashes mod 2^128); also yields rows for the oracle."""
    types = {f['name']: f['type'] for f in schema}
    got = set(t.column_names)
    if got != set(types): raise Bad(f'columns {sorted(got ^ set(types))} differ from the table schema')
    vals = [norm(t[c], types[c]) for c in cols]
    total = n = 0
    for r in zip(*vals):
        total += int.from_bytes(hashlib.blake2b(json.dumps(r, ensure_ascii=True, separators=(',', ':')).encode(), digest_size=16).digest(), 'little'); n += 1
    return n, f'{total % (1 << 128):032x}', vals


def arrow_type(t):
    if isinstance(t, str):
        if t.startswith('decimal'): return pa.decimal128(*map(int, t[8:-1].split(',')))
        return {'string': pa.string(), 'long': pa.int64(), 'integer': pa.int32(), 'short': pa.int16(), 'byte': pa.int8(), 'float': pa.float32(), 'double': pa.float64(), 'boolean': pa.bool_(), 'binary': pa.binary(), 'date': pa.date32(), 'timestamp': pa.timestamp('us', 'UTC'), 'timestamp_ntz': pa.timestamp('us')}[t]
    if t['type'] == 'array': return pa.list_(arrow_type(t['elementType']))
    if t['type'] == 'map': return pa.map_(arrow_type(t['keyType']), arrow_type(t['valueType']))
    return pa.struct([(f['name'], arrow_type(f['type'])) for f in t['fields']])


def part_value(s, t):
    if s is None or s == '': return None
    if t in ('timestamp', 'timestamp_ntz'): return iso_us(s)
    if t == 'date': return day(s)
    if t == 'boolean': return s.lower() == 'true'
    if t.startswith('decimal'): return decimal.Decimal(s)
    if t in ('float', 'double'): return float(s)
    if t == 'binary': return s.encode()
    if t == 'string': return s
    return int(s)


def read_replay(log, _):
    out = []; fields = log.meta['_schema']['fields']
    for p, a in log.live.items():
        t = pq.ParquetFile(local(log, p), page_checksum_verification=True).read(); n = len(t); cols = {}
        for f in fields:
            k = phys(f); at = arrow_type(f['type'])
            if f['name'] in log.meta['partitionColumns']:
                v = part_value(a['partitionValues'].get(k), f['type'])
                base = pa.array([v] * n, pa.int64() if f['type'].startswith('timestamp') else pa.int32() if f['type'] == 'date' else at)
                cols[f['name']] = base.cast(at) if f['type'].startswith('timestamp') or f['type'] == 'date' else base
            elif k in t.column_names:
                c = t[k]; cols[f['name']] = c if isinstance(f['type'], dict) else c.cast(at)
            else: cols[f['name']] = pa.nulls(n, at)
        tt = pa.table(cols)
        d = dv_rows(log, a)
        if d:
            dead = set(d); tt = tt.filter(pa.array([i not in dead for i in range(n)]))
        out.append(tt)
    if out: return pa.concat_tables(out, promote_options='permissive')
    return pa.table({f['name']: pa.nulls(0, arrow_type(f['type'])) for f in fields})


def read_deltalake(log, _):
    import deltalake
    return pa.table(deltalake.QueryBuilder().register('t', deltalake.DeltaTable(log.table)).execute('select * from t').read_all())


def read_polars(log, _):
    import polars as pl
    if log.meta['configuration'].get('delta.columnMapping.mode', 'none') != 'none' and not ARGS.readers: raise Skip('polars has no column mapping')
    return pl.read_delta(log.table).to_arrow()


def read_duckdb(log, _):
    import duckdb, glob
    c = duckdb.connect(config={'allow_unsigned_extensions': 'true'})  # pinned; the check of its signature takes half a second a table
    try:
        import duckdb_extension_delta as x
        f = glob.glob(os.path.join(os.path.dirname(x.__file__), 'extensions', '*', 'delta.duckdb_extension'))[0]
        c.execute("LOAD '" + f.replace("'", "''") + "'")
    except ImportError:
        try: c.execute('LOAD delta')
        except Exception: raise Skip('the delta extension is not installed (duckdb and duckdb-extension-delta must have the same version)')
    c.execute("set timezone='UTC'")
    return c.execute("select * from delta_scan('" + log.table.replace("'", "''") + "')").to_arrow_table()


def read_spark(log, _):
    import glob
    from pyspark.sql import SparkSession
    jars = ARGS.delta_jars or os.environ.get('DELTA_JARS', '')
    os.environ['SPARK_AUTH_SOCKET_TIMEOUT'] = '300'  # seconds that each side waits for the other; 15 without it
    b = SparkSession.builder.master('local[2]').config('spark.sql.extensions', 'io.delta.sql.DeltaSparkSessionExtension') \
        .config('spark.sql.catalog.spark_catalog', 'org.apache.spark.sql.delta.catalog.DeltaCatalog').config('spark.ui.enabled', 'false') \
        .config('spark.sql.session.timeZone', 'UTC').config('spark.databricks.delta.snapshotPartitions', '2').config('spark.sql.shuffle.partitions', '2') \
        .config('spark.driver.bindAddress', '127.0.0.1').config('spark.driver.host', '127.0.0.1').config('spark.log.level', 'OFF') \
        .config('spark.python.authenticate.socketTimeout', '300s')
    if jars:
        l = [j for j in glob.glob(os.path.join(jars, '*.jar')) if re.match(r'(delta-|unitycatalog-)', os.path.basename(j))]
        if not l: raise Skip(f'no delta jars in {jars}')
        b = b.config('spark.jars', ','.join(l))
    else: raise Skip('give --delta-jars DIR or set DELTA_JARS')
    s = b.getOrCreate(); s.sparkContext.setLogLevel('OFF')
    return s.read.format('delta').load(log.table).toArrow()


class Skip(Exception): pass


READERS = {'pyarrow': read_replay, 'deltalake': read_deltalake, 'duckdb': read_duckdb, 'polars': read_polars, 'spark': read_spark}


def read_all(log):
    schema = log.meta['_schema']['fields']; cols = sorted(f['name'] for f in schema)
    want = ARGS.readers.split(',') if ARGS.readers else list(READERS)
    got = {}; keep = None
    for r in want:
        try:
            t = READERS[r](log, None)
            n, h, vals = row_hashes(t, schema, cols)
            got[r] = (n, h)
            if keep is None or r == 'pyarrow': keep = vals
            report('ok', f'read.{r}', f'{n} rows, content {h[:16]}')
        except (Skip, ImportError) as e: report('FAIL' if ARGS.readers else 'skip', f'read.{r}', str(e))
        except BaseException as e:
            if isinstance(e, KeyboardInterrupt): raise
            report('FAIL', f'read.{r}', f'{type(e).__name__}: ' + re.sub(r'\s+', ' ', str(e))[:260])
    if len(set(got.values())) > 1: report('FAIL', 'read.agree', '; '.join(f'{r}: {n} rows {h[:12]}' for r, (n, h) in got.items()))
    elif got: report('ok', 'read.agree', f'{len(got)} readers')
    else: report('FAIL', 'read.agree', 'no reader could read the table')
    return cols, keep, next(iter(got.values()), (0, ''))[0]


def csv_value(s, t):
    if s == ARGS.csv_null: return None
    if s == '' and t not in ('string', 'binary'): return None
    if t == 'string': return s
    if t in ('timestamp', 'timestamp_ntz'): return iso_us(s)
    if t == 'date': return day(s)
    if t == 'boolean': return {'true': True, 'false': False, '1': True, '0': False}[s.lower()]
    if t.startswith('decimal'): return int(decimal.Decimal(s).scaleb(int(t[:-1].split(',')[1]), CTX))
    if t in ('float', 'double'):
        x = float(s); return 'nan' if math.isnan(x) else struct.pack('<f' if t == 'float' else '<d', x).hex()
    if t == 'binary': return s.lower()
    return int(s)


def check_csv(log, cols, vals):
    types = {f['name']: f['type'] for f in log.meta['_schema']['fields']}
    csv.field_size_limit(1 << 30)
    with open(ARGS.csv, newline='', encoding='utf-8') as f:
        rd = csv.reader(f); head = next(rd)
        for c in head:
            if c not in types: raise Bad(f'oracle column {c} is not in the table')
            if isinstance(types[c], dict): raise Bad(f'oracle column {c} is nested: not supported')
        want = {}
        nw = 0
        for r in rd:
            k = tuple(csv_value(x, types[c]) for x, c in zip(r, head)); want[k] = want.get(k, 0) + 1; nw += 1
    idx = [cols.index(c) for c in head]; n = 0; extra = []
    for r in zip(*[vals[i] for i in idx]):
        n += 1
        if want.get(r, 0) > 0: want[r] -= 1
        else: extra.append(r)
    missing = [k for k, c in want.items() for _ in range(c)]
    if extra or missing: raise Bad(f'{len(missing)} oracle rows not in the table, {len(extra)} table rows not in the oracle; first missing {missing[:1]}, first extra {extra[:1]}'[:400])
    return f'{nw} rows equal'


def check_key(cols, vals):
    ks = ARGS.key.split(',')
    for k in ks:
        if k not in cols: raise Bad(f'no column {k}')
    seen = {}
    for i, r in enumerate(zip(*[vals[cols.index(k)] for k in ks])):
        if None in r: raise Bad(f'null in key {r}')
        if r in seen: raise Bad(f'key {r} twice')
        seen[r] = i
    return f'{len(seen)} distinct keys'


def main():
    global ARGS
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('tables', nargs='+', metavar='TABLE_DIR'); ap.add_argument('--expect-rows', type=int); ap.add_argument('--key'); ap.add_argument('--csv'); ap.add_argument('--csv-null', default='\\N')
    ap.add_argument('--readers'); ap.add_argument('--allow-orphans', action='store_true'); ap.add_argument('--allow-readd', action='store_true'); ap.add_argument('--delta-jars')
    ARGS = ap.parse_args()
    for r in (ARGS.readers or '').split(','):
        if r and r not in READERS: ap.error(f'unknown reader {r}')
    if len(ARGS.tables) > 1 and (ARGS.csv or ARGS.key or ARGS.expect_rows is not None): ap.error('--csv, --key and --expect-rows need one table')
    worst = 0
    for table in ARGS.tables:
        if len(ARGS.tables) > 1: print(f'table {table}')
        RESULT.clear()
        worst = max(worst, check_table(table))
    return worst


def check_table(table):
    log = Log(os.path.abspath(table))
    ok = check('log.versions', log.names) and check('log.syntax', log.syntax) and check('log.replay', log.replay)
    if not ok and log.meta is None: return finish()
    if ok:
        check('log.protocol', log.protocol_rules); check('log.partitions', log.partition_rules)
        for v in log.ckpts: check(f'log.checkpoint.{v}', check_checkpoint, log, v)
        check('log.last_checkpoint', check_last, log)
        check('files.present', check_files, log); check('files.orphans', check_orphans, log)
        np_ = nc = rows = bad = 0; live = 0
        for p, a in sorted(log.live.items()):
            try:
                x, y, n = check_parquet(log, p, a, log.meta['_schema']['fields']); np_ += x; nc += y; rows += n
            except Bad as e: bad += 1; report('FAIL', f'parquet {p}', str(e))
            except Exception as e: bad += 1; report('FAIL', f'parquet {p}', f'{type(e).__name__}: {str(e)[:200]}')
        if not bad: report('ok', 'parquet', f'{len(log.live)} files, {rows} rows, {np_} pages, {nc} with CRC')
        for v, a in log.cdc:
            def cdc(a=a):
                f = PFile(local(log, a['path'])); f.verify()
                if ('_change_type',) not in [l[0] for l in f.leaves]: raise Bad('no _change_type column')
                bad = set(pq.ParquetFile(f.path).read(columns=['_change_type'])['_change_type'].to_pylist()) - {'insert', 'update_preimage', 'update_postimage', 'delete'}
                if bad: raise Bad(f'_change_type {bad}')
                return f'version {v}, {f.rows} rows'
            check(f'cdc {a["path"]}', cdc)
    cols, vals, n = read_all(log)
    if ARGS.expect_rows is not None: check('expect-rows', lambda: f'{n}' if n == ARGS.expect_rows else (_ for _ in ()).throw(Bad(f'{n} rows, expected {ARGS.expect_rows}')))
    if vals is not None and ARGS.key: check('key', check_key, cols, vals)
    if ARGS.csv: check('csv', check_csv, log, cols, vals) if vals is not None else report('FAIL', 'csv', 'no reader gave rows')
    return finish()


def finish():
    bad = [r for r in RESULT if r[0] == 'FAIL']
    if bad: print(f'RESULT FAIL: {len(bad)} of {len(RESULT)}; first: {bad[0][1]}: {bad[0][2]}'); return 1
    print(f'RESULT PASS: {sum(r[0] == "ok" for r in RESULT)} checks'); return 0


if __name__ == '__main__':
    rc = main(); sys.stdout.flush(); sys.stderr.flush()
    os._exit(rc)
