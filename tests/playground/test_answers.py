"""What the playground's page is answered, in an ordinary Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opvasm.playground.answers import answer

SAMPLES = Path(__file__).parent.parent.parent / "samples"
COUNTER = """
percpu counter: u64
vector bump(n: i64) { add counter, n }
test "one" { cpu 1; run bump(5) -> 0; assert counter == 5 }
test "two" { run bump(5) -> 0; assert counter == 6 }
scenario lost {
    cpus 1
    thread a @0 { x = load counter; store counter, x + 1 }
    thread b @0 { x = load counter; store counter, x + 1 }
    forall counter@0 == 2
    expect fails
}
"""


def ask(
    what: str, /, text: str = COUNTER, name: str = "counter.opv", **more: Any
) -> dict[str, Any]:
    """An answer, which is JSON."""
    found: dict[str, Any] = json.loads(
        answer(json.dumps(dict(ask=what, name=name, text=text, **more)))
    )
    return found


def test_a_mistake_has_its_place_in_units_of_a_browser() -> None:
    """A finding's ends cut the wrong word out of the text as UTF-16 has it, with the help beside it."""
    text = "percpu head: u64\n// \U0001f41b\nvector v() {\n    cmpeqq head, =1\n}\n"
    finding = ask("check", text)["findings"][0]
    units = text.encode("utf-16-le")
    assert units[2 * finding["from"] : 2 * finding["to"]].decode("utf-16-le") == "cmpeqq"
    assert finding["level"] == "error"
    assert finding["code"] == "OPV012"
    assert finding["help"] == "did you mean cmpeq?"


def test_the_outline_names_what_can_be_run() -> None:
    """Vectors with their parameters, tests and scenarios, each with the place where it begins."""
    outline = ask("check")["outline"]
    assert outline["vectors"] == [
        {"name": "bump", "ops": 1, "parameters": [["n", "i64"]], "at": COUNTER.index("bump")}
    ]
    assert [each["name"] for each in outline["tests"]] == ["one", "two"]
    assert [each["name"] for each in outline["scenarios"]] == ["lost"]
    assert COUNTER[outline["tests"][1]["at"] :].startswith('test "two"')


def test_what_a_file_uses_is_found_beside_its_sample() -> None:
    """A sample that uses another one has no finding that says the file is missing."""
    text = (SAMPLES / "idioms" / "librseq.opv").read_text()
    assert 'use "' in text
    found = ask("check", text, "idioms/librseq.opv")
    assert [each for each in found["findings"] if each["level"] == "error"] == []
    (missing,) = ask("check", 'use "no.opv"\n', "idioms/new.opv")["findings"]
    assert "no other files" in missing["message"] + str(missing["notes"])
    (outside,) = ask("check", 'use "../../pyproject.opv"\n', "idioms/new.opv")["findings"]
    assert outside["level"] == "error"


def test_each_test_is_run_and_traced() -> None:
    """5 after adding 5 passes; the test that asserts 6 fails and its trace says so."""
    one, two = ask("run")["tests"]
    assert one["passed"] is True
    assert two["passed"] is False
    assert "FAILED" in two["text"]


def test_a_trace_without_end_is_cut_and_says_so() -> None:
    """Of 3,000 calls the page gets the first lines and the number of those left out."""
    text = COUNTER + 'test "many" { repeat 3000 { run bump(0) -> 0 } }\n'
    shown = ask("run", text)["tests"][2]["text"]
    assert shown.count("\n") == 4001
    assert shown.endswith("more lines\n")


def test_verify_says_what_opvasm_verify_says() -> None:
    """The findings and the budget are those that the command prints."""
    shown = ask("verify", (SAMPLES / "idioms" / "list.opv").read_text(), "idioms/list.opv")
    done = subprocess.run(
        [sys.executable, "-m", "opvasm", "verify", "--rseq", "--budget", "idioms/list.opv"],
        cwd=SAMPLES,
        env={"FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout
    assert shown["text"].startswith(done.stdout)


def test_a_listing_and_its_disassembly_are_the_same_bytes() -> None:
    """Hexadecimal digits of a vector are disassembled to text whose digits are the same again."""
    call: dict[str, Any] = {"vector": "bump", "cpu": 1, "arguments": [["n", "7"]]}
    digits = ask("listing", format="hex", **call)["text"]
    text = ask("disassemble", data=digits, revision="2017-11", model="64le")["text"]
    again = ask("listing", text, vector="main", format="hex", cpu=0, arguments=[])["text"]
    assert again == digits
    assert (7).to_bytes(8, "little").hex() in digits.replace(" ", "")
    for form in ("table", "opv", "json", "c", "gas"):
        assert ask("listing", format=form, **call)["ok"]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"ask": "listing", "vector": "bump", "format": "hex", "cpu": 0, "arguments": []}, "n"),
        (
            {"ask": "listing", "vector": "no", "format": "hex", "cpu": 0, "arguments": []},
            "there is no 'no'",
        ),
        (
            {
                "ask": "listing",
                "vector": "bump",
                "format": "hex",
                "cpu": 0,
                "arguments": [["n", "counter"]],
            },
            "reads memory",
        ),
        ({"ask": "disassemble", "data": "0", "revision": "2017-11", "model": "64le"}, "OPV"),
        ({"ask": "disassemble", "data": "", "revision": "1999", "model": "64le"}, "1999"),
        ({"ask": "explore", "scenario": "no", "limit": 9}, "there is no 'no'"),
        ({"ask": "debug", "kind": "test", "what": "no", "commands": [], "limit": 9}, "no"),
        ({"ask": "sing"}, "there is no 'sing'"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(question: dict[str, Any], words: str) -> None:
    """The answer says what is wrong; it is never an exception, and never a fault of opvasm."""
    found = json.loads(answer(json.dumps({"name": "c.opv", "text": COUNTER} | question)))
    assert found["ok"] is False
    assert words in found["error"]
    assert "fault of opvasm" not in found["error"]


def test_a_text_that_is_too_long_is_refused() -> None:
    """A MiB and a character more is not read, and the limit is named."""
    found = ask("check", " " * ((1 << 20) + 1))
    assert not found["ok"]
    assert "1,048,576" in found["error"]


@pytest.mark.parametrize("text", ["\0\1\2\ufffd" * 50, "vector v(" * 2000, "(" * 100_000, "\ud800"])
def test_what_is_no_text_at_all_has_findings(text: str) -> None:
    """Bytes, half a file and parentheses without end are answered with findings."""
    found = ask("check", text)
    assert found["ok"]
    assert found["findings"]
    assert found["outline"] is None


def test_samples_are_listed_with_what_they_are() -> None:
    """Every sample text is there, with its first sentence; the texts are the files'."""
    files = [each for group in ask("hello")["samples"] for each in group["files"]]
    kept = {str(each.relative_to(SAMPLES)) for each in SAMPLES.glob("*/*.opv")}
    assert kept - {each["name"] for each in files} == {"c/malloc_cache.opv"}
    assert all(each["about"] for each in files)
    text = ask("sample", name="races/list.opv")["text"]
    assert text == (SAMPLES / "races" / "list.opv").read_text()
    assert not ask("sample", name="../pyproject.toml")["ok"]


def test_nothing_of_it_needs_what_a_browser_lacks() -> None:
    """All rooms of the playground are imported without ctypes, other processes or a socket."""
    lacking = ("ctypes", "multiprocessing", "subprocess", "socket", "opvasm.live", "opvasm.cli")
    code = (
        "import sys, json\n"
        "from opvasm.playground import answers, checking, debugging, exploring, listings, running\n"
        f"print([each for each in {lacking!r} if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_word_is_explained() -> None:
    """An op and a name are explained, each with where it stands; a comment is not."""
    at = COUNTER.index("add counter")
    found = ask("hover", at=at + 1)
    assert "add" in found["text"]
    assert (found["from"], found["to"]) == (at, at + 3)
    assert "percpu" in ask("hover", at=at + 5)["text"]
    assert ask("hover", at=0)["text"] is None


def test_what_can_be_written_is_said() -> None:
    """Names and ops that fit, in the place of what was begun; positions are a browser's."""
    text = "// 🎉\n" + COUNTER.replace("add counter, n", "add cou")
    at = len((text[: text.index("add cou") + len("add cou")]).encode("utf-16-le")) // 2
    items = ask("complete", text, at=at)["items"]
    assert "counter" in [each["label"] for each in items]
    assert {(each["from"], each["to"]) for each in items} == {(at - 3, at)}
    ops = ask("complete", text.replace("add cou", "ad"), at=at - 5)["items"]
    assert "add" in [each["label"] for each in ops]


def test_format_brings_a_text_into_its_layout() -> None:
    """The text comes back as opvasm fmt writes it."""
    assert ask("format", "percpu   a:u64")["text"] == "percpu a: u64\n"


def test_revisions_and_data_models_can_be_chosen() -> None:
    """Each that is offered is one that bytes can be read for, and so is the default."""
    hello = ask("hello")
    pairs = [(each, hello["models"][0]) for each in hello["revisions"]]
    pairs += [(hello["revisions"][0], each) for each in hello["models"]]
    for revision, model in (*pairs, hello["defaults"]):
        assert ask("disassemble", data="00" * 32, revision=revision, model=model)["ok"]
