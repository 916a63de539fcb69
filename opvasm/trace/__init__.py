"""What calls and tests do, written down as it happens: for people, and as JSON lines."""
