/*
 * The yardstick: cpu_opv's ten ops of 2017-11 (64-bit, little-endian) in plain C.
 *
 * It does for each call what a kernel has to do, and nothing else: copy the vector in, check it,
 * look up the pages of every operand in a page table of four levels, then run the ops on them.
 *
 *   raw VECTOR CALLS PAGE...     runs the ops of a file; pages are addresses, filled with zeros
 *
 * It prints nanoseconds a call, the last result, and a sum over all bytes of the pages.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE 4096u
#define OPS_MAX 16
#define SUM_MAX (4096u + 15u * 8u)
#define TASK_SIZE 0x7ffffffff000ull
#define CHUNK 64u

struct op {
	int32_t op;
	uint32_t len;
	uint64_t a, b;
	uint8_t rest[8];
};

static void **table; /* four levels of 512 entries */

static void **entry(uint64_t address, int create)
{
	void **level = table;

	for (int shift = 39; shift > 12; shift -= 9) {
		void **slot = &level[(address >> shift) & 511];

		if (!*slot) {
			if (!create)
				return NULL;
			*slot = calloc(512, sizeof(void *));
		}
		level = *slot;
	}
	return &level[(address >> 12) & 511];
}

static uint8_t *at(uint64_t address)
{
	void **slot = entry(address, 0);

	return slot && *slot ? (uint8_t *)*slot + (address & (PAGE - 1)) : NULL;
}

/* Move bytes between user memory and a buffer, page by page. */
static int move(uint64_t address, uint8_t *buffer, uint32_t length, int store)
{
	while (length) {
		uint32_t room = PAGE - (address & (PAGE - 1));
		uint32_t size = length < room ? length : room;
		uint8_t *page = at(address);

		if (!page)
			return -14;
		if (store)
			memcpy(page, buffer, size);
		else
			memcpy(buffer, page, size);
		address += size;
		buffer += size;
		length -= size;
	}
	return 0;
}

static int is_word(uint32_t length)
{
	return length == 1 || length == 2 || length == 4 || length == 8;
}

static int check(const struct op *ops, int count)
{
	uint32_t sum = 0;

	for (int i = 0; i < count; i++) {
		const struct op *op = &ops[i];

		if (op->op != 9)
			sum += op->len;
		if (op->op >= 0 && op->op <= 2) {
			if (op->len > PAGE)
				return -22;
		} else if (op->op >= 3 && op->op <= 8) {
			if (!is_word(op->len))
				return -22;
			if (op->op >= 7 && (uint32_t)op->b > 8 * op->len - 1)
				return -22;
		} else if (op->op != 9) {
			return -22;
		}
	}
	return sum > SUM_MAX ? -22 : 0;
}

static int pin(uint64_t address, uint32_t length)
{
	if (address > TASK_SIZE || length > TASK_SIZE - address)
		return -14;
	if (!length)
		return 0;
	for (uint64_t page = address & ~(uint64_t)(PAGE - 1); page < address + length; page += PAGE)
		if (!at(page))
			return -14;
	return 0;
}

static int pin_all(const struct op *ops, int count)
{
	for (int i = 0; i < count; i++) {
		if (ops[i].op == 9)
			continue;
		if (pin(ops[i].a, ops[i].len))
			return -14;
		if (ops[i].op <= 2 && pin(ops[i].b, ops[i].len))
			return -14;
	}
	return 0;
}

static int differ(const struct op *op)
{
	uint8_t a[CHUNK], b[CHUNK];

	for (uint32_t done = 0; done < op->len; done += CHUNK) {
		uint32_t size = op->len - done < CHUNK ? op->len - done : CHUNK;

		if (move(op->a + done, a, size, 0) || move(op->b + done, b, size, 0))
			return -14;
		if (memcmp(a, b, size))
			return 1;
	}
	return 0;
}

static int copy(const struct op *op)
{
	uint8_t buffer[CHUNK];

	for (uint32_t done = 0; done < op->len; done += CHUNK) {
		uint32_t size = op->len - done < CHUNK ? op->len - done : CHUNK;

		if (move(op->b + done, buffer, size, 0) || move(op->a + done, buffer, size, 1))
			return -14;
	}
	return 0;
}

static int arithmetic(const struct op *op)
{
	uint64_t value = 0;

	if (move(op->a, (uint8_t *)&value, op->len, 0))
		return -14;
	switch (op->op) {
	case 3: value += op->b; break;
	case 4: value |= op->b; break;
	case 5: value &= op->b; break;
	case 6: value ^= op->b; break;
	case 7: value <<= (uint32_t)op->b; break;
	case 8: value >>= (uint32_t)op->b; break;
	}
	return move(op->a, (uint8_t *)&value, op->len, 1);
}

static int run(const struct op *ops, int count)
{
	for (int i = 0; i < count; i++) {
		int outcome;

		switch (ops[i].op) {
		case 0:
		case 1:
			outcome = differ(&ops[i]);
			if (outcome < 0)
				return outcome;
			if (outcome == (ops[i].op == 0))
				return i + 1;
			break;
		case 2:
			outcome = copy(&ops[i]);
			if (outcome)
				return outcome;
			break;
		case 9:
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			break;
		default:
			outcome = arithmetic(&ops[i]);
			if (outcome)
				return outcome;
		}
	}
	return 0;
}

static int cpu_opv(const struct op *user_ops, int count)
{
	struct op ops[OPS_MAX];
	int error;

	if (count < 0 || count > OPS_MAX)
		return -22;
	memcpy(ops, user_ops, count * sizeof(*ops));
	error = check(ops, count);
	if (!error)
		error = pin_all(ops, count);
	return error ? error : run(ops, count);
}

int main(int argc, char **argv)
{
	struct op ops[OPS_MAX];
	struct timespec start, end;
	uint64_t sum = 0;
	int count, result = 0;
	long calls;
	FILE *file;

	if (argc < 3 || !(file = fopen(argv[1], "rb")))
		return 2;
	count = fread(ops, sizeof(*ops), OPS_MAX, file);
	fclose(file);
	calls = atol(argv[2]);
	table = calloc(512, sizeof(void *));
	for (int i = 3; i < argc; i++)
		*entry(strtoull(argv[i], NULL, 0), 1) = calloc(1, PAGE);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long i = 0; i < calls; i++)
		result = cpu_opv(ops, count);
	clock_gettime(CLOCK_MONOTONIC, &end);
	for (int i = 3; i < argc; i++) {
		uint8_t *page = at(strtoull(argv[i], NULL, 0));

		for (unsigned int byte = 0; byte < PAGE; byte++)
			sum = sum * 31 + page[byte];
	}
	printf("%.3f %d %llu\n",
	       ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / calls, result,
	       (unsigned long long)sum);
	return 0;
}
