# SPDX-License-Identifier: GPL-2.0-only
"""ktstr run: output, status, input, shape and architecture."""
import hashlib, os, signal

from harness import case


@case()
def run_passes_output_and_status_through(box):
    d = box.run("run", "--", "sh", "-c", "echo out; echo err >&2; exit 7").expect(7)
    assert d.out == b"out\n", d
    assert d.err == b"err\n", d


@case()
def a_false_command_ends_with_one(box):
    box.run("run", "--", "false").expect(1)


@case()
def the_declared_cpus_are_there(box):
    d = box.run("run", "--topology", "2n4l2c2t", "--", "nproc").expect(0)
    assert d.out == b"16\n", d


@case()
def an_arm64_guest_runs_here(box):
    d = box.run("run", "--arch", "arm64", "--", "uname", "-m").expect(0)
    assert d.out == b"aarch64\n", d


@case()
def unequal_cores_have_their_capacities(box):
    d = box.run("run", "--arch", "arm64", "-t", "1n2l2c1t@1024:512", "--", "sh", "-c",
                "cat /sys/devices/system/cpu/cpu*/cpu_capacity").expect(0)
    assert d.out == b"1024\n1024\n512\n512\n", d


@case()
def capacities_nobody_can_show_are_refused(box):
    box.run("run", "--arch", "x86_64", "-t", "1n2l2c1t@1024:512", "--", "true").expect(
        125, "topology 1n2l2c1t@1024:512: on x86_64 no kernel can be told the capacities")


@case()
def a_node_of_memory_has_memory_and_no_cpus(box):
    for arch in "x86_64", "arm64":
        d = box.run("run", "--arch", arch, "-t", "1n1l2c1t1m", "--", "sh", "-c",
                    "cd /sys/devices/system/node; cat has_cpu has_memory node1/distance").expect(0)
        assert d.out == b"0\n0-1\n20 10\n", d


@case()
def a_killed_command_ends_with_128_and_the_signal(box):
    box.run("run", "--", "sh", "-c", "kill -9 $$").expect(128 + 9)


@case()
def a_command_nobody_has_ends_with_127(box):
    box.run("run", "--", "no-such-command-anywhere").expect(127, "no-such-command-anywhere")


@case()
def megabytes_come_through_both_ways_byte_for_byte(box):
    data = os.urandom(3 << 20)
    d = box.run("run", "--", "cat", input=data).expect(0)
    assert hashlib.sha256(d.out).digest() == hashlib.sha256(data).digest(), len(d.out)


@case()
def a_script_has_all_its_lines(box):
    d = box.run("run", "--time", "virtual", "--", "sh", "-c", "echo one\n\nif true; then\n\techo 'two\n\nthree'\nfi\n")
    assert d.expect(0).out == b"one\ntwo\n\nthree\n", d


@case()
def a_file_and_a_directory_come_along(box):
    os.mkdir(box.path("tree"))
    for name in ("a", "tree/b"):
        with open(box.path(name), "w") as f:
            f.write("content of " + name)
    d = box.run("run", "-i", "a:/data/a", "-i", "tree:/data/tree", "--", "cat", "/data/a",
                "/data/tree/b").expect(0)
    assert d.out == b"content of acontent of tree/b", d


@case()
def a_scheduler_is_attached_when_the_command_runs(box):
    d = box.run("run", "-s", "scx_ktstr", "--", "cat", "/sys/kernel/sched_ext/state").expect(0)
    assert d.out == b"enabled\n", d


@case()
def a_time_limit_ends_a_command(box):
    d = box.run("run", "--timeout", "2s", "--", "sleep", "100").expect(125, "still running after")
    assert d.seconds < 60, d


@case()
def the_kernel_is_the_one_that_was_asked_for(box):
    kernels = box.run("kernel", "list", "--json").expect(0)
    assert kernels.out, kernels
    d = box.run("run", "--", "uname", "-r").expect(0)
    assert d.out.strip() in kernels.out, d


@case()
def an_interrupted_command_leaves_nothing(box):
    p = box.start("run", "--", "sh", "-c", "echo up; sleep 100")
    assert p.stdout.readline() == b"up\n"
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=10)
    assert p.returncode == 130, p.returncode
