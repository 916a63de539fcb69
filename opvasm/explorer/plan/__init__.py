"""A configuration made ready, or refused."""
