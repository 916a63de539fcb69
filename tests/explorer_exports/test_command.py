"""opvasm export as a user runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from opvasm.cli.main import main
from opvasm.explorer_exports.promela import promela
from opvasm.explorer_exports.spin import SpinError, missing_tools, run_spin

from ..explorer.helpers import COUNTER, RACES
from .helpers import needs_spin, only, refusal

TEXT = COUNTER + """
scenario s {
    cpus 1..2
    kernel legacy, v6_19_arm64
    strategy rseq, opv
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    forall sum(counter) == 2
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A scenario with eight configurations."""
    path = tmp_path / "s.opv"
    path.write_text(TEXT)
    return path


def test_the_recipe_in_a_model_counts_the_outcomes(tmp_path: Path) -> None:
    """The commands of the header, typed as they stand there."""
    needs_spin()
    model = tmp_path / "naive.pml"
    assert main(["export", str(RACES / "list.opv"), "naive", "--promela", "-o", str(model)]) == 0
    lines = model.read_text().splitlines()
    begin = lines.index(" *     spin -a FILE")
    commands = [
        line.removeprefix(" *     ").replace("FILE", model.name)
        for line in lines[begin : begin + 4]
    ]
    commands[-1] = commands[-1].partition("#")[0]
    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].strip() == "5"
    assert "assertion violated" in done.stdout


def test_check_says_that_both_agree(capsys: pytest.CaptureFixture[str]) -> None:
    needs_spin()
    assert main(["export", str(RACES / "ring.opv"), "head_first", "--promela", "--check"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Scenario head_first  kernel=legacy  p=opv  cpus=2\n")
    assert "\nSpin     fails; 5 outcomes; " in shown
    assert shown.endswith("\nthey agree\n")


def test_check_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert missing_tools() == ["spin", "gcc"]
    assert main(["export", str(RACES / "ring.opv"), "head_first", "--promela", "--check"]) == 4
    assert "spin and gcc not found" in capsys.readouterr().err


def test_one_configuration_is_chosen_from_several(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(file), "--promela"]
    assert main(words) == 2
    assert "scenario s has 8 configurations" in capsys.readouterr().err
    words += ["--kernel", "legacy", "--cpus", "2", "--strategy", "opv"]
    assert main(words) == 0
    assert "kernel=legacy  a=opv  b=opv  cpus=2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--promela or --litmus, not neither"),
        (["--promela", "--litmus"], "not both"),
        (["--litmus", "--check"], "--check goes with --promela"),
        (["--promela", "--check", "-o", "out"], "--check writes no model"),
        (["--promela", "--kernel", "linux"], "no configuration with linux"),
        (["--promela", "--strategy", "lock"], "there are: opv,opv; rseq,rseq"),
        (["--promela", "--cpus", "3"], "there are: 1; 2"),
        (["--promela", "--cpus", "many"], "is not a whole number"),
    ],
)
def test_wrong_words_end_with_2(
    words: list[str], said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(file), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_scenario_is_named_where_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(RACES / "list.opv"), "--promela"]) == 2
    assert "has 3 scenarios" in capsys.readouterr().err
    assert main(["export", str(RACES / "list.opv"), "naiv", "--promela"]) == 2
    assert "did you mean naive?" in capsys.readouterr().err


def test_a_refused_scenario_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.pml"
    words = ["export", str(RACES / "offline.opv"), "both_push", "--promela", "-o", str(out)]
    assert main(words) == 2
    assert "offline.opv:18:17: error[OPV560]: hotplug can't be exported" in capsys.readouterr().err
    assert not out.exists()


def test_a_claim_of_progress_is_said_to_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(RACES / "stepping.opv"), "alone", "--promela"]) == 0
    shown = capsys.readouterr()
    assert "`progress a finishes` is not exported" in shown.err
    assert "Not checked here: `progress a finishes`" in shown.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COUNTER.replace("counter: u64", "counter: i64"), "signed memory"),
        (COUNTER + "shared big: u64[5000]", "big, 40000 bytes"),
        (COUNTER + "shared a: u64[200]\nshared b: u64[200]", "memory of"),
    ],
)
def test_memory_that_has_no_room_is_refused(text: str, said: str) -> None:
    body = "scenario s { thread a @0 { run bump(1) { ok { x = 1 }; differs { } } } }"
    assert said in refusal(f"{text}\n{body}")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x = 5000000", "the number 5000000"),
        ("x = 1000 * 1000 * 1000 * 1000", "more than Promela's 32 bits"),
        ("x = &counter; y = x * 2", "`*` of an address"),
        ("x = 3; y = 1 << x", "a shift by what is not a constant"),
        ("x = 3; y = 1 / x", "`/` by what is not a constant"),
        ("x = 3; y = x % 0", "`%` by what is not a constant"),
        ("x = load [&counter].u32", "a part of a number"),
        ("x = load cpu_id_start", "cpu_id_start"),
        ("run wide()", "an op on 16 bytes"),
        ("run maybe()", "expect_fault"),
        ("run odd()", "an unverified vector"),
        ("run far()", "an absolute address"),
    ],
)
def test_what_the_model_has_no_words_for_is_refused_where_it_stands(body: str, said: str) -> None:
    text = COUNTER + f"""
shared from: u8[16]; shared to: u8[16]
vector wide() {{ memcpy to, from }}
vector maybe() {{ add.u64 counter?, 1 }}
unverified vector odd() {{ add.u64 counter, 1 }}
vector far() {{ add.u64 @0x1000, 1 }}
scenario s {{
    thread a @0 {{ {body} }}
}}
"""
    assert said in refusal(text)
    assert "text.opv:" in refusal(text)


def test_names_may_be_words_of_promela_and_texts_may_hold_anything() -> None:
    """Threads, locals, variables and labels are called what they like."""
    needs_spin()
    text = """
percpu do: u64
shared active: u64
shared bool: u64
vector run(init: i64) { add.u64 do, init }
scenario s "a title with */ and \\\\ and % in it" {
    thread proctype @0 { od = load do; if od == 0 { run(1) }; run run(1); never = load active }
    thread init x2 @0 { atomic = 1 /* */; run run(1) { ok { skip = 7 } } }
    forall "100% */ \\" done": do >= 3 - 0
    observe do, init.skip
}
""".replace("; if od == 0 { run(1) }", "")
    assert run_spin(promela(only(text))).outcomes == {"outcome do=3 init.skip=7,7,"}


@pytest.mark.parametrize("model", ["64le", "64be", "32le", "32be"])
def test_every_data_model_is_exported(model: str) -> None:
    """Pointers have the size of a word; numbers of one, two and four bytes keep theirs."""
    needs_spin()
    text = f"""
abi 2018-04 {model}
struct node {{ next: ptr<node>, small: u8, value: u32 }}
percpu head: ptr<node>
shared A: node
shared B: node
vector push(node: ptr<node>, old: ptr) {{
    cmpeq head, old
    memcpy node->next, old
    memcpy head, node
}}
vector count(n: u8) {{ add A.small, n; or A.value, 0x10; and A.value, ~1; xor B.value, 3; lshift B.value, 2; rshift B.value, 1 }}
scenario s {{
    strategy opv
    thread a @0 {{ h = load head; run push(&A, h) {{ differs -> retry }}; run count(200) }}
    thread b @0 {{ h = load head; run push(&B, h) {{ differs -> retry }}; run count(100) }}
    observe list(head), A.small, A.value, B.value
}}
"""
    plan = only(text)
    spin = run_spin(promela(plan))
    # 200 + 100 modulo 256; ((0 ^ 3) << 2 >> 1 ^ 3) << 2 >> 1 = (6 ^ 3) * 2 = 10
    assert spin.decoded == {("&B,&A", "44", "16", "10"), ("&A,&B", "44", "16", "10")}


def test_a_number_that_leaves_the_model_is_told() -> None:
    needs_spin()
    text = COUNTER + "scenario s { thread a @0 { run bump(-1) } }"
    with pytest.raises(SpinError, match="a number left the model"):
        run_spin(promela(only(text)))


def test_a_search_that_spin_cuts_short_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_spin()
    model = promela(only(COUNTER + "scenario s { thread a @0 { run bump(1) } }"))
    whole = run_spin(model)
    # The quick search is too shallow: the real one answers.
    monkeypatch.setattr("opvasm.explorer_exports.spin.QUICK_RUN", "./pan -c0 -n -m20")
    assert run_spin(model) == whole
    monkeypatch.setattr("opvasm.explorer_exports.spin.RUN", "./pan -c0 -n -m20")
    with pytest.raises(SpinError, match=r"has schedules of more than 1,000,000 steps.*a larger -m"):
        run_spin(model)
    # One that stops at the first error has not seen the rest.
    failing = promela(only(COUNTER + "scenario s { thread a @0 { fail } }"))
    monkeypatch.setattr("opvasm.explorer_exports.spin.QUICK_RUN", "./pan -c1 -n -m20000")
    with pytest.raises(SpinError, match="did not get to its end"):
        run_spin(failing)
