"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure: nothing here judges by the clock.
settings.register_profile("opvasm", deadline=None)
settings.load_profile("opvasm")
