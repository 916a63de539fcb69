"""What a step is, and the memory it runs on."""
