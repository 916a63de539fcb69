"""``opvasm emit``: options, the proof of a header, the header, and whether it is up to date."""
