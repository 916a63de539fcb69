"""From the text of a scenario to steps."""
