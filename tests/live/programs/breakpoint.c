/* Two threads of one CPU count with restartable sections; a debugger may have a breakpoint at
 * `section_loaded`, in the middle of each.
 *
 *   breakpoint COUNT
 */
#include "rseq.h"
#include <pthread.h>
#include <sched.h>

long section(struct rseq_area *area, const void *descriptor, uint64_t *counter);
extern const char section_descriptor[];
__asm__(".pushsection __rseq_cs, \"aw\"\n"
	".balign 32\n"
	".globl section_descriptor\n"
	"section_descriptor: .long 0, 0\n"
	".quad section_start, section_end - section_start, section_abort\n"
	".popsection\n"
	".text\n"
	".globl section, section_start, section_loaded, section_end, section_abort\n"
	".type section, @function\n"
	"section: movq %rsi, 8(%rdi)\n"
	"section_start: movq (%rdx), %rax\n"
	"section_loaded: addq $1, %rax\n"
	"movq %rax, (%rdx)\n"
	"section_end: xorl %eax, %eax\n"
	"ret\n"
	".byte 0x0f, 0xb9, 0x3d\n"
	".long 0x53053053\n"
	"section_abort: movl $1, %eax\n"
	"ret\n"
	".size section, . - section\n");

static uint64_t counter, aborted;
static int count;

static void *work(void *unused)
{
	struct rseq_area *area = rseq_area();
	uint64_t restarts = 0;
	(void)unused;
	if (!area)
		exit(77);
	for (int i = 0; i < count; i++)
		while (section(area, section_descriptor, &counter))
			restarts++;
	__atomic_fetch_add(&aborted, restarts, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	cpu_set_t one;
	count = argc > 1 ? atoi(argv[1]) : 1000;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof one, &one))
		return 77;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	long lost = 2L * count - (long)counter;
	printf("%d sections committed, %ld increments lost, %lu aborts\n", 2 * count, lost, aborted);
	printf("%s\n", lost ? "WRONG: increments are lost" : "right: nothing is lost");
	return lost != 0;
}
