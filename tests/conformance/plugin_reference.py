"""A plugin that answers with the reference interpreter: the protocol of docs/plugin.md at work."""

from __future__ import annotations

import json
import sys

from opvasm.conformance_case import read_case
from opvasm.engines.reference import ReferenceEngine


def main() -> None:
    """Answer every line of standard input; spoil every answer when asked to, for the tests."""
    engine = ReferenceEngine()
    spoil = sys.argv[1:] == ["--spoil"]
    for line in sys.stdin:
        quirks = json.loads(line)["quirks"]
        case = read_case(line)
        answer = engine.answer(case, quirks)
        runs = [[hex(address), f"{byte:02x}"] for address, byte in sorted(answer.changed.items())]
        result = answer.result + 1 if spoil else answer.result
        print(json.dumps({"id": case.identifier, "ret": result, "memory_after": runs}), flush=True)


if __name__ == "__main__":
    main()
