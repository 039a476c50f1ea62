#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Judges the output formats with parsers that are not ours.

sink_formats.py FORMAT SAMPLE: plays every scenario of the sample program. JSON: python's json; JUnit:
xmllint with junit.xsd and python's XML parser; TAP and KTAP: meson's TAP parser; KTAP also the
kernel's own kunit_parser.py where $KTSTR_KUNIT names its folder. Exit 77 = a parser is missing.
"""
import contextlib
import inspect
import io
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
# scenario: passed, failed, inconclusive, skipped, not run
COUNTS = {
    'all': (2, 2, 1, 1, 0),
    'two': (3, 1, 0, 1, 0),
    'hostile': (1, 1, 1, 1, 0),
    'interrupted': (1, 1, 0, 0, 3),
    'logs': (3, 1, 0, 1, 0),
    'empty': (0, 0, 0, 0, 0),
}
# scenario: cells per test binary
FILES = {
    'all': {'./fairness': 6},
    'two': {'./a': 2, './b': 2, './c': 1},
    'interrupted': {'./a': 3, './b': 2},
}
CONTROLS = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f]')


def skip(why):
    print('SKIP: ' + why)
    sys.exit(77)


def expect(what, got, want):
    if got != want:
        sys.exit(f'{what}: got {got!r}, want {want!r}')


def play(scenario, form, *more):
    out = subprocess.run([SAMPLE, scenario, form, *more], check=True, stdout=subprocess.PIPE).stdout
    text = out.decode('utf-8')  # strict: all output is valid UTF-8
    if CONTROLS.search(text):
        sys.exit(f'{scenario} {form}: control character {CONTROLS.search(text).group()!r}')
    return text


def fields(value):
    """The names of all members, however deep."""
    if isinstance(value, list):
        return {k for v in value for k in fields(v)}
    if isinstance(value, dict):
        return set(value) | {k for v in value.values() for k in fields(v)}
    return set()


def check_json(scenario, text):
    events = [json.loads(line) for line in text.splitlines()]
    kinds = [e['event'] for e in events]
    want = COUNTS[scenario]
    expect('events', kinds, ['run'] + ['cell'] * sum(want[:4]) + ['end'])
    run, cells, end = events[0], events[1:-1], events[-1]
    expect('schema', run['schema'], 1)
    expect('seed', run['seed'], '1f3a')
    expect('planned', run['cells'], sum(want))
    verdicts = [c['verdict'] for c in cells]
    expect('verdicts', tuple(verdicts.count(v) for v in ('pass', 'fail', 'inconclusive', 'skip')),
           want[:4])
    expect('end', tuple(end[k] for k in ('passed', 'failed', 'inconclusive', 'skipped', 'not_run')), want)
    expect('interrupted', end['interrupted'], scenario in ('interrupted', 'empty'))
    expect('wall', end['wall_ns'], 15_200_000_000)
    said = set(re.findall(r'`(\w+)`', open(os.path.join(HERE, '../../docs/output.md')).read()))
    expect('fields docs/output.md keeps quiet about', {k for e in events for k in fields(e)} - said, set())
    for c in cells:
        expect('seed of a cell', c['seed'], 'f' * 16)
        expect('time', c['times']['total'], 4_100_000_000)
        expect('cpus', c['cpus'], 2)


def check_junit(scenario, text):
    passed, failed, unsure, skipped, not_run = COUNTS[scenario]
    r = subprocess.run(['xmllint', '--noout', '--nonet', '--schema', os.path.join(HERE, 'junit.xsd'), '-'],
                       input=text.encode(), stderr=subprocess.PIPE)
    expect('xmllint', (r.returncode, r.stderr.decode().strip()), (0, '- validates'))
    root = ET.fromstring(text.encode())
    found = {tag: root.findall('.//testcase/' + tag) for tag in ('failure', 'error', 'skipped')}
    expect('failures', len(found['failure']), failed)
    expect('errors', [e.get('type') for e in found['error']], ['inconclusive'] * unsure)
    expect('skips', len(found['skipped']), skipped + not_run)
    expect('cases', len(root.findall('.//testcase')), sum(COUNTS[scenario]))
    expect('counted', [int(root.get(k)) for k in ('tests', 'failures', 'errors')],
           [sum(COUNTS[scenario]), failed, unsure])
    digests = [p.get('value') for p in root.findall(".//testcase/properties/property[@name='ktstr.schedule_digest']")]
    expect('digests', digests, ['8a61c0d2e4f79b35'] if scenario == 'all' else [])
    for suite in root:
        for attr, path in (('tests', 'testcase'), ('failures', 'testcase/failure'),
                           ('errors', 'testcase/error'), ('skipped', 'testcase/skipped')):
            expect(f'{attr} of {suite.get("name")}', int(suite.get(attr)), len(suite.findall(path)))
    if scenario in FILES:
        expect('suites', {s.get('name'): int(s.get('tests')) for s in root}, FILES[scenario])


def tap_events(lines):
    """What meson's parser makes of one flat block; anything it does not understand is an error."""
    parser = mtest().TAPParser
    events = list(parser().parse(iter(lines)))
    bad = [e for e in events if isinstance(e, (parser.Error, parser.UnknownLine))]
    expect('complaints of the TAP parser', bad, [])
    return parser, events


def mtest():
    try:
        from mesonbuild import mtest as m
    except ImportError:
        sys.path.append('/usr/lib/python3/dist-packages')
        try:
            from mesonbuild import mtest as m
        except ImportError:
            skip("meson's TAP parser is not to be found")
    return m


def tap_counts(parser, events):
    results = [e.result.name for e in events if isinstance(e, parser.Test)]
    return tuple(results.count(v) for v in ('OK', 'FAIL', 'SKIP'))


def check_tap(scenario, text):
    passed, failed, unsure, skipped, not_run = COUNTS[scenario]
    parser, events = tap_events(text.splitlines())
    expect('version', events[0], parser.Version(14))
    expect('plan', events[1].num_tests, sum(COUNTS[scenario]))
    expect('results', tap_counts(parser, events), (passed, failed + unsure, skipped))
    bail = [e for e in events if isinstance(e, parser.Bailout)]
    expect('bail out', len(bail), 1 if scenario in ('interrupted', 'empty') else 0)
    expect('inconclusive', len(re.findall(r'^not ok .* # INCONCLUSIVE ', text, re.M)), unsure)


def as_tap(block):
    """KTAP differs from TAP 14 in its first line; blocks of subtests are judged one by one."""
    expect('first line', block[0], 'KTAP version 1')
    return ['TAP version 14'] + block[1:]


def check_ktap(scenario, text):
    passed, failed, unsure, skipped, not_run = COUNTS[scenario]
    outer, blocks = [], []
    for line in text.splitlines():
        if not line.startswith('  '):
            outer.append(line)
        elif line == '  KTAP version 1':
            blocks.append([line[2:]])
        else:
            blocks[-1].append(line[2:])
    parser, events = tap_events(as_tap(outer))
    if scenario in FILES:
        expect('blocks', len(blocks), len(FILES[scenario]) if len(FILES[scenario]) > 1 else 0)
    if blocks:
        expect('plan', events[1].num_tests, len(blocks))
        names = sorted(e.name for e in events if isinstance(e, parser.Test))
        expect('names', names, sorted(b[1].removeprefix('# Subtest: ') for b in blocks))
        counts = [tap_counts(*tap_events(as_tap(b))) for b in blocks]
        expect('worst of each block', [c[1] > 0 for c in counts],
               [e.result.name == 'FAIL' for e in events if isinstance(e, parser.Test)])
    else:
        counts = [tap_counts(parser, events)]
    expect('results', tuple(map(sum, zip(*counts))), (passed, failed + unsure, skipped + not_run))
    expect('inconclusive', len(re.findall(r'not ok .* # ERROR inconclusive: ', text)), unsure)
    if os.environ.get('KTSTR_KUNIT'):
        check_kunit(scenario, text)


def check_kunit(scenario, text):
    passed, failed, unsure, skipped, not_run = COUNTS[scenario]
    sys.path.append(os.environ['KTSTR_KUNIT'])
    import kunit_parser
    with contextlib.redirect_stdout(io.StringIO()):
        import kunit_printer
        kunit_parser.stdout = kunit_printer.Printer(sys.stdout)  # it keeps the one of its import
        takes = inspect.signature(kunit_parser.parse_run_tests).parameters
        test = kunit_parser.parse_run_tests(text.splitlines(),
                                            *[kunit_parser.stdout][:len(takes) - 1])
    c = test.counts
    expect("kunit's counts", (c.passed, c.failed, c.crashed, c.skipped, c.errors),
           (passed, failed + unsure, 0, skipped + not_run, 0 if sum(COUNTS[scenario]) else 1))


CHECKS = {'json': check_json, 'junit': check_junit, 'tap': check_tap, 'ktap': check_ktap}
FORM, SAMPLE = sys.argv[1:3]
if FORM == 'junit' and not shutil.which('xmllint'):
    skip('xmllint is not installed (package libxml2-utils)')
for name in COUNTS:
    for more in ((), ('-v',)):
        try:
            CHECKS[FORM](name, play(name, FORM, *more))
        except SystemExit as e:
            if isinstance(e.code, str):
                sys.exit(f'{name}: {e.code}')
            raise
print(f'{FORM}: {len(COUNTS)} scenarios are well-formed and say what happened')
