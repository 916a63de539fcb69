"""Whether bytes make sense as ops in the other byte order only, as those of a dump from another machine do.

Only the numbers and lengths of ops and their addresses tell, and none of them is certain: so it is said,
and nothing is changed.
"""

from __future__ import annotations

from ..abi.layout import OP_BYTES
from ..abi.revisions import Abi, get_abi
from ..binary import decode
from ..verifier.kernel_rules import violations

# No address of a program lies below (the kernel's mmap_min_addr is a page at least).
_LOWEST = 0x1000


def other_model(data: bytes, abi: Abi, width: int = 1) -> str | None:
    """The data model in whose byte order alone these bytes are ops; None where that can't be said.

    ``width`` is that of the words in bytes which the dump showed, and which ``data`` has in the order of
    ``abi``: their bytes change places in the other order, those of a dump of bytes do not.
    """
    if not data or len(data) % OP_BYTES or _sensible(data, abi):
        return None
    model = abi.model
    name = model.name.replace("le", "be") if model.byteorder == "little" else model.name[:2] + "le"
    other = get_abi(abi.revision.name, name, abi.page_size)
    turned = b"".join(data[at : at + width][::-1] for at in range(0, len(data), width))
    return name if _sensible(turned, other) else None


def _sensible(data: bytes, abi: Abi) -> bool:
    """Whether the kernel would take the ops, and all addresses are such of programs."""
    ops = decode(data, abi, None)
    if next(violations(ops, abi), None) is not None:
        return False
    addresses = [each for op in ops for each in op.addresses if isinstance(each, int) and each]
    if any(not _LOWEST <= each < abi.model.task_size for each in addresses):
        return False
    # Halves that have changed places: nothing lies at multiples of 4 GiB only.
    return not addresses or any(each % (1 << 32) for each in addresses)
