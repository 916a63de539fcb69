/* One step of a thread: its node, what it does to other threads, and what may join it.
 * The same as opvasm/explorer/model/stepper.py, function by function.
 */
#include "engine.h"

#include <string.h>

/* A thread's local state where this step may change it. */
uint64_t *working(Engine *e, uint32_t thread) {
    uint64_t *own = e->scratch[thread];
    if (e->threads[thread] != own) {
        memcpy(own, e->threads[thread], e->plan.threads[thread].words * sizeof *own);
        e->threads[thread] = own;
    }
    return own;
}

void begin_step(Engine *e) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++) e->threads[i] = e->before[i];
    e->system = e->system_before;
    e->reads_count = e->writes_count = 0;
    e->disturbed = e->committed = false;
    e->touched = e->preempted = 0;
}

/* Memory is again that of the state that is being expanded. */
void end_step(Engine *e) {
    take_back(e, 0, 0, 0);
    for (uint32_t i = 0; i < e->plan.threads_count; i++) e->threads[i] = e->before[i];
    e->system = e->system_before;
}

/* ---- who can step --------------------------------------------------------------------------- */

static int32_t lock_of(Engine *e, const uint64_t *local, uint32_t thread, const Node *node) {
    number cpu = register_value(e, &e->plan.threads[thread], local, node->cpu_register);
    if (cpu < 0 || cpu >= e->plan.cpus) {
        e->bail = "a lock of no CPU";
        return (int32_t)e->plan.lock_start;
    }
    return (int32_t)(e->plan.lock_start + 2 * (uint32_t)cpu);
}

bool is_able(Engine *e, const uint64_t *local, uint32_t thread) {
    const Node *node = node_of(e, thread, local);
    switch (node->kind) {
    case END:
    case FAIL: return false;
    case LOCK: return e->memory[lock_of(e, local, thread, node)] == 0;
    case WAIT: return e->memory[lock_of(e, local, thread, node) + 1] == 0;
    default: return true;
    }
}

/* Whether no other thread keeps a CPU with preemption off. */
bool is_free(const Engine *e, const uint64_t *const *threads, uint32_t thread, int32_t cpu) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++)
        if (i != thread && GUARD(threads[i]) == VECTOR && CPU(threads[i]) == cpu) return false;
    return true;
}

bool is_ready(Engine *e, const uint64_t *const *threads, const System *system, uint32_t thread) {
    const uint64_t *local = threads[thread];
    const Node *node = node_of(e, thread, local);
    if (node->kind <= LAST_QUIET) return true;
    if (!is_able(e, local, thread) || !is_free(e, threads, thread, CPU(local))) return false;
    if (node->kind == ENTER || node->kind == FENCE_VECTOR) {
        number target = register_value(e, &e->plan.threads[thread], local, node->cpu_register);
        bool exists = target >= 0 && target < e->plan.cpus;
        if (exists && !(system->online >> (int)target & 1)) {
            for (uint32_t i = 0; i < e->plan.threads_count; i++)
                if (i != thread && GUARD(threads[i]) == OFFLINE && !PLANT(10)) return false;
        } else if (exists && !is_free(e, threads, thread, (int32_t)target)) {
            return false;
        }
    }
    return true;
}

/* ---- work in registers ---------------------------------------------------------------------- */

static void return_from_handler(Engine *e, uint64_t *local) {
    if (RETURN(local) == NOWHERE) {
        e->bail = "a return from no handler";
        return;
    }
    set_point(local, RETURN(local));
    set_return(local, NOWHERE);
}

static void work_out(Engine *e, uint32_t thread, uint64_t *local, const Node *node) {
    if (node->kind == HANDLER_RETURN) {
        return_from_handler(e, local);
        return;
    }
    set_point(local, run_node(e, thread, local, node));
}

/* Where a thread stands after its work in registers, in e->spare; whether it has gone round.
 * `certain`: work that reads a CPU which may change by itself is not done before it is. */
static bool ahead(Engine *e, uint32_t thread, const uint64_t *local, bool certain) {
    const Thread *t = &e->plan.threads[thread];
    uint64_t *moved = e->spare;
    int32_t start = POINT(local);
    memcpy(moved, local, t->words * sizeof *moved);
    uint32_t look = ++e->look;
    for (int i = 0; i < FUSE_LIMIT && e->bail == NULL; i++) {
        const Node *node = &t->nodes[POINT(moved)];
        if (node->kind > LAST_QUIET || e->seen[POINT(moved)] == look) break;
        if (certain && node->kind == CURRENT && !(e->options.stays >> thread & 1)) break;
        if (node->head) e->seen[POINT(moved)] = look; /* where it may go round for ever */
        work_out(e, thread, moved, node);
    }
    return POINT(moved) == start && e->seen[start] == look;
}

bool goes_round(Engine *e, uint32_t thread, const uint64_t *local) { return ahead(e, thread, local, false); }

/* The step that a thread comes to after its work in registers. */
static const Node *step_ahead(Engine *e, uint32_t thread, const uint64_t *local, bool certain) {
    const Node *node = node_of(e, thread, local);
    if (node->kind > LAST_QUIET) return node;
    ahead(e, thread, local, certain);
    return node_of(e, thread, e->spare);
}

/* Whether a thread has failed, be it by work in registers that it has not done yet. */
bool is_failing(Engine *e, uint32_t thread, const uint64_t *local) {
    return step_ahead(e, thread, local, true)->kind == FAIL;
}

static bool joins(Engine *e, const Node *node, uint32_t thread, const uint64_t *local) {
    if (node->kind == CURRENT && !(e->options.stays >> thread & 1) && !PLANT(11)) return false;
    return !node->head || !goes_round(e, thread, local);
}

void settle(Engine *e, uint32_t thread, uint64_t *local) {
    if (!e->options.fuse) return;
    for (int i = 0; i < FUSE_LIMIT && e->bail == NULL; i++) {
        const Node *node = node_of(e, thread, local);
        if (node->kind > LAST_QUIET || !joins(e, node, thread, local)) break;
        work_out(e, thread, local, node);
    }
}

void freeze(Engine *e, uint32_t thread, uint64_t *local) {
    if (!e->options.dead) return;
    const Thread *t = &e->plan.threads[thread];
    const List *dead = &t->dead[node_of(e, thread, local)->dead];
    for (uint32_t i = PLANT(12) ? 1 : 0; i < dead->count; i++) clear_register(t, local, dead->items[i]);
}

/* ---- what a step does to others ------------------------------------------------------------- */

void abort_section(Engine *e, uint32_t thread, uint64_t *local, int cause) {
    const Node *node = node_of(e, thread, local);
    if (node->abort < 0) {
        e->bail = "a section without a place to restart";
        return;
    }
    if (node->abort_cover >= 0) e->covered[node->abort_cover + cause] = 1;
    set_point(local, node->abort);
    set_guard(local, NONE);
}

void preempt_others(Engine *e, uint32_t thread, int32_t cpu) {
    if (!e->plan.preemption_aborts) return;
    e->preempted |= 1u << cpu;
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        if (i == thread || GUARD(e->threads[i]) != SECTION) continue;
        if (CPU(e->threads[i]) != cpu || PLANT(13)) continue;
        uint64_t *local = working(e, i);
        e->disturbed = true;
        abort_section(e, i, local, BY_PREEMPTION);
        settle(e, i, local);
        freeze(e, i, local);
    }
}

static void fence(Engine *e, uint32_t thread, number cpu) {
    for (uint32_t i = 0; i < e->plan.threads_count; i++) {
        int32_t there = CPU(e->threads[i]);
        if (i == thread || (cpu != NOWHERE && cpu != there)) continue;
        if (e->plan.plan_tracks_running && e->system.running[there] != (int32_t)i) continue;
        uint64_t *local = e->saved;
        size_t size = e->plan.threads[i].words * sizeof *local;
        memcpy(local, e->threads[i], size);
        if (GUARD(local) == SECTION && e->plan.membarrier_aborts && !PLANT(14)) {
            e->disturbed = true;
            abort_section(e, i, local, BY_FENCE);
        }
        look_at_ids(e, i, local, AT_MEMBARRIER, there);
        if (memcmp(local, e->threads[i], size) != 0) {
            settle(e, i, local);
            freeze(e, i, local);
            memcpy(working(e, i), local, size);
        }
    }
}

/* 1 when this thread's taking a CPU takes it from one that could go on. */
static int preempts(Engine *e, uint32_t thread, int32_t cpu) {
    int32_t other = e->system_before.running[cpu];
    if (other == NOWHERE || other == (int32_t)thread || CPU(e->before[other]) != cpu) return 0;
    const uint64_t *threads[MOST_THREADS];
    memcpy(threads, e->before, sizeof threads);
    ahead(e, (uint32_t)other, e->before[other], false);
    if (POINT(e->spare) != POINT(e->before[other])) threads[other] = e->spare;
    return is_ready(e, threads, &e->system_before, (uint32_t)other);
}

void switch_to(Engine *e, uint32_t thread, uint64_t *local, int32_t cpu) {
    if (e->system.running[cpu] == (int32_t)thread) return;
    if (e->options.bound >= 0) e->system.preemptions += preempts(e, thread, cpu);
    e->system.running[cpu] = (int32_t)thread;
    look_at_ids(e, thread, local, AT_PREEMPTION, cpu);
}

/* A thread has gone from its CPU: it runs nowhere until its next step. */
void leave_cpu(Engine *e, uint32_t thread) {
    if (!e->tracks_running) return;
    for (uint32_t cpu = 0; cpu < e->plan.cpus; cpu++)
        if (e->system.running[cpu] == (int32_t)thread) e->system.running[cpu] = NOWHERE;
}

static void ids_bytes(const Engine *e, int32_t cpu, uint8_t *to) {
    number_to(to, IDS_SIZE / 2, (wide)(uint32_t)cpu, e->plan.big_endian);
    memcpy(to + IDS_SIZE / 2, to, IDS_SIZE / 2);
}

void look_at_ids(Engine *e, uint32_t thread, uint64_t *local, int event, int32_t before) {
    const Thread *t = &e->plan.threads[thread];
    uint8_t right[IDS_SIZE];
    if (t->ids < 0 || !e->plan.registered) return;
    int rule = e->plan.id_rule[event];
    if (rule == KEPT) return;
    const Node *next = step_ahead(e, thread, local, false);
    if (next->kind == END) return; /* it does not come back to user space */
    ids_bytes(e, before, right);
    if (rule == KILLS && memcmp(e->memory + t->ids, right, IDS_SIZE) != 0) {
        if (next->pause) return; /* it comes back to no instruction of its own, only to its handler */
        set_point(local, t->killed);
        set_guard(local, NONE);
        set_return(local, NOWHERE);
        return;
    }
    ids_bytes(e, CPU(local), right);
    set_memory(e, (uint32_t)t->ids, right, PLANT(15) ? IDS_SIZE / 2 : IDS_SIZE, false);
}

bool ids_are_stale(const Engine *e, uint32_t thread, int event) {
    const Thread *t = &e->plan.threads[thread];
    uint8_t right[IDS_SIZE];
    if (t->ids < 0 || !e->plan.registered || e->plan.id_rule[event] == KEPT) return false;
    ids_bytes(e, CPU(e->before[thread]), right);
    return memcmp(e->memory + t->ids, right, IDS_SIZE) != 0;
}

/* ---- a step --------------------------------------------------------------------------------- */

/* Run one node and what it does to other threads. */
static void execute(Engine *e, uint32_t thread, uint64_t *local, const Node *node) {
    const Thread *t = &e->plan.threads[thread];
    int32_t cpu = CPU(local);
    if (node->kind == HANDLER_RETURN) {
        return_from_handler(e, local);
    } else {
        set_point(local, run_node(e, thread, local, node));
        if (node->kind == ENTER && GUARD(local) == VECTOR) {
            preempt_others(e, thread, CPU(local));
        } else if (node->kind == FENCE) {
            fence(e, thread, register_value(e, t, local, node->cpu_register));
        } else if (node->kind == FENCE_VECTOR) {
            number target = register_value(e, t, local, node->cpu_register);
            bool there = target >= 0 && target < e->plan.cpus && e->system.online >> (int)target & 1;
            if (there && (target == cpu || t->allowed >> (int)target & 1)) {
                set_cpu(local, (int32_t)target);
                preempt_others(e, thread, (int32_t)target);
            }
        }
        if (node->own_too && e->plan.threads_count > 1
            && register_value(e, t, local, node->cpu_register) == cpu)
            look_at_ids(e, thread, local, AT_SLEEP, cpu); /* back from a system call */
    }
    if (GUARD(local) && node_of(e, thread, local)->scope == NONE && !PLANT(16)) set_guard(local, NONE);
    bool steps = e->plan.stepped >> thread & 1 && e->system.budgets[e->plan.stepped_budget] && e->plan.trap_aborts != NO_CAUSE;
    if (steps && GUARD(local) == SECTION) { /* a trap is delivered as a signal is */
        abort_section(e, thread, local, e->plan.trap_aborts);
        e->trapped = true;
    }
    if (node->commits) e->committed = true;
}

/* Run an access if it may be fused, else leave everything as it was; `shared`: the step has touched
 * bytes that other CPUs touch too. */
static bool tries(Engine *e, uint32_t thread, uint64_t *local, const Node *node, bool *shared) {
    int scope = GUARD(local) == OFFLINE ? NONE : node->scope;
    if (scope == NONE && !e->options.private_) return false;
    if (node->uses_cpu && !(e->options.stays >> thread & 1)) return false;
    if (scope == SECTION && !e->options.sections) return false;
    if (scope == VECTOR && !e->options.vectors) return false;
    size_t size = e->plan.threads[thread].words * sizeof *local;
    uint32_t reads = e->reads_count, writes = e->writes_count, undo = e->undo_count;
    bool committed = e->committed;
    memcpy(e->saved, local, size);
    execute(e, thread, local, node);
    bool touched = touches(e, reads, writes, SHARED), free_;
    switch (scope) {
    case NONE: free_ = !touched && !touches(e, reads, writes, ONE_CPU); break;
    case SECTION:
        free_ = !touched && (e->writes_count == writes || PLANT(17)) && GUARD(local) == SECTION;
        break;
    default: free_ = !(touched && *shared); break;
    }
    if (is_failing(e, thread, local)) free_ = false; /* what others do before it has to be seen */
    if (free_) {
        *shared = *shared || touched;
        e->committed = committed;
        return true;
    }
    memcpy(local, e->saved, size);
    take_back(e, reads, PLANT(18) ? e->writes_count : writes, undo);
    e->committed = committed;
    return false;
}

/* Nodes that nobody can tell from a part of the step before them. */
static void fuse(Engine *e, uint32_t thread, uint64_t *local, bool shared) {
    uint32_t look = ++e->access_look;
    for (int i = 0; i < FUSE_LIMIT && e->bail == NULL; i++) {
        const Node *node = node_of(e, thread, local);
        if (node->kind <= LAST_QUIET) {
            if (!joins(e, node, thread, local)) break;
            execute(e, thread, local, node);
            continue;
        }
        if (node->kind != ACCESS || e->accessed[POINT(local)] == look) break; /* once round */
        e->accessed[POINT(local)] = look;
        if (!tries(e, thread, local, node, &shared)) break;
    }
}

/* The next step of a thread, which must be enabled. */
void take_step(Engine *e, uint32_t thread) {
    begin_step(e);
    uint64_t *local = working(e, thread);
    const Thread *t = &e->plan.threads[thread];
    const Node *node = node_of(e, thread, local);
    int32_t here = CPU(local);
    if (node->kind > LAST_QUIET) {
        if (e->tracks_running) switch_to(e, thread, local, here);
        preempt_others(e, thread, here);
    }
    /* unless the switch to it found an id that it had written */
    if (POINT(local) != t->killed) execute(e, thread, local, node);
    if (CPU(local) != here) {
        look_at_ids(e, thread, local, AT_MIGRATION, here);
        if (e->tracks_running) {
            leave_cpu(e, thread);
            switch_to(e, thread, local, CPU(local));
        }
    }
    if (e->trapped && e->system.budgets[e->plan.stepped_budget] > 0 && !PLANT(19)) e->system.budgets[e->plan.stepped_budget]--;
    e->trapped = false;
    if (e->options.fuse) {
        bool shared = e->plan.memory_size && touches(e, 0, 0, SHARED);
        fuse(e, thread, local, shared);
    }
    freeze(e, thread, local);
}

bool is_enabled(Engine *e, uint32_t thread) {
    if (!is_ready(e, e->before, &e->system_before, thread)) return false;
    if (e->options.bound < 0) return true;
    const uint64_t *local = e->before[thread];
    const Node *node = node_of(e, thread, local);
    if (node->kind <= LAST_QUIET) return true;
    if (node->kind == ENTER || node->kind == FENCE_VECTOR) {
        /* It may take two CPUs from others: its own to make the call, and the one it moves to. */
        take_step(e, thread);
        int32_t after = e->system.preemptions;
        end_step(e);
        return after <= e->options.bound;
    }
    return e->system_before.preemptions + preempts(e, thread, CPU(local)) <= e->options.bound;
}
