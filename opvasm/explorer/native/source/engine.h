/* The second engine of the explorer: what its parts share.
 *
 * It runs the step code of one configuration, handed over as one string of bytes
 * (opvasm/explorer/native/encode.py writes it, load.c reads and checks it).  The Python engine under
 * opvasm/explorer/model and opvasm/explorer/search is the specification: functions here bear the
 * names of those that they repeat.
 */
#ifndef OPVASM_ENGINE_H
#define OPVASM_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Raised with every change of the layout that encode.py writes. */
#define LAYOUT_VERSION 5

/* Limits that load.c holds everything to. */
#define MOST_THREADS 16
#define MOST_CPUS 8
#define MOST_REGISTERS 4096
#define MOST_LOCAL_WORDS 65536
#define MOST_MEMORY (1 << 20)
#define MOST_STACK 64
#define MOST_NODES (1 << 20)
#define MOST_OP_LENGTH (1 << 16)
#define MOST_CLAIMS 64
#define MOST_ACCESSES (1 << 20)
#define FUSE_LIMIT 1000
#define ROUNDS 3
#define IDS_SIZE 8

#define NOWHERE (-1)
#define BIG_ENDIAN_HOST (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* An error planted on purpose, in builds of the tests only (-DPLANTS); module.c's `plant` chooses it. */
#ifdef PLANTS
extern int planted;
#define PLANT(number) (planted == (number))
void stumble(void); /* give other threads time to come between */
#define STUMBLE(number) (PLANT(number) ? stumble() : (void)0)
#else
#define PLANT(number) 0
#define STUMBLE(number) ((void)0)
#endif

typedef __int128 number;
typedef unsigned __int128 wide;

/* steps/code.py: Guard and Kind. */
enum { NONE = 0, SECTION = 1, VECTOR = 2, OFFLINE = 3 };
enum {
    LOCAL = 0, CURRENT = 1, HANDLER_RETURN = 2, ACCESS = 3, BEGIN = 4, ENTER = 5, LOCK = 6,
    WAIT = 7, FENCE = 8, FENCE_VECTOR = 9, END = 10, FAIL = 11, KINDS = 12
};
#define LAST_QUIET HANDLER_RETURN

/* What happens next: a step, or a disturbance, by its number in the plan. */
enum { STEP = 0 };
/* How a disturbance disturbs: Way of kernels/disturbances.py, those that are decisions. */
enum { MIGRATES, BOUNCES, SIGNALS, PREEMPTS, FORGETS, SWITCHES, WAYS };
#define MOST_KINDS 32   /* of what happens next */
#define MOST_BUDGETS 12 /* of disturbances */
#define UNLIMITED (-1)

/* Why a section was aborted, in the order of the coverage numbers of its op.  The plan says how many
 * causes there are; these are the ones that the engine names. */
enum { BY_PREEMPTION, BY_MIGRATION, BY_SIGNAL, BY_FENCE, BY_STEP };
#define MOST_CAUSES 32
#define NO_CAUSE 255
/* Events after which the kernel looks at ids, and what it does to one that was written. */
enum { AT_PREEMPTION, AT_MEMBARRIER, AT_SIGNAL, AT_SLEEP, AT_MIGRATION, ID_EVENTS };
enum { KEPT, REWRITTEN, KILLS };

/* sharing.py: classes of a byte. */
enum { CONSTANT, PRIVATE, ONE_CPU, SHARED };

/* image.py: stores. */
enum { MAIN, SLOTS, POOL };

/* Instructions of the code of a node.  It has no loops: jumps go forward, and GO ends it. */
enum {
    I_CONST, I_REG, I_CPU, I_SET, I_ADD, I_SUB, I_MUL, I_DIV, I_MOD, I_SHL, I_SHR, I_AND, I_OR,
    I_XOR, I_EQ, I_NE, I_LT, I_LE, I_GT, I_GE, I_NEG, I_INV, I_NOT, I_FIT, I_MULW, I_SHLW,
    I_LOAD, I_STORE, I_PEEK, I_EXCHANGE, I_TAKE_LOCK, I_JZ, I_JUMP, I_GO, I_COVER, I_GUARD,
    I_OP, I_ENTER, I_GIVE_UP, I_REGISTER_OF, I_ENDED, I_LENGTH, I_ANSWER, I_ELEMENTS,
    INSTRUCTIONS
};
/* Phases of an op (I_OP's field a). */
enum { P_RUN, P_FETCH, P_COMPARE, P_PREPARE, P_FINISH, PHASES };
/* Ops of a vector, in the order of encode.py's table. */
enum {
    OP_CMPEQ, OP_CMPNE, OP_MEMCPY, OP_ADD, OP_OR, OP_AND, OP_XOR, OP_LSHIFT, OP_RSHIFT, OP_MB,
    OPERATIONS
};
/* What refuses a vector (site.py: Bound.refused). */
enum { ALLOWED, REFUSED_AGAIN, REFUSED_FAULT, REFUSED_INVALID, UNBOUND };
/* Where the kernel runs a vector (interpreter/placement.py). */
enum { PLACED_THERE, PLACED_OFFLINE, CPU_IS_OFFLINE, CPU_IS_INVALID, PLACES };

typedef struct {
    uint8_t op, a;
    uint16_t b;
    int32_t c;
    int64_t d;
} Ins;

typedef struct {
    uint8_t kind, scope;
    bool counted, handler, commits, uses_cpu, own_too, head, exposed, pause;
    int32_t abort, cpu_register;
    int32_t abort_cover; /* first of the coverage numbers of its causes, or NOWHERE */
    int32_t second;      /* where a bounce goes on: the second target, or NOWHERE */
    uint32_t code, code_end;
    uint32_t dead; /* which list of dead registers */
} Node;

/* A register of a thread: where it lies in the words of a local state, and how many it takes. */
typedef struct {
    uint32_t word;
    uint32_t width;
} Register;

typedef struct {
    uint32_t count;
    int32_t *items;
} List;

typedef struct {
    int32_t home, ids, entry, handler, crash, killed;
    uint32_t allowed, reach;
    uint32_t own_start, own_size;
    uint32_t nodes_count, registers_count, flags_words, words;
    Node *nodes;
    Register *registers;
    List fresh, observed;
    uint32_t dead_count;
    List *dead;
} Thread;

typedef struct {
    uint64_t base;
    uint32_t start, size;
    uint8_t store;
    bool writable;
} Region;

typedef struct {
    uint64_t page;
    uint32_t region;
} Page;

/* One op of a vector for one CPU and one set of arguments. */
typedef struct {
    uint8_t operation, addresses;
    uint32_t length;
    uint64_t address[2];
    uint64_t immediate;
} Op;

typedef struct {
    uint8_t refused;
    uint32_t count, slots_size;
    Op *ops;
    uint8_t *slots;
} Bound;

typedef struct {
    uint32_t thread, ops;
    uint32_t count;      /* of registers that the key is made of; the first is the CPU */
    int32_t *registers;
    uint32_t cpu;        /* the register of the CPU, for the pool */
    /* an open-addressed table of what was bound */
    uint32_t used, size;
    uint64_t *keys;      /* size * (count + 1) words: the values, then which are large */
    Bound **found;
} Site;

/* A condition of the scenario, or a column of its table of outcomes, as code that ends in ANSWER. */
enum { FORALL, NEVER, EXISTS, ALWAYS, QUIESCENT, COLUMN };
typedef struct {
    uint8_t kind;
    uint32_t code, code_end;
} Claim;

/* What the bytes of a configuration say. */
typedef struct {
    uint32_t threads_count, cpus, word, shift, memory_size, chunk;
    bool big_endian;
    bool preemption_aborts, membarrier_aborts, registered;
    bool plan_tracks_running, retries_migration;
    uint8_t id_rule[ID_EVENTS];
    uint32_t lock_start;
    uint64_t own_base, page_size;
    uint8_t budgets_count, causes_count;
    int32_t limits[MOST_BUDGETS];
    uint8_t kinds_count;           /* of what happens next, steps too; they are tried in this order */
    uint8_t way_of[MOST_KINDS];    /* how a disturbance disturbs */
    uint8_t budget_of[MOST_KINDS]; /* which budget it uses up */
    uint8_t aborts[MOST_KINDS];    /* why a section restarts that it strikes; NO_CAUSE: it does not */
    bool names_place[MOST_KINDS];  /* it strikes where a scenario says */
    uint8_t stepped_budget, trap_aborts; /* the cause, or NO_CAUSE */
    uint32_t stepped;
    uint32_t regions_count, pages_count;
    Region *regions;
    Page *pages;
    uint8_t *memory;
    uint32_t pool_size;
    uint8_t *pools;
    Thread threads[MOST_THREADS];
    uint32_t groups_count;
    List *groups;
    uint32_t code_count;
    Ins *code;
    uint32_t sites_count;
    Site *sites;
    uint32_t cover_count;
    uint32_t claims_count, columns_count;
    Claim *claims;    /* then the columns */
    bool judges_ends; /* every final claim and every column has code */
    bool judges_always, judges_quiescent;
} Plan;

/* Values that are kept once: bytes of one length or several, by number. */
typedef struct {
    uint8_t *bytes;
    size_t used, room;
    size_t *at; /* where each begins; at[count] is the end */
    uint32_t count, at_room;
    uint32_t *slots; /* number + 1 */
    uint32_t *tags;
    uint32_t slots_size;
    struct Lock *crowd; /* where several threads add at once: who adds holds it; else NULL */
} Kept;

/* The states that were seen, and what they consist of. */
typedef struct {
    Kept locals, chunks, systems;
    uint64_t states;
    bool wide;        /* numbers in blocks take 4 bytes and not 2, since one was too large */
    uint8_t **blocks; /* of STATES_IN_BLOCK vectors each */
    uint32_t blocks_count, blocks_room;
    uint64_t *came;   /* source << 32 | decision, for each state */
    uint64_t came_room;
    uint64_t *table;  /* tag << 32 | number + 1, in parts of one size: a search stays in its part */
    uint64_t part_size;
    uint32_t parts, part_shift; /* the part of a tag is what its bits above the shift say */
} Store;

typedef struct {
    uint32_t start, end;
} Range;

typedef struct {
    int32_t budgets[MOST_BUDGETS];
    uint32_t online;
    int32_t running[MOST_CPUS];
    int32_t preemptions;
} System;

typedef struct {
    uint32_t start, size;
    size_t old; /* in undo_bytes */
} Undo;

typedef struct {
    uint32_t source, target;
    uint8_t kind, argument;
    int8_t thread;
    uint8_t flags; /* 1: committed, 2: finite */
} Edge;

/* What came to pass that somebody has to look at, in the order in which it did. */
enum { SAW_FAIL, SAW_INVARIANT, SAW_END, SAW_BAD_END /* whose outcome is counted */, SAW_NOTHING };
typedef struct {
    uint8_t what;
    uint32_t state;
} Event;

typedef struct {
    bool fuse, dead, groups, symmetry, keep_edges;
    bool private_, sections, vectors, probe;
    uint32_t stays, jobs; /* threads that search */
    int32_t bound;
    uint64_t most_states, most_memory;
    double seconds; /* negative: no limit */
} Options;

/* A row of the table of outcomes: how many final states have it, and the first of them. */
typedef struct {
    uint64_t count;
    uint32_t state;
} Outcome;

/* Why the engine stopped. */
enum {
    DONE, BY_STATES, BY_TIME, BY_MEMORY, BY_INTERRUPT, BY_EXCEPTION, BY_BAIL, BY_RESTART,
    ALONE /* what only one thread may do has to be done */
};

/* How symmetry.c sees a local state: its shape's number + 1, and whose own memory it points into (a mask). */
typedef struct {
    uint32_t shape, pointed;
} Seen;

struct Engine;

/* What is asked of Python, with the interpreter's lock taken by the callee; false: an exception. */
typedef struct {
    bool (*bind)(struct Engine *, uint32_t site, const number *values, Bound **found);
    bool (*place)(struct Engine *, uint32_t thread, uint32_t online, uint32_t current,
                  uint32_t target, uint8_t *found);
    bool (*judge)(struct Engine *, int which, bool *holds);
    bool (*report)(struct Engine *, uint64_t states, uint64_t waiting, uint64_t room);
    void *self;
} Callbacks;

typedef struct {
    uint8_t kind, argument;
    int8_t thread;
} Decision;

/* A state that was reached, while its place in the table is on its way into the cache. */
#define MOST_ARRIVING 16
typedef struct {
    uint64_t source, hash;
    Decision decision;
    bool committed, finite;
    uint8_t saw; /* what is to be seen in it */
} Arriving;

typedef struct Engine {
    Plan plan;
    Options options;
    Callbacks ask;
    bool tracks_running;
    int stopped;
    const char *bail;
    struct Together *together; /* NULL: one thread searches */
    struct Output *output;     /* where this thread puts what it finds while others search, too; else NULL */
    bool helps;                /* it is not the thread that was asked */

    /* states: one vector of component numbers each */
    Store *store; /* all threads of one search share it */
    Kept views, shapes;
    uint8_t *view_answers;
    uint32_t view_room;
    uint32_t chunk_size, chunk_shift, chunks_count, vector_size;
    uint8_t *dirty;
    uint16_t *narrow;  /* a vector of numbers of 2 bytes, to be looked up */
    uint64_t expanded, transitions;
    uint64_t next_look; /* at the clock, when so many are expanded */
    uint64_t effort; /* numbers that conditions have added up since the last look at the clock */
    Arriving arriving[MOST_ARRIVING];
    uint32_t arriving_count;
    uint32_t *arriving_vectors;
    Edge *edges;
    uint64_t edges_count, edges_room;
    Kept rows;
    Outcome *outcomes;
    uint64_t outcomes_count, outcomes_room;
    uint64_t witnessed; /* which `exists` were seen, by the number of the claim */
    bool has_always, has_quiescent;
    double until;
    uint8_t *view;
    uint64_t *scratch_words;
    Event *events;
    uint64_t events_count, events_room;
    uint64_t room; /* bytes that all of this takes, about */

    /* sharing */
    uint32_t *sharing_threads;
    uint8_t *sharing_cpus, *sharing_written, *classes, *frozen;
    uint32_t alike[2 * MOST_THREADS];
    bool sharing_news; /* something of it has changed */

    /* the state that is being expanded */
    uint8_t *memory;
    const uint64_t *before[MOST_THREADS];
    uint64_t *before_words; /* what they point to */
    uint32_t *vector_before;
    System system_before;

    /* the step that is under way */
    const uint64_t *threads[MOST_THREADS];
    uint64_t *scratch[MOST_THREADS];
    uint64_t *spare, *saved; /* for looking ahead; for taking back */
    System system;
    Range *reads, *writes;
    uint32_t reads_count, writes_count, reads_room, writes_room;
    Undo *undo;
    uint32_t undo_count, undo_room;
    uint8_t *undo_bytes;
    size_t undo_used, undo_bytes_room;
    bool trapped, disturbed, committed;
    uint32_t touched;   /* the pieces of memory that it has looked at or changed, as a mask */
    uint32_t preempted; /* the CPUs whose sections it aborts, as a mask */
    uint32_t changed;   /* threads that it has changed, as a mask; of a step that was recalled */
    bool failed, meets; /* some thread has failed; it touches what other CPUs touch, too */
    int32_t cpu_after;  /* of its thread */
    bool at_hand; /* threads and memory are those of e->vector, and not of the state before */
    struct Memo *memo;
    struct Orders *orders; /* NULL: nothing is looked up */
    uint8_t *covered;
    uint8_t *operand; /* room for the bytes of two operands */
    size_t operand_room;
    uint32_t *seen; /* marks of points, by the number of the look */
    uint32_t look;
    uint32_t *accessed;
    uint32_t access_look;
    uint64_t *list_nodes;
    uint8_t *placed; /* answers of place, PLACES where not asked */

    /* symmetry and the vector to look up */
    bool has_own;
    uint32_t most_words;
    uint32_t *vector; /* the numbers of the state at hand */
    uint8_t *renamed;
    uint64_t *renamed_local;
    struct Key *keys;
    struct Pointer *pointers;
    uint8_t *owners; /* of each byte of memory: the thread whose own it is, or MOST_THREADS */
    uint8_t *shape;
    Seen shapes_at_hand[MOST_THREADS];
    uint32_t seen_last[MOST_THREADS]; /* the numbers of the local states that these are of */
} Engine;

#define STATES_IN_BLOCK 65536u
#define MOST_PIECES 32u /* of memory, in a state */
#define MOST_VECTOR (MOST_THREADS + MOST_PIECES + 1)
#define MOST_JOBS 16u
#define MOST_PARTS 32u /* of the table */

/* locals.c: the words of a local state */
#define POINT(l) ((int32_t)((l)[0] & 0xffffffffu))
#define RETURN(l) ((int32_t)((l)[0] >> 32))
#define CPU(l) ((int32_t)((l)[1] & 0xffffu))
#define GUARD(l) ((int32_t)(((l)[1] >> 16) & 0xffu))
#define FLAGS 2 /* the first word of the bits that say which registers are 2^63 and more */
static inline void set_point(uint64_t *l, int32_t v) { l[0] = (l[0] & ~0xffffffffull) | (uint32_t)v; }
static inline void set_return(uint64_t *l, int32_t v) { l[0] = (l[0] & 0xffffffffull) | ((uint64_t)(uint32_t)v << 32); }
static inline void set_cpu(uint64_t *l, int32_t v) { l[1] = (l[1] & ~0xffffull) | (uint32_t)(v & 0xffff); }
static inline void set_guard(uint64_t *l, int32_t v) { l[1] = (l[1] & ~0xff0000ull) | ((uint64_t)v << 16); }

number register_value(Engine *e, const Thread *t, const uint64_t *local, int32_t r);
void set_register(Engine *e, const Thread *t, uint64_t *local, int32_t r, number value);
void clear_register(const Thread *t, uint64_t *local, int32_t r);
/* Which of two numbers comes first: below 0, 0, above 0. */
static inline int order(number a, number b) { return a < b ? -1 : a > b; }
int compare_locals(const Thread *t, const uint64_t *a, const uint64_t *b);

/* kept.c */
bool kept_begin(Kept *k);
void kept_end(Kept *k);
bool kept_spare(Engine *e, Kept *k, uint32_t least);
uint32_t kept_number(Engine *e, Kept *k, const void *bytes, size_t size, bool *fresh);
const void *kept_bytes(const Kept *k, uint32_t number, size_t *size);
uint64_t hash_bytes(const void *bytes, size_t size);
static inline uint64_t mixed(uint64_t a, uint64_t b) {
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
void *grown(Engine *e, void *old, uint64_t *room, uint64_t wanted, size_t size);

/* load.c: true when the bytes are a configuration in every detail, else what is wrong with them */
bool load_plan(Plan *plan, const uint8_t *bytes, size_t size, const char **wrong);
void free_plan(Plan *plan);
Site *other_sites(const Plan *plan); /* the same, but nothing is bound; they share the registers */
void free_sites(Site *sites, uint32_t count);
bool run_claim(Engine *e, const Claim *claim, number *answer);

/* check.c */
const char *check_code(const Plan *plan);
Bound *load_bound(const uint8_t *bytes, size_t size, uint32_t vector_ops);
void free_bound(Bound *bound);

/* memory.c: what a step does to memory */
const Region *locate(const Engine *e, number address, uint64_t length);
bool load_bytes(Engine *e, number address, uint32_t length, const Bound *bound, uint32_t pool_cpu,
                uint8_t *to);
bool store_bytes(Engine *e, number address, const uint8_t *data, uint32_t length);
bool load_number(Engine *e, number address, uint32_t size, wide *found);
bool store_number(Engine *e, number address, uint32_t size, wide value);
void note_read(Engine *e, uint32_t start, uint32_t end);
void set_memory(Engine *e, uint32_t start, const uint8_t *data, uint32_t size, bool access);
void take_back(Engine *e, uint32_t reads, uint32_t writes, uint32_t undo);
wide number_at(const uint8_t *data, uint32_t size, bool big_endian);
void number_to(uint8_t *data, uint32_t size, wide value, bool big_endian);
/* number_at for a word of 4 or 8 bytes, where states are searched for pointers. */
static inline uint64_t word_at(const uint8_t *data, uint32_t size, bool big_endian) {
    uint64_t long_word;
    uint32_t word;
    if (size == 8) {
        memcpy(&long_word, data, sizeof long_word);
        return big_endian != BIG_ENDIAN_HOST ? __builtin_bswap64(long_word) : long_word;
    }
    memcpy(&word, data, sizeof word);
    return big_endian != BIG_ENDIAN_HOST ? __builtin_bswap32(word) : word;
}

/* run.c: the code of a node */
int32_t run_node(Engine *e, uint32_t thread, uint64_t *local, const Node *node);

/* ops.c: an op of a vector */
enum { OP_GOES_ON, OP_STOPS, OP_FAULTS };
int run_op(Engine *e, uint32_t thread, uint64_t *local, const Ins *ins);
int32_t enter(Engine *e, uint32_t thread, uint64_t *local, const Ins *ins);

/* step.c: steps */
void begin_step(Engine *e);
void take_step(Engine *e, uint32_t thread);
void end_step(Engine *e);
void settle(Engine *e, uint32_t thread, uint64_t *local);
void freeze(Engine *e, uint32_t thread, uint64_t *local);
bool is_failing(Engine *e, uint32_t thread, const uint64_t *local);
bool goes_round(Engine *e, uint32_t thread, const uint64_t *local);
bool is_ready(Engine *e, const uint64_t *const *threads, const System *system, uint32_t thread);
bool is_free(const Engine *e, const uint64_t *const *threads, uint32_t thread, int32_t cpu);
bool is_able(Engine *e, const uint64_t *local, uint32_t thread);
bool is_enabled(Engine *e, uint32_t thread);
void abort_section(Engine *e, uint32_t thread, uint64_t *local, int cause);
void preempt_others(Engine *e, uint32_t thread, int32_t cpu);
void switch_to(Engine *e, uint32_t thread, uint64_t *local, int32_t cpu);
void leave_cpu(Engine *e, uint32_t thread);
void look_at_ids(Engine *e, uint32_t thread, uint64_t *local, int event, int32_t before);
bool ids_are_stale(const Engine *e, uint32_t thread, int event);
uint64_t *working(Engine *e, uint32_t thread);
static inline const Node *node_of(const Engine *e, uint32_t thread, const uint64_t *local) {
    return &e->plan.threads[thread].nodes[POINT(local)];
}

/* disturb.c */
#define MOST_DISTURBANCES ((MOST_THREADS + 1) * MOST_KINDS * MOST_CPUS)
uint32_t disturbances(Engine *e, Decision *found);
void disturb(Engine *e, Decision decision);
void initial_state(Engine *e);

/* sharing.c */
bool sharing_begin(Engine *e);
bool sharing_note(Engine *e, uint32_t key, int32_t cpu);
void sharing_freeze(Engine *e);
size_t sharing_size(const Engine *e);
void sharing_save(Engine *e, uint8_t *to);
void sharing_load(Engine *e, const uint8_t *from);
void sharing_join(Engine *e, const Engine *other);
bool touches(const Engine *e, uint32_t reads, uint32_t writes, int class_);
bool apart(Engine *e, int32_t cpu);

/* symmetry.c: renames threads[] and memory so that they are those of the state that stands for it */
void canonical(Engine *e);
bool symmetry_begin(Engine *e);
void symmetry_end(Engine *e);

/* states.c */
bool states_begin(Engine *e); /* what each thread has of its own */
bool store_begin(Engine *e);  /* what all share */
void states_clear(Engine *e);
void states_end(Engine *e);
void store_end(Engine *e);
#define NO_STATE UINT64_MAX
void make_vector(Engine *e); /* e->vector becomes that of the state at hand */
void present(Engine *e); /* the state at hand becomes that of e->vector, where it is not yet */
void number_pieces(Engine *e, uint32_t undo);      /* those that have changed since, in e->vector */
uint32_t local_number(Engine *e, uint32_t thread); /* of the state at hand */
uint64_t vector_hash(const Engine *e);
/* The number of a state; a new one is given where it is new and `add` says so; NO_STATE: it is not there. */
uint64_t find_vector(Engine *e, const uint32_t *vector, uint64_t hash, bool add, bool *fresh);
void expect_slot(const Engine *e, uint64_t hash); /* it will be looked up soon; its state, too */
void expect_state(const Engine *e, uint64_t hash);
void go_to(Engine *e, uint64_t state);
bool add_came(Engine *e, uint64_t state, uint64_t source, Decision decision);
/* Of the table, for this file and together.c: where a hash is looked for first, and where after a place. */
static inline uint64_t first_slot(const Store *s, uint64_t hash) {
    return ((uint64_t)(uint32_t)hash >> s->part_shift) * s->part_size + (hash & (s->part_size - 1));
}
static inline uint64_t next_slot(const Store *s, uint64_t at) {
    uint64_t mask = s->part_size - 1;
    return (at & ~mask) | ((at + 1) & mask);
}
static inline uint64_t way_to(uint64_t source, Decision decision) {
    return (source & 0xffffffff) << 32 | (uint32_t)decision.kind << 16 | (uint32_t)decision.argument << 8
           | (uint8_t)decision.thread;
}
uint8_t *kept_vector(const Engine *e, uint64_t state);
uint64_t find_kept(const Engine *e, const void *kept, uint64_t hash); /* NO_STATE: it is not there */
const void *as_kept(const Engine *e, const uint32_t *vector); /* NULL: a number of it does not fit */
size_t number_size(const Engine *e);
size_t compared_size(const Engine *e); /* of a vector as it is kept */
bool make_blocks(Engine *e, uint64_t states);
bool make_came(Engine *e, uint64_t states);
void move_part(const Engine *e, uint32_t part, uint64_t *table);
bool widen_table(Engine *e, void (*move)(Engine *e, uint64_t *table));

/* memo.c: what steps did before */
bool memo_begin(Engine *e);
void memo_clear(Engine *e);
void memo_end(Engine *e);
bool recall(Engine *e, uint32_t thread);
void remember(Engine *e, uint32_t thread);
bool memorizes(const Engine *e);
bool before_failed(Engine *e);
Seen *seen_known(Engine *e, uint32_t thread, uint32_t number);
uint32_t renamed_known(Engine *e, uint32_t thread, uint32_t number, uint64_t names, uint32_t given);

/* orders.c: what symmetry did before */
bool orders_begin(Engine *e);
void orders_clear(Engine *e);
void orders_end(Engine *e);
bool order_known(Engine *e, const uint32_t *rank, uint32_t open, uint32_t *order_);
void note_order(Engine *e, const uint32_t *order_);
const uint32_t *memory_known(Engine *e, const uint32_t *order_);
void note_memory(Engine *e);

/* recheck.c: builds that look up nothing unseen */
#ifdef RECHECK
void recheck_step(Engine *e, uint32_t thread);
void recheck_canonical(Engine *e, const uint32_t *vector);
void memorize(Engine *e, bool steps);
#endif

/* together.c: several threads on one search */
bool together_begin(Engine *e);
void together_end(Engine *e);
void start_over_together(Engine *e);
/* Expand many states at once; false: there are too few. */
bool expand_together(Engine *e);
/* What a thread found while others do, too: a transition, a state without any.  find_out looks the state up
 * and gives it as put_out takes it, until the next look-up. */
uint64_t find_out(Engine *e, const uint32_t *vector, uint64_t hash, const void **kept);
void put_out(Engine *e, const Arriving *how, const void *kept, uint64_t target);
void put_end(Engine *e, uint64_t state);

/* probe.c */
void probe(Engine *e);

/* search.c */
double now(void); /* seconds of a clock that only goes on */
bool past(const Engine *e);
bool has_failed(Engine *e, const uint64_t *const *threads);
bool engine_begin(Engine *e);
bool thread_begin(Engine *e);
void thread_end(Engine *e);
void forget(Engine *e);
void expand(Engine *e, uint64_t state);
void keep_arriving(Engine *e);
void ended(Engine *e, uint64_t state);
void note_event(Engine *e, uint8_t what, uint64_t state);
#define MUCH_EFFORT (1u << 22) /* so many numbers added up by conditions */
void look_at_clock(Engine *e);
bool make_edges(Engine *e, uint64_t more);
static inline Edge edge_of(const Arriving *how, uint64_t target) {
    return (Edge){(uint32_t)how->source, (uint32_t)target, how->decision.kind, how->decision.argument,
                  how->decision.thread, (uint8_t)(how->committed | how->finite << 1)};
}
void engine_end(Engine *e);
void search(Engine *e);
bool rests(Engine *e);
bool quiescent(Engine *e);

#endif
