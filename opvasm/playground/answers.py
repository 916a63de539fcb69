"""The door: a question as JSON, an answer as JSON, whatever was asked."""

from __future__ import annotations

import json
from collections.abc import Callable

from .._version import __version__
from ..abi.layout import DATA_MODELS
from ..abi.revisions import DEFAULT_DATA_MODEL, DEFAULT_REVISION, REVISIONS
from ..errors import OpvasmError
from ..light_typing import Any
from ..report.human import render_all
from ..report.style import COLORED
from ..source import SourceFile
from ..text.vocabulary import vocabulary
from .checking import check, report
from .findings import findings_json
from .running import run
from .samples import sample_text, samples
from .texts import LARGEST_TEXT, Text

Tell = Callable[[str], None]
Question = dict[str, Any]
STATES = 200_000


def answer(question: str, tell: Tell = lambda _: None) -> str:
    """The answer to ``{"ask": NAME, "name": FILE, "text": TEXT, …}``.

    It has ``ok``: with it what was asked for; without it ``error``, for people, and ``findings``
    where the text is to blame.  ``tell`` hears how far a long one is.  Nothing is raised.
    """
    asked: Question = json.loads(question)
    try:
        found = _QUESTIONS[asked["ask"]](asked, tell)
    except OpvasmError as error:
        source = SourceFile(asked.get("name", ""), asked.get("text", ""))
        findings = findings_json(error.diagnostics, source)
        shown = render_all(error.diagnostics, COLORED)
        return json.dumps({"ok": False, "error": shown, "findings": findings})
    except RecursionError:
        return _refused("the text is nested too deeply for a browser")
    except MemoryError:
        return _refused("the browser gives no more memory; a smaller limit of states needs less")
    except (KeyError, ValueError) as error:
        return _refused(f"{asked.get('ask')}: there is no {error}")
    except Exception as error:  # the page goes on, whatever happens
        return _refused(f"{type(error).__name__}: {error}; this is a fault of opvasm")
    return json.dumps({"ok": True, **found}, ensure_ascii=False)


def _refused(message: str) -> str:
    return json.dumps({"ok": False, "error": message + "\n", "findings": []})


def _text(asked: Question) -> Text:
    text = str(asked["text"])
    if len(text) > LARGEST_TEXT:
        raise ValueError(f"room for {len(text):,} characters: the limit is {LARGEST_TEXT:,}")
    return Text(str(asked["name"]), text)


def _hello(asked: Question, tell: Tell) -> dict[str, Any]:
    from .listings import FORMATS

    return {
        "version": __version__,
        "words": vocabulary()._asdict(),
        "samples": samples(),
        "formats": list(FORMATS.items()),
        "revisions": [each.name for each in REVISIONS],
        "models": [each.name for each in DATA_MODELS],
        "defaults": [DEFAULT_REVISION, DEFAULT_DATA_MODEL],
        "states": STATES,
    }


def _sample(asked: Question, tell: Tell) -> dict[str, Any]:
    text = sample_text(str(asked["name"]))
    if text is None:
        raise KeyError(asked["name"])
    return {"text": text}


def _hover(asked: Question, tell: Tell) -> dict[str, Any]:
    from .editing import explained

    return explained(_text(asked), int(asked["at"]))


def _complete(asked: Question, tell: Tell) -> dict[str, Any]:
    from .editing import completed

    return completed(_text(asked), int(asked["at"]))


def _format(asked: Question, tell: Tell) -> dict[str, Any]:
    from ..text.formatter import formatted

    text = _text(asked)
    return {"text": formatted(SourceFile(text.name, text.text))}


def _listing(asked: Question, tell: Tell) -> dict[str, Any]:
    from .listings import listing

    arguments = {str(name): str(value) for name, value in asked["arguments"]}
    return listing(_text(asked), asked["vector"], asked["format"], int(asked["cpu"]), arguments)


def _disassemble(asked: Question, tell: Tell) -> dict[str, Any]:
    from .listings import disassembled

    return disassembled(str(asked["data"]), asked["revision"], asked["model"])


def _explore(asked: Question, tell: Tell) -> dict[str, Any]:
    from .exploring import explore

    return explore(_text(asked), asked["scenario"], int(asked["limit"]), tell)


def _compare(asked: Question, tell: Tell) -> dict[str, Any]:
    from .exploring import compare

    return compare(_text(asked), asked["scenario"], int(asked["limit"]), tell)


def _debug(asked: Question, tell: Tell) -> dict[str, Any]:
    from .debugging import Subject, debug

    arguments = [(str(name), str(value)) for name, value in asked.get("arguments", [])]
    subject = Subject(asked["kind"], asked["what"], arguments)
    return debug(_text(asked), subject, asked["commands"], int(asked["limit"]))


_QUESTIONS: dict[str, Callable[[Question, Tell], dict[str, Any]]] = {
    "hello": _hello,
    "sample": _sample,
    "check": lambda asked, tell: check(_text(asked)),
    "verify": lambda asked, tell: report(_text(asked)),
    "run": lambda asked, tell: run(_text(asked)),
    "hover": _hover,
    "complete": _complete,
    "format": _format,
    "listing": _listing,
    "disassemble": _disassemble,
    "explore": _explore,
    "compare": _compare,
    "debug": _debug,
}
