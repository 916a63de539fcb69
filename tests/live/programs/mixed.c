/* rseq sections and cpu_opv add to the same per-CPU counters, while other threads map and unmap.
 *
 *   mixed RSEQ_THREADS OPV_THREADS MAPPING_THREADS CALLS_PER_OPV_THREAD
 *
 * The counters must hold exactly what was added. */
#include "rseq.h"

static struct {
	uint64_t counter;
} __attribute__((aligned(128))) data[CPUS_MAX];

static int calls_each;
static volatile int stop;
static uint64_t added_rseq, added_opv, aborted;

static void *by_rseq(void *argument)
{
	struct rseq_area *area = rseq_area();
	uint64_t done = 0, failed = 0;
	(void)argument;
	if (!area) {
		fprintf(stderr, "no rseq\n");
		exit(77);
	}
	while (!stop) {
		uint32_t cpu = area->cpu_id_start;
		if (rseq_add(area, &data[cpu].counter, 1, cpu, 20))
			failed++;
		else
			done++;
	}
	__atomic_fetch_add(&added_rseq, done, __ATOMIC_RELAXED);
	__atomic_fetch_add(&aborted, failed, __ATOMIC_RELAXED);
	return NULL;
}

static void *by_opv(void *argument)
{
	uint64_t done = 0;
	unsigned seed = (unsigned)(uintptr_t)argument;
	for (int i = 0; i < calls_each; i++) {
		int cpu = usable[rand_r(&seed) % usable_count];
		struct cpu_op ops[] = {OP_ADD(&data[cpu].counter, 1, 8), OP_ADD(&data[cpu].counter, 2, 8)};
		long result = call(ops, 2, cpu);
		if (result == 0)
			done += 3;
		else if (result != -EAGAIN) {
			fprintf(stderr, "add: %ld\n", result);
			exit(1);
		}
	}
	__atomic_fetch_add(&added_opv, done, __ATOMIC_RELAXED);
	return NULL;
}

static void *mapping(void *argument)
{
	(void)argument;
	while (!stop) {
		size_t size = 1 << 20;
		char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area == MAP_FAILED)
			continue;
		for (size_t i = 0; i < size; i += 4096)
			area[i] = 1;
		munmap(area, size);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int counts[3] = {2, 2, 0};
	void *(*bodies[3])(void *) = {by_rseq, by_opv, mapping};
	pthread_t ids[3][64];
	for (int kind = 0; kind < 3; kind++)
		if (argc > kind + 1)
			counts[kind] = atoi(argv[kind + 1]) % 64;
	calls_each = argc > 4 ? atoi(argv[4]) : 1000;
	find_cpus();
	for (int index = 0; index < usable_count; index++)
		data[usable[index]].counter = 0;
	for (int kind = 0; kind < 3; kind++)
		for (int i = 0; i < counts[kind]; i++)
			if (pthread_create(&ids[kind][i], NULL, bodies[kind], (void *)(uintptr_t)(i + 1)))
				return 1;
	for (int i = 0; i < counts[1]; i++)
		pthread_join(ids[1][i], NULL);
	stop = 1;
	for (int kind = 0; kind < 3; kind += 2)
		for (int i = 0; i < counts[kind]; i++)
			pthread_join(ids[kind][i], NULL);
	uint64_t sum = 0;
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		sum += data[cpu].counter;
	printf("rseq %lu (aborted %lu), cpu_opv %lu, lost %ld\n", added_rseq, aborted, added_opv,
	       (long)(added_rseq + added_opv - sum));
	CHECK_RESULT(sum, added_rseq + added_opv);
	return finish("mixed");
}
