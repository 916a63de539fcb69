"""The console script; ``python -m opvasm`` comes here too."""

from __future__ import annotations

import sys


def run() -> None:
    """Run the command line of this process and end the process with its exit code."""
    try:
        from .main import main

        code = main()
    except KeyboardInterrupt:  # while the modules are being loaded
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    run()
