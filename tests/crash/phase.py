# SPDX-License-Identifier: Apache-2.0
"""phase: what a run that stands still (killed or stopped) was doing, from its files alone.

Reads the journal by its description in dataplane/commit/journal.h, not with cupel's reader."""
import json
import pathlib
import re
import signal
import struct
import time

#        where a run can stand, in the order of an epoch
PHASES = ('starting', 'reading', 'staging', 'placing', 'decided', 'applying')

HEADER = struct.Struct('<4sIQIHHI')
ALIGN, MORE = 4096, 1
PAUSE_SECONDS, STEP_SECONDS = 0.01, 0.0005
STAND_SECONDS = 300
NUMBER = re.compile(r'^(?:part-)?(\d{10,})-')


def messages(raw):
    """[payload]; frames that go on in the next one are joined. Ends at the first that is not whole: where a writer was
    killed within it there are zeros, and text has none."""
    found, open_, at = [], b'', 0
    while at + HEADER.size <= len(raw):
        magic, size, _, _, _, flags, _ = HEADER.unpack_from(raw, at)
        if magic != b'CJR1' or at + HEADER.size + size > len(raw):
            break
        payload = raw[at + HEADER.size:at + HEADER.size + size]
        if b'\0' in payload:
            break
        open_ += payload
        if not flags & MORE:
            found.append(open_)
            open_ = b''
        at += -(-(HEADER.size + size) // ALIGN) * ALIGN
    return found


def lines(payload):
    """[line as dict], commits and declares with their `text`."""
    found, at = [], 0
    while at < len(payload):
        end = payload.index(b'\n', at)
        line = json.loads(payload[at:end])
        at = end + 1
        if line['t'] in ('commit', 'declare'):
            line['text'] = payload[at:at + line['bytes']]
            at += line['bytes']
        found.append(line)
    return found


def decided(lake):
    """(number of the last decided epoch, its id, its commits) by the newest segment; None without one."""
    segments = sorted(pathlib.Path(lake).glob('_cupel/*/*/[0-9]*/journal/*.cj'))
    if not segments:
        return None
    number, identity, commits = 0, None, []
    for payload in messages(segments[-1].read_bytes()):
        for line in lines(payload):
            if line['t'] in ('base', 'epoch'):
                number, identity, commits = line['epoch'], line.get('epoch_id'), []
            elif line['t'] == 'commit':
                commits.append(line['folder'])
    return number, identity, commits


def applied(lake, folder, identity):
    """Has one of the newest commits of the table this epoch's id?"""
    log = sorted((pathlib.Path(lake) / folder / '_delta_log').glob('[0-9]*.json'))[-4:]
    return any(identity.encode() in path.read_bytes() for path in log)


def phase(lake):
    lake = pathlib.Path(lake)
    found = decided(lake)
    if found is None:
        return 'starting'
    number, identity, commits = found
    done = sum(applied(lake, folder, identity) for folder in commits)
    if done < len(commits):
        return 'applying' if done else 'decided'
    for path in lake.rglob(f'*{number + 1:010}-*'):
        match = NUMBER.match(path.name)
        if match and int(match[1]) == number + 1 and 'staging' not in path.parts:
            return 'placing'
    return 'staging' if any(lake.glob('_cupel/*/*/[0-9]*/staging/*')) else 'reading'


def stands_in(run, lake, wanted):
    """Waits until the run, whose data plane stops by itself (tools/stand.c), stands in the wanted phase, and stops
    the rest of it; False when it ended first, or goes on for too long."""
    until = time.monotonic() + STAND_SECONDS
    while run.running() and time.monotonic() < until:
        plane = run.data_plane()
        if plane is not None and run.state(plane) == 'T':
            run.stop()
            if phase(lake) == wanted:
                return True
            run.signal(signal.SIGCONT)
        time.sleep(STEP_SECONDS)
    return False


def stop_in(run, lake, wanted, random):
    """Stops the run at random moments until it stands in the wanted phase; False when it ended first.
    From the phases shortly before on, it goes in small steps."""
    near = PHASES[PHASES.index(wanted) - 2:PHASES.index(wanted)]
    stands = None
    while run.running():
        time.sleep(random.random() * (STEP_SECONDS if stands in near else PAUSE_SECONDS))
        run.stop()
        stands = phase(lake) if run.running() and run.data_plane() is not None else None
        if stands == wanted:
            return True
        run.signal(signal.SIGCONT)
    return False
