"""Machine code of restartable sections, decoded and lifted into the intermediate form.

Decoding is capstone's (the extra ``opvasm[audit]``).  What is not understood is an error that says
which instruction and why; nothing is guessed.
"""
