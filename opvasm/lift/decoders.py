"""Which decoder an architecture has; capstone is imported when one is asked for."""

from __future__ import annotations

from .code import Decoder


class CannotDecode(Exception):
    """capstone is not installed."""


def decoder(machine: str) -> Decoder | None:
    """The decoder of an architecture, None where there is none.  Raises CannotDecode."""
    try:
        match machine:
            case "x86-64":
                from .decode_x86_64 import DecoderX86

                return DecoderX86()
            case "aarch64":
                from .decode_aarch64 import DecoderArm

                return DecoderArm()
            case _:
                return None
    except ImportError as error:
        raise CannotDecode(str(error)) from None
