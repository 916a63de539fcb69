"""Byte strings of whole ops for property tests: half of them nearly right, the rest anything."""

from __future__ import annotations

from hypothesis import strategies as st

from opvasm.abi.layout import DATA_MODELS, OP_BYTES, ByteOrder
from opvasm.abi.revisions import REVISIONS, Abi, get_abi

abis: st.SearchStrategy[Abi] = st.builds(
    get_abi,
    st.sampled_from([revision.name for revision in REVISIONS]),
    st.sampled_from([model.name for model in DATA_MODELS]),
)
_words = st.one_of(
    st.integers(0, 70),
    st.integers(0, (1 << 64) - 1),
    st.sampled_from(
        [0x1000, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 0x7FFE00000000]
    ),
)
_tails = st.one_of(
    st.just(bytes(8)),
    st.binary(min_size=2, max_size=2).map(lambda flags: flags + bytes(6)),
    st.binary(min_size=8, max_size=8),
)


@st.composite
def likely_op(draw: st.DrawFn, order: ByteOrder) -> bytes:
    """An op with an opcode of a revision, a plausible length and fields that mean something."""
    opcode = draw(st.integers(-1, 11)) % (1 << 32)
    length = draw(st.one_of(st.sampled_from([1, 2, 4, 8]), st.integers(0, 5000)))
    head = opcode.to_bytes(4, order) + length.to_bytes(4, order)
    words = draw(_words).to_bytes(8, order) + draw(_words).to_bytes(8, order)
    return head + words + draw(_tails)


def ops(abi: Abi, max_size: int = 6) -> st.SearchStrategy[bytes]:
    """Arrays of ops: likely ones and arbitrary bytes, mixed."""
    anything = st.binary(min_size=OP_BYTES, max_size=OP_BYTES)
    one = st.one_of(likely_op(abi.model.byteorder), anything)
    return st.lists(one, max_size=max_size).map(b"".join)


abis_and_ops = abis.flatmap(lambda abi: st.tuples(st.just(abi), ops(abi)))
