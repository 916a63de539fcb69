"""``python -m opvasm``: the command line, as the console script starts it."""

from __future__ import annotations

from .cli.__main__ import run

if __name__ == "__main__":
    run()
