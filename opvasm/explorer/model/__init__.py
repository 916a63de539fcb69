"""What a step or a disturbance does."""
