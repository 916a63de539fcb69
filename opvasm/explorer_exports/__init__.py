"""Scenarios in the languages of other tools, which then judge them on their own."""
