"""Three tasks for the cluster at an address, of which one kills every worker that does it."""

from __future__ import annotations

import sys

from opvasm.sweep.cluster import Cluster
from opvasm.sweep.tasks import Task, WorkersLost

from .deadly import dies_if


def main() -> None:
    """Say what the cluster says of it."""
    cluster = Cluster(sys.argv[1])
    tasks = [Task(f"task {number}", dies_if, (number, 2)) for number in range(3)]
    found: dict[int, object] = {}
    try:
        cluster.run(tasks, found.__setitem__)
    except WorkersLost as error:
        print(error.message)
    cluster.close()


if __name__ == "__main__":
    main()
