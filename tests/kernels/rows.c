/* What a kernel does to restartable sections and ids, one row a question, counted.
 *
 *     rows [TRIES [SIZE...]]     sizes in bytes: 32, 64
 *
 * Prints lines "row NAME SIZE OUTCOME=COUNT ...".  Static, and an init as well: as process 1 it
 * mounts /proc, prints its rows and turns the machine off.  A try counts only when what the row is
 * about did happen inside of the section, which the section sees itself (it reads the number of
 * events after its first instruction, and ends when that has changed).
 *
 * Built by tests/kernels/build.py for x86-64 and aarch64.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

struct area {
	volatile uint32_t cpu_id_start, cpu_id;
	volatile uint64_t rseq_cs;
	volatile uint32_t flags, node_id, mm_cid;
	volatile uint8_t request, granted;
	char rest[1024 - 30];
} __attribute__((aligned(1024)));

struct section {
	uint32_t version, flags;
	uint64_t start, length, abort;
} __attribute__((aligned(32)));

struct words {
	volatile uint32_t inside, events, number;
};

long spin(struct area *, struct section *, struct words *, long rounds);
long call(struct area *, struct section *, long number, long a, long b, long c);
long fault_start(struct area *, struct section *, volatile int *bad);
long fault_last(struct area *, struct section *, volatile int *bad);
long fault_after(struct area *, struct section *, volatile int *bad);
long add(struct area *, struct section *, volatile long *counter, long rounds);

#define LABELS(name) extern char name##_start[], name##_end[], name##_abort[];
LABELS(spin) LABELS(call) LABELS(fault_start) LABELS(fault_last) LABELS(fault_after) LABELS(add)
extern char spin_within[], spin_unsigned[];
#define SECTION(name) (struct section){0, 0, (uintptr_t)name##_start, name##_end - name##_start, (uintptr_t)name##_abort}

#ifdef __x86_64__
#define SIGNATURE 0x53053053u
#define NR_RSEQ 334
#define FAULT_LENGTH 2 /* mov (%rdx),%eax */
#define PC uc_mcontext.gregs[REG_RIP]
#define MARK ".byte 0x0f,0xb9,0x3d\n.long 0x53053053\n"
#define OUT(name) #name "_end: xor %eax,%eax\nret\n" MARK #name "_abort: mov $1,%eax\nret\n"
asm(".text\n.globl spin,spin_start,spin_end,spin_abort,spin_within,spin_unsigned,call,call_start,call_end,call_abort\n"
    ".globl fault_start,fault_start_start,fault_start_end,fault_start_abort\n"
    ".globl fault_last,fault_last_start,fault_last_end,fault_last_abort\n"
    ".globl fault_after,fault_after_start,fault_after_end,fault_after_abort\n"
    ".globl add,add_start,add_end,add_abort\n"
    "spin: mov 4(%rdx),%r8d\nmov %rsi,8(%rdi)\n"
    "spin_start: mov 4(%rdx),%r8d\nmovl $1,(%rdx)\njmp 1f\n" MARK
    "spin_within: mov $4,%eax\nmovl $0,(%rdx)\nret\n" /* an abort address inside of the section */
    "1: cmp 4(%rdx),%r8d\njne 2f\ndec %rcx\njnz 1b\n2: nop\n"
    "spin_end: xor %esi,%esi\n3: movl $0,(%rdx)\nxor %eax,%eax\ncmp 4(%rdx),%r8d\nsetne %al\nlea (%rsi,%rax,2),%eax\nret\n" MARK
    "spin_abort: mov $1,%esi\njmp 3b\n.fill 8,1,0x90\nspin_unsigned: mov $1,%esi\njmp 3b\n"
    "call: mov %rdi,%r11\nmov %rsi,%r10\nmov %rdx,%rax\nmov %rcx,%rdi\nmov %r8,%rsi\nmov %r9,%rdx\nmov %r10,8(%r11)\nxor %r10d,%r10d\n"
    "call_start: syscall\nnop\n" OUT(call)
    "fault_start: mov %rsi,8(%rdi)\nfault_start_start: mov (%rdx),%eax\nnop\n" OUT(fault_start)
    "fault_last: mov %rsi,8(%rdi)\nfault_last_start: nop\nmov (%rdx),%eax\n" OUT(fault_last)
    "fault_after: mov %rsi,8(%rdi)\nfault_after_start: nop\nnop\nfault_after_end: mov (%rdx),%eax\nxor %eax,%eax\nret\n" MARK
    "fault_after_abort: mov $1,%eax\nret\n"
    "add: mov %rsi,8(%rdi)\nadd_start: mov (%rdx),%rax\n1: dec %rcx\njnz 1b\ninc %rax\nmov %rax,(%rdx)\n" OUT(add));
#else
#define SIGNATURE 0xd428bc00u
#define NR_RSEQ 293
#define FAULT_LENGTH 4
#define PC uc_mcontext.pc
#define MARK ".inst 0xd428bc00\n"
#define OUT(name) #name "_end: mov w0,#0\nret\n" MARK #name "_abort: mov w0,#1\nret\n"
asm(".text\n.globl spin,spin_start,spin_end,spin_abort,spin_within,spin_unsigned,call,call_start,call_end,call_abort\n"
    ".globl fault_start,fault_start_start,fault_start_end,fault_start_abort\n"
    ".globl fault_last,fault_last_start,fault_last_end,fault_last_abort\n"
    ".globl fault_after,fault_after_start,fault_after_end,fault_after_abort\n"
    ".globl add,add_start,add_end,add_abort\n"
    "spin: ldr w8,[x2,#4]\nstr x1,[x0,#8]\n"
    "spin_start: ldr w8,[x2,#4]\nmov w9,#1\nstr w9,[x2]\nb 1f\n" MARK
    "spin_within: mov w0,#4\nstr wzr,[x2]\nret\n"
    "1: ldr w9,[x2,#4]\ncmp w9,w8\nb.ne 2f\nsubs x3,x3,#1\nb.ne 1b\n2: nop\n"
    "spin_end: mov w10,#0\n3: str wzr,[x2]\nldr w9,[x2,#4]\ncmp w9,w8\ncset w0,ne\nadd w0,w10,w0,lsl #1\nret\n" MARK
    "spin_abort: mov w10,#1\nb 3b\nnop\nnop\nspin_unsigned: mov w10,#1\nb 3b\n"
    "call: mov x9,x0\nmov x10,x1\nmov x8,x2\nmov x0,x3\nmov x1,x4\nmov x2,x5\nmov x3,#0\nmov x4,#0\nstr x10,[x9,#8]\n"
    "call_start: svc #0\nnop\n" OUT(call)
    "fault_start: str x1,[x0,#8]\nfault_start_start: ldr w9,[x2]\nnop\n" OUT(fault_start)
    "fault_last: str x1,[x0,#8]\nfault_last_start: nop\nldr w9,[x2]\n" OUT(fault_last)
    "fault_after: str x1,[x0,#8]\nfault_after_start: nop\nnop\nfault_after_end: ldr w9,[x2]\nmov w0,#0\nret\n" MARK
    "fault_after_abort: mov w0,#1\nret\n"
    "add: str x1,[x0,#8]\nadd_start: ldr x9,[x2]\n1: subs x3,x3,#1\nb.ne 1b\nadd x9,x9,#1\nstr x9,[x2]\n" OUT(add));
#endif

enum outcome { ABORTS, COMMITS, WITHIN, REWRITTEN, KEPT, CLEARED, LOST, NONE_LOST, HANDLED, DIED, OUTCOMES };
static const char *const OUTCOME[] = {"aborts", "commits", "lands", "rewritten", "kept", "cleared", "lost", "none_lost", "handled", "killed"};

/* What a program's own handler of SIGSEGV is like. */
enum handler { NO_HANDLER, PLAIN, NODEFER, SLEEPS };

enum event {
	NOTHING, PREEMPT, SIGNALLED, IGNORED, FENCE_ALL, FENCE_HERE, FENCE_ELSEWHERE, MIGRATE, AND_BACK, SAME,
	BLOCKED, FENCE_PRIVATE, SHOOTDOWN, TICK,
	SLEEP, YIELD, STAY, FENCE_SELF, FENCE_SELF_PLAIN, FENCE_ALONE, FORK_CHILD, FORK_PARENT, VFORK_CHILD
};
enum kind {
	IN_SECTION, BAD, ID, CPU_ID, CALL, OUTSIDE, LEFT, FAULT_START, FAULT_LAST, FAULT_AFTER,
	FAULT_MINOR, FAULT_SLEEPS, TWO_THREADS
};

static struct shared {
	volatile unsigned done, counts[OUTCOMES], refused;
	struct words words;
} *S;

static struct area A, B;
static struct section good, bad, calls, faults[3], adds;
static unsigned tries = 100;
static int size, event, target, handler;
static long rounds = 40000000, ticking;
static volatile int stop, ready, *forbidden, *fresh;
static uintptr_t elsewhere; /* what rseq_cs points to, where that is no descriptor of ours */

static long sys_rseq(struct area *area, int length, int flags)
{
	return syscall(NR_RSEQ, area, length, flags, SIGNATURE) ? -errno : 0;
}

static void pin(int thread, int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(thread, sizeof set, &set);
}

static void real_time(int priority)
{
	struct sched_param parameter = {priority};
	sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &parameter);
}

static void pause_for(long microseconds)
{
	struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
	nanosleep(&time, NULL);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

static long switches(void)
{
	struct rusage usage;
	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

static long membarrier(int command, int flags, int cpu)
{
	return syscall(SYS_membarrier, command, flags, cpu);
}
enum { PR_RSEQ_SLICE_EXTENSION = 79, NR_RSEQ_SLICE_YIELD = 471 };
enum { PRIVATE = 8, REGISTER_PRIVATE = 16, FENCE_RSEQ = 128, REGISTER_RSEQ = 256, ON_CPU = 1 };

static void on_signal(int number)
{
	(void)number;
	S->words.events++;
}

static int aborted_by_fault;
static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	uintptr_t at = user->PC;
	(void)number;
	if (info->si_addr != forbidden)
		_exit(5);
	aborted_by_fault = at == (uintptr_t)fault_start_abort || at == (uintptr_t)fault_last_abort ||
			   at == (uintptr_t)fault_after_abort;
	if (!aborted_by_fault)
		user->PC += FAULT_LENGTH;
}

/* The kernel's own kill, seen by the program: it counts when it is told so, SI_KERNEL without an address. */
static void on_kill(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (handler == SLEEPS) /* a switch, while rseq_cs still is what the kernel kills for */
		pause_for(100);
	A.rseq_cs = 0;
	if (info->si_code != SI_KERNEL || info->si_addr)
		_exit(5);
	S->counts[HANDLED]++;
	S->done++;
	_exit(0);
}

/* The thread that makes things happen. */
static void *maker(void *unused)
{
	struct words *w = &S->words;
	int same_cpu = event == PREEMPT || event == YIELD;
	(void)unused;
	pin(0, !same_cpu);
	real_time(event == YIELD ? 1 : 2);
	ready = 1;
	while (!stop) {
		if (event == YIELD) {
			sched_yield();
			continue;
		}
		if (event == PREEMPT) {
			pause_for(150);
			w->events++;
			continue;
		}
		if (!w->inside || w->events == w->number || event == TICK) {
			pause_for(40);
			continue;
		}
		uint32_t of = w->number, before = w->events;
		switch (event) {
		case SIGNALLED: /* the handler counts it */
			syscall(SYS_tgkill, getpid(), target, SIGUSR1);
			for (int i = 0; i < 400 && w->events == before; i++)
				pause_for(50);
			continue;
		case IGNORED: syscall(SYS_tgkill, getpid(), target, SIGUSR2); break;
		case FENCE_ALL: membarrier(FENCE_RSEQ, 0, 0); break;
		case FENCE_HERE: membarrier(FENCE_RSEQ, ON_CPU, 0); break;
		case FENCE_ELSEWHERE: membarrier(FENCE_RSEQ, ON_CPU, 1); break;
		case MIGRATE: pin(target, 1); break;
		case AND_BACK: pin(target, 1); pin(target, 0); break;
		case SAME: pin(target, 0); break;
		case BLOCKED: syscall(SYS_tgkill, getpid(), target, SIGHUP); break;
		case FENCE_PRIVATE: membarrier(PRIVATE, 0, 0); break;
		case SHOOTDOWN:
			*fresh = 1;
			mprotect((void *)fresh, 4096, PROT_READ);
			mprotect((void *)fresh, 4096, PROT_READ | PROT_WRITE);
			break;
		}
		pause_for(100);
		w->events = of;
	}
	return NULL;
}

/* Whether what the row is about happened inside of this try. */
static int happened(long result)
{
	struct words *w = &S->words;
	if (event == TICK) /* the section goes on for tens of milliseconds: some ticks */
		return 1;
	if (event == PREEMPT || event == SIGNALLED)
		return result & 2 || result == 4;
	for (int i = 0; i < 1000 && result & 5 && w->events != w->number; i++)
		pause_for(50);
	return w->events == w->number;
}

static int quiet(void)
{
	return event == NOTHING || event == SIGNALLED || event == IGNORED || event == SAME ||
	       (event >= FENCE_ALL && event <= FENCE_ELSEWHERE) || (event >= BLOCKED && event <= TICK);
}

static void *nothing(void *unused)
{
	return unused;
}

static void short_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, nothing, NULL);
	pthread_join(thread, NULL);
}

static int try_section(struct section *section, int kind)
{
	long before, result;
	if (event == TICK)
		short_thread();
	before = switches();
	S->words.number += 2;
	result = spin(&A, section, &S->words, event == TICK ? ticking : rounds);
	uint64_t left = A.rseq_cs;
	int moved = switches() != before;
	A.rseq_cs = 0;
	if (!happened(result) || (quiet() && moved))
		return -1;
	if (kind == LEFT)
		return result & 1 ? -1 : left ? KEPT : CLEARED;
	return result == 4 ? WITHIN : result & 1 ? ABORTS : COMMITS;
}

static int try_outside(void)
{
	struct words *w = &S->words;
	uint32_t base;
	w->number += 2;
	if (event == SLEEP) {
		long before = switches();
		A.rseq_cs = (uintptr_t)&bad;
		pause_for(100);
		uint64_t still = A.rseq_cs;
		A.rseq_cs = 0;
		return switches() == before ? -1 : still ? KEPT : CLEARED;
	}
	A.rseq_cs = elsewhere ? elsewhere : (uintptr_t)&bad;
	base = w->events;
	w->inside = 1;
	for (long i = 0; i < rounds && w->events == base; i++)
		;
	w->inside = 0;
	int seen = w->events != base;
	uint64_t left = A.rseq_cs;
	A.rseq_cs = 0;
	return !seen ? -1 : left ? KEPT : CLEARED;
}

static int try_id(int kind)
{
	volatile uint32_t *word = kind == ID ? &A.cpu_id_start : &A.cpu_id;
	uint32_t before = *word, now_there;
	long count = switches(), result = 0;
	int seen = 1;
	S->words.number += 2;
	*word = 77;
	switch (event) {
	case SLEEP: pause_for(100); break;
	case STAY: syscall(SYS_getppid); break;
	case FENCE_SELF:
	case FENCE_ALONE: membarrier(FENCE_RSEQ, ON_CPU, 0); break;
	case FENCE_SELF_PLAIN: membarrier(FENCE_RSEQ, 0, 0); break;
	default:
		result = spin(&A, NULL, &S->words, rounds);
		seen = happened(result);
	}
	now_there = *word;
	if (now_there == 77)
		*word = before;
	int moved = switches() != count;
	if (event == SLEEP && !moved)
		seen = 0;
	if (!seen || ((quiet() || event == STAY || event == FENCE_SELF_PLAIN || event == FENCE_ALONE) && moved))
		return -1;
	return now_there == 77 ? KEPT : REWRITTEN;
}

static int try_call(void)
{
	struct timespec time = {0, 100000};
	long before = switches(), result;
	int moves = event == SLEEP || event == YIELD;
	switch (event) {
	case SLEEP: result = call(&A, &calls, SYS_nanosleep, (long)&time, 0, 0); break;
	case YIELD: result = call(&A, &calls, SYS_sched_yield, 0, 0, 0); break;
	case FENCE_SELF:
	case FENCE_ALONE: result = call(&A, &calls, SYS_membarrier, FENCE_RSEQ, ON_CPU, 0); break;
	case FENCE_SELF_PLAIN: result = call(&A, &calls, SYS_membarrier, FENCE_RSEQ, 0, 0); break;
	default: result = call(&A, &calls, SYS_getppid, 0, 0, 0);
	}
	int moved = switches() != before;
	A.rseq_cs = 0;
	return moved != moves ? -1 : result ? ABORTS : COMMITS;
}

/* The outcome of the child, or of the parent where it was not switched out. */
static int try_fork(void)
{
	pid_t self = getpid();
	long before = switches();
#ifdef SYS_fork
	long result = call(&A, &calls, SYS_fork, 0, 0, 0);
#else
	long result = call(&A, &calls, SYS_clone, SIGCHLD, 0, 0);
#endif
	int moved = switches() != before;
	A.rseq_cs = 0;
	if (syscall(SYS_getpid) != self)
		_exit(result ? 1 : 0);
	int status;
	if (waitpid(-1, &status, 0) < 0 || !WIFEXITED(status))
		return -1;
	if (event == FORK_PARENT)
		return moved ? -1 : result ? ABORTS : COMMITS;
	return WEXITSTATUS(status) ? ABORTS : COMMITS;
}

/* A child in the same memory, as of vfork and posix_spawn: a section of its own, a signal of its own. */
static int in_same_memory(void *unused)
{
	struct itimerval once = {{0, 0}, {0, 300}};
	(void)unused;
	setitimer(ITIMER_REAL, &once, NULL);
	_exit(spin(&A, &good, &S->words, rounds));
}

static int try_vfork(void)
{
	static char stack[65536] __attribute__((aligned(64)));
	int status;
	pid_t pid = clone(in_same_memory, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	A.rseq_cs = 0;
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || !(WEXITSTATUS(status) & 2))
		return -1;
	return WEXITSTATUS(status) & 1 ? ABORTS : COMMITS;
}

/* Serves the faults of a page, after a moment: whoever touches it sleeps in between. */
static void *pager(void *argument)
{
	int file = *(int *)argument;
	struct uffd_msg message;
	pin(0, 1);
	while (read(file, &message, sizeof message) == sizeof message) {
		struct uffdio_zeropage zero = {.range = {(uintptr_t)fresh, 4096}};
		pause_for(200);
		ioctl(file, UFFDIO_ZEROPAGE, &zero);
	}
	return NULL;
}

static void serve_faults(void)
{
	static int file;
	pthread_t thread;
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {{(uintptr_t)fresh, 4096}, UFFDIO_REGISTER_MODE_MISSING, 0};
	file = syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
	if (file < 0 || ioctl(file, UFFDIO_API, &api) || ioctl(file, UFFDIO_REGISTER, &range))
		_exit(4);
	pthread_create(&thread, NULL, pager, &file);
}

static int try_missing_page(int kind)
{
	long before, result;
	madvise((void *)fresh, 4096, MADV_DONTNEED);
	before = switches();
	result = fault_start(&A, &faults[0], fresh);
	int moved = switches() != before;
	A.rseq_cs = 0;
	return moved != (kind == FAULT_SLEEPS) ? -1 : result ? ABORTS : COMMITS;
}

static int try_fault(int kind)
{
	if (kind == FAULT_MINOR || kind == FAULT_SLEEPS)
		return try_missing_page(kind);
	aborted_by_fault = 0;
	if (kind == FAULT_START)
		fault_start(&A, &faults[0], forbidden);
	else if (kind == FAULT_LAST)
		fault_last(&A, &faults[1], forbidden);
	else
		fault_after(&A, &faults[2], forbidden);
	A.rseq_cs = 0;
	return aborted_by_fault ? ABORTS : COMMITS;
}

static volatile long counter, added[2], restarts[2];

static void *adder(void *argument)
{
	struct area *area = argument;
	volatile long *mine = &added[area == &B], *again = &restarts[area == &B];
	if (sys_rseq(area, size, 0))
		_exit(3);
	while (!stop) {
		while (add(area, &adds, &counter, 20000))
			++*again;
		++*mine;
		area->rseq_cs = 0;
	}
	return NULL;
}

static int two_threads(void)
{
	pthread_t threads[2];
	double began = now();
	pin(0, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, adder, i ? &B : &A);
	pin(0, 1);
	pause_for(700000);
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	long lost = added[0] + added[1] - counter;
	printf("lost %d %ld of %ld\n", size, lost, added[0] + added[1]);
	printf("restarts %d %ld in %.0f ms\n", size, restarts[0] + restarts[1], (now() - began) * 1000);
	fflush(stdout);
	return lost ? LOST : NONE_LOST;
}

/* Ends a child that hangs; SIGALRM is a row's own. */
static void timer_of_limit(void)
{
	struct rlimit limit = {60, 61};
	setrlimit(RLIMIT_CPU, &limit);
}

/* The child: all tries of a row, until it is killed. */
static void child(int kind)
{
	struct rlimit none = {0, 0};
	struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;
	setrlimit(RLIMIT_CORE, &none);
	timer_of_limit();
	if (kind == TWO_THREADS) {
		S->done++;
		S->counts[two_threads()]++;
		_exit(0);
	}
	if (sys_rseq(&A, size, 0)) {
		S->refused = 1;
		_exit(0);
	}
	membarrier(REGISTER_RSEQ, 0, 0);
	membarrier(REGISTER_PRIVATE, 0, 0);
	target = gettid();
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	if (event == BLOCKED) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_BLOCK, &set, NULL);
	}
	action.sa_handler = SIG_IGN;
	sigaction(SIGUSR2, &action, NULL);
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO;
	if (kind >= FAULT_START && kind <= FAULT_AFTER)
		sigaction(SIGSEGV, &action, NULL);
	action.sa_sigaction = on_kill;
	action.sa_flags |= handler == NODEFER ? SA_NODEFER : 0;
	if (handler)
		sigaction(SIGSEGV, &action, NULL);
	pin(0, 0);
	real_time(1);
	if (kind == FAULT_SLEEPS)
		serve_faults();
	if (event < SLEEP || event == YIELD || event == FENCE_SELF || event == FENCE_SELF_PLAIN)
		pthread_create(&thread, NULL, maker, NULL);
	else
		ready = 1;
	while (!ready)
		pause_for(100);
	pause_for(300);
	while (S->done < tries) {
		int outcome;
		switch (kind) {
		case IN_SECTION:
		case LEFT: outcome = try_section(&good, kind); break;
		case BAD: outcome = try_section(&bad, kind); break;
		case OUTSIDE: outcome = try_outside(); break;
		case ID:
		case CPU_ID: outcome = try_id(kind); break;
		case CALL:
			outcome = event == FORK_CHILD || event == FORK_PARENT ? try_fork()
				  : event == VFORK_CHILD		      ? try_vfork()
									      : try_call();
			break;
		default: outcome = try_fault(kind);
		}
		if (event == MIGRATE)
			pin(0, 0);
		if (outcome >= 0) {
			S->counts[outcome]++;
			S->done++;
		}
	}
	_exit(0);
}

static int chosen(const char *name)
{
	const char *only = getenv("rows");
	return !only || strstr(only, name);
}

static void row(const char *name, int kind, int what)
{
	double began = now(), limit = tries > 200 ? 40 : 15;
	if (!chosen(name))
		return;
	memset(S, 0, sizeof *S);
	event = what;
	S->refused = 0;
	while (S->done < tries && now() - began < limit) {
		int status;
		S->words.inside = S->words.events = 0;
		S->words.number = 0;
		fflush(stdout);
		pid_t pid = fork();
		if (!pid)
			child(kind);
		waitpid(pid, &status, 0);
		if (S->refused)
			break;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) {
			S->counts[DIED]++;
			S->done++;
			if (S->counts[DIED] >= 50 && S->counts[DIED] == S->done)
				break;
		} else if (WIFSIGNALED(status) || WEXITSTATUS(status) || kind == TWO_THREADS) {
			break;
		}
	}
	printf("row %s %d", name, size);
	for (int i = 0; i < OUTCOMES; i++)
		if (S->counts[i])
			printf(" %s=%u", OUTCOME[i], S->counts[i]);
	printf(S->refused ? " refused\n" : "\n");
	fflush(stdout);
}

#define BAD_ROW(change, name, kind, what) \
	do { \
		bad = good; \
		bad.change; \
		row(name, kind, what); \
	} while (0)
#define HANDLER_ROW(kind, name) (handler = kind, row(name, OUTSIDE, FENCE_HERE), handler = NO_HANDLER)

static void rows(void)
{
	row("section-nothing", IN_SECTION, NOTHING);
	row("section-preempted", IN_SECTION, PREEMPT);
	row("section-signal", IN_SECTION, SIGNALLED);
	row("section-ignored-signal", IN_SECTION, IGNORED);
	row("section-membarrier-all", IN_SECTION, FENCE_ALL);
	row("section-membarrier-here", IN_SECTION, FENCE_HERE);
	row("section-membarrier-elsewhere", IN_SECTION, FENCE_ELSEWHERE);
	row("section-migrated", IN_SECTION, MIGRATE);
	row("section-migrated-and-back", IN_SECTION, AND_BACK);
	row("section-same-affinity", IN_SECTION, SAME);
	row("section-blocked-signal", IN_SECTION, BLOCKED);
	row("section-membarrier-private", IN_SECTION, FENCE_PRIVATE);
	row("section-tlb-shootdown", IN_SECTION, SHOOTDOWN);
	row("section-tick", IN_SECTION, TICK);
	row("section-minor-fault", FAULT_MINOR, STAY);
	row("section-fault-that-sleeps", FAULT_SLEEPS, STAY);
	row("section-fault-at-start", FAULT_START, STAY);
	row("section-fault-at-last", FAULT_LAST, STAY);
	row("section-fault-after", FAULT_AFTER, STAY);
	row("call-getppid", CALL, STAY);
	row("call-nanosleep", CALL, SLEEP);
	row("call-sched-yield", CALL, YIELD);
	row("call-membarrier-self", CALL, FENCE_SELF);
	row("call-membarrier-self-plain", CALL, FENCE_SELF_PLAIN);
	row("call-membarrier-alone", CALL, FENCE_ALONE);
	row("call-fork-child", CALL, FORK_CHILD);
	row("call-fork-parent", CALL, FORK_PARENT);
	row("vfork-child-signal", CALL, VFORK_CHILD);
	row("id-nothing", ID, NOTHING);
	row("id-preempted", ID, PREEMPT);
	row("id-signal", ID, SIGNALLED);
	row("id-ignored-signal", ID, IGNORED);
	row("id-membarrier-here", ID, FENCE_HERE);
	row("id-membarrier-elsewhere", ID, FENCE_ELSEWHERE);
	row("id-membarrier-self", ID, FENCE_SELF);
	row("id-membarrier-self-plain", ID, FENCE_SELF_PLAIN);
	row("id-membarrier-alone", ID, FENCE_ALONE);
	row("id-migrated", ID, MIGRATE);
	row("id-sleep", ID, SLEEP);
	row("id-getppid", ID, STAY);
	row("cpu-id-preempted", CPU_ID, PREEMPT);
	BAD_ROW(version = 1, "inside-version", BAD, PREEMPT);
	BAD_ROW(flags = 1, "inside-flags", BAD, PREEMPT);
	BAD_ROW(abort = (uintptr_t)spin_within, "inside-abort-within", BAD, PREEMPT);
	BAD_ROW(abort = (uintptr_t)spin_unsigned, "inside-unsigned", BAD, PREEMPT);
	BAD_ROW(abort = (uintptr_t)1 << 63, "inside-abort-kernel", BAD, PREEMPT);
	BAD_ROW(length = -(uint64_t)(uintptr_t)spin_start, "inside-wraps", BAD, PREEMPT);
	BAD_ROW(version = 0, "outside-sleep", OUTSIDE, SLEEP);
	BAD_ROW(version = 0, "outside-preempted", OUTSIDE, PREEMPT);
	BAD_ROW(version = 0, "left-after-commit", LEFT, NOTHING);
	BAD_ROW(version = 1, "outside-version", OUTSIDE, PREEMPT);
	BAD_ROW(abort = (uintptr_t)spin_unsigned, "outside-unsigned", OUTSIDE, PREEMPT);
	BAD_ROW(abort = (uintptr_t)spin_within, "outside-abort-within", OUTSIDE, PREEMPT);
	BAD_ROW(start = (uintptr_t)1 << 46; bad.length = -((uint64_t)1 << 46), "outside-wraps", OUTSIDE, PREEMPT);
	BAD_ROW(flags = 1, "outside-flags", OUTSIDE, PREEMPT);
	BAD_ROW(length = 0, "outside-empty", OUTSIDE, PREEMPT);
	BAD_ROW(length = 0, "inside-empty", BAD, PREEMPT);
	elsewhere = -(uintptr_t)4096;
	row("outside-kernel-pointer", OUTSIDE, PREEMPT);
	elsewhere = (uintptr_t)forbidden;
	row("outside-unreadable", OUTSIDE, PREEMPT);
	HANDLER_ROW(PLAIN, "kill-handler");
	HANDLER_ROW(NODEFER, "kill-handler-nodefer");
	HANDLER_ROW(SLEEPS, "kill-handler-sleeps");
	elsewhere = 0;
	row("two-threads", TWO_THREADS, PREEMPT);
}

static void say(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);
	if (file >= 0) {
		if (write(file, text, strlen(text)) < 0)
			printf("note %s: %m\n", path);
		close(file);
	}
}

/* As many rounds of a section as last for some tens of ticks. */
static long rounds_with_ticks(void)
{
	const long few = 1000000;
	double began = now();
	spin(&A, NULL, &S->words, few);
	return few * 0.15 / (now() - began);
}

/* Why a call failed; 0: it did not. */
static int failed(long result)
{
	return result < 0 ? errno : 0;
}

/* What registering 64 bytes at a multiple of 32, and not of 64, answers, in a child: it keeps that. */
static int at_half_alignment(void)
{
	int status = 0;
	fflush(stdout);
	pid_t pid = fork();
	if (!pid)
		_exit(-sys_rseq((struct area *)((char *)&A + 32), 64, 0));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

/* Whether the kernel was started with rseq_debug=1: 1 or 0; "none" where it has no such thing. */
static const char *debug(void)
{
	static char text[2] = "";
	int file = open("/sys/kernel/debug/rseq/debug", O_RDONLY);
	if (file < 0 || read(file, text, 1) != 1)
		return "none";
	close(file);
	return text;
}

int main(int count, char **words)
{
	struct utsname name;
	int init = getpid() == 1;
	if (!getenv("GLIBC_TUNABLES")) { /* no registration of glibc's in the way */
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
		execv(init ? "/init" : "/proc/self/exe", words);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (init) {
		mkdir("/proc", 0755);
		mkdir("/sys", 0755);
		mount("proc", "/proc", "proc", 0, NULL);
		mount("sys", "/sys", "sysfs", 0, NULL);
		mount("debug", "/sys/kernel/debug", "debugfs", 0, NULL);
		say("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	}
	if (count > 1 || getenv("tries"))
		tries = atoi(count > 1 ? words[1] : getenv("tries"));
	uname(&name);
	S = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	good = SECTION(spin);
	calls = SECTION(call);
	faults[0] = SECTION(fault_start);
	faults[1] = SECTION(fault_last);
	faults[2] = SECTION(fault_after);
	adds = SECTION(add);
	printf("\nkernel %s %s feature_size=%lu align=%lu", name.release, name.machine, getauxval(27), getauxval(28));
	printf(" align32_errno=%d", at_half_alignment());
	printf(" slice_errno=%d", failed(prctl(PR_RSEQ_SLICE_EXTENSION, 1, 0, 0, 0)));
	printf(" yield_errno=%d debug=%s\n", failed(syscall(NR_RSEQ_SLICE_YIELD)), debug());
	ticking = rounds_with_ticks();
	int sizes[] = {32, 64};
	for (int i = 0; i < (count > 2 ? count - 2 : 2); i++) {
		size = count > 2 ? atoi(words[i + 2]) : sizes[i];
		rows();
	}
	printf("end\n");
	fflush(stdout);
	if (init) {
		sync();
		reboot(RB_POWER_OFF);
	}
	return 0;
}
