"""What is typed: subcommands, parsers, completion."""
