/* The 29 cases that the kernel's own test of cpu_opv asked (revisions 2018-03 and 2018-04), and more of
 * our own: alignment, overlap, page crossing, lengths, read-only memory, order of errors.
 *
 *   selftest [--no-query] [--zero-page-refused] [--pages N]
 *
 * The first two are for revisions that have no query flag, or refuse to read memory never written. N is how
 * many pages that were never touched are copied, each by a call of its own: the kernel's test took 16384. */
#include "cpu_opv.h"

#define BIG 4096
#define PAGES 16384

static uint8_t pattern[BIG], zeros[BIG], buffer[4][BIG];
static uint8_t untouched_source[PAGES * 4096], untouched_target[PAGES * 4096];
static int has_query = 1, zero_page_refused, pages = PAGES;

static int here(void)
{
	return sched_getcpu();
}

/* A call on the current CPU, again while it answers EAGAIN. */
static long run(const struct cpu_op *ops, int count)
{
	long result;
	while ((result = call(ops, count, here())) == -EAGAIN)
		;
	return result;
}

static void compares(void)
{
	uint8_t *b1 = buffer[0], *b2 = buffer[1], *b3 = buffer[2], *b4 = buffer[3];
	struct cpu_op eq[] = {OP_EQ(b2, b1, 16), OP_EQ(b4, b3, 16)};
	struct cpu_op ne[] = {OP_NE(b2, b1, 16), OP_NE(b4, b3, 16)};

	CHECK_RESULT(run(&OP_EQ(pattern, pattern, BIG), 1), 0);
	CHECK_RESULT(run(&OP_EQ(zeros, pattern, BIG), 1), 1);
	CHECK_RESULT(run(&OP_NE(pattern, pattern, BIG), 1), 1);
	CHECK_RESULT(run(&OP_NE(zeros, pattern, BIG), 1), 0);
	memset(buffer, 0, sizeof buffer);
	CHECK_RESULT(run(ne, 2), 1);
	memcpy(b1, pattern, BIG);
	CHECK_RESULT(run(eq, 2), 1);
	memcpy(b2, pattern, BIG);
	CHECK_RESULT(run(eq, 2), 0);
	memcpy(b3, pattern, BIG);
	CHECK_RESULT(run(eq, 2), 2);
	memset(b2, 0, BIG);
	CHECK_RESULT(run(ne, 2), 0);
	memcpy(b4, pattern, BIG);
	CHECK_RESULT(run(ne, 2), 2);
	for (int length = 0; length <= 9; length++)
		for (int differ = 0; differ < 2; differ++) {
			memset(buffer, 7, sizeof buffer);
			if (length && differ)
				b2[length] = 8; /* the last byte of a misaligned range */
			int same = !(length && differ);
			CHECK_RESULT(run(&OP_EQ(b1 + 1, b2 + 1, length), 1), same ? 0 : 1);
			CHECK_RESULT(run(&OP_NE(b1 + 1, b2 + 1, length), 1), same ? 1 : 0);
		}
}

static void copies(void)
{
	uint8_t *target = buffer[0];
	int v1 = 42, v2 = 0, v3 = 0;
	struct cpu_op chain[] = {OP_COPY(&v2, &v1, 4), OP(MB, 0, 0, 0), OP_COPY(&v3, &v2, 4)};

	memset(target, 0, BIG);
	CHECK_RESULT(run(&OP_COPY(target, pattern, BIG), 1), 0);
	CHECK(!memcmp(target, pattern, BIG));
	CHECK_RESULT(run(chain, 3), 0);
	CHECK(v2 == 42 && v3 == 42);
	for (int length = 0; length < 130; length++) { /* across a page, at odd addresses */
		memset(buffer, 0xEE, sizeof buffer);
		uint8_t *odd = buffer[1] - 33;
		CHECK_RESULT(run(&OP_COPY(odd, pattern + 5, length), 1), 0);
		CHECK(!memcmp(odd, pattern + 5, length));
		CHECK(odd[-1] == 0xEE && odd[length] == 0xEE);
	}
	/* dst before src by less than the length: well defined in every revision that says so. */
	memcpy(target, pattern, BIG);
	CHECK_RESULT(run(&OP_COPY(target, target + 8, 200), 1), 0);
	CHECK(!memcmp(target, pattern + 8, 200));
	for (int length = 1; length <= 8; length *= 2) { /* overlapping words are read whole first */
		memcpy(target, pattern, 32);
		CHECK_RESULT(run(&OP_COPY(target + 1, target, length), 1), 0);
		CHECK(!memcmp(target + 1, pattern, length));
	}
}

static void words(void)
{
	static const uint64_t mask_of[9] = {[1] = 0xFF, [2] = 0xFFFF, [4] = 0xFFFFFFFF, [8] = ~0ull};
	static const uint64_t counts[] = {0, 1, 0x80, 0x12345678, (uint64_t)-1, 1ull << 63, 0xFFF};
	static const uint64_t values[] = {0, 42, 0xF00, 0xFF00000, 0x8000000000000001ull, ~0ull};

	for (unsigned offset = 0; offset < 9; offset += 3) /* aligned and not, and across a page */
		for (int length = 1; length <= 8; length *= 2)
			for (unsigned c = 0; c < sizeof counts / 8; c++)
				for (unsigned i = 0; i < sizeof values / 8; i++) {
					uint64_t count = counts[c], value = values[i], mask = mask_of[length], got = 0;
					unsigned bits = c % (8 * length);
					uint8_t *p = buffer[1] - 4 + offset;
					uint64_t expected[] = {value + count, value | count, value & count,
					                       value ^ count, value << bits, (value & mask) >> bits};
					for (int op = ADD; op <= RSHIFT; op++) {
						memcpy(p, &value, 8);
						uint64_t operand = op >= LSHIFT ? bits : count;
						CHECK_RESULT(run(&OP(op, length, ADDRESS(p), operand), 1), 0);
						got = 0;
						memcpy(&got, p, length);
						CHECK_RESULT(got, expected[op - ADD] & mask);
						if (length < 8)
							CHECK(!memcmp(p + length, (uint8_t *)&value + length, 8 - length));
					}
				}
	int twice = 42;
	struct cpu_op two[] = {OP_ADD(&twice, 99, 4), OP_ADD(&twice, 123, 4)};
	CHECK_RESULT(run(two, 2), 0);
	CHECK_RESULT(twice, 264);
}

static void exchanges(void)
{
	uint64_t v = 1, expect = 1, new = 3, old = 99;
	struct cpu_op ops[] = {OP_COPY(&old, &v, 8), OP_EQ(&v, &expect, 8), OP_COPY(&v, &new, 8)};

	CHECK_RESULT(run(ops, 3), 0);
	CHECK(v == 3 && old == 1);
	v = 1, expect = 123, old = 99;
	CHECK_RESULT(run(ops, 3), 2);
	CHECK(v == 1 && old == 1); /* what ran before the compare stays done */
}

static void faults(void)
{
	uint64_t word = 7;
	struct cpu_op op = OP_COPY(buffer[0], NULL, BIG);
	memset(buffer[0], 1, BIG);
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);
	op.fault_second = 1;
	CHECK_RESULT(call(&op, 1, here()), -EAGAIN);
	op = OP_COPY(NULL, pattern, 8);
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);
	op.fault_second = 1; /* the other operand's flag decides nothing */
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);
	op.fault_first = 0xFF;
	CHECK_RESULT(call(&op, 1, here()), -EAGAIN);

	/* A shift's flag stands elsewhere. */
	op = OP(LSHIFT, 8, 8, (uint64_t)1 << 32 | 1);
	CHECK_RESULT(call(&op, 1, here()), -EAGAIN);
	op = OP(LSHIFT, 8, 8, 1);
	op.fault_first = 1;
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);

	/* Everything is checked before anything runs. */
	struct cpu_op late[] = {OP_ADD(&word, 1, 8), OP_NE(&word, &word, 8), OP_ADD(NULL, 1, 8)};
	CHECK_RESULT(call(late, 3, here()), -EFAULT);
	CHECK_RESULT(word, 7);

	uint8_t *area = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 1, 3 * 4096);
	mprotect(area + 4096, 4096, PROT_READ);
	munmap(area + 8192, 4096);
	op = OP_COPY(area, area + 4096, 4096);
	CHECK_RESULT(run(&op, 1), 0);
	op = OP_COPY(area + 4096, area, 4096);
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);
	op = OP_COPY(area + 4000, area, 200); /* the second page is read-only: nothing is written */
	memset(area + 4000, 9, 96);
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);
	CHECK(area[4000] == 9 && area[4095] == 9);
	op = OP_EQ(area + 4096, area + 8190, 8);
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);
	mprotect(area, 4096, PROT_NONE);
	op = OP_EQ(area, pattern, 8);
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);
	mprotect(area, 4096, PROT_READ | PROT_WRITE); /* and it works again */
	CHECK_RESULT(run(&op, 1), 1);
	munmap(area, 8192);
	CHECK_RESULT(call(&op, 1, here()), -EFAULT);

	/* Addresses of the kernel, also for no bytes; wrapping ranges. */
	CHECK_RESULT(call(&OP_EQ(0xFFFF800000000000, pattern, 8), 1, here()), -EFAULT);
	CHECK_RESULT(call(&OP_EQ(0xFFFF800000000000, pattern, 0), 1, here()), -EFAULT);
	CHECK_RESULT(run(&OP_EQ(16, pattern, 0), 1), 0);
	CHECK_RESULT(call((void *)8, 1, here()), -EFAULT);
	CHECK_RESULT(call((void *)0xFFFF800000000000, 1, here()), -EFAULT);
	CHECK_RESULT(call((void *)0xFFFF800000000000, 0, here()), 0);

	/* A vector that overwrites itself was read before. */
	struct cpu_op self[] = {OP_COPY(NULL, pattern, 8), OP_ADD(&word, 1, 8)};
	self[0].first = ADDRESS(&self[1]);
	CHECK_RESULT(run(self, 2), 0);
	CHECK_RESULT(word, 8);

	/* A vector on two pages, the second unreadable. */
	area = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct cpu_op *split = (struct cpu_op *)(area + 4096 - 32);
	split[0] = split[1] = OP_ADD(&word, 1, 8);
	CHECK_RESULT(run(split, 2), 0);
	mprotect(area + 4096, 4096, PROT_NONE);
	CHECK_RESULT(call(split, 2, here()), -EFAULT);
	CHECK_RESULT(run(split, 1), 0);
	CHECK_RESULT(word, 11);
}

static void arguments(void)
{
	struct cpu_op barriers[17], copies[2] = {OP_COPY(buffer[0], pattern, BIG), OP_COPY(buffer[1], pattern, BIG)};
	for (int i = 0; i < 17; i++)
		barriers[i] = OP(MB, 0, 0, 0);
	if (has_query) {
		CHECK_RESULT(cpu_opv(NULL, 0, -1, 1), 10);
		CHECK(cpu_opv(NULL, 0, 0, 3) == -1 && errno == EINVAL);
	} else
		CHECK(cpu_opv(NULL, 0, 0, 1) == -1 && errno == EINVAL);
	CHECK(cpu_opv(NULL, 0, 0, 2) == -1 && errno == EINVAL);
	CHECK_RESULT(call(&OP(-1, 0, 0, 0), 1, here()), -EINVAL);
	CHECK_RESULT(call(&OP(10, 0, 0, 0), 1, here()), -EINVAL);
	CHECK_RESULT(run(barriers, 16), 0);
	CHECK_RESULT(call(barriers, 17, here()), -EINVAL);
	CHECK_RESULT(call(barriers, -1, here()), -EINVAL);
	CHECK_RESULT(run(NULL, 0), 0);
	CHECK_RESULT(call(&OP_COPY(buffer[0], pattern, 65537), 1, here()), -EINVAL);
	CHECK_RESULT(call(copies, 2, here()), -EINVAL);
	for (int length = 0; length <= 16; length++) {
		int word = length == 1 || length == 2 || length == 4 || length == 8;
		CHECK_RESULT(run(&OP(ADD, length, ADDRESS(buffer[0]), 1), 1), word ? 0 : -EINVAL);
		if (word) {
			CHECK_RESULT(run(&OP(LSHIFT, length, ADDRESS(buffer[0]), 8 * length - 1), 1), 0);
			CHECK_RESULT(call(&OP(LSHIFT, length, ADDRESS(buffer[0]), 8 * length), 1, here()), -EINVAL);
		}
	}
	/* EINVAL of a later op is answered before EFAULT of an earlier one. */
	struct cpu_op order[] = {OP_ADD(NULL, 1, 8), OP_ADD(buffer[0], 1, 3)};
	CHECK_RESULT(call(order, 2, here()), -EINVAL);
	/* EFAULT is answered before a CPU that can't be had. */
	CHECK_RESULT(call(order, 1, CPUS_MAX * 100), -EFAULT);
	CHECK_RESULT(call(&OP_ADD(buffer[0], 1, 8), 1, CPUS_MAX * 100), -EINVAL);
	CHECK_RESULT(call(&OP_ADD(buffer[0], 1, 8), 1, -1), -EINVAL);
}

static void first_touch(void)
{
	uint8_t *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_RESULT(call(&OP_EQ(area, zeros, 8), 1, here()), zero_page_refused ? -EFAULT : 0);
	CHECK(area[4096] == 0); /* now it is the zero page */
	CHECK_RESULT(call(&OP_EQ(area + 4096, zeros, 8), 1, here()), zero_page_refused ? -EFAULT : 0);
	CHECK_RESULT(run(&OP_ADD(area, 5, 8), 1), 0); /* a write gives it a page */
	CHECK_RESULT(run(&OP_NE(area, zeros, 8), 1), 0);
	munmap(area, 8192);
	if (zero_page_refused)
		return;
	for (int i = 0; i < pages; i++)
		if (run(&OP_COPY(untouched_target + 4096 * i, untouched_source + 4096 * i, 4096), 1)) {
			CHECK(!"copy of untouched pages");
			break;
		}
	for (size_t i = 0; i < 4096ul * pages; i += 509)
		CHECK(untouched_target[i] == 0);
}

static void huge_pages(void)
{
	size_t size = 2 << 20;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
	uint8_t *source = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	uint8_t *target = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (source == MAP_FAILED || target == MAP_FAILED) {
		printf("selftest: no huge pages here, that case is skipped\n");
		return;
	}
	for (int round = zero_page_refused; round < 2; round++) {
		if (round)
			for (size_t i = 0; i < size; i += 8)
				*(uint64_t *)(source + i) = i;
		for (size_t i = 0; i < size; i += 4096)
			CHECK_RESULT(run(&OP_COPY(target + i, source + i, 4096), 1), 0);
		CHECK(!memcmp(source, target, size));
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		has_query &= strcmp(argv[i], "--no-query") != 0;
		zero_page_refused |= strcmp(argv[i], "--zero-page-refused") == 0;
		if (strcmp(argv[i], "--pages") == 0 && i + 1 < argc)
			pages = atoi(argv[++i]);
	}
	for (int i = 0; i < BIG; i++)
		pattern[i] = i % 256;
	if (pages < 1 || pages > PAGES) {
		fprintf(stderr, "selftest: --pages is a number from 1 to %d\n", PAGES);
		return 2;
	}
	memset(zeros, 1, BIG);
	memset(zeros, 0, BIG); /* written, so no page of it is the shared zero page */
	memset(buffer, 1, sizeof buffer);
	compares();
	copies();
	words();
	exchanges();
	faults();
	arguments();
	first_touch();
	huge_pages();
	return finish("selftest");
}
