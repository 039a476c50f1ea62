# SPDX-License-Identifier: GPL-2.0-only
"""The schedule digest of a virtual-time run: same seed, same digest; and what is said without one."""
import contextlib, os, subprocess, sys

from harness import case, text

SHORT = ("-f", "pipe_wakeups", "--time", "virtual", "--duration", "100ms")


@contextlib.contextmanager
def busy_host():
    spin = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count())]
    try:
        yield
    finally:
        for p in spin:
            p.kill()
            p.wait()


def schedule(box, seed, *args, arch=None):
    d = box.run("test", box.example("wakeup", arch), *SHORT, "--seed", seed, *args, "--format", "json").expect(0)
    cell, = d.cells()
    return cell["schedule"], d


def whole(s):
    assert s["have"] and not s["why_not"], s
    assert s["kept"] == s["events"] > 1000 and s["begin_ns"] < s["end_ns"], s
    return s


@case(limit=240)
def one_seed_has_one_digest_whatever_the_host_does(box):
    first = whole(schedule(box, "7")[0])
    with busy_host():
        assert whole(schedule(box, "7")[0]) == first
    assert whole(schedule(box, "8")[0])["digest"] != first["digest"]


@case(limit=240, arch="arm64")
def one_seed_has_one_digest_on_arm64(box):
    first = whole(schedule(box, "7", "-s", "eevdf", arch="arm64")[0])
    assert whole(schedule(box, "7", "-s", "eevdf", arch="arm64")[0]) == first


@case()
def a_kernel_that_takes_no_program_is_tested_without_a_digest(box):
    s, d = schedule(box, "7", "--kargs", "lockdown=confidentiality")
    assert not s["have"] and not s["events"], s
    assert s["why_not"].startswith("the kernel did not take the tracing program: "), s
    assert "no schedule digest: " + s["why_not"] in text(d.out), d
    # nor does it let init look for a parcel, so that its guests boot
    assert "guests of this kernel and shape boot each time: /dev/mem: " in text(d.out), d


@case()
def in_real_time_nothing_is_traced(box):
    d = box.run("test", box.example("wakeup"), "-f", "pipe_wakeups", "--time", "real", "--duration", "100ms",
                "--format", "json")
    cell, = d.cells()
    assert not cell["schedule"]["have"] and not cell["schedule"]["why_not"], cell["schedule"]
