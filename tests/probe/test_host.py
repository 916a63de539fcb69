"""The probe on the machine that runs the tests, and where there is no rseq."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

import opvasm
from opvasm.kernels.profiles import PROFILES

SCHEMA = Path(opvasm.__file__).parent / "probe" / "schemas" / "opvasm-probe-1.json"
PROBE = (sys.executable, "-m", "opvasm", "probe")
# Under an emulator each module costs: without those of other packages, and from the folder of this one.
LEAN = (sys.executable, "-S", *PROBE[1:])


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command, with its output."""
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        check=False,
    )


@pytest.fixture(scope="module")
def document() -> dict[str, object]:
    """What the probe says of this machine."""
    done = run(*PROBE, "-f", "json")
    assert done.returncode in (0, 1, 3, 4), done.stderr
    if not done.stdout:
        pytest.skip(done.stderr.strip())
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture
def absent(document: dict[str, object]) -> None:
    """Skips where there is no rseq anyway, so that a reason of our own can't be told."""
    if not document["facts"]["owner"]:  # type: ignore[index]
        pytest.skip("glibc registers nothing here")


def test_the_document_has_its_schema(document: dict[str, object]) -> None:
    """opvasm-probe/1."""
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))


def profile(found: dict[str, object]) -> str | None:
    """The profile of the registration that a program gets; None: too busy to tell."""
    first = found["registrations"][0]  # type: ignore[index]
    verdict = first["verdict"]
    assert verdict["state"] in ("known", "inconclusive"), first
    return str(verdict["profile"]) if verdict["state"] == "known" else None


def test_this_kernel_is_one_of_the_known_ones(document: dict[str, object], absent: None) -> None:
    """... or the machine is too busy to tell; it is never something else."""
    assert profile(document) in (None, *PROFILES)


@pytest.fixture
def busy() -> Iterator[None]:
    """A process for each CPU that does nothing but take it; four at most."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)
        for _ in range(min(4, len(os.sched_getaffinity(0))))
    ]
    yield
    for each in loops:
        each.kill()
        each.wait()


def test_a_busy_machine_does_not_fool_it(
    document: dict[str, object], absent: None, busy: None
) -> None:
    """Beside busy processes the profile is the same, or the probe says inconclusive."""
    done = run(*PROBE, "-f", "json", "--timeout", "6")
    again = profile(json.loads(done.stdout))
    assert again in (None, profile(document)) or profile(document) is None


def test_a_tunable_is_named(document: dict[str, object], absent: None) -> None:
    """GLIBC_TUNABLES switches rseq off: no_rseq, the reason, exit 4."""
    done = run(*PROBE, GLIBC_TUNABLES="glibc.pthread.rseq=0")
    assert done.returncode == 4
    assert "verdict: no_rseq: the tunable glibc.pthread.rseq=0" in done.stdout
    assert (
        run(*PROBE, "--require", "no_rseq", GLIBC_TUNABLES="glibc.pthread.rseq=0").returncode == 0
    )


def test_exec_without_rseq_is_named(document: dict[str, object], absent: None) -> None:
    """opvasm exec --no-rseq refuses the registration: no_rseq, the filter, exit 4."""
    done = run(sys.executable, "-m", "opvasm", "exec", "--no-rseq", "--", *PROBE)
    if "verdict" not in done.stdout:
        pytest.skip(done.stderr.strip() or "programs can't be traced here")
    assert done.returncode == 4
    assert "opvasm exec --no-rseq" in done.stdout


@pytest.mark.parametrize(
    ("emulator", "word"),
    [
        (("valgrind", "-q", "--tool=none"), "valgrind"),
        (("qemu-x86_64",), "qemu-x86_64 (an emulator)"),
    ],
)
def test_an_emulator_is_named(
    document: dict[str, object], absent: None, emulator: tuple[str, ...], word: str
) -> None:
    """valgrind and qemu-user know no rseq: no_rseq, the reason, exit 4."""
    if shutil.which(emulator[0]) is None:
        pytest.skip(f"{emulator[0]} is not installed")
    done = run(*emulator, *LEAN)
    assert done.returncode == 4, done.stderr
    assert f"verdict: no_rseq: {word} answers ENOSYS" in done.stdout


def test_requirements(document: dict[str, object], absent: None) -> None:
    """--require says yes to the profile, no to another, and refuses a name that is none."""
    found = profile(document)
    if found is None:
        pytest.skip("the machine is too busy to tell")
    other = "v6_19_x86" if found != "v6_19_x86" else "legacy"
    assert run(*PROBE, "--require", f"{found},{other}").returncode in (0, 3)
    assert run(*PROBE, "--require", other).returncode in (1, 3)
    done = run(*PROBE, "--require", "legcy")
    assert done.returncode == 2
    assert "legacy" in done.stderr


def test_one_cpu(document: dict[str, object], absent: None) -> None:
    """With one CPU allowed, four questions are not asked, and say why; all that are asked are answered."""
    words = [f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})"]
    words += ["from opvasm.cli.main import main", "import sys; sys.exit(main(['probe']))"]
    done = run(sys.executable, "-c", "; ".join(words))
    assert done.stdout.count("not asked: needs two CPUs") == 4, done.stderr
    assert "no try counts" not in done.stdout
