"""A plugin that answers with the reference interpreter: the protocol of docs/plugin.md at work."""

from __future__ import annotations

import json
import sys

from opvasm.conformance_case import read_case
from opvasm.engines.reference import ReferenceEngine
from opvasm.suite.against import record_of


def main() -> None:
    """Answer every line of standard input; spoil every answer when asked to, for the tests."""
    engine = ReferenceEngine(traced=True)
    spoil = sys.argv[1:] == ["--spoil"]
    for line in sys.stdin:
        asked = json.loads(line)
        quirks = asked["quirks"]
        case = read_case(line)
        answer = engine.answer(case, quirks)
        runs = [[hex(address), f"{byte:02x}"] for address, byte in sorted(answer.changed.items())]
        result = answer.result + 1 if spoil else answer.result
        reply: dict[str, object] = {"id": case.identifier, "ret": result, "memory_after": runs}
        if asked.get("trace"):
            records = [record_of(event) for event in answer.events or ()]
            if sys.argv[1:] == ["--spoil-trace"]:
                spoil_trace(records)
            reply["trace"] = records
        print(json.dumps(reply), flush=True)


def spoil_trace(records: list[dict[str, object]]) -> None:
    """Let the first store write something else, for the tests."""
    for record in records:
        if record["event"] == "stored":
            record["after"] = "ee" * (len(str(record["after"])) // 2)
            return


if __name__ == "__main__":
    main()
