"""Every sample in every format: assembled and compiled by the real tools, read back, disassembled."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from opvasm.assembler import assemble
from opvasm.binary import encode
from opvasm.binding import bind
from opvasm.disassembler import disassemble
from opvasm.formats import Listing, write
from opvasm.formats.json_reader import read_program
from opvasm.program import Program, Scalar, Vector, default_layout, section as ir
from opvasm.source import SourceFile

from .test_c import MODEL_FLAGS, compiled
from .test_printer import SAMPLES, without_places
from .toolchain import need, run

SCHEMA = json.loads((files("opvasm.formats") / "schemas" / "opvasm-asm-1.json").read_text())


def program_in(path: Path) -> Program:
    """The program of a sample."""
    return assemble(SourceFile(str(path), path.read_text())).program


def listing(program: Program) -> Listing:
    """All vectors of a program, unbound."""
    layout = default_layout(program.abi, program.data)
    return Listing(program, tuple(program.vectors.values()), layout)


def some_arguments(vector: Vector) -> dict[str, int]:
    """A different number for each parameter, negative where it may be."""
    return {
        each.name: -index - 1 if isinstance(each.type, Scalar) and each.type.signed else index + 64
        for index, each in enumerate(vector.parameters)
    }


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_sample_is_good_c_and_good_assembler(path: Path, tmp_path: Path) -> None:
    program = program_in(path)
    compiled(write("c", listing(program)).decode(), tmp_path, *MODEL_FLAGS[program.abi.model.name])
    need("as")
    (tmp_path / "v.s").write_bytes(write("gas", listing(program)))
    width = "--32" if program.abi.model.word == 4 else "--64"
    run("as", width, "--fatal-warnings", tmp_path / "v.s", "-o", tmp_path / "v.o")


def spelled_nowhere(section: ir.Section) -> ir.Section:
    """A section without its places in a text."""
    body = ir.with_steps(section.body, lambda step: step._replace(place=None))
    parameters = tuple(each._replace(place=None) for each in section.parameters)
    return section._replace(body=body, parameters=parameters, place=None)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_sample_passes_through_json(path: Path) -> None:
    program = program_in(path)
    text = write("json", listing(program))
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text))
    sections = {name: spelled_nowhere(each) for name, each in program.sections.items()}
    assert read_program(text, "x.json") == without_places(program)._replace(sections=sections)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_bytes_of_a_samples_vectors_disassemble_and_assemble_again(path: Path) -> None:
    program = program_in(path)
    layout = default_layout(program.abi, program.data)
    for vector in program.vectors.values():
        data = encode(bind(vector, program, layout, 1, some_arguments(vector)), program.abi)
        text = disassemble(data, program.abi)
        again = assemble(SourceFile("disassembly", text)).program
        assert again.abi == program.abi
        assert encode(again.vectors["main"].instructions, again.abi) == data


def test_the_idioms_are_good_cplusplus(tmp_path: Path) -> None:
    """What C takes, C++ takes too."""
    need("g++")
    sources: list[Path] = []
    for index, path in enumerate(SAMPLES):
        program = program_in(path)
        if path.parent.name == "idioms" and program.abi.model.name == "64le":
            sources.append(tmp_path / f"{index}.cc")
            sources[-1].write_bytes(write("c", listing(program)))
    run(
        "g++",
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-Wno-unused",
        "-fsyntax-only",
        *sources,
    )
