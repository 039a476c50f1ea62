# SPDX-License-Identifier: GPL-2.0-only
"""Snapshots: guests in virtual time resume a machine that booted once, and nobody can tell but by the clock on the wall."""
import os, signal

from harness import case, text
from t_replay import own_cache

SHORT = ("-f", "two_cgroups", "--time", "virtual", "--duration", "200ms", "--format", "json")


def start(box, *args, arch=None, **kw):
    return box.start("test", box.example("fairness", arch), *SHORT, *args, **kw)


def run(box, *args, arch=None):
    cell, = box.run("test", box.example("fairness", arch), *SHORT, *args).expect(0).cells()
    assert cell["schedule"]["have"], cell
    return cell


def same(a, b):
    assert (a["schedule"]["digest"], a["end_ns"]) == (b["schedule"]["digest"], b["end_ns"]), (a, b)


def stored(cache):
    folder = os.path.join(cache, "snapshots")
    return [os.path.join(folder, n) for n in os.listdir(folder)] if os.path.isdir(folder) else []


def waits_in_child(box, pid):
    """Whether @pid has a child with the lock of a snapshot open: locks are waited for in one of their own."""
    for child, _ in box.marked():
        try:
            with open(f"/proc/{child}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            fds = [os.readlink(f"/proc/{child}/fd/{n}") for n in os.listdir(f"/proc/{child}/fd")]
        except OSError:  # it is gone, or was just about to go
            continue
        if parent == pid and any("/locks/snapshot-" in path for path in fds):
            return True
    return False


@case(limit=240)
def who_makes_a_snapshot_and_who_uses_it_have_one_schedule(box):
    cache = own_cache(box)
    made, used = run(box, "--seed", "7"), run(box, "--seed", "7")
    assert made["snapshot"] == "made" and used["snapshot"] == "used", (made, used)
    same(made, used)
    assert len(stored(cache)) == 1
    other = run(box, "--seed", "8", "--turn", "100")
    assert other["snapshot"] == "used" and other["schedule"]["digest"] != used["schedule"]["digest"], other
    assert run(box, "--seed", "7", "--rate", "250")["snapshot"] == "made"
    assert len(stored(cache)) == 2


@case(limit=240, arch="arm64")
def it_is_so_on_arm64_with_two_nodes(box):
    first = run(box, "--seed", "7", "-t", "2n2l2c1t", arch="arm64")
    second = run(box, "--seed", "7", "-t", "2n2l2c1t", arch="arm64")
    assert second["snapshot"] == "used", second
    same(first, second)


@case(limit=240)
def a_damaged_snapshot_is_made_again(box):
    cache = own_cache(box)
    first = run(box, "--seed", "7")
    path, = stored(cache)
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


@case(limit=240)
def who_waits_for_another_to_make_it_can_be_interrupted(box):
    cache = own_cache(box)
    first = box.start("run", "--time", "virtual", "--", "true")
    maker = box.qemu()
    second = box.start("run", "--time", "virtual", "--", "true")
    box.wait_for("a child of the second, which waits", lambda: waits_in_child(box, second.pid))
    os.kill(maker, signal.SIGSTOP)  # so that nothing but the signal can end the wait
    assert not stored(cache)
    second.send_signal(signal.SIGINT)
    said = second.communicate(timeout=8)  # the first would call its emulator hung after 10 s
    assert second.returncode == 130 and b"ended by signal 2" in said[1], (second.returncode, said)
    os.kill(maker, signal.SIGCONT)
    assert first.wait() == 0 and len(stored(cache)) == 1


@case(limit=240)
def killed_while_it_makes_one_it_leaves_nothing_in_the_way(box):
    cache = own_cache(box)
    p = start(box, "--seed", "7")
    box.qemu()
    p.send_signal(signal.SIGKILL)
    p.wait()
    box.expect_gone()
    assert not stored(cache)
    assert run(box, "--seed", "7")["snapshot"] == "made"


@case()
def what_the_kernel_said_while_it_booted_is_said_again(box):
    words = ("run", "--time", "virtual", "-v", "--", "true")
    first, second = box.run(*words).expect(0), box.run(*words).expect(0)
    for d in first, second:
        assert text(d.out + d.err).count("Run /init as init process") == 1, d
