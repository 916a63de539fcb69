"""The language in an editor: what a text says at a place, as plain values, and a server for it.

``document.Document`` is one version of a text; the functions of ``answers`` take one and offsets
(characters from 0) and give values.  Only ``server.py`` and ``protocol.py`` know of the Language
Server Protocol and need pygls; the rest runs wherever Python and lark do, in a browser too.
"""
