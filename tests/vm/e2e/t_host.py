# SPDX-License-Identifier: GPL-2.0-only
"""Host CPUs between runs: who is alone is named, waited for or a reason to skip."""
import os, re, signal, subprocess

from harness import case, Skip
from t_shell import Terminal


def private(box):
    """Other tests on this machine have locks, too."""
    if len(os.sched_getaffinity(0)) < 2:
        raise Skip("performance mode takes two host CPUs")
    os.mkdir(box.path("runtime"), 0o700)
    box.env["XDG_RUNTIME_DIR"] = box.path("runtime")


def holder(box, *more):
    """A run that has its CPUs until it is told to go."""
    p = box.start("run", "--time", "real", *more, "--", "sh", "-c", "echo up; cat", stdin=subprocess.PIPE)
    assert p.stdout.readline() == b"up\n", p.communicate()
    return p


def let_go(p):
    out, err = p.communicate(timeout=60)
    assert p.returncode == 0, err
    return err.decode()


@case()
def a_run_that_finds_its_cpus_held_names_the_holder(box):
    private(box)
    p = holder(box, "--perf")
    box.run("run", "--wait", "0", "--", "true").expect(
        125, f"host CPUs are held by pid {p.pid} (ktstr: run)")
    test = ("test", box.example("fairness"), "-f", "two_cgroups", "--time", "real", "-t", "1n1l1c1t", "--wait", "0",
            "--format", "json")
    d = box.run(*test, "--perf").expect(0)
    c = d.cells()[0]
    assert (c["verdict"], c["cause"]) == ("skip", "contention"), d
    assert f"held by pid {p.pid} (ktstr: run)" in c["headline"], d
    c = box.run(*test, "--no-skip").expect(1).cells()[0]
    assert (c["verdict"], c["cause"]) == ("fail", "contention"), c
    let_go(p)


@case()
def a_run_waits_until_the_cpus_are_free(box):
    private(box)
    p = holder(box, "--perf")
    second = box.start("run", "--", "echo", "done")
    line = second.stderr.readline().decode()
    assert line == f"ktstr run: waiting for host CPUs, held by pid {p.pid} (ktstr: run)\n", line
    assert second.poll() is None
    let_go(p)
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out) == (0, b"done\n"), err


@case()
def waiting_ends_at_an_interrupt(box):
    private(box)
    p = holder(box, "--perf")
    second = box.start("run", "--", "true")
    second.stderr.readline()
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=10)
    assert second.returncode == 130
    let_go(p)


@case()
def so_does_that_of_a_shell_and_at_a_key_but_not_when_its_terminal_is_resized(box):
    private(box)
    p = holder(box, "--perf")
    for end, status in ((lambda t: t.type(b"q"), 0), (lambda t: t.p.send_signal(signal.SIGTERM), 130)):
        t = Terminal(box)
        t.expect(f"waiting for host CPUs, held by pid {p.pid} (ktstr: run) (any key gives up)".encode())
        t.p.send_signal(signal.SIGWINCH)
        end(t)
        assert t.wait(8) == status, t.seen
        assert b"BusyBox" not in t.seen
    let_go(p)


@case()
def a_killed_holder_holds_nothing(box):
    private(box)
    p = holder(box, "--perf")
    p.kill()
    p.wait()
    box.run("run", "--perf", "--", "true").expect(0)


def affinities(pid):
    found = []
    for t in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{t}/status") as f:
            found.append(re.search(r"Cpus_allowed_list:\s*(\S+)", f.read())[1])
    return found


@case()
def each_vcpu_has_its_host_cpu(box):
    private(box)
    d = box.run("test", box.example("fairness"), "-f", "two_cgroups", "--time", "real", "-t", "1n1l1c1t", "--perf",
                "--format", "json")
    c = d.cells()[0]
    assert c["host"]["mode"] == "performance" and c["host"]["nr_cpus"] == 1, d
    assert c["host"]["service"] not in ("", c["host"]["cpus"]), d
    p = holder(box, "--perf")
    qemu = box.qemu()
    box.wait_for("threads in their places", lambda: set(affinities(qemu)) == {c["host"]["cpus"], c["host"]["service"]})
    assert affinities(qemu).count(c["host"]["cpus"]) == 1
    let_go(p)


@case()
def a_cap_is_what_the_vcpus_share(box):
    private(box)
    d = box.run("test", box.example("fairness"), "-f", "two_cgroups", "--time", "real", "-t", "1n1l2c1t",
                "--cpu-cap", "1", "--format", "json")
    c = d.cells()[0]
    assert c["host"]["mode"] == "capped" and c["host"]["nr_cpus"] == 1, d
    p = holder(box, "-t", "1n1l2c1t", "--cpu-cap", "1")
    qemu = box.qemu()
    box.wait_for("two threads on one CPU", lambda: affinities(qemu).count(c["host"]["cpus"]) == 2)
    let_go(p)


@case()
def a_host_that_is_too_small_is_a_skip_of_its_own(box):
    private(box)
    d = box.run("test", box.example("fairness"), "-f", "two_cgroups", "-t", "1n1l512c1t", "--time", "real", "--perf",
                "-m", "512M", "--format", "json").expect(0)
    c = d.cells()[0]
    assert (c["verdict"], c["cause"]) == ("skip", "host-too-small"), d
    box.run("run", "--cpu-cap", "100000", "--", "true").expect(125, "--cpu-cap 100000: this process may use")


@case()
def in_virtual_time_performance_mode_is_a_note(box):
    private(box)
    d = box.run("test", box.example("fairness"), "-f", "two_cgroups", "--time", "virtual", "--perf",
                "--format", "json").expect(0)
    c = d.cells()[0]
    assert c["host"]["mode"] == "shared", d
    assert "host:virtual-time" in [x["kind"] for x in c["details"]], d
