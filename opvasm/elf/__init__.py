"""ELF files as they are: headers, segments, relocations, symbols, archives, rseq descriptors.

The one reader of such files in the house.  It reads what it is asked for and no more, from a file or
from bytes in memory, and takes no header at its word: whatever points outside of the file, overlaps
what it may not, or asks for more than a file of that size can hold, is an ElfError with the place.
"""
