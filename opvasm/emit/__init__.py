"""Vectors and sections as C that runs: restartable sections with a fallback, in one self-contained header."""

from .header import ARCHITECTURES, Request, header
from .names import Naming

__all__ = ["ARCHITECTURES", "Naming", "Request", "header"]
