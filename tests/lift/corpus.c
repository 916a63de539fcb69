/*
 * Per-CPU operations as C programs have them: sections in asm goto, in the shapes that are common.
 * Each exists for the CPU's number and for the concurrency id of the address space.
 */
#include <stdint.h>

struct area { uint32_t start, cpu; uint64_t cs; uint32_t flags, node, cid; };

#define CPU_ID "4"
#define MM_CID "24"
#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
#define DESCRIBE ".pushsection __rseq_cs, \"aw\"\n .balign 32\n" \
	"3: .long 0, 0\n .quad 1f, 2f - 1f, 4f\n .popsection\n" \
	".pushsection __rseq_cs_ptr_array, \"aw\"\n .quad 3b\n .popsection\n"
#define ENTER(id) DESCRIBE "leaq 3b(%%rip), %%rax\n movq %%rax, 8(%[area])\n 1:\n" \
	"cmpl %[cpu], " id "(%[area])\n jnz %l[moved]\n"
#define LEAVE "2:\n .pushsection __rseq_failure, \"ax\"\n" \
	".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n 4: jmp %l[aborted]\n .popsection\n"
#define SAME(place, value) "cmpq " value ", " place "\n jnz %l[differs]\n"
#define OTHER(place, value) "movq " place ", %%rbx\n cmpq " value ", %%rbx\n je %l[differs]\n"
#define STORE(place, value) "movq " value ", " place "\n"
#define RELEASE(place, value) STORE(place, value)
#define ADD(place, value) "addq " value ", " place "\n"
#define FOLLOW "addq %[offset], %%rbx\n movq (%%rbx), %%rcx\n movq %%rcx, "
#define INTO(place) place "\n"
#define OUT(place) "movq %%rbx, " place "\n"
#define LOADED_ADD "movq (%[v]), %%rbx\n addq %[offset], %%rbx\n movq (%%rbx), %%rbx\n addq %[count], (%%rbx)\n"
#define COPY "movq %[length], %%rcx\n movq %[from], %%rbx\n movq %[to], %%rdx\n test %%rcx, %%rcx\n" \
	"jz 7f\n 6: movb (%%rbx), %%al\n movb %%al, (%%rdx)\n inc %%rbx\n inc %%rdx\n dec %%rcx\n jnz 6b\n 7:\n"
#define AT(name) "(%[" name "])"
#define LOST "rax", "rbx", "rcx", "rdx", "memory", "cc"
#elif defined(__aarch64__)
#define DESCRIBE ".pushsection __rseq_cs, \"aw\"\n .balign 32\n" \
	"3: .long 0, 0\n .quad 1f, 2f - 1f, 4f\n .popsection\n" \
	".pushsection __rseq_cs_ptr_array, \"aw\"\n .quad 3b\n .popsection\n"
#define ENTER(id) DESCRIBE "adrp x15, 3b\n add x15, x15, :lo12:3b\n str x15, [%[area], #8]\n 1:\n" \
	"ldr w15, [%[area], #" id "]\n cmp w15, %w[cpu]\n b.ne %l[moved]\n"
#define LEAVE "2:\n b 5f\n .inst 0xd428bc00\n 4: b %l[aborted]\n 5:\n"
#define SAME(place, value) "ldr x14, " place "\n sub x14, x14, " value "\n cbnz x14, %l[differs]\n"
#define OTHER(place, value) "ldr x13, " place "\n sub x14, x13, " value "\n cbz x14, %l[differs]\n"
#define STORE(place, value) "str " value ", " place "\n"
#define RELEASE(place, value) "stlr " value ", " place "\n"
#define ADD(place, value) "ldr x14, " place "\n add x14, x14, " value "\n str x14, " place "\n"
#define FOLLOW "add x14, x13, %[offset]\n ldr x14, [x14]\n str x14, "
#define INTO(place) place "\n"
#define OUT(place) "str x13, " place "\n"
#define LOADED_ADD "ldr x14, [%[v]]\n add x14, x14, %[offset]\n ldr x14, [x14]\n ldr x13, [x14]\n" \
	"add x13, x13, %[count]\n str x13, [x14]\n"
#define COPY "mov x13, %[length]\n cbz x13, 7f\n mov x12, %[from]\n mov x11, %[to]\n" \
	"6: ldrb w14, [x12], #1\n strb w14, [x11], #1\n subs x13, x13, #1\n b.ne 6b\n 7:\n"
#define AT(name) "[%[" name "]]"
#define LOST "x11", "x12", "x13", "x14", "x15", "memory", "cc"
#endif

#define BODY(text, ...) \
	__asm__ goto (text : : [area] "r" (area), [cpu] "r" (cpu), __VA_ARGS__ : LOST : moved, differs, aborted); \
	return 0; moved: return -2; differs: return 1; aborted: return -1
#define ADDRESS(name) [name] "r" (name)

#define ALL(kind, id) \
int kind##_store(struct area *area, int cpu, long *v, long expect, long value) \
{ BODY(ENTER(id) SAME(AT("v"), "%[expect]") STORE(AT("v"), "%[value]") LEAVE, \
	ADDRESS(v), ADDRESS(expect), ADDRESS(value)); } \
int kind##_pop(struct area *area, int cpu, long *v, long not, long offset, long *load) \
{ BODY(ENTER(id) OTHER(AT("v"), "%[not]") OUT(AT("load")) FOLLOW INTO(AT("v")) LEAVE, \
	ADDRESS(v), ADDRESS(not), ADDRESS(offset), ADDRESS(load)); } \
int kind##_add(struct area *area, int cpu, long *v, long count) \
{ BODY(ENTER(id) ADD(AT("v"), "%[count]") LEAVE, ADDRESS(v), ADDRESS(count)); } \
int kind##_add_far(struct area *area, int cpu, long *v, long offset, long count) \
{ BODY(ENTER(id) LOADED_ADD LEAVE, ADDRESS(v), ADDRESS(offset), ADDRESS(count)); } \
int kind##_store_two(struct area *area, int cpu, long *v, long expect, long *v2, long value2, long value) \
{ BODY(ENTER(id) SAME(AT("v"), "%[expect]") STORE(AT("v2"), "%[value2]") STORE(AT("v"), "%[value]") LEAVE, \
	ADDRESS(v), ADDRESS(expect), ADDRESS(v2), ADDRESS(value2), ADDRESS(value)); } \
int kind##_store_two_release(struct area *area, int cpu, long *v, long expect, long *v2, long value2, long value) \
{ BODY(ENTER(id) SAME(AT("v"), "%[expect]") STORE(AT("v2"), "%[value2]") RELEASE(AT("v"), "%[value]") LEAVE, \
	ADDRESS(v), ADDRESS(expect), ADDRESS(v2), ADDRESS(value2), ADDRESS(value)); } \
int kind##_compare_two(struct area *area, int cpu, long *v, long expect, long *v2, long expect2, long value) \
{ BODY(ENTER(id) SAME(AT("v"), "%[expect]") SAME(AT("v2"), "%[expect2]") STORE(AT("v"), "%[value]") LEAVE, \
	ADDRESS(v), ADDRESS(expect), ADDRESS(v2), ADDRESS(expect2), ADDRESS(value)); } \
int kind##_copy(struct area *area, int cpu, long *v, long expect, char *to, char *from, long length, long value) \
{ BODY(ENTER(id) SAME(AT("v"), "%[expect]") COPY STORE(AT("v"), "%[value]") LEAVE, \
	ADDRESS(v), ADDRESS(expect), ADDRESS(to), ADDRESS(from), ADDRESS(length), ADDRESS(value)); }

ALL(cpu, CPU_ID)
ALL(cid, MM_CID)
