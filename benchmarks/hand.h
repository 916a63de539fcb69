/* The same operations as assembly by hand, in the shape of librseq's templates: what emitted code is
 * measured against. Each looks at the slow flag, as the emitted section does. x86-64 only. */
#ifndef HAND_H
#define HAND_H
#include <sched.h>

#define HAND_TABLES \
    ".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n3:\n\t.long 0, 0\n\t.quad 1f, (2f - 1f), 4f\n\t" \
    ".popsection\n\t.pushsection __rseq_cs_ptr_array, \"aw\"\n\t.quad 3b\n\t.popsection\n\t"
#define HAND_ENTER "leaq 3b(%%rip), %%rax\n\tmovq %%rax, %%fs:8(%[rseq])\n1:\n\t"
#define HAND_ON_CPU "cmpl %[cpu], %%fs:4(%[rseq])\n\tjnz %l[abort]\n\t"
#define HAND_LEAVE \
    "2:\n\t.pushsection __rseq_failure, \"ax\"\n\t.byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n" \
    "4:\n\tjmp %l[abort]\n\t.popsection\n\t"
#define HAND static inline __attribute__((always_inline)) int

HAND hand_add(struct counter_percpu *percpu, long count, int cpu)
{
    __asm__ goto(HAND_TABLES HAND_ENTER HAND_ON_CPU
        "movl %[slow], %%eax\n\ttestl %%eax, %%eax\n\tjnz %l[abort]\n\t"
        "addq %[count], %[value]\n"
        HAND_LEAVE
        : : [rseq] "r"(__rseq_offset), [cpu] "r"(cpu), [slow] "m"(percpu->opv.slow),
        [value] "m"(percpu->counter), [count] "er"(count)
        : "memory", "cc", "rax" : abort);
    return 0;
abort:
    return -1;
}

HAND hand_add_here(struct counter_percpu *first, long count, unsigned cpus)
{
    __asm__ goto(HAND_TABLES HAND_ENTER
        "movl %%fs:4(%[rseq]), %%eax\n\tcmpl %[cpus], %%eax\n\tjae %l[abort]\n\tshlq $7, %%rax\n\t"
        "cmpl $0, 8(%[first], %%rax)\n\tjnz %l[abort]\n\t"
        "addq %[count], (%[first], %%rax)\n"
        HAND_LEAVE
        : : [rseq] "r"(__rseq_offset), [cpus] "r"(cpus), [first] "r"(first), [count] "er"(count)
        : "memory", "cc", "rax" : abort);
    return 0;
abort:
    return -1;
}
OPV_ASSERT(sizeof(struct counter_percpu) == 128 && offsetof(struct counter_percpu, opv) == 8, "as above");

HAND hand_push(struct list_percpu *percpu, struct list_node *node, struct list_node *expect, int cpu)
{
    __asm__ goto(HAND_TABLES HAND_ENTER HAND_ON_CPU
        "movl %[slow], %%eax\n\ttestl %%eax, %%eax\n\tjnz %l[abort]\n\t"
        "cmpq %[expect], %[head]\n\tjnz %l[differs]\n\t"
        "movq %[expect], %[next]\n\t"
        "movq %[node], %[head]\n"
        HAND_LEAVE
        : : [rseq] "r"(__rseq_offset), [cpu] "r"(cpu), [slow] "m"(percpu->opv.slow),
        [head] "m"(percpu->head), [next] "m"(node->next), [expect] "r"(expect), [node] "r"(node)
        : "memory", "cc", "rax" : abort, differs);
    return 0;
abort:
    return -1;
differs:
    return 1;
}

HAND hand_pop(struct list_percpu *percpu, struct list_node *expect, int cpu)
{
    __asm__ goto(HAND_TABLES HAND_ENTER HAND_ON_CPU
        "movl %[slow], %%eax\n\ttestl %%eax, %%eax\n\tjnz %l[abort]\n\t"
        "cmpq %[expect], %[head]\n\tjnz %l[differs]\n\t"
        "movq (%[expect]), %%rax\n\t"
        "movq %%rax, %[head]\n"
        HAND_LEAVE
        : : [rseq] "r"(__rseq_offset), [cpu] "r"(cpu), [slow] "m"(percpu->opv.slow),
        [head] "m"(percpu->head), [expect] "r"(expect)
        : "memory", "cc", "rax" : abort, differs);
    return 0;
abort:
    return -1;
differs:
    return 1;
}

/* The two that load the head inside; pop is librseq's load_cbeq_store_add_load_store__ptr, whose value goes
 * to memory before the commit. */
HAND hand_push_inside(struct results_percpu *percpu, struct results_node *node, int cpu)
{
    __asm__ goto(HAND_TABLES HAND_ENTER HAND_ON_CPU
        "movl %[slow], %%eax\n\ttestl %%eax, %%eax\n\tjnz %l[abort]\n\t"
        "movq %[head], %%rax\n\t"
        "movq %%rax, %[next]\n\t"
        "movq %[node], %[head]\n"
        HAND_LEAVE
        : : [rseq] "r"(__rseq_offset), [cpu] "r"(cpu), [slow] "m"(percpu->opv.slow),
        [head] "m"(percpu->head), [next] "m"(node->next), [node] "r"(node)
        : "memory", "cc", "rax" : abort);
    return 0;
abort:
    return -1;
}

HAND hand_pop_inside(struct results_percpu *percpu, struct results_node **node, int cpu)
{
    __asm__ goto(HAND_TABLES HAND_ENTER HAND_ON_CPU
        "movl %[slow], %%eax\n\ttestl %%eax, %%eax\n\tjnz %l[abort]\n\t"
        "movq %[head], %%rax\n\ttestq %%rax, %%rax\n\tjz %l[empty]\n\t"
        "movq %%rax, %[node]\n\t"
        "movq (%%rax), %%rax\n\t"
        "movq %%rax, %[head]\n"
        HAND_LEAVE
        : : [rseq] "r"(__rseq_offset), [cpu] "r"(cpu), [slow] "m"(percpu->opv.slow),
        [head] "m"(percpu->head), [node] "m"(*node)
        : "memory", "cc", "rax" : abort, empty);
    return 0;
abort:
    return -1;
empty:
    return 1;
}

HAND hand_put(struct ring_percpu *percpu, uint64_t head, uint64_t tail, uint64_t *slot, uint64_t value,
    uint64_t next, int cpu)
{
    __asm__ goto(HAND_TABLES HAND_ENTER HAND_ON_CPU
        "movl %[slow], %%eax\n\ttestl %%eax, %%eax\n\tjnz %l[abort]\n\t"
        "cmpq %[tail], %[is_tail]\n\tjnz %l[differs]\n\t"
        "cmpq %[head], %[is_head]\n\tjnz %l[differs]\n\t"
        "movq %[value], %[slot]\n\t"
        "movq %[next], %[is_tail]\n"
        HAND_LEAVE
        : : [rseq] "r"(__rseq_offset), [cpu] "r"(cpu), [slow] "m"(percpu->opv.slow),
        [is_tail] "m"(percpu->log.tail), [is_head] "m"(percpu->log.head), [slot] "m"(*slot),
        [head] "r"(head), [tail] "r"(tail), [value] "r"(value), [next] "r"(next)
        : "memory", "cc", "rax" : abort, differs);
    return 0;
abort:
    return -1;
differs:
    return 1;
}

/* getcpu as libraries call it: not by the thread's area, which would already be the fast way. */
static inline unsigned hand_getcpu(void)
{
    unsigned selector;
    /* What the kernel's vDSO does: the limit of a segment holds CPU and node. */
    __asm__ __volatile__("lsl %1, %0" : "=r"(selector) : "r"(0x7b));
    return selector & 0xfff;
}
#endif
