# SPDX-License-Identifier: Apache-2.0
"""captures: the postgres-bank captures: where they lie, how they encode, what they hold."""
import gzip
import pathlib

SCENARIO = pathlib.Path('tests/data/debezium/postgres-bank')

# Per capture: images (identity), embedded schema, and the wire encoding of each kind of column, with
# the names of dataplane/abi/encoding.def. Counts: c u d r t m, tombstones with key, without,
# heartbeats, BEGIN + END, lines, key changes (the fact sheet's table of captures).
ADAPTIVE = {'numeric': 'decimal_base64', 'date': 'date_days', 'timestamp': 'timestamp_ms', 'bytea': 'bytes_base64'}
CAPTURES = {
    'default-plain-precise-adaptive': (
        'identity-default/plain-precise-adaptive.ndjson.gz', False, ADAPTIVE,
        (43, 85, 15, 49, 1, 2), 15, 0, 4, 166, 380, 6),
    'default-schema-precise-adaptive': (
        'identity-default/schema-precise-adaptive.ndjson.gz', True, ADAPTIVE,
        (43, 85, 15, 49, 1, 2), 15, 0, 4, 166, 380, 6),
    'default-plain-string-connect': (
        'identity-default/plain-string-connect.ndjson', False,
        {'numeric': 'decimal_text', 'date': 'date_connect', 'timestamp': 'timestamp_connect', 'bytea': 'bytes_base64'},
        (43, 85, 15, 49, 1, 2), 15, 0, 4, 0, 214, 6),
    'default-plain-double-microseconds': (
        'identity-default/plain-double-microseconds.ndjson', False,
        {'numeric': 'double', 'date': 'date_days', 'timestamp': 'timestamp_us', 'bytea': 'bytes_base64'},
        (43, 85, 15, 49, 1, 2), 15, 0, 3, 0, 213, 6),
    'default-plain-numeric-nanoseconds': (
        'identity-default/plain-numeric-nanoseconds.ndjson', False,
        {'numeric': 'decimal_number', 'date': 'date_days', 'timestamp': 'timestamp_ns', 'bytea': 'bytes_base64url'},
        (43, 85, 15, 49, 1, 2), 15, 0, 4, 0, 214, 6),
    'full-plain-precise-adaptive': (
        'identity-full/plain-precise-adaptive.ndjson.gz', False, ADAPTIVE,
        (43, 86, 16, 49, 1, 2), 15, 1, 3, 170, 386, 6),
    'full-schema-string-isostring': (
        'identity-full/schema-string-isostring.ndjson.gz', True,
        {'numeric': 'decimal_text', 'date': 'date_iso', 'timestamp': 'timestamp_iso', 'bytea': 'bytes_hex'},
        (43, 86, 16, 49, 1, 2), 15, 1, 3, 0, 216, 6),
}


class Capture:
    def __init__(self, root, name):
        row = CAPTURES[name]
        self.name = name
        self.root = pathlib.Path(root).resolve()
        self.path = self.root / SCENARIO / 'captures' / row[0]
        self.schema, self.wires = row[1], row[2]
        self.op_counts = dict(zip('curdtm', (row[3][0], row[3][1], row[3][3], row[3][2], row[3][4], row[3][5])))
        self.tombstones, self.tombstones_keyless, self.heartbeats = row[4:7]
        self.markers, self.lines, self.key_changes = row[7:10]
        self.full = name.startswith('full-')
        self.declared_full = self.full and not self.schema  # only a contract can say it
        self.oracle_folder = self.root / SCENARIO / ('oracle-full' if self.full else 'oracle')

    def text(self):
        raw = self.path.read_bytes()
        return gzip.decompress(raw) if self.path.suffix == '.gz' else raw

    def losses_path(self):
        return self.root / 'tests/oracle/losses' / f'{self.name}.tsv'


def read_losses(capture):
    """(table, key text, column) to (oracle, stream) of a loss list; # lines are causes and comments.

    A line: table, key, column, oracle cell, replayed cell, cause. Each has its cause."""
    losses = {}
    for line in capture.losses_path().read_text().splitlines():
        if not line or line.startswith('#'):
            continue
        table, key, column, oracle, stream, cause = line.split('\t')
        assert cause.strip(), f'{capture.losses_path()}: {line}: no cause'
        assert (table, key, column) not in losses
        losses[table, key, column] = (oracle, stream)
    return losses
