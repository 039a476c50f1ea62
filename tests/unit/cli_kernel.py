#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`ktstr kernel` from outside: cli_kernel.py KTSTR REPO. REPO is a small Debian repository; no network."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

KTSTR, REPO = map(os.path.abspath, sys.argv[1:])
NAME = 'debian 9.9.9 cloud-arm64'


def ktstr(*args, code=0):
    r = subprocess.run([KTSTR, 'kernel', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       stdin=subprocess.DEVNULL)
    if r.returncode != code:
        sys.exit(f'{args}: status {r.returncode}, want {code}\n{r.stdout}{r.stderr}')
    return r


def says(text, *words):
    for w in words:
        if w not in text:
            sys.exit(f'"{w}" is not in: {text}')


def fetch_and_look():
    says(ktstr('list').stderr, 'no kernels', 'ktstr kernel fetch')
    r = ktstr('fetch', 'debian:test', '--arch', 'arm64')
    says(r.stdout, NAME, 'fetched')
    says(r.stderr, 'downloading linux-image-9.9.9+t-cloud-arm64')
    says(ktstr('fetch', 'debian:test', '--arch', 'arm64').stdout, NAME, 'nothing newer')
    lines = ktstr('list').stdout.splitlines()
    says(lines[0], 'KEY', 'NAME', 'ARCH', 'RELEASE', 'SIZE', 'USED')
    says(lines[1], NAME, 'arm64', '9.9.9+t-cloud-arm64')
    if len(lines) != 2:
        sys.exit(f'{len(lines)} lines instead of 2')
    return json.loads(ktstr('list', '--json').stdout)['kernels'][0]


def show(k):
    shown = json.loads(ktstr('show', k['key'][:6], '--json').stdout)
    for f in ('key', 'name', 'arch', 'release', 'boot', 'modules', 'config'):
        if shown[f] != k[f]:
            sys.exit(f'{f}: shown as {shown[f]}, listed as {k[f]}')
    says(ktstr('show', 'debian:test', '--arch', 'arm64').stdout, k['key'], k['modules'], '9.9.9+t-cloud-arm64')
    says(ktstr('show', k['key'], '--arch', 'x86_64', code=3).stderr, 'is for arm64, the guest is x86_64')


def import_and_remove(k):
    copy = os.path.join(os.environ['KTSTR_CACHE_DIR'], 'copy')
    shutil.copy(k['boot'], copy)
    mine = json.loads(ktstr('import', copy, '--name', 'mine', '--json').stdout)
    if mine['name'] != 'mine' or mine['key'] == k['key']:
        sys.exit(f'imported as {mine}')
    os.truncate(mine['boot'], 10)
    says(ktstr('list').stderr, '1 damaged', 'ktstr kernel gc')
    says(ktstr('gc', '--dry-run').stdout, mine['key'][:12], 'damaged', 'would be freed')
    says(ktstr('gc').stdout, mine['key'][:12], 'damaged', 'freed')
    says(ktstr('rm', '00000000', k['key'], code=3).stderr, 'kernel 00000000: no such key')
    if json.loads(ktstr('list', '--json').stdout) != {'kernels': [], 'damaged': 0}:
        sys.exit('not all kernels are gone')


def main():
    if not shutil.which('apt-get'):
        print('SKIP: apt is not installed')
        sys.exit(77)
    with tempfile.TemporaryDirectory() as cache:
        os.environ.update(KTSTR_CACHE_DIR=cache, KTSTR_DEBIAN_MIRROR=f'file://{REPO}',
                          KTSTR_DEBIAN_KEYRING=f'{REPO}/key.gpg')
        k = fetch_and_look()
        show(k)
        import_and_remove(k)
    print('kernel: fine')


main()
