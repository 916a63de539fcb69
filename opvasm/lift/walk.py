"""From instructions to blocks: conditions and loops of the intermediate form.

A way through the section is followed instruction by instruction, registers as terms.  A branch makes
two ways, each to its end; a loop is met at its header, where the registers that it changes become
locals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..light_typing import NamedTuple
from ..program import section as ir
from .code import Code, Flow
from .flags import NOTHING
from .state import NotLifted, State, is_vector
from .terms import known, number, opposite

Execute = Callable[[Code, State], None]
Condition = Callable[[Code, State], ir.Term]


class Machine(NamedTuple):
    """How an architecture's instructions are lifted.

    ``kept`` are the registers that an instruction changes a part of, or perhaps not at all.
    ``untried`` says of the instruction at an index why it is lifted in no such place, "" where it is.
    ``top_byte_ignored``: the uppermost byte of an address does not matter, which Linux grants
    programs on aarch64.
    """

    execute: Execute
    condition: Condition
    kept: Callable[[Code], frozenset[str]]
    untried: Callable[[Sequence[Code], int], str]
    top_byte_ignored: bool


class Loop(NamedTuple):
    """A loop: the indexes of its instructions, its header, where it goes on, what it changes.

    Where it goes on at several places of the section, the local ``way`` says at which: its number there.
    """

    header: int
    nodes: frozenset[int]
    exits: tuple[int, ...]
    way: str | None
    carried: tuple[tuple[str, str], ...]


def label_of(target: int, end: int) -> str:
    """The label of an exit to an address, of a section that ends at ``end``."""
    return "without_commit" if target == end else f"at_{target:x}"


class Walk:
    """Walks one section."""

    def __init__(
        self, codes: Sequence[Code], end: int, machine: Machine, results: dict[str, str]
    ) -> None:
        self.codes = codes
        self.end = end
        self.machine = machine
        self.results = results
        self.index = {each.address: at for at, each in enumerate(codes)}
        self.labels: dict[int, str] = {}
        self.loops = {header: self._nodes(header) for header in self._headers()}
        self.live = self._live() if self.loops else []
        for at, code in enumerate(codes):
            reason = machine.untried(codes, at)
            if reason:
                raise NotLifted(reason, code.address)

    # ---- loops --------------------------------------------------------------------------------

    def _inside(self, code: Code) -> int | None:
        """The index of the instruction that a branch goes to, None where it leaves."""
        if code.flow not in (Flow.JUMP, Flow.BRANCH) or code.target is None:
            return None
        return self.index.get(code.target)

    def _headers(self) -> set[int]:
        found = set()
        for at, code in enumerate(self.codes):
            to = self._inside(code)
            if to is not None and to <= at:
                found.add(to)
        return found

    def _next(self, at: int) -> list[int]:
        code = self.codes[at]
        to = self._inside(code)
        found = [] if to is None else [to]
        if code.flow is not Flow.JUMP and at + 1 < len(self.codes):
            found.append(at + 1)
        return found

    def _nodes(self, header: int) -> frozenset[int]:
        """The natural loop of a header: what leads back to it without passing it."""
        before: dict[int, list[int]] = {}
        for at in range(len(self.codes)):
            for to in self._next(at):
                before.setdefault(to, []).append(at)
        nodes = {header}
        waiting = [at for at in before.get(header, ()) if at >= header]
        while waiting:
            at = waiting.pop()
            if at not in nodes:
                nodes.add(at)
                waiting += before.get(at, ())
        for at in nodes - {header}:
            if any(each not in nodes for each in before.get(at, ())):
                raise NotLifted("a loop that is entered in its middle", self.codes[at].address)
        return frozenset(nodes)

    def _live(self) -> list[frozenset[str]]:
        """The registers that matter before each instruction: read later, or results."""
        wanted = frozenset(self.results)
        live = [frozenset[str]()] * len(self.codes)
        changed = True
        while changed:
            changed = False
            for at in range(len(self.codes) - 1, -1, -1):
                code = self.codes[at]
                after = wanted.union(*(live[to] for to in self._next(at)))
                kept = self.machine.kept(code)
                found = (after - (code.writes - kept)) | set(code.reads) | kept
                if found != live[at]:
                    live[at], changed = found, True
        return live

    def _exits_of(self, nodes: frozenset[int]) -> tuple[int, ...]:
        """The places in the section where a loop goes on; none where it only leaves the section."""
        return tuple(sorted({to for at in nodes for to in self._next(at) if to not in nodes}))

    def _enter(self, header: int, state: State) -> Loop:
        nodes = self.loops[header]
        code = self.codes[header]
        exits = self._exits_of(nodes)
        after = frozenset[str]().union(
            *(self.live[exit] for exit in exits if exit < len(self.codes))
        )
        changed = sorted({name for at in nodes for name in self.codes[at].writes})
        carried = []
        for name in changed:
            if name not in self.live[header] | after:
                state.lost[name] = code.address
                continue
            local = state.budget.fresh(f"{name}_now")
            # One that is set in each round before it is read holds nothing that matters at first.
            nothing = number(0, 16 if is_vector(name) else 8)
            term = state.get(name) if name in self.live[header] else nothing
            state.emit(ir.Set(local, term), code)
            state.set(name, ir.Local(local, term.type))
            carried.append((name, local))
        state.flags = NOTHING
        state.exclusive = None
        state.values.forget(changed, code.address)
        way = None
        if len(exits) > 1:
            way = state.budget.fresh("way")
            state.emit(ir.Set(way, number(0, 1)), code)
        return Loop(header, nodes, exits, way, tuple(carried))

    def _carry(self, loop: Loop, state: State, code: Code) -> None:
        """Give the locals of a loop what the registers hold: all at once."""
        pairs = [
            (local, state.get(name))
            for name, local in loop.carried
            if state.get(name) != ir.Local(local, state.get(name).type)
        ]
        targets = {local for local, _ in pairs}
        late: list[tuple[str, ir.Term]] = []
        for local, term in pairs:
            used = {each.name for each in ir.every_term(term) if isinstance(each, ir.Local)}
            if used & (targets - {local}):
                kept = state.budget.fresh("kept")
                state.emit(ir.Set(kept, term), code)
                late.append((local, ir.Local(kept, term.type)))
            else:
                late.append((local, term))
        for local, value in late:
            state.emit(ir.Set(local, value), code)

    # ---- ways ---------------------------------------------------------------------------------

    def run(
        self, at: int, state: State, loops: tuple[Loop, ...] = (), entered: bool = False
    ) -> None:
        """Follow the way from an instruction to its end; the steps go to ``state.out``."""
        while True:
            if at == len(self.codes):
                self._commit(state)
                return
            code = self.codes[at]
            if loops and not entered:
                loop = loops[-1]
                if at == loop.header:
                    self._carry(loop, state, code)
                    return
                if at not in loop.nodes:
                    self._choose(loop, at, state, code)
                    self._carry(loop, state, code)
                    state.emit(ir.Break(), code)
                    return
            if at in self.loops and not entered:
                at = self._loop(at, state, loops)
                if at < 0:
                    return
                continue
            entered = False
            if code.flow is Flow.NEXT:
                state.now = code
                self._execute(code, state)
                state.now = None
                state.values.step(code, code.reads)
                at += 1
            elif code.flow in (Flow.JUMP, Flow.BRANCH) and code.target is not None:
                following = self._branch(at, code, state, loops)
                if following is None:
                    return
                at = following
            else:
                raise NotLifted(f"`{code.text}` {code.flow.value}", code.address)

    def _execute(self, code: Code, state: State) -> None:
        if code.stack:
            raise NotLifted(f"`{code.text}` changes the stack", code.address)
        try:
            self.machine.execute(code, state)
        except (LookupError, StopIteration, ValueError):
            # An operand that no table has: garbled code has such, and new processors.
            reason = f"the operands of `{code.text}` are not known to the lifter"
            raise NotLifted(reason, code.address) from None

    def _loop(self, at: int, state: State, loops: tuple[Loop, ...]) -> int:
        """Make a loop; where the way goes on after it, -1 where it does not."""
        loop = self._enter(at, state)
        inner = state.copy()
        self.run(at, inner, (*loops, loop), entered=True)
        state.emit(ir.Loop(tuple(inner.out)), self.codes[at])
        for name, local in loop.carried:
            state.set(name, ir.Local(local, state.get(name).type))
        state.flags = NOTHING
        if loop.way is not None:
            self._several(loop, state, loops)
            return -1
        return loop.exits[0] if loop.exits else -1

    def _choose(self, loop: Loop, exit: int, state: State, code: Code) -> None:
        """Say by which way a loop is left."""
        if loop.way is not None:
            state.emit(ir.Set(loop.way, number(loop.exits.index(exit), 1)), code)

    def _several(self, loop: Loop, state: State, loops: tuple[Loop, ...]) -> None:
        """Go on after a loop with several exits: each way to its end."""
        assert loop.way is not None
        code = self.codes[loop.header]
        otherwise = state.copy()
        self.run(loop.exits[-1], otherwise, loops)
        for at in range(len(loop.exits) - 2, -1, -1):
            then = state.copy()
            self.run(loop.exits[at], then, loops)
            when = ir.Binary("==", ir.Local(loop.way, ir.U8), number(at, 1), ir.U8)
            step = ir.If(when, tuple(then.out), tuple(otherwise.out))
            otherwise = state.copy()
            otherwise.emit(step, code)
        for each in otherwise.out:
            state.emit(each, code)

    def _branch(self, at: int, code: Code, state: State, loops: tuple[Loop, ...]) -> int | None:
        """What a jump or branch does; where the way goes on, None where it has ended."""
        assert code.target is not None
        to = self.index.get(code.target)
        when = None if code.flow is Flow.JUMP else self.machine.condition(code, state)
        truth = None if when is None else known(when)
        if to is None:
            if truth == 0:
                return at + 1
            self._give(state, code)
            taken = when if truth is None else None
            state.emit(ir.Exit(self._label(code.target), taken), code)
            return None if taken is None else at + 1
        if when is None or truth:
            return to
        if truth == 0:
            return at + 1
        loop = loops[-1] if loops else None
        if loop is not None and loop.header in (to, at + 1):
            exit = at + 1 if to == loop.header else to
            if exit in loop.exits:
                self._choose(loop, exit, state, code)
                self._last(loop, when if exit == to else opposite(when), state, code)
                return None
        then, otherwise = state.copy(), state.copy()
        then.out, otherwise.out = [], []
        self.run(to, then, loops)
        self.run(at + 1, otherwise, loops)
        if not then.out:
            when, then, otherwise = opposite(when), otherwise, then
        state.emit(ir.If(when, tuple(then.out), tuple(otherwise.out)), code)
        return None

    def _last(self, loop: Loop, leaves: ir.Term, state: State, code: Code) -> None:
        """The branch at the end of a round: back to the header, or on after the loop."""
        carried = {local for _, local in loop.carried}
        used = {each.name for each in ir.every_term(leaves) if isinstance(each, ir.Local)}
        if used & carried:
            done = state.budget.fresh("done")
            state.emit(ir.Set(done, leaves), code)
            leaves = ir.Local(done, ir.U8)
        self._carry(loop, state, code)
        state.emit(ir.Break(leaves), code)

    def _label(self, target: int) -> str:
        return self.labels.setdefault(target, label_of(target, self.end))

    def _give(self, state: State, code: Code) -> None:
        """Give the results what the registers hold."""
        for register, local in self.results.items():
            term = state.get(register)
            if state.given.get(local) != term:
                state.emit(ir.Set(local, term), code)
                state.given[local] = term

    def _commit(self, state: State) -> None:
        """The end of the last instruction: what it stored is the commit.

        What it gave registers afterwards may follow.
        """
        code = self.codes[-1]
        mark = f"{code.address:x}:"
        at = len(state.out) - 1
        while (
            at >= 0 and isinstance(state.out[at], ir.Set) and state.out[at].remark.startswith(mark)
        ):
            at -= 1
        match state.out[at] if at >= 0 else None:
            case (
                ir.Store() | ir.Change() | ir.CompareExchange() | ir.AtomicChange() as last
            ) if last.remark.startswith(mark):
                state.out[at] = last._replace(commit=True)
            case ir.Copy(remark=remark) | ir.Loop(remark=remark) if remark.startswith(mark):
                raise NotLifted(f"`{code.text}`: no one step of a copy commits", code.address)
            case _:
                raise NotLifted("its last instruction does not store", code.address)
        self._give(state, code)
