#!/bin/sh
# glibc 2.36 (Debian 12): sched_getcpu() where the tunable glibc.pthread.rseq=0 switches rseq off.
#
# Guess, written down before: without a registration the area is not looked at, and sched_getcpu() asks
# the kernel.
#
# Seen: it reads cpu_id of the area all the same, and asks the kernel only while that is negative.  A
# number that somebody has written there (a tool that makes sections abort by changing cpu_id, say) is
# its answer for good: nobody writes to the area any more.
#
# Needs gcc and glibc from 2.35 on.  Exits with 0 when it is still so, 1 when it is not.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > ask.c <<'C'
#define _GNU_SOURCE
#include <gnu/libc-version.h>
#include <sched.h>
#include <stdio.h>
#include <sys/rseq.h>
int main(void)
{
	volatile int *cpu_id = (int *)((char *)__builtin_thread_pointer() + __rseq_offset) + 1;
	int before = *cpu_id;
	*cpu_id = 4711;
	sched_yield();
	int answer = sched_getcpu();
	printf("glibc %s: cpu_id was %d; 4711 was written, sched_getcpu() is %s\n", gnu_get_libc_version(), before,
	       answer == 4711 ? "4711" : "a CPU");
	return answer != 4711;
}
C
gcc -O1 -o ask ask.c
GLIBC_TUNABLES=glibc.pthread.rseq=0 ./ask
