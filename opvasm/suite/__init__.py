"""Many tests at once: found in files and folders, chosen, run, counted, reported."""
