#!/bin/sh
# gcc 12.2.0 (Debian 12): -fanalyzer and what assembly with a "memory" clobber has written.
#
# Guess, written down before: after an asm that clobbers memory the analyzer knows no value of memory that the
# asm can reach, as the compiler's optimizers do.
#
# Seen: it keeps the values of a global variable and of what a parameter points at, also over asm volatile and
# asm goto; of a local variable whose address the asm gets it keeps none.  After a restartable section that
# has just added to a counter the old count is taken for true, and code that looks at the new one is
# taken for dead.
#
# Needs gcc 12.2.0.  Exits with 0 when it is still so, 1 when it is not, 77 when it can't be tried here.
set -eu
command -v gcc >/dev/null || { echo "no gcc"; exit 77; }
[ "$(gcc -dumpfullversion)" = 12.2.0 ] || { echo "gcc is $(gcc -dumpfullversion), not 12.2.0"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/known.c" <<'C'
extern void __analyzer_eval(int);
int global;
void of_a_parameter(int *p) { *p = 1; __asm__ volatile("movl $2, (%0)" : : "r"(p) : "memory"); __analyzer_eval(*p == 1); }
void of_a_global(void) { global = 1; __asm__ volatile("" : : : "memory"); __analyzer_eval(global == 1); }
void over_a_goto(int *p) { *p = 1; __asm__ goto("" : : "r"(p) : "memory" : out); __analyzer_eval(*p == 1); out:; }
void of_an_output(int *p) { *p = 1; __asm__("movl $2, %0" : "=m"(*p)); __analyzer_eval(*p == 1); }
void of_a_local(void) { int v = 1; __asm__ volatile("movl $2, (%0)" : : "r"(&v) : "memory"); __analyzer_eval(v == 1); }
C
answers=$(gcc -fanalyzer -c -o /dev/null "$work/known.c" 2>&1 \
	| sed -n 's/^[^:]*:\([0-9]*\):[0-9]*: warning: \([A-Z]*\)$/\1 \2/p' | sort -n | cut -d' ' -f2 | tr '\n' ' ')
echo "is the old value still there? parameter, global, goto, output, local: $answers"
[ "$answers" = "TRUE TRUE TRUE UNKNOWN UNKNOWN " ]
