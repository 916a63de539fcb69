"""Runs a command where some system calls are refused, as containers refuse them.

python tests/live/denied.py NAME,NAME… COMMAND ARGS…
"""

from __future__ import annotations

import errno
import os
import sys

from opvasm.live import seccomp

# Only what containers refuse: without the likes of getpid nothing can be trusted to work at all.
NUMBERS = {
    "ptrace": 101,
    "sched_setscheduler": 144,
    "sched_setaffinity": 203,
    "perf_event_open": 298,
    "kcmp": 312,
    "seccomp": 317,
}


def main() -> None:
    """Become the command."""
    refused = seccomp.RET_ERRNO | errno.EPERM
    seccomp.install([seccomp.Rule(NUMBERS[name], refused) for name in sys.argv[1].split(",")])
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
