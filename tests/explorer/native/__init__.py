"""The C engine against the Python engine."""
