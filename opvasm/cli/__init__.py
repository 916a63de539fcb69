"""The command line: a customer of the library like any other."""
