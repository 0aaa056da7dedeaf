#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal:   the house rules hold in every file, so that reviews are about ideas.
Method: one check a rule, each registered as a test of its own:

    check_style.py CHECK ROOT [BUILD]
    check_style.py self-test ROOT      every check must refuse a small tree that breaks its rule

A check prints each finding as file:line: what, and exits 1 when there is one.
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
COLUMNS_MAX = 100
SKIPPED_FOLDERS = {'.git', 'build', '.venv', '__pycache__'}
ROOMS = ['base', 'kernels', 'lake', 'dataplane', 'control', 'hw', 'configs', 'benchmarks', 'tests']

# Who may include what, by longest prefix; "*" = anything of the tree.
INCLUDES = {
    'base': ['base'],
    'kernels': ['kernels', 'base'],
    'lake': ['lake', 'kernels', 'base'],
    'lake/tool': ['lake', 'kernels', 'base', 'dataplane/abi', 'dataplane/store', 'dataplane/keys', 'dataplane/commit/journal.h',
                  'dataplane/commit/upkeep.h'],
    'dataplane': ['dataplane', 'lake', 'kernels', 'base'],
    'dataplane/abi': ['dataplane/abi', 'kernels', 'base'],
    'dataplane/kafka': ['dataplane/kafka', 'dataplane/abi', 'base'],
    'dataplane/kafka/tool': ['dataplane/kafka', 'dataplane/source', 'dataplane/abi', 'dataplane/store', 'dataplane/commit/journal.h',
                             'lake', 'kernels', 'base'],
    'dataplane/source': ['dataplane/source', 'dataplane/kafka', 'dataplane/abi', 'kernels', 'base'],
    'dataplane/deliver': ['dataplane/deliver', 'dataplane/kafka', 'dataplane/abi', 'dataplane/source/batch.h',
                          'dataplane/store/store.h', 'lake', 'kernels', 'base'],
    'dataplane/decode': ['dataplane/decode', 'dataplane/abi', 'dataplane/source/batch.h',
                         'dataplane/source/source.h', 'dataplane/transform', 'kernels', 'lake', 'base'],
    'dataplane/transform': ['dataplane/transform', 'dataplane/decode/decode.h', 'dataplane/abi', 'kernels', 'base'],
    'dataplane/store': ['dataplane/store', 'dataplane/abi', 'kernels', 'base'],
    'dataplane/keys': ['dataplane/keys', 'kernels', 'base'],
    'dataplane/commit': ['dataplane/commit', 'dataplane/abi', 'dataplane/source/source.h',
                         'dataplane/store/store.h', 'lake', 'kernels', 'base'],
    'control': ['control', 'dataplane/abi', 'kernels/pattern', 'kernels/token/token.h', 'kernels/value', 'lake/delta.h', 'lake/parquet.h', 'base'],
    'hw': ['hw', 'base'],
    'benchmarks': ['*'],
    'tests': ['*'],
}

BANNED = {
    'strcpy': 'memcpy with a length', 'strcat': 'cup_text', 'sprintf': 'snprintf or cup_text_printf',
    'vsprintf': 'vsnprintf', 'gets': 'getline', 'atoi': 'strtoull with a check', 'atol': 'strtoull with a check',
    'atof': 'strtod with a check', 'strtok': 'strcspn', 'usleep': 'clock_nanosleep',
    'alloca': 'a pool block', 'rand': 'cup_rnd_u64', 'IOSQE_IO_HARDLINK': 'IOSQE_IO_LINK and a look at each result',
}
BANNED_WORDS = {'volatile': 'C11 atomics (device registers only, in hw/)'}
# What of pylint is a fault: a name that nobody defines shows only when its line runs.
PYTHON_FAULTS = ['syntax-error', 'undefined-variable', 'used-before-assignment', 'no-member', 'no-name-in-module',
                 'no-value-for-parameter', 'too-many-function-args', 'unexpected-keyword-arg', 'unused-import']
PYTHON_GENERATED = ['pyarrow.compute', 'pyspark']  # modules that define names while they are loaded
BANNED_FLAGS = {'-march=native': 'flags per kernel set'}
# Built from parts so that this file does not break its own rule.
MACHINE_PATHS = [r'/wo' r'rk/', r'/ho' r'me/\w', r'/ro' r'ot/', r'/opt/whe' r'els']

FINDINGS = []


def find(path, line, what):
    FINDINGS.append(f'{path}:{line}: {what}' if line else f'{path}: {what}')


def files(root, *endings):
    """Files that git would commit (listed or new, not ignored), below root; all when there is no git."""
    git = subprocess.run(['git', '-C', str(root), 'ls-files', '-co', '--exclude-standard', '-z'],
                         capture_output=True)
    if git.returncode == 0 and (root / '.git').exists():
        names = [n for n in git.stdout.decode().split('\0') if n]
    else:
        names = [str(p.relative_to(root)) for p in root.rglob('*') if p.is_file()]
    for name in sorted(set(names)):
        path = root / name
        if path.is_file() and not SKIPPED_FOLDERS & set(pathlib.Path(name).parts):
            if not endings or name.endswith(endings):
                yield name, path


def read(path):
    return path.read_text(encoding='utf-8', errors='replace')


def blank_out(text, strings=True):
    """Replaces comments (and the inside of strings and characters) by spaces; lines stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def hide(match):
        piece = match.group()
        if piece[0] in '"\'':
            return piece[0] + re.sub(r'[^\n]', ' ', piece[1:-1]) + piece[0] if strings else piece
        return re.sub(r'[^\n]', ' ', piece)
    return pattern.sub(hide, text)


def code_files(root):
    return files(root, '.c', '.h', '.cc', '.def')


# ---------------------------------------------------------------- checks


def check_format(root, _):
    names = [n for n, _ in files(root, '.c', '.h')]
    for at in range(0, len(names), 50):
        run = subprocess.run(['clang-format-14', '--dry-run', '-Werror'] + names[at:at + 50], cwd=root,
                             capture_output=True, text=True)
        for line in run.stderr.splitlines():
            match = re.match(r'(\S+):(\d+):\d+: error', line)
            if match:
                find(match[1], int(match[2]), 'not as clang-format 14 writes it (make format)')
        if run.returncode != 0 and not FINDINGS:
            find('clang-format-14', 0, run.stderr.strip()[:200])
    for name, path in code_files(root):
        for number, line in enumerate(read(path).split('\n'), 1):
            if line.rstrip() != line:
                find(name, number, 'white space at the end of the line')
            if name.endswith(('.c', '.h')) and len(line) > COLUMNS_MAX:
                find(name, number, f'{len(line)} columns, limit {COLUMNS_MAX}')


def allowed_includes(name):
    best = max((r for r in INCLUDES if name.startswith(r + '/')), key=len, default=None)
    return INCLUDES[best] if best else []


def check_includes(root, _):
    for name, path in files(root, '.c', '.h', '.cc'):
        text = read(path)
        order = []
        for number, line in enumerate(text.split('\n'), 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if not match:
                continue
            quoted, target = match[1] == '"', match[2]
            order.append((number, quoted, target))
            if not quoted:
                continue
            if not (root / target).is_file():
                find(name, number, f'include "{target}" is not written from the root')
                continue
            allowed = allowed_includes(name)
            if '*' not in allowed and not any(target == a or target.startswith(a + '/') for a in allowed):
                find(name, number, f'may not include {target}')
            if target.endswith('_priv.h') and not name.startswith('tests/') and \
                    pathlib.Path(target).parent != pathlib.Path(name).parent and \
                    not name.startswith(str(pathlib.Path(target).parent) + '/'):
                find(name, number, f'{target} is private to its room')
        check_order(name, [o for o in order if not o[2].endswith('.def')], root)


def check_order(name, order, root):
    """A .c file includes its own header (or its room's private one, which does) first; then the system's, then ours."""
    own = name[:-2] + '.h'
    first = order[0][2] if order else own
    if name.endswith('.c') and (root / own).is_file() and first != own and not first.endswith('_priv.h'):
        find(name, order[0][0], f'its own header {own} comes first')
    seen_ours = False
    # a part of a module (dump.c of source.h) opens with the header that declares it
    for number, quoted, target in order[1 if order and order[0][1] else 0:]:
        if quoted:
            seen_ours = True
        elif seen_ours and name.endswith('.c'):
            find(name, number, f'<{target}> stands behind an include of ours')


def functions(text):
    """(name, first line, lines) of every function body that starts with { in column 0."""
    lines = blank_out(text).split('\n')
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith('{') and start is None:
            start = number
        elif line.startswith('}') and start is not None:
            if not line.startswith('};'):
                head = []
                at = start - 2
                while at >= 0 and lines[at].strip() and not lines[at].startswith('}') and \
                        not lines[at].rstrip().endswith((';', '\\')):
                    head.insert(0, lines[at])
                    at -= 1
                match = re.search(r'(\w+)\s*\(', ' '.join(h for h in head if not h.startswith('#')))
                yield (match[1] if match else '?'), start, number - start + 1
            start = None


def read_ratchet(path):
    rows = {}
    for number, line in enumerate(read(path).split('\n'), 1):
        if line and not line.startswith('#'):
            columns = line.split('\t')
            if len(columns) != 4:
                find(path.name, number, 'a row is file, function, lines, why')
                continue
            rows[columns[0], columns[1]] = int(columns[2])
    return rows


def check_functions(root, _):
    ratchet = read_ratchet(root / 'tests/style/ratchet.tsv')
    seen = set()
    for name, path in files(root, '.c', '.h', '.cc'):
        for function, line, length in functions(read(path)):
            limit = ratchet.get((name, function), FUNCTION_LINES_MAX)
            if length > limit:
                find(name, line, f'{function} has {length} lines, limit {limit}')
            if (name, function) in ratchet:
                seen.add((name, function))
                if length < limit:
                    find('tests/style/ratchet.tsv', 0, f'{name} {function} shrank to {length}: write it down')
                if length <= FUNCTION_LINES_MAX:
                    find('tests/style/ratchet.tsv', 0, f'{name} {function} is short enough: remove the row')
    for name, function in sorted(set(ratchet) - seen):
        find('tests/style/ratchet.tsv', 0, f'{name} {function} does not exist: remove the row')


def check_files(root, _):
    for name, path in code_files(root):
        count = read(path).count('\n')
        if count > FILE_LINES_MAX:
            find(name, 0, f'{count} lines, limit {FILE_LINES_MAX}')
        raw = path.read_bytes()
        for number, line in enumerate(raw.split(b'\n'), 1):
            if any(b > 126 or (b < 32 and b != 9) for b in line):
                find(name, number, 'not ASCII')
            elif b'\t' in line:
                find(name, number, 'a tab')


def check_banned(root, _):
    call = re.compile(r'(?<![\w.>])(' + '|'.join(BANNED) + r')\b' + r'(?=\s*\(|)')
    for name, path in files(root, '.c', '.h', '.cc'):
        for number, line in enumerate(blank_out(read(path)).split('\n'), 1):
            for match in call.finditer(line):
                word = match[1]
                if word.isupper() or re.match(r'\s*\(', line[match.end():]):
                    find(name, number, f'{word} is banned: use {BANNED[word]}')
            for word, instead in BANNED_WORDS.items():
                if re.search(rf'\b{word}\b', line) and not name.startswith('hw/'):
                    find(name, number, f'{word} is banned: use {instead}')
            if re.search(r'\btypedef\s+(struct|enum|union)\b[^(]*$', line) and name.endswith(('.c', '.h')):
                find(name, number, 'struct cup_x without typedef')
    for name, path in files(root, 'meson.build', 'Makefile'):
        for number, line in enumerate(read(path).split('\n'), 1):
            for flag, instead in BANNED_FLAGS.items():
                if flag in line:
                    find(name, number, f'{flag} is banned: use {instead}')
            if re.search(r'\b(run_command|glob)\b', line):
                find(name, number, 'sources are listed, not globbed')


def check_symbols(root, build):
    """No global symbol of the project without cup_; main only in programs."""
    made = [p for p in pathlib.Path(build).rglob('libcup_*.a')]
    if not made:
        find(build, 0, 'no static libraries: build first')
    for library in sorted(made):
        out = subprocess.run(['nm', '--defined-only', '--extern-only', '--format=posix', str(library)],
                             capture_output=True, text=True)
        for line in out.stdout.splitlines():
            parts = line.split()
            if len(parts) < 2 or line.endswith(':'):
                continue
            symbol, kind = parts[0], parts[1]
            if kind in 'TDBRC' and not symbol.startswith('cup_'):
                find(library.name, 0, f'global symbol {symbol} without cup_')
        check_private(library, out.stdout, root)


def check_private(library, listing, root):
    """A name shared inside one room is declared in a _priv.h and in no other header."""
    private = set(re.findall(r'^(cup_\w+_priv_\w+)', listing, re.M))
    for name, path in files(root, '.h'):
        if not name.endswith('_priv.h'):
            for symbol in private & set(re.findall(r'\bcup_\w+', read(path))):
                find(name, 0, f'{symbol} ({library.name}) belongs into a _priv.h')


def compile_flags(build):
    """Include and define flags by file, from the build's compile commands."""
    table = {}
    path = pathlib.Path(build) / 'compile_commands.json'
    for one in json.loads(path.read_text()) if path.exists() else []:
        words = one.get('arguments') or shlex.split(one['command'])
        table[one['file']] = [w for w in words if w.startswith(('-D', '-std'))]
    return table


def check_headers(root, build):
    """Every header compiles alone, twice in one unit, in C."""
    defines = next((f for n, f in compile_flags(build).items() if n.endswith('.c')),
                   ['-std=gnu17', '-D_GNU_SOURCE'])
    with tempfile.TemporaryDirectory() as folder:
        for name, path in files(root, '.h'):
            unit = pathlib.Path(folder) / 'unit.c'
            unit.write_text(f'#include "{name}"\n#include "{name}"\nint cup_unit(void);\n'
                            'int cup_unit(void) { return 0; }\n')
            run = subprocess.run(['cc', '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function',
                                  '-Wno-unused-variable', '-I', str(root)] + defines + [str(unit)],
                                 capture_output=True, text=True)
            if run.returncode != 0:
                errors = [l for l in run.stderr.splitlines() if 'error' in l]
                find(name, 0, f'does not compile alone: {errors[0] if errors else run.stderr[:200]}')
            guard = re.search(r'#ifndef (CUP_\w+_H)\n#define \1\n', read(path))
            wanted = 'CUP_' + re.sub(r'[^A-Z0-9]', '_', name.upper())
            if not guard or guard[1] != wanted:
                find(name, 0, f'its guard is not {wanted}')


def check_python(root, _):
    """Every name that a Python file uses is defined, in the module that it is said to be in."""
    names = [n for n, _ in files(root, '.py')]
    folders = sorted({str(pathlib.Path(n).parent) for n in names})
    python = pathlib.Path(__file__).resolve().parents[1] / 'tools/venv-python'
    run = subprocess.run([python, '-m', 'pylint', '-j2', '--persistent=n', '--score=n', '--disable=all',
                          '--enable=' + ','.join(PYTHON_FAULTS), '--generated-members=' + ','.join(PYTHON_GENERATED),
                          '--ignored-modules=' + ','.join(PYTHON_GENERATED),
                          '--extension-pkg-allow-list=pyarrow,confluent_kafka',
                          '--msg-template={path}:{line}: {msg} ({symbol})', *names], cwd=root,
                         env=os.environ | {'PYTHONPATH': ':'.join(folders)}, capture_output=True, text=True)
    for line in run.stdout.splitlines():
        match = re.match(r'(\S+):(\d+): (.*)', line)
        if match:
            find(match[1], int(match[2]), match[3])
    if run.returncode != 0 and not FINDINGS:
        find('pylint', 0, (run.stdout + run.stderr).strip()[:500])


def strip_meson(text):
    return '\n'.join(line.split('#')[0] for line in text.split('\n'))


def check_listed(root, _):
    """Every source stands in a meson.build of its folder or above; every test file is a test."""
    lists = {str(pathlib.Path(n).parent): strip_meson(read(p)) for n, p in files(root, 'meson.build')}
    for name, _path in files(root, '.c', '.cc'):
        if not is_listed(name, lists, tests=name.startswith('tests/')):
            find(name, 0, 'is in no meson.build')
    for name, _path in files(root, '.py'):
        base = pathlib.Path(name).name
        if name.startswith('tests/') and base.startswith(('test_', 'check_')) and \
                not is_listed(name, lists, tests=False):
            find(name, 0, 'is in no meson.build')


def is_listed(name, lists, tests):
    folder = pathlib.Path(name).parent
    while True:
        text = lists.get(str(folder))
        if text is not None:
            below = str(pathlib.Path(name).relative_to(folder))
            if f"'{below}'" in text:
                return True
            stem = re.sub(r'\.c$', '', below)
            # foreach t : ['pool', ...]: executable('test_' + t, 'test_' + t + '.c')
            if tests and pathlib.Path(stem).name.startswith('test_'):
                short = stem.replace('test_', '', 1)
                if "'test_' + t" in text and f"'{short}'" in text:
                    return True
                if f"'{stem}'" in text:
                    return True
        if str(folder) == '.':
            return False
        folder = folder.parent


def check_readmes(root, _):
    for room in ROOMS:
        if not (root / room / 'README.md').is_file():
            find(room, 0, 'has no README.md')
    for name, path in files(root, 'meson.build'):
        folder = pathlib.Path(name).parent
        parts = folder.parts
        if len(parts) == 2 and parts[0] in ('kernels', 'dataplane', 'benchmarks') and \
                not (root / folder / 'README.md').is_file():
            find(str(folder), 0, 'has no README.md')


def def_rows(text):
    """(line, macro, arguments as text) of each row of a .def file."""
    clean = blank_out(text, strings=False)
    for match in re.finditer(r'^(CUP_\w+)\((.*?)\)\s*$', clean, re.M | re.S):
        yield clean.count('\n', 0, match.start()) + 1, match[1], match[2]


def check_sentences(root, _):
    for name, path in files(root, '.def'):
        rows = 0
        for line, macro, arguments in def_rows(read(path)):
            rows += 1
            texts = re.findall(r'"((?:\\.|[^"\\])*)"', arguments)
            if not arguments.rstrip().endswith('"') or not texts or not re.search(r'\w\w', texts[-1]):
                find(name, line, f'{macro} row without its sentence')
        if rows == 0:
            find(name, 0, 'no row was recognised')


def check_words(root, _):
    """SPDX lines, machine paths."""
    paths = re.compile('|'.join(MACHINE_PATHS))
    for name, path in files(root):
        if name.startswith('tests/data/') or path.suffix in ('.gz', '.parquet', '.bin', '.crc'):
            continue
        text = read(path)
        for number, line in enumerate(text.split('\n'), 1):
            if paths.search(line):
                find(name, number, 'a path of one machine')
        if path.suffix in ('.c', '.h', '.cc') and not text.startswith('// SPDX-License-Identifier: Apache-2.0\n'):
            find(name, 1, 'the first line is not the SPDX line')
        if path.suffix == '.py' and 'SPDX-License-Identifier: Apache-2.0' not in text[:200]:
            find(name, 1, 'no SPDX line')


def check_skips(root, _):
    for number, line in enumerate(read(root / 'tests/skips.tsv').split('\n'), 1):
        if line and not line.startswith('#') and (line.count('\t') != 1 or not line.split('\t')[1].strip()):
            find('tests/skips.tsv', number, 'a row is test, condition')


CHECKS = {
    'format': check_format, 'includes': check_includes, 'functions': check_functions, 'files': check_files,
    'banned': check_banned, 'symbols': check_symbols, 'headers': check_headers, 'listed': check_listed,
    'readmes': check_readmes, 'sentences': check_sentences, 'words': check_words, 'skips': check_skips,
    'python': check_python,
}

# ---------------------------------------------------------------- the checks must be able to fail

SPDX = '// SPDX-License-Identifier: Apache-2.0\n'
PY_SPDX = SPDX.replace('//', '#')
GUARDED = SPDX + '#ifndef CUP_BASE_A_H\n#define CUP_BASE_A_H\n{}\n#endif\n'
LONG = 'int cup_a(void)\n{\n' + '    (void)0;\n' * 70 + '}\n'
# (check, files of a tree that breaks the rule): each must give a finding.
BROKEN = [
    ('format', {'base/a.c': SPDX + 'int  cup_a ;\n'}),
    ('format', {'base/a.def': 'CUP_X(A, "text of a") \n'}),
    ('includes', {'base/a.c': SPDX + '#include "lake/b.h"\n', 'lake/b.h': SPDX}),
    ('includes', {'base/a.c': SPDX + '#include "b.h"\n'}),
    ('includes', {'base/a.c': SPDX + '#include <stdio.h>\n\n#include "base/a.h"\n', 'base/a.h': SPDX}),
    ('includes', {'lake/a.c': SPDX + '#include "kernels/x/y_priv.h"\n', 'kernels/x/y_priv.h': SPDX}),
    ('includes', {'control/a.c': SPDX + '#include "dataplane/source/source.h"\n', 'dataplane/source/source.h': SPDX}),
    ('functions', {'base/a.c': SPDX + LONG}),
    ('functions', {'base/a.c': SPDX + LONG.replace('(void)0', '(void)1', 1),
                   'tests/style/ratchet.tsv': 'base/a.c\tcup_a\t71\twhy\n'}),
    ('functions', {'base/a.c': SPDX + LONG, 'tests/style/ratchet.tsv': 'base/a.c\tcup_a\t90\twhy\n'}),
    ('functions', {'tests/style/ratchet.tsv': 'base/gone.c\tcup_a\t90\twhy\n'}),
    ('files', {'base/a.c': SPDX + '\n' * 801}),
    ('files', {'base/a.c': SPDX + '/* \u00e9 */\n'}),
    ('files', {'base/a.c': SPDX + '\tint a;\n'}),
    ('banned', {'base/a.c': SPDX + 'void cup_a(char *a)\n{\n    strcpy(a, "x");\n}\n'}),
    ('banned', {'base/a.c': SPDX + 'static volatile int a;\n'}),
    ('banned', {'base/a.c': SPDX + 'int cup_flag = IOSQE_IO_HARDLINK;\n'}),
    ('banned', {'base/a.h': SPDX + 'typedef struct cup_a cup_a;\n'}),
    ('banned', {'base/meson.build': "add_project_arguments('-march=native')\n"}),
    ('headers', {'base/a.h': GUARDED.format('uint32_t cup_a(void);')}),
    ('headers', {'base/a.h': SPDX + '#ifndef WRONG_H\n#define WRONG_H\n#endif\n'}),
    ('listed', {'base/a.c': SPDX, 'base/meson.build': "static_library('cup_base', 'b.c')\n"}),
    ('listed', {'tests/base/test_a.c': SPDX, 'tests/base/meson.build': "foreach t : ['b']\n 'test_' + t\n"}),
    ('listed', {'tests/oracle/test_a.py': '', 'tests/oracle/meson.build': ''}),
    ('readmes', {'base/a.c': SPDX}),
    ('sentences', {'base/a.def': '/* x */\nCUP_ERR(OK, 0, "ok")\nCUP_ERR(AGAIN, -1, "")\n'}),
    ('sentences', {'base/a.def': 'CUP_ERR(OK, 0)\n'}),
    ('words', {'base/a.c': 'int a;\n'}),
    ('words', {'base/README.md': 'see ' + '/wo' + 'rk/x\n'}),
    ('words', {'tests/a.py': 'pass\n'}),
    ('skips', {'tests/skips.tsv': 'test_a\n'}),
    ('python', {'tests/a.py': 'import b\nb.gone()\n', 'tests/b.py': 'def here():\n    pass\n'}),
    ('python', {'tests/a.py': 'import b\nb.here(1)\n', 'tests/b.py': 'def here():\n    pass\n'}),
]
CLEAN = {'tests/style/ratchet.tsv': '', 'tests/skips.tsv': ''}


def write_tree(folder, tree):
    for name, text in tree.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')


def self_test(root):
    """Each broken tree gives a finding of its check; a tree of nothing gives none."""
    bad = []
    for check, tree in BROKEN + [('symbols', None)]:
        FINDINGS.clear()
        with tempfile.TemporaryDirectory() as folder:
            write_tree(folder, CLEAN | (tree or {}))
            (pathlib.Path(folder) / '.clang-format').write_text(read(root / '.clang-format'))
            if check == 'symbols':
                (pathlib.Path(folder) / 'a.c').write_text('int loose(void) { return 1; }\n')
                subprocess.run('cc -c a.c && ar rc libcup_a.a a.o', shell=True, cwd=folder, check=True)
            CHECKS[check](pathlib.Path(folder), folder)
        if not FINDINGS:
            bad.append(f'{check} accepts {sorted(tree or {})}')
    for check in ('format', 'includes', 'functions', 'files', 'banned', 'headers', 'listed', 'sentences', 'words', 'skips', 'python'):
        FINDINGS.clear()
        with tempfile.TemporaryDirectory() as folder:
            good = {'base/a.h': GUARDED.format('\nint cup_a(void);\n'),
                    'base/a.c': SPDX + '#include "base/a.h"\n\nint cup_a(void)\n{\n    return 1; /* strcpy */\n}\n',
                    'base/a.py': PY_SPDX + 'import b\nb.here()\n', 'base/b.py': PY_SPDX + 'def here():\n    pass\n',
                    'base/meson.build': "files('a.c')\n", 'base/a.def': 'CUP_X(A, "text (b) of a")\n'}
            write_tree(folder, CLEAN | good)
            (pathlib.Path(folder) / '.clang-format').write_text(read(root / '.clang-format'))
            CHECKS[check](pathlib.Path(folder), folder)
        bad += [f'{check} refuses a good tree: {f}' for f in FINDINGS]
    FINDINGS.clear()
    FINDINGS.extend(bad)


def main():
    check, root = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    build = sys.argv[3] if len(sys.argv) > 3 else str(root / 'build/release')
    if check == 'self-test':
        self_test(root)
    else:
        CHECKS[check](root, build)
    for line in FINDINGS:
        print(line)
    return 1 if FINDINGS else 0


if __name__ == '__main__':
    os.environ['LC_ALL'] = 'C.UTF-8'
    sys.exit(main())
