#!/bin/sh
# gdb (gdb-minimal 13.1-3, Debian 12, x86-64): a breakpoint inside of a restartable sequence.
#
# Guess, written down before: each stop aborts the section, since the kernel sees a signal in it, so a
# program with a breakpoint in its section either never gets done or is slow, and stays right.
#
# Seen: gdb steps displaced by default.  The instruction is executed at another place, the kernel finds
# the thread outside of its section, forgets the section and says nothing; the thread goes on inside and
# commits.  Of two threads of one CPU every second increment is lost, and no section is aborted, though
# the breakpoint's condition is never true and nobody is ever shown anything.
#
# Needs apt-get set up for Debian 12, gcc, a kernel with rseq, and glibc from 2.35 on.  Exits with 0
# when it is still so, 1 when it is not, 77 when it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq gdb-minimal=13.1-3 2>/dev/null || { echo "gdb-minimal 13.1-3 is not to be had"; exit 77; }
dpkg-deb -x gdb-minimal_*.deb unpacked
gdb=$work/unpacked/usr/bin/gdb
"$gdb" --version | head -n 1 || { echo "this gdb does not run here"; exit 77; }

cat > count.c <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/rseq.h>
enum { EACH = 300 };
static volatile uint64_t total, aborts;
extern const char entry[];
long once(void *area, const void *entry, volatile uint64_t *total);
__asm__(".data\n.balign 32\nentry: .long 0, 0\n.quad first, last - first, undo\n"
	".text\nonce: mov %rsi, 8(%rdi)\nfirst: mov (%rdx), %rax\n.globl middle\nmiddle: inc %rax\n"
	"mov %rax, (%rdx)\nlast: xor %eax, %eax\nret\n.byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n"
	"undo: mov $1, %eax\nret\n");
static void *thread(void *unused)
{
	for (int i = 0; i < EACH; i++)
		while (once((char *)__builtin_thread_pointer() + __rseq_offset, entry, &total))
			__atomic_fetch_add(&aborts, 1, 0);
	return unused;
}
int main(void)
{
	pthread_t two[2];
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof set, &set);
	if (!__rseq_size)
		return 77;
	for (int i = 0; i < 2; i++)
		pthread_create(&two[i], 0, thread, 0);
	for (int i = 0; i < 2; i++)
		pthread_join(two[i], 0);
	printf("counted %lu of %d, %lu aborts\n", total, 2 * EACH, aborts);
	return 0;
}
C
gcc -O1 -pthread -o count count.c
echo "without gdb: $(./count)" || exit 77
with=$("$gdb" -q -batch -nx -ex 'break *middle if 0' -ex run ./count 2>&1 | grep '^counted')
echo "with gdb:    $with"
case $with in
"counted 600 of "*) echo "CHANGED: nothing is lost"; exit 1 ;;
esac
