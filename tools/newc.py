# SPDX-License-Identifier: GPL-2.0-only
"""Archives that a kernel unpacks as its first root, see its Documentation/driver-api/early-userspace."""


def entry(name, mode, data=b"", rdev=(0, 0)):
    name = name.encode() + b"\0"
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name), 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def write(path, entries):
    """entries: tuples of what entry() takes."""
    with open(path, "wb") as f:
        for e in [*entries, ("TRAILER!!!", 0)]:
            f.write(entry(*e))
    return path
