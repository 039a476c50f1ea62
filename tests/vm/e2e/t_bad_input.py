# SPDX-License-Identifier: GPL-2.0-only
"""Bad input: one clear sentence that names the thing, exit 3 (125 from `run`), nothing left behind."""
import ctypes, json, os, shutil, subprocess

from harness import Skip, case


def refuse(box, code, args, *words, env=None):
    before = sorted(os.listdir(box.dir))
    d = box.run(*args, env=env).expect(code, *words)
    lines = [l for l in d.err.decode().splitlines() if l.strip()]
    assert 1 <= len(lines) <= 2, f"not one clear error\n{d}"
    assert sorted(os.listdir(box.dir)) == before, os.listdir(box.dir)
    return d


def listed(box, env=None):
    return json.loads(box.run("kernel", "list", "--json", env=env).expect(0).out)["kernels"]


def kernel_file(box):
    for k in listed(box):
        if k["arch"] == "x86_64":
            return k["boot"]
    raise Skip("no x86_64 kernel in the cache")


@case()
def a_truncated_kernel_is_refused(box):
    with open(kernel_file(box), "rb") as src, open(box.path("vmlinux"), "wb") as f:
        f.write(src.read(1 << 20))
    refuse(box, 125, ("run", "-k", "./vmlinux", "--", "true"), "vmlinux", "truncated")


@case()
def a_kernel_of_the_other_architecture_is_refused(box):
    refuse(box, 125, ("run", "--arch", "arm64", "-k", kernel_file(box), "--", "true"), "x86_64", "arm64")


@case()
def a_file_that_is_no_kernel_is_refused(box):
    with open(box.path("notes.txt"), "w") as f:
        f.write("not a kernel\n" * 1000)
    refuse(box, 125, ("run", "-k", "./notes.txt", "--", "true"), "notes.txt")


@case()
def a_missing_kernel_is_refused(box):
    refuse(box, 125, ("run", "-k", "./nothing", "--", "true"), "nothing", "No such file")


@case()
def a_binary_without_registry_is_refused(box):
    refuse(box, 3, ("test", "/bin/true"), "/bin/true", "not a ktstr test binary")


@case()
def a_damaged_registry_is_refused(box):
    with open(box.example("fairness"), "rb") as f:
        data = f.read()
    at = data.find(b"KTR1")
    assert at > 0
    with open(box.path("damaged"), "wb") as f:
        f.write(data[:at + 8] + b"\xff" * 64 + data[at + 72:])
    refuse(box, 3, ("test", "./damaged"), "damaged")


@case()
def a_test_binary_for_the_other_architecture_is_refused(box):
    refuse(box, 3, ("test", "--arch", "arm64", box.example("fairness")), "x86_64", "arm64")


@case()
def a_missing_library_is_named(box):
    with open(box.path("lib.c"), "w") as f:
        f.write("int f(void) { return 1; }\n")
    with open(box.path("main.c"), "w") as f:
        f.write("int f(void); int main(void) { return f(); }\n")
    subprocess.run("gcc -shared -fPIC -o libgone.so lib.c && gcc -o needy main.c -L. -lgone && rm libgone.so",
                   shell=True, cwd=box.dir, check=True)
    refuse(box, 125, ("run", "--", "./needy"), "libgone.so", "needy")


@case()
def an_unknown_scheduler_is_refused(box):
    refuse(box, 3, ("test", box.example("fairness"), "-s", "scx_nowhere"), "scx_nowhere")


@case()
def impossible_topologies_are_refused(box):
    for t, word in (("1n1l0c1t", "1n1l0c1t"), ("2n3l1c1t", "2n3l1c1t"), ("1n1l9999c1t", "1n1l9999c1t"),
                    ("nonsense", "nonsense")):
        refuse(box, 3, ("test", box.example("fairness"), "-t", t), word)


@case()
def an_unknown_test_lists_those_there_are(box):
    refuse(box, 3, ("test", box.example("fairness"), "-f", "no_such_test"), "no_such_test", "two_cgroups")


@case()
def no_network_is_one_clear_error(box):
    env = {"KTSTR_CACHE_DIR": box.path("cache"), "KTSTR_DEBIAN_MIRROR": "http://127.0.0.1:9/debian"}
    d = box.run("kernel", "fetch", env=env).expect(3, "127.0.0.1:9")
    assert listed(box, env) == []
    assert d.err.count(b"\n") <= 12, d


@case()
def no_space_left_is_one_clear_error(box):
    if os.geteuid() != 0:
        raise Skip("a full file system can be made only as root here")
    small = box.path("small")
    os.mkdir(small)
    libc = ctypes.CDLL(None)  # a machine need not have mount(8)
    assert libc.mount(b"tmpfs", small.encode(), b"tmpfs", 0, b"size=8m") == 0, "mounting a tmpfs"
    try:
        env = {"KTSTR_CACHE_DIR": os.path.join(small, "cache")}
        box.run("kernel", "fetch", env=env).expect(3, "No space left on device")
        assert listed(box, env) == []
    finally:
        assert libc.umount2(small.encode(), 0) == 0, "unmounting it"


@case()
def an_unreadable_cache_is_one_clear_error(box):
    with open(box.path("file"), "w") as f:
        f.write("x")
    refuse(box, 3, ("kernel", "list"), box.path("file"), env={"KTSTR_CACHE_DIR": box.path("file")})
    refuse(box, 3, ("kernel", "list"), "HOME", env={"KTSTR_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": ""})


@case()
def a_slowness_that_is_no_number_is_one_clear_error(box):
    for words in ("test", box.example("fairness")), ("run", "--", "true"):
        refuse(box, 125 if words[0] == "run" else 3, words, 'KTSTR_SLOW: "much"', env={"KTSTR_SLOW": "much"})


@case()
def a_missing_qemu_is_one_clear_error(box):
    refuse(box, 3, ("test", box.example("fairness"), "--vm", "qemu"), "qemu-system-x86_64",
           env={"PATH": box.path("empty")})


@case()
def an_old_qemu_is_one_clear_error(box):
    os.mkdir(box.path("old"))
    with open(box.path("old", "qemu-system-x86_64"), "w") as f:
        f.write("#!/bin/sh\necho 'QEMU emulator version 7.2.0 (Debian)'\n")
    os.chmod(box.path("old", "qemu-system-x86_64"), 0o755)
    refuse(box, 3, ("test", box.example("fairness"), "--vm", "qemu"), "7.2",
           env={"PATH": box.path("old") + ":/usr/bin:/bin"})


@case()
def the_kvm_backend_says_why_it_cannot(box):
    box.run("test", box.example("fairness"), "--vm", "kvm").expect(3, "kvm")


@case()
def too_little_memory_is_one_clear_error(box):
    refuse(box, 125, ("run", "--memory", "64M", "--", "true"), "memory")


@case()
def a_full_output_disk_is_told(box):
    if not os.path.exists("/dev/full"):
        raise Skip("/dev/full is missing")
    with open("/dev/full", "wb") as full:
        p = subprocess.run([box.ktstr, "topo", "--presets"], stdout=full, stderr=subprocess.PIPE, env=box.env)
    assert p.returncode == 3 and b"No space left" in p.stderr, p
