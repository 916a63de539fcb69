/* Threads on all CPUs hammer per-CPU data through cpu_opv: locks, lists, counters, rings, exchanges.
 *
 *   stress THREADS REPETITIONS [sums]
 *
 * Every sum must come out, whatever the schedule. */
#include "cpu_opv.h"

#define NODES 100
#define RING 64

struct node {
	struct node *next;
	uint64_t data;
};

struct percpu {
	uint64_t lock;
	uint64_t locked_count; /* changed with plain accesses, under the lock */
	struct node *head;
	uint64_t counter;
	uint64_t head_index; /* of the ring */
	uint64_t ring[RING];
	uint64_t bits;
	uint64_t exchanged;
} __attribute__((aligned(128)));

static struct percpu data[CPUS_MAX];
static int repetitions;
static uint64_t counted, locked, pushed, exchanges, flips;

static void unexpected(const char *what, long result)
{
	fprintf(stderr, "%s: %ld\n", what, result);
	exit(1);
}

static int lock_this_cpu(void)
{
	for (;;) {
		uint64_t zero = 0, one = 1;
		int cpu = sched_getcpu();
		struct cpu_op ops[] = {OP_EQ(&data[cpu].lock, &zero, 8), OP_COPY(&data[cpu].lock, &one, 8)};
		long result = call(ops, 2, cpu);
		if (result == 0)
			return cpu;
		if (result != 1 && result != -EAGAIN)
			unexpected("lock", result);
		sched_yield();
	}
}

static void push(struct node *node)
{
	for (;;) {
		int cpu = sched_getcpu();
		struct node *head = __atomic_load_n(&data[cpu].head, __ATOMIC_RELAXED);
		struct cpu_op ops[] = {
			OP_EQ(&data[cpu].head, &head, 8),
			OP_COPY(&node->next, &head, 8),
			OP_COPY(&data[cpu].head, &node, 8),
		};
		long result = call(ops, 3, cpu);
		if (result == 0)
			return;
		if (result != 1 && result != -EAGAIN)
			unexpected("push", result);
	}
}

static struct node *pop(int cpu)
{
	for (;;) {
		struct node *head = __atomic_load_n(&data[cpu].head, __ATOMIC_RELAXED);
		if (!head)
			return NULL;
		struct cpu_op ops[] = {
			OP_EQ(&data[cpu].head, &head, 8),
			OP_COPY(&data[cpu].head, &head->next, 8),
		};
		ops[1].fault_second = 1;
		long result = call(ops, 2, cpu);
		if (result == 0)
			return head;
		if (result != 1 && result != -EAGAIN)
			unexpected("pop", result);
	}
}

static void add_remote(int cpu, uint64_t count)
{
	struct cpu_op op = OP_ADD(&data[cpu].counter, count, 8);
	long result;
	while ((result = call(&op, 1, cpu)) == -EAGAIN)
		;
	if (result)
		unexpected("add", result);
}

static void ring_push(int cpu, uint64_t value)
{
	for (;;) {
		uint64_t index = __atomic_load_n(&data[cpu].head_index, __ATOMIC_RELAXED);
		uint64_t next = index + 1;
		struct cpu_op ops[] = {
			OP_EQ(&data[cpu].head_index, &index, 8),
			OP_COPY(&data[cpu].ring[index % RING], &value, 8),
			OP(MB, 0, 0, 0),
			OP_COPY(&data[cpu].head_index, &next, 8),
		};
		long result = call(ops, 4, cpu);
		if (result == 0)
			return;
		if (result != 1 && result != -EAGAIN)
			unexpected("ring", result);
	}
}

static void exchange(int cpu)
{
	uint64_t old = 0, expect, new;
	for (;;) {
		expect = __atomic_load_n(&data[cpu].exchanged, __ATOMIC_RELAXED);
		new = expect + 3;
		struct cpu_op ops[] = {
			OP_COPY(&old, &data[cpu].exchanged, 8),
			OP_EQ(&data[cpu].exchanged, &expect, 8),
			OP_COPY(&data[cpu].exchanged, &new, 8),
		};
		long result = call(ops, 3, cpu);
		if (result == 0) {
			if (old != expect)
				unexpected("exchange saw another value", old);
			return;
		}
		if (result != 2 && result != -EAGAIN)
			unexpected("exchange", result);
	}
}

static void flip(int cpu)
{
	struct cpu_op ops[] = {
		OP(XOR, 8, ADDRESS(&data[cpu].bits), 0xFF),
		OP(LSHIFT, 8, ADDRESS(&data[cpu].bits), 8),
		OP(RSHIFT, 8, ADDRESS(&data[cpu].bits), 8),
	};
	long result;
	while ((result = call(ops, 3, cpu)) == -EAGAIN)
		;
	if (result)
		unexpected("flip", result);
}

static void *work(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;
	for (int i = 0; i < repetitions; i++) {
		int remote = usable[rand_r(&seed) % usable_count];
		switch (rand_r(&seed) % 6) {
		case 0: {
			int cpu = lock_this_cpu();
			data[cpu].locked_count++;
			__atomic_store_n(&data[cpu].lock, 0, __ATOMIC_RELEASE);
			__atomic_fetch_add(&locked, 1, __ATOMIC_RELAXED);
			break;
		}
		case 1: {
			struct node *node = pop(remote);
			if (node) {
				sched_yield();
				push(node);
			}
			break;
		}
		case 2:
			add_remote(remote, i + 1);
			__atomic_fetch_add(&counted, i + 1, __ATOMIC_RELAXED);
			break;
		case 3:
			ring_push(remote, i);
			__atomic_fetch_add(&pushed, 1, __ATOMIC_RELAXED);
			break;
		case 4:
			exchange(remote);
			__atomic_fetch_add(&exchanges, 1, __ATOMIC_RELAXED);
			break;
		case 5:
			flip(remote);
			__atomic_fetch_add(&flips, 1, __ATOMIC_RELAXED);
			break;
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 8;
	repetitions = argc > 2 ? atoi(argv[2]) : 200;
	pthread_t *ids = calloc(threads, sizeof *ids);
	uint64_t expected_data = 0;
	find_cpus();
	for (int index = 0; index < usable_count; index++)
		for (int i = 1; i <= NODES; i++) {
			struct node *node = malloc(sizeof *node);
			node->data = i;
			node->next = data[usable[index]].head;
			data[usable[index]].head = node;
			expected_data += i;
		}
	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		data[cpu].ring[0] = 0; /* 2017-11 refuses to read memory that was never written */
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 128 * 1024);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], &attributes, work, (void *)(uintptr_t)(i + 1))) {
			perror("pthread_create");
			return 1;
		}
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	uint64_t locked_sum = 0, counter_sum = 0, index_sum = 0, exchanged_sum = 0, data_sum = 0;
	uint64_t bits = 0;
	for (int index = 0; index < usable_count; index++) {
		int cpu = usable[index];
		locked_sum += data[cpu].locked_count;
		counter_sum += data[cpu].counter;
		index_sum += data[cpu].head_index;
		exchanged_sum += data[cpu].exchanged;
		bits ^= data[cpu].bits;
		for (struct node *node; (node = pop(cpu));) {
			data_sum += node->data;
			free(node);
		}
	}
	if (argc > 3)
		printf("locked %lu of %lu, counted %lu of %lu, rings %lu of %lu, exchanged %lu of %lu, "
		       "nodes %lu of %lu, flips %lu\n", locked_sum, locked, counter_sum, counted,
		       index_sum, pushed, exchanged_sum, 3 * exchanges, data_sum, expected_data, flips);
	CHECK_RESULT(locked_sum, locked);
	CHECK_RESULT(counter_sum, counted);
	CHECK_RESULT(index_sum, pushed);
	CHECK_RESULT(exchanged_sum, 3 * exchanges);
	CHECK_RESULT(data_sum, expected_data);
	CHECK_RESULT(bits, flips % 2 ? 0xFF : 0);
	return finish("stress");
}
