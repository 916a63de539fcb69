#!/bin/sh
# llvm-bolt 16.0.6 (bolt-16, Debian 12, x86-64): the signature before an abort handler.
#
# Guess, written down before: BOLT moves functions and follows the relocations of a section's descriptor,
# or leaves such a function where it is; the four bytes of the signature are data and stay as they are.
#
# Seen: x86's signature is written as the displacement of a ud1 that is relative to the program counter,
# so that disassemblers read on after it.  BOLT reads it so, too, and moves the instruction as it moves
# every one: it adjusts the displacement.  The descriptor is right (all three addresses), but the word
# before the abort handler is no longer 0x53053053, and a kernel that finds the thread inside kills it.
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
gcc -O2 -no-pie -Wl,--emit-relocs section.c -o before
"$bolt" before -o after >bolt.log 2>&1 || { cat bolt.log; exit 77; }
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


def look(path: str) -> tuple[bool, int]:
    """Whether the abort handler has moved out of __rseq_failure, and the word before it."""
    data = open(path, "rb").read()
    found = sections(data)
    (handler,) = struct.unpack_from("<Q", data, found["__rseq_cs"][1] + 24)
    for address, offset, size in found.values():
        if address and address <= handler < address + size:
            (word,) = struct.unpack_from("<I", data, offset + handler - address - 4)
    start, _, size = found["__rseq_failure"]
    return not start <= handler < start + size, word


before, after = look("before"), look("after")
print(f"before: {before[1]:#x} before the abort handler")
print(f"after:  {after[1]:#x} before the abort handler, which was {'moved' if after[0] else 'left'}")
sys.exit(not (before == (False, 0x53053053) and after[0] and after[1] != 0x53053053))
P
python3 look.py
