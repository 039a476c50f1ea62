# SPDX-License-Identifier: GPL-2.0-only
"""What virtual time costs beside real time, and what its rate and turns do to wake-ups; for tools/bench."""
import json, os, shutil, subprocess, sys, tempfile, time

EXAMPLES = ["churn", "fairness", "topology", "wakeup"]
SHAPES = ["1n1l2c1t", "1n1l4c1t", "1n2l4c1t"]
RATES = [1000, 250, 125]
TURNS = [0, 100]


def cells(b, *args, env=None):
    """What ktstr test says, cell by cell, and the wall time of it all."""
    start = time.monotonic()
    p = subprocess.run([b.ktstr, "test", *args, "--seed", "1", "--format", "json"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    wall = time.monotonic() - start
    found = [json.loads(l) for l in p.stdout.splitlines() if l.startswith(b'{"event":"cell"')]
    if not found:
        sys.exit(f"bench: {' '.join(args)}: no cell was run: {p.stderr.decode(errors='replace')}")
    return found, wall


def examples(b, runs):
    """The examples under both clocks, in turn: one after the other, and as many at once as ktstr sees fit."""
    files = [b.bin("examples", n) for n in EXAMPLES]
    cells(b, *files, "--time", "virtual")  # makes the snapshots, as everybody's first run does
    one = {}
    for _ in range(runs):
        for clock in ("real", "virtual"):
            for c in cells(b, *files, "--time", clock, "-j", "1")[0]:
                one.setdefault(c["name"], {}).setdefault(clock, []).append(c["times"]["total"] * 1e-9)
    for name, t in one.items():
        b.add(f"{name}: real time", t["real"], "s")
        b.add(f"{name}: virtual time", t["virtual"], "s")
        b.add("  ratio: virtual / real", [v / r for v, r in zip(t["virtual"], t["real"])], "x")
    whole = {"real": [], "virtual": []}
    for _ in range(runs):
        for clock, took in whole.items():
            took.append(cells(b, *files, "--time", clock)[1])
    b.add("all examples at once: real time", whole["real"], "s")
    b.add("all examples at once: virtual time", whole["virtual"], "s")
    b.add("  ratio: virtual / real", [v / r for v, r in zip(whole["virtual"], whole["real"])], "x", "<= 1")


def snapshots(b, runs):
    """A test that does nothing: the run that makes its machine's snapshot, and those that resume it."""
    trivial = b.bin("bench", "bench-trivial")
    took = {"made": [], "used": []}
    boot = json.loads(subprocess.run([b.ktstr, "kernel", "show", "--json"], stdout=subprocess.PIPE, check=True).stdout)["boot"]
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as cache:
            entry = os.path.dirname(boot)
            shutil.copytree(entry, os.path.join(cache, "kernels", os.path.basename(entry)), symlinks=True)
            env = dict(os.environ, KTSTR_CACHE_DIR=cache)
            for how in ("made", "used"):
                found, wall = cells(b, trivial, "--time", "virtual", env=env)
                if found[0]["snapshot"] != how:
                    sys.exit(f"bench: a snapshot was {found[0]['snapshot'] or 'not used'}, should be {how}")
                took[how].append(wall)
    b.add("virtual time, trivial test, makes its snapshot", took["made"], "s")
    b.add("virtual time, trivial test, resumes", took["used"], "s")
    b.add("  ratio: resumes / makes", [u / m for u, m in zip(took["used"], took["made"])], "x")


def round_trips(b):
    """One run each: in virtual time a second one gives the same numbers."""
    trips = b.bin("bench", "bench-roundtrip")
    for shape in SHAPES:
        for rate in RATES:
            for turn in TURNS:
                found, wall = cells(b, trips, "-t", shape, "--time", "virtual", "--rate", str(rate), "--turn",
                                    str(turn), "-j", "1")
                for c in found:
                    if c["verdict"] != "pass":
                        sys.exit(f"bench: {c['name']} did not pass: {c['headline']}")
                    b.add(f"{shape} {rate} MIPS, turn {turn} us: {c['test']}", [c["values"][0]["value"]], "us")
                b.add(f"{shape} {rate} MIPS, turn {turn} us: wall per test", [wall / len(found)], "s")
