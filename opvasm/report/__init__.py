"""Findings for readers: people here; machines in the siblings."""
