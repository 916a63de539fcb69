/* Steps that were taken before, by number.
 *
 * What a step does follows from its thread's local state and from the memory that it looks at.  Both
 * have numbers, and there are few of them where there are many states: so most steps are looked up
 * and not taken again.  A step is known by its thread, the number of its local state, and the numbers
 * of all pieces of memory that it has looked at or changed: whatever else a state holds it has not
 * seen.  That leaves out what is no part of that: steps in plans where the kernel looks at who runs,
 * at ids or at traps, and fences.
 *
 * The tables are caches: what has no place any more is taken again.
 */
#include "engine.h"

#include <stdlib.h>

#define FIRST_STEPS 256u
#define MOST_STEPS (1u << 16)
#define LOCALS 4096u
#define NAMES 4096u
#define MOST_PIECES_OF_A_STEP 6

enum { USED = 1, COMMITS = 2, FAILS = 4, MEETS = 8 };
typedef struct {
    uint32_t local, after, mask;
    uint8_t thread, flags, cpu, preempted;
    uint32_t from[MOST_PIECES_OF_A_STEP], to[MOST_PIECES_OF_A_STEP];
} KnownStep;

/* A thread's local state: which pieces its steps have looked at, whether it has failed, and what an
 * abort makes of it. */
enum { STEPPED = 2, FAILURE_IS_KNOWN = 4, HAS_FAILED = 8, ABORT_IS_KNOWN = 16 };
typedef struct {
    uint32_t number, mask, aborted;
    Seen seen;
    uint8_t thread, flags;
} KnownLocal;

/* What a thread's local state is when other threads take each other's places. */
typedef struct {
    uint64_t names;
    uint32_t number, renamed, thread; /* thread + 1 */
} KnownName;

typedef struct Memo {
    bool failures; /* whether a local state alone says that it has failed */
    bool steps;    /* whether steps are looked up */
    uint32_t size, used;
    KnownStep *known;
    KnownLocal *locals;
    KnownName *names;
} Memo;

/* One more number of those by which something is looked up. */
static inline uint64_t hashed(uint64_t hash, uint64_t number) { return mixed(hash ^ number, 0x9e3779b97f4a7c15ull); }
static inline uint64_t of_thread(uint64_t thread, uint64_t number) { return hashed((thread + 1) << 32, number); }

/* What is known of a local state; of one that is not in the table, nothing yet. */
static KnownLocal *local_of(Engine *e, uint32_t thread, uint32_t number) {
    KnownLocal *found = &e->memo->locals[of_thread(thread, number) & (LOCALS - 1)];
    if (!(found->flags & USED) || found->number != number || found->thread != thread)
        *found = (KnownLocal){number, 0, 0, {0, 0}, (uint8_t)thread, USED};
    return found;
}

static bool local_failed(Engine *e, uint32_t thread, uint32_t number) {
    KnownLocal *known = local_of(e, thread, number);
    if (!(known->flags & FAILURE_IS_KNOWN)) {
        bool failed = is_failing(e, thread, kept_bytes(&e->store->locals, number, NULL));
        known->flags |= FAILURE_IS_KNOWN | (failed ? HAS_FAILED : 0);
    }
    return known->flags & HAS_FAILED;
}

/* Where it is kept how symmetry.c sees a local state. */
Seen *seen_known(Engine *e, uint32_t thread, uint32_t number) { return &local_of(e, thread, number)->seen; }

/* The number of a local state whose pointers were renamed, or UINT32_MAX; remembered where it is given. */
uint32_t renamed_known(Engine *e, uint32_t thread, uint32_t number, uint64_t names, uint32_t given) {
    KnownName *found = &e->memo->names[hashed(of_thread(thread, number), PLANT(37) ? 0 : names) & (NAMES - 1)];
    if (given != UINT32_MAX) *found = (KnownName){names, number, given, thread + 1};
    return found->thread == thread + 1 && found->number == number && (found->names == names || PLANT(37)) ? found->renamed
                                                                                             : UINT32_MAX;
}

/* Whether a thread has failed in the state that is being expanded. */
bool before_failed(Engine *e) {
    if (!e->memo->failures) return has_failed(e, e->before);
    for (uint32_t i = 0; i < e->plan.threads_count; i++)
        if (local_failed(e, i, e->vector_before[i])) return true;
    return false;
}

/* The number of a local state after its section was aborted by preemption. */
static uint32_t aborted_local(Engine *e, uint32_t thread, uint32_t number) {
    KnownLocal *known = local_of(e, thread, number);
    if (!(known->flags & ABORT_IS_KNOWN)) {
        uint64_t *local = e->saved;
        size_t size = e->plan.threads[thread].words * sizeof *local;
        memcpy(local, kept_bytes(&e->store->locals, number, NULL), size);
        abort_section(e, thread, local, BY_PREEMPTION);
        settle(e, thread, local);
        freeze(e, thread, local);
        known->aborted = kept_number(e, &e->store->locals, local, size, NULL);
        known->flags |= ABORT_IS_KNOWN;
    }
    return known->aborted;
}

static KnownStep *step_of(Memo *m, uint32_t thread, uint32_t local, uint32_t mask, const uint32_t *pieces) {
    uint64_t hash = of_thread(thread, local);
    for (uint32_t left = PLANT(34) ? 0 : mask; left; left &= left - 1) hash = hashed(hash, pieces[__builtin_ctz(left)]);
    return &m->known[hash & (m->size - 1)];
}

bool memorizes(const Engine *e) { return e->memo->steps; }
#ifdef RECHECK
void memorize(Engine *e, bool steps) { e->memo->steps = steps; }
#endif

/* Take a thread's next step by what it did before: e->vector becomes the state after it.  False: it is
 * not known. */
bool recall(Engine *e, uint32_t thread) {
    Memo *m = e->memo;
    uint32_t count = e->plan.threads_count, number = e->vector_before[thread], i = 0;
    const uint32_t *pieces = e->vector_before + count;
    if (!m->steps) return false;
    const KnownLocal *local = local_of(e, thread, number);
    if (!(local->flags & STEPPED)) return false;
    const KnownStep *step = step_of(m, thread, number, local->mask, pieces);
    if (step->local != number || step->thread != thread || step->mask != local->mask || !(step->flags & USED)) return false;
    for (uint32_t left = step->mask; left; left &= left - 1, i++)
        if (step->from[i] != pieces[__builtin_ctz(left)] && !PLANT(34)) return false;
    memcpy(e->vector, e->vector_before, e->vector_size * sizeof *e->vector);
    e->vector[thread] = step->after;
    i = 0;
    for (uint32_t left = step->mask; left; left &= left - 1, i++) e->vector[count + (uint32_t)__builtin_ctz(left)] = step->to[i];
    e->changed = 1u << thread;
    e->committed = step->flags & COMMITS && !PLANT(35);
    e->failed = step->flags & FAILS;
    e->meets = step->flags & MEETS;
    e->cpu_after = step->cpu;
    e->disturbed = false;
    for (i = 0; step->preempted && i < count; i++) {
        const uint64_t *other = e->before[i];
        if (i == thread || GUARD(other) != SECTION || !(step->preempted >> CPU(other) & 1) || PLANT(36)) continue;
        e->vector[i] = aborted_local(e, i, e->vector_before[i]);
        e->changed |= 1u << i;
        e->disturbed = true;
        e->failed = local_failed(e, i, e->vector[i]) || e->failed;
    }
    return true;
}

static void enlarge(Engine *e, Memo *m) {
    KnownStep *old = m->known, *more = calloc((size_t)m->size * 2, sizeof *more);
    m->used = 0;
    if (more == NULL) return; /* it stays as small as it is */
    e->room += m->size * sizeof *m->known;
    m->known = more;
    m->size *= 2;
    for (uint32_t i = 0; i < m->size / 2; i++) {
        uint32_t pieces[32], at = 0;
        if (!(old[i].flags & USED)) continue;
        for (uint32_t left = old[i].mask; left; left &= left - 1) pieces[__builtin_ctz(left)] = old[i].from[at++];
        *step_of(m, old[i].thread, old[i].local, old[i].mask, pieces) = old[i];
        m->used++;
    }
    free(old);
}

/* Note what the step that was just taken did; e->vector is the state after it. */
void remember(Engine *e, uint32_t thread) {
    Memo *m = e->memo;
    uint32_t count = e->plan.threads_count, number = e->vector_before[thread], i = 0;
    const uint32_t *before = e->vector_before + count, *after = e->vector + count;
    uint8_t kind = node_of(e, thread, e->before[thread])->kind;
    if (kind == FENCE || kind == FENCE_VECTOR || e->bail != NULL || e->stopped != DONE) return;
    KnownLocal *local = local_of(e, thread, number);
    uint32_t mask = local->mask | e->touched;
    if (__builtin_popcount(mask) > MOST_PIECES_OF_A_STEP) return;
    local->mask = mask;
    local->flags |= STEPPED;
    if (m->used > m->size / 2 && m->size < MOST_STEPS) enlarge(e, m);
    KnownStep *step = step_of(m, thread, number, mask, before);
    m->used += !(step->flags & USED);
    *step = (KnownStep){
        .local = number, .after = e->vector[thread], .mask = mask, .thread = (uint8_t)thread,
        .flags = (uint8_t)(USED | (e->committed ? COMMITS : 0) | (local_failed(e, thread, e->vector[thread]) ? FAILS : 0) | (e->meets ? MEETS : 0)),
        .cpu = (uint8_t)e->cpu_after, .preempted = (uint8_t)e->preempted,
    };
    for (uint32_t left = mask; left; left &= left - 1, i++) {
        step->from[i] = before[__builtin_ctz(left)];
        step->to[i] = after[__builtin_ctz(left)];
    }
}

static bool has(const Engine *e, const Node *node, uint64_t instructions) {
    for (uint32_t at = node->code; at < node->code_end; at++)
        if (instructions >> e->plan.code[at].op & 1) return true;
    return false;
}

/* Which of this holds of a plan: some of it is not said by numbers of local states and memory. */
static void decide(Engine *e, Memo *m) {
    const Plan *p = &e->plan;
    const uint64_t unseen = 1ull << I_PEEK;
    const uint64_t memory = unseen | 1ull << I_LOAD | 1ull << I_STORE | 1ull << I_EXCHANGE | 1ull << I_OP | 1ull << I_ENTER
                            | 1ull << I_TAKE_LOCK | 1ull << I_ELEMENTS | 1ull << I_LENGTH;
    m->failures = true;
    m->steps = !e->tracks_running && !p->stepped;
    for (int kind = STEP + 1; kind < p->kinds_count; kind++) /* CPUs go away */
        if (p->way_of[kind] == SWITCHES && p->limits[p->budget_of[kind]] != 0) m->steps = false;
    for (uint32_t i = 0; i < p->threads_count; i++) {
        const Thread *t = &p->threads[i];
        if (t->ids >= 0) m->steps = false;
        for (uint32_t each = 0; each < t->nodes_count; each++) {
            const Node *node = &t->nodes[each];
            if (node->kind <= LAST_QUIET && has(e, node, memory)) m->failures = m->steps = false;
            if (has(e, node, unseen)) m->steps = false;
        }
    }
}

bool memo_begin(Engine *e) {
    Memo *m = e->memo = calloc(1, sizeof *m);
    if (m == NULL) return false;
    m->size = FIRST_STEPS;
    m->known = calloc(m->size, sizeof *m->known);
    m->locals = calloc(LOCALS, sizeof *m->locals);
    m->names = calloc(NAMES, sizeof *m->names);
    if (m->known == NULL || m->locals == NULL || m->names == NULL) return false;
    e->room += m->size * sizeof *m->known + LOCALS * sizeof *m->locals + NAMES * sizeof *m->names;
    decide(e, m);
    return true;
}

/* Forget everything: which bytes are shared, and so what a step is, has changed. */
void memo_clear(Engine *e) {
    memset(e->memo->known, 0, e->memo->size * sizeof *e->memo->known);
    memset(e->memo->locals, 0, LOCALS * sizeof *e->memo->locals);
    memset(e->memo->names, 0, NAMES * sizeof *e->memo->names);
    e->memo->used = 0;
}

void memo_end(Engine *e) {
    if (e->memo == NULL) return;
    free(e->memo->known);
    free(e->memo->locals);
    free(e->memo->names);
    free(e->memo);
    e->memo = NULL;
}
