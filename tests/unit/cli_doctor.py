#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ktstr doctor on hosts made up of an environment: cli_doctor.py KTSTR FAKE_QEMU"""
import json
import os
import pty
import subprocess
import sys
import tempfile

KTSTR, FAKE = map(os.path.abspath, sys.argv[1:3])
HOST = os.uname().machine
GUEST = {'x86_64': 'x86_64', 'aarch64': 'arm64'}[HOST]


def check(what, ok):
    if not ok:
        sys.exit(f'not so: {what}')


def doctor(env, *args, **kw):
    return subprocess.run([KTSTR, 'doctor', *args], env=env, text=True, stdin=subprocess.DEVNULL,
                          stdout=kw.get('stdout', subprocess.PIPE), stderr=subprocess.PIPE)


def rows(env, code):
    p = doctor(env, '--json')
    check(f'exit {code}, got {p.returncode} {p.stderr}', p.returncode == code)
    report = json.loads(p.stdout)
    found = {r['name']: r for r in report['checks']}
    check('names are unique', len(found) == len(report['checks']))
    bad = [n for n, r in found.items() if r['health'] == 'bad']
    check('can_run agrees with the rows and the exit code', report['can_run'] == (not bad) == (code == 0))
    check('every row says something', all(r['text'] for r in found.values()))
    return found


def on_terminal(env):
    ours, theirs = pty.openpty()
    p = doctor(env, stdout=theirs)
    os.close(theirs)
    text = b''
    while True:
        try:
            text += os.read(ours, 65536)
        except OSError:  # all is read and the other end is closed
            break
    os.close(ours)
    check('it ran', p.returncode == 0)
    return text


with tempfile.TemporaryDirectory() as top:
    programs, cache = f'{top}/bin', f'{top}/cache'
    os.mkdir(programs)
    env = {'PATH': programs, 'KTSTR_CACHE_DIR': cache, 'TERM': 'xterm', 'LC_ALL': 'C.UTF-8',
           'KTSTR_DEBIAN_KEYRING': KTSTR}

    found = rows(env, 3)
    check('a missing QEMU is bad for the host', found[f'qemu {GUEST}']['health'] == 'bad')
    other = next(n for n in found if n.startswith('qemu ') and n != f'qemu {GUEST}')
    check('and a note for the other architecture', found[other]['health'] == 'note')
    check('a missing QEMU has a remedy', 'install qemu-system' in found[other]['remedy'])
    check('missing apt is named', 'apt' in found['fetching']['text'])
    check('no kernels and no apt is bad', found[f'kernels {GUEST}']['health'] == 'bad')

    for name in f'qemu-system-{HOST}', 'apt-get':
        os.symlink(FAKE, f'{programs}/{name}')
    found = rows(env, 0)
    check('the QEMU there is found', found[f'qemu {GUEST}']['text'] == f'QEMU 10.0.2 at {programs}/qemu-system-{HOST}')
    check('guests of the host run in it', found[f'guests {GUEST}']['text'].startswith('run in qemu/'))
    check('nothing was stored', not [f for f in os.listdir(cache) if f.startswith('probe-')])

    found = rows(dict(env, FAKE_VERSION='QEMU emulator version 7.2.22'), 3)
    check('an old QEMU is told', 'too old' in found[f'qemu {GUEST}']['text'])

    found = rows(dict(env, KTSTR_CACHE_DIR='/proc/nothing'), 3)
    check('an impossible cache is bad', found['cache']['health'] == 'bad')

    p = doctor(env)
    check('a pipe gets no colour', '\033' not in p.stdout and p.returncode == 0)
    check('lines fit 80 columns', all(len(line) <= 80 for line in p.stdout.splitlines()))
    check('it ends with the verdict', p.stdout.endswith(f'\ntests for {GUEST} guests can run\n'))
    check('a terminal gets colour', b'\033' in on_terminal(env))
    check('unless it is not wanted', b'\033' not in on_terminal(dict(env, NO_COLOR='1')))
print('doctor: fine')
