# SPDX-License-Identifier: GPL-2.0-only
"""Virtual time: what the host does is no part of the run, and ends have the same names as in real time."""
import os, signal, subprocess

import kernels
from caches import memory, own_cache, snapshots
from harness import case, text

VIRTUAL = ("--time", "virtual")


def cells(box, *args):
    d = box.run("test", box.example("wakeup"), "-f", "interactive_beside_batch", "-s", "eevdf", "-s", "scx_ktstr",
                "--duration", "500ms", *VIRTUAL, *args, "--format", "json").expect(0)
    found = {c["scheduler"]: c for c in d.cells()}
    assert len(found) == 2 and all(c["schedule"]["events"] > 200 for c in found.values()), d
    return found


@case(limit=240)
def a_seed_gives_one_schedule_on_an_idle_and_on_a_loaded_host(box):
    idle = cells(box, "--seed", "5", "-j", "1")
    spinning = [subprocess.Popen(["sh", "-c", "while :; do :; done"], env=box.env) for _ in range(4)]
    try:
        loaded = cells(box, "--seed", "5", "-j", "2")
    finally:
        for p in spinning:
            p.kill()
            p.wait()
    for scheduler, c in idle.items():
        assert c["schedule"] == loaded[scheduler]["schedule"], (c["schedule"], loaded[scheduler]["schedule"])
        for same in ("cgroups", "details", "values", "end_ns", "run"):
            assert c[same] == loaded[scheduler][same], same
        times = [{k: v for k, v in x["times"].items() if k not in ("total", "image", "setup")}
                 for x in (c, loaded[scheduler])]
        assert times[0] == times[1] and times[0]["boot"], times


@case(limit=240)
def another_seed_gives_another_schedule(box):
    one, other = cells(box, "--seed", "5"), cells(box, "--seed", "6")
    for scheduler in one:
        assert one[scheduler]["schedule"]["digest"] != other[scheduler]["schedule"]["digest"], one


@case(limit=240)
def nothing_of_the_host_gets_into_the_guest(box):
    """Another folder, environment and cache; arm64, whose seeds come in the device tree."""
    show = "cat /proc/uptime /proc/interrupts /proc/sys/kernel/random/uuid; env; date; cat /proc/schedstat"
    args = ("run", "--arch", "arm64", *VIRTUAL, "--seed", "9", "-t", "1n1l2c1t", "--", "sh", "-c", show)
    one = box.run(*args).expect(0)
    cache = own_cache(box, "arm64")
    other = box.run(*args).expect(0)
    made, = snapshots(cache)
    frozen = memory(made)
    os.remove(made)
    there = box.path("a folder of another name")
    os.rename(cache, there)
    box.env.update(HOME=there, LANG="C.UTF-8", TZ="Asia/Tokyo", KTSTR_CACHE_DIR=there, SOME_VARIABLE="of the host")
    third = box.run(*args).expect(0)
    assert one.out == other.out == third.out and b"arch_timer" in one.out, (one, other, third)
    assert b"of the host" not in third.out and memory(*snapshots(there)) == frozen, third


@case()
def standard_input_is_not_fed_to_the_guest(box):
    box.run("run", *VIRTUAL, "--", "cat", input=b"not for you").expect(0)
    d = box.run("run", *VIRTUAL, "--", "sh", "-c", "cat; echo done", input=b"not for you").expect(0)
    assert d.out == b"done\n", d
    box.run("run", *VIRTUAL, "-v", "--", "true").expect(0, "ktstr run: schedule ", "ktstr run: replay: ktstr replay ")


@case()
def a_time_limit_is_one_of_the_guests_time(box):
    d = box.run("run", *VIRTUAL, "--timeout", "60s", "--", "sleep", "1000").expect(125, "still running after 60.0 s")
    assert d.seconds < 45, d  # a sleeping guest's minute costs nothing


@case(limit=180)
def a_hanging_guest_is_named_in_virtual_time(box):
    d = box.run("test", box.fixture("troubles"), "-f", "hangs", *VIRTUAL, "--format", "json").expect(1)
    cell, = d.cells()
    assert cell["cause"] == "guest-hang" and "no sign of life for 5.0 s" in cell["headline"], d


@case()
def a_guest_that_nothing_will_wake_is_named(box):
    kernel = box.path("sleeps")
    with open(kernel, "wb") as f:
        f.write(kernels.tiny("arm64", "sleeps"))
    d = box.run("run", "--arch", "arm64", *VIRTUAL, "-k", kernel, "--", "true").expect(
        125, "no sign of init within ", "; it printed")
    assert d.seconds < 20, d  # its half minute of sleep costs nothing


@case()
def an_emulator_that_does_not_answer_is_named(box):
    p = box.start("run", *VIRTUAL, "--", "sh", "-c", "echo up; while :; do :; done")
    assert p.stdout.readline() == b"up\n"
    os.kill(box.qemu(), signal.SIGSTOP)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 125 and b"QEMU did not answer for 10 s" in err, err


@case()
def the_death_of_qemu_is_named_in_virtual_time(box):
    p = box.start("run", *VIRTUAL, "--", "sh", "-c", "echo up; while :; do :; done")
    assert p.stdout.readline() == b"up\n"
    os.kill(box.qemu(), signal.SIGKILL)
    out, err = p.communicate(timeout=30)
    # and nothing stands there that QEMU complained of before
    assert p.returncode == 125 and b"killed by signal 9 (Killed); somebody killed it" in err, err


@case()
def an_interrupt_ends_a_run_in_virtual_time(box):
    p = box.start("run", *VIRTUAL, "--", "sh", "-c", "echo up; sleep 100000; echo more; while :; do :; done")
    assert p.stdout.readline() == b"up\n"
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=10)
    assert p.returncode == 130 and b"interrupted" not in out, (out, err)


@case()
def virtual_time_and_kvm_exclude_each_other(box):
    for command in (("test", box.example("fairness")), ("run", "--", "true")):
        box.run(command[0], *VIRTUAL, "--accel", "kvm", *command[1:]).expect(
            3 if command[0] == "test" else 125, "accelerator kvm: cannot run in virtual time")
    box.run("run", *VIRTUAL, "--rate", "300", "--", "true").expect(125, "--rate 300: there are 1000, 500")
    d = box.run("run", *VIRTUAL, "--turn", "20000", "--", "true").expect(125, "--turn 20000: the longest turn")
    assert len(text(d.err).splitlines()) == 1, d
