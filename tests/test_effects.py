"""What an op does is said once; who says it again in another language is held against that, or refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from opvasm import assemble, bind, default_layout, encode, get_abi
from opvasm.abi import ops, revisions
from opvasm.abi.layout import ByteOrder, Field, FieldKind
from opvasm.abi.ops import OPERATIONS, WORD_LENGTHS, Effect, LengthRule, Operation
from opvasm.assembler import Assembly
from opvasm.disassembler import disassemble
from opvasm.emit import Naming
from opvasm.emit.refusals import refusals
from opvasm.errors import Crash
from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.options import NATIVE, PYTHON, Limits
from opvasm.explorer_exports.litmus import litmus
from opvasm.explorer_exports.promela import promela
from opvasm.explorer_exports.promela_operand import CHANGES
from opvasm.explorer_exports.refusal import ExportError
from opvasm.interpreter.prepared import prepare
from opvasm.interpreter.semantics import SEMANTICS, load_word, store_word
from opvasm.live import stub
from opvasm.scenario.runner import run_test
from opvasm.source import SourceFile
from opvasm.suite.coverage import possible_cells
from opvasm.text.scenario_tree import BUILTIN_STRATEGIES, LOCK, OPV, RSEQ
from opvasm.verifier.advice.arithmetic import NEUTRAL
from opvasm.verifier.report import verify
from opvasm.verifier.vector_section import NoSection, as_section

from .explorer.helpers import plans

BY_EFFECT = {each.effect: each for each in OPERATIONS if not each.release}
# Worked out from the words of each Effect: the word that is stored, before it is cut to its length.
STORED: dict[Effect, Callable[[int, int], int]] = {
    Effect.ADD: lambda word, count: word + count,
    Effect.OR: lambda word, mask: word | mask,
    Effect.AND: lambda word, mask: word & mask,
    Effect.XOR: lambda word, mask: (word | mask) - (word & mask),
    Effect.SHIFT_LEFT: lambda word, bits: word * 2**bits,
    Effect.SHIFT_RIGHT: lambda word, bits: word // 2**bits,
}
_SCENARIO = """
shared word: u64 = 6
shared other: u64 = 6
vector flip() {{ {op} }}
scenario s {{
    cpus 1
    strategy opv
    thread a @0 {{ run flip() }}
    forall word != 99
}}
"""


class Bytes:
    """Two words, at 0 and 8, and how often they were ordered."""

    chunk = 64
    byteorder: ByteOrder = "little"

    def __init__(self, *words: int) -> None:
        self.data = bytearray(b"".join(each.to_bytes(8, "little") for each in words))
        self.barriers = 0

    def load(self, address: int, length: int) -> bytes:
        return bytes(self.data[address : address + length])

    def store(self, address: int, data: bytes | bytearray) -> None:
        self.data[address : address + len(data)] = data

    def barrier(self) -> None:
        self.barriers += 1


def spelled(operation: Operation) -> str:
    """The op on `word`, as text."""
    if operation.length_rule is LengthRule.IGNORED:
        return operation.mnemonic
    values = ["word", "other"][: len(operation.operands)]
    values += ["1"] if operation.immediate is not None else []
    return f"{operation.mnemonic}.u64 {', '.join(values)}"


def exports(operation: Operation) -> Iterator[tuple[str, str]]:
    """(exporter, its text or its refusal) for a scenario that runs the op alone."""
    revision = next(each.name for each in revisions._REVISIONS.values() if operation in each[3])
    text = f"abi {revision}\n" + _SCENARIO.format(op=spelled(operation))
    (plan,) = plans(assemble(SourceFile("op.opv", text)), "s")
    for name, export in (("promela", promela), ("litmus", litmus)):
        try:
            yield name, export(plan).text
        except ExportError as error:
            yield name, f"refused: {error}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.mnemonic)
def test_the_semantics_do_what_the_effect_says(operation: Operation) -> None:
    """An op's function stores, copies, compares or orders as its row's effect is spelled."""
    run = SEMANTICS[operation]
    for word in (0, 1, 0x80, 0xA5, 0xFF, 0x1_0000_0001):
        for second in (0, 1, 7, 0xFF):
            for length in WORD_LENGTHS:
                memory, cut = Bytes(word, second), (1 << 8 * length) - 1
                same = word & cut == second & cut
                match operation.effect:
                    case Effect.COMPARE_EQUAL | Effect.COMPARE_DIFFERENT as effect:
                        stops = run(memory, length, 0, 8)
                        assert stops == (same is (effect is Effect.COMPARE_DIFFERENT))
                        assert operation.stops_when_equal is (stops if same else not stops)
                        assert memory.data == Bytes(word, second).data
                    case Effect.COPY:
                        assert not run(memory, length, 0, 8)
                        assert load_word(memory, length, 0) == second & cut
                    case Effect.BARRIER:
                        assert not run(memory, 0)
                        assert memory.data == Bytes(word, second).data
                    case effect:
                        amount = second % (8 * length) if operation.shifts else second
                        assert not run(memory, length, 0, amount)
                        wanted = STORED[effect](word & cut, amount) & cut
                        assert load_word(memory, length, 0) == wanted
                        assert memory.data[length:] == Bytes(word, second).data[length:]
                barriers = operation.release or operation.effect is Effect.BARRIER
                assert memory.barriers == barriers


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.mnemonic)
def test_every_op_is_exported_or_refused_by_name(operation: Operation) -> None:
    """Promela holds every op of the table; a litmus test all but shifts, which it names."""
    for name, text in exports(operation):
        if name == "litmus" and operation.shifts:
            assert f"{operation.mnemonic} can't be exported" in text
        else:
            assert not text.startswith("refused"), text
            if name == "promela":
                assert f"flip[0] {operation.mnemonic} */" in text


def test_the_stub_has_code_for_every_effect() -> None:
    """Each effect has a number of its own below FAULT; the reference cases hold the code itself."""
    assert set(stub.KINDS) == set(Effect) == set(BY_EFFECT)
    assert sorted(stub.KINDS.values()) == list(range(stub.FAULT))


def test_only_neutral_immediates_change_nothing() -> None:
    """An op has the neutral immediate that the advice knows, and no other for every word."""
    changing = {effect: row for effect, row in BY_EFFECT.items() if row.immediate is not None}
    assert set(changing) == CHANGES == set(STORED)
    for effect, operation in changing.items():
        neutral = []
        for immediate in range(8 if operation.shifts else 256):
            kept = True
            for word in range(256):
                memory = Bytes(word)
                SEMANTICS[operation](memory, 1, 0, immediate)
                kept = kept and memory.data[0] == word
            neutral += [immediate] if kept else []
        assert neutral == [NEUTRAL[effect] & 0xFF], operation.mnemonic


# ---- the experiment: an op that nobody but the table, the revision and the semantics has heard of --


def nor(memory: Bytes, length: int, p: int, mask: int) -> bool:
    """``*p = ~(*p | mask)``."""
    store_word(memory, length, p, ~(load_word(memory, length, p) | mask))
    return False


class Unknown:
    """An effect that no part knows; Enum takes no new members."""

    name = "NOR"


NOR = ops.OR._replace(
    mnemonic="nor",
    c_name="CPU_NOR_OP",
    effect=Unknown(),  # type: ignore[arg-type]
    immediate=Field("mask", 16, 8, FieldKind.UNSIGNED),
    summary="clear the bits of mask in the word at p, and flip the others",
)


@pytest.fixture(name="with_nor")
def _with_nor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The op as CONTRIBUTING says: a row, a number in a revision, a function."""
    revision = revisions._REVISIONS["2017-11"]
    monkeypatch.setitem(ops.BY_MNEMONIC, "nor", NOR)
    monkeypatch.setitem(
        revisions._REVISIONS,
        "2017-11",
        revision._replace(operations=(*revision.operations, NOR)),
    )
    monkeypatch.setitem(SEMANTICS, NOR, nor)


_NOR_TEST = """
percpu word: u16 = 0x00f0
vector flip() { nor.u16 word, 0x0f00 }
test "flips" { run flip() -> 0; assert word == 0xf00f }
"""


def _assembled(text: str) -> Assembly:
    return assemble(SourceFile("nor.opv", text))


@pytest.mark.usefixtures("with_nor")
def test_a_new_op_is_assembled_run_encoded_and_listed() -> None:
    """The table, a number and a function are enough for text, bytes, tests, advice and coverage."""
    program, tests, *_ = _assembled(_NOR_TEST)
    vector = program.vectors["flip"]
    assert verify(vector, program.abi, data=program.data) == ()
    assert run_test(program, tests[0]).passed
    ops_as_bytes = encode(
        bind(vector, program, default_layout(program.abi, program.data), 0, {}), program.abi
    )
    assert "nor.u16" in disassemble(ops_as_bytes, program.abi)
    assert any(cell.op == "nor" for cell in possible_cells([get_abi("2017-11").revision]))


@pytest.mark.usefixtures("with_nor")
def test_a_new_op_is_explored_by_the_engine_that_knows_it() -> None:
    """The engine in C has no code for it and says so; the one in Python has the op's function."""
    wanted = f"== {~0xF06 & (1 << 64) - 1}"
    text = "abi 2017-11\n" + _SCENARIO.format(op="nor word, 0x0f00").replace("!= 99", wanted)
    (plan,) = plans(_assembled(text), "s")
    found = explore(plan, limits=Limits(engine=NATIVE))
    assert found.failures == ()
    assert found.engine == PYTHON
    built = "the engine in C has no code for nor"
    assert found.refused in (built, "it was not built here")


@pytest.mark.usefixtures("with_nor")
def test_a_new_op_is_refused_by_name_where_it_needs_a_translation() -> None:
    """Exporters and the native stub say the op's name instead of giving it another's meaning."""
    found = dict(exports(NOR))
    assert "the op nor can't be exported to Promela: the model has no words for it" in (
        found["promela"]
    )
    assert "nor can't be exported to a litmus test: this export has no C for it" in found["litmus"]
    program = _assembled(_NOR_TEST).program
    bound = bind(program.vectors["flip"], program, default_layout(program.abi, program.data), 0, {})
    with pytest.raises(NoSection, match="nor, op 0, has no words in a section"):
        as_section(program.vectors["flip"], program)
    with pytest.raises(Crash, match=r"stub\.S has no code for nor"):
        stub.native_ops(prepare(bound, program.abi))


@pytest.mark.usefixtures("with_nor")
@pytest.mark.parametrize(("strategy", "refused"), [(RSEQ, True), (LOCK, True), (OPV, False)])
def test_a_new_op_is_not_emitted_as_c_of_another(strategy: str, refused: bool) -> None:
    """Sections and the locked function have no code for it; the call hands it to the kernel."""
    program = _assembled(_NOR_TEST).program
    vectors = tuple(program.vectors.values())
    chosen = BUILTIN_STRATEGIES[strategy]
    found = [each.message for each in refusals(program, vectors, chosen, Naming("n", {}))]
    assert ("op 0 of flip: nor has no code in C" in found) is refused


@pytest.mark.usefixtures("with_nor")
def test_a_compare_that_nobody_knows_has_no_answer() -> None:
    """Whether an unknown compare stops on equal bytes is not guessed."""
    strange = ops.CMPEQ._replace(mnemonic="cmplt", effect=NOR.effect)
    with pytest.raises(Crash, match="cmplt: does NOR stop a vector"):
        assert strange.stops_when_equal
