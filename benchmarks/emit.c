/* What the emitted functions cost beside the best that can be written by hand, and beside other ways.
 *
 * emit THREADS ROUNDS PIN: each way runs on all threads for ROUNDS operations, in turns, many times; prints
 * `name nanoseconds…`, the times of an operation, one for each turn: those of a turn were taken together. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "counter.h"
#include "list.h"
#include "pointed.h"
#include "results.h"
#include "ring.h"
#include "hand.h"

enum { RUNS = 99, MOST = 64 };

static struct counter counters;
static struct list lists;
static struct ring rings;
static struct results given_back;
static struct pointed pointed;
static struct counter forced;
static long rounds;
static int pinned;
/* Each way stands in its loop, whatever a compiler thinks of the size of its assembly. */
#define INLINE static inline __attribute__((always_inline)) void
static pthread_barrier_t together;

struct cell { pthread_mutex_t mutex; uint32_t lock; uint64_t count, done; } __attribute__((aligned(128)));
static struct cell *cells;

/* ---- ways to add to a counter of the CPU ---- */

INLINE emitted_bump(struct list_node *node) { (void)node; while (counter_bump(&counters, opv_current_cpu(), 1)); }
INLINE emitted_bump_here(struct list_node *node) { (void)node; while (counter_bump_here(&counters, 1)); }
INLINE hand_bump(struct list_node *node)
{
    int cpu;
    (void)node;
    do {
        cpu = opv_cpu_id();
    } while (hand_add(&counters.percpu[cpu], 1, cpu));
}
INLINE hand_bump_here(struct list_node *node)
{
    (void)node;
    while (hand_add_here(counters.percpu, 1, counters.cpus));
}
INLINE atomic_add(struct list_node *node)
{
    unsigned cpu;
    (void)node;
    (void)syscall(SYS_getcpu, &cpu, NULL, NULL);
    __atomic_fetch_add(&cells[cpu].count, 1, __ATOMIC_RELAXED);
}
INLINE vdso_add(struct list_node *node)
{
    (void)node;
    __atomic_fetch_add(&cells[hand_getcpu()].count, 1, __ATOMIC_RELAXED);
}
INLINE mutex_add(struct list_node *node)
{
    struct cell *cell = &cells[hand_getcpu()];
    (void)node;
    pthread_mutex_lock(&cell->mutex);
    cell->count++;
    pthread_mutex_unlock(&cell->mutex);
}
INLINE spin_add(struct list_node *node)
{
    struct cell *cell = &cells[opv_current_cpu()];
    (void)node;
    while (__atomic_exchange_n(&cell->lock, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&cell->lock, __ATOMIC_RELAXED))
            sched_yield();
    cell->count++;
    __atomic_store_n(&cell->lock, 0, __ATOMIC_RELEASE);
}
/* What the fallback does, by hand: a section that finds the flag set, then the lock, the sum, and one
 * word that counts the operation. */
INLINE try_then_spin_add(struct list_node *node)
{
    int cpu = opv_cpu_id();
    struct cell *cell = &cells[cpu];
    (void)node;
    if (hand_add(&forced.percpu[cpu], 1, cpu) == 0)
        return;
    while (__atomic_exchange_n(&cell->lock, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&cell->lock, __ATOMIC_RELAXED))
            sched_yield();
    cell->count++;
    cell->done++;
    __atomic_store_n(&cell->lock, 0, __ATOMIC_RELEASE);
}
INLINE fallback_add(struct list_node *node) { (void)node; while (counter_bump(&forced, opv_current_cpu(), 1)); }

/* ---- push and pop, put: the thread's own CPU ---- */

INLINE emitted_push_pop(struct list_node *node)
{
    unsigned cpu;
    struct list_node *head;
    do {
        cpu = opv_current_cpu();
        head = __atomic_load_n(&lists.percpu[cpu].head, __ATOMIC_RELAXED);
    } while (list_push(&lists, cpu, node, head));
    do {
        cpu = opv_current_cpu();
        head = __atomic_load_n(&lists.percpu[cpu].head, __ATOMIC_RELAXED);
    } while (head && list_pop(&lists, cpu, head));
}
INLINE hand_push_pop(struct list_node *node)
{
    int cpu;
    struct list_node *head;
    do {
        cpu = opv_cpu_id();
        head = __atomic_load_n(&lists.percpu[cpu].head, __ATOMIC_RELAXED);
    } while (hand_push(&lists.percpu[cpu], node, head, cpu));
    do {
        cpu = opv_cpu_id();
        head = __atomic_load_n(&lists.percpu[cpu].head, __ATOMIC_RELAXED);
    } while (head && hand_pop(&lists.percpu[cpu], head, cpu));
}
/* The same where the section loads the head, and pop gives the node back. */
INLINE emitted_take_back(struct list_node *node)
{
    struct results_node *found = (struct results_node *)node;
    while (results_push(&given_back, opv_current_cpu(), found));
    while (results_pop(&given_back, opv_current_cpu(), &found) < 0);
    __asm__ __volatile__("" : : "r"(found)); /* it is used */
}
INLINE hand_take_back(struct list_node *node)
{
    struct results_node *found = (struct results_node *)node;
    int cpu;
    do {
        cpu = opv_cpu_id();
    } while (hand_push_inside(&given_back.percpu[cpu], found, cpu));
    do {
        cpu = opv_cpu_id();
    } while (hand_pop_inside(&given_back.percpu[cpu], &found, cpu) < 0);
    __asm__ __volatile__("" : : "r"(found));
}
INLINE emitted_put(struct list_node *node)
{
    (void)node;
    for (;;) {
        unsigned cpu = opv_current_cpu();
        struct ring_percpu *percpu = &rings.percpu[cpu];
        uint64_t tail = __atomic_load_n(&percpu->log.tail, __ATOMIC_RELAXED);
        uint64_t head = __atomic_load_n(&percpu->log.head, __ATOMIC_RELAXED);
        if (ring_put(&rings, cpu, head, tail, tail % 256, tail, tail + 1) == 0)
            return;
    }
}
/* The same where the caller hands over the slot's address and not its number. */
INLINE pointed_put_one(struct list_node *node)
{
    (void)node;
    for (;;) {
        unsigned cpu = opv_current_cpu();
        struct pointed_percpu *percpu = &pointed.percpu[cpu];
        uint64_t tail = __atomic_load_n(&percpu->log.tail, __ATOMIC_RELAXED);
        uint64_t head = __atomic_load_n(&percpu->log.head, __ATOMIC_RELAXED);
        if (pointed_put(&pointed, cpu, head, tail, &percpu->log.slot[tail % 256], tail, tail + 1) == 0)
            return;
    }
}
INLINE hand_put_one(struct list_node *node)
{
    (void)node;
    for (;;) {
        int cpu = opv_cpu_id();
        struct ring_percpu *percpu = &rings.percpu[cpu];
        uint64_t tail = __atomic_load_n(&percpu->log.tail, __ATOMIC_RELAXED);
        uint64_t head = __atomic_load_n(&percpu->log.head, __ATOMIC_RELAXED);
        if (hand_put(percpu, head, tail, &percpu->log.slot[tail % 256], tail, tail + 1, cpu) == 0)
            return;
    }
}

#define WAY(name, operation) \
    static __attribute__((noinline, aligned(64))) void loop_##operation(struct list_node *node) \
    { long i; for (i = 0; i < rounds; i++) operation(node); }
#define WAYS \
    WAY("counter emitted", emitted_bump) \
    WAY("counter hand", hand_bump) \
    WAY("counter_here emitted", emitted_bump_here) \
    WAY("counter_here hand", hand_bump_here) \
    WAY("counter getcpu_syscall_atomic", atomic_add) \
    WAY("counter getcpu_atomic", vdso_add) \
    WAY("counter mutex", mutex_add) \
    WAY("counter spin", spin_add) \
    WAY("counter try_then_spin", try_then_spin_add) \
    WAY("counter fallback", fallback_add) \
    WAY("list emitted", emitted_push_pop) \
    WAY("list hand", hand_push_pop) \
    WAY("list_giving_back emitted", emitted_take_back) \
    WAY("list_giving_back hand", hand_take_back) \
    WAY("ring emitted", emitted_put) \
    WAY("ring emitted,_by_pointer", pointed_put_one) \
    WAY("ring hand", hand_put_one)
WAYS
#undef WAY
#define WAY(name, operation) { name, loop_##operation },
static const struct { const char *name; void (*loop)(struct list_node *); } ways[] = { WAYS };
enum { COUNT = sizeof(ways) / sizeof(ways[0]) };

static double times[COUNT][RUNS];
static int threads;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *work(void *argument)
{
    int number = (int)(intptr_t)argument, run, way;
    static struct list_node nodes[MOST * 8];
    if (pinned) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(number % (int)sysconf(_SC_NPROCESSORS_ONLN), &set);
        sched_setaffinity(0, sizeof(set), &set);
    }
    for (run = 0; run < RUNS; run++) {
        for (way = 0; way < COUNT; way++) {
            double start;
            pthread_barrier_wait(&together);
            start = now();
            ways[way].loop(&nodes[number * 8]);
            start = now() - start;
            pthread_barrier_wait(&together);
            if (number == 0)
                times[way][run] = start / (double)rounds;
        }
    }
    return NULL;
}

int main(int count, char **words)
{
    pthread_t started[MOST];
    int number, way, run;
    if (count != 4)
        return 2;
    threads = atoi(words[1]);
    rounds = atol(words[2]);
    pinned = atoi(words[3]);
    if (counter_create(&counters) != 1 || list_create(&lists) != 1 || ring_create(&rings) != 1 || results_create(&given_back) != 1
        || pointed_create(&pointed) != 1)
        return 4;
    (void)setenv("OPV_FALLBACK", "always", 1);
    if (counter_create(&forced) != 0)
        return 4;
    cells = aligned_alloc(128, sizeof(struct cell) * counters.cpus);
    memset(cells, 0, sizeof(struct cell) * counters.cpus);
    for (number = 0; number < (int)counters.cpus; number++)
        pthread_mutex_init(&cells[number].mutex, NULL);
    pthread_barrier_init(&together, NULL, (unsigned)threads);
    for (number = 0; number < threads; number++)
        pthread_create(&started[number], NULL, work, (void *)(intptr_t)number);
    for (number = 0; number < threads; number++)
        pthread_join(started[number], NULL);
    for (way = 0; way < COUNT; way++) {
        printf("%s", ways[way].name);
        for (run = 0; run < RUNS; run++)
            printf(" %.3f", times[way][run]);
        printf("\n");
    }
    return 0;
}
