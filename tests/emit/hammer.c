/* Threads that use every function of the headers made from samples/emit, on all CPUs at once.
 *
 * hammer IDIOM THREADS OPERATIONS [mixed] [remote] [migrate] [signal] [barrier] [storm]
 *
 * OPERATIONS is the sum over all threads. mixed: every second thread takes the fallback each time;
 * remote: some operations name another CPU; migrate: threads change their affinity; signal: a thread
 * interrupts the others; barrier: a thread aborts all running sections, now and then; storm: it does
 * nothing else, so that sections are aborted wherever they stand, some 100,000 times a second. What must come out does not
 * depend on how threads meet: sums, and each thing exactly once. Exit 1 when something was lost. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include "buffer.h"
#include "cmpxchg.h"
#include "counter.h"
#include "list.h"
#include "ring.h"
#if __has_include("results.h") /* not where the call is what follows */
# include "results.h"
# define RESULTS 1
#endif
#include "spinlock.h"

enum { NODES = 48, MOST_THREADS = 64 };

static struct counter counters;
static struct list lists;
static struct ring rings;
static struct buffer buffers;
static struct spinlock spinlocks;
static struct cmpxchg exchanges;
#ifdef RESULTS
static struct results given_back;
static struct results_node result_nodes[NODES];
#endif

static int mixed, remote, migrate, storm;
static long each;
static int running; /* threads that have not done all their operations */
static unsigned long long signals_seen;

static struct list_node nodes[NODES];
static int taken[NODES];

struct worker {
    pthread_t thread;
    int number;
    int forced;
    uint64_t random;
    uint64_t given_count, given_sum, got_count, got_sum, tickets, wrong;
};
static struct worker workers[MOST_THREADS];
static void (*operation)(struct worker *);

static uint64_t draw(struct worker *worker)
{
    uint64_t x = worker->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return worker->random = x;
}

/* The CPU for an operation: mostly this thread's own. */
static unsigned choose(struct worker *worker)
{
    unsigned cpu = opv_current_cpu();
    if (remote && draw(worker) % 64 == 0)
        cpu = (cpu + 1) % counters.cpus;
    return cpu;
}

/* What a thread hands to the functions: with `mixed` some see memory whose fallback is forced. */
#define USED(type, memory) struct type used = memory; \
    if (worker->forced) used.every = 1;
/* A call by the fast path, or by the rare one, which then takes the fallback. */
#define CALL(function, ...) \
    (worker->forced ? function##_slow(&used, __VA_ARGS__, OPV_UNTRIED) : function(&used, __VA_ARGS__))

/* Answers that mean: look again. A call that this kernel does not have is tried again as a section. */
static int again(int result)
{
    return result == OPV_ABORTED || result == OPV_AGAIN || result == OPV_NO_CALL;
}

static void on_counter(struct worker *worker)
{
    USED(counter, counters)
    int result;
    do {
        switch (worker->forced ? draw(worker) % 2 : draw(worker) % 4) {
        case 0: result = CALL(counter_bump, choose(worker), 3); break;
        case 1: result = CALL(counter_bump_fenced, choose(worker), 3); break;
        case 2: result = counter_bump_here(&used, 3); break;
        default: result = counter_bump_fenced_here(&used, 3); break;
        }
    } while (again(result));
    worker->wrong += result != OPV_DONE;
    worker->given_sum += 3;
}

static void on_list(struct worker *worker)
{
    USED(list, lists)
    struct list_node *node, *expect;
    int result;
    for (;;) {
        unsigned cpu = choose(worker);
        node = __atomic_load_n(&used.percpu[cpu].head, __ATOMIC_ACQUIRE);
        if (!node)
            return;
        result = CALL(list_pop, cpu, node);
        if (result == OPV_DONE)
            break;
        if (result < 0 && !again(result))
            worker->wrong++;
    }
    /* Nobody else may have it now. */
    if (__atomic_exchange_n(&taken[node - nodes], 1, __ATOMIC_RELAXED))
        worker->wrong++;
    node->value++;
    __atomic_store_n(&taken[node - nodes], 0, __ATOMIC_RELAXED);
    for (;;) {
        unsigned cpu = choose(worker);
        expect = __atomic_load_n(&used.percpu[cpu].head, __ATOMIC_ACQUIRE);
        result = CALL(list_push, cpu, node, expect);
        if (result == OPV_DONE)
            break;
        if (result < 0 && !again(result))
            worker->wrong++;
    }
    worker->given_count++;
}

static void on_ring(struct worker *worker)
{
    USED(ring, rings)
    for (;;) {
        unsigned cpu = choose(worker);
        struct ring_percpu *percpu = &used.percpu[cpu];
        uint64_t head = __atomic_load_n(&percpu->log.head, __ATOMIC_ACQUIRE);
        uint64_t tail = __atomic_load_n(&percpu->log.tail, __ATOMIC_ACQUIRE);
        int put = draw(worker) % 2 ? tail - head < 256 : tail == head, result;
        if (put) {
            uint64_t value = draw(worker) >> 20;
            if (worker->forced)
                result = ring_put_slow(&used, cpu, head, tail, &percpu->log.slot[tail % 256], value, tail + 1, OPV_UNTRIED);
            else if (draw(worker) % 2)
                result = ring_put(&used, cpu, head, tail, tail % 256, value, tail + 1);
            else
                result = ring_put_here(&used, head, tail, tail % 256, value, tail + 1);
            if (result == OPV_DONE) {
                worker->given_count++;
                worker->given_sum += value;
                return;
            }
        } else {
            uint64_t value = __atomic_load_n(&percpu->log.slot[head % 256], __ATOMIC_RELAXED);
            if (worker->forced)
                result = ring_take_slow(&used, cpu, head, &percpu->log.slot[head % 256], value, head + 1, OPV_UNTRIED);
            else if (draw(worker) % 2)
                result = ring_take(&used, cpu, head, head % 256, value, head + 1);
            else
                result = ring_take_here(&used, head, head % 256, value, head + 1);
            if (result == OPV_DONE) {
                worker->got_count++;
                worker->got_sum += value;
                return;
            }
        }
        if (result < 0 && !again(result))
            worker->wrong++;
    }
}

static void on_records(struct worker *worker)
{
    USED(buffer, buffers)
    struct buffer_record record;
    for (;;) {
        unsigned cpu = choose(worker), i;
        struct buffer_percpu *percpu = &used.percpu[cpu];
        uint64_t count = __atomic_load_n(&percpu->kept.used, __ATOMIC_ACQUIRE);
        int put = draw(worker) % 2 ? count < 64 : count == 0, result;
        if (put) {
            record.first = draw(worker) >> 20;
            record.second = ~record.first;
            for (i = 0; i < 10; i++)
                record.rest[i] = record.first + i;
            result = CALL(buffer_keep, cpu, count, &percpu->kept.at[count], &record, count + 1);
            if (result == OPV_DONE) {
                worker->given_count++;
                worker->given_sum += record.first;
                return;
            }
        } else {
            result = CALL(buffer_fetch, cpu, count, &percpu->kept.at[count - 1], &record, count - 1);
            if (result == OPV_DONE) {
                worker->got_count++;
                worker->got_sum += record.first;
                worker->wrong += record.second != ~record.first;
                for (i = 0; i < 10; i++)
                    worker->wrong += record.rest[i] != record.first + i;
                return;
            }
        }
        if (result < 0 && !again(result))
            worker->wrong++;
    }
}

static void on_pointers(struct worker *worker)
{
    USED(buffer, buffers)
    for (;;) {
        unsigned cpu = choose(worker);
        struct buffer_percpu *percpu = &used.percpu[cpu];
        uint64_t count = __atomic_load_n(&percpu->things.used, __ATOMIC_ACQUIRE);
        int put = draw(worker) % 2 ? count < 64 : count == 0, result;
        if (put) {
            uint64_t value = draw(worker) >> 20;
            result = CALL(buffer_push, cpu, count, &percpu->things.at[count], value, count + 1);
            if (result == OPV_DONE) {
                worker->given_count++;
                worker->given_sum += value;
                return;
            }
        } else {
            uint64_t *slot = &percpu->things.at[count - 1];
            uint64_t value = __atomic_load_n(slot, __ATOMIC_RELAXED);
            result = CALL(buffer_pop, cpu, count, slot, value, count - 1);
            if (result == OPV_DONE) {
                worker->got_count++;
                worker->got_sum += value;
                return;
            }
        }
        if (result < 0 && !again(result))
            worker->wrong++;
    }
}

static void on_spinlock(struct worker *worker)
{
    USED(spinlock, spinlocks)
    unsigned cpu;
    int result, tries = 0;
    do {
        cpu = choose(worker);
        result = CALL(spinlock_acquire, cpu);
        if (result == 1 && ++tries % 16 == 0)
            sched_yield();
        if (result < 0 && !again(result))
            worker->wrong++;
    } while (result != OPV_DONE);
    used.percpu[cpu].count++;
    __atomic_store_n(&used.percpu[cpu].lock, 0, __ATOMIC_RELEASE);
    worker->given_sum++;
}

static void on_exchange(struct worker *worker)
{
    USED(cmpxchg, exchanges)
    int result;
    do {
        unsigned cpu = choose(worker);
        uint64_t word = __atomic_load_n(&used.percpu[cpu].word, __ATOMIC_RELAXED);
        result = CALL(cmpxchg_exchange, cpu, word, word + 1);
        if (result < 0 && !again(result))
            worker->wrong++;
    } while (result != OPV_DONE);
    worker->given_sum++;
}

#ifdef RESULTS
/* A node is popped and pushed back, values go through a ring, and each number of a CPU is drawn once. */
static void on_result_list(struct worker *worker)
{
    USED(results, given_back)
    struct results_node *node = NULL;
    int result;
    do
        result = worker->forced || draw(worker) % 2 ? CALL(results_pop, choose(worker), &node)
                                                    : results_pop_here(&used, &node);
    while (again(result));
    if (result == RESULTS_POP_EMPTY)
        return;
    worker->wrong += result != OPV_DONE;
    if (__atomic_exchange_n(&taken[node - result_nodes], 1, __ATOMIC_RELAXED))
        worker->wrong++;
    node->value++;
    __atomic_store_n(&taken[node - result_nodes], 0, __ATOMIC_RELAXED);
    do
        result = CALL(results_push, choose(worker), node);
    while (again(result));
    worker->wrong += result != OPV_DONE;
    worker->given_count++;
}

static void on_result_ring(struct worker *worker)
{
    USED(results, given_back)
    uint64_t value = draw(worker) >> 20;
    int result;
    if (draw(worker) % 2) {
        do
            result = CALL(results_put, choose(worker), value);
        while (again(result));
        worker->given_sum += result == OPV_DONE ? value : 0;
        worker->wrong += result != OPV_DONE && result != RESULTS_PUT_FULL;
        return;
    }
    do
        result = worker->forced || draw(worker) % 2 ? CALL(results_get, choose(worker), &value)
                                                    : results_get_here(&used, &value);
    while (again(result));
    worker->got_sum += result == OPV_DONE ? value : 0;
    worker->wrong += result != OPV_DONE && result != RESULTS_GET_EMPTY;
}

static void on_results(struct worker *worker)
{
    USED(results, given_back)
    uint64_t ticket = 0;
    int result;
    switch (draw(worker) % 3) {
    case 0: on_result_list(worker); return;
    case 1: on_result_ring(worker); return;
    default: break;
    }
    do
        result = worker->forced || draw(worker) % 2 ? CALL(results_draw, choose(worker), 1, &ticket)
                                                    : results_draw_here(&used, 1, &ticket);
    while (again(result));
    worker->wrong += result != OPV_DONE;
    worker->tickets += ticket;
}

/* What is wrong at the end: nodes, what they have counted, the ring's values, the sum of the tickets. */
static int wrong(const char *what, uint64_t want, uint64_t is);
static int wrong_results(const struct worker *sum)
{
    uint64_t there = 0, value = 0, left = 0, tickets = 0, i;
    unsigned cpu;
    for (cpu = 0; cpu < given_back.cpus; cpu++) {
        const struct results_percpu *percpu = &given_back.percpu[cpu];
        const struct results_node *node = percpu->head;
        for (; node && there <= NODES; node = node->next, there++)
            value += node->value;
        for (i = percpu->log.head; i != percpu->log.tail; i++)
            left += percpu->log.slot[i % 256];
        tickets += percpu->tickets * (percpu->tickets - 1) / 2; /* 0, 1, 2, … of each CPU */
    }
    return wrong("nodes", NODES, there) | wrong("the nodes' values", sum->given_count, value)
        | wrong("the ring's values", sum->given_sum - sum->got_sum, left)
        | wrong("the sum of the tickets", tickets, sum->tickets);
}
#endif

static void *work(void *argument)
{
    struct worker *worker = argument;
    long count;
    for (count = 0; count < each; count++) {
        if (migrate && count % 4096 == 0) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(draw(worker) % (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), &set);
            sched_setaffinity(0, sizeof(set), &set);
        }
        operation(worker);
    }
    __atomic_fetch_sub(&running, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void on_signal(int number)
{
    (void)number;
    __atomic_fetch_add(&signals_seen, 1, __ATOMIC_RELAXED);
}

static void *interrupt(void *argument)
{
    int threads = *(int *)argument, next = 0;
    struct timespec pause = { 0, 50000 };
    while (__atomic_load_n(&running, __ATOMIC_RELAXED) > 0) {
        pthread_kill(workers[next++ % threads].thread, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *fence(void *argument)
{
    struct timespec pause = { 0, 50000 };
    (void)argument;
    while (__atomic_load_n(&running, __ATOMIC_RELAXED) > 0) {
        (void)syscall(SYS_membarrier, OPV_MEMBARRIER_RSEQ, 0, 0);
        if (!storm)
            nanosleep(&pause, NULL);
    }
    return NULL;
}

static int wrong(const char *what, uint64_t want, uint64_t is)
{
    if (want == is)
        return 0;
    printf("WRONG %s: %llu, not %llu\n", what, (unsigned long long)is, (unsigned long long)want);
    return 1;
}

static uint64_t sum_of(char which)
{
    uint64_t sum = 0, i;
    unsigned cpu;
    for (cpu = 0; cpu < counters.cpus; cpu++) {
        struct ring_percpu *ring = &rings.percpu[cpu];
        struct buffer_percpu *buffer = &buffers.percpu[cpu];
        switch (which) {
        case 'c': sum += counters.percpu[cpu].counter; break;
        case 's': sum += spinlocks.percpu[cpu].count; break;
        case 'x': sum += exchanges.percpu[cpu].word; break;
        case 'r': sum += ring->log.tail - ring->log.head; break;
        case 'R':
            for (i = ring->log.head; i != ring->log.tail; i++)
                sum += ring->log.slot[i % 256];
            break;
        case 'k': sum += buffer->kept.used; break;
        case 'K':
            for (i = 0; i < buffer->kept.used; i++)
                sum += buffer->kept.at[i].first;
            break;
        case 't': sum += buffer->things.used; break;
        case 'T':
            for (i = 0; i < buffer->things.used; i++)
                sum += buffer->things.at[i];
            break;
        }
    }
    return sum;
}

int main(int count, char **words)
{
    static const struct { const char *name; void (*operation)(struct worker *); char left, left_sum; }
    idioms[] = {
        { "counter", on_counter, 0, 'c' }, { "list", on_list, 0, 0 }, { "ring", on_ring, 'r', 'R' },
        { "records", on_records, 'k', 'K' }, { "pointers", on_pointers, 't', 'T' },
        { "spinlock", on_spinlock, 0, 's' }, { "cmpxchg", on_exchange, 0, 'x' },
#ifdef RESULTS
        { "results", on_results, 0, 0 },
#endif
    };
    int threads, number, bad = 0, at = -1, with_signals = 0, with_fences = 0, usable;
    pthread_t interrupter, fencer;
    struct opv_counters c;
    struct worker sum = { 0 };
    if (count < 4)
        return 2;
    for (number = 0; number < (int)(sizeof(idioms) / sizeof(idioms[0])); number++)
        if (strcmp(words[1], idioms[number].name) == 0)
            at = number;
    threads = atoi(words[2]);
    if (at < 0 || threads < 1 || threads > MOST_THREADS)
        return 2;
    each = atol(words[3]) / threads;
    for (number = 4; number < count; number++) {
        mixed |= strcmp(words[number], "mixed") == 0;
        remote |= strcmp(words[number], "remote") == 0;
        migrate |= strcmp(words[number], "migrate") == 0;
        with_signals |= strcmp(words[number], "signal") == 0;
        with_fences |= strcmp(words[number], "barrier") == 0;
        storm |= strcmp(words[number], "storm") == 0;
    }
    with_fences |= storm;
    operation = idioms[at].operation;
    usable = counter_create(&counters);
    if (usable < 0 || list_create(&lists) < 0 || ring_create(&rings) < 0 || buffer_create(&buffers) < 0
        || spinlock_create(&spinlocks) < 0 || cmpxchg_create(&exchanges) < 0)
        return 2;
#ifdef RESULTS
    if (results_create(&given_back) < 0)
        return 2;
    for (number = 0; number < NODES; number++) {
        struct results_percpu *percpu = &given_back.percpu[number % (int)sysconf(_SC_NPROCESSORS_ONLN)];
        result_nodes[number].next = percpu->head;
        percpu->head = &result_nodes[number];
    }
#endif
    for (number = 0; number < NODES; number++) {
        struct list_percpu *percpu = &lists.percpu[number % (int)sysconf(_SC_NPROCESSORS_ONLN)];
        nodes[number].next = percpu->head;
        percpu->head = &nodes[number];
    }
    if (with_signals) {
        struct sigaction action = { 0 };
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        sigaction(SIGUSR1, &action, NULL);
    }
    (void)opv_fence_register();
    running = threads;
    for (number = 0; number < threads; number++) {
        struct worker *worker = &workers[number];
        worker->number = number;
        worker->random = 88172645463325252ull + 1000003ull * (uint64_t)number;
        worker->forced = mixed && number % 2;
        pthread_create(&worker->thread, NULL, work, worker);
    }
    if (with_signals)
        pthread_create(&interrupter, NULL, interrupt, &threads);
    if (with_fences)
        pthread_create(&fencer, NULL, fence, NULL);
    /* Before any thread is joined, whose number must not be used after that. */
    if (with_signals)
        pthread_join(interrupter, NULL);
    if (with_fences)
        pthread_join(fencer, NULL);
    for (number = 0; number < threads; number++) {
        pthread_join(workers[number].thread, NULL);
        sum.given_count += workers[number].given_count;
        sum.given_sum += workers[number].given_sum;
        sum.got_count += workers[number].got_count;
        sum.got_sum += workers[number].got_sum;
        sum.tickets += workers[number].tickets;
        sum.wrong += workers[number].wrong;
    }
    bad |= wrong("answers or contents", 0, sum.wrong);
    if (idioms[at].left)
        bad |= wrong("how many are left", sum.given_count - sum.got_count, sum_of(idioms[at].left));
    if (idioms[at].left_sum)
        bad |= wrong("the sum", sum.given_sum - sum.got_sum, sum_of(idioms[at].left_sum));
    if (at == 1) {
        uint64_t there = 0, value = 0;
        unsigned cpu;
        for (cpu = 0; cpu < lists.cpus; cpu++) {
            struct list_node *node = lists.percpu[cpu].head;
            for (; node && there <= NODES; node = node->next, there++)
                value += node->value;
        }
        bad |= wrong("nodes", NODES, there);
        bad |= wrong("the nodes' values", sum.given_count, value);
    }
#ifdef RESULTS
    bad |= operation == on_results && wrong_results(&sum);
#endif
    switch (at) {
#ifdef RESULTS
    case 7: c = results_counters(&given_back); break;
#endif
    case 0: c = counter_counters(&counters); break;
    case 1: c = list_counters(&lists); break;
    case 2: c = ring_counters(&rings); break;
    case 5: c = spinlock_counters(&spinlocks); break;
    case 6: c = cmpxchg_counters(&exchanges); break;
    default: c = buffer_counters(&buffers); break;
    }
    printf("%s %s sections=%d operations=%ld aborts=%llu busy=%llu fallbacks=%llu fences=%llu "
           "signals=%llu\n", bad ? "LOST" : "right", words[1], usable, each * threads,
        (unsigned long long)c.aborts, (unsigned long long)c.busy, (unsigned long long)c.fallbacks,
        (unsigned long long)c.fences, signals_seen);
    return bad;
}
