"""The executable specification: the kernel's checks in their order, and one function an op."""

from .machine import Machine, run_op
from .prepared import Prepared, prepare

__all__ = ["Machine", "Prepared", "prepare", "run_op"]
