# SPDX-License-Identifier: GPL-2.0-only
"""What the emulated host boots from: a root image that is made once and shared by all runs, and, made for each run, a
second disk with what is to be tested and an archive with the first process."""
import fcntl, hashlib, json, lzma, os, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tools"))
import newc  # noqa: E402

MOUNTS = ["dev", "proc", "sys", "tmp", "run", "lab", "root"]
APPLETS = ["sh", "cat", "sleep", "true", "false", "kill", "printf", "env"]  # what tests expect to find as files
USELESS = ["usr/include", "usr/lib/pkgconfig", "usr/share/pkgconfig", "usr/share/bash-completion"]
UNUSED_S = 30 * 86400  # an image nobody took for so long goes


class Trouble(Exception):
    """The lab itself cannot go on; the text says why."""


def run(*args, may_fail=False, **kw):
    p = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", **kw)
    if p.returncode and not may_fail:
        raise Trouble(f"{' '.join(args[:4])} ...: exit status {p.returncode}\n{p.stdout[-4000:]}")
    return p.stdout


def cache_dir(*names):
    base = os.environ.get("KTSTR_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ktstr")
    path = os.path.join(base, *names)
    os.makedirs(path, exist_ok=True)
    return path


def ext4(tree, to, spare_mib):
    """A file system with what is below @tree; no journal, as nothing survives a run."""
    size = sum(-(-os.lstat(os.path.join(d, n)).st_size // 4096) * 4096 + 512
               for d, dirs, files in os.walk(tree) for n in dirs + files)
    run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "root_owner=0:0,lazy_itable_init=1",
        "-d", tree, to, f"{(size >> 20) * 105 // 100 + 16 + spare_mib}M", env=dict(os.environ, PATH=os.environ["PATH"] +
                                                                                ":/usr/sbin:/sbin"))


def fill_root(tree):
    for useless in USELESS:
        shutil.rmtree(os.path.join(tree, useless), ignore_errors=True)
    for name in MOUNTS:
        os.makedirs(os.path.join(tree, name), exist_ok=True)
    for d, _, files in os.walk(tree):
        for n in files:
            if n.endswith(".a"):
                os.unlink(os.path.join(d, n))
    for name in APPLETS:
        path = os.path.join(tree, "bin", name)
        if not os.path.lexists(path):
            os.symlink("busybox", path)
    with open(os.path.join(tree, "etc", "passwd"), "w") as f:
        f.write("root:x:0:0:root:/lab/home:/bin/busybox\n")
    with open(os.path.join(tree, "etc", "group"), "w") as f:
        f.write("root:x:0:\n")


def forget_unused(cache):
    for name in os.listdir(cache):
        path = os.path.join(cache, name)
        if name.endswith(".ext4") and time.time() - os.stat(path).st_mtime > UNUSED_S:
            os.unlink(path)


def make_root(tree, image, cache):
    with tempfile.TemporaryDirectory(dir=cache, prefix=".new.") as work:
        staged = os.path.join(work, "tree")
        run("cp", "-al", tree, staged)
        for name in ("passwd", "group"):  # hard links until now: not to be written through
            path = os.path.join(staged, "etc", name)
            if os.path.lexists(path):
                os.unlink(path)
        fill_root(staged)
        ext4(staged, os.path.join(work, "image"), 8)
        os.rename(os.path.join(work, "image"), image)


def root_image(build, arch):
    """The image of BUILD/sysroot-lab-ARCH, whose folder's name says what is in it."""
    tree = os.path.realpath(os.path.join(build, f"sysroot-lab-{arch}"))
    with open(__file__, "rb") as f:
        recipe = hashlib.sha256(f.read()).hexdigest()[:12]
    cache = cache_dir("lab")
    image = os.path.join(cache, f"{os.path.basename(tree)}-{recipe}.ext4")
    with open(os.path.join(cache, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one makes it, the others find it
        if not os.path.exists(image):
            make_root(tree, image, cache)
        os.utime(image)
        forget_unused(cache)
    return image


def kernel(ktstr, arch):
    """The folder of the default kernel in the cache; fetched only if there is none."""
    for fetch in (False, True):
        if fetch:
            run(ktstr, "kernel", "fetch", "--arch", arch)
        found = [k for k in json.loads(run(ktstr, "kernel", "list", "--json"))["kernels"]
                 if k["arch"] == arch and k.get("name", "").startswith("debian")]
        if found:
            return os.path.dirname(found[0]["boot"])
    raise Trouble(f"no kernel for {arch} after it was fetched")


def module(kernel_dir, name):
    for d, _, files in os.walk(os.path.join(kernel_dir, "modules")):
        for n in files:
            if n == name + ".ko.xz":
                return lzma.open(os.path.join(d, n)).read()
            if n == name + ".ko":
                with open(os.path.join(d, n), "rb") as f:
                    return f.read()
    raise Trouble(f"kernel {kernel_dir}: no module {name}")


def first_root(to, init, kernel_dir):
    with open(init, "rb") as f:
        program = f.read()
    return newc.write(to, [
        ("init", 0o100755, program), ("dev", 0o40755), ("root", 0o40755), ("modules", 0o40755),
        ("dev/console", 0o20600, b"", (5, 1)), ("modules/1-virtio_blk.ko", 0o100644, module(kernel_dir, "virtio_blk"))])


def copy(source, to, strip=None):
    """A program (without what only debuggers read) or a folder."""
    os.makedirs(os.path.dirname(to), exist_ok=True)
    if os.path.isdir(source):
        shutil.copytree(source, to, symlinks=True)
    elif strip:
        run(strip, "--strip-debug", "-o", to, source)
    else:
        shutil.copy2(source, to)


def second_disk(to, work, items, spare_mib=256):
    """items: (source, path below /lab, strip program or None)."""
    tree = os.path.join(work, "lab")
    for name in ("bin", "home", "cache"):
        os.makedirs(os.path.join(tree, name), exist_ok=True)
    for source, name, strip in items:
        copy(source, os.path.join(tree, name), strip)
    ext4(tree, to, spare_mib)
    shutil.rmtree(tree)
    return to
