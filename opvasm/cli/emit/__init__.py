"""``opvasm emit``."""
