"""`opvasm explore`: one file, a sweep, a comparison, and how each is written."""
