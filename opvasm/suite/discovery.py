"""The files that hold tests: ``.opv`` and ``.jsonl``, named, or anywhere below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

SUFFIXES = (".opv", ".jsonl")


def files_below(folder: str) -> Iterator[str]:
    """Every file with tests below a folder, in the order of their names; hidden ones are left out.

    Raises OSError for a folder that can't be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    for base, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(files):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield os.path.join(base, name)
