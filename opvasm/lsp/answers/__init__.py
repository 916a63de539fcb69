"""What an editor asks of a document: one file for each kind of question."""
