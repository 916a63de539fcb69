"""What is told of a program's calls: a line each, JSON lines, and a summary at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from time import perf_counter

from ..abi.revisions import Abi
from ..interpreter.errno import result_name
from ..interpreter.events import Event
from ..text.printer import Speller
from ..trace.json_lines import event_record, header
from .call import Call
from .replay import LiveCallBegins, LiveCallEnds, replay
from .symbols import Symbols, Table

Write = Callable[[str], None]
_ENOSYS = 38


def answer_name(result: int) -> str:
    """A result as people write it."""
    return "ENOSYS" if result == -_ENOSYS else result_name(result)


class Names:
    """The symbols of all processes of a program, by process id."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._processes: dict[int, Symbols] = {}

    def of(self, pid: int) -> Symbols:
        """The symbols of a process."""
        symbols = self._processes.get(pid)
        if symbols is None:
            symbols = self._processes[pid] = Symbols(pid, self._tables)
        return symbols

    def forget(self, pid: int) -> None:
        """A process has become another program."""
        self._processes.pop(pid, None)


class HumanTrace:
    """A line for each call, as strace writes them."""

    def __init__(self, abi: Abi, write: Write, names: Names) -> None:
        self._abi = abi
        self._write = write
        self._names = names

    def __call__(self, call: Call) -> None:
        """Write the line."""
        symbols = self._names.of(call.pid)
        if call.plan is None:
            count = call.arguments.cpuopcnt
            ops = "NULL" if not call.arguments.vector else f"{call.arguments.vector:#x}"
            ops = f"{ops}, {count} op{'' if count == 1 else 's'}"
        else:
            thread = call.thread_pointer
            speller = Speller(self._abi, address_name=lambda each, _: symbols.name(each, thread))
            ops = "; ".join(str(speller.line(each)) for each in call.plan.prepared.instructions)
        parts = [f"{call.tid} cpu_opv({ops or 'no op'}) on CPU {call.arguments.cpu}"]
        if call.arguments.flags:
            parts.append(f", flags {call.arguments.flags:#x}")
        parts.append(f" = {answer_name(call.result)}")
        reason = _reason(call)
        if reason:
            parts.append(f" ({reason})")
        parts.append(f" <{call.microseconds:.0f} µs>")
        if call.interruption is not None:
            parts.append(" [ops interrupted]")
        self._write("".join(parts))


def _reason(call: Call) -> str:
    """Why a call was refused, in a few words."""
    if call.plan is not None and call.plan.prepared.violation is not None:
        violation = call.plan.prepared.violation
        where = "" if violation.op is None else f"op {violation.op}: "
        return f"{where}{violation.code}"
    if call.fault_op is not None:
        return f"op {call.fault_op}: its memory was not there"
    ended = call.ended
    if ended is None:
        return "the vector can't be read" if call.result == -14 and call.plan is None else ""
    fields = ended._asdict()
    if "operand" in fields:
        return f"op {fields['op']}, {fields['operand']}: {fields['reason']}"
    return str(fields.get("reason") or fields.get("flag") or fields.get("argument") or "")


class JsonTrace:
    """JSON lines, ``opvasm-trace/1``: each call's events between its beginning and its end."""

    def __init__(self, abi: Abi, write: Write) -> None:
        self._abi = abi
        self._write = write
        self._started = perf_counter()
        self._record(header(abi))

    def __call__(self, call: Call) -> None:
        """Write the call's lines."""
        seconds = round(perf_counter() - self._started, 6)
        self._event(LiveCallBegins(call.pid, call.tid, seconds, call.arguments.vector))
        for event in replay(call, self._abi):
            self._event(event)
        waited, preempted = call.interruption or (0, 0)
        microseconds = round(call.microseconds, 1)
        self._event(LiveCallEnds(call.pid, call.tid, call.result, microseconds, waited, preempted))

    def _event(self, event: Event | LiveCallBegins | LiveCallEnds) -> None:
        self._record(event_record(event))  # type: ignore[arg-type]

    def _record(self, record: object) -> None:
        self._write(json.dumps(record, separators=(",", ":"), ensure_ascii=False))


class Check:
    """Holds every call against the reference interpreter; raises ReplayDiffers."""

    def __init__(self, abi: Abi) -> None:
        self._abi = abi

    def __call__(self, call: Call) -> None:
        """Replay a call."""
        for _ in replay(call, self._abi):
            pass


class Summary:
    """Counts of everything, and how long the calls took."""

    def __init__(self) -> None:
        self._results: Counter[str] = Counter()
        self._ops: Counter[str] = Counter()
        self._sizes: Counter[int] = Counter()
        self._cpus: Counter[int] = Counter()
        self._threads: set[int] = set()
        self._microseconds: list[float] = []
        self._bytes = 0

    def __call__(self, call: Call) -> None:
        """Count a call."""
        self._results[answer_name(call.result)] += 1
        self._cpus[call.arguments.cpu] += 1
        self._threads.add(call.tid)
        self._microseconds.append(call.microseconds)
        if call.plan is not None:
            instructions = call.plan.prepared.instructions
            self._sizes[len(instructions)] += 1
            for each in instructions:
                name = each.operation.mnemonic if each.operation else f"op {each.opcode}"
                self._ops[name] += 1
                self._bytes += each.length if each.operation and each.operation.operands else 0

    def lines(self) -> list[str]:
        """The summary as text."""
        times = sorted(self._microseconds)
        if not times:
            return ["no call of cpu_opv was made"]
        count = len(times)
        lines = [f"{count} call{'s' if count != 1 else ''} of {len(self._threads)} thread(s)"]
        lines.append(f"results:  {_listed(self._results)}")
        lines.append(f"ops:      {_listed(self._ops)}; {self._bytes} bytes of operands")
        lines.append(f"lengths:  {_listed(self._sizes, ' ops')}")
        lines.append(f"CPUs:     {_listed(self._cpus)}")
        quantile = {q: times[min(count - 1, int(count * q))] for q in (0.5, 0.9, 0.99)}
        lines.append(
            f"time:     median {quantile[0.5]:.0f} µs, 90 % {quantile[0.9]:.0f} µs, "
            f"99 % {quantile[0.99]:.0f} µs, longest {times[-1]:.0f} µs"
        )
        lines += _histogram(times)
        return lines


def _listed(counter: Counter[str] | Counter[int], unit: str = "") -> str:
    return ", ".join(f"{name}{unit} × {count}" for name, count in counter.most_common(12))


def _histogram(times: list[float]) -> list[str]:
    """Powers of two, a line each."""
    buckets = Counter(max(1, int(each)).bit_length() for each in times)
    most = max(buckets.values())
    return [
        f"  {1 << bits - 1:>8} .. {(1 << bits) - 1:>8} µs  {buckets[bits]:>9}  "
        + "#" * max(1, round(40 * buckets[bits] / most))
        for bits in sorted(buckets)
    ]
