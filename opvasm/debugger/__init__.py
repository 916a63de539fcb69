"""Sessions that go through tests, calls and schedules both ways, and what a person types there."""
