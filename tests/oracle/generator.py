"""Small scenarios made at random, that reach every word of the language.

A seed and a number give one text, for good.  ``Made`` says which words it holds, so that a campaign
can show that no combination of statement, strategy, environment and kernel was left out.
"""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

from .vectors import VectorMaker
from .words import ENVIRONMENTS, KERNELS, MEMORY, SIZES, STATEMENTS, STRATEGIES, VALUES

VERDICTS = ("livelock", "deadlock", "blocks", "endless")
OWN = ("own more: i16[2]", "own less: u8")


class Made(NamedTuple):
    """A scenario's text and the words in it."""

    text: str
    statements: frozenset[str]
    strategies: frozenset[str]
    environment: frozenset[str]
    kernel: str
    ops: frozenset[str]


class _Maker(VectorMaker):
    def __init__(self, random: Random, size: int) -> None:
        super().__init__(random, size)
        self.statements: set[str] = set()
        self.model = random.choice(("64le",) * 5 + ("64be", "32le", "32be"))
        self.vectors = [self.vector(f"v{n}") for n in range(random.choice((1, 1, 2)))]
        if size >= 2:
            self.vectors = self.vectors[:1]
        self.own = False

    # ---- bodies -----------------------------------------------------------------------------------

    def note(self, word: str, text: str) -> str:
        self.statements.add(word)
        return text

    def cpu(self) -> int:
        return self.random.randrange(self.cpus)

    def value(self) -> str:
        if self.chance(0.1):
            return self.random.choice(VALUES)
        return self.random.choice(
            ("0", "1", "2", "x", "y", "x + 1", "x ^ 1", "y * 2 - 1", "x == y")
        )

    def condition(self) -> str:
        return self.random.choice(("x == 0", "x != y", "x", "!y", "x > 0 && y < 2", "current == 0"))

    def local(self) -> str:
        return self.random.choice("xxy")

    def load(self, kind: str = "") -> str:
        kinds = ["load"] * 3 + ["load percpu"] * 3 + ["load @", "load ->", "load ids"]
        kinds += ["load own"] * 3 if self.own else []
        given, kind = kind, kind or self.random.choice(kinds)
        place = {
            "load": self.random.choice("ffgk"),
            "load percpu": self.random.choice(("d", "d", "e", "q")),
            "load @": f"{self.random.choice('de')}@{self.cpu()}",
            "load ids": "cpu_id_start",
            "load own": "mine.value",
        }
        if self.chance(0.15) and not given:
            self.statements.add("load")
            return f"{self.local()} = load {self.odd_place()}"
        if kind == "load ->":
            return self.note(kind, "h = load head; if h != 0 { x = load h->value }")
        return self.note(kind, f"{self.local()} = load {place[kind]}")

    def store(self, kind: str = "") -> str:
        kinds = ["store"] * 3 + ["store percpu"] * 3 + ["store @", "store ->", "store ids"]
        kinds += ["store own"] * 3 if self.own else []
        given, kind = kind, kind or self.random.choice(kinds)
        place = {
            "store": self.random.choice("ffgk"),
            "store percpu": self.random.choice(("d", "d", "e", "q")),
            "store @": f"{self.random.choice('de')}@{self.cpu()}",
            "store ids": "cpu_id_start",
            "store own": "mine.value",
        }
        if self.chance(0.15) and not given:
            self.statements.add("store")
            return f"store {self.odd_place()}, {self.value()}"
        if kind == "store ->":
            return self.note(kind, f"h = {self.node()}; store h->value, {self.value()}")
        return self.note(kind, f"store {place[kind]}, {self.value()}")

    def odd_place(self) -> str:
        """Parts, elements, pages and plain addresses."""
        places = ["arr[0]", "arr[1]", "arr[x & 1]", f"arr[1]@{self.cpu()}", "rec.high"]
        places += [f"rec.low@{self.cpu()}", "both.high", "both.low", "tab[x & 1]", "tab[1]", "k"]
        places += ["[&f]", "[&f + 4].u32", "way", "some[1]", "gone[0]", "e@x", "tab[x]"]
        places += ["more[1]", "more[x & 1]", "less"] * 2 if self.own else []
        return self.random.choice(places)

    def node(self) -> str:
        return "&mine" if self.own and self.chance(0.7) else self.random.choice(("&A", "&A", "&B"))

    def argument(self, parameter: str) -> str:
        if parameter == "n":
            return self.random.choice((self.node(), self.node(), self.node(), "h", "0"))
        if parameter == "v":
            return self.random.choice(("0", "1", "x", "x + 1", "y", "current"))
        if parameter == "i":
            return self.random.choice(("-1", "2", "x"))
        if parameter == "b":
            return self.random.choice(("0", "1", "7", "8", "x"))
        own = ["&mine.value"] if self.own else []
        odd = ["&gone", "&some", "&tab", "&arr[1]"]
        return self.random.choice(
            ["&f", "&f", "&d", "&e", f"&d@{self.cpu()}", "&A.value", self.random.choice(odd), *own]
        )

    def run(self, loop: bool, depth: int, word: str = "") -> str:
        vector = self.random.choice(self.vectors)
        arguments = ", ".join(self.argument(each) for each in vector.parameters)
        on = ""
        where = word
        if not word.startswith("run ") and self.chance(0.3):
            where = self.random.choice(("run on", "run on", "run on current", "run elsewhere"))
        if where.startswith("run "):
            place = {"run on": self.cpu(), "run on current": "current", "run elsewhere": 9}[where]
            on = self.note(where, f" on {place}")
        self.statements.add("run")
        text = f"run {vector.name}({arguments}){on}"
        before = ""
        if "h" in arguments.split(", "):
            before = "h = load head; "
        elif "x" in arguments and self.chance(0.5):
            before = self.note("load percpu", "x = load d; ")
        return before + text + self.arms(loop, depth, word)

    def arms(self, loop: bool, depth: int, word: str) -> str:
        if word == "unhandled" or (not word and self.chance(0.05)):
            return self.note("unhandled", "")
        if word == "differs.at":
            return self.note(
                word,
                " { differs { y = differs.at + 3 }; again, fault, invalid, offline, aborted { } }",
            )
        if word == "retry" or self.chance(0.35):
            self.statements.add("retry")
            others = " fault, invalid, offline { x = 7 };" if self.chance(0.9) else ""
            return f" {{{others} differs, again, aborted -> retry }}"
        arms = []
        for result in ("ok", "differs", "again", "fault", "invalid", "offline", "aborted"):
            if result == "ok" and self.chance(0.7):
                continue
            if result != "ok" and self.chance(0.04):
                self.statements.add("unhandled")
                continue
            arms.append(f"{result} {self.action(result, loop, depth)}")
        return f" {{ {'; '.join(arms)} }}"

    def action(self, result: str, loop: bool, depth: int) -> str:
        if self.chance(0.25) and result in ("differs", "again", "aborted"):
            return self.note("retry", "-> retry")
        if self.chance(0.08):
            return self.note("return", "-> return")
        if self.chance(0.03):
            return self.note("fail", "-> fail")
        if loop and self.chance(0.4):
            return self.note("break", "-> break")
        if result == "differs" and self.chance(0.3):
            return self.note("differs.at", "{ y = differs.at + 3 }")
        if depth == 0 and self.chance(0.12):
            return f"{{ {self.statement(False, 1)} }}"
        return self.random.choice(("{ }", "{ x = 3 }", "{ x = 4 }", "{ y = current }"))

    def forced(self, word: str) -> str:
        """A statement that holds a word."""
        if word.startswith(("load", "store")):
            return self.load(word) if word.startswith("load") else self.store(word)
        if word.startswith("run") or word in ("differs.at", "unhandled", "retry"):
            return self.run(False, 0, word)
        return self.statement(False, 0, word)

    def statement(self, loop: bool, depth: int, word: str = "") -> str:
        kinds = (
            ["run"] * 7
            + ["load"] * 3
            + ["store"] * 3
            + ["compute", "current", "current", "fence", "fence"]
        )
        if depth == 0:
            kinds += ["if", "loop n", "loop", "leave"]
        elif loop:
            kinds += ["leave"] * 3
        kind = word.split()[0] if word.startswith("fence") else word
        match kind or self.random.choice(kinds):
            case "run":
                return self.run(loop, depth)
            case "load":
                return self.load()
            case "store":
                return self.store()
            case "compute":
                return self.note("compute", f"{self.local()} = {self.value()}")
            case "current":
                return self.note("current", f"{self.local()} = current")
            case "fence":
                fences = (
                    "fence membarrier",
                    "fence vector",
                    "fence membarrier on",
                    "fence vector on",
                )
                kind = word or self.random.choice(fences)
                return self.note(kind, f"{kind} {self.cpu()}" if kind.endswith("on") else kind)
            case "break":
                inside = f"{self.statement(True, 1)}; if {self.condition()} {{ break }}"
                self.statements |= {"if", "loop n"}
                return self.note("break", f"loop 2 {{ {inside} }}")
            case "if":
                other = f" else {{ {self.statement(loop, 1)} }}" if self.chance(0.4) else ""
                return self.note(
                    "if", f"if {self.condition()} {{ {self.statement(loop, 1)} }}{other}"
                )
            case "loop n":
                times = self.random.choice((0, 1, 2, 2, 2, 3))
                inside = self.statement(True, 1)
                if self.chance(0.1):
                    inside = f"loop 2 {{ {inside}; break }}"
                    self.statements.add("break")
                return self.note("loop n", f"loop {times} {{ {inside} }}")
            case "loop":
                leave = "" if self.chance(0.1) else f"; if {self.condition()} {{ break }}"
                self.statements |= {"if", "break"} if leave else set()
                # Most loops hold a step: one without any is only looked at where it comes by again.
                step = "" if self.chance(0.05) else f"{self.load()}; "
                return self.note("loop", f"loop {{ {step}{self.statement(True, 1)}{leave} }}")
            case _:
                kinds = ["return"] * 3 + ["fail"] + (["break"] * 4 if loop else [])
                kind = word or self.random.choice(kinds)
                self.statements.add("if")
                return self.note(kind, f"if {self.condition()} {{ {kind} }}")

    def body(self, most: int, own: bool, words: list[str]) -> str:
        self.own = own or any(each.endswith(" own") for each in words)
        parts = [self.forced(each) for each in words]
        parts += [
            self.statement(False, 0) for _ in range(self.random.randint(1, most) - len(parts))
        ]
        self.random.shuffle(parts)
        text = "; ".join(parts)
        for local in "hyx":
            known = re.search(rf"\b{local} = ", text) is not None
            if re.search(rf"\b{local}\b", text) and (not known or self.chance(0.2)):
                parts.insert(0, self.note("compute", f"{local} = {self.random.choice((0, 0, 1))}"))
        owned = ["own mine: node"] * self.own
        owned += [each for each in OWN if re.search(rf"\b{each.split()[1][:-1]}\b", text)]
        return "; ".join(owned + parts)


def make(seed: int, number: int, size: int = 0) -> Made:
    """The text of a file with one scenario, ``s``.

    The number goes through all kernels, environments, strategies and statements in turn, four at a time, so
    that each combination comes; everything else is random.  ``size`` (0 to 3) makes it smaller, for when
    it has more states than the judge looks at; the combination stays.
    """
    random = Random(f"{seed}/{number}/{size}")
    maker = _Maker(random, size)
    turn, kernel = number // len(KERNELS), KERNELS[number % len(KERNELS)]
    turn, environment_word = turn // len(ENVIRONMENTS), ENVIRONMENTS[turn % len(ENVIRONMENTS)]
    turn, common = turn // len(STRATEGIES), tuple(STRATEGIES)[turn % len(STRATEGIES)]
    forced = list(STATEMENTS[turn % 8 :: 8])
    strategies = {common}
    threads: list[tuple[str, int, str]] = []
    cpus = maker.cpus
    shape = random.choice(SIZES[size].shapes)
    words = _environment(random, environment_word, size)
    if "handler" in forced:
        forced.remove("handler")
        if environment_word != "none":
            words = sorted({*words, "signal"})
            maker.statements.add("handler")
    lines: list[str] = []
    if shape.startswith("x"):
        threads = [("w", int(shape[1]), "")]
        threads += [("b", 1, "")] if shape.endswith("+1") else []
    else:
        threads = [("abc"[n], 1, "") for n in range(int(shape))]
    total = sum(count for _, count, _ in threads)
    most = SIZES[size].statements.get(total, 1)
    locals_: dict[str, set[str]] = {}
    for name, count, _ in threads:
        option = ""
        mine = [each for n, each in enumerate(forced) if n % len(threads) == len(locals_)]
        if size == 3 and total > 1 and locals_:
            mine = []  # all that is forced is in the first thread
        elif size == 3 and total > 1:
            mine = list(forced)
        if maker.chance(0.4) and not mine:
            other = random.choice(tuple(STRATEGIES))
            strategies.add(other)
            option = f" strategy {'' if other in ('opv', 'lock') else 's_'}{other}"
        where = maker.cpu()
        if maker.chance(0.15):
            low = random.randint(0, where)
            high = random.randint(where, cpus - 1)
            option += (
                f" allowed {low}..{high}" if low < high or maker.chance(0.5) else f" allowed {low}"
            )
        copies = f" x{count}" if count > 1 else ""
        body = maker.body(most, maker.chance(0.35 if count > 1 else 0.15), mine)
        locals_[name] = set(re.findall(r"\b([xyh]) = ", body))
        lines.append(f"    thread {name}{copies} @{where}{option} {{ {body} }}")
    names = [name for name, _, _ in threads]
    if "signal" in words and ("handler" in maker.statements or maker.chance(0.75)):
        maker.statements.add("handler")
        handler = maker.body(1, False, [])
        lines.append(f"    on signal {names[0]} {{ {handler} }}")
    used = _used("\n".join([*lines, *(each.text for each in maker.vectors)]))
    structs = ["const TWO = 2", "struct node { next: ptr<node>, value: u64 }"]
    structs += ["struct pair { low: u8, high: i16 }"]
    head = [f"abi {maker.revision} {maker.model}", *structs]
    head += [MEMORY[name][0].replace("{kind}", maker.page) for name in used]
    head += [each.text for each in maker.vectors]
    chosen = [common]
    if size and maker.chance(0.04):
        chosen.append(random.choice([each for each in STRATEGIES if each != common]))
        strategies |= set(chosen)
    head += [
        f"strategy s_{name} = {STRATEGIES[name]}"
        for name in sorted(strategies)
        if name not in ("opv", "lock")
    ]
    seen = [
        each.format(cpu)
        for name in used
        for each in MEMORY[name][1]
        if name != "some" or maker.page != "unmapped"
        for cpu in range(cpus if "{" in each else 1)
    ]
    seen += [f"{name}.{each}" for name in names for each in sorted(locals_[name])]
    copied = [name for name, count, _ in threads if count > 1 and "x" in locals_[name]]
    seen += [f"{name}[1].x" for name in copied if maker.chance(0.15)]
    seen += ["list(head@0)"] if "head" in used and maker.chance(0.3) else []
    claims = _claims(random, used, names, locals_)
    if seen and maker.chance(0.97):
        claims.append(f"observe {', '.join(seen)}")
    progress = ("stalled" in words and maker.chance(0.8)) or maker.chance(0.2)
    if progress:
        who = random.choice((*names, ""))
        level = random.choice(("finishes", "finishes", "lock_free", "obstruction_free"))
        claims.append(f"progress {who} {level}".replace("  ", " "))
    vectors = [(each.name, len(each.ops)) for each in maker.vectors if each.ops]
    environment = [e for each in words for e in _spelled(random, each, names, vectors)]
    kernels = [kernel]
    if size and maker.chance(0.04):
        kernels.append(random.choice([each for each in KERNELS if each != kernel]))
    claims += _expectations(random, kernels, chosen, names)
    top = [f'scenario s "{number}" {{', f"    cpus {cpus}", f"    kernel {', '.join(kernels)}"]
    if size == 3 and maker.chance(0.04):
        top[1] = f"    cpus {cpus}..{cpus + 1}"
    every = "any of " if len(chosen) > 1 and maker.chance(0.5) else ""
    spelled = [each if each in ("opv", "lock") else f"s_{each}" for each in chosen]
    top.append(f"    strategy {every}{', '.join(spelled)}")
    if environment:
        top.append(f"    environment {', '.join(environment)}")
    start = _init(random, used)
    if start:
        top.append(f"    init {{ {'; '.join(start)} }}")
    whole = "\n".join([*head, *top, *lines, *(f"    {each}" for each in claims), "}"]) + "\n"
    return Made(
        whole,
        frozenset(maker.statements),
        frozenset(strategies),
        frozenset(words) or frozenset(("none",)),
        kernel,
        frozenset(maker.ops),
    )


def _used(text: str) -> list[str]:
    """The variables that a text speaks of, and those that they are declared with."""
    found = {name for name in MEMORY if re.search(rf"\b{name}\b", text)}
    found |= {"f"} if "way" in found else set()
    return [name for name in MEMORY if name in found]


def _environment(random: Random, word: str, size: int) -> list[str]:
    if word == "none":
        return []
    more = 0 if size > 1 else random.choice((0, 0, 0, 1))
    return sorted({word, *random.sample(ENVIRONMENTS[1:], more)})


def _spelled(
    random: Random, word: str, names: list[str], vectors: list[tuple[str, int]]
) -> list[str]:
    """A disturbance, with whom and what it strikes; of those that may name a thread also two."""
    who = random.choice((*names, ""))
    match word:
        case "preempt":
            return [random.choice(("preempt", "preempt <= 1"))]
        case "stalled" if len(names) > 1 and random.random() < 0.2:
            return [f"stalled {each}" for each in names[:2]]
        case "stalled":
            return [f"stalled {random.choice(names)}"]
        case "stepped" | "unprotected" if len(names) > 1 and random.random() < 0.1:
            return [f"{word} {each}" for each in names[:2]]
        case "stepped":
            return [f"stepped {who}{random.choice(('', '', ' <= 1', ' <= 2'))}".replace("  ", " ")]
        case "unprotected":
            at = ""
            if vectors and random.random() < 0.4:
                name, count = random.choice(vectors)
                at = f" at {name}[{random.randrange(count)}]"
            return [f"unprotected {who}{at}{random.choice(('', ' <= 1'))}".replace("  ", " ")]
        case _:
            return [f"{word} <= {random.choice((1, 1, 1, 1, 2))}"]


def _init(random: Random, used: list[str]) -> list[str]:
    found = []
    if "d" in used and random.random() < 0.2:
        found.append(f"d@0 = {random.randrange(1, 3)}")
    if "f" in used and random.random() < 0.2:
        found.append("f = 1")
    if {"head", "A"} <= set(used) and random.random() < 0.5:
        both = random.choice((" -> B", ", B")) if "B" in used and random.random() < 0.5 else ""
        found.append(f"list head@0: A{both}")
    return found


def _expectations(
    random: Random, kernels: list[str], strategies: list[str], names: list[str]
) -> list[str]:
    """What is expected: often wrong."""
    if random.random() > 0.3:
        return []
    found = []
    for _ in range(random.choice((1, 1, 2))):
        verdict = random.choice(("holds", "holds", "fails", *VERDICTS))
        terms = [f"kernel {random.choice(kernels)}", "cpus 2"]
        one = random.choice(strategies)
        one = one if one in ("opv", "lock") else f"s_{one}"
        terms += [f"strategy {one}", f"strategy {random.choice(names)} = {one}"]
        picked = " and ".join(random.sample(terms, random.choice((1, 1, 2))))
        mode = random.choice(("", f" unless {picked}", f" when {picked}"))
        found.append(f"expect {verdict}{mode if verdict == 'holds' or 'when' in mode else ''}")
    return found


def _claims(
    random: Random, used: list[str], names: list[str], locals_: dict[str, set[str]]
) -> list[str]:
    values = {"d": "sum(d)", "e": "sum(e)", "q": "sum(q)", "f": "f", "g": "g", "k": "k"}
    values |= {"A": "A.value", "B": "B.value", "head": "length(head@0)"}
    values |= {
        "arr": "sum(arr)",
        "rec": "sum(rec.high)",
        "both": "both.high - both.low",
        "tab": "tab[1] / tab[0]",
    }
    terms = [values[each] for each in used if each in values]
    terms += [
        f"sum({name}.{each})" for name in names for each in sorted(locals_[name]) if each != "h"
    ]
    terms += [
        f"{name}.{each} % 2" for name in names for each in sorted(locals_[name]) if each == "x"
    ]
    found = []
    for kind in ("forall", "never", "exists"):
        if terms and random.random() < 0.4:
            test = (
                f"{random.choice(terms)} {random.choice(('==', '<', '!='))} {random.randrange(3)}"
            )
            found.append(
                f'{kind} "{kind} of it": {test}' if random.random() < 0.8 else f"{kind} {test}"
            )
    if terms and random.random() < 0.35:
        watch = random.choice(("invariant", "invariant quiescent"))
        test = f"{random.choice(terms)} {random.choice(('<', '!='))} {random.randrange(1, 3)}"
        found.append(f'{watch} "always": {test} || done({random.choice(names)})')
    if {"head", "A"} <= set(used) and random.random() < 0.3:
        nodes = "A, B" if "B" in used else "A"
        more = [f" + {name}.h" for name in names if "h" in locals_[name]]
        found.append(f"forall partition {{ {nodes} }} == list(head@0){random.choice(['', *more])}")
    return found
