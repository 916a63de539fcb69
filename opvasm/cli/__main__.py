"""``python -m opvasm.cli`` and the console script."""

from __future__ import annotations


def run() -> None:
    """The console script."""
    raise SystemExit("opvasm: the command line is being built")


if __name__ == "__main__":
    run()
