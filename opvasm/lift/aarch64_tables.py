"""The aarch64 instructions that are alike, in tables."""

from __future__ import annotations

from capstone import arm64_const as arm

# aarch64's conditions by the names that flags.py knows.
CONDITIONS = {
    "eq": "e", "ne": "ne", "hs": "ae", "cs": "ae", "lo": "b", "cc": "b", "mi": "s", "pl": "ns",
    "vs": "o", "vc": "no", "hi": "a", "ls": "be", "ge": "ge", "lt": "l", "gt": "g", "le": "le",
}  # fmt: skip
CC = {
    arm.ARM64_CC_EQ: "eq", arm.ARM64_CC_NE: "ne", arm.ARM64_CC_HS: "hs", arm.ARM64_CC_LO: "lo",
    arm.ARM64_CC_MI: "mi", arm.ARM64_CC_PL: "pl", arm.ARM64_CC_VS: "vs", arm.ARM64_CC_VC: "vc",
    arm.ARM64_CC_HI: "hi", arm.ARM64_CC_LS: "ls", arm.ARM64_CC_GE: "ge", arm.ARM64_CC_LT: "lt",
    arm.ARM64_CC_GT: "gt", arm.ARM64_CC_LE: "le",
}  # fmt: skip
NOTHING = frozenset(["nop", "hint", "yield", "isb", "prfm", "prfum"])
LOADS = frozenset(
    [
        "ldr",
        "ldur",
        "ldrb",
        "ldurb",
        "ldrh",
        "ldurh",
        "ldar",
        "ldarb",
        "ldarh",
        "ldapr",
        "ldaprb",
        "ldaprh",
        "ldtr",
    ]
)
SIGNED_LOADS = {
    "ldrsb": 1, "ldursb": 1, "ldrsh": 2, "ldursh": 2, "ldrsw": 4, "ldursw": 4,
}  # fmt: skip
STORES = frozenset(
    ["str", "stur", "strb", "sturb", "strh", "sturh", "stlr", "stlrb", "stlrh", "sttr"]
)
BINARY = {
    "add": "+", "sub": "-", "and": "&", "orr": "|", "eor": "^", "adds": "+", "subs": "-",
    "ands": "&", "bic": "&", "bics": "&", "orn": "|", "eon": "^", "mul": "*",
    "lsl": "<<", "lsr": ">>", "lslv": "<<", "lsrv": ">>",
}  # fmt: skip
INVERTED = frozenset(["bic", "bics", "orn", "eon"])
EXTENSIONS = {
    arm.ARM64_EXT_UXTB: (1, False), arm.ARM64_EXT_UXTH: (2, False), arm.ARM64_EXT_UXTW: (4, False),
    arm.ARM64_EXT_UXTX: (8, False), arm.ARM64_EXT_SXTB: (1, True), arm.ARM64_EXT_SXTH: (2, True),
    arm.ARM64_EXT_SXTW: (4, True), arm.ARM64_EXT_SXTX: (8, True),
}  # fmt: skip
SIZES = {"w": 4, "x": 8, "q": 16, "d": 8, "s": 4, "h": 2, "b": 1}

# Atomic instructions of ARMv8.1: a compare and exchange of so many bytes (0: of the register's),
# changes of which a register gets the old value, and such whose old value none gets.
_FETCHES: dict[str, str | None] = {
    "ldadd": "+", "ldset": "|", "ldclr": "&", "ldeor": "^", "swp": None,
}  # fmt: skip
FETCHES = {
    f"{name}{order}{width}": (operator, size)
    for name, operator in _FETCHES.items()
    for order in ("", "a", "l", "al")
    for width, size in (("", 0), ("b", 1), ("h", 2))
}
EXCLUSIVE_LOADS = frozenset(
    f"ld{order}xr{width}" for order in ("", "a") for width in ("", "b", "h")
)
EXCLUSIVE_STORES = frozenset(
    f"st{order}xr{width}" for order in ("", "l") for width in ("", "b", "h")
)
EXCHANGES = {
    f"cas{order}{width}": size
    for order in ("", "a", "l", "al")
    for width, size in (("", 0), ("b", 1), ("h", 2))
}
CHANGES = {
    f"st{name}{order}{width}": (operator, size)
    for name, operator in (("add", "+"), ("set", "|"), ("clr", "&"), ("eor", "^"))
    for order in ("", "l")
    for width, size in (("", 0), ("b", 1), ("h", 2))
}
