/* Values that are kept once and named by a number: local states, pieces of memory, systems. */
#include "engine.h"
#include "lock.h"

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
    if (k->slots_size > UINT32_MAX / 2) return false;
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

/* Make place for more, as long as only one thread looks here: a quarter of what there is, and `least`. */
bool kept_spare(Engine *e, Kept *k, uint32_t least) {
    uint64_t more = least + k->count / 4, size = k->used / (k->count + 1) + 16, room = k->room, at_room = k->at_room;
    if (k->count + more >= UINT32_MAX / 2) return false;
    if (k->used + more * size > room) {
        uint8_t *bytes = grown(e, k->bytes, &room, k->used + more * size, 1);
        if (bytes == NULL) return false;
        k->bytes = bytes;
        k->room = (size_t)room;
    }
    if (k->count + more + 2 > at_room) {
        size_t *at = grown(e, k->at, &at_room, k->count + more + 2, sizeof *k->at);
        if (at == NULL) return false;
        k->at = at;
        k->at_room = (uint32_t)at_room;
    }
    while (k->count + more > k->slots_size / 4 * 3)
        if (!widen(e, k)) return false;
    return true;
}

/* Whether there is place for one more without anything being moved. */
static bool has_place(const Kept *k, size_t size) {
    return k->used + size <= k->room && k->count + 2ull <= k->at_room && k->count + 1 <= k->slots_size / 4 * 3;
}

/* One more, which is not there yet, in an empty slot; false: there is no memory. */
static bool add(Engine *e, Kept *k, uint32_t at, uint32_t tag, const void *bytes, size_t size) {
    uint64_t room = k->room, at_room = k->at_room;
    if (k->used + size > room) {
        uint8_t *more = grown(e, k->bytes, &room, k->used + size, 1);
        if (more == NULL) return false;
        k->bytes = more;
        k->room = (size_t)room;
    }
    if (k->count + 2ull > at_room) {
        size_t *more = grown(e, k->at, &at_room, k->count + 2ull, sizeof *k->at);
        if (more == NULL || at_room > UINT32_MAX) return false;
        k->at = more;
        k->at_room = (uint32_t)at_room;
    }
    if (k->count >= UINT32_MAX - 2) return false;
    if (size) memcpy(k->bytes + k->used, bytes, size);
    k->used += size;
    k->at[++k->count] = k->used;
    k->tags[at] = tag;
    __atomic_store_n(&k->slots[at], k->count, __ATOMIC_RELEASE); /* others may look: all else stands by now */
    return k->count <= k->slots_size / 4 * 3 || widen(e, k);
}

/* The number of some bytes, given now if they are new.  Without memory the engine gives up.
 *
 * In a crowd who looks takes no lock, since nothing moves and a slot is filled last; who finds nothing
 * takes it, and looks on: somebody else may have added the same meanwhile. */
uint32_t kept_number(Engine *e, Kept *k, const void *bytes, size_t size, bool *fresh) {
    uint32_t tag = (uint32_t)hash_bytes(bytes, size), at = tag & (k->slots_size - 1), slot;
    Lock *held = NULL;
    for (;;) {
        slot = __atomic_load_n(&k->slots[at], __ATOMIC_ACQUIRE);
        if (slot == 0) {
            if (k->crowd == held) break;
            held = k->crowd;
            STUMBLE(40);
            take_hold(held);
            if (PLANT(40)) break;
            continue;
        }
        if (k->tags[at] == tag && k->at[slot] - k->at[slot - 1] == size
            && memcmp(k->bytes + k->at[slot - 1], bytes, size) == 0)
            break;
        at = (at + 1) & (k->slots_size - 1);
    }
    if (fresh != NULL) *fresh = slot == 0;
    uint32_t found = slot == 0 ? k->count : slot - 1;
    int trouble = DONE;
    if (slot == 0 && held != NULL && !has_place(k, size))
        trouble = ALONE;
    else if (slot == 0 && !add(e, k, at, tag, bytes, size))
        trouble = BY_MEMORY;
    if (held != NULL) let_go(held);
    if (trouble == DONE) return found;
    if (e->stopped == DONE) e->stopped = trouble;
    return 0;
}
