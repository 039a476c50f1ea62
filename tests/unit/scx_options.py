#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""scx_options.py SCX_KTSTR: the loader's command line, as far as it goes without a kernel to load into."""
import subprocess
import sys

REFUSED = [
    # arguments, what the one line on stderr has to name
    (['--slice-us', '5'], '--slice-us: "5"'),
    (['--slice-us', '3000x'], '--slice-us: "3000x"'),
    (['--slow-dispatch', '-1'], '--slow-dispatch: "-1"'),
    (['--ignore-cpu', '99999'], '--ignore-cpu: "99999"'),
    (['--stall', ''], '--stall: ""'),
    (['--stall', 'sixteen_letters_'], '--stall: "sixteen_letters_"'),
    (['--starve', 'x' * 64], '--starve: "xxx'),
    (['extra'], '"extra"'),
    (['--no-such-option'], '--no-such-option'),
]


def run(*args):
    return subprocess.run([sys.argv[1], *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=20)


def main():
    bad = []
    for args, named in REFUSED:
        r = run(*args)
        if r.returncode != 1 or named not in r.stderr or r.stdout:
            bad.append(f'{args}: status {r.returncode}, stderr {r.stderr!r}, stdout {r.stdout!r}')
    text = run('--help')
    for option in ('--slice-us', '--watchdog-ms', '--stall', '--starve', '--ignore-cpu',
                   '--exit-error', '--slow-dispatch', '--refuse-attach'):
        if text.returncode or option not in text.stdout:
            bad.append(f'--help does not explain {option}')
    if not run('--version').stdout.startswith('scx_ktstr '):
        bad.append('--version does not say what it is')
    print('\n'.join(bad))
    return bool(bad)


sys.exit(main())
