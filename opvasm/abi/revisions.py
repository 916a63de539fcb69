"""The seven revisions of cpu_opv as values, each made from its neighbour (abi.md section 1).

Nothing outside this file asks a revision for its name: it asks for an ability.  What was inferred,
because no kernel source of the revision was found, is marked so.
"""

from __future__ import annotations

from functools import cache

from ..light_enum import Enum
from ..light_typing import NamedTuple
from . import ops
from .layout import (
    DATA_MODELS,
    HEADER,
    DataModel,
    Field,
    FieldKind,
    check_layout,
    pointer_fields,
    unused_bytes,
)
from .ops import Operation
from .pages import PageKind

DEFAULT_REVISION = "2017-11"
DEFAULT_DATA_MODEL = "64le"
DEFAULT_PAGE_SIZE = 4096
PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
# struct cpu_op's flag byte and its op count are asked with these bits of the fourth argument.
NR_FLAG = 1 << 0
VECTOR_LENGTH_MAX_FLAG = 1 << 1


class ZeroPageRead(Enum):
    """What happens when an operand that is only read lies in a page never touched (section 2.4)."""

    ALLOWED = "reads zeros"
    REFUSED = "EFAULT"
    WRITE_FAULTED = "given a page of its own where the mapping is writable, else EFAULT"


class Query(NamedTuple):
    """A flag that asks a question: bit, name in the header, answer."""

    bit: int
    c_name: str
    answer: int


class Quirk(NamedTuple):
    """A mistake of a historic kernel that the interpreter models on request (section 2.8)."""

    name: str
    summary: str


class Revision(NamedTuple):
    """One revision of the interface.  Lengths and limits are in bytes.

    ``data_length_max`` None stands for the page size; ``vector_data_length_max`` None for no limit.
    """

    name: str
    inferred: bool
    summary: str
    operations: tuple[Operation, ...]  # index = opcode
    queries: tuple[Query, ...]
    vector_length_max: int
    data_length_max: int | None
    vector_data_length_max: int | None
    expect_fault: bool
    plain_pointers: bool  # the header declares u64 pointers on every data model
    wrapped_range_is_invalid: bool  # EINVAL with the static checks, else EFAULT from access_ok
    pins_for_write: bool  # a page that is written is made writable before anything runs
    zero_page_read: ZeroPageRead
    refused_pages: tuple[PageKind, ...]  # by their kind, whatever the access
    offline_path: bool  # an offline CPU's vector runs on the current CPU, under a global mutex
    retries_migration: bool  # losing the CPU before the vector runs: retried, else EAGAIN
    maps_operands: bool  # runs on kernel mappings: no fault inside, alignment decides the access
    compiler_barriers: bool  # a compiler barrier before each op
    quirks: tuple[Quirk, ...]

    @property
    def flags(self) -> int:
        """The bits of the flags argument that this revision knows."""
        return sum(query.bit for query in self.queries)


_NOT_PINNABLE = (PageKind.SPECIAL, PageKind.DEVICE)

_2017_10 = Revision(
    name="2017-10",
    inferred=False,
    summary="9 ops; no barrier, no expect_fault, no limit on the sum of the lengths",
    operations=(
        *(ops.CMPEQ, ops.CMPNE, ops.MEMCPY, ops.ADD, ops.OR, ops.AND, ops.XOR),
        *(ops.LSHIFT, ops.RSHIFT),
    ),
    queries=(),
    vector_length_max=16,
    data_length_max=None,
    vector_data_length_max=None,
    expect_fault=False,
    plain_pointers=False,
    wrapped_range_is_invalid=False,
    pins_for_write=False,
    zero_page_read=ZeroPageRead.ALLOWED,
    refused_pages=(),
    offline_path=False,
    retries_migration=False,
    maps_operands=False,
    compiler_barriers=False,
    quirks=(
        Quirk(
            "missed-pin-error",
            "an unmapped operand is noticed when its op runs, not before the vector starts",
        ),
    ),
)

_2017_11 = _2017_10._replace(
    name="2017-11",
    summary="adds mb, expect_fault, the sum limit of 4216 bytes and the path for offline CPUs",
    operations=(*_2017_10.operations, ops.MB),
    vector_data_length_max=4096 + 15 * 8,
    expect_fault=True,
    pins_for_write=True,
    zero_page_read=ZeroPageRead.REFUSED,
    refused_pages=_NOT_PINNABLE,
    offline_path=True,
    compiler_barriers=True,
    quirks=(
        Quirk("cpu-not-allowed", "an online CPU outside the affinity mask answers EAGAIN"),
        Quirk(
            "cpu-not-allowed-offline",
            "an offline CPU outside the affinity mask runs the vector on the current CPU",
        ),
        Quirk("cpu-offline", "an offline CPU inside the affinity mask answers EAGAIN for ever"),
    ),
)

_2017_12 = _2017_11._replace(
    name="2017-12",
    summary="per-op limit of 4096 bytes on every machine; the kernel retries a lost migration",
    data_length_max=4096,
    wrapped_range_is_invalid=True,
    zero_page_read=ZeroPageRead.WRITE_FAULTED,
    retries_migration=True,
    quirks=(
        Quirk(
            "cpu-not-allowed-offline",
            "an offline CPU outside the affinity mask runs the vector on the current CPU",
        ),
    ),
)

_2018_03 = _2017_12._replace(
    name="2018-03",
    summary="a query for the number of ops; operands are mapped into the kernel",
    queries=(Query(NR_FLAG, "CPU_OP_NR_FLAG", 10),),
    zero_page_read=ZeroPageRead.ALLOWED,
    maps_operands=True,
    quirks=(
        Quirk(
            "first-touch-retry",
            "reading, then writing a page that is shared until written ends in EFAULT",
        ),
    ),
)

_2018_04 = _2018_03._replace(
    name="2018-04",
    summary="refuses operands in non-cached mappings",
    refused_pages=(*_NOT_PINNABLE, PageKind.NONCACHED),
)

_2018_10 = _2018_04._replace(
    name="2018-10",
    inferred=True,
    summary="plain 64-bit pointer fields in the header; kernel source not found",
    plain_pointers=True,
    quirks=(),
)

_2019_04_OPERATIONS = (
    *(ops.CMPEQ, ops.CMPNE, ops.MEMCPY, ops.MEMCPY_RELEASE),
    *(ops.ADD, ops.ADD_RELEASE),
)

_2019_04 = _2018_10._replace(
    name="2019-04",
    summary="6 ops, renumbered, with release stores; a second query; kernel source not found",
    operations=_2019_04_OPERATIONS,
    queries=(
        Query(NR_FLAG, "CPU_OP_NR_FLAG", len(_2019_04_OPERATIONS)),
        Query(VECTOR_LENGTH_MAX_FLAG, "CPU_OP_VEC_LEN_MAX_FLAG", 16),
    ),
)

REVISIONS: tuple[Revision, ...] = (
    *(_2017_10, _2017_11, _2017_12, _2018_03, _2018_04, _2018_10, _2019_04),
)
QUIRKS: dict[str, str] = {
    quirk.name: quirk.summary for revision in REVISIONS for quirk in revision.quirks
}


class Abi(NamedTuple):
    """A revision as one machine sees it: with its data model and page size (bytes)."""

    revision: Revision
    model: DataModel
    page_size: int

    def __str__(self) -> str:
        suffix = "" if self.model.name == DEFAULT_DATA_MODEL else f" {self.model.name}"
        return f"{self.revision.name}{suffix}"

    @property
    def data_length_max(self) -> int:
        """The largest length of one compare or memcpy, in bytes (section 1.4)."""
        limit = self.revision.data_length_max
        return self.page_size if limit is None else limit

    def operation(self, opcode: int) -> Operation | None:
        """The op of a number, or None where this revision has none."""
        operations = self.revision.operations
        return operations[opcode] if 0 <= opcode < len(operations) else None

    def opcode(self, operation: Operation) -> int | None:
        """The number of an op, or None where this revision does not have it."""
        try:
            return self.revision.operations.index(operation)
        except ValueError:
            return None

    def fields(self, operation: Operation | None) -> tuple[Field, ...]:
        """Every field of the struct for this op, in the order of their offsets."""
        return op_fields(self.model, self.revision.expect_fault, operation)

    def unused(self, operation: Operation | None) -> tuple[int, ...]:
        """Offsets (bytes) in the union that no kernel reads for this op."""
        return op_unused(self.model, self.revision.expect_fault, operation)


@cache
def op_fields(
    model: DataModel, expect_fault: bool, operation: Operation | None
) -> tuple[Field, ...]:
    """The checked layout of an op; an unknown op (None) has the header only."""
    fields = list(HEADER)
    if operation is not None:
        for operand in operation.operands:
            fields += pointer_fields(operand.name, operand.offset, model)
            if expect_fault:
                name, offset = operand.expect_fault_name, operand.expect_fault_offset
                fields.append(Field(name, offset, 1, FieldKind.EXPECT_FAULT))
        if operation.immediate is not None:
            fields.append(operation.immediate)
    return check_layout(fields)


@cache
def op_unused(model: DataModel, expect_fault: bool, operation: Operation | None) -> tuple[int, ...]:
    """The offsets of the union that no field but padding covers."""
    return unused_bytes(op_fields(model, expect_fault, operation))


_REVISIONS = {revision.name: revision for revision in REVISIONS}
_MODELS = {model.name: model for model in DATA_MODELS}


def get_abi(
    revision: str = DEFAULT_REVISION,
    model: str = DEFAULT_DATA_MODEL,
    page_size: int = DEFAULT_PAGE_SIZE,
) -> Abi:
    """The Abi of a revision's and a data model's name.

    Raises KeyError for an unknown name and ValueError for a page size that is not a power of two
    from 4096 to 65536.
    """
    if page_size not in PAGE_SIZES:
        raise ValueError(f"page size {page_size} is not a power of two from 4096 to 65536")
    return Abi(_REVISIONS[revision], _MODELS[model], page_size)
