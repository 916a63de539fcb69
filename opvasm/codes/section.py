"""Codes of sections that load: widths, order, locals, labels: OPV040-059."""

from __future__ import annotations

from .code import Code

_HEAD = "percpu head: u64\npercpu small: u8\n"

CODES: tuple[Code, ...] = (
    Code(
        "OPV040",
        "section-width",
        "error",
        "two widths, or a width and none, meet",
        "Registers have a fixed width, and so has every value of a section. Two values that are "
        "joined have one width, and what is stored has the place's; a literal takes the width of "
        "the other side. u8(x) … u64(x), i8(x) … i64(x) and ptr(x) convert: a signed value keeps "
        "its sign, another is filled with zeros, a wider one is cut. `<`, `<=`, `>` and `>=` also "
        "need one sign.",
        _HEAD + "section s() {\n    x = load small\n    commit head, x\n}",
    ),
    Code(
        "OPV041",
        "section-order",
        "error",
        "a section can't go on, or does not end, here",
        "Every way through a section ends with a commit or with `exit LABEL`. After a commit the "
        "section has ended: only register code, `x = value` and `exit LABEL if condition`, may "
        "follow it in its block. A step that nothing reaches is an error, as is a loop that nothing "
        "leaves and a `break` outside of a loop.",
        _HEAD + "section s() {\n    store head, 1\n}",
    ),
    Code(
        "OPV042",
        "section-unset",
        "error",
        "a local is read that may not be set",
        "A local is a register; before the first assignment it holds whatever was left in it. It "
        "must be set on every way that comes to a step that reads it.",
        _HEAD + "section s(n: u64) {\n    if n == 0 { x: u64 = 1 }\n    commit head, x\n}",
    ),
    Code(
        "OPV043",
        "section-local",
        "error",
        "a local is set to what it can't hold",
        "A local has the type of what it is set to first. Parameters and the fields of the thread's "
        "area (cpu_id, cpu_id_start, node_id, mm_cid) can't be set.",
        _HEAD + "section s() {\n    x = load small\n    x = load head\n    commit head, x\n}",
    ),
    Code(
        "OPV044",
        "section-run",
        "error",
        "a run does not fit what it runs",
        "A vector has the results ok, differs, again, fault, invalid, offline and aborted; a section "
        "has ok, aborted and the labels of its exits, and gives as many values as its head names "
        "after `->`.",
        _HEAD + "section s() { commit head, 1 }\nscenario one {\n    thread a @0 "
        "{ run s() { empty -> return } }\n    expect holds\n}",
    ),
    Code(
        "OPV045",
        "section-label",
        "error",
        "an exit has a name that is taken",
        "`ok` is what a commit gives, `aborted` what an abort by the kernel gives.",
        _HEAD + "section s() { exit ok }",
    ),
    Code(
        "OPV046",
        "section-operator",
        "error",
        "an operator that sections do not have",
        "Values of a section are what one or a few instructions make of registers: + - * & | ^ ~ << >>, "
        "compares, && || ! and choose(condition, a, b). There is no division.",
        _HEAD + "section s() {\n    x = load head\n    commit head, x / 3\n}",
    ),
)
