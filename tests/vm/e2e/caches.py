# SPDX-License-Identifier: GPL-2.0-only
"""Caches of a test's own, and what the snapshots in them hold."""
import hashlib, json, os, shutil, struct, subprocess


def copy_kernel(shown, cache):
    """The kernel that "ktstr kernel show --json" shows; the cache it comes from."""
    entry = os.path.dirname(json.loads(shown)["boot"])
    shutil.copytree(entry, os.path.join(cache, "kernels", os.path.basename(entry)), symlinks=True)
    return os.path.dirname(os.path.dirname(entry))


def own_cache(box, arch=None):
    """A cache with the default kernel of @arch and the busybox for it, and nothing else; the folder's path."""
    cache, of = box.path("cache"), ("--arch", arch) if arch else ()
    where = copy_kernel(box.run("kernel", "show", *of, "--json").expect(0).out, cache)
    if arch:
        shutil.copytree(os.path.join(where, "busybox", arch), os.path.join(cache, "busybox", arch))
    box.env["KTSTR_CACHE_DIR"] = cache
    return cache


def snapshots(cache):
    """Paths."""
    folder = os.path.join(cache, "snapshots")
    return [os.path.join(folder, n) for n in os.listdir(folder)] if os.path.isdir(folder) else []


def memory(snapshot):
    """Digest of the frozen guest (src/image/frozen.c). Beside it is QEMU's own state, with two clocks of the host's in it."""
    with open(snapshot, "rb") as f:
        assert f.read(16) == b"ktstr frozen 1\n\0"
        raw = subprocess.run(["zstd", "-dc"], input=f.read(), stdout=subprocess.PIPE, check=True).stdout
    size, state, _ = struct.unpack_from("<3Q", raw)
    pages = 24 + (size // 4096 + 7) // 8
    assert len(raw) > pages + state + (16 << 20), "that is no kernel"
    return hashlib.sha256(raw[:8] + raw[24:pages] + raw[pages + state:]).hexdigest()
