#!/bin/sh
# llvm-bolt 16.0.6 (bolt-16, Debian 12, x86-64): descriptors in a program that can lie anywhere.
#
# Guess, written down before: of a descriptor's addresses BOLT follows all or none, whether the program is
# linked with -no-pie or with -pie, since both have relocations for them and are given with --emit-relocs.
#
# Seen: with -no-pie start_ip becomes the address of the code where it is now.  With -pie, the default, it
# stays the address of the old code, which BOLT keeps in .bolt.org.text, while the function and its lea of
# the descriptor move: what runs stores the descriptor and goes on outside of the range it names.  No
# kernel aborts it, nothing is said, and increments are lost.
#
# Needs apt-get set up for Debian 12 and gcc.  Exits with 0 when it is still so, 1 when it is not, 77 when
# it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
command -v gcc >/dev/null || { echo "no gcc"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "not x86-64"; exit 77; }
apt-get download -qq bolt-16=1:16.0.6-15~deb12u1 libllvm16=1:16.0.6-15~deb12u1 2>/dev/null \
	|| { echo "bolt-16 16.0.6 is not to be had"; exit 77; }
for package in *.deb; do dpkg-deb -x "$package" unpacked; done
bolt=$work/unpacked/usr/lib/llvm-16/bin/llvm-bolt
export LD_LIBRARY_PATH="$work/unpacked/usr/lib/x86_64-linux-gnu:$work/unpacked/usr/lib/llvm-16/lib"
"$bolt" --version 2>/dev/null | grep 'LLVM version' || { echo "this llvm-bolt does not run here"; exit 77; }

cat > section.c <<'C'
__attribute__((noinline)) int add(unsigned long *area, long *place)
{
	__asm__ goto(
		".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n"
		"3:\t.long 0, 0\n\t.quad 1f, 2f - 1f, 4f\n\t.popsection\n\t"
		".pushsection __rseq_cs_ptr_array, \"aw\"\n\t.quad 3b\n\t.popsection\n\t"
		"leaq 3b(%%rip), %%rax\n\tmovq %%rax, 8(%[area])\n"
		"1:\tincq (%[place])\n2:\n\t"
		".pushsection __rseq_failure, \"ax\"\n\t"
		".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n4:\tjmp %l[aborted]\n\t.popsection"
		:
		: [area] "r"(area), [place] "r"(place)
		: "rax", "memory", "cc"
		: aborted);
	return 1;
aborted:
	return 0;
}

int main(void)
{
	static unsigned long area[4];
	static long count;

	return !add(area, &count);
}
C
for kind in no-pie pie; do
	gcc -O2 "-f$kind" "-$kind" -Wl,--emit-relocs section.c -o "before-$kind"
	"$bolt" "before-$kind" -o "after-$kind" >bolt.log 2>&1 || { cat bolt.log; exit 77; }
done
cat > look.py <<'P'
import struct
import sys


def sections(data: bytes) -> dict[str, tuple[int, int, int]]:
    """Name: (address, offset in the file, size) of each section of an ELF64 file."""
    at, width, count, names = (*struct.unpack_from("<Q", data, 40), *struct.unpack_from("<HHH", data, 58))
    rows = [struct.unpack_from("<IIQQQQ", data, at + width * index) for index in range(count)]
    strings = rows[names][4]
    return {
        data[strings + row[0] : data.index(0, strings + row[0])].decode(): (row[3], row[4], row[5])
        for row in rows
    }


def look(path: str) -> tuple[str, str]:
    """The sections that start_ip of the one descriptor and the function main are in."""
    data = open(path, "rb").read()
    found = sections(data)
    (start,) = struct.unpack_from("<Q", data, found["__rseq_cs"][1] + 8)
    table, texts = found[".symtab"], found[".strtab"][1]
    places = []
    for at in range(table[1], table[1] + table[2], 24):
        name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
        if data[texts + name : data.index(0, texts + name)] == b"add":
            places.append(value)
    return section_of(found, start), section_of(found, places[0])


def section_of(found: dict[str, tuple[int, int, int]], address: int) -> str:
    """The name of the section that an address is in."""
    return next(name for name, (first, _, size) in found.items() if first and first <= address < first + size)


seen = {kind: look(f"after-{kind}") for kind in ("no-pie", "pie")}
for kind, (start, function) in seen.items():
    print(f"-{kind}: the function is in {function}, its section begins in {start}")
sys.exit(seen != {"no-pie": (".text", ".text"), "pie": (".bolt.org.text", ".text")})
P
python3 look.py
