"""Which sources an engine was built of; it needs nothing of this package, as build.py does."""

from __future__ import annotations

import os
from binascii import crc32

SOURCES = os.path.join(os.path.dirname(__file__), "source")


def digest() -> int:
    """A checksum of the C sources; an engine has that of its own as ``SOURCES``.

    Times of files would not do: whoever installs a wheel makes them all anew, in any order.
    """
    found = 0
    for name in sorted(os.listdir(SOURCES)):
        if name.endswith((".c", ".h")):
            with open(os.path.join(SOURCES, name), "rb") as file:
                found = crc32(file.read(), found)
    return found
