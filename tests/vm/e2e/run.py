#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""run.py BUILD [GLOB...]: the command-line tests on real guests; TAP on standard output."""
import sys

import harness
import t_bad_input  # noqa: F401
import t_host       # noqa: F401
import t_kill       # noqa: F401
import t_outcome    # noqa: F401
import t_replay     # noqa: F401
import t_run        # noqa: F401
import t_schedule   # noqa: F401
import t_shell      # noqa: F401
import t_snapshot   # noqa: F401
import t_virtual    # noqa: F401

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(harness.main(sys.argv[1], sys.argv[2:]))
