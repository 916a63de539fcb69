"""Kernels, CPUs, limits."""
