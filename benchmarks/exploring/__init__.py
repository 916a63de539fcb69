"""The scenarios that `python -m benchmarks explore` measures, and Spin on the same."""
