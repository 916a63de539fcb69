"""Between ops and the bytes of ``struct cpu_op[]``, in every revision and data model.

Exact both ways: whatever 32 bytes say, ``encode(decode(data, abi), abi) == data``.
"""

from __future__ import annotations

from .decoder import decode
from .encoder import encode

__all__ = ["decode", "encode"]
