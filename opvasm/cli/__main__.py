"""The console script; ``python -m opvasm`` comes here too."""

from __future__ import annotations

import gc
import os
import sys


def run() -> None:
    """Run the command line of this process and end the process with its exit code.

    The interpreter is not taken apart piece by piece: all output is written, what was registered to
    run at the end has run, and the rest would take a short command an eighth of its time.
    """
    # Imports make many objects and no garbage; by default it is looked for after every 700.
    # What a long text becomes is kept, so that looking through it again and again finds nothing.
    gc.set_threshold(200_000)
    try:
        from .main import main

        code = main()
    except KeyboardInterrupt:  # while the modules are being loaded
        code = 130
    import atexit

    atexit._run_exitfuncs()
    if sys.stderr is not None:
        try:  # noqa: SIM105 (contextlib is an import more)
            sys.stderr.flush()
        except OSError:  # nobody is there to be told
            pass
    os._exit(code)


if __name__ == "__main__":
    run()
