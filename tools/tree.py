# SPDX-License-Identifier: GPL-2.0-only
"""Which files are ours. Walks instead of asking git, so that a tarball is checked just the same."""
import os

FOLDERS = ('src', 'include', 'schedulers', 'examples', 'tests', 'bench', 'tools')
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def files(root, suffixes=None, folders=FOLDERS):
    """Paths relative to root, sorted. suffixes None = every file."""
    found = []
    for folder in folders:
        for at, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = [d for d in dirs if d not in ('__pycache__', 'corpus')]
            found += [os.path.relpath(os.path.join(at, n), root) for n in names
                      if suffixes is None or n.endswith(suffixes)]
    return sorted(found)
