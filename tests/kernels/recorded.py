"""What booted kernels said, kept in booted.txt, and the table of docs/kernels.md made from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from opvasm.kernels.profiles import RULE_SETS, Profile
from opvasm.light_typing import NamedTuple
from opvasm.probe.breakage import uname_says

from .rules import ALWAYS, FIELDS, NOTED, Row, read_rows

FILE = Path(__file__).with_name("booted.txt")
MACHINES = {"x86_64": "x86-64", "aarch64": "aarch64"}
_SHORT = {"x86-64": "x86", "aarch64": "arm64"}


class Recorded(NamedTuple):
    """One kernel: its version, the architecture, what it says of itself (auxiliary vector, slices),
    its rows, its counts of lost increments and of restarts (with milliseconds) by registered size,
    and what ``opvasm probe`` named in it, a pair for each size and boot."""

    release: str
    architecture: str
    facts: Mapping[str, str]
    rows: tuple[Row, ...]
    lost: tuple[tuple[int, int, int], ...]
    restarts: tuple[tuple[int, int, int], ...]
    probes: tuple[tuple[int, str], ...]

    @property
    def version(self) -> str:
        """The version without the distribution's words."""
        return self.release.partition("+")[0]


def kept(text: str) -> str:
    """The lines of a log that are kept."""
    lines = text.replace("\r", "").splitlines()
    return "".join(
        f"{line}\n" for line in lines if re.match(r"(kernel|row|lost|restarts|probe) \S", line)
    )


def read_recorded(text: str) -> list[Recorded]:
    """The kernels of a record, in their order."""
    found = []
    for part in re.split(r"^(?=kernel )", text, flags=re.MULTILINE):
        head = re.match(r"kernel (\S+) (\S+)(.*)", part)
        if head is not None:
            said = re.findall(r"^probe (\d+) (\S+)", part, re.MULTILINE)
            found.append(
                Recorded(
                    release=head[1],
                    architecture=MACHINES[head[2]],
                    facts=dict(re.findall(r"(\w+)=(\S+)", head[3])),
                    rows=tuple(read_rows(part)),
                    lost=_triples(r"^lost (\d+) (-?\d+) of (\d+)", part),
                    restarts=_triples(r"^restarts (\d+) (\d+) in (\d+) ms", part),
                    probes=tuple((int(size), name) for size, name in said),
                )
            )
    return found


def _triples(pattern: str, text: str) -> tuple[tuple[int, int, int], ...]:
    return tuple((int(a), int(b), int(c)) for a, b, c in re.findall(pattern, text, re.MULTILINE))


def merged(record: str, lines: str) -> str:
    """A record with the kernels of ``lines`` in place of what it had of them, in order."""
    parts = {}
    for part in re.split(r"^(?=kernel )", record + lines, flags=re.MULTILINE):
        head = re.match(r"kernel (\d+)\.(\d+)\.(\d+)\S* (\S+)", part)
        if head is not None:
            version = tuple(int(each) for each in head.groups()[:3])
            parts[-list(MACHINES).index(head[4]), version] = part
    return "".join(parts[key] for key in sorted(parts, key=lambda key: (-key[0], key[1])))


def by_rule_set(recorded: list[Recorded]) -> dict[str, list[tuple[Recorded, int]]]:
    """The kernels and registered sizes (32 or 64 bytes) that belong to each rule set."""
    found: dict[str, list[tuple[Recorded, int]]] = {each.name: [] for each in RULE_SETS}
    for kernel in recorded:
        for size in (32, 64):
            profile = uname_says(kernel.release, kernel.architecture, size)
            if profile is not None:
                found[profile.name].append((kernel, size))
    return found


def matrix(recorded: list[Recorded]) -> str:
    """The table of the document: a column for each rule set, a line for each row."""
    groups = by_rule_set(recorded)
    lines = ["| | " + " | ".join(groups) + " |", "| --- |" + " --- |" * len(groups)]
    lines.append("| kernels | " + " | ".join(_versions(each) for each in groups.values()) + " |")
    lines.append("| bytes | " + " | ".join(_sizes(each) for each in groups.values()) + " |")
    for name in (*FIELDS, *ALWAYS, *NOTED):
        cells = [_cell(name, each) for each in groups.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    named = [_named(name, each) for name, each in groups.items()]
    lines.append("| named so by `opvasm probe` | " + " | ".join(named) + " |")
    lost = [_lost(each) for each in groups.values()]
    lines.append("| increments lost by two threads of one CPU | " + " | ".join(lost) + " |")
    rates = [_rate(each) for each in groups.values()]
    lines.append("| restarts a second of these two | " + " | ".join(rates) + " |")
    return "\n".join(lines) + "\n"


def _versions(group: list[tuple[Recorded, int]]) -> str:
    found: dict[str, list[str]] = {}
    for kernel, _ in group:
        versions = found.setdefault(_SHORT[kernel.architecture], [])
        if kernel.version not in versions:
            versions.append(kernel.version)
    return "; ".join(f"{name}: {', '.join(versions)}" for name, versions in found.items())


def _sizes(group: list[tuple[Recorded, int]]) -> str:
    return ", ".join(sorted({str(size) for _, size in group}))


def _cell(name: str, group: list[tuple[Recorded, int]]) -> str:
    """The outcomes of a row over all kernels of a rule set, with their counts."""
    counts: dict[str, int] = {}
    for row in _rows(name, group):
        for outcome, count in row.seen.items():
            counts[outcome] = counts.get(outcome, 0) + count
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{outcome} {count}/{total}" for outcome, count in ordered) or "–"


def _rows(name: str, group: list[tuple[Recorded, int]]) -> Iterator[Row]:
    for kernel, size in group:
        yield from (row for row in kernel.rows if row.name == name and row.size == size)


def _named(name: str, group: list[tuple[Recorded, int]]) -> str:
    """How often the probe named the rule set in each kernel, of how many boots and sizes."""
    found: dict[str, dict[str, list[str]]] = {}
    for kernel, size in group:
        versions = found.setdefault(_SHORT[kernel.architecture], {})
        said = [each for at, each in kernel.probes if at == size]
        versions.setdefault(kernel.version, []).extend(said)
    return "; ".join(
        f"{architecture}: "
        + ", ".join(f"{version} {said.count(name)}/{len(said)}" for version, said in each.items())
        for architecture, each in found.items()
    )


def _lost(group: list[tuple[Recorded, int]]) -> str:
    pairs = [(lost, of) for kernel, size in group for at, lost, of in kernel.lost if at == size]
    return f"{sum(a for a, _ in pairs):,} of {sum(b for _, b in pairs):,}" if pairs else "–"


def _rate(group: list[tuple[Recorded, int]]) -> str:
    """Restarts in a second, the least and the most of all kernels of a rule set."""
    found = [
        1000 * count / milliseconds
        for kernel, size in group
        for at, count, milliseconds in kernel.restarts
        if at == size
    ]
    return f"{min(found):.0f} to {max(found):.0f}" if found else "–"


def profile_of(kernel: Recorded, size: int) -> Profile | None:
    """The profile of a recorded kernel."""
    return uname_says(kernel.release, kernel.architecture, size)
