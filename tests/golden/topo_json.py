#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What `ktstr topo --json` says of shapes, presets and the host is JSON and adds up."""
import json
import subprocess
import sys


def topo(*args):
    return json.loads(subprocess.run([sys.argv[1], "topo", "--json", *args], check=True,
                                     stdout=subprocess.PIPE).stdout)


def check_places(t):
    places = t["places"]
    assert len({p["cpu"] for p in places}) == t["cpus"] == len(places), t
    for what, total in (("node", "nodes"), ("llc", "llcs"), ("core", "cores")):
        assert len({p[what] for p in places}) == t[total], (what, t)


def check_shape(n, l, c, t):
    got = topo(f"{n}n{l}l{c}c{t}t")
    check_places(got)
    for p in got["places"]:
        assert (p["core"], p["llc"], p["node"]) == (
            p["cpu"] // t, p["cpu"] // (c * t), p["cpu"] // (l // n * c * t)), p
    assert got["distances"] == [[10 if i == j else 20 for j in range(n)] for i in range(n)], got


def check_unequal():
    got = topo("2n2l2c2t1m@1024:512")
    check_places(got)
    assert got["topology"] == "2n2l2c2t1m@1024:512" and got["memory_nodes"] == 1, got
    assert got["capacities"] == [1024] * 4 + [512] * 4, got
    assert len(got["distances"]) == 3 and all(len(d) == 3 for d in got["distances"]), got


check_unequal()
for shape in [(1, 1, 1, 1), (2, 4, 2, 2), (3, 3, 1, 3), (64, 64, 4, 2)]:
    check_shape(*shape)
presets = topo("--presets")
assert len(presets) == 24 and sum(p["arm64"] for p in presets) == 14
for p in presets:
    assert topo(p["name"])["topology"] == p["topology"]
check_places(topo("--host"))
print(f"4 shapes, {len(presets)} presets and the host add up")
