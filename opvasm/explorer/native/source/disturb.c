/* What the environment can do to threads, as opvasm/explorer/model/model.py has it. */
#include "engine.h"

#include <string.h>

/* Whether the kernel would move a caller of cpu_opv and start its vector. */
static bool starts(Engine *e, uint32_t thread) {
    uint64_t *local = e->saved;
    memcpy(local, e->before[thread], e->plan.threads[thread].words * sizeof *local);
    run_node(e, thread, local, node_of(e, thread, e->before[thread]));
    take_back(e, 0, 0, 0);
    return GUARD(local) == VECTOR;
}

/* The CPUs other than one that a thread can move to. */
static uint32_t elsewhere(const Engine *e, uint32_t thread, number here) {
    uint32_t others = e->plan.threads[thread].allowed & e->system_before.online;
    return here >= 0 && here < MOST_CPUS ? others & ~(1u << (int)here) : others;
}

static uint32_t to_each(uint32_t cpus, uint8_t kind, uint32_t thread, Decision *found, uint32_t count) {
    for (uint8_t cpu = 0; cpu < MOST_CPUS; cpu++)
        if (cpus >> cpu & 1) found[count++] = (Decision){kind, cpu, (int8_t)thread};
    return count;
}

/* Migrations that a vector meets between its move and its start. */
static uint32_t bounces(Engine *e, uint32_t thread, uint8_t kind, const Node *node, Decision *found, uint32_t count) {
    const uint64_t *local = e->before[thread];
    if (node->kind != ENTER || e->plan.retries_migration) return count;
    if (!is_free(e, e->before, thread, CPU(local)) || !starts(e, thread)) return count;
    number target = register_value(e, &e->plan.threads[thread], local, node->cpu_register);
    return to_each(elsewhere(e, thread, target), kind, thread, found, count);
}

/* Whether another process's turn on the CPU would change anything for a thread. */
static bool can_lose_its_cpu(const Engine *e, uint32_t thread) {
    const uint64_t *local = e->before[thread];
    if (GUARD(local) == SECTION) {
        if (e->plan.preemption_aborts) return true;
        return e->plan.plan_tracks_running && e->system_before.running[CPU(local)] == (int32_t)thread;
    }
    return ids_are_stale(e, thread, AT_PREEMPTION);
}

/* What a disturbance can do to a thread that is outside of vectors. */
static uint32_t strikes(Engine *e, uint32_t thread, uint8_t kind, Decision *found, uint32_t count) {
    const uint64_t *local = e->before[thread];
    const Node *node = node_of(e, thread, local);
    bool inside = GUARD(local) == SECTION, happens = false;
    switch (e->plan.way_of[kind]) {
    case MIGRATES: return to_each(elsewhere(e, thread, CPU(local)), kind, thread, found, count);
    case BOUNCES: return bounces(e, thread, kind, node, found, count);
    case SIGNALS:
        if (RETURN(local) != NOWHERE && !PLANT(20)) return count;
        happens = e->plan.threads[thread].handler != NOWHERE || (inside && e->plan.aborts[kind] != NO_CAUSE)
                  || ids_are_stale(e, thread, AT_SIGNAL);
        break;
    case PREEMPTS: happens = can_lose_its_cpu(e, thread); break;
    case FORGETS: happens = inside && (node->exposed || !e->plan.names_place[kind]); break;
    default: break;
    }
    if (happens) found[count++] = (Decision){kind, 0, (int8_t)thread};
    return count;
}

/* Everything that can disturb the state that is being expanded. */
uint32_t disturbances(Engine *e, Decision *found) {
    const Plan *p = &e->plan;
    uint8_t allowed[MOST_KINDS];
    uint32_t allowed_count = 0, count = 0;
    bool busy = false;
    for (uint8_t kind = STEP + 1; kind < p->kinds_count; kind++)
        if (e->system_before.budgets[p->budget_of[kind]] != 0) allowed[allowed_count++] = kind;
    if (!allowed_count) return 0;
    for (uint32_t i = 0; i < p->threads_count; i++) {
        const Node *node = node_of(e, i, e->before[i]);
        busy = busy || GUARD(e->before[i]) >= VECTOR;
        if (node->kind == END || node->kind == FAIL || GUARD(e->before[i]) >= VECTOR) continue;
        for (uint32_t each = 0; each < allowed_count; each++) count = strikes(e, i, allowed[each], found, count);
    }
    for (uint32_t each = 0; (!busy || PLANT(21)) && each < allowed_count; each++) {
        if (p->way_of[allowed[each]] != SWITCHES) continue;
        for (uint32_t cpu = 0; cpu < p->cpus; cpu++)
            if (e->system_before.online != 1u << cpu) found[count++] = (Decision){allowed[each], (uint8_t)cpu, NOWHERE};
    }
    return count;
}

static void spend(Engine *e, int budget) {
    if (e->system.budgets[budget] != UNLIMITED && !PLANT(22)) e->system.budgets[budget]--;
}

static void switch_cpu(Engine *e, uint8_t kind, uint32_t cpu) {
    uint32_t online = e->system.online ^ (1u << cpu);
    spend(e, e->plan.budget_of[kind]);
    e->system.online = online;
    if (online >> cpu & 1) return;
    int32_t refuge = __builtin_ctz(online);
    uint8_t cause = e->plan.aborts[kind];
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        if (CPU(e->threads[i]) != (int32_t)cpu) continue;
        uint64_t *local = working(e, i);
        if (GUARD(local) == SECTION && cause != NO_CAUSE) abort_section(e, i, local, cause);
        uint32_t allowed = e->plan.threads[i].allowed & online;
        set_cpu(local, allowed ? __builtin_ctz(allowed) : refuge);
        look_at_ids(e, i, local, AT_MIGRATION, (int32_t)cpu);
        settle(e, i, local);
        freeze(e, i, local);
        leave_cpu(e, i);
    }
}

static void strike(Engine *e, Decision decision, uint32_t thread, uint64_t *local) {
    const Thread *t = &e->plan.threads[thread];
    int32_t old = CPU(local);
    uint8_t cause = e->plan.aborts[decision.kind];
    if (GUARD(local) == SECTION && cause != NO_CAUSE && !(cause == BY_MIGRATION && PLANT(23)))
        abort_section(e, thread, local, cause);
    switch (e->plan.way_of[decision.kind]) {
    case MIGRATES:
        set_cpu(local, decision.argument);
        look_at_ids(e, thread, local, AT_MIGRATION, old);
        break;
    case SIGNALS:
        look_at_ids(e, thread, local, AT_SIGNAL, old);
        if (t->handler != NOWHERE) {
            set_return(local, POINT(local));
            set_point(local, t->handler);
            for (uint32_t i = PLANT(24) ? 1 : 0; i < t->fresh.count; i++) clear_register(t, local, t->fresh.items[i]);
        }
        break;
    case PREEMPTS:
        look_at_ids(e, thread, local, AT_PREEMPTION, old);
        break;
    case FORGETS: set_guard(local, NONE); break;
    default: /* a bounce */
        set_point(local, node_of(e, thread, local)->second);
        if (old != decision.argument) {
            set_cpu(local, decision.argument);
            look_at_ids(e, thread, local, AT_MIGRATION, old);
        }
    }
}

/* The state after something of `disturbances`. */
void disturb(Engine *e, Decision decision) {
    begin_step(e);
    uint8_t way = e->plan.way_of[decision.kind];
    if (way == SWITCHES) {
        switch_cpu(e, decision.kind, decision.argument);
        return;
    }
    uint32_t thread = (uint32_t)decision.thread;
    uint64_t *local = working(e, thread);
    if (way == BOUNCES) { /* it runs, to make the call */
        if (e->tracks_running) switch_to(e, thread, local, CPU(local));
        preempt_others(e, thread, CPU(local));
    }
    strike(e, decision, thread, local);
    spend(e, e->plan.budget_of[decision.kind]);
    if (way == MIGRATES || way == BOUNCES || way == PREEMPTS) leave_cpu(e, thread);
    settle(e, thread, local);
    freeze(e, thread, local);
}

/* The state in which nothing has run yet becomes the one at hand. */
void initial_state(Engine *e) {
    const Plan *p = &e->plan;
    e->undo_count = 0;
    e->undo_used = 0;
    memcpy(e->memory, p->memory, p->memory_size);
    memset(&e->system_before, 0, sizeof e->system_before);
    for (int i = 0; i < MOST_BUDGETS; i++) e->system_before.budgets[i] = p->limits[i];
    e->system_before.online = (1u << p->cpus) - 1;
    for (uint32_t i = 0; i < MOST_CPUS; i++) e->system_before.running[i] = NOWHERE;
    e->system = e->system_before;
    for (uint32_t i = 0; i < p->threads_count; i++) {
        uint64_t *local = e->scratch[i];
        memset(local, 0, p->threads[i].words * sizeof *local);
        set_point(local, p->threads[i].entry);
        set_return(local, NOWHERE);
        set_cpu(local, p->threads[i].home);
        e->threads[i] = local;
        settle(e, i, local);
        freeze(e, i, local);
    }
}
