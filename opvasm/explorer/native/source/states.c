/* The states that were seen: each is a short vector of numbers, one for each thread's local state,
 * one for each piece of memory, one for the rest.  Equal numbers are equal bytes, so that no state is
 * ever taken for another one.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_TABLE 1024u
#define PIECE 64u      /* bytes of memory that have a number of their own */
#define LARGE_PAGE (2ull << 20)
#ifndef NARROW_MOST /* tests have less: all bits up to some */
#define NARROW_MOST UINT16_MAX
#endif

/* Numbers take 2 bytes in the states that are kept, until one does not fit. */
size_t number_size(const Engine *e) { return e->store->wide ? sizeof(uint32_t) : sizeof(uint16_t); }

/* A large table is on large pages where the system has them: each look-up is somewhere else.  It is not
 * cleared. */
static uint64_t *new_table(uint64_t size) {
    if (size * sizeof(uint64_t) < 2 * LARGE_PAGE) return malloc(size * sizeof(uint64_t));
    void *table = NULL;
    if (posix_memalign(&table, LARGE_PAGE, size * sizeof(uint64_t)) != 0) return NULL;
#ifdef MADV_HUGEPAGE
    madvise(table, size * sizeof(uint64_t), MADV_HUGEPAGE);
#endif
    return table;
}

bool states_begin(Engine *e) {
    e->chunk_size = PIECE;
    while ((e->plan.memory_size + e->chunk_size - 1) / e->chunk_size > MOST_PIECES) e->chunk_size *= 2;
    e->chunk_shift = (uint32_t)__builtin_ctz(e->chunk_size);
    e->chunks_count = (e->plan.memory_size + e->chunk_size - 1) / e->chunk_size;
    e->vector_size = e->plan.threads_count + e->chunks_count + 1;
    e->vector = calloc(e->vector_size, sizeof *e->vector);
    e->vector_before = calloc(e->vector_size, sizeof *e->vector_before);
    e->narrow = calloc(e->vector_size, sizeof *e->narrow);
    e->arriving_vectors = calloc((size_t)MOST_ARRIVING * e->vector_size, sizeof *e->arriving_vectors);
    e->dirty = calloc(e->chunks_count + 1, 1);
    return e->vector && e->vector_before && e->narrow && e->arriving_vectors && e->dirty && kept_begin(&e->views);
}

/* The table gets as many parts as there can be threads that fill one, and some more. */
bool store_begin(Engine *e) {
    Store *s = e->store = calloc(1, sizeof *s);
    if (s == NULL) return false;
    s->parts = 1;
    s->part_shift = 32;
    while (e->options.jobs > 1 && s->parts < 2 * e->options.jobs && s->parts < MOST_PARTS) {
        s->parts *= 2;
        s->part_shift--;
    }
    s->part_size = FIRST_TABLE;
    s->table = calloc(s->parts * s->part_size, sizeof *s->table);
    return s->table && kept_begin(&s->locals) && kept_begin(&s->chunks) && kept_begin(&s->systems);
}

void states_end(Engine *e) {
    free(e->vector);
    free(e->vector_before);
    free(e->narrow);
    free(e->arriving_vectors);
    free(e->dirty);
    free(e->edges);
    free(e->events);
    free(e->view_answers);
    kept_end(&e->views);
}

void store_end(Engine *e) {
    Store *s = e->store;
    if (s == NULL) return;
    for (uint32_t i = 0; i < s->blocks_count; i++) free(s->blocks[i]);
    free(s->blocks);
    free(s->table);
    free(s->came);
    kept_end(&s->locals);
    kept_end(&s->chunks);
    kept_end(&s->systems);
    free(s);
    e->store = NULL;
}

/* As if no state had been seen; what is bound and what is kept once stays. */
void states_clear(Engine *e) {
    memset(e->store->table, 0, e->store->parts * e->store->part_size * sizeof *e->store->table);
    e->store->states = e->expanded = e->transitions = e->next_look = 0;
    e->edges_count = e->events_count = 0;
    e->arriving_count = 0;
    e->outcomes_count = 0;
    e->witnessed = 0;
}

uint8_t *kept_vector(const Engine *e, uint64_t state) {
    return e->store->blocks[state / STATES_IN_BLOCK] + (state % STATES_IN_BLOCK) * e->vector_size * number_size(e);
}

static void vector_of(const Engine *e, uint64_t state, uint32_t *to) {
    const uint8_t *from = kept_vector(e, state);
    uint16_t number;
    if (e->store->wide) {
        memcpy(to, from, e->vector_size * sizeof *to);
        return;
    }
    for (uint32_t i = 0; i < e->vector_size; i++, from += sizeof number) {
        memcpy(&number, from, sizeof number);
        to[i] = number;
    }
}

const void *as_kept(const Engine *e, const uint32_t *vector) {
    uint32_t all = 0;
    if (e->store->wide) return vector;
    for (uint32_t i = 0; i < e->vector_size; i++) {
        all |= vector[i];
        e->narrow[i] = (uint16_t)vector[i];
    }
    return all > NARROW_MOST ? NULL : e->narrow;
}

/* From now on numbers take 4 bytes. */
static bool become_wide(Engine *e) {
    size_t size = e->vector_size * sizeof(uint32_t);
    uint8_t **wide = calloc(e->store->blocks_room + 1, sizeof *wide);
    bool enough = wide != NULL;
    for (uint32_t i = 0; enough && i < e->store->blocks_count; i++) enough = (wide[i] = malloc(STATES_IN_BLOCK * size)) != NULL;
    for (uint64_t state = 0; enough && state < e->store->states; state++) {
        uint32_t vector[MOST_VECTOR];
        vector_of(e, state, vector);
        memcpy(wide[state / STATES_IN_BLOCK] + state % STATES_IN_BLOCK * size, vector, size);
        if (state % STATES_IN_BLOCK + 1 == STATES_IN_BLOCK) { /* all of these are copied */
            free(e->store->blocks[state / STATES_IN_BLOCK]);
            e->store->blocks[state / STATES_IN_BLOCK] = NULL;
        }
    }
    uint8_t **rest = enough ? e->store->blocks : wide;
    for (uint32_t i = 0; rest != NULL && i < e->store->blocks_count; i++) free(rest[i]);
    free(rest);
    if (!enough) return false;
    e->store->blocks = wide;
    e->store->wide = true;
    e->room += e->store->states * e->vector_size * sizeof(uint16_t);
    return true;
}

/* A table of twice the size takes over a part of the old one. */
void move_part(const Engine *e, uint32_t part, uint64_t *table) {
    const Store *s = e->store;
    uint64_t size = s->part_size * 2, *to = table + part * size;
    memset(to, 0, size * sizeof *to);
    for (uint64_t i = part * s->part_size; i < (part + 1) * s->part_size; i++) {
        if (s->table[i] == 0) continue;
        /* the tag has only 32 bits: where the table is larger the vector is hashed again */
        uint64_t hash = s->table[i] >> 32;
        if (size > 1ull << 32) {
            uint32_t vector[MOST_VECTOR];
            vector_of(e, (s->table[i] & 0xffffffff) - 1, vector);
            hash = hash_bytes(vector, e->vector_size * sizeof *vector);
        }
        uint64_t at = hash & (size - 1);
        while (to[at]) at = (at + 1) & (size - 1);
        to[at] = s->table[i];
    }
}

/* Make the table twice as large, by what moves all of its parts (NULL: this thread alone does). */
bool widen_table(Engine *e, void (*move)(Engine *e, uint64_t *table)) {
    Store *s = e->store;
    uint64_t size = s->parts * s->part_size;
    uint64_t *table = new_table(size * 2);
    if (table == NULL) return false;
    if (move != NULL)
        move(e, table);
    else
        for (uint32_t part = 0; part < s->parts; part++) move_part(e, part, table);
    e->room += size * sizeof *table;
    free(s->table);
    s->table = table;
    s->part_size *= 2;
    return true;
}

/* The numbers of the pieces of memory that were changed since the undo log was so long. */
void number_pieces(Engine *e, uint32_t undo) {
    uint32_t *to = e->vector + e->plan.threads_count;
    for (uint32_t i = undo; i < e->undo_count; i++)
        for (uint32_t piece = e->undo[i].start >> e->chunk_shift;
             piece <= (e->undo[i].start + e->undo[i].size - 1) >> e->chunk_shift; piece++)
            e->dirty[piece] = 1;
    for (uint32_t piece = 0; piece < e->chunks_count; piece++) {
        if (!e->dirty[piece]) continue;
        uint32_t start = piece * e->chunk_size, size = e->plan.memory_size - start;
        e->dirty[piece] = 0;
        if (PLANT(27) && piece) continue;
        to[piece] = kept_number(e, &e->store->chunks, e->memory + start, size < e->chunk_size ? size : e->chunk_size, NULL);
    }
}

uint32_t local_number(Engine *e, uint32_t thread) {
    size_t size = e->plan.threads[thread].words * sizeof(uint64_t);
    return kept_number(e, &e->store->locals, e->threads[thread], size - (PLANT(2) ? 8 : 0), NULL);
}

/* The numbers of the state at hand: of what did not change they are known. */
void make_vector(Engine *e) {
    uint32_t *to = e->vector, count = e->plan.threads_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t known = UINT32_MAX;
        for (uint32_t j = 0; known == UINT32_MAX && j < count; j++)
            if (e->threads[i] == e->before[j]) known = e->vector_before[j];
        to[i] = known != UINT32_MAX ? known : local_number(e, i);
    }
    memcpy(to + count, e->vector_before + count, e->chunks_count * sizeof *to);
    number_pieces(e, 0);
    to[e->vector_size - 1] = memcmp(&e->system, &e->system_before, sizeof e->system) == 0
                                 ? e->vector_before[e->vector_size - 1]
                                 : kept_number(e, &e->store->systems, &e->system, sizeof e->system, NULL);
}

/* Memory and the threads' local states become those of the vector, whose system is the one before. */
void present(Engine *e) {
    uint32_t count = e->plan.threads_count;
    if (e->at_hand) return;
    e->at_hand = true;
    for (uint32_t i = 0; i < count; i++) {
        if (!(e->changed >> i & 1)) continue;
        memcpy(e->scratch[i], kept_bytes(&e->store->locals, e->vector[i], NULL), e->plan.threads[i].words * sizeof *e->scratch[i]);
        e->threads[i] = e->scratch[i];
    }
    for (uint32_t piece = 0; piece < e->chunks_count; piece++) {
        size_t size;
        if (e->vector[count + piece] == e->vector_before[count + piece]) continue;
        const void *bytes = kept_bytes(&e->store->chunks, e->vector[count + piece], &size);
        set_memory(e, piece << e->chunk_shift, bytes, (uint32_t)size, false);
    }
}

static size_t compared_numbers(const Engine *e) { return e->vector_size - (PLANT(1) ? 1 : 0); }

size_t compared_size(const Engine *e) { return compared_numbers(e) * number_size(e); }

uint64_t vector_hash(const Engine *e) { return hash_bytes(e->vector, compared_numbers(e) * sizeof *e->vector); }

void expect_slot(const Engine *e, uint64_t hash) { __builtin_prefetch(&e->store->table[first_slot(e->store, hash)]); }

void expect_state(const Engine *e, uint64_t hash) {
    uint64_t slot = e->store->table[first_slot(e->store, hash)];
    if (slot) __builtin_prefetch(kept_vector(e, (slot & 0xffffffff) - 1));
}

/* Memory for so many states. */
bool make_blocks(Engine *e, uint64_t states) {
    Store *s = e->store;
    while (s->blocks_count * (uint64_t)STATES_IN_BLOCK < states) {
        uint64_t room = s->blocks_room;
        if (s->blocks_count == room) {
            uint8_t **more = grown(e, s->blocks, &room, room + 1, sizeof *more);
            if (more == NULL) return false;
            s->blocks = more;
            s->blocks_room = (uint32_t)room;
        }
        /* The first block is small while there are few states: memory is touched as it fills. */
        s->blocks[s->blocks_count] = malloc(STATES_IN_BLOCK * e->vector_size * number_size(e));
        if (s->blocks[s->blocks_count] == NULL) return false;
        s->blocks_count++;
    }
    return true;
}

/* The place in the table of a vector as it is kept, or the empty one in which it belongs. */
static inline uint64_t place_of(const Engine *e, const void *kept, uint64_t hash) {
    const Store *s = e->store;
    size_t compared = compared_size(e);
    uint64_t at = first_slot(s, hash), tag = hash << 32;
    for (; s->table[at]; at = next_slot(s, at))
        if ((s->table[at] & 0xffffffff00000000ull) == tag
            && memcmp(kept_vector(e, (s->table[at] & 0xffffffff) - 1), kept, compared) == 0)
            break;
    return at;
}

uint64_t find_kept(const Engine *e, const void *kept, uint64_t hash) {
    uint64_t slot = e->store->table[place_of(e, kept, hash)];
    return slot ? (slot & 0xffffffff) - 1 : NO_STATE;
}

uint64_t find_vector(Engine *e, const uint32_t *vector, uint64_t hash, bool add, bool *fresh) {
    Store *s = e->store;
    const void *kept = as_kept(e, vector);
    *fresh = false;
    if (kept == NULL && !add) return NO_STATE;
    if (kept == NULL) {
        if (!become_wide(e)) goto full;
        kept = vector;
    }
    size_t size = e->vector_size * number_size(e);
    uint64_t at = place_of(e, kept, hash);
    if (s->table[at]) return (s->table[at] & 0xffffffff) - 1;
    if (!add) return NO_STATE;
    if (s->states >= UINT32_MAX - 1) goto full;
    if (!make_blocks(e, s->states + 1)) goto full;
    e->room += size;
    memcpy(kept_vector(e, s->states), kept, size);
    s->table[at] = hash << 32 | ++s->states;
    *fresh = true;
    if (s->states > s->parts * s->part_size / 4 * 3 && !widen_table(e, NULL)) goto full;
    return s->states - 1;
full:
    if (e->stopped == DONE) e->stopped = BY_MEMORY;
    return NO_STATE;
}

/* A state that was seen becomes the one that is being expanded. */
void go_to(Engine *e, uint64_t state) {
    const Plan *p = &e->plan;
    const uint32_t *from = e->vector_before;
    vector_of(e, state, e->vector_before);
    for (uint32_t i = 0; i < p->threads_count; i++) {
        uint64_t *to = e->before_words + (size_t)i * e->most_words;
        memcpy(to, kept_bytes(&e->store->locals, from[i], NULL), p->threads[i].words * 8u);
        e->before[i] = e->threads[i] = to;
    }
    from += p->threads_count;
    for (uint32_t piece = 0; piece < e->chunks_count; piece++) {
        size_t size;
        const void *bytes = kept_bytes(&e->store->chunks, from[piece], &size);
        memcpy(e->memory + (size_t)piece * e->chunk_size, bytes, size);
    }
    memcpy(&e->system_before, kept_bytes(&e->store->systems, from[e->chunks_count], NULL), sizeof e->system_before);
    e->system = e->system_before;
    e->undo_count = 0;
    e->undo_used = 0;
    e->reads_count = e->writes_count = 0;
}

/* Room for how so many states were first reached. */
bool make_came(Engine *e, uint64_t states) {
    Store *s = e->store;
    if (states <= s->came_room) return true;
    uint64_t *more = grown(e, s->came, &s->came_room, states, sizeof *more);
    if (more != NULL) s->came = more;
    return more != NULL;
}

/* How a state was first reached; `source` is NO_STATE for the first one. */
bool add_came(Engine *e, uint64_t state, uint64_t source, Decision decision) {
    if (!make_came(e, state + 1)) {
        e->stopped = BY_MEMORY;
        return false;
    }
    e->store->came[state] = way_to(source, decision);
    return true;
}
