"""A section with its surroundings, decoded once for all rules."""

from __future__ import annotations

from functools import cached_property

from ..elf.descriptors import Descriptor, Found, executable
from ..elf.file import ElfFile
from ..elf.frames import Extent, Frames
from ..elf.object_code import relocated_code
from ..elf.problems import ElfError
from ..elf.symbols import Names, names_covering
from ..lift.code import Code, Decoder, Flow, Memory
from ..lift.values import Values
from ..light_typing import TYPE_CHECKING
from .function_code import FunctionCode
from .lead import Lead, find_lead, longer, stored

if TYPE_CHECKING:
    from ..lift.alike import Lifter

LEAD_BYTES = 112  # before the start: where a program makes the descriptor's address
_LENGTH_MAX = 1 << 16
_FRAMES = {"x86-64": ("rsp",), "aarch64": ("sp",)}
_FUNCTION_MAX = 1 << 16


class Context:
    """A file as the rules need it."""

    def __init__(self, file: ElfFile, found: Found, decoder: Decoder | None) -> None:
        self.file = file
        self.found = found
        self.decoder = decoder
        self.frames = Frames(file)
        self.machine = file.machine.name
        self._function: tuple[Extent, FunctionCode] | None = None

    @cached_property
    def lifter(self) -> Lifter:
        """What lifts its sections, those of the same instructions once."""
        from ..lift.alike import Lifter

        return Lifter()

    @cached_property
    def names(self) -> Names:
        """The functions that the sections and their abort handlers are in."""
        wanted = [each for one in self.found.descriptors for each in (one.start, one.abort)]
        return names_covering(self.file, wanted)

    @cached_property
    def signature(self) -> int | None:
        """The signature that most sections have: that of the registration, as far as a file says."""
        counts: dict[int, int] = {}
        for each in self.found.descriptors:
            if each.signature is not None:
                counts[each.signature] = counts.get(each.signature, 0) + 1
        known = self.file.machine.signature
        most = max(counts, key=lambda each: counts[each], default=known)
        # A program may register another one; a few sections are not a majority.
        return known if known in counts or counts.get(most or 0, 0) < 3 else most

    def code(self, address: int, size: int) -> bytes:
        """Code bytes, those of an object file with its relocations applied.  Raises ElfError."""
        if self.file.relocatable:
            return relocated_code(self.file, address, size)
        return self.file.available(address, size)

    def function_code(self, extent: Extent) -> FunctionCode | None:
        """The code of a function; that which was asked for last is kept.  None where the file has it not."""
        if self._function is None or self._function[0] != extent:
            assert self.decoder is not None
            try:
                data = self.code(extent.start, extent.end - extent.start)
            except ElfError:
                return None
            self._function = extent, FunctionCode(data, extent.start, self.decoder)
        return self._function[1]

    def decode(self, address: int, size: int, until_branch: bool = False) -> tuple[Code, ...]:
        """The instructions of a range, as far as they decode, or up to the first that may go elsewhere."""
        if self.decoder is None or size <= 0:
            return ()
        data = self.code(address, min(size, _LENGTH_MAX))
        return self.decoder.decode(data, address, until_branch)


class Subject:
    """One section."""

    def __init__(self, context: Context, descriptor: Descriptor) -> None:
        self.context = context
        self.descriptor = descriptor

    @property
    def start(self) -> int:
        """The first instruction's address."""
        return self.descriptor.start

    @property
    def end(self) -> int:
        """The first address after the section."""
        return self.descriptor.end

    @cached_property
    def in_order(self) -> bool:
        """Whether the range is one that can be looked at: short, executable, not wrapping."""
        each = self.descriptor
        return (
            not each.unresolved
            and 0 < each.length <= _LENGTH_MAX
            and each.end > each.start
            and executable(self.context.file, each.start)
            and self.context.file.segment_at(each.start)
            is self.context.file.segment_at(each.end - 1)
        )

    @cached_property
    def codes(self) -> tuple[Code, ...]:
        """The instructions; they end before ``end`` where something does not decode."""
        if not self.in_order:
            return ()
        return self.context.decode(self.start, self.descriptor.length)

    @cached_property
    def decodes(self) -> bool:
        """Whether the instructions fill the section exactly."""
        return bool(self.codes) and self.codes[-1].end == self.end

    @cached_property
    def extent(self) -> Extent | None:
        """The function around the start, by the unwind tables or by symbols."""
        try:
            found = self.context.frames.around(self.start)
        except ElfError:
            found = None
        if found is not None:
            return found
        symbol = self.context.names.covering(self.start)
        if symbol is not None and symbol.size:
            return Extent(symbol.address, symbol.address + symbol.size)
        return None

    @cached_property
    def function(self) -> str:
        """Where the section begins, by its function's name."""
        return self.function_at(self.start)

    def function_at(self, address: int) -> str:
        """An address as its function's name and offset; ``sub_…`` where it has no name.

        An address outside of the section's function has another one's name, or none.
        """
        symbol = self.context.names.covering(address)
        if symbol is not None:
            return _with_offset(symbol.name, address - symbol.address)
        if self.extent is not None and self.extent.start <= address < self.extent.end:
            return _with_offset(f"sub_{self.extent.start:x}", address - self.extent.start)
        return self.context.file.place(address)

    def inside(self, address: int) -> bool:
        """Whether an address is one of the section's."""
        return self.start <= address < self.end

    def leaves(self, code: Code) -> bool:
        """Whether an instruction of the section can leave it by a jump, but for ``end``."""
        return (
            code.flow in (Flow.JUMP, Flow.BRANCH)
            and code.target is not None
            and not self.inside(code.target)
            and code.target != self.end
        )

    @cached_property
    def has_loop(self) -> bool:
        """Whether a branch goes back."""
        return any(
            each.target is not None and self.inside(each.target) and each.target <= each.address
            for each in self.codes
            if each.flow in (Flow.JUMP, Flow.BRANCH)
        )

    def successors(self, index: int) -> tuple[int, ...]:
        """The indexes of the instructions that may be next, inside of the section."""
        code = self.codes[index]
        found = []
        if code.flow in (Flow.JUMP, Flow.BRANCH) and code.target is not None:
            found += [at for at, each in enumerate(self.codes) if each.address == code.target]
        goes_on = code.flow not in (Flow.JUMP, Flow.RETURN, Flow.INDIRECT, Flow.TRAP)
        if goes_on and index + 1 < len(self.codes):
            found.append(index + 1)
        return tuple(found)

    def reachable(self, index: int) -> set[int]:
        """The indexes of the instructions that can come after one."""
        seen: set[int] = set()
        waiting = list(self.successors(index))
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                waiting += self.successors(at)
        return seen

    @cached_property
    def lead(self) -> Lead | None:
        """The code that stores the descriptor's address; None where it is not found."""
        context = self.context
        if not self.in_order or context.decoder is None:
            return None
        first = max(self.start - LEAD_BYTES, 0)
        segment = context.file.segment_at(self.start)
        if segment is not None:
            first = max(first, segment.address)
        try:
            data = context.code(first, self.start - first)
        except ElfError:
            return None
        found = find_lead(context.decoder, data, first, self.start, self.descriptor.address)
        if found is None or self.extent is None:
            return found
        return longer(found, self.codes, lambda: self.function_code)

    @cached_property
    def _own_lead(self) -> int | None:
        """The address of an instruction of the section itself that puts its descriptor into rseq_cs."""
        found = stored(self.codes, self.descriptor.address)
        return None if found is None else found.codes[found.store].address

    def stores(self, code: Code) -> tuple[Memory, ...]:
        """What an instruction changes, but for rseq_cs where the section itself puts its descriptor there."""
        return () if code.address == self._own_lead else code.stores

    @cached_property
    def known(self) -> Values:
        """What is known of registers where the lead's own code begins: to be copied."""
        values = Values()
        for each in self.lead.codes[: self.lead.first] if self.lead is not None else ():
            values.step(each, ())
        return values

    @property
    def function_code(self) -> FunctionCode | None:
        """The code of the function around the start; None where that is not known, or large."""
        extent = self.extent
        if extent is None or extent.end - extent.start > _FUNCTION_MAX:
            return None
        return self.context.function_code(extent)

    def on_stack(self, base: str) -> bool:
        """Whether memory at a register is the thread's own stack."""
        if base in _FRAMES.get(self.context.machine, ()):
            return True
        return base in ("rbp", "x29") and self._keeps_frame

    @cached_property
    def _keeps_frame(self) -> bool:
        """Whether the function begins by making a frame (push rbp; mov rbp, rsp and the like)."""
        if self.extent is None:
            return False
        codes = self.context.decode(self.extent.start, 24)[:5]
        wanted = ("mov rbp, rsp", "mov x29, sp", "add x29, sp")
        return any(each.text.startswith(wanted) for each in codes)


def _with_offset(name: str, offset: int) -> str:
    return f"{name}+{offset:#x}" if offset else name
