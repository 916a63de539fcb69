"""Those that do the work of a sweep or of many tests: processes of this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError
from .workers import HostError, WorkerOptions

if TYPE_CHECKING:
    from ...sweep.tasks import Runner


@contextmanager
def workers(options: WorkerOptions, jobs: int) -> Iterator[Runner]:
    """Those that do the work.  Raises HostError where there is no cluster or workers die."""
    from ...sweep.runners import local_runner
    from ...sweep.tasks import WorkersLost

    if options.cluster is None:
        runner = local_runner(jobs)
    else:
        from ...sweep.cluster import Cluster, NoCluster

        try:
            runner = Cluster(options.cluster)
        except NoCluster as error:
            if error.malformed:
                raise UsageError(f"--cluster: {error.message}", error.help) from None
            raise HostError(error.message, error.help) from None
    try:
        yield runner
    except WorkersLost as error:
        raise HostError(error.message, error.help) from None
    finally:
        runner.close()
