#!/bin/sh
# qemu-user 7.2.22 (Debian 12, x86-64 on x86-64): the CPU's number by rdtscp and by getcpu.
#
# Guess, written down before: under the emulator both name the CPU of the host that the thread is on, or
# both name the same CPU of its own making.
#
# Seen: getcpu is the host's, rdtscp answers 0 on every CPU.  A program that takes its CPU's number from
# rdtscp, as per-CPU code did before rseq, finds all its threads on CPU 0 while sched_getcpu says another.
#
# Needs apt-get set up for Debian 12, gcc, and two CPUs.  Exits with 0 when it is still so, 1 when it is
# not, 77 when it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
command -v gcc >/dev/null || { echo "no gcc"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "not x86-64"; exit 77; }
apt-get download -qq 'qemu-user-static=1:7.2+dfsg-7+deb12u18+b3' 2>/dev/null || { echo "qemu-user-static 7.2 is not to be had"; exit 77; }
dpkg-deb -x qemu-user-static_*.deb unpacked
qemu=$work/unpacked/usr/bin/qemu-x86_64-static
"$qemu" --version | head -n 1 | tee version || { echo "this qemu does not run here"; exit 77; }
grep -q ' 7\.2\.' version || { echo "another version"; exit 77; }
cat > where.c <<'C'
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <x86intrin.h>

int main(void)
{
	cpu_set_t all, one;
	int last = -1;
	unsigned number;

	if (sched_getaffinity(0, sizeof(all), &all))
		return 77;
	for (int cpu = 1; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all))
			last = cpu;
	if (last < 0)
		return 77;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return 77;
	__rdtscp(&number);
	printf("pinned to CPU %d: getcpu %d, rdtscp %u\n", last, sched_getcpu(), number & 0xfff);
	return number & 0xfff ? 0 : 1;
}
C
gcc -O2 -static where.c -o where
status=0; ./where || status=$?
[ $status = 0 ] || { echo "no second CPU, or rdtscp has no number here"; exit 77; }
status=0; "$qemu" ./where || status=$?
[ $status = 1 ]
