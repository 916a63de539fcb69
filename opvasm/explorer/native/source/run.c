/* The code of a step, or of a condition: a small machine with a stack of whole numbers.
 *
 * Its numbers have 128 bits; where one would have more the engine gives up, and the Python engine,
 * whose numbers have any size, takes over.
 */
#include "engine.h"

#include <string.h>

#define GIVES_UP(why)      \
    do {                   \
        e->bail = (why);   \
        return false;      \
    } while (0)

static number fitted(wide value, uint32_t size, bool is_signed) {
    uint64_t low = (uint64_t)value;
    switch (size) {
    case 1: return is_signed ? (number)(int8_t)low : (number)(uint8_t)low;
    case 2: return is_signed ? (number)(int16_t)low : (number)(uint16_t)low;
    case 4: return is_signed ? (number)(int32_t)low : (number)(uint32_t)low;
    default: return is_signed ? (number)(int64_t)low : (number)low;
    }
}

/* The answers of one instruction that takes two numbers; false: there is no value, or no room. */
static bool binary(Engine *e, const Ins *ins, number a, number b, number *found, bool *trouble) {
    switch (ins->op) {
    case I_ADD:
        if (__builtin_add_overflow(a, b, found)) GIVES_UP("a number has more than 128 bits");
        return true;
    case I_SUB:
        if (__builtin_sub_overflow(a, b, found)) GIVES_UP("a number has more than 128 bits");
        return true;
    case I_MUL:
        if (__builtin_mul_overflow(a, b, found)) GIVES_UP("a number has more than 128 bits");
        return true;
    case I_DIV:
    case I_MOD:
        if (b == 0) {
            *trouble = true;
            return false;
        }
        if (b == -1) { /* the smallest number has no opposite */
            if (ins->op == I_MOD) {
                *found = 0;
                return true;
            }
            if (__builtin_sub_overflow((number)0, a, found)) GIVES_UP("a number has more than 128 bits");
            return true;
        }
        *found = ins->op == I_DIV ? a / b : a % b;
        return true;
    case I_SHL:
    case I_SHR:
        if (b < 0 || b > 1024) {
            *trouble = true;
            return false;
        }
        if (ins->op == I_SHR) {
            *found = a >> (b > 127 ? 127 : (int)b);
            return true;
        }
        if (a == 0) {
            *found = 0;
            return true;
        }
        if (b > 126) GIVES_UP("a number has more than 128 bits");
        *found = (number)((wide)a << (int)b);
        if (*found >> (int)b != a) GIVES_UP("a number has more than 128 bits");
        return true;
    case I_AND: *found = a & b; return true;
    case I_OR: *found = a | b; return true;
    case I_XOR: *found = a ^ b; return true;
    case I_EQ: *found = a == b; return true;
    case I_NE: *found = a != b; return true;
    case I_LT: *found = a < b; return true;
    case I_LE: *found = PLANT(5) ? a < b : a <= b; return true;
    case I_GT: *found = a > b; return true;
    case I_GE: *found = a >= b; return true;
    case I_MULW: *found = fitted((wide)a * (wide)b, ins->a, ins->b); return true;
    case I_SHLW:
        if (b < 0 || b > 1024) {
            *trouble = true;
            return false;
        }
        *found = b > 63 ? 0 : fitted((wide)a << (int)b, ins->a, ins->b);
        return true;
    default: GIVES_UP("an instruction is not known");
    }
}

/* How many nodes the list has whose first address stands at `head`, as Length of terms.py says. */
static number list_length(Engine *e, number head, int64_t link, uint32_t limit) {
    wide node;
    uint32_t count = 0;
    uint64_t *seen = e->list_nodes;
    if (!load_number(e, head, e->plan.word, &node)) return 0;
    while (node != 0 && count < limit) {
        bool repeated = false;
        for (uint32_t i = 0; i < count && !repeated; i++) repeated = seen[i] == (uint64_t)node;
        seen[count++] = (uint64_t)node;
        if (repeated) break;
        if (!load_number(e, (number)node + link, e->plan.word, &node)) break;
    }
    return count;
}

/* The sum of numbers that lie one after the other; false: some of them are not there. */
static bool add_elements(Engine *e, const Ins *ins, number *at) {
    number sum = 0, address = *at;
    uint32_t reads = e->reads_count;
    for (int32_t i = 0; i < ins->c; i++, address += ins->a) {
        wide found;
        if (!load_number(e, address, ins->a, &found)) return false;
        sum += fitted(found, ins->a, ins->b);
        e->reads_count = reads; /* nobody asks what a condition has read */
    }
    e->effort += (uint32_t)ins->c;
    *at = sum;
    return true;
}

/* Take a step's CPU lock: a byte of the state, by its index. */
static bool take_lock(Engine *e, number cpu) {
    static const uint8_t taken = 1;
    if (cpu < 0 || cpu >= e->plan.cpus) GIVES_UP("a lock of no CPU");
    set_memory(e, e->plan.lock_start + 2 * (uint32_t)cpu, &taken, 1, true);
    return true;
}

typedef enum { GOES, CRASHES, ANSWERS } End;

/* Run code; `point` is where the step goes on, `answer` what a condition says. */
static End run(Engine *e, uint32_t thread, uint64_t *local, uint32_t code, int32_t *point,
               number *answer) {
    const Thread *t = &e->plan.threads[thread];
    number stack[MOST_STACK + 1];
    int top = 0;
    for (const Ins *ins = &e->plan.code[code];; ins++) {
        switch (ins->op) {
        case I_CONST: stack[top++] = ins->a ? (number)(uint64_t)ins->d : (number)ins->d; break;
        case I_REG: stack[top++] = register_value(e, t, local, ins->c); break;
        case I_CPU: stack[top++] = CPU(local); break;
        case I_SET: set_register(e, t, local, ins->c, stack[--top]); break;
        case I_NEG:
            if (__builtin_sub_overflow((number)0, stack[top - 1], &stack[top - 1])) {
                e->bail = "a number has more than 128 bits";
                return CRASHES;
            }
            break;
        case I_INV: stack[top - 1] = ~stack[top - 1]; break;
        case I_NOT: stack[top - 1] = !stack[top - 1]; break;
        case I_FIT:
            if (ins->a == 16) { /* what has a sign, or 128 bits, is not to be had here */
                if (stack[top - 1] >= 0) break;
                e->bail = "a number has more than 127 bits";
                return CRASHES;
            }
            stack[top - 1] = fitted((wide)stack[top - 1], ins->a, PLANT(6) ? 0 : ins->b);
            break;
        case I_LOAD: {
            wide found;
            if (!load_number(e, stack[top - 1], ins->a, &found)) return CRASHES;
            stack[top - 1] = fitted(found, ins->a, ins->b);
            break;
        }
        case I_STORE:
            top -= 2;
            if (!store_number(e, stack[top], ins->a, (wide)stack[top + 1])) return CRASHES;
            break;
        case I_PEEK:
            stack[top++] = fitted(number_at(e->memory + ins->c, ins->a, e->plan.big_endian), ins->a, ins->b);
            break;
        case I_EXCHANGE: {
            wide found;
            top -= 2;
            if (!load_number(e, stack[top - 1], ins->a, &found)) return CRASHES;
            number there = fitted(found, ins->a, ins->b);
            if (there == fitted((wide)stack[top], ins->a, ins->b)
                && !store_number(e, stack[top - 1], ins->a, (wide)stack[top + 1]))
                return CRASHES;
            stack[top - 1] = there;
            break;
        }
        case I_TAKE_LOCK:
            if (!take_lock(e, register_value(e, t, local, ins->c))) return CRASHES;
            break;
        case I_JZ:
            if (stack[--top] == 0) ins = &e->plan.code[ins->c - 1];
            break;
        case I_JUMP: ins = &e->plan.code[ins->c - 1]; break;
        case I_GO: *point = ins->c; return GOES;
        case I_COVER: e->covered[ins->c] = 1; break;
        case I_GUARD: set_guard(local, ins->a); break;
        case I_OP: {
            int32_t fault = (int32_t)(ins->d & 0xffffffff);
            int how = run_op(e, thread, local, ins);
            if (how == OP_FAULTS) {
                if (fault == NOWHERE) return CRASHES;
                *point = fault;
                return GOES;
            }
            stack[top++] = how == OP_STOPS;
            break;
        }
        case I_ENTER: ins += enter(e, thread, local, ins); break;
        case I_GIVE_UP: e->bail = "a step has no way to go on"; return CRASHES;
        case I_REGISTER_OF:
            stack[top++] = register_value(e, &e->plan.threads[ins->b], e->threads[ins->b], ins->c);
            break;
        case I_ENDED: stack[top++] = node_of(e, ins->b, e->threads[ins->b])->kind == END; break;
        case I_ELEMENTS:
            if (!add_elements(e, ins, &stack[top - 1])) return CRASHES;
            break;
        case I_LENGTH: stack[top - 1] = list_length(e, stack[top - 1], ins->d, (uint32_t)ins->c); break;
        case I_ANSWER: *answer = stack[0]; return ANSWERS;
        default: {
            bool trouble = false;
            top--;
            if (!binary(e, ins, stack[top - 1], stack[top], &stack[top - 1], &trouble)) return CRASHES;
        }
        }
    }
}

/* Run the code of a node on a thread's local state; says where the thread stands then. */
int32_t run_node(Engine *e, uint32_t thread, uint64_t *local, const Node *node) {
    int32_t point = POINT(local);
    number answer;
    if (node->kind == END || node->kind == FAIL) return point;
    if (run(e, thread, local, node->code, &point, &answer) != GOES) return e->plan.threads[thread].crash;
    return point;
}

/* What a condition or a column says of the state at hand; false: it has no value there. */
bool run_claim(Engine *e, const Claim *claim, number *answer) {
    int32_t point;
    uint32_t reads = e->reads_count;
    End how = run(e, 0, NULL, claim->code, &point, answer);
    e->reads_count = reads;
    return how == ANSWERS;
}
