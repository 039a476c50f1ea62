#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compares what a program writes with a file, byte for byte; shows the difference disassembled.

compare.py FILE DISASSEMBLER PROGRAM...   with KTSTR_GOLDEN_UPDATE=1 in the environment, FILE becomes
what the program writes. DISASSEMBLER reads a file named as its last argument.
"""
import difflib
import os
import shutil
import subprocess
import sys
import tempfile


def disassemble(tool, data):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        return subprocess.run(tool + [f.name], capture_output=True, text=True).stdout.splitlines()


def main(path, tool, *program):
    got = subprocess.run(program, stdout=subprocess.PIPE, check=True).stdout
    if os.environ.get("KTSTR_GOLDEN_UPDATE") == "1":
        with open(path, "wb") as f:
            f.write(got)
    with open(path, "rb") as f:
        want = f.read()
    if got == want and want:
        return 0
    print(f"{path}: {len(want)} bytes expected, {len(got)} written, and they differ")
    tool = tool.split()
    if not shutil.which(tool[0]):
        print(f"(no {tool[0]} here to show where)")
        return 1
    a, b = disassemble(tool, want), disassemble(tool, got)
    print("\n".join(difflib.unified_diff(a, b, "expected", "written", lineterm="")))
    return 1


sys.exit(main(*sys.argv[1:]))
