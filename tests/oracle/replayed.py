# SPDX-License-Identifier: Apache-2.0
"""replayed: does `cupel replay` give back what came in?

NDJSON comes back as the same bytes (blank lines, which are no records, aside). A record dump comes
back as records: topic, partition, offset, key, value, headers and timestamp are compared, null,
empty and text apart."""
import json
import pathlib
import zlib

import lakes


def content(path):
    """The bytes of a file, uncompressed as far as they go: a compressed file may be torn."""
    raw = pathlib.Path(path).read_bytes()
    return zlib.decompressobj(31).decompress(raw) if raw[:2] == b'\x1f\x8b' else raw


def dump_record(line):
    """What a record is, whatever the white space and order of members of its line."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or not isinstance(record.get('topic'), str):
            return line
    except ValueError:
        return line
    headers = record.get('headers') or {}
    return (record['topic'], record.get('partition', 0), record.get('offset'), record.get('key'), record.get('value'),
            tuple(headers.items() if isinstance(headers, dict) else map(tuple, headers)), record.get('timestamp'))


def check(cupel, lake, to, inputs):
    """Sentences on what differs; inputs: the files that went in."""
    lakes.run(cupel, 'replay', lake, '--to', to)
    outputs = sorted(p for p in pathlib.Path(to).rglob('*') if p.is_file())
    wrong = []
    if len(outputs) != len(inputs):
        return [f'replay wrote {[str(p) for p in outputs]} for {len(inputs)} inputs']
    for source, output in zip(sorted(inputs), outputs):
        before, after = content(source), content(output)
        if before.rstrip(b'\r\n') == after.rstrip(b'\r\n'):
            continue
        before = [line for line in before.split(b'\n') if line.strip(b'\r')]
        after = [line for line in after.split(b'\n') if line.strip(b'\r')]
        if before == after:
            continue
        if len(before) != len(after):
            wrong.append(f'{output.name}: {len(after)} records, {len(before)} came in')
            continue
        for number, (a, b) in enumerate(zip(before, after), 1):
            if a != b and dump_record(a) != dump_record(b):
                wrong.append(f'{output.name}: record {number}: {a[:200]!r} came back as {b[:200]!r}')
                break
    return wrong
