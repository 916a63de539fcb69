"""JSON from outside: whatever is wrong with it is a ValueError."""

from __future__ import annotations

import json

from .light_typing import Any


def loads(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises ValueError where it is not one, also where it is nested deeper than Python's own reader
    goes, which raises RecursionError.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None
