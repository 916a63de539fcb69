"""``opvasm probe``: the running kernel is asked for its rules of restartable sequences."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.kernels import named_profiles
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE, HOST, INCONCLUSIVE, NEGATIVE, UsageError
from ..terminal.outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ...probe.answers import Probe
    from ...probe.judge import Verdict
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Ask the running kernel which rules it applies to restartable sequences (rseq), instead of guessing
by its version. Sections are interrupted in every way, some tens of times each, and what happens
names the profile. Registrations of 32 bytes and of more can have different rules: both are asked
about, and the exit code speaks of the one that programs get (glibc's). It needs no privileges;
children are forked, and the kernel kills some of them. Lines "Possible attack attempt. Unexpected
rseq signature" in its log are the probe's: it asks what becomes of a section without one."""
EXAMPLES = """
opvasm probe
opvasm probe --require legacy,v2
opvasm probe -f json
"""
EXITS = {
    DONE: "a known profile, of which nothing is known to break; or one of --require",
    NEGATIVE: "a profile under which programs break, none of the known ones, or none of --require",
    INCONCLUSIVE: "too busy to tell within --timeout",
    HOST: "there is no rseq here, or the probe can't work; the message says why",
}


class Options(OptionValues):
    """The options, as they were typed."""

    format: str
    require: str | None
    timeout: str


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "-f",
        dest="format",
        metavar="FORMAT",
        choices=("human", "json"),
        default="human",
        help="human (default); json: opvasm-probe/1",
    )
    parser.add_argument(
        "--require",
        metavar="LIST",
        help="exit with 0 for these profiles and with 1 for all others (legacy,v2); `opvasm explain` lists the names",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        default="20",
        help="ask at most for so long about each registration, where the machine is too busy to tell at once (default: 20)",
    )


def execute(options: Options, terminal: Terminal) -> int:
    """Ask, print, and judge."""
    required = _required(options.require)
    seconds = _seconds(options.timeout)
    try:
        from ...probe.native import NotHere
        from ...probe.run import probe_host, verdicts
    except ImportError as error:
        terminal.fail(f"the probe needs Python's ctypes: {error}")
        return HOST
    try:
        probe = probe_host(seconds)
    except (NotHere, OSError) as problem:
        terminal.fail(f"the probe can't work here: {problem}")
        return HOST
    found = verdicts(probe)
    if options.format == "json":
        from ...probe.json_report import probe_json

        write_text(probe_json(probe, found), None)
    else:
        from ...probe.text_report import probe_text

        write_text(probe_text(probe, found), None)
    return _exit_code(probe, found, required)


def _exit_code(probe: Probe, found: list[Verdict], required: frozenset[str] | None) -> int:
    """The exit code speaks of the registration that a program gets: the first."""
    from ...probe.breakage import KNOWN
    from ...probe.judge import OPEN

    if not probe.facts.owner:
        return DONE if required is not None and "no_rseq" in required else HOST
    verdict = found[0]
    if verdict.state == OPEN:
        return INCONCLUSIVE
    if verdict.state != "known" or verdict.profile is None:
        return NEGATIVE
    name = verdict.profile.name
    good = name not in KNOWN if required is None else name in required
    return DONE if good else NEGATIVE


def _required(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    return frozenset(each.name for each in named_profiles([text], "--require"))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise UsageError(
            f"--timeout {text!r} is not a number of seconds", "for example --timeout 5"
        )
    return value
