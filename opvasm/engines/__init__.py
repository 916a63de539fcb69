"""What can run a call: the reference interpreter, and other implementations by a pipe."""

from .base import Answer, Engine, EngineError

__all__ = ["Answer", "Engine", "EngineError", "get_engine"]

ENGINE_NAMES = ("reference",)


def get_engine(name: str) -> Engine:
    """An engine by its name.  Raises EngineError with the known names for any other."""
    if name == "reference":
        from .reference import ReferenceEngine

        return ReferenceEngine()
    raise EngineError(f"no engine is called {name!r}; there is: {', '.join(ENGINE_NAMES)}")
