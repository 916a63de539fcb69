/* Where a call leaves the thread: on the CPU that it asked for, its affinity mask, policy, nice value and
 * registers as before; CPUs that it may not use are refused. */
#include "cpu_opv.h"
#include <sys/resource.h>

static uint64_t word;

static void *with_policy(void *argument)
{
	int policy = (int)(intptr_t)argument;
	struct sched_param parameter = {.sched_priority = 0};
	if (pthread_setschedparam(pthread_self(), policy, &parameter))
		return NULL;
	for (int i = 0; i < 4; i++)
		CHECK_RESULT(call(&OP_ADD(&word, 1, 8), 1, usable[i % usable_count]), 0);
	CHECK_RESULT(sched_getscheduler(0), policy);
	return NULL;
}

int main(void)
{
	cpu_set_t before, after, one;
	int stayed = 0;
	find_cpus();
	sched_getaffinity(0, sizeof before, &before);
	setpriority(PRIO_PROCESS, 0, 3);
	for (int i = 0; i < 200; i++) {
		int cpu = usable[i % usable_count];
		CHECK_RESULT(call(&OP_ADD(&word, 1, 8), 1, cpu), 0);
		stayed += sched_getcpu() == cpu;
		sched_getaffinity(0, sizeof after, &after);
		CHECK(CPU_EQUAL(&before, &after));
	}
	/* After the call the thread is an ordinary one again: a busy machine may move it at once. */
	CHECK(stayed >= 150);
	CHECK_RESULT(sched_getscheduler(0), SCHED_OTHER);
	CHECK_RESULT(getpriority(PRIO_PROCESS, 0), 3);
	CHECK_RESULT(word, 200);

	/* No op at all still moves the thread. */
	for (int index = 0; index < usable_count; index++) {
		stayed = 0;
		for (int i = 0; i < 20; i++) {
			CHECK_RESULT(call(NULL, 0, usable[index]), 0);
			stayed += sched_getcpu() == usable[index];
		}
		CHECK(stayed >= 10);
	}

	if (usable_count > 1) {
		CPU_ZERO(&one);
		CPU_SET(usable[0], &one);
		sched_setaffinity(0, sizeof one, &one);
		CHECK_RESULT(call(&OP_ADD(&word, 1, 8), 1, usable[0]), 0);
		CHECK_RESULT(call(&OP_ADD(&word, 1, 8), 1, usable[1]), -EINVAL);
		CHECK_RESULT(call(&OP_EQ(NULL, &word, 8), 1, usable[1]), -EFAULT);
		CHECK_RESULT(word, 201);
		sched_getaffinity(0, sizeof after, &after);
		CHECK(CPU_EQUAL(&one, &after));
		sched_setaffinity(0, sizeof before, &before);
		CHECK_RESULT(call(&OP_ADD(&word, 1, 8), 1, usable[1]), 0);
	}

	int policies[] = {SCHED_BATCH, SCHED_IDLE, SCHED_OTHER};
	for (int i = 0; i < 3; i++) {
		pthread_t id;
		pthread_create(&id, NULL, with_policy, (void *)(intptr_t)policies[i]);
		pthread_join(id, NULL);
	}

	/* Registers that a system call keeps, vector registers included. */
	static uint64_t r[6], v[2] = {0x1122334455667788, 0x99AABBCCDDEEFF00}, got[2], flags;
	static struct cpu_op op;
	op = OP_ADD(&word, 1, 8);
	long result = __NR_cpu_opv;
	__asm__ volatile(
		"movdqu %[v], %%xmm7\n\t"
		"movq $101, %%rbx\n\tmovq $102, %%r12\n\tmovq $103, %%r13\n\tmovq $104, %%r14\n\t"
		"movq $105, %%r15\n\tmovq $106, %%r9\n\t"
		"xorl %%r10d, %%r10d\n\t"
		"stc\n\t"
		"syscall\n\t"
		"movq %%rbx, 0+%[r]\n\tmovq %%r12, 8+%[r]\n\tmovq %%r13, 16+%[r]\n\t"
		"movq %%r14, 24+%[r]\n\tmovq %%r15, 32+%[r]\n\tmovq %%r9, 40+%[r]\n\t"
		"movq $0, %[flags]\n\t"
		"adcq $0, %[flags]\n\t"
		"movdqu %%xmm7, %[got]\n\t"
		: "+a"(result), [flags] "=m"(flags), [r] "=m"(r), [got] "=m"(got)
		: "D"(&op), "S"(1L), "d"((long)usable[0]), [v] "m"(v)
		: "rcx", "r11", "r10", "r9", "rbx", "r12", "r13", "r14", "r15", "xmm7", "memory", "cc");
	CHECK_RESULT(result, 0);
	for (int i = 0; i < 6; i++)
		CHECK_RESULT(r[i], 101 + i);
	CHECK(v[0] == got[0] && v[1] == got[1]);
	CHECK(flags & 1);
	return finish("placement");
}
