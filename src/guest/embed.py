#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes the assembly that carries files as data: embed.py OUT [NAME=FILE]...

Each becomes the bytes from symbol NAME up to NAME_end; an empty FILE gives none.
"""
import os
import sys

with open(sys.argv[1], 'w', encoding='utf-8') as out:
    out.write('\t.section .rodata\n')
    for arg in sys.argv[2:]:
        name, path = arg.split('=', 1)
        out.write(f'\t.balign 4096\n\t.hidden {name}\n\t.globl {name}\n{name}:\n')
        if path:
            out.write(f'\t.incbin "{os.path.abspath(path)}"\n')
        out.write(f'\t.hidden {name}_end\n\t.globl {name}_end\n{name}_end:\n')
    out.write('\t.section .note.GNU-stack,"",%progbits\n')
