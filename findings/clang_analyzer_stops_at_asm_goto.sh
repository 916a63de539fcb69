#!/bin/sh
# clang 19.1.7 (clang-19, Debian 12; 14.0.6 does the same): the static analyzer and asm goto.
#
# Guess, written down before: the analyzer knows nothing of the instructions, so it goes on after an asm goto
# on all its ways, the labels' and the straight one, as gcc's -fanalyzer does.
#
# Seen: it goes on on none, and says nothing of it.  A null pointer that is read after a restartable section is
# not reported, neither on the way of the abort nor on that of the commit, nor in a function that calls an
# inline function with such a section; after an asm without goto it is.  What uses rseq by inline
# assembly is analyzed up to the first section only, with clang-tidy's checks of this kind as well.
#
# Needs apt-get set up for Debian 12.  Exits with 0 when it is still so, 1 when it is not, 77 when it can't be
# tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=1:19.1.7-3~deb12u1
for package in clang-19 libclang-cpp19 libllvm19 libclang-common-19-dev; do
	apt-get download -qq "$package=$version" 2>/dev/null || { echo "$package is not to be had"; exit 77; }
done
for package in *.deb; do dpkg-deb -x "$package" unpacked; done
export LD_LIBRARY_PATH="$work/unpacked/usr/lib/x86_64-linux-gnu:$work/unpacked/usr/lib/llvm-19/lib"
clang=$work/unpacked/usr/lib/llvm-19/bin/clang
"$clang" --version | head -n 1 || { echo "this clang does not run here"; exit 77; }
cat > read.c <<'C'
int plain(int *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
	p = 0;
	return *p; /* reported: without goto */
}

int on_the_straight_way(int *p)
{
	__asm__ goto("" : : "r"(p) : "memory" : aborted);
	p = 0;
	return *p;
aborted:
	return 0;
}

int on_the_way_of_the_label(int *p)
{
	__asm__ goto("" : : "r"(p) : "memory" : aborted);
	return 0;
aborted:
	p = 0;
	return *p;
}

static inline int section(int *p)
{
	__asm__ goto("" : : "r"(p) : "memory" : aborted);
	return 0;
aborted:
	return 1;
}

int in_the_caller(int *p)
{
	section(p);
	p = 0;
	return *p;
}
C
"$clang" --analyze read.c 2>report >/dev/null || { cat report; exit 77; }
lines=$(sed -n 's/^read\.c:\([0-9]*\):.*warning: Dereference of null pointer.*/\1/p' report | tr '\n' ' ')
echo "null pointers reported in lines: $lines(of 5, 12, 23 and 38)"
[ "$lines" = "5 " ]
