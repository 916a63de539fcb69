/* The slice extension (Linux 7.0: prctl 79, system call 471) as user space sees it, counted.
 *
 *     slices [TRIES]
 *
 * Prints "fact NAME VALUE" and "row NAME 64 OUTCOME=COUNT ...".  Static, and an init as well.  A busy
 * thread of the same CPU makes the interrupts that would switch.  Where the kernel has no slices only
 * the facts and the first row are asked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
#define SIGNATURE 0x53053053u
#define NR_RSEQ 334
#else
#define SIGNATURE 0xd428bc00u
#define NR_RSEQ 293
#endif
enum { NR_SLICE_YIELD = 471, PR_SLICE = 79, GET = 1, SET = 2, ENABLE = 1 };
enum { UNREGISTER = 1, SLICES = 2 };	 /* flags of the system call */
enum { AVAILABLE = 16, ENABLED = 32 }; /* of the area */

static struct area {
	volatile uint32_t cpu_id_start, cpu_id;
	volatile uint64_t rseq_cs;
	volatile uint32_t flags, node_id, mm_cid;
	volatile uint8_t request, granted, more[2];
	char rest[64 - 32];
} __attribute__((aligned(64))) A;

static int tries = 200;
static const long ROUNDS = 100000000;

static long rseq(int size, int flags)
{
	return syscall(NR_RSEQ, &A, size, flags, SIGNATURE) ? errno : 0;
}

static void again(int size, int flags)
{
	memset(&A, 0, sizeof A);
	if (rseq(size, flags))
		printf("fact refused %d\n", errno);
}

static long slices(int command, long value)
{
	long result = prctl(PR_SLICE, command, value, 0, 0);
	return result < 0 ? -errno : result;
}

static long switches(void)
{
	struct rusage usage;
	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

static void *busy(void *unused)
{
	for (;;)
		;
	return unused;
}

/* What is in bytes 28 to 31 after a preemption, where slices are not enabled. */
static void not_enabled(int size)
{
	int kept = 0, wiped = 0;
	again(size, 0);
	for (int i = 0; i < tries; i++) {
		long before = switches();
		A.request = A.granted = A.more[0] = A.more[1] = 7;
		for (long n = 0; n < ROUNDS && A.request == 7 && (n % 1000000 || switches() == before); n++)
			;
		kept += A.request == 7 && A.granted == 7 && A.more[0] == 7 && A.more[1] == 7;
		wiped += A.request != 7;
	}
	printf("row not-enabled %d kept=%d wiped=%d\n", size, kept, wiped);
	rseq(size, UNREGISTER);
}

/* Ask, and wait for the kernel to answer: 1 granted, 0 taken away again before it could be seen, -1 none. */
static int ask(void)
{
	A.request = 1;
	for (long n = 0; n < ROUNDS && A.request; n++)
		;
	return A.request ? -1 : A.granted;
}

static void enabled(void)
{
	int granted = 0, revoked = 0, none = 0, yields[2] = {0, 0}, others[2] = {0, 0}, left = 0;
	for (int i = 0; i < tries; i++) {
		int seen = ask();
		granted += seen == 1;
		revoked += seen == 0;
		none += seen < 0;
		if (seen == 1)
			yields[syscall(NR_SLICE_YIELD) == 1]++;
	}
	for (int i = 0; i < tries; i++) {
		if (ask() != 1)
			continue;
		syscall(SYS_getppid);
		left += A.granted != 0;
		others[syscall(NR_SLICE_YIELD) == 1]++;
	}
	printf("row request 64 granted=%d revoked=%d none=%d\n", granted, revoked, none);
	printf("row yield 64 one=%d zero=%d\n", yields[1], yields[0]);
	printf("row yield-after-call 64 one=%d zero=%d still_granted=%d\n", others[1], others[0], left);
}

int main(int count, char **words)
{
	int init = getpid() == 1;
	pthread_t thread;
	cpu_set_t set;
	if (!getenv("GLIBC_TUNABLES")) { /* no registration of glibc's in the way */
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
		execv(init ? "/init" : "/proc/self/exe", words);
	}
	if (count > 1 || getenv("tries"))
		tries = atoi(count > 1 ? words[1] : getenv("tries"));
	setvbuf(stdout, NULL, _IOLBF, 0);
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof set, &set);
	printf("\nfact unregistered %ld\n", slices(SET, ENABLE));
	again(32, 0);
	printf("fact with32 %ld\n", slices(SET, ENABLE));
	rseq(32, UNREGISTER);
	again(64, 0);
	int there = A.flags & AVAILABLE;
	printf("fact flags %u\n", A.flags); /* before the prctl changes them */
	printf("fact set %ld\n", slices(SET, ENABLE));
	printf("fact flags_set %u\nfact get %ld\n", A.flags, slices(GET, 0));
	rseq(64, UNREGISTER);
	memset(&A, 0, sizeof A);
	printf("fact register_asking %ld\n", rseq(64, SLICES));
	printf("fact flags_asking %u\n", A.flags);
	rseq(64, UNREGISTER);
	pthread_create(&thread, NULL, busy, NULL);
	not_enabled(32);
	not_enabled(64);
	if (there) {
		again(64, SLICES);
		enabled();
	}
	printf("end\n");
	fflush(stdout);
	if (init)
		reboot(RB_AUTOBOOT);
	_exit(0); /* the area goes with the process */
}
