"""A subcommand is one file here; when it needs a third, it gets a folder."""
