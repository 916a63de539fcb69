/* How long calls of cpu_opv take, as the program sees it.
 *
 *   live latency ROUNDS      for each kind of call: its name, median and 99th percentile in ns
 *   live rate CALLERS CALLS  calls a second of so many threads, each on a counter of its own
 *
 * The kinds are interleaved, a hundred calls each, so that a noisy machine disturbs all alike. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef __NR_cpu_opv
#define __NR_cpu_opv 335
#endif
#define BATCH 100
#define ADDRESS(pointer) ((uint64_t)(uintptr_t)(pointer))

struct cpu_op {
	int32_t op;
	uint32_t len;
	uint64_t first, second;
	uint8_t flags[8];
};

static uint64_t v = 1, v2, counter;
static uint8_t source[4096], target[4096];

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static long opv(struct cpu_op *ops, int count)
{
	long result;
	do
		result = syscall(__NR_cpu_opv, ops, count, sched_getcpu(), 0);
	while (result < 0 && errno == EAGAIN);
	return result;
}

static long get_parent(void)
{
	return syscall(SYS_getppid) < 0;
}

static long query(void)
{
	return syscall(__NR_cpu_opv, NULL, 0, 0, 1) != 10;
}

static long one(void)
{
	struct cpu_op ops[] = {{3, 8, ADDRESS(&counter), 1, {0}}};
	return opv(ops, 1);
}

static long three(void)
{
	uint64_t expect = v, next = v + 1, other = v + 2;
	struct cpu_op ops[] = {
		{0, 8, ADDRESS(&v), ADDRESS(&expect), {0}},
		{2, 8, ADDRESS(&v2), ADDRESS(&other), {0}},
		{2, 8, ADDRESS(&v), ADDRESS(&next), {0}},
	};
	return opv(ops, 3);
}

static long sixteen(void)
{
	struct cpu_op ops[16];
	for (int i = 0; i < 16; i++)
		ops[i] = (struct cpu_op){3, 8, ADDRESS(&counter), 1, {0}};
	return opv(ops, 16);
}

static long copy(void)
{
	uint64_t expect = v, next = v + 1;
	struct cpu_op ops[] = {
		{0, 8, ADDRESS(&v), ADDRESS(&expect), {0}},
		{2, 4000, ADDRESS(target), ADDRESS(source), {0}},
		{2, 8, ADDRESS(&v), ADDRESS(&next), {0}},
	};
	return opv(ops, 3);
}

static const struct {
	const char *name;
	long (*call)(void);
} kinds[] = {{"getppid", get_parent}, {"query", query}, {"1 op", one},
             {"3 ops", three},        {"16 ops", sixteen}, {"3 ops, 4000 bytes", copy}};
#define KINDS (int)(sizeof kinds / sizeof *kinds)

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int calls_each;

static void *caller(void *unused)
{
	static __thread uint64_t own = 1;
	struct cpu_op op = {3, 8, ADDRESS(&own), 1, {0}};
	(void)unused;
	for (int i = 0; i < calls_each; i++)
		if (opv(&op, 1))
			exit(1);
	return NULL;
}

int main(int argc, char **argv)
{
	memset(source, 1, sizeof source);
	memset(target, 1, sizeof target);
	v2 = counter = 1;
	if (argc > 3 && !strcmp(argv[1], "rate")) {
		int callers = atoi(argv[2]);
		pthread_t ids[64];
		calls_each = atoi(argv[3]);
		double start = now();
		for (int i = 0; i < callers; i++)
			pthread_create(&ids[i], NULL, caller, NULL);
		for (int i = 0; i < callers; i++)
			pthread_join(ids[i], NULL);
		printf("%.0f\n", callers * calls_each / ((now() - start) / 1e9));
		return 0;
	}
	int rounds = argc > 2 ? atoi(argv[2]) : 20, first = argc > 3 ? atoi(argv[3]) : 0;
	double *times[KINDS];
	for (int kind = 0; kind < KINDS; kind++)
		times[kind] = malloc(sizeof(double) * rounds * BATCH);
	int last = argc > 4 ? atoi(argv[4]) : KINDS;
	for (int round = 0; round < rounds; round++)
		for (int kind = first; kind < last; kind++)
			for (int i = 0; i < BATCH; i++) {
				double start = now();
				if (kinds[kind].call()) {
					fprintf(stderr, "%s failed\n", kinds[kind].name);
					return 1;
				}
				times[kind][round * BATCH + i] = now() - start;
			}
	for (int kind = first; kind < last; kind++) {
		qsort(times[kind], rounds * BATCH, sizeof(double), by_value);
		printf("%s;%.0f;%.0f\n", kinds[kind].name, times[kind][rounds * BATCH / 2],
		       times[kind][rounds * BATCH * 99 / 100]);
	}
	return 0;
}
