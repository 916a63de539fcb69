#!/bin/sh
# GNU ld 2.40, LLD 14.0.6 and mold 1.10.1 (Debian 12): --gc-sections and the pointer array of
# restartable sections.
#
# Guess, written down before: the linkers agree.  __rseq_cs_ptr_array is data that nothing refers to but a
# walk between __start___rseq_cs_ptr_array and __stop_…, so either all drop it or all keep it.
#
# Seen: GNU ld and LLD drop the array without a word and keep the descriptors that code refers to; mold
# keeps both, since the array's name is a C identifier.  What steps over sections by that array (a
# debugger, an instrumenter) finds nothing in a program that runs them.  SHF_GNU_RETAIN ("awR") keeps it
# with each of the three.
#
# Needs gcc on x86-64; a linker that is not installed, or is of another version, is left out.  Exits with 0
# when it is still so, 1 when it is not, 77 when it can't be tried here.
set -eu
[ "$(uname -m)" = x86_64 ] || { echo "not x86-64"; exit 77; }
command -v gcc >/dev/null && command -v readelf >/dev/null || { echo "no gcc or readelf"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
source() {
	cat <<S
	.globl main
	.section .text.main,"ax",@progbits
main:	lea descriptor(%rip), %rax
1:	xor %eax, %eax
2:	ret
3:	ret
	.section __rseq_cs,"aw",@progbits
	.balign 32
descriptor: .long 0, 0
	.quad 1b, 2b - 1b, 3b
	.section __rseq_cs_ptr_array,"$1",@progbits
	.quad descriptor
	.section .note.GNU-stack,"",@progbits
S
}
source aw > plain.s
source awR > retained.s
tried=0 same=0
there() { readelf -SW "$1" | grep -q " $2 " && echo kept || echo dropped; }
try() { # linker, its version, what becomes of the plain array
	command -v "$1" >/dev/null && "$1" --version | grep -q "$2" || return 0
	tried=$((tried + 1))
	for kind in plain retained; do
		gcc -fuse-ld="$4" -Wl,--gc-sections -o $kind $kind.s
	done
	seen="$(there plain __rseq_cs_ptr_array) $(there plain __rseq_cs) $(there retained __rseq_cs_ptr_array)"
	echo "$1 $2: array, descriptors, array with SHF_GNU_RETAIN: $seen"
	[ "$seen" = "$3 kept kept" ] && same=$((same + 1))
	return 0
}
try ld.bfd 2.40 dropped bfd
try ld.lld 14.0.6 dropped lld
try mold 1.10.1 kept mold
[ $tried -gt 0 ] || { echo "none of these linkers is here"; exit 77; }
[ $same -eq $tried ]
