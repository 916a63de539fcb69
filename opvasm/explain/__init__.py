"""What every code, op, revision, quirk and kind of page means, taken from the tables."""

from __future__ import annotations

from collections.abc import Callable

from ..abi.ops import OPERATIONS
from ..abi.pages import PageKind
from ..abi.revisions import QUIRKS, REVISIONS
from ..codes import all_codes
from ..light_typing import NamedTuple


class Topic(NamedTuple):
    """Something that can be explained: its name, other names for it, and a line about it."""

    name: str
    aliases: tuple[str, ...]
    summary: str
    explain: Callable[[], str]


class Chapter(NamedTuple):
    """Topics of one kind."""

    title: str
    topics: tuple[Topic, ...]


def chapters() -> tuple[Chapter, ...]:
    """Everything there is to explain, in the order in which it is listed."""
    from . import code, operation, page, quirk, revision

    return (
        Chapter(
            "revisions of the interface",
            tuple(
                Topic(
                    each.name,
                    (),
                    _marked(each.summary, each.inferred),
                    _later(revision.explain, each),
                )
                for each in REVISIONS
            ),
        ),
        Chapter(
            "ops",
            tuple(
                Topic(each.mnemonic, (each.c_name,), each.summary, _later(operation.explain, each))
                for each in OPERATIONS
            ),
        ),
        Chapter(
            "kinds of page",
            tuple(
                Topic(each.value, (), each.summary, _later(page.explain, each)) for each in PageKind
            ),
        ),
        Chapter(
            "quirks: mistakes of historic kernels, modelled on request",
            tuple(
                Topic(name, (), summary, _later(quirk.explain, name, summary))
                for name, summary in QUIRKS.items()
            ),
        ),
        Chapter(
            "diagnostic codes",
            tuple(
                Topic(
                    each.code,
                    (each.name,),
                    f"{each.title} ({each.name})",
                    _later(code.explain, each),
                )
                for each in all_codes().values()
            ),
        ),
    )


def find(name: str) -> Topic | None:
    """The topic of a name, whatever its case."""
    wanted = name.lower()
    for chapter in chapters():
        for topic in chapter.topics:
            if wanted in (topic.name.lower(), *(alias.lower() for alias in topic.aliases)):
                return topic
    return None


def names() -> list[str]:
    """Every name that ``find`` knows."""
    return [
        name
        for chapter in chapters()
        for topic in chapter.topics
        for name in (topic.name, *topic.aliases)
    ]


def overview() -> str:
    """All topics, a line each."""
    blocks = []
    for chapter in chapters():
        width = max((len(topic.name) for topic in chapter.topics), default=0)
        lines = [f"  {topic.name:<{width}}  {topic.summary}" for topic in chapter.topics]
        blocks.append("\n".join([chapter.title, *lines]))
    return "\n\n".join(blocks) + "\n"


def _marked(summary: str, inferred: bool) -> str:
    return f"{summary} (inferred)" if inferred else summary


def _later(explain: Callable[..., str], *values: object) -> Callable[[], str]:
    return lambda: explain(*values)
