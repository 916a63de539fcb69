/* Calls for a while, says so, and waits until its input ends. */
#include "cpu_opv.h"

int main(void)
{
	uint64_t counter = 0, calls = 0;
	struct timespec start, now;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		CHECK_RESULT(call(&OP_ADD(&counter, 1, 8), 1, sched_getcpu()), 0);
		calls++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < 2 && !failures);
	CHECK_RESULT(counter, calls);
	puts("called");
	fflush(stdout);
	getchar();
	return finish("pausing");
}
