"""What can run a call: the reference interpreter, and other implementations by a pipe."""

from ..interpreter.events import Observer
from .base import Answer, Engine, EngineError

__all__ = ["Answer", "Engine", "EngineError", "get_engine", "traced_engine"]

ENGINE_NAMES = ("reference",)


def traced_engine(name: str) -> Engine:
    """An engine by its name, or a plugin by its command, that tells what happens on the way.

    Raises EngineError when the command can't be started.
    """
    if name in ENGINE_NAMES:
        from .reference import ReferenceEngine

        return ReferenceEngine(traced=True)
    from .plugin import PluginEngine

    return PluginEngine(name, traced=True)


def get_engine(name: str, observe: Observer | None = None) -> Engine:
    """An engine by its name; ``observe`` is told of every event.

    Raises EngineError with the known names for any other.
    """
    if name == "reference":
        from .reference import ReferenceEngine

        return ReferenceEngine(observe)
    raise EngineError(f"no engine is called {name!r}; there is: {', '.join(ENGINE_NAMES)}")
