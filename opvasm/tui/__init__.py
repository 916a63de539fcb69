"""The debugger on a whole terminal: ``opvasm debug --tui`` (needs textual, ``opvasm[tui]``).

``panes.py`` says what each part shows, as lines; ``app.py`` puts them on the screen.
"""
