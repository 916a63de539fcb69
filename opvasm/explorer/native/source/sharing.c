/* Who touches which byte, as opvasm/explorer/search/sharing.py has it. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

bool touches(const Engine *e, uint32_t reads, uint32_t writes, int class_) {
    for (uint32_t i = reads; i < e->reads_count; i++)
        if (memchr(e->frozen + e->reads[i].start, class_, e->reads[i].end - e->reads[i].start)) return true;
    for (uint32_t i = writes; i < e->writes_count; i++)
        if (memchr(e->frozen + e->writes[i].start, class_, e->writes[i].end - e->writes[i].start)) return true;
    return false;
}

static uint8_t class_of(uint32_t threads, uint8_t cpus, bool written) {
    return !written                        ? CONSTANT
           : (threads & (threads - 1)) == 0 ? PRIVATE
           : (cpus & (cpus - 1)) == 0       ? ONE_CPU
                                            : SHARED;
}

static bool touch(Engine *e, Range range, uint32_t thread, uint8_t cpu, bool wrote) {
    bool grew = false;
    for (uint32_t i = range.start; i < range.end; i++) {
        uint32_t threads = e->sharing_threads[i] | thread;
        uint8_t cpus = e->sharing_cpus[i] | cpu, written = e->sharing_written[i] | wrote;
        if (threads == e->sharing_threads[i] && cpus == e->sharing_cpus[i] && written == e->sharing_written[i])
            continue;
        e->sharing_threads[i] = threads;
        e->sharing_cpus[i] = cpus;
        e->sharing_written[i] = written;
        e->sharing_news = true;
        uint8_t sharing = class_of(threads, cpus, written);
        if (sharing > e->classes[i]) {
            e->classes[i] = sharing;
            grew = true;
        }
    }
    return grew;
}

/* Take down the accesses of the step under way; true when a byte is shared more than was known. */
bool sharing_note(Engine *e, uint32_t key, int32_t cpu) {
    const Thread *t = &e->plan.threads[key % e->plan.threads_count];
    bool grew = false;
    for (int wrote = 0; wrote < 2; wrote++) {
        const Range *ranges = wrote ? e->writes : e->reads;
        uint32_t count = wrote ? e->writes_count : e->reads_count;
        for (uint32_t i = 0; i < count; i++) {
            bool own = t->own_start <= ranges[i].start && ranges[i].end <= t->own_start + t->own_size;
            uint32_t who = own ? 1u << key : e->alike[key];
            grew |= touch(e, ranges[i], who, (uint8_t)(1u << cpu), wrote && !PLANT(25));
        }
    }
    return grew;
}

size_t sharing_size(const Engine *e) { return (size_t)e->plan.memory_size * 7; }

/* Everything that is known of who touches what; nothing of it is news now. */
void sharing_save(Engine *e, uint8_t *to) {
    size_t size = e->plan.memory_size;
    memcpy(to, e->sharing_threads, size * 4);
    memcpy(to + size * 4, e->sharing_cpus, size);
    memcpy(to + size * 5, e->sharing_written, size);
    memcpy(to + size * 6, e->classes, size);
    e->sharing_news = false;
}

void sharing_load(Engine *e, const uint8_t *from) {
    size_t size = e->plan.memory_size;
    memcpy(e->sharing_threads, from, size * 4);
    memcpy(e->sharing_cpus, from + size * 4, size);
    memcpy(e->sharing_written, from + size * 5, size);
    memcpy(e->classes, from + size * 6, size);
    e->sharing_news = false;
}

/* What another thread of the search has seen was seen. */
void sharing_join(Engine *e, const Engine *other) {
    for (uint32_t i = 0; i < e->plan.memory_size; i++) {
        e->sharing_threads[i] |= other->sharing_threads[i];
        e->sharing_cpus[i] |= other->sharing_cpus[i];
        e->sharing_written[i] |= other->sharing_written[i];
        uint8_t sharing = class_of(e->sharing_threads[i], e->sharing_cpus[i], e->sharing_written[i]);
        if (sharing > e->classes[i]) e->classes[i] = sharing;
    }
    e->sharing_news = true;
}

/* Whether the threads of a CPU and all others can't meet in what they do next. */
bool apart(Engine *e, int32_t cpu) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        const uint64_t *local = e->before[i];
        const Thread *t = &e->plan.threads[i];
        const Node *node = node_of(e, i, local);
        if (node->kind == END) continue;
        if (CPU(local) != cpu) {
            if (t->reach >> cpu & 1 && !PLANT(32)) return false;
            continue;
        }
        number chosen = node->cpu_register < 0 ? 0 : register_value(e, t, local, node->cpu_register);
        bool there = chosen >= 0 && chosen < e->plan.cpus;
        uint32_t lock = e->plan.lock_start + 2 * (there ? (uint32_t)chosen : 0);
        switch (node->kind) {
        case ENTER:
        case FENCE:
        case FENCE_VECTOR:
            if (chosen != cpu) return false;
            break;
        case LOCK:
            if (!there || e->frozen[lock] == SHARED) return false;
            break;
        case WAIT:
            if (!there || e->frozen[lock + 1] == SHARED) return false;
            break;
        default: break;
        }
    }
    return true;
}

/* Threads that are alike have the same classes for their own memory. */
void sharing_freeze(Engine *e) {
    for (uint32_t g = 0; g < e->plan.groups_count; g++) {
        const List *group = &e->plan.groups[g];
        uint32_t size = group->count ? e->plan.threads[group->items[0]].own_size : 0;
        for (uint32_t offset = 0; offset < size; offset++) {
            uint8_t worst = 0;
            for (uint32_t i = 0; i < group->count; i++) {
                uint8_t class_ = e->classes[e->plan.threads[group->items[i]].own_start + offset];
                if (class_ > worst) worst = class_;
            }
            for (uint32_t i = 0; i < group->count; i++)
                e->classes[e->plan.threads[group->items[i]].own_start + offset] = worst;
        }
    }
}

bool sharing_begin(Engine *e) {
    uint32_t size = e->plan.memory_size, count = e->plan.threads_count;
    e->sharing_threads = calloc(size + 1, sizeof *e->sharing_threads);
    e->sharing_cpus = calloc(size + 1, 1);
    e->sharing_written = calloc(size + 1, 1);
    e->classes = calloc(size + 1, 1);
    e->frozen = calloc(size + 1, 1);
    if (!e->sharing_threads || !e->sharing_cpus || !e->sharing_written || !e->classes || !e->frozen) return false;
    for (uint32_t key = 0; key < 2 * count; key++) e->alike[key] = 1u << key;
    for (uint32_t g = 0; e->options.symmetry && g < e->plan.groups_count; g++) {
        uint32_t mates = 0;
        for (uint32_t i = 0; i < e->plan.groups[g].count; i++) mates |= 1u << e->plan.groups[g].items[i];
        for (uint32_t i = 0; i < e->plan.groups[g].count; i++) {
            uint32_t thread = (uint32_t)e->plan.groups[g].items[i];
            e->alike[thread] = mates;
            e->alike[thread + count] = mates << count;
        }
    }
    return true;
}
