#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The built command from outside: cli_program.py man|completion|usage KTSTR. Exit 77 = a tool is missing."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

WHAT, KTSTR = sys.argv[1], os.path.abspath(sys.argv[2])
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*args, **kw):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=kw.pop('stdin', subprocess.DEVNULL), **kw)


def expect(what, got, want):
    if got != want:
        sys.exit(f'{what}: got {got!r}, want {want!r}')


def commands():
    names = run(KTSTR, '__complete', '').stdout.split()
    names = [n for n in names if not n.startswith('-')]
    if 'help' not in names:
        sys.exit('no commands are offered')
    return names


def need(tool, package):
    if not shutil.which(tool):
        print(f'SKIP: {tool} is not installed (package {package})')
        sys.exit(77)


def check_page(args):
    page = subprocess.run([KTSTR, '__man', *args], check=True, stdout=subprocess.PIPE).stdout
    env = dict(os.environ, MANWIDTH='80', MANROFFSEQ='')
    shown = subprocess.run(['man', '--warnings', '-E', 'UTF-8', '-l', '-'], input=page, env=env,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    expect(f'man {args}', (shown.returncode, shown.stderr.decode()), (0, ''))
    if shutil.which('mandoc'):
        lint = subprocess.run(['mandoc', '-Tlint', '-Wwarning'], input=page, stdout=subprocess.PIPE)
        expect(f'mandoc {args}', lint.stdout.decode(), '')
    return re.sub(r'.\x08', '', shown.stdout.decode())


def man():
    need('man', 'man-db')
    main = check_page([])
    for name in commands():
        text = check_page([name])
        if f'ktstr-{name}' not in main.replace('‐', '-'):
            sys.exit(f'ktstr(1) does not mention {name}')
        if name not in text:
            sys.exit(f'page of {name} is empty')
    read = set()
    for folder, _, files in os.walk(os.path.join(ROOT, 'src')):
        if os.path.basename(folder) in ('guest', 'author'):
            continue  # what guests read is not the user's
        for f in files:
            if f.endswith('.c'):
                text = open(os.path.join(folder, f)).read()
                read |= set(re.findall(r'(?:getenv|env_or)\("(\w+)"', text))
    missing = sorted(v for v in read if not re.search(rf'^\s+{v}\b', main, re.M))
    expect('environment variables that ktstr(1) keeps quiet about', missing, [])


def completed(*words):
    """What bash offers for the last of @words, split at ":" and "=" the way readline does it."""
    script = '''
        COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
        source "$1"; shift
        program=$1; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _ktstr "$program"; printf '%s\\n' "${COMPREPLY[@]}"'''
    with tempfile.TemporaryDirectory() as cache:  # the user's own is none of a test's business
        r = run('bash', '--norc', '-c', script, 'bash', os.path.join(ROOT, 'completions/ktstr.bash'),
                KTSTR, *words, cwd=ROOT, env=dict(os.environ, KTSTR_CACHE_DIR=cache))
    expect(f'bash completing {words}', r.stderr, '')
    return r.stdout.split()


def completion():
    need('bash', 'bash')
    expect('commands', completed('h'), ['help'])
    expect('arguments', completed('help', 'hel'), ['help'])
    expect('options', completed('help', '--he'), ['--help'])
    expect('nothing', completed('help', '--nope'), [])
    if 'test' in commands():
        expect('choice', completed('test', '--arch', '=', 'ar'), ['arm64'])
        expect('files', completed('test', 'completions/kt'), ['completions/ktstr.bash'])
        expect('kernels', completed('test', '-k', 'debian', ':', 'trix'), ['trixie-backports:cloud'])


def usage():
    r = run(KTSTR)
    expect('no arguments', (r.returncode, r.stdout, r.stderr[:6]), (3, '', 'usage:'))
    r = run(KTSTR, '--version')
    expect('version', (r.returncode, r.stdout.split()[0], r.stderr), (0, 'ktstr', ''))
    r = run(KTSTR, 'hepl')
    expect('near miss', (r.returncode, r.stdout, r.stderr),
           (3, '', 'ktstr: unknown command "hepl"; did you mean "help"?\nsee \'ktstr -h\'\n'))
    r = run(KTSTR, 'help', '--nope')
    expect('unknown option', (r.returncode, r.stdout, r.stderr),
           (3, '', "ktstr help: unknown option --nope\nsee 'ktstr help -h'\n"))
    r = run(KTSTR, 'help', 'nope')
    expect('unknown topic', (r.returncode, r.stdout), (3, ''))
    for name in commands():
        for args in ((name, '-h'), (name, '--help'), ('help', name)):
            r = run(KTSTR, *args)
            expect(f'help by {args}', (r.returncode, r.stderr, f'usage: ktstr {name}' in r.stdout), (0, '', True))
    with open('/dev/full', 'w') as full:
        r = subprocess.run([KTSTR, 'help'], stdout=full, stderr=subprocess.PIPE)
    expect('full disk', (r.returncode, b'No space left' in r.stderr), (3, True))
    reader, writer = os.pipe()
    os.close(reader)
    r = subprocess.run([KTSTR, 'help'], stdout=writer, stderr=subprocess.PIPE)
    expect('closed pipe', (r.returncode, r.stderr), (-13, b''))


{'man': man, 'completion': completion, 'usage': usage}[WHAT]()
print(f'{WHAT}: fine')
