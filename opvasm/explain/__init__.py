"""What every word that the tool prints means, taken from the tables where there is one."""

from __future__ import annotations

from collections.abc import Callable

from ..codes import all_codes
from ..light_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..codes.code import Code


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
    from ..abi.ops import OPERATIONS
    from ..abi.pages import PageKind
    from ..abi.revisions import QUIRKS, REVISIONS
    from ..kernels.profiles import PROFILES, aliases_of
    from . import kernel, operation, page, quirk, revision, words

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
            "kernel profiles: what a kernel does to restartable sections",
            tuple(
                Topic(each.name, aliases_of(each), each.summary, _later(kernel.explain, each))
                for each in PROFILES.values()
            ),
        ),
        Chapter(
            "words of reports",
            tuple(
                Topic(each.name, (), f"{each.kind}", _later(words.explain, each))
                for each in words.WORDS
            ),
        ),
        Chapter("diagnostic codes", tuple(map(_of_code, all_codes().values()))),
    )


def _of_code(each: Code) -> Topic:
    from .code import explain

    return Topic(each.code, (each.name,), f"{each.title} ({each.name})", _later(explain, each))


def find(name: str) -> Topic | None:
    """The topic of a name, whatever its case."""
    code = all_codes().get(name.upper())
    if code is not None:  # what is mostly asked for, and needs no other table
        return _of_code(code)
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
