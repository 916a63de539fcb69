/* Counts with restartable sections until it has counted enough.
 *
 *   counter COUNT [THREADS] [--fallback ATTEMPTS]
 *
 * Without a fallback every attempt is a section; with it, after ATTEMPTS aborts cpu_opv adds. */
#include "rseq.h"

static struct {
	uint64_t counter;
} __attribute__((aligned(128))) data[CPUS_MAX];
static int count, attempts;
static uint64_t by_section, by_call, aborts;

static void *work(void *unused)
{
	struct rseq_area *area = rseq_area();
	uint64_t sections = 0, calls = 0, aborted = 0;
	(void)unused;
	if (!area)
		exit(77);
	for (int i = 0; i < count; i++)
		for (int failed = 0;; failed++) {
			uint32_t cpu = area->cpu_id_start;
			if (attempts && failed >= attempts) {
				long result = call(&OP_ADD(&data[cpu].counter, 1, 8), 1, cpu);
				if (result == 0) {
					calls++;
					break;
				}
				if (result != -EAGAIN) {
					fprintf(stderr, "cpu_opv: %ld\n", result);
					exit(1);
				}
			} else if (!rseq_add(area, &data[cpu].counter, 1, cpu, 0)) {
				sections++;
				break;
			} else
				aborted++;
		}
	__atomic_fetch_add(&by_section, sections, __ATOMIC_RELAXED);
	__atomic_fetch_add(&by_call, calls, __ATOMIC_RELAXED);
	__atomic_fetch_add(&aborts, aborted, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = 1;
	pthread_t ids[64];
	uint64_t sum = 0;
	count = argc > 1 ? atoi(argv[1]) : 100;
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], "--fallback") && i + 1 < argc)
			attempts = atoi(argv[++i]);
		else
			threads = atoi(argv[i]);
	for (int i = 0; i < threads; i++)
		pthread_create(&ids[i], NULL, work, NULL);
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		sum += data[cpu].counter;
	printf("sections %lu, calls %lu, aborted %lu\n", by_section, by_call, aborts);
	CHECK_RESULT(sum, (long)count * threads);
	return finish("counter");
}
