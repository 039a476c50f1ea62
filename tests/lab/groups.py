# SPDX-License-Identifier: GPL-2.0-only
"""The groups of tests: functions of (lab, host, tap), and the seconds each may take."""
import re

import payload

VM = "kvm"
TAP = re.compile(r"^\s*(not ok|ok)\b\s*\d*\s*-?\s*([^#\n]*)(?:#\s*SKIP\s*(.*))?", re.I | re.M)


def add_tap(tap, prefix, outcome):
    """TAP lines of a program; one that dies or says nothing has failed too."""
    seen = failed = 0
    for verdict, name, skip in TAP.findall(outcome.output):
        name, skip = name.strip(), skip.strip() if skip else None
        if skip and not name:  # cmocka 1.1: "not ok 8 # SKIP name"
            verdict, name, skip = "ok", skip, "the host lacks what the test takes"
        seen += 1
        failed += verdict.lower() != "ok"
        tap.add(f"{prefix}{name}", verdict.lower() == "ok", outcome.output, skip)
    if (not outcome.ok and not failed) or not seen:
        tap.add(f"{prefix}ends well", False, f"{outcome}, {seen} tests\n{outcome.output}")
    if outcome.left:
        tap.add(f"{prefix}leaves no process behind", False, f"{outcome.left} left")


def doctor(lab, host, tap):
    """What `ktstr doctor` finds out by itself about a host with a real KVM."""
    o = host.run("build/ktstr doctor", 60)
    tap.add("doctor: kvm runs kernels", o.ok and "/dev/kvm runs kernels" in o.output, f"{o}\n{o.output}")


def unit(lab, host, tap):
    for name in payload.UNIT:
        o = host.run(f"CMOCKA_MESSAGE_OUTPUT=TAP FAKE_QEMU=/lab/build/tests/unit/fake-qemu build/tests/unit/unit-{name}", 120)
        add_tap(tap, f"unit {name}: ", o)


def real(lab, host, tap):
    """Programs made for this: what takes a real KVM."""
    for name in payload.REAL:
        o = host.run(f"CMOCKA_MESSAGE_OUTPUT=TAP LAB_VM={VM} build/tests/lab/{name}", 300)
        add_tap(tap, f"{name}: ", o)


def hw(lab, host, tap):
    doctor(lab, host, tap)
    real(lab, host, tap)
    unit(lab, host, tap)


def test(host, tap, prefix, *args, limit_s=300):
    add_tap(tap, prefix, host.run(f"build/ktstr test --format tap {' '.join(args)}", limit_s))


def short(lab, host, tap):
    o = host.run("build/ktstr run --accel kvm -t 1n1l1c1t -- cat /sys/hypervisor/type /proc/version", 120)
    tap.add("a guest of qemu/kvm runs a command", "Linux version" in o.output, f"{o}\n{o.output}")


def cells(lab, host, tap):
    short(lab, host, tap)


GROUPS = {"hw": (hw, 300), "short": (short, 120), "cells": (cells, 1200)}
