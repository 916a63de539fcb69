"""What is wrong with an ELF file."""

from __future__ import annotations

from ..errors import DecodeError, Diagnostic
from ..source import BytePlace


class ElfError(DecodeError):
    """An ELF file (or an archive of them) that can't be read; it carries one diagnostic, OPV127."""

    @property
    def message(self) -> str:
        """What is wrong, without the place."""
        return self.diagnostics[0].message


def unreadable(
    name: str, message: str, start: int = 0, end: int = 0, help: str | None = None
) -> ElfError:
    """The error for bytes ``start`` up to, not including, ``end`` of the file ``name``."""
    place = BytePlace(name, start, end)
    return ElfError([Diagnostic("error", "OPV127", message, place, help=help)])
