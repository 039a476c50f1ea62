# SPDX-License-Identifier: GPL-2.0-only
"""Snapshots: guests in virtual time resume a machine that booted once, and nobody can tell but by the clock on the wall."""
import contextlib, os, signal

from caches import memory, own_cache, snapshots
from harness import Skip, case, text
from starve import Starve

SHORT = ("-f", "two_cgroups", "--time", "virtual", "--duration", "200ms", "--format", "json")
RUN = ("--time", "virtual", "--", "true")


def start(box, *args, arch=None, **kw):
    return box.start("test", box.example("fairness", arch), *SHORT, *args, **kw)


def run(box, *args, arch=None):
    cell, = box.run("test", box.example("fairness", arch), *SHORT, *args).expect(0).cells()
    assert cell["schedule"]["have"], cell
    return cell


def same(a, b):
    assert (a["schedule"]["digest"], a["end_ns"]) == (b["schedule"]["digest"], b["end_ns"]), (a, b)


@case(limit=240)
def who_makes_a_snapshot_and_who_uses_it_have_one_schedule(box):
    cache = own_cache(box)
    made, used = run(box, "--seed", "7"), run(box, "--seed", "7")
    assert made["snapshot"] == "made" and used["snapshot"] == "used", (made, used)
    same(made, used)
    assert len(snapshots(cache)) == 1
    other = run(box, "--seed", "8", "--turn", "100")
    assert other["snapshot"] == "used" and other["schedule"]["digest"] != used["schedule"]["digest"], other
    assert run(box, "--seed", "7", "--rate", "250")["snapshot"] == "made"
    assert len(snapshots(cache)) == 2


@case(limit=240, arch="arm64")
def it_is_so_on_arm64_with_two_nodes(box):
    first = run(box, "--seed", "7", "-t", "2n2l2c1t", arch="arm64")
    second = run(box, "--seed", "7", "-t", "2n2l2c1t", arch="arm64")
    assert second["snapshot"] == "used", second
    same(first, second)


@case(limit=240)
def a_large_machine_is_frozen_alike_on_a_quiet_host_and_on_one_that_starves_the_emulator(box):
    cache = own_cache(box)
    first = run(box, "--seed", "7", "-t", "2n2l2c1t")
    frozen = memory(*snapshots(cache))
    os.remove(*snapshots(cache))
    try:
        with Starve() as s:
            second = run(box, "--seed", "7", "-t", "2n2l2c1t")
    except PermissionError as e:
        raise Skip(str(e))
    assert first["snapshot"] == second["snapshot"] == "made" and s.held > 10, (first, second, s.held)
    assert memory(*snapshots(cache)) == frozen
    same(first, second)


@case(limit=240)
def a_damaged_snapshot_is_made_again(box):
    cache = own_cache(box)
    first = run(box, "--seed", "7")
    path, = snapshots(cache)
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        f.write(b"damage")
    with open(path, "rb") as f:
        damaged = f.read()
    same(first, run(box, "--seed", "7"))
    with open(path, "rb") as f:
        assert f.read() != damaged
    assert run(box, "--seed", "7")["snapshot"] == "used"


@case(limit=240)
def of_two_at_once_one_makes_it_and_the_other_waits(box):
    own_cache(box)
    both = [start(box, "--seed", "7") for _ in range(2)]
    said = [text(p.communicate()[0]) for p in both]
    assert [p.returncode for p in both] == [0, 0], said
    assert sum('"snapshot":"made"' in s for s in said) == 1, said
    assert sum('"snapshot":"used"' in s for s in said) == 1, said


@contextlib.contextmanager
def stuck_maker(box, *args):
    """Another one that makes the snapshot of RUN, and does not get on; what those are told who wait for it."""
    first = box.start("run", *args, *RUN)
    both = first.pid, box.qemu()  # a run that stands still itself calls no emulator hung
    for pid in both:
        os.kill(pid, signal.SIGSTOP)
    yield f", held by pid {first.pid} ("
    for pid in both:
        os.kill(pid, signal.SIGCONT)
    assert first.wait() == 0


def is_told_and_interrupted(second, command, holder, number):
    line = text(second.stderr.readline())
    assert line.startswith(f"ktstr {command}: waiting for snapshot ") and holder in line, line
    second.send_signal(number)
    said = second.communicate(timeout=60)
    assert second.returncode == 130, (second.returncode, said)
    return said


@case(limit=240)
def who_waits_for_another_to_make_it_is_told_and_can_be_interrupted(box):
    cache = own_cache(box)
    with stuck_maker(box) as holder:
        said = is_told_and_interrupted(box.start("run", *RUN), "run", holder, signal.SIGINT)
        assert b"ended by signal 2" in said[1], said
        assert not snapshots(cache)
    assert len(snapshots(cache)) == 1


@case(limit=240)
def so_can_a_replay(box):
    cache = own_cache(box)
    box.run("run", *RUN).expect(0)
    for path in snapshots(cache):
        os.unlink(path)
    with stuck_maker(box) as holder:
        is_told_and_interrupted(box.start("replay", "last"), "replay", holder, signal.SIGTERM)


@case(limit=240)
def so_can_a_test(box):
    own_cache(box)
    with stuck_maker(box, "-t", "1n1l2c1t") as holder:
        is_told_and_interrupted(start(box), "test", holder, signal.SIGINT)


@case(limit=240)
def the_cells_of_one_run_wait_for_each_other_without_a_word(box):
    own_cache(box)
    d = box.run("test", box.example("fairness"), *SHORT, "-s", "eevdf", "-s", "scx_ktstr", "-j", "2").expect(0)
    assert sorted(c["snapshot"] for c in d.cells()) == ["made", "used"], d
    assert b"waiting" not in d.err, d


@case(limit=240)
def killed_while_it_makes_one_it_leaves_nothing_in_the_way(box):
    cache = own_cache(box)
    p = start(box, "--seed", "7")
    box.qemu()
    p.send_signal(signal.SIGKILL)
    p.wait()
    box.expect_gone()
    assert not snapshots(cache)
    assert run(box, "--seed", "7")["snapshot"] == "made"


@case()
def what_the_kernel_said_while_it_booted_is_said_again(box):
    words = ("run", "--time", "virtual", "-v", "--", "true")
    first, second = box.run(*words).expect(0), box.run(*words).expect(0)
    for d in first, second:
        assert text(d.out + d.err).count("Run /init as init process") == 1, d
