#!/bin/sh
# pyelftools 0.33 and lief 1.0.0 (PyPI): an object file with two sections called __rseq_cs.
#
# Guess, written down before: two readers that find a section by its name find the same one, or say that
# there are several.
#
# Seen: pyelftools answers with the last, lief with the first, and neither says that there is another.  A
# C++ object has one __rseq_cs for each COMDAT group, that is for each inline function with a restartable
# section: by name either reader sees the descriptors of one function only.
#
# Needs python3 with venv, pip set up, and GNU as.  Exits with 0 when it is still so, 1 when it is not, 77
# when it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v as >/dev/null || { echo "no as"; exit 77; }
python3 -m venv "$work/venv" || { echo "no venv"; exit 77; }
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyelftools==0.33 lief==1.0.0 2>/dev/null \
	|| { echo "pyelftools 0.33 and lief 1.0.0 are not to be had"; exit 77; }
for group in one two; do
	printf '\t.section __rseq_cs,"aG",@progbits,%s,comdat\n\t.ascii "%s-"\n' $group $group
done > "$work/two.s"
as -o "$work/two.o" "$work/two.s"
"$work/venv/bin/python" - "$work/two.o" <<'P'
import sys

import lief
from elftools.elf.elffile import ELFFile

with open(sys.argv[1], "rb") as file:
    elf = ELFFile(file)
    count = sum(section.name == "__rseq_cs" for section in elf.iter_sections())
    first = elf.get_section_by_name("__rseq_cs").data()
other = bytes(lief.parse(sys.argv[1]).get_section("__rseq_cs").content)
print(f"{count} sections are called __rseq_cs")
print(f"pyelftools answers with {first!r}, lief {lief.__version__} with {other!r}")
sys.exit((count, first, other) != (2, b"two-", b"one-"))
P
