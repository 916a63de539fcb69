/* What a step does to memory: accesses, noted as ranges, and a log that takes everything back. */
#include "engine.h"

#include <string.h>

/* The region that holds a whole range; NULL where there is none. */
const Region *locate(const Engine *e, number address, uint64_t length) {
    const Plan *p = &e->plan;
    if (address < 0 || address > (number)UINT64_MAX) return NULL;
    uint64_t page = (uint64_t)address >> p->shift;
    uint32_t low = 0, high = p->pages_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (p->pages[middle].page < page)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == p->pages_count || p->pages[low].page != page) return NULL;
    const Region *region = &p->regions[p->pages[low].region];
    if (address < (number)region->base) return NULL;
    if (address + length > (number)region->base + region->size + (PLANT(3) ? 1 : 0)) return NULL;
    return region;
}

static void note_range(Engine *e, Range **ranges, uint32_t *count, uint32_t *room, uint32_t start,
                 uint32_t end) {
    if (*count == *room) {
        uint64_t more = *room;
        Range *new = grown(e, *ranges, &more, (uint64_t)*count + 1, sizeof **ranges);
        if (new == NULL || more > MOST_ACCESSES) {
            e->bail = "a step has too many accesses";
            if (new != NULL) *ranges = new;
            return;
        }
        *ranges = new;
        *room = (uint32_t)more;
    }
    (*ranges)[(*count)++] = (Range){start, end};
}

/* The pieces of memory that a range lies in, as a mask. */
static uint32_t pieces_of(const Engine *e, uint32_t start, uint32_t end) {
    if (start == end) return 0;
    uint32_t first = start >> e->chunk_shift, last = (end - 1) >> e->chunk_shift;
    return (uint32_t)(2ull << last) - (1u << first);
}

void note_read(Engine *e, uint32_t start, uint32_t end) {
    e->touched |= pieces_of(e, start, end);
    note_range(e, &e->reads, &e->reads_count, &e->reads_room, start, end);
}

/* Set bytes of the state; `access`: the stepping thread does it, so that it counts as a write. */
void set_memory(Engine *e, uint32_t start, const uint8_t *data, uint32_t size, bool access) {
    if (access) note_range(e, &e->writes, &e->writes_count, &e->writes_room, start, start + size);
    if (size == 0) return;
    e->touched |= pieces_of(e, start, start + size);
    uint64_t room = e->undo_room, bytes_room = e->undo_bytes_room;
    if (e->undo_count == room) {
        Undo *more = grown(e, e->undo, &room, room + 1, sizeof *more);
        if (more == NULL) {
            e->bail = "a step has too many stores";
            return;
        }
        e->undo = more;
        e->undo_room = (uint32_t)room;
    }
    if (e->undo_used + size > bytes_room) {
        uint8_t *more = grown(e, e->undo_bytes, &bytes_room, e->undo_used + size, 1);
        if (more == NULL) {
            e->bail = "a step has too many stores";
            return;
        }
        e->undo_bytes = more;
        e->undo_bytes_room = (size_t)bytes_room;
    }
    e->undo[e->undo_count++] = (Undo){start, size, e->undo_used};
    memcpy(e->undo_bytes + e->undo_used, e->memory + start, size);
    e->undo_used += size;
    memcpy(e->memory + start, data, size);
}

/* As if nothing had happened since there were so many reads, writes and changes. */
void take_back(Engine *e, uint32_t reads, uint32_t writes, uint32_t undo) {
    while (e->undo_count > undo) {
        const Undo *last = &e->undo[--e->undo_count];
        memcpy(e->memory + last->start, e->undo_bytes + last->old, last->size);
        e->undo_used = last->old;
    }
    e->reads_count = reads;
    e->writes_count = writes;
}

wide number_at(const uint8_t *data, uint32_t size, bool big_endian) {
    if (size == 8 || size == 4) return word_at(data, size, big_endian);
    wide found = 0;
    for (uint32_t i = 0; i < size; i++)
        found |= (wide)data[big_endian ? size - 1 - i : i] << (8 * i);
    return found;
}

void number_to(uint8_t *data, uint32_t size, wide value, bool big_endian) {
    if (size == 8) {
        uint64_t word = (uint64_t)value;
        if (big_endian != BIG_ENDIAN_HOST) word = __builtin_bswap64(word);
        memcpy(data, &word, sizeof word);
        return;
    }
    for (uint32_t i = 0; i < size; i++)
        data[big_endian ? size - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

/* The bytes of a range; false: a fault.  `bound` gives the slots, `pool_cpu` says whose literals. */
bool load_bytes(Engine *e, number address, uint32_t length, const Bound *bound, uint32_t pool_cpu,
                uint8_t *to) {
    const Region *region = locate(e, address, length);
    if (region == NULL) return false;
    uint64_t start = region->start + (uint64_t)(address - (number)region->base);
    const uint8_t *from = e->memory;
    uint64_t size = e->plan.memory_size;
    if (region->store != MAIN) {
        if (bound == NULL || (region->store == POOL && pool_cpu >= e->plan.cpus)) return false;
        from = region->store == SLOTS ? bound->slots : e->plan.pools + (size_t)pool_cpu * e->plan.pool_size;
        size = region->store == SLOTS ? bound->slots_size : e->plan.pool_size;
        if (start + length > size) return false;
    } else {
        if (start + length > size) return false; /* can't be: regions were checked */
        note_read(e, (uint32_t)start, (uint32_t)start + length);
    }
    memcpy(to, from + start, length);
    return true;
}

bool store_bytes(Engine *e, number address, const uint8_t *data, uint32_t length) {
    const Region *region = locate(e, address, length);
    if (region == NULL || region->store != MAIN) return false;
    if (!region->writable && !PLANT(4)) return false;
    uint64_t start = region->start + (uint64_t)(address - (number)region->base);
    if (start + length > e->plan.memory_size) return false;
    set_memory(e, (uint32_t)start, data, length, true);
    return true;
}

bool load_number(Engine *e, number address, uint32_t size, wide *found) {
    uint8_t data[16];
    if (!load_bytes(e, address, size, NULL, 0, data)) return false;
    *found = number_at(data, size, e->plan.big_endian);
    return true;
}

bool store_number(Engine *e, number address, uint32_t size, wide value) {
    uint8_t data[16];
    number_to(data, size, value, e->plan.big_endian);
    return store_bytes(e, address, data, size);
}
