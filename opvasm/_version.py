"""The version, in the one place from which the build, the package and the command take it."""

__version__ = "0.1.0"
