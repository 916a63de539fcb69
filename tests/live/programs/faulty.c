/* Adds with restartable sections that have a fault, or a way, chosen when this is compiled:
 *
 *   TAIL="nop"        instructions after the section's last store
 *   SIGNATURE=0x…     the four bytes before the abort handler
 *   INSIDE            the abort handler lies inside of the section
 *   HOME="name"       the section of the file that the descriptor stands in
 *   POINTERS=0        no pointer to the descriptor
 *   UNKNOWN           an area that nobody has registered
 *   COPIES=N          so many sections, each with a descriptor of its own
 *   LATE=N            the threads are begun after so many microseconds
 *
 *   faulty COUNT [THREADS [leave | lock | once]]
 *
 * leave: the section is left by a jump; lock: after three aborts a thread adds without a section;
 * once: an aborted section is not tried again. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifndef TAIL
#define TAIL ""
#endif
#ifndef SIGNATURE
#define SIGNATURE 0x53053053
#endif
#ifndef HOME
#define HOME "__rseq_cs"
#endif
#ifdef POINTERS
#define POINTER ""
#else
#define POINTER ".pushsection __rseq_cs_ptr_array, \"aw\"\n.quad 3b\n.popsection\n"
#endif
#ifdef INSIDE
#define END "5f"
#else
#define END "2f"
#endif
#ifndef COPIES
#define COPIES 1
#endif

extern const ptrdiff_t __rseq_offset;
struct area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, pad[11];
} __attribute__((aligned(32)));
#ifdef UNKNOWN
static __thread struct area mine;
#endif

static struct area *area(void)
{
#ifdef UNKNOWN
	return &mine;
#else
	return (struct area *)((char *)__builtin_thread_pointer() + __rseq_offset);
#endif
}

static struct { uint64_t value, pad[15]; } sums[1024];
static uint64_t outside;
static int count;
static const char *way = "";

/* 0: added; 1: aborted; 2: left */
#define SECTION(name)                                                                          \
	__attribute__((noinline)) static int name(struct area *me, uint64_t *p, uint64_t leave)    \
	{                                                                                          \
		int how;                                                                               \
		__asm__ volatile(".pushsection " HOME ", \"aw\"\n"                                     \
		                 ".balign 32\n"                                                        \
		                 "3: .long 0, 0\n"                                                     \
		                 ".quad 1f, " END " - 1f, 4f\n"                                        \
		                 ".popsection\n" POINTER "leaq 3b(%%rip), %%rax\n"                     \
		                 "movq %%rax, 8(%[me])\n"                                              \
		                 "1: testq %[leave], %[leave]\n"                                       \
		                 "jnz 6f\n"                                                            \
		                 "movq (%[p]), %%rax\n"                                                \
		                 "incq %%rax\n"                                                        \
		                 "movq %%rax, (%[p])\n" TAIL "\n"                                      \
		                 "2: movl $0, %[how]\n"                                                \
		                 "jmp 5f\n"                                                            \
		                 "6: movl $2, %[how]\n"                                                \
		                 "jmp 5f\n"                                                            \
		                 ".byte 0x0f, 0xb9, 0x3d\n"                                            \
		                 ".long %c[signature]\n"                                               \
		                 "4: movl $1, %[how]\n"                                                \
		                 "5:\n"                                                                \
		                 : [how] "=&r"(how)                                                    \
		                 : [me] "r"(me), [p] "r"(p), [leave] "r"(leave),                       \
		                   [signature] "i"(SIGNATURE)                                          \
		                 : "rax", "memory", "cc");                                             \
		return how;                                                                            \
	}
SECTION(add0)
#if COPIES > 1
SECTION(add1)
SECTION(add2)
SECTION(add3)
SECTION(add4)
SECTION(add5)
#else
#define add1 add0
#define add2 add0
#define add3 add0
#define add4 add0
#define add5 add0
#endif

static void *work(void *unused)
{
	int (*const add[])(struct area *, uint64_t *, uint64_t) = {add0, add1, add2, add3, add4, add5};
	struct area *me = area();
	(void)unused;
	for (int i = 0; i < count; i++)
		for (int failed = 0;; failed++) {
			if (!strcmp(way, "lock") && failed == 3) {
				__atomic_fetch_add(&outside, 1, __ATOMIC_RELAXED);
				break;
			}
			int how = add[i % COPIES](me, &sums[me->cpu_id_start].value, !strcmp(way, "leave"));
			if (how == 1 && strcmp(way, "once"))
				continue;
			if (how)
				__atomic_fetch_add(&outside, 1, __ATOMIC_RELAXED);
			break;
		}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t ids[16];
	uint64_t sum = 0;
	count = argc > 1 ? atoi(argv[1]) : 100;
	way = argc > 3 ? argv[3] : "";
#ifdef LATE
	usleep(LATE);
#endif
	for (int i = 0; i < threads; i++)
		pthread_create(&ids[i], NULL, work, NULL);
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	for (int cpu = 0; cpu < 1024; cpu++)
		sum += sums[cpu].value;
	printf("added %lu, outside %lu\n", sum, outside);
	return sum + outside != (uint64_t)count * threads;
}
