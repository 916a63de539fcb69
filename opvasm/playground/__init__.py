"""What a page in a browser asks, from texts to values of JSON; nothing here knows a browser.

``answers.answer`` is the door.  Everything is done by the library, with Python and lark alone.
"""
