"""In what setting a scenario is explored: kernels, CPUs, strategies, limits."""
