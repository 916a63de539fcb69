/* Breadth first over the states of one configuration: opvasm/explorer/search/search.py. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY 512 /* expansions between two looks at limits, signals and reports */

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whether the time is over. */
bool past(const Engine *e) { return e->options.seconds >= 0 && now() > e->until; }

void note_event(Engine *e, uint8_t what, uint64_t state) {
    if (e->events_count == e->events_room) {
        Event *more = grown(e, e->events, &e->events_room, e->events_count + 1, sizeof *more);
        if (more == NULL) {
            e->stopped = BY_MEMORY;
            return;
        }
        e->events = more;
    }
    e->events[e->events_count++] = (Event){what, (uint32_t)state};
}

/* ---- what must hold in every state ---------------------------------------------------------- */

bool rests(Engine *e) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        const Node *node = node_of(e, i, e->threads[i]);
        if (node->kind <= LAST_QUIET && !(node->head && goes_round(e, i, e->threads[i]))) return false;
    }
    return true;
}

/* Whether no thread is inside a run, be it below a signal handler. */
bool quiescent(Engine *e) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        const uint64_t *local = e->threads[i];
        if (!node_of(e, i, local)->counted) return false;
        if (RETURN(local) != NOWHERE && !e->plan.threads[i].nodes[RETURN(local)].counted && !PLANT(28)) return false;
    }
    return true;
}

/* What invariants see of the state at hand, as bytes: memory, watched registers, who has ended. */
static uint32_t view_number(Engine *e) {
    const Plan *p = &e->plan;
    uint8_t *to = e->view;
    memcpy(to, e->memory, p->memory_size);
    to += p->memory_size;
    for (uint32_t i = 0; i < p->threads_count; i++) {
        const Thread *t = &p->threads[i];
        const uint64_t *local = e->threads[i];
        *to++ = node_of(e, i, local)->kind == END;
        for (uint32_t each = 0; each < t->observed.count; each++) {
            int32_t r = t->observed.items[each];
            size_t size = t->registers[r].width * 8u;
            memcpy(to, local + t->registers[r].word, size);
            to += size;
            *to++ = local[FLAGS + r / 64] >> (r % 64) & 1;
        }
    }
    bool fresh;
    uint32_t number = kept_number(e, &e->views, e->view, (size_t)(to - e->view), &fresh);
    if (number >= e->view_room) {
        uint64_t room = e->view_room;
        uint8_t *more = grown(e, e->view_answers, &room, (uint64_t)number + 1, 1);
        if (more == NULL) {
            e->stopped = BY_MEMORY;
            return 0;
        }
        e->view_answers = more;
        e->view_room = (uint32_t)room;
    }
    if (fresh) e->view_answers[number] = 0;
    return number;
}

/* Whether the invariants of a kind hold in the state at hand: by their code, or as Python says. */
static bool invariants_hold(Engine *e, int kind) {
    bool asks = kind == ALWAYS ? e->plan.judges_always : e->plan.judges_quiescent;
    for (uint32_t i = 0; i < e->plan.claims_count; i++) {
        number answer;
        const Claim *claim = &e->plan.claims[i];
        if (claim->kind == kind && !(run_claim(e, claim, &answer) && answer)) return PLANT(29);
    }
    if (!asks) return true;
    uint8_t known = kind == ALWAYS ? 1 : 4, answer = (uint8_t)(known << 1);
    uint32_t number_of_view = view_number(e);
    if (e->stopped != DONE) return true;
    if (!(e->view_answers[number_of_view] & known)) {
        bool holds;
        if (!e->ask.judge(e, kind == ALWAYS ? 0 : 1, &holds)) return true;
        e->view_answers[number_of_view] |= (uint8_t)(known | (holds ? answer : 0));
    }
    return e->view_answers[number_of_view] & answer;
}

static bool has_invariants(const Engine *e, int kind) {
    if (kind == ALWAYS ? e->plan.judges_always : e->plan.judges_quiescent) return true;
    for (uint32_t i = 0; i < e->plan.claims_count; i++)
        if (e->plan.claims[i].kind == kind) return true;
    return false;
}

bool has_failed(Engine *e, const uint64_t *const *threads) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++)
        if (is_failing(e, i, threads[i])) return true;
    return false;
}

/* Check what must hold in every state, of the one at hand: what is to be seen there. */
static uint8_t look(Engine *e) {
    if (has_failed(e, e->threads)) return SAW_FAIL;
    if (!(e->has_always || e->has_quiescent) || !rests(e)) return SAW_NOTHING;
    bool holds = !e->has_always || invariants_hold(e, ALWAYS);
    if (holds && e->has_quiescent && quiescent(e)) holds = invariants_hold(e, QUIESCENT);
    return holds ? SAW_NOTHING : SAW_INVARIANT;
}

/* ---- transitions ---------------------------------------------------------------------------- */

bool make_edges(Engine *e, uint64_t more) {
    if (e->edges_count + more <= e->edges_room) return true;
    Edge *edges = grown(e, e->edges, &e->edges_room, e->edges_count + more, sizeof *edges);
    if (edges != NULL) e->edges = edges;
    return edges != NULL;
}

/* A state was reached: note how, where it is new, and the edge, where edges are asked for. */
static void arrived(Engine *e, uint64_t target, bool fresh, const Arriving *how) {
    if (target == NO_STATE || (fresh && !add_came(e, target, how->source, how->decision)) || !e->options.keep_edges)
        return;
    if (!make_edges(e, 1)) {
        e->stopped = BY_MEMORY;
        return;
    }
    e->edges[e->edges_count++] = edge_of(how, target);
}

/* Look up the states that were reached, in the order in which they were. */
void keep_arriving(Engine *e) {
    for (uint32_t i = 0; i < e->arriving_count; i++) expect_state(e, e->arriving[i].hash);
    for (uint32_t i = 0; i < e->arriving_count; i++) {
        const Arriving *how = &e->arriving[i];
        const uint32_t *vector = e->arriving_vectors + (size_t)i * e->vector_size;
        const void *kept;
        bool fresh;
        if (e->output != NULL) {
            uint64_t target = find_out(e, vector, how->hash, &kept);
            if (target == NO_STATE || e->options.keep_edges) put_out(e, how, kept, target);
            continue;
        }
        uint64_t target = find_vector(e, vector, how->hash, true, &fresh);
        arrived(e, target, fresh, how);
        if (target != NO_STATE && fresh && how->saw != SAW_NOTHING) note_event(e, how->saw, target);
    }
    e->arriving_count = 0;
}

/* The state at hand was reached.  Where invariants are asked of it, it is looked up at once; else the
 * look-ups of several overlap, since each waits for memory. */
static void arrive(Engine *e, uint64_t source, Decision decision, bool committed, bool finite, bool failed) {
    Arriving how = {source, vector_hash(e), decision, committed, finite, failed ? SAW_FAIL : SAW_NOTHING};
    e->transitions++;
    if (e->has_always || e->has_quiescent) {
        const void *kept;
        bool fresh;
        if (e->output != NULL) {
            uint64_t target = find_out(e, e->vector, how.hash, &kept);
            how.saw = target == NO_STATE ? look(e) : SAW_NOTHING;
            if (target == NO_STATE || e->options.keep_edges) put_out(e, &how, kept, target);
            return;
        }
        uint64_t target = find_vector(e, e->vector, how.hash, true, &fresh);
        arrived(e, target, fresh, &how);
        if (target != NO_STATE && fresh && (how.saw = look(e)) != SAW_NOTHING) note_event(e, how.saw, target);
        return;
    }
    if (e->arriving_count == MOST_ARRIVING) keep_arriving(e);
    memcpy(e->arriving_vectors + (size_t)e->arriving_count * e->vector_size, e->vector, e->vector_size * sizeof *e->vector);
    expect_slot(e, how.hash);
    e->arriving[e->arriving_count++] = how;
}

/* ---- ends ----------------------------------------------------------------------------------- */

/* The row of a final state in the table of outcomes, counted; true where it is a new one. */
static bool count_outcome(Engine *e, uint64_t state) {
    uint64_t key[3 * MOST_CLAIMS + 1];
    const Claim *columns = e->plan.claims + e->plan.claims_count;
    uint32_t at = 0;
    key[at++] = 0;
    for (uint32_t i = 0; i < e->plan.columns_count; i++) {
        number answer = 0;
        key[at++] = run_claim(e, &columns[i], &answer);
        key[at++] = (uint64_t)answer;
        key[at++] = (uint64_t)((wide)answer >> 64);
    }
    bool fresh;
    uint32_t number_of_row = kept_number(e, &e->rows, key, at * sizeof *key, &fresh);
    if (number_of_row >= e->outcomes_count) {
        if (number_of_row >= e->outcomes_room) {
            Outcome *more = grown(e, e->outcomes, &e->outcomes_room, number_of_row + 1ull, sizeof *more);
            if (more == NULL) {
                e->stopped = BY_MEMORY;
                return false;
            }
            e->outcomes = more;
        }
        memset(e->outcomes + e->outcomes_count, 0, (number_of_row + 1 - e->outcomes_count) * sizeof *e->outcomes);
        e->outcomes_count = number_of_row + 1;
    }
    Outcome *row = &e->outcomes[number_of_row];
    if (row->count++ == 0) row->state = (uint32_t)state;
    return true;
}

/* A state in which no thread can step.  What needs words is left to Python, as an event. */
void ended(Engine *e, uint64_t state) {
    bool waits = false, broken = false;
    for (uint32_t i = 0; i < e->plan.threads_count; i++) waits = waits || node_of(e, i, e->before[i])->kind != END;
    if (!e->plan.judges_ends || (waits && e->options.bound >= 0)) {
        keep_arriving(e);
        note_event(e, SAW_END, state);
        return;
    }
    if (!count_outcome(e, state)) return;
    for (uint32_t i = 0; i < e->plan.claims_count && !waits; i++) {
        const Claim *claim = &e->plan.claims[i];
        number answer = 0;
        if (claim->kind > EXISTS || (claim->kind == EXISTS && e->witnessed >> i & 1)) continue;
        bool holds = run_claim(e, claim, &answer) && answer;
        if (claim->kind == EXISTS && holds) e->witnessed |= 1ull << i;
        if (claim->kind == FORALL ? !holds : claim->kind == NEVER && holds) broken = true;
    }
    if (!waits && !broken) return;
    keep_arriving(e); /* events stand in the order in which things came to pass */
    note_event(e, SAW_BAD_END, state);
}

/* Take a step, and note who touches what; false: bytes are shared more than was assumed. */
static bool take(Engine *e, uint32_t thread) {
    bool handler = node_of(e, thread, e->before[thread])->handler, grew;
    take_step(e, thread);
    if (!e->options.fuse && !e->options.groups) return true;
    int32_t cpu = CPU(e->threads[thread]);
    for (int key = 0; key <= handler; key++) {
        grew = sharing_note(e, thread + (uint32_t)key * e->plan.threads_count, cpu);
        if (!grew || PLANT(30)) continue;
        sharing_freeze(e);
        if (memcmp(e->classes, e->frozen, e->plan.memory_size) == 0) continue;
        e->stopped = BY_RESTART;
        return false;
    }
    return true;
}

/* The numbers of the state at hand, where they are asked for before it is renamed. */
static void number_it(Engine *e) {
    if (memorizes(e) || !e->options.symmetry) make_vector(e);
}

/* The state at hand becomes the one that stands for it, and e->vector that one's. */
static void represent(Engine *e) {
    if (!e->options.symmetry) return;
#ifdef RECHECK
    uint32_t vector[MOST_VECTOR];
    memcpy(vector, e->vector, e->vector_size * sizeof *vector);
#endif
    canonical(e);
    if (!memorizes(e)) make_vector(e);
#ifdef RECHECK
    recheck_canonical(e, vector);
#endif
}

/* Take a thread's step, be it by what it did before; e->vector becomes that of the state that stands for
 * the one after it.  False: the search starts over. */
static bool reach(Engine *e, uint32_t thread) {
    bool recalled = recall(e, thread);
    e->at_hand = !recalled;
#ifdef RECHECK
    if (recalled) recheck_step(e, thread);
#endif
    if (!recalled) {
        if (!take(e, thread)) return false;
        e->failed = has_failed(e, e->threads);
        e->meets = touches(e, 0, 0, SHARED);
        e->cpu_after = CPU(e->threads[thread]);
        number_it(e);
        if (memorizes(e)) remember(e, thread);
    } else if (e->has_always || e->has_quiescent) {
        present(e);
    }
    represent(e);
    return true;
}

static void step(Engine *e, uint64_t number_of_state, uint32_t thread) {
    if (reach(e, thread)) {
        bool committed = e->committed && !PLANT(31);
        arrive(e, number_of_state, (Decision){STEP, 0, (int8_t)thread}, committed, e->disturbed, e->failed);
    }
    end_step(e);
}

/* Let something of `disturbances` happen. */
static void take_disturbance(Engine *e, uint64_t number_of_state, Decision decision) {
    e->at_hand = true;
    disturb(e, decision);
    bool failed = has_failed(e, e->threads);
    number_it(e);
    represent(e);
    arrive(e, number_of_state, decision, false, true, failed);
    end_step(e);
}

/* ---- CPUs that have nothing in common ------------------------------------------------------- */

/* Expand the threads of one CPU only, where nobody else can tell. */
static bool expand_group(Engine *e, uint64_t state, uint32_t ready, const Decision *all, uint32_t count) {
    for (int32_t cpu = 0; cpu < (int32_t)e->plan.cpus; cpu++) {
        uint32_t mates = 0;
        for (uint32_t i = 0; i < e->plan.threads_count; i++)
            if (ready >> i & 1 && CPU(e->before[i]) == cpu) mates |= 1u << i;
        if (!mates || mates == ready || !apart(e, cpu)) continue;
        bool alone = true, leads_on = false;
        for (uint32_t i = 0; alone && i < e->plan.threads_count; i++) {
            if (!(mates >> i & 1)) continue;
            if (!reach(e, i)) {
                end_step(e);
                return true; /* the search starts over */
            }
            /* A failure ends everything: whoever is put off would never be looked at. */
            alone = !e->failed && e->cpu_after == cpu && !e->meets;
            if (alone && !leads_on) {
                bool fresh;
                keep_arriving(e);
                uint64_t target = find_vector(e, e->vector, vector_hash(e), false, &fresh);
                leads_on = target == NO_STATE || target > state || PLANT(33);
            }
            end_step(e);
        }
        if (!alone || !leads_on) continue;
        for (uint32_t i = 0; i < e->plan.threads_count; i++)
            if (mates >> i & 1) step(e, state, i);
        for (uint32_t i = 0; i < count; i++) {
            /* One that strikes no thread takes a CPU away: with those nothing is apart. */
            if (all[i].thread != NOWHERE && CPU(e->before[all[i].thread]) == cpu) take_disturbance(e, state, all[i]);
        }
        return true;
    }
    return false;
}

void expand(Engine *e, uint64_t state) {
    Decision found[MOST_DISTURBANCES];
    uint32_t ready = 0;
    go_to(e, state);
    if (before_failed(e)) return;
    for (uint32_t i = 0; i < e->plan.threads_count; i++)
        if (is_enabled(e, i)) ready |= 1u << i;
    uint32_t count = disturbances(e, found);
    if (!ready) {
        if (e->output != NULL)
            put_end(e, state);
        else
            ended(e, state);
        if (!count) return;
    }
    if (e->options.groups && (ready & (ready - 1)) && expand_group(e, state, ready, found, count)) return;
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        if (!(ready >> i & 1)) continue;
        step(e, state, i);
        if (e->stopped != DONE || e->bail != NULL) return;
    }
    for (uint32_t i = 0; i < count; i++) take_disturbance(e, state, found[i]);
}

/* ---- the search ----------------------------------------------------------------------------- */

/* Look at limits, signals and reports. */
void look_at_clock(Engine *e) {
    uint64_t states = e->store->states;
    e->effort = 0;
    e->next_look = e->expanded + LOOK_EVERY;
    if (past(e)) e->stopped = BY_TIME;
    if (e->room > e->options.most_memory) e->stopped = BY_MEMORY;
    if (e->stopped == DONE && !e->ask.report(e, states, states - e->expanded, e->room)) e->stopped = BY_EXCEPTION;
}

static bool go_on(Engine *e) {
    if (e->bail != NULL) e->stopped = BY_BAIL;
    if (e->stopped != DONE) return false;
    if (e->store->states + e->arriving_count > e->options.most_states) keep_arriving(e);
    if (e->store->states > e->options.most_states) {
        e->stopped = BY_STATES;
        return false;
    }
    if (e->expanded >= e->next_look || e->effort >= MUCH_EFFORT) look_at_clock(e);
    return e->stopped == DONE;
}

/* What was found out about steps and orders is not known any more. */
void forget(Engine *e) {
    memo_clear(e);
    orders_clear(e);
    memset(e->seen_last, 0xff, sizeof e->seen_last);
}

static void search_once(Engine *e) {
    bool fresh;
    Decision none = {STEP, 0, NOWHERE};
    states_clear(e);
    forget(e);
    e->at_hand = true;
    memcpy(e->frozen, e->classes, e->plan.memory_size);
    e->stopped = DONE;
    if (e->together != NULL) start_over_together(e);
    /* What the first state consists of: nothing is known yet of what it came from. */
    initial_state(e);
    memset(e->vector_before, 0xff, e->vector_size * sizeof *e->vector_before);
    for (uint32_t piece = 0; piece < e->chunks_count; piece++) {
        uint32_t start = piece * e->chunk_size, left = e->plan.memory_size - start;
        e->vector_before[e->plan.threads_count + piece] =
            kept_number(e, &e->store->chunks, e->memory + start, left < e->chunk_size ? left : e->chunk_size, NULL);
    }
    e->vector_before[e->vector_size - 1] = kept_number(e, &e->store->systems, &e->system, sizeof e->system, NULL);
    for (uint32_t i = 0; i < e->plan.threads_count; i++) e->before[i] = NULL;
    number_it(e);
    represent(e);
    find_vector(e, e->vector, vector_hash(e), true, &fresh);
    if (e->stopped != DONE || !add_came(e, 0, NO_STATE, none)) return;
    uint8_t saw = look(e);
    if (saw != SAW_NOTHING) note_event(e, saw, 0);
    for (;;) {
        if (e->expanded == e->store->states) keep_arriving(e);
        if (e->expanded == e->store->states || !go_on(e)) break;
        if (e->together != NULL && expand_together(e)) continue;
        expand(e, e->expanded);
        if (e->stopped == BY_RESTART) return;
        if (e->stopped == DONE && e->bail == NULL) e->expanded++;
    }
    keep_arriving(e);
    if (e->bail != NULL) e->stopped = BY_BAIL;
}

/* Search; start over whenever the assumptions about shared bytes turn out too small. */
void search(Engine *e) {
    e->until = now() + e->options.seconds;
    e->stopped = DONE;
    if (e->options.fuse && e->options.probe) probe(e);
    if (e->stopped != DONE || e->bail != NULL) {
        if (e->stopped == DONE) e->stopped = BY_BAIL;
        return;
    }
    do {
        if (e->options.fuse) sharing_freeze(e);
        search_once(e);
    } while (e->stopped == BY_RESTART);
    together_end(e);
}

bool engine_begin(Engine *e) {
    return store_begin(e) && thread_begin(e) && (e->options.jobs < 2 || together_begin(e));
}

/* What each thread that searches has of its own. */
bool thread_begin(Engine *e) {
    const Plan *p = &e->plan;
    size_t view = p->memory_size + 1;
    e->tracks_running = p->plan_tracks_running || e->options.bound >= 0;
    e->options.symmetry = e->options.symmetry && p->groups_count;
    e->has_always = has_invariants(e, ALWAYS);
    e->has_quiescent = has_invariants(e, QUIESCENT);
    e->most_words = FLAGS;
    uint32_t nodes = 1;
    for (uint32_t i = 0; i < p->threads_count; i++) {
        const Thread *t = &p->threads[i];
        if (t->words > e->most_words) e->most_words = t->words;
        if (t->nodes_count > nodes) nodes = t->nodes_count;
        view += 1 + t->words * 9u;
    }
    size_t words = (size_t)(MOST_THREADS + 2) * e->most_words;
    uint64_t *scratch = calloc(words + (size_t)MOST_THREADS * e->most_words, sizeof *scratch);
    e->scratch_words = scratch;
    e->memory = calloc(p->memory_size + 1, 1);
    e->view = malloc(view);
    e->covered = calloc(p->cover_count + 1, 1);
    e->seen = calloc(nodes + 1, sizeof *e->seen);
    e->accessed = calloc(nodes + 1, sizeof *e->accessed);
    e->list_nodes = malloc((1 << 16) * sizeof *e->list_nodes);
    size_t placed = ((size_t)MOST_THREADS << p->cpus) * p->cpus * (p->cpus + 1);
    e->placed = malloc(placed);
    if (!scratch || !e->memory || !e->view || !e->covered || !e->seen || !e->accessed || !e->list_nodes || !e->placed)
        return false;
    memset(e->placed, PLACES, placed);
    for (uint32_t i = 0; i < MOST_THREADS; i++) e->scratch[i] = scratch + (size_t)i * e->most_words;
    e->spare = scratch + (size_t)MOST_THREADS * e->most_words;
    e->saved = e->spare + e->most_words;
    e->before_words = scratch + words;
    return states_begin(e) && kept_begin(&e->rows) && sharing_begin(e) && symmetry_begin(e) && memo_begin(e)
           && orders_begin(e);
}

void thread_end(Engine *e) {
    states_end(e);
    symmetry_end(e);
    memo_end(e);
    orders_end(e);
    kept_end(&e->rows);
    free(e->outcomes);
    free(e->sharing_threads);
    free(e->sharing_cpus);
    free(e->sharing_written);
    free(e->classes);
    free(e->frozen);
    free(e->scratch_words);
    free(e->memory);
    free(e->view);
    free(e->covered);
    free(e->seen);
    free(e->accessed);
    free(e->list_nodes);
    free(e->placed);
    free(e->reads);
    free(e->writes);
    free(e->undo);
    free(e->undo_bytes);
    free(e->operand);
}

void engine_end(Engine *e) {
    together_end(e);
    thread_end(e);
    store_end(e);
    free_plan(&e->plan);
}
