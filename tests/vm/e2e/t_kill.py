# SPDX-License-Identifier: GPL-2.0-only
"""Ends that nobody planned: nothing of ours survives them, and the next run works."""
import os, re, signal, time

from harness import case

COUNT = re.compile(rb"(\d+) passed, (\d+) failed, (\d+) inconclusive, (\d+) skipped")


@case()
def killing_ktstr_takes_everything_along(box):
    p = box.start("test", box.example("fairness"), "-f", "two_cgroups")
    box.qemu()
    p.kill()
    p.wait()
    box.expect_gone()
    box.run("run", "--", "true").expect(0)


@case()
def killing_ktstr_while_it_fetches_leaves_a_usable_cache(box):
    cache = box.path("cache")
    env = {"KTSTR_CACHE_DIR": cache}
    for delay in (0.05, 0.3, 0.8):
        p = box.start("kernel", "fetch", env=env)
        time.sleep(delay)  # any moment will do: that is what is tested
        p.kill()
        p.wait()
        box.expect_gone()
    box.run("kernel", "fetch", env=env, timeout=110).expect(0)
    box.run("kernel", "gc", env=env).expect(0)
    left = [n for n in os.listdir(os.path.join(cache, "tmp"))] if os.path.isdir(
        os.path.join(cache, "tmp")) else []
    assert not left, left


@case()
def killing_the_process_of_a_vm_ends_only_its_cell(box):
    p = box.start("test", box.example("fairness"), "-f", "two_cgroups", "--format", "json")
    qemu = box.qemu()
    with open(f"/proc/{qemu}/stat") as f:
        vm = int(f.read().rsplit(")", 1)[1].split()[1])
    assert vm != p.pid
    os.kill(vm, signal.SIGKILL)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 2 and b"the process of this VM was killed by signal 9" in out, (out, err)
    box.expect_gone()


@case()
def killing_qemu_ends_only_its_cell(box):
    p = box.start("test", box.example("fairness"), "-f", "two_cgroups", "--format", "json")
    os.kill(box.qemu(), signal.SIGKILL)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 2 and b"emulator-died" in out, (out, err)


@case()
def an_interrupt_reports_what_was_decided_within_a_second(box):
    p = box.start("test", box.fixture("troubles"), box.example("fairness"), "-f", "skips", "-f",
                  "two_cgroups", "-f", "wants_two_llcs", "-t", "1n1l2c1t", "-j", "1")
    line = p.stdout.readline()
    while b"SKIP" not in line:
        assert line, p.stderr.read()
        line = p.stdout.readline()
    box.qemu()
    from_ = time.monotonic()
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=20)
    took = time.monotonic() - from_
    assert p.returncode == 130, (p.returncode, out, err)
    assert took < 1, took
    assert COUNT.search(out) and b"not run" in out, out


@case()
def an_interrupted_junit_file_is_whole_or_absent(box):
    import xml.etree.ElementTree as et
    p = box.start("test", box.example("fairness"), "-f", "two_cgroups", "--junit", "out.xml")
    box.qemu()
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=20)
    assert p.returncode == 130, p.returncode
    assert os.listdir(box.dir) in ([], ["out.xml"]), os.listdir(box.dir)
    if os.path.exists(box.path("out.xml")):
        et.parse(box.path("out.xml"))
