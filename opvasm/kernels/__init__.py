"""What kernels do to restartable sequences, as data: nothing here runs anything."""
