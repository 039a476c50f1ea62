# SPDX-License-Identifier: GPL-2.0-only
"""What became of a guest: every cause has its own name and its own sentence."""
import os, platform, signal

import kernels
from harness import case


def one(done):
    cells = done.cells()
    assert len(cells) == 1, done
    return cells[0]


@case()
def a_good_scheduler_passes(box):
    d = box.run("test", box.example("fairness"), "-f", "two_cgroups", "-s", "scx_ktstr",
                "--format", "json").expect(0)
    assert one(d)["verdict"] == "pass", d


def misbehaves(box, example, test, switch, cause, *words):
    d = box.run("test", box.example(example), "-f", test, "-s", "scx_ktstr " + switch,
                "--format", "json").expect(1)
    c = one(d)
    assert c["verdict"] == "fail" and c["cause"] == cause, d
    for w in words:
        assert w in c["headline"], f"{w!r} is not in {c['headline']!r}"


@case()
def a_stalled_task_is_named(box):
    misbehaves(box, "fairness", "two_cgroups", "--stall cg_0/1", "check", "cg_0", "worker 1")


@case()
def a_starved_cgroup_is_named(box):
    misbehaves(box, "fairness", "two_cgroups", "--starve cg_1", "check", "cg_1")


@case()
def an_ignored_cpu_is_named(box):
    misbehaves(box, "topology", "llc_spread", "--ignore-cpu 1", "check", "cpu1")


@case()
def an_error_exit_is_named_with_the_kernels_reason(box):
    misbehaves(box, "fairness", "two_cgroups", "--exit-error 1000", "scheduler-evicted", "told by --exit-error")


@case()
def slow_dispatch_is_seen_in_the_wakeups(box):
    misbehaves(box, "wakeup", "pipe_wakeups", "--slow-dispatch 250000", "check", "p99")


@case()
def a_scheduler_that_refuses_to_attach_is_named(box):
    misbehaves(box, "fairness", "two_cgroups", "--refuse-attach", "scheduler-not-attached",
               "did not attach")


@case()
def a_guest_panic_is_named(box):
    box.run("run", "--", "sh", "-c", "echo c > /proc/sysrq-trigger; sleep 100").expect(
        125, "guest kernel panic: sysrq triggered crash")


@case()
def a_guest_that_switches_itself_off_is_named(box):
    box.run("run", "--", "sh", "-c", "echo o > /proc/sysrq-trigger; sleep 100").expect(
        125, "switched itself off before")


@case()
def a_hanging_guest_is_named(box):
    p = box.start("run", "--", "sh", "-c", "echo up; sleep 100")
    assert p.stdout.readline() == b"up\n"
    qemu = box.qemu()
    os.kill(qemu, signal.SIGSTOP)
    out, err = p.communicate(timeout=100)
    assert p.returncode == 125 and b"the guest hangs: no sign of life" in err, err


@case()
def the_death_of_qemu_is_named(box):
    p = box.start("run", "--", "sh", "-c", "echo up; sleep 100")
    assert p.stdout.readline() == b"up\n"
    os.kill(box.qemu(), signal.SIGKILL)
    out, err = p.communicate(timeout=30)
    assert p.returncode == 125 and b"killed by signal 9" in err, err


@case()
def a_kernel_without_an_init_says_what_it_missed(box):
    box.run("run", "--kargs", "rdinit=/nothing", "--", "true").expect(
        125, "guest kernel panic while booting: VFS: Unable to mount root")


def tiny_kernel(box, arch, what):
    with open(box.path(what), "wb") as f:
        f.write(kernels.tiny(arch, what))
    return box.path(what)


def does_not_boot(box, what, *words):
    """As a command on both architectures, and as a test, whose result has a cause."""
    for arch in kernels.CODE:
        box.run("run", "--arch", arch, "--time", "virtual", "-k", tiny_kernel(box, arch, what), "--",
                "true").expect(125, *words)
    kernel = tiny_kernel(box, {"aarch64": "arm64"}.get(platform.machine(), "x86_64"), what)
    d = box.run("test", box.fixture("troubles"), "-f", "skips", "-k", kernel, "--time", "virtual", "--format",
                "json").expect(1)
    c = one(d)
    assert c["verdict"] == "fail" and c["cause"] == "boot-failed", d
    for w in words:
        assert w in c["headline"], d


@case()
def a_kernel_that_resets_at_once_is_named(box):
    does_not_boot(box, "resets", "without reaching init", "it printed nothing", "made for this machine?")


@case()
def a_kernel_that_never_says_anything_is_given_up(box):
    does_not_boot(box, "sleeps", "init", "it printed nothing", "made for this machine?")


@case()
def a_kernel_that_starts_something_else_is_given_up(box):
    d = box.run("run", "-v", "--time", "virtual", "--kargs", "rdinit=/bin/busybox -- cat", "--", "true")
    d.expect(125, "no sign of init within 31 s; its last words: [")


@case()
def a_guest_that_ends_before_init_leaves_its_last_words(box):
    box.run("run", "--kargs", "rdinit=/bin/busybox -- poweroff -f", "--", "true").expect(
        125, "without reaching init; its last words: [", "reboot: Power down")


@case()
def a_lost_link_to_a_living_guest_is_named(box):
    for time in ("real", "virtual"):
        d = box.run("test", box.fixture("troubles"), "-f", "loses_its_link", "--time", time, "--format",
                    "json").expect(2)
        c = one(d)
        assert c["verdict"] == "inconclusive" and c["cause"] == "link-lost", d
        assert "the link to the guest was lost: ktstr-init found its end closed" == c["headline"], d
        assert c["times"]["total"] < 60e9, d


@case()
def a_crashing_test_is_named(box):
    d = box.run("test", box.fixture("troubles"), "-f", "crashes", "--format", "json").expect(1)
    assert one(d)["cause"] == "test-crashed" and "signal 11" in one(d)["headline"], d


@case()
def a_test_without_end_is_named(box):
    d = box.run("test", box.fixture("troubles"), "-f", "never_ends", "--timeout", "2s", "--format",
                "json").expect(1)
    assert one(d)["cause"] == "timeout", d


@case()
def a_skip_says_why_and_can_be_forbidden(box):
    args = ("test", box.fixture("troubles"), "-f", "skips", "--format", "json")
    d = box.run(*args).expect(0)
    assert one(d)["verdict"] == "skip" and "not today" in one(d)["headline"], d
    box.run(*args, "--no-skip").expect(1)


@case()
def an_expected_failure_passes_only_for_its_reason(box):
    args = ("test", box.fixture("troubles"), "--format", "json", "-f")
    assert one(box.run(*args, "fails_as_expected").expect(0))["verdict"] == "pass"
    c = one(box.run(*args, "fails_otherwise").expect(1))
    assert c["cause"] == "unexpected-pass" and "nowhere says" in c["headline"], c


@case()
def a_shape_a_test_cannot_use_is_skipped(box):
    d = box.run("test", box.fixture("troubles"), "-f", "wants_two_llcs", "-t", "1n1l2c1t", "--format",
                "json").expect(0)
    assert one(d)["verdict"] == "skip" and "at least 2 LLCs" in one(d)["headline"], d
