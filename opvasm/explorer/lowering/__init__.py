"""From text to steps."""
