/* Threads that are alike are sorted, and their own memory with them: opvasm/explorer/plan/symmetry.py. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* A word of memory that points into some thread's own memory. */
typedef struct Pointer {
    uint32_t at, thread;
    uint64_t offset;
} Pointer;

typedef struct {
    int64_t where, who;
    uint64_t offset;
    bool own;
} Link;

/* What a thread looks like in memory: its bytes without pointers, its pointers, those to it. */
typedef struct Key {
    uint8_t *bytes;
    Link *links, *pointed;
    uint32_t links_count, pointed_count;
} Key;

/* Whether a number points into some thread's own memory; how far from where that of the first begins. */
static inline bool points_into_own(const Engine *e, uint64_t value, uint64_t *distance) {
    *distance = value - e->plan.own_base;
    return *distance < (uint64_t)e->plan.threads_count << e->plan.shift;
}

/* The same distance as the thread whose memory it is, and an offset in there. */
static inline uint32_t owner(const Engine *e, uint64_t distance) { return (uint32_t)(distance >> e->plan.shift); }
static inline uint64_t offset_in(const Engine *e, uint64_t distance) { return distance & (e->plan.page_size - 1); }

/* Whether a register points into own memory. */
static inline bool points(const Engine *e, const Register *where, const uint64_t *local, uint64_t *distance) {
    if (!points_into_own(e, local[where->word], distance)) return false;
    for (uint32_t i = 1; i < where->width; i++)
        if (local[where->word + i]) return false;
    return true;
}

static bool is_running(const Engine *e, uint32_t thread) {
    if (!e->tracks_running) return false;
    for (uint32_t cpu = 0; cpu < e->plan.cpus; cpu++)
        if (e->system.running[cpu] == (int32_t)thread) return true;
    return false;
}

/* A register as it looks when pointers say whose memory they mean only by its rank. */
static number seen_value(const Engine *e, uint32_t thread, uint32_t r, const uint32_t *rank) {
    const Thread *t = &e->plan.threads[thread];
    const uint64_t *local = e->threads[thread];
    uint64_t distance, value = local[t->registers[r].word];
    if (points(e, &t->registers[r], local, &distance)) {
        uint32_t other = owner(e, distance);
        number offset = offset_in(e, distance);
        return -1 - 2 * (offset * e->plan.threads_count + rank[other]) - (other == thread);
    }
    return local[FLAGS + r / 64] >> (r % 64) & 1 ? (number)value : (number)(int64_t)value;
}

static int compare_seen(const Engine *e, uint32_t a, uint32_t b, const uint32_t *rank) {
    const uint64_t *one = e->threads[a], *other = e->threads[b];
    const Thread *t = &e->plan.threads[a];
    int found = order(POINT(one), POINT(other));
    if (!found) found = order(CPU(one), CPU(other));
    if (!found) found = order(GUARD(one), GUARD(other));
    if (!found) found = order(RETURN(one), RETURN(other));
    for (uint32_t r = 0; !found && r < t->registers_count; r++) {
        const Register *where = &t->registers[r];
        uint64_t distance;
        for (uint32_t i = where->width; !found && i-- > 1;)
            found = order(one[where->word + i], other[where->word + i]);
        if (found) break;
        /* Most registers hold the same number in both, which is no pointer. */
        if (one[where->word] == other[where->word] && !((one[FLAGS + r / 64] ^ other[FLAGS + r / 64]) >> (r % 64) & 1)
            && !points_into_own(e, one[where->word], &distance))
            continue;
        found = order(seen_value(e, a, r, rank), seen_value(e, b, r, rank));
    }
    return found;
}

static uint8_t *spelled(uint8_t *to, wide value, uint32_t size) {
    number_to(to, size, value, true);
    return to + size;
}

/* The number of what compare_seen looks at, as bytes in whose order local states are, by the ranks that
 * all begin with.  It needs the numbers of local states, and is worked out once for each. */
static Seen see(Engine *e, uint32_t thread, const uint32_t *rank) {
    Seen *last = &e->shapes_at_hand[thread];
    if (e->seen_last[thread] == e->vector[thread]) return *last; /* most threads take no step */
    e->seen_last[thread] = e->vector[thread];
    Seen *known = seen_known(e, thread, e->vector[thread]);
    if (known->shape) return *known;
    present(e);
    const uint64_t *local = e->threads[thread];
    const Thread *t = &e->plan.threads[thread];
    uint8_t *to = e->shape;
    uint32_t pointed = 0;
    uint64_t distance;
    int32_t head[] = {POINT(local), CPU(local), GUARD(local), RETURN(local)};
    for (int i = 0; i < 4; i++) to = spelled(to, (uint32_t)head[i] ^ 0x80000000u, 4);
    for (uint32_t r = 0; r < t->registers_count; r++) {
        const Register *where = &t->registers[r];
        for (uint32_t i = where->width; i-- > 1;) to = spelled(to, local[where->word + i], 8);
        if (points(e, where, local, &distance)) pointed |= 1u << owner(e, distance);
        wide value = (wide)seen_value(e, thread, r, rank) ^ (wide)1 << 127;
        to = spelled(spelled(to, value >> 64, 8), value, 8);
    }
    known->shape = kept_number(e, &e->shapes, e->shape, (size_t)(to - e->shape), NULL) + 1;
    known->pointed = pointed;
    return *known;
}

static int compare_shapes(const Engine *e, uint32_t a, uint32_t b) {
    uint32_t one = e->shapes_at_hand[a].shape, other = e->shapes_at_hand[b].shape;
    size_t size, other_size;
    if (one == other) return 0;
    const void *first = kept_bytes(&e->shapes, one - 1, &size), *second = kept_bytes(&e->shapes, other - 1, &other_size);
    return memcmp(first, second, size < other_size ? size : other_size);
}

static int compare_links(const Link *a, uint32_t a_count, const Link *b, uint32_t b_count) {
    for (uint32_t i = 0; i < a_count && i < b_count; i++) {
        int found = order(a[i].where, b[i].where);
        if (!found) found = order(a[i].who, b[i].who);
        if (!found) found = order(a[i].own, b[i].own);
        if (!found) found = order(a[i].offset, b[i].offset);
        if (found) return found;
    }
    return order(a_count, b_count);
}

static int compare_keys(const Engine *e, uint32_t a, uint32_t b, const uint32_t *rank, bool memory) {
    int found = 0;
    if (!memorizes(e))
        found = compare_seen(e, a, b, rank);
    else if (!memory)
        found = compare_shapes(e, a, b);
    else if (e->shapes_at_hand[a].pointed || e->shapes_at_hand[b].pointed)
        found = compare_seen(e, a, b, rank); /* ranks are finer now; other than that they are the same */
    if (found) return found;
    if (!memory) return order(is_running(e, a), is_running(e, b));
    const Key *one = &e->keys[a], *other = &e->keys[b];
    found = memcmp(one->bytes, other->bytes, e->plan.threads[a].own_size);
    if (!found) found = compare_links(one->links, one->links_count, other->links, other->links_count);
    if (!found) found = compare_links(one->pointed, one->pointed_count, other->pointed, other->pointed_count);
    return found;
}

/* Finer ranks, and the threads that still share theirs with another (a mask). */
static uint32_t ranked(Engine *e, uint32_t *rank, uint32_t open, bool memory) {
    uint32_t new[MOST_THREADS], still_open = 0;
    memcpy(new, rank, sizeof new);
    for (uint32_t g = 0; g < e->plan.groups_count; g++) {
        const List *group = &e->plan.groups[g];
        uint32_t sorted[MOST_THREADS], count = group->count;
        bool tied[MOST_THREADS]; /* with the one before it */
        for (uint32_t i = 0; i < count; i++) {
            uint32_t thread = (uint32_t)group->items[i], to = i;
            int found = -1;
            for (; to > 0; to--) {
                uint32_t before = sorted[to - 1];
                found = order(rank[before], rank[thread]);
                if (!found && (open >> before & 1)) found = compare_keys(e, before, thread, rank, memory);
                if (found <= 0) break;
                sorted[to] = before;
                tied[to] = tied[to - 1]; /* whoever is next is greater than this one, and so than all before */
            }
            sorted[to] = thread;
            tied[to] = to > 0 && found == 0;
        }
        uint32_t place = (uint32_t)group->items[0], first = 0;
        for (uint32_t i = 0; i <= count; i++) {
            if (i == count || (i && !tied[i])) {
                if (i - first > 1)
                    for (uint32_t each = first; each < i; each++) still_open |= 1u << sorted[each];
                if (i == count) break;
                place = (uint32_t)group->items[i];
                first = i;
            }
            new[sorted[i]] = place;
        }
    }
    memcpy(rank, new, sizeof new);
    return still_open;
}

static uint32_t find_pointers(Engine *e) {
    uint32_t count = 0, word = e->plan.word;
    for (uint32_t at = 0; at + word <= e->plan.memory_size; at += word) {
        uint64_t distance;
        if (!points_into_own(e, word_at(e->memory + at, word, e->plan.big_endian), &distance)) continue;
        e->pointers[count++] = (Pointer){at, owner(e, distance), offset_in(e, distance)};
    }
    return count;
}

static void add_in_order(Link *links, uint32_t *count, Link link) {
    uint32_t at = (*count)++;
    for (; at > 0 && compare_links(&links[at - 1], 1, &link, 1) > 0; at--) links[at] = links[at - 1];
    links[at] = link;
}

/* What a thread looks like in memory, by the ranks of all. */
static void make_key(Engine *e, uint32_t thread, uint32_t count, const uint32_t *rank) {
    const Thread *t = &e->plan.threads[thread];
    Key *key = &e->keys[thread];
    key->links_count = key->pointed_count = 0;
    if (t->own_size) memcpy(key->bytes, e->memory + t->own_start, t->own_size);
    for (uint32_t i = 0; i < count; i++) {
        const Pointer *p = &e->pointers[i];
        int64_t inside = (int64_t)p->at - t->own_start;
        if (inside >= 0 && inside < t->own_size) {
            uint32_t size = t->own_size - (uint32_t)inside < e->plan.word ? t->own_size - (uint32_t)inside : e->plan.word;
            memset(key->bytes + inside, 0, size);
            key->links[key->links_count++] = (Link){inside, rank[p->thread], p->offset, p->thread == thread};
        }
        if (p->thread != thread) continue;
        uint32_t other = e->owners[p->at];
        if (other == thread) continue;
        bool owned = other < MOST_THREADS;
        int64_t where = owned ? (int64_t)p->at - e->plan.threads[other].own_start : p->at;
        add_in_order(key->pointed, &key->pointed_count, (Link){where, owned ? (int64_t)rank[other] : -1, p->offset, false});
    }
}

/* Sort by what a thread is; where that is a tie, by how memory and threads refer to it.  Gives the
 * number of the pointers in memory where it had to look for them, else UINT32_MAX.
 */
static uint32_t order_with_memory(Engine *e, uint32_t *order_) {
    uint32_t rank[MOST_THREADS] = {0}, before[MOST_THREADS], open = 0, count = UINT32_MAX;
    for (uint32_t g = 0; g < e->plan.groups_count; g++)
        for (uint32_t i = 0; i < e->plan.groups[g].count; i++) {
            rank[e->plan.groups[g].items[i]] = (uint32_t)e->plan.groups[g].items[0];
            open |= 1u << e->plan.groups[g].items[i];
        }
    if (memorizes(e))
        for (uint32_t i = 0; i < e->plan.threads_count; i++) e->shapes_at_hand[i] = see(e, i, rank);
    open = ranked(e, rank, open, false);
    bool tied = open != 0;
    if (tied && memorizes(e) && order_known(e, rank, open, order_)) return count;
    if (tied) {
        present(e);
        count = find_pointers(e);
        for (int round = 0; round < ROUNDS; round++) {
            for (uint32_t i = 0; i < e->plan.threads_count; i++)
                if (open >> i & 1) make_key(e, i, count, rank);
            memcpy(before, rank, sizeof before);
            open = ranked(e, rank, open, true);
            if (!open || memcmp(before, rank, sizeof before) == 0) break;
        }
    }
    for (uint32_t g = 0; g < e->plan.groups_count; g++) {
        const List *group = &e->plan.groups[g];
        uint32_t sorted[MOST_THREADS];
        for (uint32_t i = 0; i < group->count; i++) {
            uint32_t thread = (uint32_t)group->items[i], to = i;
            for (; to > 0 && (rank[sorted[to - 1]] > rank[thread]
                              || (rank[sorted[to - 1]] == rank[thread] && sorted[to - 1] > thread)); to--)
                sorted[to] = sorted[to - 1];
            sorted[to] = thread;
        }
        for (uint32_t i = 0; i < group->count; i++) order_[group->items[i]] = sorted[i];
    }
    if (tied && memorizes(e)) note_order(e, order_);
    return count;
}

static void order_plain(Engine *e, uint32_t *order_) {
    for (uint32_t g = 0; g < e->plan.groups_count; g++) {
        const List *group = &e->plan.groups[g];
        uint32_t sorted[MOST_THREADS];
        for (uint32_t i = 0; i < group->count; i++) {
            uint32_t thread = (uint32_t)group->items[i], to = i;
            for (; to > 0; to--) {
                uint32_t other = sorted[to - 1];
                int found = compare_locals(&e->plan.threads[thread], e->threads[other], e->threads[thread]);
                if (!found) found = order(is_running(e, other), is_running(e, thread));
                if (found <= 0) break;
                sorted[to] = other;
            }
            sorted[to] = thread;
        }
        for (uint32_t i = 0; i < group->count; i++) order_[group->items[i]] = sorted[i];
    }
}

/* Pointers in memory and in registers mean the threads' new places; own memory moves along. */
static void rename_memory(Engine *e, const uint32_t *order_, const uint32_t *new, uint32_t count) {
    uint8_t word[8];
    for (uint32_t i = 0; i < count; i++) {
        const Pointer *p = &e->pointers[i];
        if (new[p->thread] == p->thread) continue;
        number_to(word, e->plan.word, e->plan.own_base + new[p->thread] * e->plan.page_size + p->offset, e->plan.big_endian);
        set_memory(e, p->at, word, e->plan.word, false);
    }
    memcpy(e->renamed, e->memory, e->plan.memory_size);
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        const Thread *to = &e->plan.threads[i], *source = &e->plan.threads[order_[i]];
        if (order_[i] != i && to->own_size) set_memory(e, to->own_start, e->renamed + source->own_start, to->own_size, false);
    }
}

static void rename_registers(Engine *e, uint32_t i, const uint32_t *new) {
    const Thread *t = &e->plan.threads[i];
    uint64_t *to = e->renamed_local + (size_t)i * e->most_words, distance;
    bool renamed = false;
    for (uint32_t r = 0; r < t->registers_count; r++) {
        if (!points(e, &t->registers[r], e->threads[i], &distance)) continue;
        if (!renamed) memcpy(to, e->threads[i], t->words * sizeof *to);
        renamed = true;
        uint32_t thread = owner(e, distance);
        if (!PLANT(26)) thread = new[thread];
        to[t->registers[r].word] = e->plan.own_base + thread * e->plan.page_size + offset_in(e, distance);
    }
    if (renamed) e->threads[i] = to;
}

/* The numbers of the threads' local states after they have changed places.  Of most renamed local states
 * the number is known; the others are renamed where `take` says so (and all, where somebody looks at
 * their words), else it is false.  */
static bool rename_numbers(Engine *e, const uint32_t *order_, const uint32_t *new, bool take) {
    uint32_t count = e->plan.threads_count, found[MOST_THREADS], moving = 0;
    for (uint32_t i = 0; i < count; i++) moving |= (uint32_t)(new[i] != i) << i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t pointed = e->shapes_at_hand[order_[i]].pointed, number_before = e->vector[order_[i]];
        uint64_t names = 0;
        found[i] = number_before;
        if (!(pointed & moving)) continue;
        for (; pointed; pointed &= pointed - 1) names |= (uint64_t)new[__builtin_ctz(pointed)] << 4 * __builtin_ctz(pointed);
        found[i] = renamed_known(e, i, number_before, names, UINT32_MAX);
        if (found[i] == UINT32_MAX && !take) return false;
        if (found[i] == UINT32_MAX || e->has_always || e->has_quiescent) {
            rename_registers(e, i, new);
            found[i] = renamed_known(e, i, number_before, names, local_number(e, i));
        }
    }
    memcpy(e->vector, found, count * sizeof *found);
    return true;
}

/* Rename e->vector by what is known of its numbers alone; false: not all is. */
static bool rename_vector(Engine *e, const uint32_t *order_, const uint32_t *new) {
    const uint32_t *pieces = e->orders == NULL ? NULL : memory_known(e, order_);
    if (e->has_always || e->has_quiescent || (e->orders != NULL && pieces == NULL)) return false;
    if (!rename_numbers(e, order_, new, false)) return false;
    if (pieces != NULL) memcpy(e->vector + e->plan.threads_count, pieces, e->chunks_count * sizeof *pieces);
    return true;
}

/* The state at hand becomes the one that stands for it, and so does e->vector where steps are looked up;
 * then that may be all that is renamed. */
void canonical(Engine *e) {
    uint32_t order_[MOST_THREADS], new[MOST_THREADS], count = e->plan.threads_count;
    const uint64_t *threads[MOST_THREADS];
    bool same = true;
    uint32_t pointers = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) order_[i] = i;
    if (!e->has_own) present(e);
    if (e->has_own)
        pointers = order_with_memory(e, order_);
    else
        order_plain(e, order_);
    for (uint32_t i = 0; i < count; i++) same = same && order_[i] == i;
    if (same) return;
    for (uint32_t i = 0; i < count; i++) new[order_[i]] = i;
    if (memorizes(e) && rename_vector(e, order_, new)) return;
    present(e);
    uint32_t undo = e->undo_count;
    if (e->has_own) rename_memory(e, order_, new, pointers == UINT32_MAX ? find_pointers(e) : pointers);
    for (uint32_t i = 0; i < count; i++) threads[i] = e->threads[order_[i]];
    memcpy(e->threads, threads, count * sizeof *threads);
    if (memorizes(e)) {
        rename_numbers(e, order_, new, true);
        number_pieces(e, undo);
        if (e->orders != NULL) note_memory(e);
    } else if (e->has_own) {
        for (uint32_t i = 0; i < count; i++) rename_registers(e, i, new);
    }
    for (uint32_t cpu = 0; e->tracks_running && cpu < e->plan.cpus; cpu++)
        if (e->system.running[cpu] >= 0) e->system.running[cpu] = (int32_t)new[e->system.running[cpu]];
}

bool symmetry_begin(Engine *e) {
    uint32_t words = e->plan.memory_size / e->plan.word + 1;
    for (uint32_t i = 0; i < e->plan.threads_count; i++) e->has_own = e->has_own || e->plan.threads[i].own_size;
    e->pointers = malloc(words * sizeof *e->pointers);
    e->keys = calloc(MOST_THREADS, sizeof *e->keys);
    e->renamed = malloc(e->plan.memory_size + 1);
    e->renamed_local = malloc(((size_t)MOST_THREADS * e->most_words + 1) * sizeof *e->renamed_local);
    e->owners = malloc(e->plan.memory_size + 1);
    e->shape = malloc(16 + (size_t)e->most_words * 16);
    if (!e->pointers || !e->keys || !e->renamed || !e->renamed_local || !e->owners || !e->shape || !kept_begin(&e->shapes))
        return false;
    memset(e->owners, MOST_THREADS, e->plan.memory_size + 1);
    for (uint32_t i = 0; i < e->plan.threads_count; i++)
        memset(e->owners + e->plan.threads[i].own_start, (int)i, e->plan.threads[i].own_size);
    for (uint32_t i = 0; e->has_own && i < e->plan.threads_count; i++) {
        e->keys[i].bytes = malloc(e->plan.threads[i].own_size + 1);
        e->keys[i].links = malloc(words * sizeof(Link));
        e->keys[i].pointed = malloc(words * sizeof(Link));
        if (!e->keys[i].bytes || !e->keys[i].links || !e->keys[i].pointed) return false;
    }
    return true;
}

void symmetry_end(Engine *e) {
    for (uint32_t i = 0; e->keys != NULL && i < MOST_THREADS; i++) {
        free(e->keys[i].bytes);
        free(e->keys[i].links);
        free(e->keys[i].pointed);
    }
    free(e->keys);
    free(e->pointers);
    free(e->owners);
    free(e->shape);
    kept_end(&e->shapes);
    free(e->renamed);
    free(e->renamed_local);
}
