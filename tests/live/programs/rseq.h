/* Restartable sequences on x86-64, written out: the thread's area, and one section that adds to a
 * word of this CPU. */
#ifndef RSEQ_H
#define RSEQ_H
#include "cpu_opv.h"
#include <stddef.h>

#define RSEQ_SIGNATURE 0x53053053

struct rseq_area {
	uint32_t cpu_id_start;
	uint32_t cpu_id;
	uint64_t rseq_cs;
	uint32_t flags;
	uint32_t padding[3];
} __attribute__((aligned(32)));

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
static __thread struct rseq_area own_area;

/* The thread's area: the one that libc registered, or our own; NULL where neither can be had. */
static inline struct rseq_area *rseq_area(void)
{
	if (&__rseq_size && __rseq_size)
		return (struct rseq_area *)((char *)__builtin_thread_pointer() + __rseq_offset);
	if ((int)own_area.cpu_id > 0 || own_area.flags == 1)
		return &own_area;
	own_area.cpu_id = -1;
	if (syscall(334, &own_area, 32, 0, RSEQ_SIGNATURE))
		return NULL;
	return &own_area;
}

/* Adds to *p on this CPU in one section: 0, or -1 when it was aborted or the CPU is another.
 * SPIN turns in the section make it longer, and so likelier to be hit. */
static inline int rseq_add(struct rseq_area *area, uint64_t *p, uint64_t count, uint32_t cpu,
                           uint64_t spin)
{
	__asm__ goto(
		".pushsection __rseq_cs, \"aw\"\n\t"
		".balign 32\n\t"
		"3:\n\t"
		".long 0, 0\n\t"
		".quad 1f, (2f - 1f), 4f\n\t"
		".popsection\n\t"
		".pushsection __rseq_cs_ptr_array, \"aw\"\n\t"
		".quad 3b\n\t"
		".popsection\n\t"
		"leaq 3b(%%rip), %%rax\n\t"
		"movq %%rax, 8(%[area])\n\t"
		"1:\n\t"
		"cmpl %[cpu], 4(%[area])\n\t"
		"jnz 4f\n\t"
		"movq (%[p]), %%rax\n\t"
		"movq %[spin], %%rcx\n\t"
		"5:\n\t"
		"subq $1, %%rcx\n\t"
		"jns 5b\n\t"
		"addq %[count], %%rax\n\t"
		"movq %%rax, (%[p])\n\t"
		"2:\n\t"
		".pushsection __rseq_failure, \"ax\"\n\t"
		".byte 0x0f, 0xb9, 0x3d\n\t"
		".long 0x53053053\n\t"
		"4:\n\t"
		"jmp %l[abort]\n\t"
		".popsection\n\t"
		: /* asm goto has no outputs */
		: [area] "r"(area), [p] "r"(p), [count] "r"(count), [cpu] "r"(cpu), [spin] "r"(spin)
		: "rax", "rcx", "memory", "cc"
		: abort);
	return 0;
abort:
	return -1;
}

#endif
