# SPDX-License-Identifier: GPL-2.0-only
"""The groups of tests: functions of (lab, host, tap), and the seconds each may take."""
import json, os, re

import payload
from compare import compare
from image import run

TAP = re.compile(r"^\s*(not ok|ok)\b\s*\d*\s*-?\s*([^#\n]*)(?:#\s*SKIP\s*(.*))?", re.I | re.M)
# 1, 2, 4 and 8 vCPUs, 1 and 2 nodes, 1 to 4 LLCs, SMT, unequal cores and memory without CPUs
SHAPES = ["1n1l1c1t", "1n1l2c1t", "1n2l2c1t", "2n2l1c1t", "1n3l1c1t", "1n2l2c2t", "2n4l2c1t", "1n2l2c1t1m@1024:512"]
SCHEDULERS = ["eevdf", "scx_ktstr"]


def add_tap(tap, prefix, outcome, skips=True):
    """TAP lines of a program; one that dies or says nothing has failed too. Without @skips so has a skip."""
    seen = failed = 0
    for verdict, name, skip in TAP.findall(outcome.output):
        name, skip = name.strip(), skip.strip() if skip else None
        if skip and not name:  # cmocka 1.1: "not ok 8 # SKIP name"
            verdict, name, skip = "ok", skip, "the host lacks what the test takes"
        ok = verdict.lower() == "ok" and (skips or skip is None)
        seen += 1
        failed += not ok
        tap.add(f"{prefix}{name}", ok, outcome.output, skip if ok else None)
    if (not outcome.ok and not failed) or not seen:
        tap.add(f"{prefix}ends well", False, f"{outcome}, {seen} tests\n{outcome.output}")
    if outcome.left:
        tap.add(f"{prefix}leaves no process behind", False, f"{outcome.left} left")


def doctor(host, tap):
    """What `ktstr doctor` finds out by itself about a host with a real KVM."""
    o = host.run("build/ktstr doctor", 60)
    tap.add("doctor: kvm runs kernels", o.ok and "/dev/kvm runs kernels" in o.output and not o.left, f"{o}\n{o.output}")


def real(host, tap):
    """Programs made for this: a real KVM is here, so nothing may be skipped."""
    for name in payload.REAL:
        o = host.run(f"CMOCKA_MESSAGE_OUTPUT=TAP build/tests/lab/{name}", 200)
        add_tap(tap, f"{name}: ", o, skips=False)
        for line in re.findall(r"^# (.* us)$", o.output, re.M):
            tap.note(f"{name}: {line}")


def asan(lab, host, tap):
    """kvm_real once more, with a sanitizer: 500 machines by 8 threads, and every ioctl failing."""
    add_tap(tap, "kvm_real_asan: ", host.run("CMOCKA_MESSAGE_OUTPUT=TAP build/tests/lab/kvm_real_asan", 840), skips=False)


def unit(host, tap):
    for name in payload.UNIT:
        o = host.run(f"CMOCKA_MESSAGE_OUTPUT=TAP FAKE_QEMU=/lab/build/tests/unit/fake-qemu build/tests/unit/unit-{name}", 120)
        add_tap(tap, f"unit {name}: ", o)


def hw(lab, host, tap):
    doctor(host, tap)
    real(host, tap)
    unit(host, tap)


def shapes(host, tap, wanted):
    o = host.run("build/ktstr test --vm kvm --format tap build/tests/vm/shape -j 1 " + " ".join(f"-t {s}" for s in wanted),
                 120 * len(wanted))
    add_tap(tap, "kvm ", o, skips=False)


def short(lab, host, tap):
    shapes(host, tap, ["2n2l1c1t"])
    o = host.run("build/ktstr test --vm kvm --format tap build/examples/fairness -f two_cgroups -s scx_ktstr", 120)
    add_tap(tap, "kvm scx_ktstr ", o, skips=False)


def verdicts(output):
    """(test, shape, scheduler) -> verdict and what it says, of ktstr test --format json."""
    said = [json.loads(l) for l in output.splitlines() if l.startswith('{"event":"cell"')]
    return {(c["test"], c["topology"], c["scheduler_name"]): (c["verdict"], c["headline"]) for c in said}


def examples(lab, host, tap):
    """The same verdicts as on qemu, which runs the same programs emulated, on this machine."""
    words = "--format json -s " + " -s ".join(SCHEDULERS)
    there = " ".join(f"build/examples/{e}" for e in payload.EXAMPLES)
    here = [os.path.join(lab.build, f"lab-{lab.arch}", "examples", e) for e in payload.EXAMPLES]
    o = host.run(f"build/ktstr test --vm kvm -j 1 {words} {there}", 1500)
    ours = verdicts(o.output)
    theirs = verdicts(run(os.path.join(lab.build, "ktstr"), "test", "--vm", "qemu", *words.split(), *here, may_fail=True,
                          env=dict(os.environ, KTSTR_SYSROOT=os.path.join(lab.build, f"sysroot-lab-{lab.arch}"))))
    for key in sorted(ours.keys() | theirs.keys()):
        tap.add(f"{' '.join(key)}: the verdict on kvm is that on qemu", ours.get(key, "-")[0] == theirs.get(key, "+")[0],
                f"kvm: {ours.get(key)}\nqemu: {theirs.get(key)}")
    if not ours:
        tap.add("examples run on kvm", False, f"{o}\n{o.output}")


def cells(lab, host, tap):
    shapes(host, tap, SHAPES)
    examples(lab, host, tap)


def in_guest(host, shape, command, ktstr="build/ktstr"):
    return host.run(f"{ktstr} run --vm kvm -t {shape} -- /lab/build/tests/lab/guest_probe {command}", 180)


def number(pattern, text):
    found = re.search(pattern, text)
    return int(found[1]) if found else -1


def performance(host, tap):
    """`--perf` where one of the host's two CPUs can be the vCPU's: first without huge pages, then with enough of them."""
    command = "build/ktstr run --vm kvm --perf -t 1n1l1c1t -- true"
    without = host.run(command, 120)
    tap.add("a guest in performance mode runs, and is told to have ordinary pages only",
            without.ok and without.output.count("note:") == 1 and "huge pages: 0 of 2 MiB are free" in without.output,
            f"{without}\n{without.output}")
    having = host.run(f"echo 200 >/proc/sys/vm/nr_hugepages && {command}; s=$?; echo 0 >/proc/sys/vm/nr_hugepages; exit $s", 120)
    tap.add("a guest in performance mode, in huge pages, misses nothing", having.ok and not having.output,
            f"{having}\n{having.output}")


def no_account(host, tap):
    """A host that gives no account of stolen time is one of a ktstr whose question for it is refused: no_pvtime.c."""
    o = in_guest(host, "1n1l8c1t", "steal 2", "build/tests/lab/ktstr_no_pvtime")
    tap.add("8 busy vCPUs on 2 CPUs without an account of stolen time: it stays 0",
            o.ok and "stolen 0 of" in o.output and "since boot 0\n" in o.output, f"{o}\n{o.output}")


# In a guest with the kernel's own drivers: what is on the disk, what is on it then, and what comes back. Its network drops
# frames of its own, so what the driver counts is all that is looked at.
DEVICES = r"""
md5sum </dev/vda
dd if=/dev/urandom of=/dev/vda bs=64k count=32 seek=16 conv=fsync 2>/dev/null && md5sum </dev/vda
cat /sys/class/misc/hw_random/rng_current
a=$(head -c 100000 /dev/hwrng | md5sum) b=$(head -c 100000 /dev/hwrng | md5sum); [ "$a" != "$b" ] && echo "random numbers"
cd /sys/class/net/eth0 && ip link set eth0 up && ip addr add 10.0.0.1/24 dev eth0
ping -q -c 50 -i 0.01 -W 1 -s 1000 10.0.0.255 >/dev/null
until [ $(cat statistics/rx_packets) -ge 50 ] && [ $(cat statistics/rx_packets) = $(cat statistics/tx_packets) ]; do :; done
[ $(cat statistics/rx_bytes) = $(cat statistics/tx_bytes) ] && echo "every frame" $(cat address)
"""


def devices(host, tap):
    """Disk, network and random numbers under the drivers of a stock kernel."""
    disk = "/tmp/lab-disk"
    o = host.run(f"""head -c 8388608 /dev/urandom >{disk}; md5sum <{disk}
LAB_DISK={disk} build/tests/lab/ktstr_all_devices run --vm kvm -t 1n1l2c1t -- sh -c '{DEVICES}'; s=$?
md5sum <{disk}; rm {disk}; exit $s""", 180)
    said = o.output.splitlines()
    story = f"{o}\n{o.output}"
    tap.add("the guest reads the disk it was given", o.ok and len(said) == 7 and said[0] == said[1], story)
    tap.add("what the guest writes is on the disk", o.ok and said[2] == said[-1] != said[0], story)
    tap.add("random numbers come from the device", "virtio_rng.0" in said and "random numbers" in said, story)
    tap.add("every frame comes back", "every frame 02:00:00:00:00:01" in said, story)


def guests(lab, host, tap):
    """What a kernel sees of the host it runs on."""
    o = in_guest(host, "1n1l1c1t", "perf")
    tap.add("the guest's PMU counts cycles", o.ok and number(r"cycles (\d+)", o.output) > 0, f"{o}\n{o.output}")
    fits, over = in_guest(host, "1n1l1c1t", "steal 2"), in_guest(host, "1n1l8c1t", "steal 2")
    low, high = (number(r", (\d+) percent", x.output) for x in (fits, over))
    tap.note(f"stolen: {low} % of 1 vCPU, {high} % of 8 vCPUs, on 2 CPUs")
    tap.add("8 busy vCPUs on 2 CPUs: more than half of the time is stolen, and the guest knows", high > 50 and 0 <= low < high,
            f"{fits}\n{fits.output}\n{over}\n{over.output}")
    no_account(host, tap)
    performance(host, tap)
    devices(host, tap)


GROUPS = {"hw": (hw, 480), "asan": (asan, 900), "short": (short, 240), "cells": (cells, 2400), "guests": (guests, 900),
          "compare": (compare, 900)}
