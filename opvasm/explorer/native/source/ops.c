/* The ops of vectors, as opvasm/interpreter/semantics.py has them, and the call that starts one. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* The vector of a site for what its registers hold; Python binds it once.  NULL: an exception. */
static const Bound *bound_of(Engine *e, uint32_t number_of_site, const uint64_t *local) {
    Site *site = &e->plan.sites[number_of_site];
    const Thread *t = &e->plan.threads[site->thread];
    number values[64];
    uint64_t key[65];
    uint32_t words = site->count + 1;
    key[site->count] = 0;
    for (uint32_t i = 0; i < site->count; i++) {
        values[i] = register_value(e, t, local, site->registers[i]);
        if (values[i] > (number)UINT64_MAX) e->bail = "an argument has more than 64 bits";
        key[i] = (uint64_t)values[i];
        key[site->count] |= (uint64_t)(values[i] > (number)INT64_MAX) << i;
    }
    if (e->bail != NULL) return NULL;
    uint32_t at = 0;
    if (site->size) {
        at = (uint32_t)hash_bytes(key, words * sizeof *key) & (site->size - 1);
        while (site->found[at] != NULL) {
            if (memcmp(site->keys + (size_t)at * words, key, (words - (PLANT(7) ? 2 : 0)) * sizeof *key) == 0)
                return site->found[at];
            at = (at + 1) & (site->size - 1);
        }
    }
    Bound *found = NULL;
    if (!e->ask.bind(e, number_of_site, values, &found)) return NULL;
    if (site->used * 4 >= site->size * 3) {
        uint32_t size = site->size ? site->size * 2 : 16;
        uint64_t *keys = calloc((size_t)size * words, sizeof *keys);
        Bound **all = calloc(size, sizeof(Bound *));
        if (keys == NULL || all == NULL) {
            free(keys);
            free(all);
            free_bound(found);
            e->stopped = BY_MEMORY;
            return NULL;
        }
        for (uint32_t i = 0; i < site->size; i++) {
            if (site->found[i] == NULL) continue;
            const uint64_t *old = site->keys + (size_t)i * words;
            uint32_t to = (uint32_t)hash_bytes(old, words * sizeof *old) & (size - 1);
            while (all[to] != NULL) to = (to + 1) & (size - 1);
            memcpy(keys + (size_t)to * words, old, words * sizeof *old);
            all[to] = site->found[i];
        }
        free(site->keys);
        free(site->found);
        site->keys = keys;
        site->found = all;
        site->size = size;
        at = (uint32_t)hash_bytes(key, words * sizeof *key) & (size - 1);
        while (all[at] != NULL) at = (at + 1) & (size - 1);
    }
    memcpy(site->keys + (size_t)at * words, key, words * sizeof *key);
    site->found[at] = found;
    site->used++;
    return found;
}

static bool is_word(uint32_t length) {
    return length == 1 || length == 2 || length == 4 || length == 8;
}

/* Room for two operands of a length. */
static uint8_t *operands(Engine *e, uint32_t length) {
    if (e->operand_room < 2u * length) {
        uint8_t *more = realloc(e->operand, 2u * (size_t)length);
        if (more == NULL) {
            e->bail = "there is no memory for an op";
            return NULL;
        }
        e->operand = more;
        e->operand_room = 2u * length;
    }
    return e->operand;
}

static uint64_t changed(const Op *op, uint64_t old) {
    switch (op->operation) {
    case OP_ADD: return old + op->immediate;
    case OP_OR: return old | op->immediate;
    case OP_AND: return old & op->immediate;
    case OP_XOR: return old ^ op->immediate;
    case OP_LSHIFT: return op->immediate > 63 ? 0 : old << op->immediate;
    default: return op->immediate > 63 ? 0 : old >> op->immediate;
    }
}

/* Pending bytes of a register: a little-endian number of its width. */
static void put_pending(Engine *e, const Thread *t, uint64_t *local, int32_t r, const uint8_t *data,
                        uint32_t length) {
    const Register *where = &t->registers[r];
    if (length > 8 * where->width) {
        e->bail = "an op moves more bytes than its register holds";
        return;
    }
    clear_register(t, local, r);
    for (uint32_t i = 0; i < length; i++) local[where->word + i / 8] |= (uint64_t)data[i] << (8 * (i % 8));
    if (local[where->word] >> 63) local[FLAGS + r / 64] |= 1ull << (r % 64);
}

static bool get_pending(Engine *e, const Thread *t, const uint64_t *local, int32_t r, uint8_t *data,
                        uint32_t length) {
    const Register *where = &t->registers[r];
    bool negative = local[where->word] >> 63 && !(local[FLAGS + r / 64] >> (r % 64) & 1);
    for (uint32_t i = 0; i < 8 * where->width; i++) {
        uint8_t byte = (uint8_t)(local[where->word + i / 8] >> (8 * (i % 8)));
        if (i < length)
            data[i] = byte;
        else if (byte)
            negative = true;
    }
    if (8 * where->width < length) memset(data + 8 * where->width, 0, length - 8 * where->width);
    if (negative) e->bail = "an op's register does not fit its length";
    return !negative;
}

static int compare(Engine *e, const Op *op, const Bound *bound, uint32_t cpu, bool fetched) {
    uint8_t *a = operands(e, op->length), *b = a == NULL ? NULL : a + op->length;
    if (a == NULL) return OP_FAULTS;
    /* The first operand may have been read in an earlier step; the bytes are there then. */
    if (!fetched && !load_bytes(e, op->address[0], op->length, bound, cpu, a)) return OP_FAULTS;
    if (!load_bytes(e, op->address[1], op->length, bound, cpu, b)) return OP_FAULTS;
    bool equal = memcmp(a, b, op->length) == 0;
    return equal == (op->operation == (PLANT(8) ? OP_CMPEQ : OP_CMPNE)) ? OP_STOPS : OP_GOES_ON;
}

/* A copy, forwards; `keeps`: what is stored goes to `kept` and not to memory. */
static int copy(Engine *e, const Op *op, const Bound *bound, uint32_t cpu, uint8_t *kept) {
    uint32_t length = op->length, chunk = length;
    uint64_t to = op->address[0], from = op->address[1];
    if (!is_word(length) && from < to && (number)to < (number)from + length) chunk = e->plan.chunk;
    uint8_t *data = operands(e, length);
    if (data == NULL) return OP_FAULTS;
    for (uint32_t offset = 0; offset < length; offset += chunk) {
        uint32_t size = length - offset < chunk ? length - offset : chunk;
        if (!load_bytes(e, (number)from + offset, size, bound, cpu, data)) return OP_FAULTS;
        if (kept == NULL) {
            if (!store_bytes(e, (number)to + offset, data, size)) return OP_FAULTS;
            continue;
        }
        const Region *region = locate(e, (number)to + offset, size);
        if (region == NULL || region->store != MAIN || !region->writable) return OP_FAULTS;
        if (offset) { /* what an earlier piece wrote, a later one reads */
            for (uint32_t i = 0; i < size; i++) {
                uint64_t at = from + offset + i;
                if (at >= to && at < to + offset) data[i] = kept[at - to];
            }
        }
        memcpy(kept + offset, data, size);
    }
    return OP_GOES_ON;
}

static int change(Engine *e, const Op *op, const Bound *bound, uint32_t cpu, uint8_t *kept) {
    uint8_t data[8];
    if (!load_bytes(e, op->address[0], op->length, bound, cpu, data)) return OP_FAULTS;
    uint64_t old = (uint64_t)number_at(data, op->length, e->plan.big_endian);
    number_to(data, op->length, changed(op, old), e->plan.big_endian);
    if (kept == NULL) return store_bytes(e, op->address[0], data, op->length) ? OP_GOES_ON : OP_FAULTS;
    const Region *region = locate(e, op->address[0], op->length);
    if (region == NULL || region->store != MAIN || !region->writable) return OP_FAULTS;
    memcpy(kept, data, op->length);
    return OP_GOES_ON;
}

/* Run an op, or a part of it. */
int run_op(Engine *e, uint32_t thread, uint64_t *local, const Ins *ins) {
    const Thread *t = &e->plan.threads[thread];
    const Bound *bound = bound_of(e, (uint32_t)ins->c, local);
    if (bound == NULL) return OP_FAULTS;
    if (ins->b >= bound->count) return OP_FAULTS; /* cpu_opv refuses such a vector; nobody refuses a section */
    const Op *op = &bound->ops[ins->b];
    int32_t pending = (int32_t)(ins->d >> 32);
    number on = register_value(e, t, local, (int32_t)e->plan.sites[ins->c].cpu);
    if (on < 0 || on >= e->plan.cpus) {
        e->bail = "a vector runs on no CPU";
        return OP_FAULTS;
    }
    uint32_t cpu = (uint32_t)on, length = op->length;
    uint8_t *data;
    switch (ins->a) {
    case P_FETCH:
        data = operands(e, length);
        if (data == NULL || !load_bytes(e, op->address[0], length, bound, cpu, data)) return OP_FAULTS;
        put_pending(e, t, local, pending, data, length);
        return OP_GOES_ON;
    case P_COMPARE:
        data = operands(e, length);
        if (data == NULL || !get_pending(e, t, local, pending, data, length)) return OP_FAULTS;
        return compare(e, op, bound, cpu, true);
    case P_FINISH: {
        data = operands(e, length);
        if (data == NULL || !get_pending(e, t, local, pending, data, length)) return OP_FAULTS;
        return store_bytes(e, op->address[0], data, length) ? OP_GOES_ON : OP_FAULTS;
    }
    case P_PREPARE: {
        uint8_t *kept = calloc(length ? length : 1, 1);
        if (kept == NULL) {
            e->bail = "there is no memory for an op";
            return OP_FAULTS;
        }
        int how = op->operation == OP_MEMCPY ? copy(e, op, bound, cpu, kept) : change(e, op, bound, cpu, kept);
        if (how == OP_GOES_ON) put_pending(e, t, local, pending, kept, length);
        free(kept);
        return how;
    }
    default:
        switch (op->operation) {
        case OP_CMPEQ:
        case OP_CMPNE: return compare(e, op, bound, cpu, false);
        case OP_MEMCPY: return copy(e, op, bound, cpu, NULL);
        case OP_MB: return OP_GOES_ON;
        default: return change(e, op, bound, cpu, NULL);
        }
    }
}

/* The call of cpu_opv; gives which of the ways after it is taken, from 0. */
int32_t enter(Engine *e, uint32_t thread, uint64_t *local, const Ins *ins) {
    enum { INSIDE, AGAIN, FAULT, INVALID, GONE };
    const Thread *t = &e->plan.threads[thread];
    number target = register_value(e, t, local, (int32_t)e->plan.sites[ins->c].cpu);
    if (target < 0) return INVALID;
    const Bound *bound = bound_of(e, (uint32_t)ins->c, local);
    if (bound == NULL) return FAULT;
    switch (bound->refused) {
    case ALLOWED: break;
    case REFUSED_AGAIN: return AGAIN;
    case REFUSED_INVALID: return INVALID;
    default: return FAULT;
    }
    uint32_t cpus = e->plan.cpus, wanted = target > cpus ? cpus : (uint32_t)target;
    uint32_t current = (uint32_t)CPU(local), online = e->system.online;
    uint8_t *placed = &e->placed[(((size_t)thread << cpus | online) * cpus + current) * (cpus + 1) + wanted];
    if (*placed == PLACES && !e->ask.place(e, thread, online, current, wanted, placed)) return FAULT;
    switch (*placed) {
    case PLACED_THERE:
        set_cpu(local, (int32_t)wanted);
        set_guard(local, VECTOR);
        return INSIDE;
    case PLACED_OFFLINE: set_guard(local, PLANT(9) ? VECTOR : OFFLINE); return INSIDE;
    case CPU_IS_OFFLINE: return GONE;
    default: return INVALID;
    }
}
