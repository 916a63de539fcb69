"""Simulated hardware: pages of memory and CPUs.  It has never heard of an op."""

from .cpus import Cpus
from .memory import Fault, Memory, Page

__all__ = ["Cpus", "Fault", "Memory", "Page"]
