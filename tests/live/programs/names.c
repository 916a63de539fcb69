/* One call on each kind of variable.  -DLIBRARY makes the file that holds the library's. */
#ifdef LIBRARY
#include <stdint.h>
uint64_t library_word = 4, library_zeros[100];
#else
#include "cpu_opv.h"

static struct {
	uint64_t count;
	char padding[120];
} of_cpu[8];
static __thread uint64_t of_thread[4];
extern uint64_t library_word, library_zeros[100];

int main(void)
{
	static uint64_t inside = 3;
	uint64_t *heap = calloc(10, 8), stack = 1;
	find_cpus();
	CHECK_RESULT(call(&OP_ADD(&of_cpu[2].count, 1, 8), 1, usable[0]), 0);
	CHECK_RESULT(call(&OP_ADD(&of_thread[2], 1, 8), 1, usable[0]), 0);
	CHECK_RESULT(call(&OP_ADD(&library_word, 1, 8), 1, usable[0]), 0);
	CHECK_RESULT(call(&OP_ADD(&library_zeros[50], 1, 8), 1, usable[0]), 0);
	CHECK_RESULT(call(&OP_ADD(&heap[3], 1, 8), 1, usable[0]), 0);
	CHECK_RESULT(call(&OP_COPY(&stack, &inside, 8), 1, usable[0]), 0);
	free(heap);
	return finish("names");
}
#endif
