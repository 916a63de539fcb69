"""Names of kernel profiles on the command line: profiles, older names, ``host``, lists of them."""

from __future__ import annotations

from collections.abc import Iterable

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError

if TYPE_CHECKING:
    from ...kernels.profiles import Profile
    from ..terminal.terminal import Terminal

HOST = "host"


class HostUnknown(Exception):
    """``host`` was named, and the probe can't say what this host is; exit 3 or 4."""

    def __init__(self, message: str, possible: bool) -> None:
        super().__init__(message)
        self.possible = possible


def named_profiles(texts: Iterable[str], option: str) -> tuple[Profile, ...]:
    """The profiles of an option's values, each a list with commas, in the order of the table.

    An older name means all the profiles that it stands for; ``host`` is the running kernel's, which
    is asked by the probe.  Raises UsageError for a name that there is not, HostUnknown.
    """
    from ...kernels.profiles import ALIASES, PROFILES, profiles_named

    wanted: set[str] = set()
    for text in texts:
        for name in (each.strip() for each in text.split(",") if each.strip()):
            if name == HOST:
                wanted.add(_host().name)
            elif name in PROFILES or name in ALIASES:
                wanted |= {each.name for each in profiles_named(name)}
            else:
                raise UsageError(f"{option}: there is no kernel {name!r}", _instead(name))
        if not wanted:
            raise UsageError(f"{option} {text!r} names nothing")
    return tuple(profile for name, profile in PROFILES.items() if name in wanted)


def _instead(name: str) -> str:
    """What may have been meant by a name that is no profile's."""
    from ...kernels.profiles import ALIASES, PROFILES
    from ...kernels.versions import version_help
    from ...suggestion import did_you_mean

    there_are = f"there are: {', '.join((*PROFILES, *ALIASES, HOST))}"
    return version_help(name) or did_you_mean(name, (*PROFILES, HOST)) or there_are


def host_unknown(problem: HostUnknown, terminal: Terminal) -> int:
    """Say why ``host`` is not known; the exit code."""
    from ..terminal import exits

    terminal.fail(f"the kernel of this host is not known: {problem}", "opvasm probe says more")
    return exits.INCONCLUSIVE if problem.possible else exits.HOST


def _host() -> Profile:
    try:
        from ...probe.native import NotHere
        from ...probe.run import Undecided, host_profile
    except ImportError as error:
        raise HostUnknown(f"the probe needs Python's ctypes: {error}", possible=False) from None
    try:
        return host_profile()
    except Undecided as problem:
        raise HostUnknown(str(problem), possible=True) from None
    except (NotHere, OSError) as problem:
        raise HostUnknown(str(problem), possible=False) from None
