# SPDX-License-Identifier: GPL-2.0-only
"""Kernels of a few instructions, which look like real ones to all but the machine that boots them."""
import struct

ENTRY = 0x1000000

CODE = {
    "x86_64": {
        "resets": "0f0b",  # ud2 without an IDT: a triple fault
        "sleeps": "fa f4 ebfd",  # cli; hlt; once more
    },
    "arm64": {
        "resets": "0080b052 20018072 020000d4",  # PSCI's SYSTEM_RESET
        "sleeps": "df4f03d5 7f2003d5 ffffff17",  # all masked; wfi; once more
    },
}


def vmlinux(code):
    """An ELF kernel of x86_64 with an entry for PVH."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", ENTRY)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, ENTRY, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 7, 4096, 0xffffffff81000000, ENTRY, len(code), 4096, 4096)
    head += struct.pack("<IIQQQQQQ", 4, 4, 176, 0, 0, len(note), len(note), 4)
    return (head + note).ljust(4096, b"\0") + code


def image(code):
    """An Image of arm64; the first instruction jumps over its header."""
    return struct.pack("<IIQQQ24x4sI", 0x14000010, 0, 0, 4096, 10, b"ARM\x64", 0) + code


def tiny(arch, what):
    code = bytes.fromhex(CODE[arch][what])
    return vmlinux(code) if arch == "x86_64" else image(code)
