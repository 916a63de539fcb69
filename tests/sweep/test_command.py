"""opvasm explore --sweep as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from opvasm.sweep import work
from tests.cli.conftest import Run, environment, opvasm

from .helpers import COUNTER, ROOT
from .test_merge import SCHEMA
from .test_pool import gone

__all__ = ["opvasm"]

SWEEP = (sys.executable, "-m", "opvasm", "explore", "--sweep")
# Some thirty units, which take a few seconds.
LONG = (*SWEEP, "stepping.opv", "--kernels", "legacy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files with scenarios, one without, and one that is wrong on purpose."""
    (tmp_path / "s" / "deep").mkdir(parents=True)
    (tmp_path / "s" / "counter.opv").write_text(COUNTER)
    (tmp_path / "s" / "deep" / "counter.opv").write_text(f'use "../counter.opv"\n{OTHER}')
    (tmp_path / "s" / "none.opv").write_text("percpu n: u64\n")
    (tmp_path / "s" / "wrong.opv").write_text("scenario {\n")
    (tmp_path / "s" / "wrong.expected").write_text("")
    return tmp_path


OTHER = """strategy pair = rseq then opv after 1
scenario far "the vector of a used file" {
    cpus 2
    strategy pair
    thread a @0 { run bump(1) }
    thread b @1 { run bump(1) on 0 }
    forall counter@0 == 2
}
"""


def test_a_folder_is_swept_and_one_process_or_two_say_the_same(opvasm: Run, folder: Path) -> None:
    first = opvasm("explore", "--sweep", "s", "--jobs", "1", "-f", "json")
    assert first.code == 0, first.errors
    document = json.loads(first.output)
    jsonschema.validate(document, SCHEMA)
    assert [each["file"] for each in document["files"]] == ["s/counter.opv", "s/deep/counter.opv"]
    assert opvasm("explore", "--sweep", "s", "--jobs", "2", "-f", "json") == first
    text = opvasm("explore", "s", "s/counter.opv", "--sweep", "--jobs", "2")
    assert text == opvasm("explore", "--sweep", "s", "--jobs", "1")
    assert "4 of 4 scenarios as the file expects\n" in text.text


def test_the_exit_code_is_about_what_the_file_expects(opvasm: Run, tmp_path: Path) -> None:
    """1 not as expected; 0 though many combinations fail; 3 when a limit keeps it from being known."""
    (tmp_path / "c.opv").write_text(COUNTER)
    few = ("explore", "--sweep", "c.opv", "--jobs", "1", "--strategies", "rseq,opv")
    assert opvasm(*few).code == 0
    # Without rseq sections are tried again for ever: walks that take as long as they may.
    assert opvasm(*few, "--kernels", "legacy", "--max-states", "2").code == 3
    assert opvasm(*few, "--walks", "3").code == 3
    (tmp_path / "c.opv").write_text(COUNTER.replace("expect fails", "expect holds"))
    ran = opvasm(*few)
    assert ran.code == 1
    assert "not as expected: c.opv: plain_race" in ran.text
    assert opvasm(*few, "-f", "junit").code == 1


def test_a_timeout_is_recorded(opvasm: Run, tmp_path: Path) -> None:
    (tmp_path / "c.opv").write_text(COUNTER)
    # Not without rseq, where walks take as long as they may.
    words = ("--kernels", "legacy,v6_19_arm64", "--timeout", "1e-9", "-f", "json")
    ran = opvasm("explore", "--sweep", "c.opv", "--jobs", "1", *words)
    cells = json.loads(ran.output)["files"][0]["scenarios"][0]["cells"]
    # Searches too small to look at the clock are finished; none is stopped by anything else.
    assert {each["stopped"] for each in cells} <= {None, "1e-09 seconds"}
    told = " ".join(opvasm("explore", "--help").text.split())
    assert "what it has seen then depends on the machine" in told


@pytest.mark.parametrize("walks", [(), ("--walks", "200", "--pct", "3", "--seed", "11")])
def test_saved_counterexamples_can_be_followed(
    walks: tuple[str, ...], opvasm: Run, tmp_path: Path
) -> None:
    (tmp_path / "c.opv").write_text(COUNTER)
    words = ("explore", "--sweep", "c.opv", "--jobs", "1", "--kernels", "v6_19_arm64")
    opvasm(*words, *walks, "--save", "found")
    saved = sorted((tmp_path / "found").iterdir())
    assert len(saved) >= 3
    for path in saved:
        ran = opvasm("explore", "c.opv", "--replay", path)
        assert ran.code == 0, ran.errors
        assert "forall" in ran.text


def test_nothing_to_save_is_told(opvasm: Run, tmp_path: Path) -> None:
    (tmp_path / "c.opv").write_text(COUNTER)
    words = ("explore", "--sweep", "c.opv", "--jobs", "1", "--kernels", "legacy", "--walks", "1")
    ran = opvasm(*words, "--strategies", "none_of_these")
    assert ran.code == 2
    source = COUNTER.split("scenario plain_race")[0]
    (tmp_path / "c.opv").write_text(source)
    assert "nothing failed" in opvasm(*words, "--save", "found").errors


BAD: list[tuple[tuple[str, ...], str]] = [
    (("none.opv",), "cannot read none.opv: No such file or directory"),
    (("empty",), "no scenario in empty"),
    (("plain.opv",), "plain.opv has no scenario"),
    (("lifted.opv",), "audit --lift FILE --peer KIND writes some with lifted sections"),
    (("wrong.opv",), "wrong.opv:1"),
    (("latin.opv",), "not a text"),
    (("c.opv", "--jobs", "0"), "--jobs 0 is not within 1 to 4096"),
    (("c.opv", "--jobs", "many"), "--jobs: 'many' is not a whole number"),
    (("c.opv", "--jobs", "1", "--cluster", "tcp://x:1"), "exclude each other"),
    (("c.opv", "--seed", "-1"), "--seed -1 is not within"),
    (("c.opv", "--seed", "soon"), "'soon' is not a whole number"),
    (("c.opv", "--walks", "0"), "--walks 0 is not within"),
    (("c.opv", "--pct", "0"), "--pct 0 is not within"),
    (("c.opv", "--cpus", "0,1"), "--cpus: 0 is not within"),
    (("c.opv", "--cpus", "65"), "--cpus: 65 is not within"),
    (("c.opv", "--cpus", ","), "--cpus ',' names nothing"),
    (("c.opv", "--preemptions", "1,-1"), "--preemptions: -1 is not within"),
    (("c.opv", "--kernels", "legcy"), "did you mean legacy?"),
    (("c.opv", "--strategies", "rsek"), "did you mean rseq?"),
    (("c.opv", "--max-states", "0"), "--max-states 0 is less than 1"),
    (("c.opv", "--timeout", "0"), "not a number of seconds above 0"),
    (("c.opv", "-f", "html"), "a sweep can't be written as html"),
    (("c.opv", "--compare"), "--sweep and --compare exclude each other"),
    (("c.opv", "--coverage"), "--sweep and --coverage exclude each other"),
    (("c.opv", "--no-reduction", "all"), "--sweep and --no-reduction exclude each other"),
    (("c.opv", "--replay", "x"), "--sweep and --replay exclude each other"),
    (("c.opv", "--results", "a", "--resume", "b"), "--results and --resume exclude each other"),
    (("c.opv", "--resume", "none"), "cannot go on with none: No such file"),
    (("c.opv", "--resume", "c.opv"), "c.opv is not a results file of a sweep"),
    (("c.opv", "--results", "c.opv"), "c.opv is there already"),
    (("c.opv", "--results", "empty"), "cannot write empty: Is a directory"),
    (("c.opv", "--results", "no/where"), "cannot write no/where: No such file"),
    (("c.opv", "-o", "no/where"), "cannot write no/where"),
    (("c.opv", "--save", "c.opv"), "--save c.opv: File exists"),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_what_is_wrong_is_said_before_anything_is_explored(
    words: tuple[str, ...],
    message: str,
    opvasm: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work._File, "explore", None)
    (tmp_path / "empty").mkdir()
    (tmp_path / "c.opv").write_text(COUNTER)
    (tmp_path / "plain.opv").write_text("percpu n: u64\n")
    (tmp_path / "lifted.opv").write_text("percpu n: u64\nsection s() {\n    commit n, 1\n}\n")
    (tmp_path / "wrong.opv").write_text("scenario {\n")
    (tmp_path / "latin.opv").write_bytes(b"// \xe4\n")
    before = sorted(tmp_path.iterdir())
    ran = opvasm("explore", "--sweep", *words)
    assert ran.code == 2
    assert message in ran.errors
    assert ran.output == b""
    assert sorted(tmp_path.iterdir()) == before


def test_everything_wrong_with_several_files_is_said_at_once(opvasm: Run, tmp_path: Path) -> None:
    (tmp_path / "a.opv").write_text("scenario {\n")
    (tmp_path / "b.opv").write_text(COUNTER.replace("legacy", "legcy"))
    ran = opvasm("explore", "--sweep", "a.opv", "b.opv", "none.opv")
    assert ran.code == 2
    for message in ("a.opv:1", "there is no kernel legcy", "cannot read none.opv"):
        assert message in ran.errors


def test_options_of_a_sweep_mean_nothing_without_it(opvasm: Run, tmp_path: Path) -> None:
    """Each is refused with the option that it needs."""
    (tmp_path / "c.opv").write_text(COUNTER)
    # --kernels is --kernel, which a single exploration takes, too.
    for option in ("cpus", "strategies", "walks", "pct", "seed", "results"):
        ran = opvasm("explore", "c.opv", f"--{option}", "1")
        assert (ran.code, f"--{option} needs --sweep" in ran.errors) == (2, True)


def test_a_results_file_that_cannot_be_written_is_told(opvasm: Run, tmp_path: Path) -> None:
    """A full disk in the middle of it: what is wrong is said, and nothing pretends to be done."""
    (tmp_path / "c.opv").write_text(COUNTER)
    limited = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)); "
    limited += "from opvasm.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", limited, "explore", "--sweep", "c.opv", "--jobs", "1",
         "--results", "r.jsonl"],
        cwd=tmp_path, capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot write r.jsonl: File too large" in done.stderr
    ran = opvasm("explore", "--sweep", "c.opv", "--jobs", "1", "--resume", "r.jsonl")
    assert ran.code == 0
    assert "the last line was cut off and is dropped" in ran.errors


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A file that takes some seconds, and the report of a sweep that nothing disturbed."""
    path = tmp_path_factory.mktemp("whole") / "stepping.opv"
    path.write_bytes((ROOT / "samples" / "races" / "stepping.opv").read_bytes())
    done = subprocess.run(
        [*LONG, "--jobs", "1", "-f", "json"],
        cwd=path.parent, capture_output=True, env=environment(), check=True,
    )  # fmt: skip
    return path.parent, done.stdout


def begun(folder: Path, jobs: int, results: str) -> subprocess.Popen[bytes]:
    """A sweep in a session of its own, some units of which are finished."""
    path = folder / results
    path.unlink(missing_ok=True)
    process = subprocess.Popen(
        [*LONG, "--jobs", str(jobs), "-f", "json", "--results", results],
        cwd=folder, env=environment(), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while not path.exists() or path.read_bytes().count(b"\n") < 8:
        assert process.poll() is None, "it was done before it could be disturbed"
        time.sleep(0.01)
    return process


def members(session: int) -> Iterator[int]:
    """The processes of a session that still run."""
    for path in Path("/proc").iterdir():
        if not path.name.isdigit():
            continue
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and not gone(int(path.name)):
            yield int(path.name)


@pytest.mark.parametrize(
    ("how", "jobs"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGKILL, 2)]
)
def test_a_sweep_that_was_ended_goes_on_to_the_same_report(
    how: signal.Signals, jobs: int, whole: tuple[Path, bytes]
) -> None:
    """Ctrl-C ends with 130 and a partial report; kill -9 with nothing; neither leaves a worker."""
    folder, expected = whole
    process = begun(folder, jobs, "r.jsonl")
    if how is signal.SIGINT:
        os.killpg(process.pid, how)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        assert json.loads(output)["complete"] is False
        assert b"go on with --resume r.jsonl" in errors
        assert b"Traceback" not in errors
    else:
        process.kill()
        process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while list(members(process.pid)):
        assert time.monotonic() < deadline, "a worker lives on"
        time.sleep(0.05)
    with (folder / "r.jsonl").open("ab") as file:
        file.write(b'{"unit":"torn')
    finished = (folder / "r.jsonl").read_bytes().count(b"\n") - 1
    done = subprocess.run(
        [*LONG, "--jobs", "2", "-f", "json", "--resume", "r.jsonl"],
        cwd=folder, capture_output=True, env=environment(), check=True,
    )  # fmt: skip
    assert done.stdout == expected
    assert f"r.jsonl: {finished} units are finished".encode() in done.stderr
    lines = (folder / "r.jsonl").read_text().splitlines()[1:]
    keys = [json.loads(line)["unit"] for line in lines]
    assert len(keys) == len(set(keys)), "a finished unit was run again"


def test_a_worker_that_is_killed_leaves_the_report_as_it_is(whole: tuple[Path, bytes]) -> None:
    folder, expected = whole
    process = begun(folder, 2, "k.jsonl")
    victims = [
        each
        for each in members(process.pid)
        if b"forkserver" in Path(f"/proc/{each}/cmdline").read_bytes()
        and parent(each) != process.pid
    ]
    assert victims, "it has no workers"
    os.kill(victims[0], signal.SIGKILL)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert output == expected


def parent(process: int) -> int:
    """The parent of a process."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_reader_that_stops_reading_ends_it_quietly(whole: tuple[Path, bytes]) -> None:
    folder, _ = whole
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [*SWEEP, "stepping.opv", "--jobs", "1", "--kernels", "legacy", "--walks", "1"],
        cwd=folder, stdout=write, stderr=subprocess.PIPE, env=environment(), check=False,
    )  # fmt: skip
    os.close(write)
    assert (process.returncode, process.stderr) == (141, b"")
