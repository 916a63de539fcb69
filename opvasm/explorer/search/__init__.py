"""The search: going through all states of a configuration."""
