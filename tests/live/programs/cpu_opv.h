/* The system call for the test programs: struct cpu_op as the kernel headers of 2017 and 2018 lay it
 * out, ops written as values, and checks that say where they fail. */
#ifndef CPU_OPV_H
#define CPU_OPV_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __NR_cpu_opv
#define __NR_cpu_opv 335
#endif

struct cpu_op {
	int32_t op;
	uint32_t len;
	uint64_t first;
	uint64_t second;
	uint8_t fault_first; /* the shift op's flag stands at byte 20, inside second */
	uint8_t fault_second;
	uint8_t rest[6];
};
_Static_assert(sizeof(struct cpu_op) == 32, "struct cpu_op has 32 bytes");

enum { EQ, NE, MEMCPY, ADD, OR, AND, XOR, LSHIFT, RSHIFT, MB };

#define ADDRESS(pointer) ((uint64_t)(uintptr_t)(pointer))
#define OP(opcode, length, a, b) \
	((struct cpu_op){.op = (opcode), .len = (length), .first = (uint64_t)(a), .second = (uint64_t)(b)})
#define OP_EQ(a, b, length) OP(EQ, length, ADDRESS(a), ADDRESS(b))
#define OP_NE(a, b, length) OP(NE, length, ADDRESS(a), ADDRESS(b))
#define OP_COPY(dst, src, length) OP(MEMCPY, length, ADDRESS(dst), ADDRESS(src))
#define OP_ADD(p, count, length) OP(ADD, length, ADDRESS(p), count)

static inline long cpu_opv(const struct cpu_op *ops, int count, int cpu, int flags)
{
	return syscall(__NR_cpu_opv, ops, count, cpu, flags);
}

/* The result, or the negative errno. */
static inline long call(const struct cpu_op *ops, int count, int cpu)
{
	long result = cpu_opv(ops, count, cpu, 0);
	return result < 0 ? -errno : result;
}

static int failures;

#define CHECK(condition)                                                                     \
	do {                                                                                     \
		if (!(condition)) {                                                                  \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
			failures++;                                                                      \
		}                                                                                    \
	} while (0)

#define CHECK_RESULT(expression, expected)                                                   \
	do {                                                                                     \
		long got_ = (expression), want_ = (expected);                                        \
		if (got_ != want_) {                                                                 \
			fprintf(stderr, "%s:%d: %s is %ld, not %ld\n", __FILE__, __LINE__, #expression,  \
			        got_, want_);                                                            \
			failures++;                                                                      \
		}                                                                                    \
	} while (0)

static inline int finish(const char *name)
{
	if (failures)
		fprintf(stderr, "%s: %d checks failed\n", name, failures);
	else
		printf("%s: passed\n", name);
	return failures != 0;
}

#define CPUS_MAX 256

/* The CPUs that this process may use, and how many. */
static int usable[CPUS_MAX];
static int usable_count;

static inline void find_cpus(void)
{
	cpu_set_t mask;
	sched_getaffinity(0, sizeof mask, &mask);
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		if (CPU_ISSET(cpu, &mask))
			usable[usable_count++] = cpu;
}

#endif
