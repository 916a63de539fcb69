/* A restartable section in a shared library, entered by a program and by its forked child.
 *
 * Built twice: -DLIBRARY -shared -fPIC for the library, without for the program. */
#include "rseq.h"

int count_here(uint64_t *counter);

#ifdef LIBRARY
int count_here(uint64_t *counter)
{
	struct rseq_area *area = rseq_area();
	if (!area)
		exit(77);
	return rseq_add(area, counter, 1, area->cpu_id_start, 0);
}
#else
static uint64_t count(void)
{
	uint64_t counter = 0, calls = 0;
	for (int i = 0; i < 10; i++)
		if (count_here(&counter)) {
			calls++;
			CHECK_RESULT(call(&OP_ADD(&counter, 1, 8), 1, sched_getcpu()), 0);
		}
	CHECK_RESULT(counter, 10);
	return calls;
}

int main(void)
{
	int status = 0;
	printf("parent: %lu calls\n", count());
	fflush(stdout);
	if (!fork()) {
		printf("child: %lu calls\n", count());
		exit(failures);
	}
	wait(&status);
	CHECK_RESULT(status, 0);
	return failures;
}
#endif
