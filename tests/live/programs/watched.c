/* Restartable sections for a debugger or tracer to meddle with (tests/live/debuggers.py).
 *
 *   watched COUNT [THREADS [GIVE_UP [call]]]
 *
 * Each thread has COUNT sections committed, or gives one up after GIVE_UP aborts.  With `call` the
 * sections make a system call.
 */
#include "rseq.h"
#include <pthread.h>
#include <sched.h>

long plain(struct rseq_area *area, const void *descriptor, volatile uint64_t *counter);
long calling(struct rseq_area *area, const void *descriptor, volatile uint64_t *counter);
extern const char plain_descriptor[], calling_descriptor[];
#define DESCRIPTOR(name) \
	".pushsection __rseq_cs, \"aw\"\n.balign 32\n" \
	#name "_descriptor: .long 0, 0\n" \
	".quad " #name "_start, " #name "_end - " #name "_start, " #name "_abort\n.popsection\n"
#define ABORT(name) \
	#name "_end: xorl %eax, %eax\nret\n.byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n" \
	#name "_abort: movl $1, %eax\nret\n.size " #name ", . - " #name "\n"
__asm__(DESCRIPTOR(plain) DESCRIPTOR(calling)
	".text\n"
	".globl plain, plain_store, plain_start, plain_loaded, plain_commit, plain_end, calling\n"
	".type plain, @function\n.type calling, @function\n"
	"plain:\nplain_store: movq %rsi, 8(%rdi)\n"
	"plain_start: movq (%rdx), %rax\n"
	"plain_loaded: incq %rax\n"
	"plain_commit: movq %rax, (%rdx)\n" ABORT(plain)
	"calling: movq %rsi, 8(%rdi)\n"
	"calling_start: movl $110, %eax\nsyscall\n"
	"incq (%rdx)\n" ABORT(calling));

volatile uint64_t counter;
static uint64_t aborted, given_up;
static int count, most = 1000000000, calls;

int helper(void)
{
	return 5;
}

static void *work(void *unused)
{
	struct rseq_area *area = rseq_area();
	uint64_t restarts = 0, left = 0;
	if (!area)
		exit(77);
	for (int i = 0; i < count; i++) {
		int tries = 0;
		while (calls ? calling(area, calling_descriptor, &counter) : plain(area, plain_descriptor, &counter)) {
			restarts++;
			if (++tries == most) {
				left++;
				break;
			}
		}
	}
	__atomic_fetch_add(&aborted, restarts, __ATOMIC_RELAXED);
	__atomic_fetch_add(&given_up, left, __ATOMIC_RELAXED);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	cpu_set_t one;
	int two = argc > 2 ? atoi(argv[2]) : 2;
	count = argc > 1 ? atoi(argv[1]) : 1000;
	most = argc > 3 ? atoi(argv[3]) : most;
	calls = argc > 4;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof one, &one))
		return 77;
	if (two == 1) {
		work(NULL);
	} else {
		for (int i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, work, NULL);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
	}
	uint64_t committed = (uint64_t)two * count - given_up;
	printf("%lu committed, %ld lost, %lu aborts, %lu given up\n", committed, (long)(committed - counter), aborted,
	       given_up);
	return 0;
}
