"""What subcommands read, and the options for it."""
