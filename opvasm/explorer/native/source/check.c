/* The code of steps and conditions, checked before it runs: every operand, every jump, the stack. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* How many numbers each instruction takes from the stack, and how many it leaves there. */
static const struct {
    uint8_t takes, leaves;
} EFFECT[INSTRUCTIONS] = {
    [I_CONST] = {0, 1}, [I_REG] = {0, 1}, [I_CPU] = {0, 1}, [I_SET] = {1, 0}, [I_ADD] = {2, 1},
    [I_SUB] = {2, 1}, [I_MUL] = {2, 1}, [I_DIV] = {2, 1}, [I_MOD] = {2, 1}, [I_SHL] = {2, 1},
    [I_SHR] = {2, 1}, [I_AND] = {2, 1}, [I_OR] = {2, 1}, [I_XOR] = {2, 1}, [I_EQ] = {2, 1},
    [I_NE] = {2, 1}, [I_LT] = {2, 1}, [I_LE] = {2, 1}, [I_GT] = {2, 1}, [I_GE] = {2, 1},
    [I_NEG] = {1, 1}, [I_INV] = {1, 1}, [I_NOT] = {1, 1}, [I_FIT] = {1, 1}, [I_MULW] = {2, 1},
    [I_SHLW] = {2, 1}, [I_LOAD] = {1, 1}, [I_STORE] = {2, 0}, [I_PEEK] = {0, 1},
    [I_EXCHANGE] = {3, 1}, [I_JZ] = {1, 0}, [I_OP] = {0, 1}, [I_REGISTER_OF] = {0, 1},
    [I_ENDED] = {0, 1}, [I_LENGTH] = {1, 1}, [I_ANSWER] = {1, 0}, [I_ELEMENTS] = {1, 1},
};

static bool is_size(int64_t size) { return size == 1 || size == 2 || size == 4 || size == 8; }

static bool register_is_there(const Thread *t, int64_t r) {
    return t != NULL && r >= 0 && r < (int64_t)t->registers_count;
}

/* What is wrong with the operands of an instruction; NULL where nothing is. */
static const char *check_operands(const Plan *p, const Thread *t, uint32_t thread, const Ins *ins,
                                  uint32_t at, uint32_t end) {
    switch (ins->op) {
    case I_REG:
    case I_SET:
        return register_is_there(t, ins->c) ? NULL : "no register has that number";
    case I_FIT:
        return is_size(ins->a) || (ins->a == 16 && !ins->b) ? NULL : "no number is so wide";
    case I_MULW:
    case I_SHLW:
        return is_size(ins->a) ? NULL : "no number is so wide";
    case I_LOAD:
    case I_STORE:
    case I_EXCHANGE:
        return is_size(ins->a) ? NULL : "no access is so wide";
    case I_PEEK:
        if (!is_size(ins->a) || ins->c < 0 || (uint64_t)ins->c + ins->a > p->memory_size)
            return "an id lies outside of memory";
        return NULL;
    case I_TAKE_LOCK:
        return register_is_there(t, ins->c) ? NULL : "no register has that number";
    case I_JZ:
    case I_JUMP:
        return ins->c > (int64_t)at && (uint32_t)ins->c < end ? NULL : "a jump leads out of its code";
    case I_GO:
        return t != NULL && ins->c >= 0 && (uint32_t)ins->c < t->nodes_count ? NULL
                                                                            : "a step leads nowhere";
    case I_COVER:
        return ins->c >= 0 && (uint32_t)ins->c < p->cover_count ? NULL : "no coverage has that number";
    case I_GUARD:
        return ins->a <= OFFLINE ? NULL : "no guard has that number";
    case I_OP: {
        int32_t fault = (int32_t)(ins->d & 0xffffffff), pending = (int32_t)(ins->d >> 32);
        if (ins->a >= PHASES) return "no part of an op has that number";
        if (ins->c < 0 || (uint32_t)ins->c >= p->sites_count) return "no site has that number";
        const Site *site = &p->sites[ins->c];
        if (site->thread != thread || ins->b >= site->ops) return "no op has that number";
        if (fault < NOWHERE || fault >= (int64_t)t->nodes_count) return "a fault leads nowhere";
        if (ins->a != P_RUN && !register_is_there(t, pending)) return "no register has that number";
        return NULL;
    }
    case I_ENTER:
        if (ins->c < 0 || (uint32_t)ins->c >= p->sites_count || p->sites[ins->c].thread != thread)
            return "no site has that number";
        if (end - at < 6) return "a call has too few ways";
        for (uint32_t i = 1; i <= 5; i++)
            if (p->code[at + i].op != I_GO) return "a call has too few ways";
        return NULL;
    case I_REGISTER_OF:
        if (ins->b >= p->threads_count) return "no thread has that number";
        return register_is_there(&p->threads[ins->b], ins->c) ? NULL : "no register has that number";
    case I_ENDED:
        return ins->b < p->threads_count ? NULL : "no thread has that number";
    case I_ELEMENTS:
        return is_size(ins->a) && ins->c >= 0 && (uint32_t)ins->c <= p->memory_size ? NULL : "no memory holds so much";
    case I_LENGTH:
        return ins->a == p->word && ins->c > 0 && ins->c <= (1 << 16) ? NULL : "no list is like that";
    default:
        return NULL;
    }
}

/* Which instructions stand in steps, and which in conditions. */
static bool belongs(uint8_t op, bool step) {
    switch (op) {
    case I_REG: case I_CPU: case I_SET: case I_STORE: case I_PEEK: case I_EXCHANGE: case I_TAKE_LOCK:
    case I_GO: case I_COVER: case I_GUARD: case I_OP: case I_ENTER:
        return step;
    case I_REGISTER_OF: case I_ENDED: case I_LENGTH: case I_ANSWER: case I_ELEMENTS:
        return !step;
    default:
        return true;
    }
}

static bool ends(uint8_t op) { return op == I_GO || op == I_GIVE_UP || op == I_ANSWER; }

static const char *check_segment(const Plan *p, const Thread *t, uint32_t thread, uint32_t start,
                                 uint32_t end, int16_t *depth) {
    if (start == end) return "a step without code";
    for (uint32_t i = start; i < end; i++) depth[i - start] = -1;
    depth[0] = 0;
    for (uint32_t i = start; i < end; i++) {
        const Ins *ins = &p->code[i];
        int16_t now = depth[i - start];
        if (now < 0) return "code that nothing leads to";
        if (ins->op >= INSTRUCTIONS || !belongs(ins->op, t != NULL))
            return "no instruction has that number";
        const char *wrong = check_operands(p, t, thread, ins, i, end);
        if (wrong != NULL) return wrong;
        int16_t after = (int16_t)(now - EFFECT[ins->op].takes);
        if (after < 0) return "the stack is too short";
        after = (int16_t)(after + EFFECT[ins->op].leaves);
        if (after > MOST_STACK) return "the stack is too long";
        if (ins->op == I_ENTER) { /* the ways after it */
            for (uint32_t way = 1; way <= 5; way++) depth[i + way - start] = after;
            continue;
        }
        if (ends(ins->op)) {
            if (after != 0 && ins->op != I_GIVE_UP) return "numbers are left on the stack";
            continue;
        }
        if (ins->op == I_JZ || ins->op == I_JUMP) {
            int16_t *there = &depth[(uint32_t)ins->c - start];
            if (*there >= 0 && *there != after) return "the stack is not the same on both ways";
            *there = after;
            if (ins->op == I_JUMP) continue;
        }
        if (i + 1 == end) return "code runs out at its end";
        if (depth[i + 1 - start] >= 0 && depth[i + 1 - start] != after)
            return "the stack is not the same on both ways";
        depth[i + 1 - start] = after;
    }
    return NULL;
}

const char *check_code(const Plan *p) {
    int16_t *depth = malloc((p->code_count + 1) * sizeof *depth);
    const char *wrong = depth == NULL ? "there is no memory left" : NULL;
    for (uint32_t i = 0; wrong == NULL && i < p->threads_count; i++) {
        const Thread *t = &p->threads[i];
        for (uint32_t each = 0; wrong == NULL && each < t->nodes_count; each++) {
            const Node *node = &t->nodes[each];
            if (node->kind == HANDLER_RETURN || node->kind == END || node->kind == FAIL) continue;
            wrong = check_segment(p, t, i, node->code, node->code_end, depth);
        }
    }
    for (uint32_t i = 0; wrong == NULL && i < p->claims_count + p->columns_count; i++)
        wrong = check_segment(p, NULL, 0, p->claims[i].code, p->claims[i].code_end, depth);
    free(depth);
    return wrong;
}
