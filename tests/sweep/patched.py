"""``opvasm``, with other values for what cluster.py waits: the first word, as JSON."""

from __future__ import annotations

import json
import sys

from opvasm.cli.main import main
from opvasm.sweep import cluster

if __name__ == "__main__":
    for name, value in json.loads(sys.argv[1]).items():
        setattr(cluster, name, value)
    sys.exit(main(sys.argv[2:]))
