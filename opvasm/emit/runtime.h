/* ---- what every emitted header shares; the first one that is included defines it ---------------- */
#ifndef OPV_RUNTIME
#define OPV_RUNTIME 1

#if !defined(__linux__)
# error "these functions are for Linux"
#endif
#if defined(__clang__) && __clang_major__ < 13
# error "clang before 13 miscompiles asm goto; use clang 13 or later"
#elif !defined(__clang__) && defined(__GNUC__) && __GNUC__ < 8
# error "gcc before 8 miscompiles asm goto; use gcc 8 or later"
#endif

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Strict C hides them. */
#if !defined(__cplusplus) && !defined(_DEFAULT_SOURCE) && !defined(_GNU_SOURCE)
long syscall(long number, ...);
#endif
#if !defined(__cplusplus) && !defined(_GNU_SOURCE) && (!defined(_POSIX_C_SOURCE) || _POSIX_C_SOURCE < 199309L)
int nanosleep(const struct timespec *time, struct timespec *rest);
#endif
#if defined(MAP_ANONYMOUS)
# define OPV_ANONYMOUS MAP_ANONYMOUS
#elif defined(__mips__)
# define OPV_ANONYMOUS 0x800
#else
# define OPV_ANONYMOUS 0x20
#endif

/* Settings, all optional (-D…):
 *   OPV_FALLBACK=N        take the fallback: 0 when it is needed (default), 1 always, N every Nth call;
 *                         the environment variable OPV_FALLBACK (never, always, N) wins at run time
 *   OPV_NO_ENVIRONMENT    do not read environment variables
 *   OPV_TRUST_KERNEL      aarch64: run sections on 6.19 to 7.0.13, which had a fault that some mended
 *   OPV_NO_RSEQ           no restartable sections: each call takes the fallback
 *   OPV_COUNTERS=N        0: none; 1: what happens off the fast path (default); 2: attempts, too
 *   OPV_KEEP_SLOW=N       how many operations keep the slow path of a CPU after one fence, at first
 *   OPV_ASK_CPU_ID        opv_current_cpu reads cpu_id and looks at its sign: for programs in which a library
 *                         writes over cpu_id_start of glibc's area
 *   OPV_NO_SOURCE_LINES   the fallback's line numbers are this file's, not those of the .opv text
 *   OPV_UNWIND=0          no unwind information for the abort path
 *   OPV_CPU_OPV_NUMBER=N  the number of the system call cpu_opv
 */
#ifndef OPV_FALLBACK
# define OPV_FALLBACK 0
#endif
#ifndef OPV_COUNTERS
# define OPV_COUNTERS 1
#endif
#ifndef OPV_KEEP_SLOW
# define OPV_KEEP_SLOW 64
#endif

/* What a function answers besides 0 (done) and n (the compare of op n - 1 has differed). */
enum opv_result {
    OPV_DONE = 0,
    OPV_AGAIN = -EAGAIN,     /* cpu_opv: a page was not there; try again */
    OPV_FAULT = -EFAULT,     /* cpu_opv: an address is not mapped */
    OPV_INVALID = -EINVAL,   /* no such CPU, or a number of bits that is too large */
    OPV_NO_CALL = -ENOSYS,   /* the kernel has no cpu_opv */
    OPV_ABORTED = -0x0f70,   /* a strategy without a fallback: every attempt was aborted */
    OPV_BUSY = -0x0f71,      /* inside only: the slow flag of the CPU is set */
    OPV_UNTRIED = -0x0f72,   /* inside only: no attempt yet */
};

#if defined(__cplusplus)
# define OPV_ASSERT(condition, text) static_assert(condition, text)
#else
# define OPV_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define OPV_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define OPV_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
/* The area of a thread without CPU holds a number that is negative as an int. A section that was asked for that
 * number would go on there, and to an address. Compilers know that opv_current_cpu answers none of them. */
#define OPV_MAY_BE_CPU(cpu) ((cpu) <= 0x7fffffffu)
#define OPV_FAST static inline __attribute__((always_inline, unused))
#define OPV_RARE static __attribute__((unused))
#define OPV_REST static __attribute__((noinline, unused))
#define OPV_SLOW static __attribute__((noinline, cold, unused))
#if defined(__SANITIZE_THREAD__) /* gcc's ThreadSanitizer warns about the other */
# define OPV_BARRIER() __sync_synchronize()
#else
# define OPV_BARRIER() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
/* A compiler barrier on every edge out of an asm goto: compilers have moved code across them. */
#define OPV_EDGE() __asm__ __volatile__("" : : : "memory")

/* ---- memory: words that others may read at the same time ---- */

typedef uint8_t __attribute__((may_alias)) opv_u8;
typedef uint16_t __attribute__((may_alias)) opv_u16;
typedef uint32_t __attribute__((may_alias)) opv_u32;
typedef uint64_t __attribute__((may_alias)) opv_u64;
#define OPV_WORD(bits) \
    OPV_FAST uint##bits##_t opv_load##bits(const void *from) \
    { return __atomic_load_n((const opv_u##bits *)from, __ATOMIC_RELAXED); } \
    OPV_FAST uint##bits##_t opv_acquire##bits(const void *from) \
    { return __atomic_load_n((const opv_u##bits *)from, __ATOMIC_ACQUIRE); } \
    OPV_FAST void opv_store##bits(void *to, uint##bits##_t value) \
    { __atomic_store_n((opv_u##bits *)to, value, __ATOMIC_RELAXED); } \
    OPV_FAST void opv_commit##bits(void *to, uint##bits##_t value) \
    { __atomic_store_n((opv_u##bits *)to, value, __ATOMIC_RELEASE); }
OPV_WORD(8)
OPV_WORD(16)
OPV_WORD(32)
OPV_WORD(64)
#undef OPV_WORD

/* Follows the data of each CPU: the flag that sections look at first, the lock, and counters. */
struct opv_control {
    uint32_t slow;   /* OPV_HELD, OPV_FORCED; not 0: the fast path is not taken */
    uint32_t phase;  /* operations for which OPV_HELD stays set, in all */
    uint32_t lock;   /* OPV_TAKEN; or while OPV_HELD is set: how many operations come after the next one, in
                      * units of OPV_LEFT, and how many of those before it only found the flag set */
    uint32_t calls;  /* counts for "every Nth" */
    uint64_t unused;
    uint64_t attempts, aborts, busy, fallbacks, fences;
};
#define OPV_HELD 1u   /* a holder of the lock has fenced: no section of this CPU runs */
#define OPV_FORCED 2u /* the switch, or what this kernel lacks, sends every call to the rare path */
/* What is counted is in the word that is the lock: who takes it has the count, and one store gives both back.
 * The numbers are chosen so that one look at a sign finds a lock that is taken and the end of a phase. */
#define OPV_TAKEN 0xc0000000u
#define OPV_LEFT 0x10000u
#define OPV_MOST_KEPT 0x8000u
struct opv_counters {
    uint64_t attempts;  /* sections begun (0 unless OPV_COUNTERS is 2) */
    uint64_t aborts;    /* … that were aborted, or found their thread on another CPU */
    uint64_t busy;      /* … that found the slow flag set */
    uint64_t fallbacks; /* operations done by the fallback */
    uint64_t fences;    /* times that a lock holder had to fence */
};
#if OPV_COUNTERS
# define OPV_COUNT(control, what) ((void)__atomic_fetch_add(&(control)->what, 1, __ATOMIC_RELAXED))
#else
# define OPV_COUNT(control, what) ((void)0)
#endif
#if OPV_COUNTERS > 1
# define OPV_COUNT_ATTEMPT(control) OPV_COUNT(control, attempts)
# define OPV_COUNT_FIRST(memory, cpu) \
    do { if ((cpu) < (memory)->cpus) OPV_COUNT(&(memory)->percpu[cpu].opv, attempts); } while (0)
#else
# define OPV_COUNT_ATTEMPT(control) ((void)0)
# define OPV_COUNT_FIRST(memory, cpu) ((void)0)
#endif

/* ---- the thread's area (struct rseq), and sections ---- */

/* clang's static analyzer (seen: 14 and 19) leaves out all that comes after an asm goto: it reads the fallback. */
#if defined(__clang_analyzer__) && !defined(OPV_NO_RSEQ)
# define OPV_NO_RSEQ 1
#endif

#if defined(__x86_64__) && defined(__LP64__) && !defined(OPV_NO_RSEQ)
# define OPV_X86_64 1
# define OPV_SIGNATURE 0x53053053
# define OPV_RSEQ_NUMBER 334
#elif defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__) && !defined(OPV_NO_RSEQ)
# define OPV_AARCH64 1
# define OPV_SIGNATURE 0xd428bc00
# define OPV_RSEQ_NUMBER 293
#endif

#if defined(OPV_X86_64) || defined(OPV_AARCH64)
# define OPV_SECTIONS 1

/* The first 20 bytes of the kernel's struct rseq; 32 are registered. */
struct opv_area {
    uint32_t cpu_id_start; /* the same, but 0 where there is none */
    uint32_t cpu_id; /* this thread's CPU; -1: not registered yet, -2: cannot be */
    uint64_t rseq_cs;
    uint32_t flags;
    uint32_t unused[3];
} __attribute__((aligned(32)));
# define OPV_AREA_HINT "0"
# define OPV_AREA_CPU "4"
# define OPV_AREA_SECTION "8"

/* glibc 2.35 and later register every thread. Its header makes the symbols strong references: weak ones
 * were resolved to NULL by link-time optimisation without -fpie. */
# if defined(__GLIBC__)
#  if __GLIBC_PREREQ(2, 35)
#   define OPV_LIBC_REGISTERS 1
#   include <sys/rseq.h>
#  endif
# endif
# if !defined(OPV_LIBC_REGISTERS)
#  include <pthread.h>
#  if defined(__cplusplus)
extern "C" {
#  endif
/* One area for each thread and program: the name is the one that libraries of before glibc 2.35 share. */
__attribute__((weak, tls_model("initial-exec"))) __thread struct opv_area __rseq_abi = {
    0, (uint32_t)-1, 0, 0, { 0, 0, 0 }
};
__attribute__((weak)) pthread_key_t opv_thread_key;
__attribute__((weak)) pthread_once_t opv_thread_once = PTHREAD_ONCE_INIT;
#  if defined(__cplusplus)
}
#  endif
# endif

/* Where the area lies, in bytes from the thread pointer. */
OPV_FAST ptrdiff_t opv_rseq_offset(void)
{
# if defined(OPV_LIBC_REGISTERS)
    return __rseq_offset;
# elif defined(OPV_X86_64)
    char *thread;
    __asm__("movq %%fs:0, %0" : "=r"(thread));
    return (char *)&__rseq_abi - thread;
# else
    return (char *)&__rseq_abi - (char *)__builtin_thread_pointer();
# endif
}

# if defined(OPV_X86_64)
/* The operand with which sections find the area, and how the area is read outside of them. */
#  define OPV_RSEQ_OPERAND opv_rseq_offset()
OPV_FAST int32_t opv_cpu_id(void)
{
    int32_t cpu;
    __asm__ __volatile__("movl %%fs:" OPV_AREA_CPU "(%1), %0" : "=r"(cpu) : "r"(opv_rseq_offset()));
    return cpu;
}
OPV_FAST unsigned opv_cpu_hint(void)
{
    unsigned cpu;
    __asm__ __volatile__("movl %%fs:" OPV_AREA_HINT "(%1), %0" : "=r"(cpu) : "r"(opv_rseq_offset()));
    return cpu;
}
OPV_FAST void opv_set_cpu_hint(unsigned cpu)
{
    __asm__ __volatile__(
        "movl %0, %%fs:" OPV_AREA_HINT "(%1)" : : "r"(cpu), "r"(opv_rseq_offset()) : "memory");
}
# else
OPV_FAST struct opv_area *opv_this_area(void)
{
#  if defined(OPV_LIBC_REGISTERS)
    return (struct opv_area *)((char *)__builtin_thread_pointer() + __rseq_offset);
#  else
    return &__rseq_abi;
#  endif
}
#  define OPV_RSEQ_OPERAND opv_this_area()
OPV_FAST int32_t opv_cpu_id(void)
{
    return (int32_t)__atomic_load_n(&opv_this_area()->cpu_id, __ATOMIC_RELAXED);
}
OPV_FAST unsigned opv_cpu_hint(void)
{
    return __atomic_load_n(&opv_this_area()->cpu_id_start, __ATOMIC_RELAXED);
}
OPV_FAST void opv_set_cpu_hint(unsigned cpu)
{
    __atomic_store_n(&opv_this_area()->cpu_id_start, cpu, __ATOMIC_RELAXED);
}
# endif

/* Forgets the section that this thread ran last. The kernel reads its descriptor at the next switch, so
 * each thread that has used a library calls this before the library is closed. */
OPV_FAST void opv_leave(void)
{
# if defined(OPV_X86_64)
    __asm__ __volatile__(
        "movq $0, %%fs:" OPV_AREA_SECTION "(%0)" : : "r"(opv_rseq_offset()) : "memory");
# else
    __atomic_store_n(&opv_this_area()->rseq_cs, 0, __ATOMIC_RELAXED);
# endif
}

# if !defined(OPV_LIBC_REGISTERS)
OPV_SLOW void opv_unregister(void *area)
{
    (void)syscall(OPV_RSEQ_NUMBER, area, 32, 1, OPV_SIGNATURE);
}
OPV_SLOW void opv_make_key(void)
{
    (void)pthread_key_create(&opv_thread_key, opv_unregister);
}
# endif

/* Registers this thread where nobody else has; says whether its sections can run. */
OPV_SLOW int opv_thread_ready(void)
{
# if !defined(OPV_LIBC_REGISTERS)
    if ((int32_t)__rseq_abi.cpu_id == -1) {
        int saved = errno;
        if (syscall(OPV_RSEQ_NUMBER, &__rseq_abi, 32, 0, OPV_SIGNATURE) == 0) {
            /* The kernel must forget the area before the thread's memory is gone. */
            (void)pthread_once(&opv_thread_once, opv_make_key);
            (void)pthread_setspecific(opv_thread_key, &__rseq_abi);
        } else {
            __rseq_abi.cpu_id = (uint32_t)-2;
        }
        errno = saved;
    }
# endif
    return opv_cpu_id() >= 0;
}

/* The thread at the rare path: 0 it is registered, 1 it is now (and has not been tried), -1 it can't be. */
OPV_FAST int opv_thread_joins(int *result)
{
    if (OPV_LIKELY(opv_cpu_id() >= 0))
        return 0;
    if (!opv_thread_ready())
        return -1;
    *result = OPV_UNTRIED;
    return 1;
}

/* The tables of a section. A descriptor whose code is dropped must be dropped, too: "?" joins the group
 * of an inline function. A descriptor whose code stays must stay: linkers that collect garbage see no
 * use of the pointer array, so the code itself refers to it by a relocation that does nothing.
 * 1: start, 2: end (the address after the commit), 3: the descriptor, 4: where an abort goes. */
# if defined(OPV_X86_64)
#  define OPV_KEEP(label) ".reloc ., R_X86_64_NONE, " label "\n\t"
# else
#  define OPV_KEEP(label) ".reloc ., R_AARCH64_NONE, " label "\n\t"
# endif
# define OPV_TABLES \
    ".pushsection __rseq_cs, \"aw?\"\n\t" \
    ".balign 32\n" \
    "3:\n\t" \
    ".long 0, 0\n\t" /* version, flags */ \
    ".quad 1f, 2f - 1f, 4f\n\t" \
    ".popsection\n\t" \
    ".pushsection __rseq_cs_ptr_array, \"aw?\"\n" \
    "5:\n\t" \
    ".quad 3b\n\t" \
    ".popsection\n\t" \
    OPV_KEEP("5b")
# define OPV_EXIT(label) OPV_EXIT_AT("%l[" label "]")
# define OPV_EXIT_AT(place) \
    ".pushsection __rseq_exit_point_array, \"aw?\"\n" \
    "6:\n\t" \
    ".quad 1f, " place "\n\t" \
    ".popsection\n\t" \
    OPV_KEEP("6b")

# if defined(OPV_X86_64)
#  define OPV_ENTER \
    "leaq 3b(%%rip), %%rax\n\t" \
    "movq %%rax, %%fs:" OPV_AREA_SECTION "(%[opv_rseq])\n" \
    "1:\n\t"
/* The signature is the operand of a ud1, so that nobody can run into the abort code. */
#  define OPV_LEAVE(name) \
    "2:\n\t" \
    ".pushsection __rseq_failure, \"ax?\"\n\t" \
    ".byte 0x0f, 0xb9, 0x3d\n\t" \
    ".long 0x53053053\n" \
    name ".abort.%=:\n" \
    "4:\n\t" \
    OPV_UNWIND_BEGIN \
    "jmp %l[opv_aborted]\n\t" \
    OPV_UNWIND_END \
    ".popsection\n"
/* Where a section that has results is left by a label: they are stored beside the code that is mostly run. */
#  define OPV_ASIDE ".pushsection __rseq_failure, \"ax?\"\n" OPV_UNWIND_BEGIN
#  define OPV_BACK OPV_UNWIND_END ".popsection\n"
/* The abort code lies outside of its function, and a signal that aborts a section is delivered there.
 * With gas its frame can be described: the canonical frame address is kept in a register. */
#  if !defined(OPV_UNWIND)
#   define OPV_UNWIND 0
#  endif
#  if OPV_UNWIND
#   define OPV_UNWIND_BEGIN ".cfi_startproc\n\t.cfi_def_cfa %[opv_cfa], 0\n\t"
#   define OPV_UNWIND_END ".cfi_endproc\n\t"
#   define OPV_UNWIND_OPERAND , [opv_cfa] "r"(__builtin_dwarf_cfa())
#  else
#   define OPV_UNWIND_BEGIN
#   define OPV_UNWIND_END
#   define OPV_UNWIND_OPERAND
#  endif
# else
#  define OPV_ENTER \
    "adrp x11, 3b\n\t" \
    "add x11, x11, :lo12:3b\n\t" \
    "str x11, [%[opv_rseq], #" OPV_AREA_SECTION "]\n" \
    "1:\n\t"
/* The abort code lies inside its function, so its frame is known to unwinders. */
#  define OPV_LEAVE(name) \
    "2:\n\t" \
    "b 7f\n\t" \
    ".inst 0xd428bc00\n" \
    "4:\n\t" \
    "b %l[opv_aborted]\n" \
    "7:\n\t"
/* A conditional branch does not reach another section of a large program. */
#  define OPV_ASIDE "b 7f\n"
#  define OPV_BACK "7:\n\t"
#  define OPV_UNWIND_OPERAND
# endif
#else
# define OPV_SECTIONS 0
OPV_FAST void opv_leave(void)
{
}
OPV_FAST int opv_thread_joins(int *result)
{
    (void)result;
    return -1;
}
#endif

OPV_SLOW unsigned opv_ask_cpu(void)
{
    unsigned cpu = 0;
    int saved = errno;
    (void)syscall(SYS_getcpu, &cpu, (void *)0, (void *)0);
    errno = saved;
    return cpu;
}

/* A CPU for a thread without sections; where nobody has tried to register it, that is done. */
OPV_SLOW unsigned opv_unregistered_cpu(void)
{
#if OPV_SECTIONS && defined(OPV_LIBC_REGISTERS)
    unsigned cpu = opv_cpu_hint();
#elif OPV_SECTIONS
    unsigned cpu = opv_thread_ready() ? (unsigned)opv_cpu_id() : opv_ask_cpu();
#else
    unsigned cpu = opv_ask_cpu();
#endif
    return OPV_MAY_BE_CPU(cpu) ? cpu : 0;
}

/* A CPU whose data this thread should use: its own, where it is registered. Another is right, too, but
 * sections are not run there. Callers use it as an index: of glibc's area the hint is read, which is a CPU in
 * every thread. Another library's area may have the name of ours, and tcmalloc's keeps a pointer where the hint is. */
OPV_FAST unsigned opv_current_cpu(void)
{
#if OPV_SECTIONS && defined(OPV_LIBC_REGISTERS) && !defined(OPV_ASK_CPU_ID)
    unsigned cpu = opv_cpu_hint();
#elif OPV_SECTIONS
    unsigned cpu = (unsigned)opv_cpu_id();
    if (OPV_UNLIKELY((int32_t)cpu < 0))
        cpu = opv_unregistered_cpu();
    __asm__("" : "+r"(cpu)); /* else compilers extend the sign, since it is positive: dearer than zeros */
#else
    unsigned cpu = opv_unregistered_cpu();
#endif
    if (!OPV_MAY_BE_CPU(cpu))
        __builtin_unreachable();
    return cpu;
}

/* Where glibc did not register a thread (its tunable, valgrind) nobody writes the hint, so all threads would
 * meet at the first CPU's lock. Each writes its own when it had to wait, and now and then. */
OPV_SLOW void opv_settle(void)
{
#if OPV_SECTIONS && defined(OPV_LIBC_REGISTERS)
    if (opv_cpu_id() < 0)
        opv_set_cpu_hint(opv_ask_cpu());
#endif
}

/* ---- the fence, the lock and the system call of the fallbacks ---- */

#define OPV_MEMBARRIER_RSEQ 128
#define OPV_MEMBARRIER_REGISTER_RSEQ 256
#define OPV_MEMBARRIER_ON_CPU 1

OPV_SLOW int opv_fence_register(void)
{
#if OPV_SECTIONS
    int saved = errno;
    int failed = syscall(SYS_membarrier, OPV_MEMBARRIER_REGISTER_RSEQ, 0, 0) != 0
        || syscall(SYS_membarrier, OPV_MEMBARRIER_RSEQ, OPV_MEMBARRIER_ON_CPU, 0) != 0;
    errno = saved;
    return failed ? -ENOSYS : 0;
#else
    return 0;
#endif
}

/* Aborts the section that runs on a CPU, if one does. It was tried when the memory was made, so a
 * failure means that the process has lost the call meanwhile; going on would lose updates. */
OPV_SLOW void opv_fence(unsigned cpu)
{
#if OPV_SECTIONS
    int saved = errno;
    if (syscall(SYS_membarrier, OPV_MEMBARRIER_RSEQ, OPV_MEMBARRIER_ON_CPU, cpu) != 0)
        abort();
    errno = saved;
#else
    (void)cpu;
#endif
}

OPV_FAST void opv_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* Takes the lock: what was counted, or OPV_TAKEN where somebody else holds it. */
OPV_FAST uint32_t opv_try_lock(uint32_t *lock)
{
    return __atomic_exchange_n(lock, OPV_TAKEN, __ATOMIC_ACQUIRE);
}

/* The C library's function would make each operation a point where a thread can be cancelled, free among them. */
OPV_SLOW void opv_sleep(void)
{
    struct timespec pause = { 0, 50000 };
#if defined(SYS_nanosleep) && defined(__LP64__)
    (void)syscall(SYS_nanosleep, &pause, (void *)0);
#else
    (void)nanosleep(&pause, (struct timespec *)0);
#endif
}

/* Waits as long as it takes. The holder may be a thread that cannot run before this one sleeps. */
OPV_SLOW uint32_t opv_lock_wait(uint32_t *lock)
{
    int tries = 0, saved = errno;
    uint32_t count;
    opv_settle();
    do {
        while (opv_load32(lock) == OPV_TAKEN) {
            if (++tries < 100)
                opv_pause();
            else if (tries < 200)
                (void)sched_yield();
            else
                opv_sleep();
        }
        count = opv_try_lock(lock);
    } while (count == OPV_TAKEN);
    errno = saved;
    return count;
}

OPV_FAST uint32_t opv_lock(uint32_t *lock)
{
    uint32_t count = opv_try_lock(lock);
    return OPV_LIKELY(count != OPV_TAKEN) ? count : opv_lock_wait(lock);
}

/* A fence is dear, so the slow path of a CPU is kept for a number of operations: four times as many as
 * the last time when most of those needed it, and as few as at first when they only found it there.
 * All of them are counted as fallbacks here, and those that are not done yet are taken off again where
 * the counters are read: an operation has one word to count. */
OPV_FAST uint32_t opv_phase_begin(struct opv_control *control, uint32_t keep, uint32_t found)
{
    uint32_t phase = control->phase;
    int longer = 2 * found < phase && keep != 0;
    phase = !longer ? keep + !keep : phase < OPV_MOST_KEPT / 4 ? 4 * phase : OPV_MOST_KEPT;
    opv_settle();
#if OPV_COUNTERS
    opv_store64(&control->fences, control->fences + 1);
    opv_store64(&control->fallbacks, control->fallbacks + phase);
    opv_store64(&control->busy, control->busy + found);
#endif
    control->phase = phase;
    return (phase - 1) * OPV_LEFT;
}

/* The end of an operation, and where it was the last of its phase, of that: the flag, then the lock. */
OPV_FAST void opv_phase_step(struct opv_control *control, uint32_t count)
{
    if (count < OPV_LEFT)
        opv_commit32(&control->slow, control->slow & ~OPV_HELD);
    else
        count -= OPV_LEFT;
    opv_commit32(&control->lock, count);
}

/* What is counted beside the lock, for whom does not hold it: waits for a holder, but not for ever. */
OPV_SLOW uint32_t opv_peek(const struct opv_control *control)
{
    int tries;
    for (tries = 0; tries < 1000; tries++) {
        uint32_t count = opv_load32(&control->lock);
        if (count != OPV_TAKEN)
            return count;
        (void)sched_yield();
    }
    return 0;
}

#if !defined(OPV_CPU_OPV_NUMBER)
# if defined(__NR_cpu_opv)
#  define OPV_CPU_OPV_NUMBER __NR_cpu_opv
# elif defined(__aarch64__)
#  define OPV_CPU_OPV_NUMBER 295
# else
#  define OPV_CPU_OPV_NUMBER 1335
# endif
#endif
/* The system call; the stock kernel has none, `opvasm exec` answers it. */
OPV_SLOW int opv_cpu_opv(const void *ops, int count, unsigned cpu)
{
    int saved = errno;
    long result;
    opv_settle();
    result = syscall(OPV_CPU_OPV_NUMBER, ops, count, (int)cpu, 0);
    if (result < 0) {
        result = -errno;
        errno = saved;
    }
    return (int)result;
}

/* ---- the start of a program's memory ---- */

/* The CPUs that may ever be there: their numbers are smaller than this. 0: the kernel's list can't be read. */
OPV_SLOW unsigned opv_listed_cpus(void)
{
    unsigned cpus = 0;
    char text[256];
    long got, at;
    int file = (int)syscall(SYS_openat, -100 /* AT_FDCWD */, "/sys/devices/system/cpu/possible", 0);
    if (file >= 0) {
        got = read(file, text, sizeof(text));
        (void)close(file);
        for (at = 0; at < got; at++) {
            unsigned number = 0;
            while (at < got && text[at] >= '0' && text[at] <= '9')
                number = 10 * number + (unsigned)(text[at++] - '0');
            if (number >= cpus)
                cpus = number + 1;
        }
    }
    return cpus;
}

/* The same, or where there is no list, as many as can't be too few. */
OPV_SLOW unsigned opv_possible_cpus(void)
{
    unsigned cpus = opv_listed_cpus();
    if (cpus == 0) {
        /* Without /sys the C library counts the CPUs that it may use, whatever their numbers are. The kernel
         * answers how many bytes its own sets of CPUs have. */
        unsigned long set[128];
        long size = syscall(SYS_sched_getaffinity, 0, sizeof(set), set);
        cpus = 8 * (unsigned)(size > 0 ? size : (long)sizeof(set));
    }
    return cpus;
}

OPV_SLOW void *opv_allocate(size_t size)
{
    void *memory = mmap((void *)0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | OPV_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? (void *)0 : memory;
}

/* Writes to each page what it holds: some revisions of cpu_opv refuse pages that were never written. */
OPV_SLOW void opv_touch(void *memory, size_t size)
{
    char *at = (char *)memory, *end = at + size;
    for (; at < end; at += 4096)
        opv_store8(at, opv_load8(at));
}

/* What forces the fallback: 0 nothing, 1 always, N every Nth call. */
OPV_SLOW unsigned opv_forced(void)
{
    unsigned every = OPV_FALLBACK;
#if !defined(OPV_NO_ENVIRONMENT)
    const char *text = getenv("OPV_FALLBACK");
    if (text && strcmp(text, "never") == 0)
        every = 0;
    else if (text && strcmp(text, "always") == 0)
        every = 1;
    else if (text && *text >= '0' && *text <= '9')
        every = (unsigned)strtoul(text, (char **)0, 10);
#endif
    return every;
}

/* How many operations keep the slow path of a CPU after one fence. */
OPV_SLOW unsigned opv_keep(void)
{
    unsigned keep = OPV_KEEP_SLOW;
#if !defined(OPV_NO_ENVIRONMENT)
    const char *text = getenv("OPV_KEEP_SLOW");
    if (text && *text >= '0' && *text <= '9')
        keep = (unsigned)strtoul(text, (char **)0, 10);
#endif
    return keep < OPV_MOST_KEPT ? keep : OPV_MOST_KEPT;
}

/* Whether this kernel restarts sections. On aarch64 those from 6.19 to 7.0.13 do not, unless they carry
 * the fix of 7.0.14 under an older number; who knows that theirs does says OPV_TRUST_KERNEL. */
OPV_SLOW int opv_kernel_restarts(void)
{
#if defined(OPV_AARCH64) && !defined(OPV_TRUST_KERNEL)
    struct utsname name;
    unsigned long part[3] = { 0, 0, 0 };
    char *at = name.release;
    int number;
    if (uname(&name) != 0)
        return 0;
    for (number = 0; number < 3; number++) {
        part[number] = strtoul(at, &at, 10);
        if (*at++ != '.')
            break;
    }
    if (part[0] == 6)
        return part[1] < 19;
    return part[0] != 7 || part[1] != 0 || part[2] > 13;
#else
    return 1;
#endif
}

/* Whether sections may be run: the thread is registered, and a holder of the lock can fence them. */
OPV_SLOW int opv_sections_usable(int fences)
{
#if OPV_SECTIONS
    return opv_kernel_restarts() && opv_thread_ready() && (!fences || opv_fence_register() == 0);
#else
    (void)fences;
    return 0;
#endif
}

#endif /* OPV_RUNTIME */
