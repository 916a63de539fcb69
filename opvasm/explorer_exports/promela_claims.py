"""What a scenario claims and shows, in Promela: conditions, and the line of a final state."""

from __future__ import annotations

from ..explorer.claims.judge_scope import thread_local
from ..expression import Arrow, AtCpu, Binary, Call, Expression, Index, Load, Member, Name, Number
from ..places import is_every_cpus
from ..program import Array, Pointer, Scalar, Struct
from ..text.scenario_tree import Condition, Partition
from .promela_numbers import LOCAL_BOUND, Numbers, Place, Term, known
from .promela_text import Export, Lines
from .refusal import comment


class Claims(Numbers):
    """Writes the checks of one configuration.

    Everything is worked out inside one d_step, so it may use variables that are not part of a state.
    """

    def __init__(self, export: Export) -> None:
        super().__init__(export.program, export.memory, export.refusals)
        self.export = export
        self.lines = Lines(2)
        self.lengths = 0

    # ---- names ------------------------------------------------------------------------------------

    def cpu(self) -> Term | None:
        """A percpu name must say of which CPU, unless there is only one."""
        return known(0) if self.export.cpus == 1 else None

    def own(self, name: str) -> Place | None:
        """``thread.variable``: memory of a thread's own, where there is one thread of that name."""
        thread, _, variable = name.partition(".")
        copies = self._copies(thread)
        if len(copies) != 1:
            return None
        for each in self.export.plan.image.own[copies[0]]:
            if each.name == variable:
                address = self.memory.own(copies[0], each.offset)
                return Place(known(address, None, True), each.type)
        return None

    def other(self, expression: Expression) -> Term | None:
        """Locals of threads, memory, ``sum``, ``length``, ``done``."""
        match expression:
            case Call(function="sum", arguments=(place,)):
                return self._sum_of(place)
            case Call(function="length", arguments=(place,)):
                self.follow(place)
                self.lengths += 1
                self.lines.add(f"bag_lengths[{self.lengths}] = bagged;")
                return Term(f"bag_lengths[{self.lengths}]", LOCAL_BOUND)
            case Call(function="done", arguments=(Name(name=name),)):
                copies = self._copies(name)
                return Term(f"({' + '.join(f'ended[{t}]' for t in copies)})", len(copies))
            case Member():
                registers = self.registers(expression)
                if registers is not None:
                    return _added([Term(each, LOCAL_BOUND) for each in registers])
                return self._memory(expression, None)
            case Name() | Index() | AtCpu():
                return self._memory(expression, None)
            case Arrow() | Load():
                return self._refused(expression, "a claim follows no pointer there")
            case _:
                return None

    def _copies(self, name: str) -> list[int]:
        return [i for i, text in enumerate(self.export.texts) if text.name == name]

    def registers(self, expression: Expression) -> list[str] | None:
        """The variables of ``thread.local``; None where it is something else."""
        named = thread_local(expression)
        if named is None:
            return None
        registers = [
            register
            for thread in self._copies(named.thread)
            if (register := self.export.slots[thread].registers.get(named.local)) is not None
        ]
        return registers[named.copies] if registers else None

    def _memory(self, expression: Expression, cpu: Term | None) -> Term:
        place = self.place(expression, cpu)
        size, signed = self.width(place)
        return self._cell(place.address, size, signed, expression)

    def _cell(self, address: Term, size: int, signed: bool, expression: Expression) -> Term:
        leaf = None if address.constant is None else self.memory.by_address.get(address.constant)
        if leaf is None or leaf.size != size or signed:
            return self._refused(expression, "a claim looks at whole unsigned numbers only there")
        return Term(f"memory[{leaf.cell}]", LOCAL_BOUND)

    def _sum_of(self, place: Expression) -> Term:
        registers = self.registers(place)
        if registers is not None:
            return _added([Term(each, LOCAL_BOUND) for each in registers])
        found: list[Term] = []
        for cpu in range(
            self.export.cpus if is_every_cpus(place, self.program.data.symbols) else 1
        ):
            spot = self.place(place, known(cpu))
            if isinstance(spot.type, Array) and spot.address.constant is not None:
                element = spot.type.element
                size = element.size
                signed = isinstance(element, Scalar) and element.signed
                for index in range(spot.type.count):
                    address = known(spot.address.constant + index * size)
                    found.append(self._cell(address, size, signed, place))
            else:
                size, signed = self.width(spot)
                found.append(self._cell(spot.address, size, signed, place))
        return _added(found)

    # ---- lists ------------------------------------------------------------------------------------

    def follow(self, place: Expression, fresh: bool = True) -> None:
        """Put the addresses of a list's nodes into the bag."""
        spot = self.place(place, None)
        structs = self.program.data.structs
        struct: Struct | None = None
        if isinstance(spot.type, Pointer) and spot.type.target is not None:
            struct = structs.get(spot.type.target)
        else:
            linked = [s for s in structs.values() if _link(s) is not None]
            struct = linked[0] if len(linked) == 1 else None
        link = None if struct is None else _link(struct)
        if link is None:
            self._refused(place, "it is not the head of a list")
            return
        head = self._cell(spot.address, self.program.abi.model.word, False, place)
        self.lines.add(*(["bagged = 0;"] if fresh else []), f"follow({head.text}, {link});")

    def _bag(self, expression: Expression) -> None:
        """Add the addresses that a sum of lists and locals holds to the bag."""
        match expression:
            case Binary(operator="+", left=left, right=right):
                self._bag(left)
                self._bag(right)
            case Call(function="list", arguments=(place,)):
                self.follow(place, False)
            case _:
                texts = self.registers(expression)
                if texts is None:
                    texts = [self.value(expression).text]
                self.lines.add(*(f"put({each});" for each in texts))

    # ---- conditions -------------------------------------------------------------------------------

    def condition(self, condition: Condition) -> str:
        """Work out a condition; gives the expression that says whether its test is true."""
        if not isinstance(condition.test, Partition):
            return self.value(condition.test).text
        partition = condition.test
        wanted = [self.place(each, None).address.constant or 0 for each in partition.elements]
        self.lines.add("bagged = 0;")
        self._bag(partition.whole)
        self.lines.add(f"bag_parted = (bagged == {len(wanted)});")
        for address in sorted(set(wanted)):
            self.lines.add(f"tally({address}, {wanted.count(address)});")
        return "bag_parted"

    def check(self, condition: Condition, number: int) -> None:
        """Assert a condition of states, or print that an ``exists`` has its witness."""
        out = self.lines
        out.add(f"/* {comment(condition.span.text)} */")
        test = self.condition(condition)
        match condition.kind:
            case "exists":
                out.add(f'if :: {test} -> printf("witness {number}\\n") :: else fi;')
            case "never":
                out.add(f'if :: {test} -> printf("broken {number}\\n"); assert(false) :: else fi;')
            case _:
                out.add(f'if :: {test} :: else -> printf("broken {number}\\n"); assert(false) fi;')

    # ---- what a final state shows -----------------------------------------------------------------

    def show(self, deadlock: bool) -> None:
        """Print the whole final state on one line, and the columns of the outcome on another."""
        out, export = self.lines, self.export
        parts = [(leaf.name, f"memory[{leaf.cell}]") for leaf in self.memory.leaves]
        for cpu in range(export.cpus):
            parts += [(f"lock@{cpu}", f"lock[{cpu}]"), (f"slow@{cpu}", f"slow[{cpu}]")]
        for slot in export.slots:
            parts += [(f"{slot.name}.{name}", text) for name, text in slot.registers.items()]
        out.add(f'printf("{"deadlock" if deadlock else "final"}");')
        # Spin leaves variables that only printf reads out of the state: so each is read first.
        out.add(
            *(f'bag_kept = {text}; printf(" {_plain(name)}=%d", bag_kept);' for name, text in parts)
        )
        out.add('printf("\\n");', 'printf("outcome");')
        for text, expression in self.columns():
            self._column(text, expression)
        out.add('printf("\\n");')

    def columns(self) -> list[tuple[str, Expression]]:
        """What the table of outcomes shows: ``observe``, else what the conditions speak of."""
        scenario = self.export.plan.scenario
        wanted = list(scenario.observed)
        if not wanted:
            for condition in scenario.conditions:
                wanted += self._parts(condition.test)
        return list({expression.span.text: expression for expression in wanted}.items())

    def _parts(self, test: Expression | Partition) -> list[Expression]:
        match test:
            case Partition(whole=whole):
                return self._parts(whole)
            case Binary(left=left, right=right):
                return self._parts(left) + self._parts(right)
            case Number():
                return []
            case Name(name=name) if name in self.program.data.constants:
                return []
            case Name() | Member() | Index() | Call() | AtCpu() | Arrow() | Load():
                return [test]
            case _:
                from ..expression import children

                return [part for child in children(test) for part in self._parts(child)]

    def _column(self, text: str, expression: Expression) -> None:
        out = self.lines
        registers = self.registers(expression)
        if isinstance(expression, Call) and expression.function == "list":
            self.follow(expression.arguments[0])
        elif registers is not None and len(registers) > 1:
            out.add("bagged = 0;", *(f"bag[bagged] = SAME({r}); bagged++;" for r in registers))
            out.add("sort();")
        else:
            value = self.value(expression).text
            out.add(f'printf(" {_plain(text)}=%d", SAME({value}));')
            return
        out.add(f'printf(" {_plain(text)}="); print_bag();')


def _plain(text: str) -> str:
    """A name as it may stand in a printf: no blanks, which part columns."""
    return "".join(each for each in comment(text) if each not in '"%= ')


def _added(terms: list[Term]) -> Term:
    if len(terms) == 1:
        return terms[0]
    return Term(f"({' + '.join(t.text for t in terms)})", sum(t.bound for t in terms))


def _link(struct: Struct) -> int | None:
    return next((each.offset for each in struct.members if isinstance(each.type, Pointer)), None)
