"""`opvasm run`: tests, one vector or section, or assembled ops, with a trace."""
