"""Which rules the running kernel applies to restartable sequences: asked of it, not of uname.

``run.host_profile()`` is what ``--kernel host`` means; ``run.probe_host()`` is all that was seen.
"""
