/* Values that are kept once and named by a number: local states, pieces of memory, systems. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256u

/* Room for `wanted` items of a size, at least doubled each time; counts it in the engine's room. */
void *grown(Engine *e, void *old, uint64_t *room, uint64_t wanted, size_t size) {
    uint64_t more = *room ? *room : 16;
    while (more < wanted) {
        if (more > UINT64_MAX / 2) return NULL;
        more += more < (1u << 20) ? more : more / 2;
    }
    if (more > SIZE_MAX / size) return NULL;
    void *new = realloc(old, (size_t)more * size);
    if (new == NULL) return NULL;
    if (e != NULL) e->room += (more - *room) * size;
    *room = more;
    return new;
}

uint64_t hash_bytes(const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    uint64_t h = 0x9e3779b97f4a7c15ull ^ size, word, next;
    while (size >= 16) {
        memcpy(&word, at, 8);
        memcpy(&next, at + 8, 8);
        h = mixed(h ^ word, next ^ 0xd6e8feb86659fd93ull);
        at += 16;
        size -= 16;
    }
    if (size >= 8) {
        memcpy(&word, at, 8);
        h = mixed(h ^ word, 0xd6e8feb86659fd93ull);
        at += 8;
        size -= 8;
    }
    word = 0;
    if (size) memcpy(&word, at, size);
    return mixed(h ^ word, 0xa0761d6478bd642full) ^ (h >> 29);
}

bool kept_begin(Kept *k) {
    memset(k, 0, sizeof *k);
    k->slots_size = FIRST_SLOTS;
    k->slots = calloc(FIRST_SLOTS, sizeof *k->slots);
    k->tags = calloc(FIRST_SLOTS, sizeof *k->tags);
    k->at_room = 16;
    k->at = malloc(k->at_room * sizeof *k->at);
    if (k->slots == NULL || k->tags == NULL || k->at == NULL) return false;
    k->at[0] = 0;
    return true;
}

void kept_end(Kept *k) {
    free(k->bytes);
    free(k->at);
    free(k->slots);
    free(k->tags);
    memset(k, 0, sizeof *k);
}

const void *kept_bytes(const Kept *k, uint32_t number, size_t *size) {
    if (size != NULL) *size = k->at[number + 1] - k->at[number];
    return k->bytes + k->at[number];
}

static bool widen(Engine *e, Kept *k) {
    uint32_t size = k->slots_size * 2;
    uint32_t *slots = calloc(size, sizeof *slots), *tags = calloc(size, sizeof *tags);
    if (slots == NULL || tags == NULL) {
        free(slots);
        free(tags);
        return false;
    }
    for (uint32_t i = 0; i < k->slots_size; i++) {
        if (k->slots[i] == 0) continue;
        uint32_t at = k->tags[i] & (size - 1);
        while (slots[at]) at = (at + 1) & (size - 1);
        slots[at] = k->slots[i];
        tags[at] = k->tags[i];
    }
    e->room += (uint64_t)(size - k->slots_size) * 8;
    free(k->slots);
    free(k->tags);
    k->slots = slots;
    k->tags = tags;
    k->slots_size = size;
    return true;
}

/* The number of some bytes, given now if they are new.  Without memory the engine gives up. */
uint32_t kept_number(Engine *e, Kept *k, const void *bytes, size_t size, bool *fresh) {
    uint32_t tag = (uint32_t)hash_bytes(bytes, size);
    uint32_t at = tag & (k->slots_size - 1);
    while (k->slots[at]) {
        uint32_t number = k->slots[at] - 1;
        if (k->tags[at] == tag && k->at[number + 1] - k->at[number] == size
            && memcmp(k->bytes + k->at[number], bytes, size) == 0) {
            if (fresh != NULL) *fresh = false;
            return number;
        }
        at = (at + 1) & (k->slots_size - 1);
    }
    if (fresh != NULL) *fresh = true;
    uint64_t room = k->room, at_room = k->at_room;
    if (k->used + size > room) {
        uint8_t *more = grown(e, k->bytes, &room, k->used + size, 1);
        if (more == NULL) goto full;
        k->bytes = more;
        k->room = (size_t)room;
    }
    if (k->count + 2ull > at_room) {
        size_t *more = grown(e, k->at, &at_room, k->count + 2ull, sizeof *k->at);
        if (more == NULL || at_room > UINT32_MAX) goto full;
        k->at = more;
        k->at_room = (uint32_t)at_room;
    }
    if (k->count >= UINT32_MAX - 2) goto full;
    if (size) memcpy(k->bytes + k->used, bytes, size);
    k->used += size;
    k->slots[at] = ++k->count;
    k->tags[at] = tag;
    k->at[k->count] = k->used;
    if (k->count > k->slots_size / 4 * 3 && !widen(e, k)) goto full;
    return k->count - 1;
full:
    if (e->stopped == DONE) e->stopped = BY_MEMORY;
    return 0;
}
