"""Processes that have imported Dask already: each is forked from one that did, and did nothing else.

Dask's import takes most of the life of a scheduler, a worker or a command that asks them.  The process
to fork from is ``python -m tests.sweep.forked``; what it is asked for, and answers, are lines of JSON.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Forks:
    """The process to fork from.  Each fork's output goes to files."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sweep.forked"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self, module: str, words: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path
    ) -> Fork:
        """``python -m module words``; standard error goes to ``log``, and standard output beside it."""
        output = log.with_suffix(".out")
        fork = Fork(self.ask(module, list(words), str(cwd), dict(env), str(output), str(log)), self)
        fork.output, fork.errors = output, log
        return fork

    def ask(self, *request: object) -> Any:
        """The answer to a request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """No more forks."""
        self._process.communicate()


class Fork:
    """One of them, as far as a test needs what subprocess.Popen offers."""

    output: Path
    errors: Path

    def __init__(self, pid: int, forks: Forks) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._forks = forks

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        return self._asked(os.WNOHANG)

    def wait(self) -> int:
        """How it ended, once it has."""
        code = self._asked(0)
        assert code is not None
        return code

    def kill(self) -> None:
        """End it, if it runs."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _asked(self, options: int) -> int | None:
        if self.returncode is None:
            self.returncode = self._forks.ask(self.pid, options)
        return self.returncode


def _answers() -> None:
    """Fork, and wait, as asked, until nobody asks any more."""
    import distributed.cli.dask_scheduler
    import distributed.cli.dask_worker  # noqa: F401

    while line := sys.stdin.readline():
        request = json.loads(line)
        if isinstance(request[0], int):
            pid, status = os.waitpid(*request)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                _become(*request)
        print(json.dumps(answer), flush=True)


def _become(
    module: str, words: list[str], cwd: str, env: dict[str, str], output: str, errors: str
) -> None:
    """What a new interpreter would be, but for the modules that are there already."""
    code = 1
    try:
        for path, descriptor in (("/dev/null", 0), (output, 1), (errors, 2)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), descriptor)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        sys.path[:0] = [cwd, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
        import dask

        dask.config.refresh()
        sys.argv[1:] = words
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _answers()
