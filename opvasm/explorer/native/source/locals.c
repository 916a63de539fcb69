/* Local states of threads: a point, a CPU, a guard, registers of 64 bits and more. */
#include "engine.h"

#include <string.h>

/* Numbers of a register lie from -2^63 up to 2^64 - 1: a bit says that one is 2^63 or more. */
static inline bool is_large(const uint64_t *local, int32_t r) {
    return local[FLAGS + r / 64] >> (r % 64) & 1;
}

static inline void set_large(uint64_t *local, int32_t r, bool large) {
    uint64_t bit = 1ull << (r % 64);
    if (large)
        local[FLAGS + r / 64] |= bit;
    else
        local[FLAGS + r / 64] &= ~bit;
}

number register_value(Engine *e, const Thread *t, const uint64_t *local, int32_t r) {
    const Register *where = &t->registers[r];
    uint64_t word = local[where->word];
    if (where->width > 1) {
        bool more = local[where->word + 1] >> 63;
        for (uint32_t i = 2; i < where->width; i++) more = more || local[where->word + i];
        if (more) e->bail = "a register holds 127 bits or more";
        if (local[where->word + 1]) return (number)((wide)local[where->word + 1] << 64 | word);
    }
    return is_large(local, r) ? (number)word : (number)(int64_t)word;
}

void set_register(Engine *e, const Thread *t, uint64_t *local, int32_t r, number value) {
    const Register *where = &t->registers[r];
    for (uint32_t i = 1; i < where->width; i++) local[where->word + i] = 0;
    if (where->width > 1 && value > (number)UINT64_MAX) {
        local[where->word + 1] = (uint64_t)(value >> 64);
        value = (number)(uint64_t)value;
    }
    if (value < (number)INT64_MIN || value > (number)UINT64_MAX) {
        e->bail = "a register takes a number of more than 64 bits";
        value = 0;
    }
    local[where->word] = (uint64_t)value;
    set_large(local, r, value > (number)INT64_MAX);
}

void clear_register(const Thread *t, uint64_t *local, int32_t r) {
    const Register *where = &t->registers[r];
    set_large(local, r, false);
    memset(local + where->word, 0, where->width * sizeof *local);
}


/* The order of two local states of one thread, or of two that are alike, as tuples have it. */
int compare_locals(const Thread *t, const uint64_t *a, const uint64_t *b) {
    if (a == b) return 0;
    int found = order(POINT(a), POINT(b));
    if (!found) found = order(CPU(a), CPU(b));
    if (!found) found = order(GUARD(a), GUARD(b));
    if (!found) found = order(RETURN(a), RETURN(b));
    for (uint32_t r = 0; !found && r < t->registers_count; r++) {
        const Register *where = &t->registers[r];
        for (uint32_t i = where->width; !found && i-- > 1;)
            found = order(a[where->word + i], b[where->word + i]);
        if (found) break;
        uint64_t one = a[where->word], other = b[where->word];
        found = order(is_large(a, r) ? (number)one : (number)(int64_t)one,
                      is_large(b, r) ? (number)other : (number)(int64_t)other);
    }
    return found;
}
