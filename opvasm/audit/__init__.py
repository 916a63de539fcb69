"""The restartable sections of compiled programs: found, checked against rules, told for each kernel."""
