/* Random schedules, to see who touches what: `probe` of opvasm/explorer/search/sharing.py.
 *
 * The numbers are those of Python's random.Random(1), so that both engines guess the same.
 */
#include "engine.h"

#include <string.h>

#define WALKS 4
#define LENGTH 400
#define MOST_IDLE 20
#define MOST_KNOWN 100
#define SEED 1

/* The Mersenne twister (Matsumoto and Nishimura, MT19937), seeded as Python does with a small number. */
#define WORDS 624
#define MIDDLE 397
typedef struct {
    uint32_t words[WORDS];
    uint32_t next;
} Twister;

static void seed(Twister *t, uint32_t number_given) {
    uint32_t *w = t->words, i = 1;
    w[0] = 19650218u;
    for (uint32_t j = 1; j < WORDS; j++) w[j] = 1812433253u * (w[j - 1] ^ (w[j - 1] >> 30)) + j;
    for (uint32_t k = 0; k < WORDS; k++) {
        w[i] = (w[i] ^ ((w[i - 1] ^ (w[i - 1] >> 30)) * 1664525u)) + number_given;
        if (++i == WORDS) {
            w[0] = w[WORDS - 1];
            i = 1;
        }
    }
    for (uint32_t k = 1; k < WORDS; k++) {
        w[i] = (w[i] ^ ((w[i - 1] ^ (w[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i == WORDS) {
            w[0] = w[WORDS - 1];
            i = 1;
        }
    }
    w[0] = 0x80000000u;
    t->next = WORDS;
}

static uint32_t draw(Twister *t) {
    if (t->next == WORDS) {
        for (uint32_t i = 0; i < WORDS; i++) {
            uint32_t bits = (t->words[i] & 0x80000000u) | (t->words[(i + 1) % WORDS] & 0x7fffffffu);
            t->words[i] = t->words[(i + MIDDLE) % WORDS] ^ (bits >> 1) ^ (bits & 1 ? 0x9908b0dfu : 0);
        }
        t->next = 0;
    }
    uint32_t word = t->words[t->next++];
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c5680u;
    word ^= (word << 15) & 0xefc60000u;
    return word ^ (word >> 18);
}

static double uniform(Twister *t) {
    uint32_t high = draw(t) >> 5, low = draw(t) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

static uint32_t below(Twister *t, uint32_t count) {
    int bits = 32 - __builtin_clz(count);
    uint32_t found = draw(t) >> (32 - bits);
    while (found >= count) found = draw(t) >> (32 - bits);
    return found;
}

/* Whether the step under way has changed nothing. */
static bool is_idle(const Engine *e) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++)
        if (memcmp(e->threads[i], e->before[i], e->plan.threads[i].words * 8u) != 0) return false;
    if (memcmp(&e->system, &e->system_before, sizeof e->system) != 0) return false;
    for (uint32_t i = 0; i < e->undo_count; i++) {
        /* A byte may have been changed twice: its first value is the one that counts. */
        const Undo *each = &e->undo[i];
        for (uint32_t byte = 0; byte < each->size; byte++) {
            bool first = true;
            for (uint32_t j = 0; first && j < i; j++)
                first = each->start + byte < e->undo[j].start || each->start + byte >= e->undo[j].start + e->undo[j].size;
            if (first && e->undo_bytes[each->old + byte] != e->memory[each->start + byte]) return false;
        }
    }
    return true;
}

/* The state after the step becomes the one that the next step is taken from. */
static void advance(Engine *e) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        uint64_t *to = e->before_words + (size_t)i * e->most_words;
        if (e->threads[i] != to) memcpy(to, e->threads[i], e->plan.threads[i].words * 8u);
        e->before[i] = e->threads[i] = to;
    }
    e->system_before = e->system;
    e->undo_count = 0;
    e->undo_used = 0;
    e->reads_count = e->writes_count = 0;
}

static void walk(Engine *e, Twister *t) {
    Decision found[MOST_DISTURBANCES];
    uint32_t idle = 0, known = 0;
    initial_state(e);
    advance(e);
    for (int step = 0; step < LENGTH && e->bail == NULL && e->stopped == DONE; step++) {
        uint32_t ready[MOST_THREADS], ready_count = 0, count = 0;
        if (past(e)) return;
        for (uint32_t i = 0; i < e->plan.threads_count; i++)
            if (is_enabled(e, i)) ready[ready_count++] = i;
        if (!ready_count || has_failed(e, e->before)) return;
        if (uniform(t) < 0.2) count = disturbances(e, found);
        if (count) {
            disturb(e, found[below(t, count)]);
            advance(e);
            continue;
        }
        uint32_t thread = ready[below(t, ready_count)];
        bool handler = node_of(e, thread, e->before[thread])->handler, grew = false;
        take_step(e, thread);
        idle += is_idle(e);
        if (idle > MOST_IDLE) return; /* threads that go round without doing anything */
        for (int key = 0; key <= handler; key++)
            grew |= sharing_note(e, thread + (uint32_t)key * e->plan.threads_count, CPU(e->threads[thread]));
        known = grew ? 0 : known + 1;
        if (known > MOST_KNOWN) return; /* the search itself sees what comes so late */
        advance(e);
    }
}

void probe(Engine *e) {
    Twister twister;
    seed(&twister, SEED);
    memset(e->frozen, SHARED, e->plan.memory_size);
    for (int i = 0; i < WALKS; i++) walk(e, &twister);
    e->undo_count = 0;
    e->undo_used = 0;
}
