# SPDX-License-Identifier: Apache-2.0
"""compare: a replayed table against the oracle, cell by cell; differences in the form of loss lists."""
from cells import equal, show


def key_text(key, row):
    return ','.join(show(row[k]) for k in key)


def compare_keyed(table, key, oracle, replayed):
    differences = {}
    right = {tuple(row[k] for k in key): row for row in replayed}
    for row in oracle:
        other = right.pop(tuple(row[k] for k in key), None)
        if other is None:
            differences[table, key_text(key, row), '*'] = ('row', 'no row')
            continue
        for column, cell in row.items():
            if not equal(cell, other.get(column)):
                differences[table, key_text(key, row), column] = (show(cell), show(other.get(column)))
    for row in right.values():
        differences[table, key_text(key, row), '*'] = ('no row', 'row')
    return differences


def compare_bag(table, oracle, replayed):
    left = list(replayed)
    differences = {}
    for row in oracle:
        for other in left:
            if all(equal(cell, other.get(column)) for column, cell in row.items()):
                left.remove(other)
                break
        else:
            differences[table, show(list(row.values())), '*'] = ('row', 'no row')
    for row in left:
        differences[table, show(list(row.values())), '*'] = ('no row', 'row')
    return differences


def compare(oracle, replays):
    """All differences between the oracle's tables and {table: Replay}."""
    differences = {}
    for table, rows in oracle.tables.items():
        key = oracle.key(table)
        final = replays[table].final() if table in replays else []
        differences |= compare_keyed(table, key, rows, final) if key else compare_bag(table, rows, final)
    for table in set(replays) - set(oracle.tables):
        differences[table, '*', '*'] = ('no table', 'table')
    return differences


def judge(differences, losses):
    """Sentences for every difference that is no listed loss, and every listed loss that did not happen."""
    wrong = []
    for cell, (oracle, stream) in sorted(differences.items()):
        if cell not in losses:
            wrong.append(f'{cell}: oracle {oracle}, silver {stream}: not in the loss list')
        elif losses[cell] != (oracle, stream):
            wrong.append(f'{cell}: oracle {oracle}, silver {stream}: the loss list says {losses[cell]}')
    for cell in sorted(set(losses) - set(differences)):
        wrong.append(f'{cell}: listed as lost, but it is right')
    return wrong
