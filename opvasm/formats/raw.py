"""The array of ``struct cpu_op`` itself."""

from __future__ import annotations

from collections.abc import Callable

from ..abi.revisions import Abi
from ..binary import encode
from . import Listing


def write(listing: Listing) -> bytes:
    """The ops of the listing's vectors, one vector after the other.

    Raises BindError where a value is missing or does not fit.
    """
    from ..binding import bind  # only here: who reads ops has nothing to bind

    return b"".join(
        encode(
            bind(vector, listing.program, listing.layout, listing.cpu, listing.arguments or {}),
            listing.program.abi,
        )
        for vector in listing.vectors
    )


def read(
    data: bytes, source_name: str, abi: Abi, told: Callable[[str], None] | None = None
) -> bytes:
    """The bytes as they are; whether they are whole ops is the decoder's to say."""
    return data
