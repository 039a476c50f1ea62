# SPDX-License-Identifier: GPL-2.0-only
"""What is built for the emulated host and carried into it: BUILD/lab-ARCH becomes /lab/build there."""
import os, subprocess

from image import TOP, Trouble, run

CROSS = {"arm64": "aarch64-linux-gnu"}
EXAMPLES = ["churn", "fairness", "topology", "wakeup"]
# Unit tests of what depends on the architecture it is built for.
UNIT = ["base", "link", "machine_topology", "machine_fdt", "image_kernel", "image_closure", "author_checks", "guest_body",
        "vm_probe", "vm_qemu"]
REAL = ["kvm_real", "steal_real", "backend_real"]  # tests made for the lab
PROGRAMS = ["ktstr", "schedulers/scx_ktstr", "tests/vm/shape", "bench/bench-trivial", "tests/unit/fake-qemu",
            *(f"tests/lab/{p}" for p in ["lab-init", "off", "guest_probe", "backend_bench", "boot_bench", "ktstr_no_pvtime", "ktstr_all_devices", "kvm_real_asan", *REAL]),
            *(f"examples/{e}" for e in EXAMPLES), *(f"tests/unit/unit-{u}" for u in UNIT)]
NOT_BY_DEFAULT = ["short"]  # "cells" has it all


def log_of(command, said):
    return f"{' '.join(command[:3])} ...:\n" + "\n".join(said.splitlines()[-60:])


def build(build_dir, arch):
    """Cross-builds what the host runs. Like make: quick if there is nothing to do."""
    there = os.path.join(build_dir, f"lab-{arch}")
    run(os.path.join(TOP, "tools", "sysroot"), arch, build_dir, "lab", cwd=TOP)
    if not os.path.exists(os.path.join(there, "build.ninja")):
        run("meson", "setup", there, "--cross-file", os.path.join(build_dir, f"cross-lab-{arch}.ini"),
            f"-Dsysroot={build_dir}/sysroot-lab-{arch}", "--werror", cwd=TOP)
    command = ["ninja", "-C", there, *PROGRAMS]
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode:
        raise Trouble(log_of(command, p.stdout))


def items(there, arch, kernel):
    """(source, path below /lab, strip program)."""
    strip = CROSS[arch] + "-strip"
    programs = [(os.path.join(there, p), "build/" + p, strip) for p in PROGRAMS]
    return programs + [(kernel, "cache/ktstr/kernels/" + os.path.basename(kernel), None)]
