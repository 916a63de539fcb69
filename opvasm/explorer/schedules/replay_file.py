"""Replay files: a schedule with everything that is needed to follow it again (model.md section 4.3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ...abi.revisions import DEFAULT_DATA_MODEL, DEFAULT_PAGE_SIZE, get_abi
from ...errors import Diagnostic
from ...json_values import loads
from ...kernels.disturbances import BUDGETS, DECIDING, Disturbance
from ...kernels.profiles import profile_named
from ...light_typing import Any, NamedTuple
from ...program import Program
from ...source import SourceFile
from ...text.claim_builder import CPUS_MAX
from ...text.scenario_tree import VERDICTS, Allowed, Scenario, Strategy
from ..model.judging import VERDICT_OF, trouble_at
from ..plan.plan import make_plan
from ..setting.configuration import Configuration
from ..steps.state import STEP, UNLIMITED, Decision
from .schedule import Replay, ScheduleError, diverged, follow, state_hash

FORMAT = "opvasm-replay/1"
CHECKPOINT_EVERY = 16
# Far above any shortest schedule; keeps a mistyped count from eating the machine.
MOST_DECISIONS = 1_000_000


class Recording(NamedTuple):
    """What a replay file says: which scenario and configuration, and the decisions.

    ``abi`` is a revision and a data model as an Abi is written: ``2019-04 32be``.
    """

    file: str
    sha256: str
    scenario: str
    cpus: int
    kernel: str
    strategies: dict[str, str]
    decisions: tuple[tuple[str, str, int], ...]
    checkpoints: dict[int, str]
    verdict: str
    label: str
    cycle: int | None
    environment: dict[Disturbance, int]
    abi: str

    @property
    def revision(self) -> tuple[str, str]:
        """The names of the revision and of the data model that the schedule is of."""
        revision, _, model = self.abi.partition(" ")
        return revision, model or DEFAULT_DATA_MODEL


def source_hash(sources: Iterable[SourceFile]) -> str:
    """The hash of a file and of all files that it uses."""
    from hashlib import sha256  # it loads OpenSSL, and few commands hash anything

    digest = sha256()
    for source in sources:
        digest.update(source.text.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def replay_json(
    replay: Replay, sources: tuple[SourceFile, ...], verdict: str, label: str, version: str
) -> str:
    """The text of a replay file."""
    plan = replay.plan
    names = plan.names
    choices: list[list[object]] = []
    for moment in replay.moments:
        decision = moment.decision
        who = names[decision.thread] if decision.thread >= 0 else ""
        if decision.kind == STEP:
            if choices and choices[-1][0] == STEP and choices[-1][1] == who:
                choices[-1][2] = int(str(choices[-1][2])) + 1
            else:
                choices.append([STEP, who, 1])
        else:
            choices.append([str(decision.kind), who, decision.argument])
    checkpoints = {
        str(index + 1): state_hash(moment.state)
        for index, moment in enumerate(replay.moments)
        if (index + 1) % CHECKPOINT_EVERY == 0 or index + 1 == len(replay.moments)
    }
    document = {
        "format": FORMAT,
        "tool": f"opvasm {version}",
        "source": {
            "file": sources[0].name,
            "sha256": source_hash(sources),
            "scenario": plan.scenario.name,
        },
        "abi": str(plan.program.abi),
        "model": {
            **plan.configuration.key(plan.scenario),
            "memory": "sc",
            "environment": {str(k): v for k, v in plan.limits.items() if v},
        },
        "choices": choices,
        "checkpoints": {"0": state_hash(replay.initial), **checkpoints},
        "expect": {"verdict": verdict, "label": label, "cycle": replay.cycle},
    }
    return json.dumps(document, indent=1) + "\n"


def read_replay(text: str, name: str) -> Recording:
    """What a replay file says.  Raises ScheduleError where it is none."""
    document = _document(text, name)
    try:
        if document["format"] != FORMAT:
            raise _unreadable(name, f"its format is {document['format']!r}, not {FORMAT!r}")
        source, model, expect = document["source"], document["model"], document["expect"]
        decisions: list[tuple[str, str, int]] = []
        for kind, thread, number in document["choices"]:
            if kind == STEP:
                steps = _count(number, "steps of a thread", 1, MOST_DECISIONS - len(decisions))
                decisions += [(STEP, str(thread), 0)] * steps
            else:
                decisions.append((str(kind), str(thread), int(number)))
        cycle = expect.get("cycle")
        return Recording(
            *(str(source["file"]), str(source["sha256"]), str(source["scenario"])),
            *(_count(model["cpus"], "cpus", 1, CPUS_MAX), str(model["kernel"])),
            {str(thread): str(name) for thread, name in model["strategies"].items()},
            tuple(decisions),
            {int(at): str(value) for at, value in document["checkpoints"].items()},
            *(_verdict(expect["verdict"]), str(expect["label"])),
            None if cycle is None else _count(cycle, "cycle", 0, len(decisions)),
            {
                _budget(kind): _count(limit, "environment", UNLIMITED, MOST_DECISIONS)
                for kind, limit in model["environment"].items()
            },
            _known_abi(document["abi"]),
        )
    except ScheduleError:
        raise
    except KeyError as error:
        raise _unreadable(name, f"the field {error} is missing") from None
    except ValueError as error:
        raise _unreadable(name, str(error)) from None
    except (TypeError, AttributeError) as error:
        raise _unreadable(name, f"a value is not of its type: {error}") from None


def replay(
    program: Program,
    sources: tuple[SourceFile, ...],
    scenarios: Iterable[Scenario],
    strategies: Mapping[str, Strategy],
    found: Recording,
) -> Replay:
    """Follow a replay file.

    Raises ScheduleError when it belongs to another source, revision or data model, when it can't be
    followed, or when what it ends with is not what it says.
    """
    if source_hash(sources) != found.sha256:
        raise ScheduleError(
            [
                Diagnostic(
                    "error",
                    "OPV540",
                    f"{sources[0].name} has changed since this schedule was made",
                    help="its decisions mean something else now: explore again with --save",
                )
            ]
        )
    if str(program.abi) != found.abi:
        raise diverged(f"it was made for {found.abi}, and this is {program.abi}")
    scenario = next((each for each in scenarios if each.name == found.scenario), None)
    if scenario is None:
        raise diverged(f"there is no scenario {found.scenario}")
    try:
        chosen = tuple(strategies[found.strategies[t.name]] for t in scenario.threads)
        configuration = Configuration(found.cpus, profile_named(found.kernel), chosen)
    except KeyError as error:
        raise diverged(f"there is no {error.args[0]}") from None
    plan = make_plan(program, scenario, configuration)
    if {k: v for k, v in plan.limits.items() if v} != found.environment:
        plan = make_plan(program, _in_environment(scenario, found.environment), configuration)
    numbers = {name: index for index, name in enumerate(plan.names)} | {"": -1}
    decisions = []
    for kind, name, argument in found.decisions:
        if name not in numbers:
            raise diverged(f"there is no thread {name}")
        if kind != STEP and kind not in DECIDING:
            raise diverged(f"nothing that can happen is called {kind}")
        what = STEP if kind == STEP else Disturbance(kind)
        decisions.append(Decision(what, numbers[name], argument))
    result = follow(plan, decisions, found.cycle)
    for at, expected in found.checkpoints.items():
        if at <= len(result.moments) and state_hash(result.state(at - 1)) != expected:
            raise diverged(f"the state after decision {at} is another one")
    if not _shows(result, found.verdict):
        raise diverged(f"it says {found.verdict}, and it does not end so")
    return result


def _shows(replay: Replay, verdict: str) -> bool:
    """Whether a schedule ends with what was found there: a state that must not be, or a circle."""
    plan, model = replay.plan, replay.model
    last = len(replay.moments) - 1
    state = replay.state(last)
    if verdict in VERDICT_OF.values():
        return any(VERDICT_OF[each.kind] == verdict for each in trouble_at(plan, model, state))
    if replay.cycle is not None:
        return replay.cycle <= last and replay.state(replay.cycle - 1) == state
    return any(not model.done(state, thread) for thread in range(model.threads))


def _verdict(value: object) -> str:
    if value not in VERDICTS or value == "holds":
        raise ValueError(f"expect.verdict is {value!r:.40}, not one of {', '.join(VERDICTS[1:])}")
    return str(value)


def _budget(word: object) -> Disturbance:
    """A disturbance that has a limit, by its word."""
    if word not in BUDGETS:
        raise ValueError(f"environment names {word!r:.40}, not one of {', '.join(BUDGETS)}")
    return Disturbance(str(word))


def _known_abi(value: object) -> str:
    """A revision, and a data model unless it is the default one."""
    revision, _, model = str(value).partition(" ")
    try:
        return str(get_abi(revision, model or DEFAULT_DATA_MODEL, DEFAULT_PAGE_SIZE))
    except KeyError:
        raise ValueError(f"abi is {value!r:.40}, which is not a revision and data model") from None


def _in_environment(scenario: Scenario, limits: Mapping[Disturbance, int]) -> Scenario:
    """A scenario in another environment than its own, as a comparison explores it."""
    allowed = tuple(
        Allowed(kind, None if limit == UNLIMITED else limit, None, scenario.span)
        for kind, limit in limits.items()
    )
    return scenario._replace(environment=allowed)


def _count(value: object, what: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{what}: {value!r:.40} is not a number from {low} to {high}")
    return value


def _document(text: str, name: str) -> dict[str, Any]:
    """The JSON of a replay file.  Raises ScheduleError where the text is none, or of another kind."""
    help = "`opvasm explore FILE --save OUT` makes replay files: of the first failure, with --compare or --sweep of each"
    try:
        document: dict[str, Any] = loads(text)
    except ValueError as error:
        begun = text.lstrip().startswith(("{", "["))
        why = (
            str(error) if begun else "it is a text, and not JSON" if text.strip() else "it is empty"
        )
        raise _unreadable(name, why, help) from None
    return document


def _unreadable(name: str, why: str, help: str | None = None) -> ScheduleError:
    message = f"{name} is not a replay file that can be read: {why}"
    return ScheduleError([Diagnostic("error", "OPV542", message, help=help)])
