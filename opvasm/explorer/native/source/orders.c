/* What symmetry.c has found out before, by number: in which order threads that are alike stand, and what
 * memory is after they have changed places.
 *
 * Where local states do not say who is who, it follows from the numbers of the pieces of memory, from the
 * ranks that local states give, and from the local states of those that share a rank and point into
 * memory of threads.  What memory becomes follows from its numbers and from the order.
 *
 * The tables are caches: what has no place any more is worked out again.
 */
#include "engine.h"

#include <stdlib.h>

#define TABLE_BYTES (1u << 19)

/* Values by keys, some words each; a first word that is 0 is an empty place. */
typedef struct {
    uint32_t *words, *key, *at; /* the key that was asked for last, and its place */
    uint32_t key_words, value_words, size;
} Table;

typedef struct Orders {
    Table orders, memories;
} Orders;

static bool table_begin(Engine *e, Table *t, uint32_t key_words, uint32_t value_words) {
    uint32_t width = key_words + value_words;
    t->key_words = key_words;
    t->value_words = value_words;
    for (t->size = 1; t->size * 2 * width * sizeof *t->words <= TABLE_BYTES;) t->size *= 2;
    t->words = calloc((size_t)t->size * width, sizeof *t->words);
    t->key = calloc(key_words, sizeof *t->key);
    t->at = t->words;
    e->room += (uint64_t)t->size * width * sizeof *t->words;
    return t->words != NULL && t->key != NULL;
}

static void table_end(Table *t) {
    free(t->words);
    free(t->key);
}

static void table_clear(Table *t) { memset(t->words, 0, (size_t)t->size * (t->key_words + t->value_words) * sizeof *t->words); }

/* The value of t->key; NULL: it is not known. */
static const uint32_t *value_of(Table *t) {
    size_t size = t->key_words * sizeof *t->key;
    t->key[0]++; /* numbers are less than UINT32_MAX */
    t->at = t->words + (size_t)(hash_bytes(t->key, size) & (t->size - 1)) * (t->key_words + t->value_words);
    return memcmp(t->at, t->key, size) == 0 ? t->at + t->key_words : NULL;
}

static void note(Table *t, const uint32_t *value) {
    memcpy(t->at, t->key, t->key_words * sizeof *t->key);
    memcpy(t->at + t->key_words, value, t->value_words * sizeof *value);
}

/* Numbers of threads in two words. */
static void pack(const uint32_t *threads, uint32_t count, uint32_t *to) {
    to[0] = to[1] = 0;
    for (uint32_t i = 0; i < count; i++) to[i / 8] |= threads[i] << i % 8 * 4;
}

/* The order of the threads of e->vector, whose ranks share some; false: it is not known. */
bool order_known(Engine *e, const uint32_t *rank, uint32_t open, uint32_t *order_) {
    Table *t = &e->orders->orders;
    uint32_t count = e->plan.threads_count, *key = t->key + e->chunks_count;
    memcpy(t->key, e->vector + count, e->chunks_count * sizeof *key);
    pack(rank, count, key);
    if (PLANT(38)) key[0] = key[1] = 0;
    for (uint32_t i = 0; i < count; i++)
        key[2 + i] = open >> i & 1 && e->shapes_at_hand[i].pointed ? e->vector[i] : UINT32_MAX;
    const uint32_t *found = value_of(t);
    for (uint32_t i = 0; found != NULL && i < count; i++) order_[i] = found[i / 8] >> i % 8 * 4 & 15;
    return found != NULL;
}

/* Keep the order that order_known did not know. */
void note_order(Engine *e, const uint32_t *order_) {
    uint32_t value[2];
    pack(order_, e->plan.threads_count, value);
    note(&e->orders->orders, value);
}

/* The numbers of the pieces of memory of e->vector after threads have changed places; NULL: they are not known. */
const uint32_t *memory_known(Engine *e, const uint32_t *order_) {
    Table *t = &e->orders->memories;
    memcpy(t->key, e->vector + e->plan.threads_count, e->chunks_count * sizeof *t->key);
    pack(order_, PLANT(39) ? 0 : e->plan.threads_count, t->key + e->chunks_count);
    return value_of(t);
}

/* Keep those that memory_known did not know: now they are in e->vector. */
void note_memory(Engine *e) { note(&e->orders->memories, e->vector + e->plan.threads_count); }

bool orders_begin(Engine *e) {
    uint32_t pieces = e->chunks_count;
    if (!e->has_own || !memorizes(e) || pieces == 0) return true;
    e->orders = calloc(1, sizeof *e->orders);
    return e->orders != NULL && table_begin(e, &e->orders->orders, pieces + 2 + e->plan.threads_count, 2)
           && table_begin(e, &e->orders->memories, pieces + 2, pieces);
}

void orders_clear(Engine *e) {
    if (e->orders == NULL) return;
    table_clear(&e->orders->orders);
    table_clear(&e->orders->memories);
}

void orders_end(Engine *e) {
    if (e->orders == NULL) return;
    table_end(&e->orders->orders);
    table_end(&e->orders->memories);
    free(e->orders);
    e->orders = NULL;
}
