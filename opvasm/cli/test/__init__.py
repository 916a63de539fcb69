"""`opvasm test`: pieces, workers, comparison with another engine."""
