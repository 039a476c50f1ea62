#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every address, interrupt and CPU id of our virt board is the one of QEMU's own device tree.

qemu_virt.py QEMU EMIT_FDT; exits 77 where QEMU or dtc is missing.
"""
import re
import shutil
import subprocess
import sys
import tempfile

CPUS = 130  # more than the first redistributor region holds
MACHINE = "virt-10.0,gic-version=3"
# By compatible: the properties that must be equal. Flags and phandles differ by design.
DEVICES = {
    "arm,gic-v3": ["reg", "#redistributor-regions"],
    "arm,pl011": ["reg", "interrupts"],
    "virtio,mmio": ["reg", "interrupts"],
    "arm,armv8-timer": ["interrupts"],
    "arm,armv8-pmuv3": ["interrupts"],
}


def devices(dtb):
    """{(compatible, first reg): {property: cells}} of all nodes, and the regs of the CPUs."""
    text = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", dtb],
                          capture_output=True, text=True, check=True).stdout
    found, cpus = {}, []
    # Properties of a node come before its children, so the innermost brace group is enough.
    for body in re.findall(r"{([^{}]*)", text):
        props = dict(re.findall(r"^\s*([\w,#-]+) = (.*);$", body, re.M))
        cells = {k: [int(c, 16) for c in re.findall(r"0x[0-9a-f]+", v)]
                 for k, v in props.items() if v.startswith("<")}
        if props.get("device_type") == '"cpu"':
            cpus += cells["reg"]
        # of several dtc 1.6 makes "a\0b", dtc 1.7 "a", "b"
        kind = re.match(r'"?((?:[^"\\])*)', props.get("compatible", "")).group(1)
        if kind in DEVICES:
            found[(kind, tuple(cells.get("reg", [])[:2]))] = {p: cells.get(p) for p in DEVICES[kind]}
    return found, sorted(cpus)


def main(qemu, emit):
    if not shutil.which(qemu) or not shutil.which("dtc"):
        print(f"needs {qemu} and dtc")
        return 77
    with tempfile.TemporaryDirectory() as d:
        theirs, ours = f"{d}/theirs.dtb", f"{d}/ours.dtb"
        subprocess.run([qemu, "-M", f"{MACHINE},dumpdtb={theirs}", "-cpu", "neoverse-n1", "-smp",
                        str(CPUS), "-nodefaults", "-display", "none"], check=True, capture_output=True)
        with open(ours, "wb") as f:
            subprocess.run([emit, f"1n1l{CPUS}c1t", "full"], stdout=f, check=True)
        (want, want_cpus), (got, got_cpus) = devices(theirs), devices(ours)
    bad = [f"{k}: ours {got.get(k)}, QEMU's {want.get(k)}"
           for k in sorted(want.keys() | got.keys()) if want.get(k) != got.get(k)]
    if want_cpus != got_cpus or len(got_cpus) != CPUS:
        bad.append(f"CPU ids: ours {got_cpus}, QEMU's {want_cpus}")
    if {k for k, _ in want} != set(DEVICES):
        bad.append(f"QEMU describes only {sorted(want)}")
    print("\n".join(bad) or f"{len(want)} devices and {CPUS} CPUs are where QEMU has them")
    return 1 if bad else 0


sys.exit(main(*sys.argv[1:]))
