/* Calls for the debugger to stop at.
 *
 *   attach counts N [THREADS]   each thread: N times, if head is expected, head becomes next, count grows
 *   attach shared FILE          one call that adds 1 to the first word of a file that others may write
 *   attach reads                one call, then what standard input holds
 *   attach orphaned FILE        calls until the answer is ENOSYS, then writes so to FILE
 *   attach sleeps               one call, then a wait for a signal
 *   attach crashes              one call, then SIGSEGV */
#include "cpu_opv.h"
#include <fcntl.h>

static uint64_t head = 1, expect = 1, next = 1, count;
static __thread uint64_t own;
static int rounds = 3;

static __attribute__((noinline)) long push(void)
{
	struct cpu_op ops[] = {
		OP_EQ(&head, &expect, 8), OP_COPY(&head, &next, 8), OP_ADD(&count, 1, 8), OP_ADD(&own, 2, 8)};
	return call(ops, 4, usable[0]);
}

static void *work(void *unused)
{
	(void)unused;
	for (int i = 0; i < rounds; i++)
		CHECK_RESULT(push(), 0);
	CHECK_RESULT(own, 2 * rounds);
	return NULL;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "counts";
	find_cpus();
	if (!strcmp(mode, "counts")) {
		int threads = argc > 3 ? atoi(argv[3]) : 1;
		pthread_t ids[64];
		if (argc > 2)
			rounds = atoi(argv[2]);
		for (int i = 1; i < threads; i++)
			pthread_create(&ids[i], NULL, work, NULL);
		work(NULL);
		for (int i = 1; i < threads; i++)
			pthread_join(ids[i], NULL);
		CHECK_RESULT(count, (long)rounds * threads);
		expect = 2; /* and one that stops at its first op */
		CHECK_RESULT(push(), 1);
		printf("count %lu\n", count);
		return finish("attach");
	}
	if (!strcmp(mode, "shared")) {
		int file = open(argv[2], O_RDWR);
		uint64_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		CHECK_RESULT(call(&OP_ADD(word, 1, 8), 1, usable[0]), 0);
		printf("word %lu\n", *word);
		return 0;
	}
	CHECK_RESULT(push(), 0);
	if (!strcmp(mode, "orphaned")) {
		printf("called\n");
		fflush(stdout);
		for (int i = 0; i < 60000; i++) {
			long result = push();
			if (result == -ENOSYS) {
				int file = open(argv[2], O_WRONLY | O_CREAT, 0644);
				return write(file, "ENOSYS", 6) != 6;
			}
			CHECK_RESULT(result, 0);
			usleep(1000);
		}
	}
	if (!strcmp(mode, "reads")) {
		char line[100] = "";
		printf("read %s\n", fgets(line, sizeof line, stdin) ? line : "nothing");
	} else if (!strcmp(mode, "sleeps")) {
		printf("sleeps\n");
		fflush(stdout);
		sleep(60);
	} else if (!strcmp(mode, "crashes"))
		raise(SIGSEGV);
	return failures + 5;
}
