"""What a scenario claims: conditions, and whether they hold in a state."""
