"""One path: followed, drawn, saved, and why it failed."""
