"""What subcommands write, and how they end."""
