#!/bin/sh
# frida 17.26.2 (PyPI, Linux x86-64): threads that Stalker follows, and their restartable sequences.
#
# Guess, written down before: a recompiled section is slow and is aborted more often, or Stalker does as
# valgrind does and lets the program believe that there is no rseq; counts stay right.
#
# Seen: the thread's area stays registered and the descriptor names the addresses of the program, while
# the instructions are executed in Stalker's copy.  The kernel finds the thread outside of its section
# each time and aborts nothing; only the section's own compare still sees that it was moved.  Of
# 160,000,000 increments of eight threads millions are lost.
#
# Needs gcc, python3 with venv, pip set up, a kernel with rseq, glibc from 2.35 on, and leave to trace a
# child.  Exits with 0 when it is still so, 1 when it is not, 77 when it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
command -v gcc >/dev/null || { echo "no gcc"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "not x86-64"; exit 77; }
python3 -m venv venv || { echo "no venv"; exit 77; }
venv/bin/pip install --quiet --disable-pip-version-check frida==17.26.2 2>/dev/null \
	|| { echo "frida 17.26.2 is not to be had"; exit 77; }

cat > count.c <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/rseq.h>
enum { THREADS = 8, EACH = 20000000, CPUS = 4096 };
static long counts[CPUS][8];
static long aborts;

__attribute__((noinline)) static int add(struct rseq *area)
{
	uint32_t cpu = *(volatile uint32_t *)&area->cpu_id_start;

	__asm__ goto(
		".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n"
		"3:\t.long 0, 0\n\t.quad 1f, 2f - 1f, 4f\n\t.popsection\n\t"
		"leaq 3b(%%rip), %%rax\n\tmovq %%rax, %[section]\n"
		"1:\tcmpl %[cpu], %[now]\n\tjne 4f\n\t"
		"movq (%[place]), %%rax\n\tincq %%rax\n\tmovq %%rax, (%[place])\n2:\n\t"
		".pushsection __rseq_failure, \"ax\"\n\t"
		".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n4:\tjmp %l[aborted]\n\t.popsection"
		:
		: [section] "m"(area->rseq_cs), [now] "m"(area->cpu_id), [cpu] "r"(cpu), [place] "r"(counts[cpu])
		: "rax", "memory", "cc"
		: aborted);
	return 1;
aborted:
	return 0;
}

void *work(void *unused)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	long again = 0;

	for (long done = 0; done < EACH;)
		if (add(area))
			done++;
		else
			again++;
	__atomic_fetch_add(&aborts, again, __ATOMIC_RELAXED);
	return unused;
}

int main(void)
{
	pthread_t threads[THREADS];
	long sum = 0;

	if (!__rseq_size)
		return 77;
	for (int index = 0; index < THREADS; index++)
		pthread_create(&threads[index], NULL, work, NULL);
	for (int index = 0; index < THREADS; index++)
		pthread_join(threads[index], NULL);
	for (int cpu = 0; cpu < CPUS; cpu++)
		sum += counts[cpu][0];
	printf("%ld %ld\n", (long)THREADS * EACH - sum, aborts);
	return 0;
}
C
gcc -O2 -no-pie -rdynamic count.c -o count -pthread || { echo "no <sys/rseq.h>"; exit 77; }
./count >/dev/null || { echo "no rseq here"; exit 77; }
cat > follow.py <<'P'
import sys
import threading

import frida

SCRIPT = """
Interceptor.attach(Process.mainModule.getExportByName("work"), {
  onEnter() { if (FOLLOW) Stalker.follow(Process.getCurrentThreadId(), {}); }
});
"""


def run(follow: bool) -> tuple[int, int]:
    """How many increments were lost and how many sections were left, with Stalker or without."""
    said: list[bytes] = []
    ended = threading.Event()
    device = frida.get_local_device()
    device.on("output", lambda pid, descriptor, data: said.append(data))
    pid = device.spawn(["./count"], stdio="pipe")
    session = device.attach(pid)
    session.on("detached", lambda *_: ended.set())
    script = session.create_script(SCRIPT.replace("FOLLOW", "true" if follow else "false"))
    script.load()
    device.resume(pid)
    ended.wait(60)
    for _ in range(50):
        if said and b"".join(said).endswith(b"\n"):
            break
        threading.Event().wait(0.1)
    lost, aborts = b"".join(said).split()
    return int(lost), int(aborts)


print(f"frida {frida.__version__}")
plain, followed = run(False), run(True)
print(f"attached: lost {plain[0]}, left {plain[1]}")
print(f"followed: lost {followed[0]}, left {followed[1]}")
sys.exit(not (plain[0] == 0 and followed[0] > 0))
P
venv/bin/python follow.py
