"""`opvasm debug`: in a terminal, for an editor, and on a real program."""
