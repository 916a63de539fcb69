/* The bytes of a configuration, read and checked: nothing runs that was not checked here.
 *
 * The order of everything is that of encode.py.  Numbers are little-endian.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *at, *end;
    const char *wrong;
} Reader;

static uint64_t read_number(Reader *r, size_t size) {
    uint64_t found = 0;
    if (r->wrong != NULL) return 0;
    if ((size_t)(r->end - r->at) < size) {
        r->wrong = "the bytes end too early";
        return 0;
    }
    for (size_t i = 0; i < size; i++) found |= (uint64_t)r->at[i] << (8 * i);
    r->at += size;
    return found;
}

/* A number from low to high, else the bytes are refused. */
static int64_t within(Reader *r, int64_t low, int64_t high, const char *wrong) {
    int64_t found = (int32_t)read_number(r, 4);
    if (r->wrong == NULL && (found < low || found > high)) r->wrong = wrong;
    return r->wrong == NULL ? found : low;
}

static bool flag(Reader *r) { return within(r, 0, 1, "a flag is neither 0 nor 1") != 0; }

static void *array(Reader *r, size_t count, size_t size) {
    /* Every item takes at least one byte: a count of more than what is left is wrong. */
    if (r->wrong == NULL && count > (size_t)(r->end - r->at)) r->wrong = "a count is too large";
    void *found = r->wrong == NULL ? calloc(count ? count : 1, size) : NULL;
    if (r->wrong == NULL && found == NULL) r->wrong = "there is no memory left";
    return found;
}

static uint8_t *read_bytes(Reader *r, size_t size) {
    uint8_t *found = array(r, size, 1);
    if (found != NULL) {
        memcpy(found, r->at, size);
        r->at += size;
    }
    return found;
}

static List read_list(Reader *r, int64_t low, int64_t high, const char *wrong) {
    List list = {0, NULL};
    uint32_t count = (uint32_t)within(r, 0, 1 << 20, wrong);
    list.items = array(r, count, sizeof *list.items);
    if (list.items == NULL) return list;
    list.count = count;
    for (uint32_t i = 0; i < count; i++) list.items[i] = (int32_t)within(r, low, high, wrong);
    return list;
}

/* Why a section restarts, or NO_CAUSE. */
static uint8_t cause(Reader *r, const Plan *p) {
    int64_t number = within(r, NOWHERE, (int64_t)p->causes_count - 1, "a section restarts for no such cause");
    return number == NOWHERE ? NO_CAUSE : (uint8_t)number;
}

static void read_setting(Reader *r, Plan *p) {
    p->threads_count = (uint32_t)within(r, 0, MOST_THREADS, "too many threads");
    p->cpus = (uint32_t)within(r, 1, MOST_CPUS, "too many CPUs");
    p->word = (uint32_t)within(r, 4, 8, "a word is neither 4 nor 8 bytes");
    if (p->word != 4 && p->word != 8 && r->wrong == NULL) r->wrong = "a word is 4 or 8 bytes";
    p->big_endian = flag(r);
    p->shift = (uint32_t)within(r, 6, 30, "no page has that size");
    p->page_size = 1ull << p->shift;
    p->chunk = (uint32_t)within(r, 1, 1 << 20, "no copy moves so many bytes");
    p->preemption_aborts = flag(r);
    p->membarrier_aborts = flag(r);
    p->registered = flag(r);
    p->plan_tracks_running = flag(r);
    p->retries_migration = flag(r);
    for (int i = 0; i < ID_EVENTS; i++)
        p->id_rule[i] = (uint8_t)within(r, KEPT, KILLS, "no rule for ids has that number");
    p->budgets_count = (uint8_t)within(r, 1, MOST_BUDGETS, "there are more limits than it has room for");
    for (int i = 0; i < p->budgets_count; i++)
        p->limits[i] = (int32_t)within(r, UNLIMITED, 1 << 30, "no limit is so large");
    p->causes_count = (uint8_t)within(r, BY_STEP + 1, MOST_CAUSES, "there are more causes than it has room for");
    p->stepped_budget = (uint8_t)within(r, 0, p->budgets_count - 1, "no budget has that number");
    p->trap_aborts = cause(r, p);
    p->kinds_count = (uint8_t)within(r, STEP + 1, MOST_KINDS, "there are more disturbances than it has room for");
    for (int i = STEP + 1; i < p->kinds_count; i++) {
        p->way_of[i] = (uint8_t)within(r, 0, WAYS - 1, "there is a way to disturb threads that it does not know");
        p->budget_of[i] = (uint8_t)within(r, 0, p->budgets_count - 1, "no budget has that number");
        p->aborts[i] = cause(r, p);
        p->names_place[i] = flag(r);
    }
    p->stepped = (uint32_t)within(r, 0, (1 << MOST_THREADS) - 1, "no such threads are stepped");
    p->judges_always = flag(r);
    p->judges_quiescent = flag(r);
}

static void read_memory(Reader *r, Plan *p) {
    p->memory_size = (uint32_t)within(r, 0, MOST_MEMORY, "memory is too large");
    p->memory = read_bytes(r, p->memory_size);
    p->pool_size = (uint32_t)within(r, 0, MOST_MEMORY, "the literals are too large");
    p->pools = read_bytes(r, (size_t)p->pool_size * p->cpus);
    p->lock_start = (uint32_t)within(r, 0, MOST_MEMORY, "the locks lie outside of memory");
    if (r->wrong == NULL && p->lock_start + 2 * p->cpus > p->memory_size)
        r->wrong = "the locks lie outside of memory";
    p->own_base = read_number(r, 8);
    p->regions_count = (uint32_t)within(r, 0, 1 << 20, "too many regions");
    p->regions = array(r, p->regions_count, sizeof *p->regions);
    for (uint32_t i = 0; r->wrong == NULL && i < p->regions_count; i++) {
        Region *each = &p->regions[i];
        each->base = read_number(r, 8);
        each->start = (uint32_t)within(r, 0, MOST_MEMORY, "a region lies outside of memory");
        each->size = (uint32_t)within(r, 0, MOST_MEMORY, "a region is too large");
        each->store = (uint8_t)within(r, MAIN, POOL, "no store has that number");
        each->writable = flag(r);
        uint64_t most = each->store == MAIN ? p->memory_size : MOST_MEMORY;
        if (r->wrong == NULL && (uint64_t)each->start + each->size > most)
            r->wrong = "a region lies outside of memory";
    }
    p->pages_count = (uint32_t)within(r, 0, 1 << 20, "too many pages");
    p->pages = array(r, p->pages_count, sizeof *p->pages);
    for (uint32_t i = 0; r->wrong == NULL && i < p->pages_count; i++) {
        p->pages[i].page = read_number(r, 8);
        p->pages[i].region =
            (uint32_t)within(r, 0, (int64_t)p->regions_count - 1, "no region has that number");
        if (r->wrong == NULL && i && p->pages[i - 1].page >= p->pages[i].page)
            r->wrong = "pages are not in order";
    }
}

static void read_node(Reader *r, const Plan *p, const Thread *t, Node *node) {
    int32_t last = (int32_t)t->nodes_count - 1, most = (int32_t)t->registers_count - 1;
    node->kind = (uint8_t)within(r, LOCAL, FAIL, "no step is of that kind");
    node->scope = (uint8_t)within(r, NONE, VECTOR, "no guard has that number");
    node->counted = flag(r);
    node->handler = flag(r);
    node->commits = flag(r);
    node->uses_cpu = flag(r);
    node->own_too = flag(r);
    node->head = flag(r);
    node->exposed = flag(r);
    node->pause = flag(r);
    node->abort = (int32_t)within(r, NOWHERE, last, "an abort leads nowhere");
    node->cpu_register = (int32_t)within(r, NOWHERE, most, "no register has that number");
    node->abort_cover = (int32_t)within(r, NOWHERE, p->cover_count < p->causes_count ? NOWHERE : (int64_t)p->cover_count - p->causes_count,
                                        "no coverage has that number");
    node->second = (int32_t)within(r, NOWHERE, last, "a bounce leads nowhere");
    node->code = (uint32_t)within(r, 0, p->code_count, "a step's code is not there");
    node->code_end = (uint32_t)within(r, node->code, p->code_count, "a step's code is not there");
    node->dead = (uint32_t)within(r, 0, (int64_t)t->dead_count - 1, "no such registers are dead");
    bool needs = node->kind == LOCK || node->kind == WAIT || node->kind == FENCE
                 || node->kind == FENCE_VECTOR || node->kind == ENTER || node->own_too;
    if (r->wrong == NULL && needs && node->cpu_register < 0) r->wrong = "a step names no CPU";
    if (r->wrong == NULL && node->scope == SECTION && node->abort < 0)
        r->wrong = "a section without a place to restart";
    if (r->wrong == NULL && node->kind == ENTER && node->second < 0)
        r->wrong = "a call without a second way";
}

static void read_thread(Reader *r, Plan *p, Thread *t) {
    t->home = (int32_t)within(r, 0, (int64_t)p->cpus - 1, "a thread begins on a CPU that is not there");
    t->allowed = (uint32_t)within(r, 0, (1 << p->cpus) - 1, "no such CPUs are allowed");
    t->reach = (uint32_t)within(r, 0, (1 << p->cpus) - 1, "no such CPUs are reached");
    t->ids = (int32_t)within(r, NOWHERE, (int64_t)p->memory_size - IDS_SIZE, "ids lie outside of memory");
    t->own_start = (uint32_t)within(r, 0, p->memory_size, "own memory lies outside");
    t->own_size = (uint32_t)within(r, 0, (int64_t)p->memory_size - t->own_start, "own memory lies outside");
    t->registers_count = (uint32_t)within(r, 0, MOST_REGISTERS, "too many registers");
    t->flags_words = (t->registers_count + 63) / 64;
    t->registers = array(r, t->registers_count, sizeof *t->registers);
    t->words = FLAGS + t->flags_words;
    for (uint32_t i = 0; r->wrong == NULL && i < t->registers_count; i++) {
        t->registers[i].word = t->words;
        t->registers[i].width = (uint32_t)within(r, 1, 1024, "a register is too wide");
        t->words += t->registers[i].width;
        if (t->words > MOST_LOCAL_WORDS) r->wrong = "the registers are too wide";
    }
    int64_t most = (int64_t)t->registers_count - 1;
    t->fresh = read_list(r, 0, most, "no register has that number");
    t->observed = read_list(r, 0, most, "no register has that number");
    for (uint32_t i = 1; r->wrong == NULL && i < t->observed.count; i++)
        if (t->observed.items[i - 1] >= t->observed.items[i]) r->wrong = "registers are not in order";
    t->dead_count = (uint32_t)within(r, 0, 1 << 20, "too many lists of dead registers");
    uint32_t count = t->dead_count;
    t->dead_count = 0;
    t->dead = array(r, count, sizeof *t->dead);
    for (uint32_t i = 0; r->wrong == NULL && i < count; i++, t->dead_count++)
        t->dead[i] = read_list(r, 0, most, "no register has that number");
    t->nodes_count = (uint32_t)within(r, 1, MOST_NODES, "a thread without steps, or with too many");
    int64_t last = (int64_t)t->nodes_count - 1;
    t->entry = (int32_t)within(r, 0, last, "a thread begins nowhere");
    t->handler = (int32_t)within(r, NOWHERE, last, "a handler begins nowhere");
    t->crash = (int32_t)within(r, 0, last, "a crash leads nowhere");
    t->killed = (int32_t)within(r, NOWHERE, last, "a kill leads nowhere");
    t->nodes = array(r, t->nodes_count, sizeof *t->nodes);
    for (uint32_t i = 0; r->wrong == NULL && i < t->nodes_count; i++) read_node(r, p, t, &t->nodes[i]);
    bool kills = false;
    for (int i = 0; i < ID_EVENTS; i++) kills = kills || p->id_rule[i] == KILLS;
    if (r->wrong == NULL && kills && t->ids >= 0 && t->killed < 0)
        r->wrong = "a thread that can be killed has nowhere to go then";
}

static void read_code(Reader *r, Plan *p) {
    p->code_count = (uint32_t)within(r, 0, 1 << 24, "too much code");
    p->code = array(r, p->code_count, sizeof *p->code);
    for (uint32_t i = 0; r->wrong == NULL && i < p->code_count; i++) {
        Ins *ins = &p->code[i];
        ins->op = (uint8_t)read_number(r, 1);
        ins->a = (uint8_t)read_number(r, 1);
        ins->b = (uint16_t)read_number(r, 2);
        ins->c = (int32_t)read_number(r, 4);
        ins->d = (int64_t)read_number(r, 8);
    }
}

static void read_sites(Reader *r, Plan *p) {
    uint32_t count = (uint32_t)within(r, 0, 1 << 20, "too many sites");
    p->sites = array(r, count, sizeof *p->sites);
    for (uint32_t i = 0; r->wrong == NULL && i < count; i++, p->sites_count++) {
        Site *site = &p->sites[i];
        site->thread = (uint32_t)within(r, 0, (int64_t)p->threads_count - 1, "a site of no thread");
        site->ops = (uint32_t)within(r, 0, UINT16_MAX, "a vector has too many ops");
        List key = read_list(r, 0, MOST_REGISTERS, "no register has that number");
        site->registers = key.items;
        site->count = key.count;
        site->cpu = key.count ? (uint32_t)key.items[0] : 0;
        if (r->wrong == NULL && (key.count == 0 || key.count > 60)) r->wrong = "a site has no key";
    }
}

static void check_sites(Reader *r, const Plan *p) {
    for (uint32_t i = 0; r->wrong == NULL && i < p->sites_count; i++) {
        const Site *site = &p->sites[i];
        for (uint32_t each = 0; each < site->count; each++)
            if ((uint32_t)site->registers[each] >= p->threads[site->thread].registers_count)
                r->wrong = "no register has that number";
    }
}

static void read_groups(Reader *r, Plan *p) {
    uint32_t seen = 0, count = (uint32_t)within(r, 0, MOST_THREADS, "too many groups");
    p->groups = array(r, count, sizeof *p->groups);
    for (uint32_t i = 0; r->wrong == NULL && i < count; i++) {
        p->groups[i] = read_list(r, 0, (int64_t)p->threads_count - 1, "no thread has that number");
        p->groups_count++;
        for (uint32_t each = 0; r->wrong == NULL && each < p->groups[i].count; each++) {
            const Thread *t = &p->threads[p->groups[i].items[each]];
            const Thread *first = &p->threads[p->groups[i].items[0]];
            uint32_t bit = 1u << p->groups[i].items[each];
            if (seen & bit) r->wrong = "a thread is alike in two ways";
            seen |= bit;
            if (t->words != first->words || t->registers_count != first->registers_count
                || t->own_size != first->own_size || t->nodes_count != first->nodes_count)
                r->wrong = "threads that are not alike are called so";
        }
    }
}

/* Conditions that Python has left to the engine; the others are asked of Python. */
static void read_claims(Reader *r, Plan *p) {
    p->judges_ends = flag(r);
    p->claims_count = (uint32_t)within(r, 0, MOST_CLAIMS, "too many conditions");
    p->columns_count = (uint32_t)within(r, 0, MOST_CLAIMS, "too many columns");
    uint32_t count = p->claims_count + p->columns_count;
    p->claims = array(r, count, sizeof *p->claims);
    for (uint32_t i = 0; r->wrong == NULL && i < count; i++) {
        Claim *each = &p->claims[i];
        bool column = i >= p->claims_count;
        each->kind = (uint8_t)within(r, column ? COLUMN : FORALL, column ? COLUMN : QUIESCENT,
                                     "no condition is of that kind");
        each->code = (uint32_t)within(r, 0, p->code_count, "a condition's code is not there");
        each->code_end =
            (uint32_t)within(r, each->code, p->code_count, "a condition's code is not there");
    }
}

bool load_plan(Plan *p, const uint8_t *bytes, size_t size, const char **wrong) {
    Reader reader = {bytes, bytes + size, NULL}, *r = &reader;
    memset(p, 0, sizeof *p);
    if (size < 8 || memcmp(bytes, "OPVS", 4) != 0) r->wrong = "these bytes are no step code";
    r->at += size < 4 ? 0 : 4;
    if (read_number(r, 4) != LAYOUT_VERSION && r->wrong == NULL)
        r->wrong = "this is another version of the layout";
    read_setting(r, p);
    read_memory(r, p);
    p->cover_count = (uint32_t)within(r, 0, 1 << 24, "too much coverage");
    read_code(r, p);
    read_sites(r, p);
    for (uint32_t i = 0; r->wrong == NULL && i < p->threads_count; i++) read_thread(r, p, &p->threads[i]);
    check_sites(r, p);
    read_groups(r, p);
    read_claims(r, p);
    if (r->wrong == NULL && r->at != r->end) r->wrong = "there are bytes after the end";
    if (r->wrong == NULL) r->wrong = check_code(p);
    *wrong = r->wrong;
    return r->wrong == NULL;
}

void free_bound(Bound *bound) {
    if (bound == NULL) return;
    free(bound->ops);
    free(bound->slots);
    free(bound);
}

/* Nothing is bound of a site any more. */
static void forget_bound(Site *site) {
    for (uint32_t each = 0; each < site->size; each++)
        if (site->found != NULL) free_bound(site->found[each]);
    free(site->keys);
    free(site->found);
    site->used = site->size = 0;
    site->keys = NULL;
    site->found = NULL;
}

Site *other_sites(const Plan *plan) {
    Site *sites = malloc((plan->sites_count + 1) * sizeof *sites);
    for (uint32_t i = 0; sites != NULL && i < plan->sites_count; i++) {
        sites[i] = plan->sites[i];
        sites[i].used = sites[i].size = 0;
        sites[i].keys = NULL;
        sites[i].found = NULL;
    }
    return sites;
}

void free_sites(Site *sites, uint32_t count) {
    for (uint32_t i = 0; sites != NULL && i < count; i++) forget_bound(&sites[i]);
    free(sites);
}

void free_plan(Plan *p) {
    for (uint32_t i = 0; i < p->threads_count; i++) {
        Thread *t = &p->threads[i];
        free(t->nodes);
        free(t->registers);
        free(t->fresh.items);
        free(t->observed.items);
        for (uint32_t each = 0; t->dead != NULL && each < t->dead_count; each++)
            free(t->dead[each].items);
        free(t->dead);
    }
    for (uint32_t i = 0; p->sites != NULL && i < p->sites_count; i++) {
        forget_bound(&p->sites[i]);
        free(p->sites[i].registers);
    }
    for (uint32_t i = 0; p->groups != NULL && i < p->groups_count; i++) free(p->groups[i].items);
    free(p->groups);
    free(p->sites);
    free(p->regions);
    free(p->pages);
    free(p->memory);
    free(p->pools);
    free(p->code);
    free(p->claims);
    memset(p, 0, sizeof *p);
}

/* A vector that Python has bound: its ops, as bytes of their own; NULL where they make no sense. */
Bound *load_bound(const uint8_t *bytes, size_t size, uint32_t vector_ops) {
    Reader reader = {bytes, bytes + size, NULL}, *r = &reader;
    Bound *bound = calloc(1, sizeof *bound);
    if (bound == NULL) return NULL;
    bound->refused = (uint8_t)within(r, ALLOWED, UNBOUND, "no such refusal");
    bound->slots_size = (uint32_t)within(r, 0, 1 << 20, "the slots are too large");
    bound->slots = read_bytes(r, bound->slots_size);
    bound->count = (uint32_t)within(r, 0, vector_ops, "too many ops");
    bound->ops = array(r, bound->count, sizeof *bound->ops);
    for (uint32_t i = 0; r->wrong == NULL && i < bound->count; i++) {
        Op *op = &bound->ops[i];
        op->operation = (uint8_t)within(r, 0, OPERATIONS - 1, "no op has that number");
        op->addresses = (uint8_t)within(r, 0, 2, "too many addresses");
        op->length = (uint32_t)within(r, 0, MOST_OP_LENGTH, "an op is too long");
        for (int each = 0; each < 2; each++) op->address[each] = read_number(r, 8);
        op->immediate = read_number(r, 8);
        uint8_t wanted = op->operation == OP_MB ? 0 : op->operation <= OP_MEMCPY ? 2 : 1;
        bool words = op->operation > OP_MEMCPY && op->operation != OP_MB;
        if (r->wrong == NULL && op->addresses != wanted) r->wrong = "an op has other operands";
        if (r->wrong == NULL && words && op->length > 8) r->wrong = "an op is too long";
    }
    if (r->wrong == NULL && bound->refused != UNBOUND && bound->refused != REFUSED_INVALID
        && bound->count != vector_ops)
        r->wrong = "ops are missing";
    if (r->wrong == NULL && r->at != r->end) r->wrong = "there are bytes after the end";
    if (r->wrong == NULL) return bound;
    free_bound(bound);
    return NULL;
}
