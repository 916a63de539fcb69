"""Going through the states."""
