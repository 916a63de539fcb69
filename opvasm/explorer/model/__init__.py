"""The model: what a step of a thread or a disturbance does to a state."""
