/* A build of the tests (-DRECHECK): whatever is looked up is worked out again, and must come out the same.
 *
 * Where it does not, the process aborts with what differs.
 */
#include "engine.h"

#ifdef RECHECK
#include <stdio.h>
#include <stdlib.h>

static void demand(bool same, const char *what) {
    if (same) return;
    fprintf(stderr, "looked up, but not so when it is worked out: %s\n", what);
    abort();
}

/* Copies of two things that are compared: numbers of states, and which ops were covered. */
static void *copied(const void *bytes, size_t size) {
    void *copy = malloc(size + 1);
    if (copy == NULL) abort();
    return memcpy(copy, bytes, size);
}

/* A thread's step was recalled: e->vector is the state after it, which is not at hand. */
void recheck_step(Engine *e, uint32_t thread) {
    size_t size = e->vector_size * sizeof *e->vector;
    uint32_t *vector = copied(e->vector, size);
    uint8_t *covered = copied(e->covered, e->plan.cover_count);
    bool committed = e->committed, disturbed = e->disturbed, failed = e->failed, meets = e->meets;
    uint32_t changed = e->changed;
    demand(before_failed(e) == has_failed(e, e->before), "whether the state before has failed");
    take_step(e, thread);
    make_vector(e);
    demand(memcmp(vector, e->vector, size) == 0, "the state after a step");
    demand(committed == e->committed, "whether a step commits");
    demand(disturbed == e->disturbed, "whether a step aborts");
    demand(failed == has_failed(e, e->threads), "whether a step fails");
    demand(meets == touches(e, 0, 0, SHARED), "whether a step touches what other CPUs touch");
    demand(e->cpu_after == CPU(e->threads[thread]), "the CPU after a step");
    demand(memcmp(covered, e->covered, e->plan.cover_count) == 0, "what is covered");
    for (uint32_t i = 0; i < e->plan.threads_count; i++)
        demand(changed >> i & 1 || e->vector[i] == e->vector_before[i], "who is changed by a step");
    end_step(e);
    e->changed = changed;
    free(vector);
    free(covered);
}

/* The state at hand was renamed, from `vector`: do so once more, by its bytes. */
void recheck_canonical(Engine *e, const uint32_t *vector) {
    if (e->before[0] == NULL || !memorizes(e)) return;
    size_t size = e->vector_size * sizeof *e->vector;
    uint32_t *found = copied(e->vector, size);
    System system = e->system;
    end_step(e);
    e->system = system;
    memcpy(e->vector, vector, size);
    e->changed = 0;
    for (uint32_t i = 0; i < e->plan.threads_count; i++) e->changed |= (uint32_t)(vector[i] != e->vector_before[i]) << i;
    e->at_hand = false;
    present(e);
    memorize(e, false);
    canonical(e);
    memorize(e, true);
    make_vector(e);
    demand(memcmp(found, e->vector, size) == 0, "the state that stands for another");
    free(found);
}
#else
typedef int nothing_to_check; /* a file must not be empty */
#endif
