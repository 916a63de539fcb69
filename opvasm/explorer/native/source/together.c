/* Several threads on one search.
 *
 * Breadth first, states are expanded in the order of their numbers.  Where many wait, a batch of them is
 * expanded at once, and comes to the same as one after the other:
 *
 * 1. The threads take pieces of the batch.  Each expands with scratch space and caches of its own, and puts
 *    what it reaches into an output of its own.  Nobody adds a state: the table is as it was before the
 *    batch.  What is in it is settled here; only numbers of local states, pieces of memory and systems are
 *    given meanwhile (kept.c).
 * 2. The table's parts are filled, each part by one thread, which goes through what was reached in the order
 *    of the batch.  So the first way to a state is the one that one thread alone would have found first.
 * 3. New states get their numbers in that order, piece by piece.
 *
 * Whatever is not as usual (a limit, a failure to go on, bytes that are shared more than was assumed, numbers
 * that grow out of their place) makes the batch undone, and one thread goes through it alone: so limits and
 * restarts come where they come without threads.
 */
#include "crew.h"

#ifdef WAIT_FOR_HELPERS
#include <sched.h>
#endif
#include <stdlib.h>
#include <string.h>

#ifndef LEAST_BATCH /* tests have less */
#define LEAST_BATCH 1024u
#define MOST_BATCH 32768u
#define PIECE_OF_BATCH 128u
#define SPARE 4096u /* numbers that may be given in a batch, at least */
#endif

enum { PENDING = 1, COMMITTED = 2, FINITE = 4, FRESH = 8, END_OF_STATE = 16 };
/* A transition, or a state without any. */
typedef struct {
    uint64_t hash, slot; /* its place in the table */
    uint32_t source;
    uint32_t target; /* the number of the state; while it is not known, which pending one of its output */
    Decision decision;
    uint8_t flags, saw;
} Record;

/* What a thread has found in a batch. */
typedef struct Output {
    Record *records;
    uint8_t *vectors; /* of those that are pending, as they are kept */
    uint32_t *of_part[MOST_PARTS]; /* the pending records of each part of the table */
    uint64_t records_count, records_room, vectors_room, of_part_count[MOST_PARTS], of_part_room[MOST_PARTS];
    uint64_t pending, base; /* how many, and those of the outputs before */
} Output;

/* A piece of a batch: where what was found is. */
typedef struct {
    uint32_t who;
    bool marks; /* somebody has to look at some of it */
    uint64_t first, end, transitions;
    uint64_t fresh, number, edge; /* states that are new, the first one's number; the first edge's */
    uint64_t part_first[MOST_PARTS], part_end[MOST_PARTS];
} Piece;

typedef struct Together {
    Engine *main;
    Crew *crew;
    uint32_t count; /* of threads; 0: the crew is not there yet */
    Engine *engines[MOST_JOBS];
    Output outputs[MOST_JOBS];
    Lock crowd;
    uint64_t first, end; /* the batch */
    uint64_t alone;      /* until so many states are expanded */
    uint32_t next;       /* atomic: what is taken next of a phase */
    uint32_t undone;     /* atomic: the batch is given up */
    Piece *pieces;
    uint32_t pieces_count;
    uint8_t *covered, *sharing; /* as they were before the batch */
    uint64_t transitions;
    uint64_t *table; /* a larger one that is being filled */
} Together;

static uint32_t taken(Together *t) { return __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED); }
static bool is_undone(Together *t) { return __atomic_load_n(&t->undone, __ATOMIC_RELAXED); }
static void undo(Together *t) { __atomic_store_n(&t->undone, 1, __ATOMIC_RELAXED); }

static void in_all(Together *t, Duty duty, void (*meanwhile)(void *)) {
    t->next = 0;
    crew_run(t->crew, duty, t, meanwhile);
}

/* ---- what a thread finds -------------------------------------------------------------------- */

static Record *new_record(Engine *e) {
    Output *o = e->output;
    if (o->records_count == o->records_room) {
        Record *more = grown(e, o->records, &o->records_room, o->records_count + 1, sizeof *more);
        if (more == NULL) {
            e->stopped = ALONE;
            return NULL;
        }
        o->records = more;
    }
    return &o->records[o->records_count++];
}

/* A state that is not in the table: its vector waits for the second phase. */
static bool put_kept(Engine *e, uint64_t hash, const void *kept) {
    Output *o = e->output;
    uint32_t part = (uint32_t)((uint64_t)(uint32_t)hash >> e->store->part_shift);
    size_t size = e->vector_size * number_size(e);
    if ((o->pending + 1) * size > o->vectors_room) { /* in bytes: numbers may have become wide since */
        uint8_t *more = grown(e, o->vectors, &o->vectors_room, (o->pending + 1) * size, 1);
        if (more == NULL) return false;
        o->vectors = more;
    }
    if (o->of_part_count[part] == o->of_part_room[part]) {
        uint32_t *more = grown(e, o->of_part[part], &o->of_part_room[part], o->of_part_count[part] + 1, sizeof *more);
        if (more == NULL) return false;
        o->of_part[part] = more;
    }
    memcpy(o->vectors + o->pending++ * size, kept, size);
    o->of_part[part][o->of_part_count[part]++] = (uint32_t)(o->records_count - 1);
    return true;
}

uint64_t find_out(Engine *e, const uint32_t *vector, uint64_t hash, const void **kept) {
    *kept = as_kept(e, vector);
    if (*kept != NULL) return find_kept(e, *kept, hash);
    e->stopped = ALONE; /* numbers must become wide first */
    return NO_STATE;
}

void put_out(Engine *e, const Arriving *how, const void *kept, uint64_t target) {
    bool pending = target == NO_STATE;
    if (kept == NULL) return;
    Record *record = new_record(e);
    if (record == NULL) return;
    *record = (Record){
        .hash = how->hash, .source = (uint32_t)how->source, .decision = how->decision, .saw = how->saw,
        .target = (uint32_t)(pending ? e->output->pending : target),
        .flags = (uint8_t)((pending ? PENDING : 0) | (how->committed ? COMMITTED : 0) | (how->finite ? FINITE : 0)),
    };
    if (pending && !put_kept(e, how->hash, kept)) e->stopped = ALONE;
}

void put_end(Engine *e, uint64_t state) {
    keep_arriving(e);
    Record *record = new_record(e);
    if (record != NULL) *record = (Record){.source = (uint32_t)state, .flags = END_OF_STATE, .saw = SAW_NOTHING};
}

/* ---- 1: expand ------------------------------------------------------------------------------ */

/* The thread that was asked looks at limits; false: the batch is given up. */
static bool goes_on(Together *t, Engine *e) {
    if (e->helps) {
        e->effort = 0;
        return !is_undone(t);
    }
    look_at_clock(e);
    if (e->stopped != DONE) undo(t);
    return e->stopped == DONE;
}

static void meanwhile(void *what) {
    Together *t = what;
    if (!is_undone(t)) goes_on(t, t->main);
}

static void expand_piece(Together *t, Engine *e, Piece *piece, uint64_t state, uint64_t end) {
    Output *o = e->output;
    uint64_t before = e->transitions;
    piece->first = o->records_count;
    memcpy(piece->part_first, o->of_part_count, sizeof piece->part_first);
    for (; state < end; state++) {
        expand(e, state);
        if (e->bail != NULL || e->stopped != DONE) break;
        if (e->effort >= MUCH_EFFORT && !goes_on(t, e)) return;
    }
    keep_arriving(e);
    if (e->bail != NULL || e->stopped != DONE) {
        undo(t);
        return;
    }
    piece->end = o->records_count;
    memcpy(piece->part_end, o->of_part_count, sizeof piece->part_end);
    piece->transitions = e->transitions - before;
    piece->marks = false;
    for (uint64_t i = piece->first; i < piece->end; i++)
        if (o->records[i].flags & END_OF_STATE || o->records[i].saw != SAW_NOTHING) piece->marks = true;
}

static void expand_pieces(void *what, uint32_t who) {
    Together *t = what;
    Engine *e = t->engines[who];
    e->output = &t->outputs[who];
#ifdef WAIT_FOR_HELPERS /* tests: no batch is over before a helper has come */
    while (!who && t->pieces_count > 1 && __atomic_load_n(&t->next, __ATOMIC_RELAXED) == 0) sched_yield();
#endif
    while (!is_undone(t)) {
        uint32_t number_of_piece = taken(t);
        if (number_of_piece >= t->pieces_count || !goes_on(t, e)) break;
        Piece *piece = &t->pieces[number_of_piece];
        uint64_t state = t->first + (uint64_t)number_of_piece * PIECE_OF_BATCH;
        uint64_t end = state + PIECE_OF_BATCH < t->end ? state + PIECE_OF_BATCH : t->end;
        piece->who = who;
        expand_piece(t, e, piece, state, end);
    }
    e->output = NULL;
    e->arriving_count = 0;
}

/* ---- 2: fill the table ---------------------------------------------------------------------- */

/* The vector of a state; those that have no number yet follow those that have one. */
static const uint8_t *vector_at(const Together *t, uint64_t number_of_state, size_t size) {
    const Engine *e = t->main;
    if (number_of_state < e->store->states) return kept_vector(e, number_of_state);
    uint64_t pending = number_of_state - e->store->states;
    const Output *o = t->outputs;
    while (pending >= o->base + o->pending) o++;
    return o->vectors + (pending - o->base) * size;
}

/* Find a state's place in the table; true: it is a new one. */
static bool settle_record(const Together *t, const Output *o, Record *record, size_t size, size_t compared) {
    const Store *s = t->main->store;
    const uint8_t *vector = o->vectors + record->target * size;
    uint64_t at = first_slot(s, record->hash), tag = record->hash << 32;
    for (; s->table[at]; at = next_slot(s, at)) {
        if ((s->table[at] & 0xffffffff00000000ull) != tag) continue;
        uint64_t other = (s->table[at] & 0xffffffff) - 1;
        if (other >= s->states && PLANT(44)) continue;
        if (memcmp(vector_at(t, other, size), vector, compared) == 0) break;
    }
    record->slot = at;
    if (s->table[at]) return false;
    s->table[at] = tag | (s->states + o->base + record->target + 1);
    record->flags |= FRESH;
    return true;
}

static void fill_parts(void *what, uint32_t who) {
    Together *t = what;
    size_t size = t->main->vector_size * number_size(t->main), compared = compared_size(t->main);
    (void)who;
    for (uint32_t part; (part = taken(t)) < t->main->store->parts;)
        for (uint32_t i = 0; i < t->pieces_count; i++) {
            Piece *piece = &t->pieces[i];
            const Output *o = &t->outputs[piece->who];
            uint64_t fresh = 0, end = piece->part_end[part];
            for (uint64_t each = piece->part_first[part]; each < end; each++) {
                if (each + 8 < end) expect_slot(t->main, o->records[o->of_part[part][each + 8]].hash);
                fresh += settle_record(t, o, &o->records[o->of_part[part][each]], size, compared);
            }
            if (fresh) __atomic_fetch_add(&piece->fresh, fresh, __ATOMIC_RELAXED);
        }
}

static void move_parts(void *what, uint32_t who) {
    Together *t = what;
    (void)who;
    for (uint32_t part; (part = taken(t)) < t->main->store->parts;) move_part(t->main, part, t->table);
}

static void move_together(Engine *e, uint64_t *table) {
    e->together->table = table;
    in_all(e->together, move_parts, NULL);
}

/* ---- 3: give numbers ------------------------------------------------------------------------ */

static void keep_pieces(void *what, uint32_t who) {
    Together *t = what;
    const Engine *e = t->main;
    const Store *s = e->store;
    size_t size = e->vector_size * number_size(e);
    (void)who;
    for (uint32_t i; (i = taken(t)) < t->pieces_count;) {
        const Piece *piece = &t->pieces[i];
        const Output *o = &t->outputs[piece->who];
        uint64_t number_of_state = piece->number;
        for (uint64_t each = piece->first; each < piece->end; each++) {
            const Record *record = &o->records[each];
            if (!(record->flags & FRESH)) continue;
            memcpy(kept_vector(e, number_of_state), o->vectors + record->target * size, size);
            s->came[number_of_state] = way_to(record->source, record->decision);
            s->table[record->slot] = record->hash << 32 | ++number_of_state;
        }
    }
}

static uint64_t target_of(const Engine *e, const Record *record) {
    return record->flags & PENDING ? (e->store->table[record->slot] & 0xffffffff) - 1 : record->target;
}

static void keep_edges_of_pieces(void *what, uint32_t who) {
    Together *t = what;
    const Engine *e = t->main;
    (void)who;
    for (uint32_t i; (i = taken(t)) < t->pieces_count;) {
        const Piece *piece = &t->pieces[i];
        const Output *o = &t->outputs[piece->who];
        Edge *to = e->edges + piece->edge;
        for (uint64_t each = piece->first; each < piece->end; each++) {
            const Record *record = &o->records[each];
            if (record->flags & END_OF_STATE) continue;
            Arriving how = {.source = record->source, .decision = record->decision,
                            .committed = record->flags & COMMITTED, .finite = record->flags & FINITE};
            *to++ = edge_of(&how, target_of(e, record));
        }
    }
}

/* What somebody has to look at, in the order of the batch. */
static void look_at_marks(Together *t) {
    Engine *e = t->main;
    for (uint32_t i = 0; i < t->pieces_count; i++) {
        const Piece *piece = &t->pieces[i];
        const Output *o = &t->outputs[piece->who];
        if (!piece->marks || (PLANT(47) && piece->who)) continue;
        for (uint64_t each = piece->first; each < piece->end; each++) {
            const Record *record = &o->records[each];
            if (record->flags & END_OF_STATE) {
                go_to(e, record->source);
                ended(e, record->source);
            } else if (record->flags & FRESH && record->saw != SAW_NOTHING) {
                note_event(e, record->saw, target_of(e, record));
            }
        }
    }
}

/* ---- a batch -------------------------------------------------------------------------------- */

static bool begin_batch(Together *t, uint64_t size) {
    Engine *e = t->main;
    Store *s = e->store;
    t->first = e->expanded;
    t->end = t->first + size;
    t->pieces_count = (uint32_t)((size + PIECE_OF_BATCH - 1) / PIECE_OF_BATCH);
    for (uint32_t i = 0; i < t->pieces_count; i++) t->pieces[i].fresh = 0;
    t->undone = 0;
    t->transitions = e->transitions;
    memcpy(t->covered, e->covered, e->plan.cover_count);
    if (e->sharing_news) sharing_save(e, t->sharing);
    for (uint32_t who = 0; who < t->count; who++) {
        Output *o = &t->outputs[who];
        o->records_count = o->pending = 0;
        memset(o->of_part_count, 0, sizeof o->of_part_count);
    }
    return kept_spare(e, &s->locals, SPARE) && kept_spare(e, &s->chunks, SPARE) && kept_spare(e, &s->systems, SPARE);
}

static void set_crowd(Together *t, Lock *lock) {
    Store *s = t->main->store;
    s->locals.crowd = s->chunks.crowd = s->systems.crowd = lock;
}

/* As if the batch had not been: what it has found out is forgotten. */
static void take_batch_back(Together *t) {
    Engine *e = t->main;
    bool ends = e->stopped == BY_TIME || e->stopped == BY_EXCEPTION || e->stopped == BY_MEMORY;
    for (uint32_t who = 0; who < t->count; who++) {
        Engine *each = t->engines[who];
        memcpy(each->covered, t->covered, e->plan.cover_count);
        if (each->sharing_news) sharing_load(each, t->sharing);
        if (!PLANT(48)) forget(each);
        if (ends && !each->helps) continue;
        each->stopped = DONE;
        each->bail = NULL;
    }
    e->transitions = t->transitions;
    t->alone = t->end;
}

/* Empty the places that new states have taken. */
static void clear_places(Together *t) {
    for (uint32_t i = 0; i < t->pieces_count; i++) {
        const Output *o = &t->outputs[t->pieces[i].who];
        for (uint64_t each = t->pieces[i].first; each < t->pieces[i].end; each++)
            if (o->records[each].flags & FRESH) t->main->store->table[o->records[each].slot] = 0;
    }
}

/* What all threads have seen goes to the one that was asked; false: bytes are shared more than was assumed. */
static bool gather(Together *t) {
    Engine *e = t->main;
    for (uint32_t who = 1; who < t->count; who++) {
        Engine *each = t->engines[who];
        for (uint32_t i = 0; i < e->plan.cover_count && !PLANT(42); i++) e->covered[i] |= each->covered[i];
        if (each->sharing_news && !PLANT(43)) sharing_join(e, each);
    }
    return memcmp(e->classes, e->frozen, e->plan.memory_size) == 0;
}

/* The second phase, and whether the third may follow: there is memory, and no limit is passed. */
static bool fill_table(Together *t, uint64_t *fresh, uint64_t *transitions) {
    Engine *e = t->main;
    Store *s = e->store;
    uint64_t pending = 0;
    for (uint32_t who = 0; who < t->count; who++) {
        t->outputs[who].base = pending;
        pending += t->outputs[who].pending;
    }
    if (s->states + pending >= UINT32_MAX - 1) return false;
    while (s->states + pending > s->parts * s->part_size / 4 * 3)
        if (!widen_table(e, move_together)) return false;
    in_all(t, fill_parts, NULL);
    *fresh = *transitions = 0;
    for (uint32_t i = 0; i < t->pieces_count; i++) {
        Piece *piece = &t->pieces[i];
        piece->number = s->states + *fresh;
        piece->edge = e->edges_count + *transitions;
        *fresh += piece->fresh;
        *transitions += piece->transitions;
    }
    if (PLANT(45) && t->pieces_count > 1 && t->pieces[0].fresh == t->pieces[1].fresh) {
        uint64_t first = t->pieces[0].number;
        t->pieces[0].number = t->pieces[1].number;
        t->pieces[1].number = first;
    }
    bool within = s->states + *fresh <= e->options.most_states || PLANT(46);
    uint64_t room = *fresh * e->vector_size * number_size(e);
    within = within && e->room + room <= e->options.most_memory && make_blocks(e, s->states + *fresh)
             && make_came(e, s->states + *fresh) && (!e->options.keep_edges || make_edges(e, *transitions));
    if (within)
        e->room += room;
    else
        clear_places(t);
    return within;
}

static void expand_batch(Together *t) {
    Engine *e = t->main;
    uint64_t fresh, transitions;
    set_crowd(t, &t->crowd);
    in_all(t, expand_pieces, meanwhile);
    set_crowd(t, NULL);
    for (uint32_t i = t->pieces_count; PLANT(49) && i-- > 0;) { /* as if nobody waited for its end */
        Piece *piece = &t->pieces[i];
        if (!piece->who) continue;
        piece->end = piece->first;
        piece->transitions = 0;
        memcpy(piece->part_end, piece->part_first, sizeof piece->part_end);
        break;
    }
    for (uint32_t who = 1; who < t->count; who++) {
        e->room += t->engines[who]->room;
        t->engines[who]->room = 0;
    }
    if (is_undone(t) || !gather(t) || !fill_table(t, &fresh, &transitions)) {
        take_batch_back(t);
        return;
    }
    for (uint32_t who = 1; who < t->count; who++) t->engines[who]->sharing_news = false;
    in_all(t, keep_pieces, NULL);
    if (e->options.keep_edges) {
        in_all(t, keep_edges_of_pieces, NULL);
        e->edges_count += transitions;
    }
    e->store->states += fresh;
    e->transitions = t->transitions + transitions;
    for (uint32_t i = 0; i < t->pieces_count && PLANT(41); i++)
        if (t->pieces[i].who) e->transitions -= t->pieces[i].transitions;
    look_at_marks(t);
    e->expanded = t->end;
    if (e->store->states > e->store->parts * e->store->part_size / 4 * 3 && !widen_table(e, move_together)
        && e->stopped == DONE)
        e->stopped = BY_MEMORY;
}

/* ---- the threads ---------------------------------------------------------------------------- */

static Engine *helper(const Engine *main) {
    Engine *e = calloc(1, sizeof *e);
    if (e == NULL) return NULL;
    e->plan = main->plan;
    e->plan.sites = other_sites(&main->plan);
    e->options = main->options;
    e->ask = main->ask;
    e->store = main->store;
    e->until = main->until;
    e->helps = true;
    if (e->plan.sites != NULL && thread_begin(e)) return e;
    thread_end(e);
    free_sites(e->plan.sites, e->plan.sites_count);
    free(e);
    return NULL;
}

/* What a helper assumes of bytes becomes what the search does. */
static void prepare(const Together *t, Engine *each) {
    sharing_load(each, t->sharing);
    memcpy(each->frozen, t->main->frozen, t->main->plan.memory_size);
    memcpy(each->covered, t->main->covered, t->main->plan.cover_count);
    forget(each);
}

/* The threads are made when there is work for them; false: one thread does it. */
static bool gather_crew(Together *t) {
    if (t->count) return t->count > 1;
    t->engines[0] = t->main;
    t->count = 1;
    while (t->count < t->main->options.jobs && (t->engines[t->count] = helper(t->main)) != NULL) t->count++;
    if (t->count > 1) t->crew = crew_begin(t->count);
    t->count = t->crew == NULL ? 1 : crew_size(t->crew);
    sharing_save(t->main, t->sharing);
    for (uint32_t who = 1; who < t->count; who++) prepare(t, t->engines[who]);
    return t->count > 1;
}

/* States and assumptions are forgotten: the search starts over. */
void start_over_together(Engine *e) {
    Together *t = e->together;
    t->alone = 0;
    if (!t->count) return;
    sharing_save(e, t->sharing);
    for (uint32_t who = 1; who < t->count; who++) prepare(t, t->engines[who]);
}

bool expand_together(Engine *e) {
    Together *t = e->together;
    uint64_t waiting = e->store->states - e->expanded;
    if (waiting < LEAST_BATCH || e->expanded < t->alone || !gather_crew(t)) return false;
    keep_arriving(e);
    waiting = e->store->states - e->expanded;
    if (e->stopped != DONE || !begin_batch(t, waiting < MOST_BATCH ? waiting : MOST_BATCH)) return false;
    expand_batch(t);
    return true;
}

bool together_begin(Engine *e) {
    Together *t = e->together = calloc(1, sizeof *t);
    if (t == NULL) return false;
    t->main = e;
    t->pieces = calloc(MOST_BATCH / PIECE_OF_BATCH + 1, sizeof *t->pieces);
    t->covered = malloc(e->plan.cover_count + 1);
    t->sharing = malloc(sharing_size(e) + 1);
#if HAS_THREADS
    pthread_mutex_init(&t->crowd.mutex, NULL);
#endif
    return t->pieces && t->covered && t->sharing;
}

void together_end(Engine *e) {
    Together *t = e->together;
    if (t == NULL) return;
    crew_end(t->crew);
    for (uint32_t who = 1; who < MOST_JOBS && t->engines[who] != NULL; who++) {
        Engine *each = t->engines[who];
        thread_end(each);
        free_sites(each->plan.sites, each->plan.sites_count);
        free(each);
    }
    for (uint32_t who = 0; who < MOST_JOBS; who++) {
        Output *o = &t->outputs[who];
        free(o->records);
        free(o->vectors);
        for (uint32_t part = 0; part < MOST_PARTS; part++) free(o->of_part[part]);
    }
#if HAS_THREADS
    pthread_mutex_destroy(&t->crowd.mutex);
#endif
    free(t->pieces);
    free(t->covered);
    free(t->sharing);
    free(t);
    e->together = NULL;
}
