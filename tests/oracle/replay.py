# SPDX-License-Identifier: Apache-2.0
"""replay: the final state of a table from its change log, as gold will make it.

A change is a dict: op, values (column to cell), unset (columns whose value was not sent, "*" for
all but the key), old_key (dict or None). Keyed tables are dicts by key; tables without a key bags.
"""


class Replay:
    def __init__(self, key):
        self.key = key
        self.rows = {}    # by key
        self.bag = []     # without a key
        self.gone = {}    # rows as they were before their delete: the halves of a key change need them
        self.before = None
        self.counts = {}

    def apply(self, change):
        op = change['op']
        if op != 'b':
            self.counts[op] = self.counts.get(op, 0) + 1
        if op == 't':
            self.rows.clear()
            self.bag.clear()
        elif self.key:
            self.apply_keyed(op, change)
        else:
            self.apply_bag(op, change)

    def key_of(self, values):
        return tuple(values[k] for k in self.key)

    def apply_keyed(self, op, change):
        values, unset = change['values'], change['unset'] or ()
        if op == 'b':
            return
        key = self.key_of(values)
        if op == 'd':
            row = self.rows.pop(key, None)
            assert row is not None, f'delete of {key}, which does not exist'
            self.gone[key] = row
            return
        row = dict(values)
        if unset:
            previous = self.rows.get(key)
            if change['old_key'] is not None:
                previous = self.gone.get(self.key_of(change['old_key']))
            assert previous is not None, f'{op} of {key} keeps values of a row that is not there'
            for column in unset:
                assert column in row and row[column] is None, f'{column} is unset and has a value'
                row[column] = previous.get(column)
        assert op in ('c', 'u', 'r'), op
        self.rows[key] = row

    def apply_bag(self, op, change):
        values = change['values']
        assert not change['unset'], 'a table without a key needs whole images'
        if op == 'b':
            assert self.before is None
            self.before = values
        elif op == 'u':
            assert self.before is not None, 'update without the before image'
            self.bag.remove(self.before)
            self.before = None
            self.bag.append(values)
        elif op == 'd':
            self.bag.remove(values)
        else:
            assert op in ('c', 'r'), op
            self.bag.append(values)

    def final(self):
        return list(self.rows.values()) if self.key else self.bag
