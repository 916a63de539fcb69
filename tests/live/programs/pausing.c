/* Calls until a line comes, says so, and waits until its input ends. */
#include "cpu_opv.h"
#include <poll.h>

int main(void)
{
	uint64_t counter = 0, calls = 0;
	struct pollfd input = {.events = POLLIN};
	do {
		CHECK_RESULT(call(&OP_ADD(&counter, 1, 8), 1, sched_getcpu()), 0);
		calls++;
	} while (poll(&input, 1, 0) == 0 && !failures);
	CHECK_RESULT(counter, calls);
	getchar();
	puts("called");
	fflush(stdout);
	getchar();
	return finish("pausing");
}
