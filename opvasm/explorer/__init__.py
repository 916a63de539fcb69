"""Every interleaving of a scenario: rseq sections, vectors and locks under each kernel's rules."""
