"""samples/c: a malloc cache made from one .opv, under programs that know nothing of it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opvasm.assembler import assemble
from opvasm.emit import Naming, Request, header
from opvasm.emit.positions import find_position
from opvasm.source import SourceFile

from .conftest import ROOT, WARNINGS, need, run, strategy_of

SAMPLE = ROOT / "samples" / "c"
# As it is, with the fallback for each call, for every seventh with a fence each time, and with sections
# that are aborted all the time.
STORM = {"OPV_FALLBACK": "never", "STORM": "1"}
SWITCHES = (
    {"OPV_FALLBACK": "never"},
    {"OPV_FALLBACK": "always"},
    {"OPV_FALLBACK": "7", "OPV_KEEP_SLOW": "0"},
    STORM,
)

# Of the tests of sets, those that do once more with a subclass what was done with a set, and one that
# computes hashes for a third of the time.
WITHOUT_REPEATS = ("-i", "*Mutating_*Subclass*", "-i", "test_hash_effectiveness")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, as its head says it is built."""
    need("gcc")
    folder = tmp_path_factory.mktemp("malloc")
    text = (SAMPLE / "malloc_cache.opv").read_text()
    assembly = assemble(SourceFile("malloc_cache.opv", text))
    vectors = tuple(assembly.program.vectors.values())
    naming, strategy = Naming("malloc_cache", {}), strategy_of(assembly, "elide")
    positions = {"list": find_position("lists", assembly.program.data)}
    made = header(Request(assembly.program, vectors, strategy, naming, positions=positions))
    (folder / "malloc_cache.h").write_text(made)
    target = folder / "malloc_cache.so"
    command = ("gcc", "-O2", *WARNINGS, "-fPIC", "-shared", f"-I{folder}")
    done = run(*command, SAMPLE / "malloc_cache.c", "-o", target, "-lpthread")
    assert done.returncode == 0, done.stderr
    storm = ("gcc", "-O2", *WARNINGS, "-fPIC", "-shared", Path(__file__).with_name("storm.c"))
    done = run(*storm, "-o", folder / "storm.so", "-lpthread")
    assert done.returncode == 0, done.stderr
    return target


def name_of(switch: dict[str, str]) -> str:
    """How a switch is called in the names of tests."""
    return "storm" if switch is STORM else switch["OPV_FALLBACK"]


def preloaded(library: Path, switch: dict[str, str], report: bool = True) -> dict[str, str]:
    """The variables with which a program gets the cache."""
    extra = {"MALLOC_CACHE_REPORT": "1"} if report else {}
    libraries = [library, library.with_name("storm.so")] if switch is STORM else [library]
    return {"LD_PRELOAD": " ".join(map(str, libraries)), **switch, **extra}


def fallbacks(text: str) -> int:
    """How many operations took the fallback, as the cache reports at a program's end."""
    found = re.findall(r"(\d+) fallbacks", text)
    assert found, text
    return sum(map(int, found))


def sample_of_bytes() -> bytes:
    """A megabyte that neither compresses to nothing nor not at all."""
    chance = random.Random(1)
    words = [chance.randbytes(12) for _ in range(300)]
    return b"".join(chance.choice(words) for _ in range(90_000))


@pytest.mark.parametrize("switch", SWITCHES, ids=name_of)
def test_python_passes_its_own_tests(library: Path, switch: dict[str, str]) -> None:
    """CPython's tests of dicts, sets and threads pass on the cache."""
    if importlib.util.find_spec("test.test_dict") is None:
        pytest.skip("this Python comes without its tests")
    dicts, sets = ("test_dict",), ("test_set", *WITHOUT_REPEATS)
    # Sections are aborted where blocks are asked for most; the fallback is a call like the last.
    names = sets if switch is STORM else (*dicts, *sets) if switch is SWITCHES[0] else dicts
    env = {**preloaded(library, switch), "PYTHONMALLOC": "malloc"}
    done = run(sys.executable, "-m", "test", "-q", "test_threading_local", *names, env=env)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    text = done.stdout + done.stderr
    assert (fallbacks(text) > 1000) == (switch["OPV_FALLBACK"] != "never")
    if switch is STORM:
        assert sum(map(int, re.findall(r"(\d+) aborts", text))) > 100


@pytest.mark.parametrize("switch", SWITCHES, ids=name_of)
@pytest.mark.parametrize(
    "command", [("xz", "-T2", "-1", "-c"), ("pigz", "-p", "4", "-b", "128", "-c")]
)
def test_compressors_write_the_same(
    library: Path, command: tuple[str, ...], switch: dict[str, str], tmp_path: Path
) -> None:
    """Two compressors with threads write, byte by byte, what they write without the cache."""
    need(command[0])
    file = tmp_path / "data"
    file.write_bytes(sample_of_bytes())
    digests = []
    for extra in ({}, preloaded(library, switch, report=False)):
        done = subprocess.run(
            [*command, str(file)], env={**os.environ, **extra}, capture_output=True, check=True
        )
        digests.append(hashlib.sha256(done.stdout).hexdigest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("switch", SWITCHES, ids=name_of)
def test_memcached_remembers(library: Path, switch: dict[str, str]) -> None:
    """memcached with four threads answers 3,000 gets with what was set."""
    need("memcached")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "4", "-m", "64"]
    if os.geteuid() == 0:
        command += ["-u", "root"]
    server = subprocess.Popen(
        command,
        env={**os.environ, **preloaded(library, switch, report=False)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wrong = converse(server, port)
    finally:
        server.terminate()
        server.wait()
        if server.stderr is not None:
            server.stderr.close()
    assert wrong == 0


def converse(server: subprocess.Popen[bytes], port: int) -> int:
    """Set and get over four connections at once; how many answers were wrong."""
    connections: list[socket.socket] = []
    while len(connections) < 4:
        try:
            connections.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        except ConnectionRefusedError:
            assert server.poll() is None, "memcached did not start"
            time.sleep(0.02)
    files = [each.makefile("rwb") for each in connections]
    wrong = 0
    for round_ in range(750):
        for number, file in enumerate(files):
            value = (b"%d" % (round_ * 7 + number)) * (1 + round_ % 40)
            file.write(b"set k%d_%d 0 0 %d\r\n%s\r\nget k%d_%d\r\n" % (
                number, round_, len(value), value, number, round_
            ))  # fmt: skip
            file.flush()
        for number, file in enumerate(files):
            value = (b"%d" % (round_ * 7 + number)) * (1 + round_ % 40)
            stored, head, back, end = (file.readline() for _ in range(4))
            wrong += (stored, end) != (b"STORED\r\n", b"END\r\n")
            wrong += back != value + b"\r\n" or not head.startswith(b"VALUE")
    for file, connection in zip(files, connections, strict=True):
        file.close()
        connection.close()
    return wrong


def test_a_process_that_forks_goes_on(library: Path, tmp_path: Path) -> None:
    """A child has sections and fences of its own, also when the fallback is forced."""
    program = (
        "import os, threading\n"
        "stop = []\n"
        "def work():\n"
        "    while not stop: [bytearray(n) for n in range(100)]\n"
        "threads = [threading.Thread(target=work) for _ in range(3)]\n"
        "[each.start() for each in threads]\n"
        "for _ in range(8):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        [bytearray(n) for n in range(1000)]; os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "stop.append(1)\n"
    )
    assert shutil.which(sys.executable)
    for switch in SWITCHES:
        env = {**preloaded(library, switch), "PYTHONMALLOC": "malloc"}
        done = run(sys.executable, "-W", "ignore", "-c", program, env=env)
        assert done.returncode == 0, f"{switch}: {done.stderr}"
