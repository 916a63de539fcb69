/* A per-CPU cache in front of glibc's malloc, as a library for LD_PRELOAD.
 *
 *     opvasm emit samples/c/malloc_cache.opv --index list=lists -o malloc_cache.h
 *     gcc -O2 -fPIC -shared -I. samples/c/malloc_cache.c -o malloc_cache.so -lpthread
 *     LD_PRELOAD=./malloc_cache.so python3 -m test test_dict
 *
 * Blocks are glibc's own, so whatever it knows (their size, which arena they are of) stays true, and a
 * block may always go back to it. A class is the size of glibc's chunk in steps of 16 bytes. With
 * MALLOC_CACHE_REPORT=1 a program's last line says what the cache has done. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include "malloc_cache.h"

void *__libc_malloc(size_t size);
void __libc_free(void *block);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

enum { CLASSES = 64, STEP = 16, SMALLEST_CHUNK = 32, LARGEST_CHUNK = SMALLEST_CHUNK + STEP * (CLASSES - 1) };
enum { FLAGS = 7, IS_MAPPED = 2, LONGEST = 1024 };

static struct malloc_cache cache;
static int ready;
/* How many blocks of a class this thread has pushed and not popped: when to drain. */
static __thread int16_t surplus[CLASSES] __attribute__((tls_model("initial-exec")));

/* The size of a block's chunk, with glibc's three flags, stands in the word before it. */
static inline size_t chunk_word(const void *block)
{
    return ((const size_t *)block)[-1];
}

static void after_fork(void)
{
    malloc_cache_forked(&cache);
}

static void report(void)
{
    struct opv_counters c = malloc_cache_counters(&cache);
    char line[200];
    int length = snprintf(line, sizeof(line),
        "malloc_cache: sections %s, %llu aborts, %llu fallbacks, %llu fences\n",
        cache.limit ? "run" : "do not run", (unsigned long long)c.aborts,
        (unsigned long long)c.fallbacks, (unsigned long long)c.fences);
    (void)!write(2, line, (size_t)length);
}

__attribute__((constructor)) static void start(void)
{
    if (malloc_cache_create(&cache) < 0)
        return;
    (void)pthread_atfork(NULL, NULL, after_fork);
    if (getenv("MALLOC_CACHE_REPORT"))
        (void)atexit(report);
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
}

/* A block of a class from this CPU's list, or NULL. */
static inline void *take(unsigned class)
{
    for (;;) {
        unsigned cpu = opv_current_cpu();
        struct malloc_cache_block *head = __atomic_load_n(&cache.percpu[cpu].lists[class], __ATOMIC_RELAXED);
        if (!head)
            return NULL;
        if (OPV_LIKELY(malloc_cache_pop(&cache, cpu, class, head) == 0)) {
            surplus[class]--;
            return head;
        }
    }
}

static __attribute__((noinline, cold)) void give_back(unsigned class)
{
    unsigned cpu = opv_current_cpu();
    struct malloc_cache_block *head = __atomic_load_n(&cache.percpu[cpu].lists[class], __ATOMIC_RELAXED);
    surplus[class] = 0;
    if (!head || malloc_cache_drain(&cache, cpu, class, head) != 0)
        return; /* somebody else was there: then it is not too long any more, or soon drained */
    while (head) {
        struct malloc_cache_block *next = head->next;
        __libc_free(head);
        head = next;
    }
}

static inline void put(void *memory, unsigned class)
{
    struct malloc_cache_block *block = memory;
    for (;;) {
        unsigned cpu = opv_current_cpu();
        struct malloc_cache_block *head = __atomic_load_n(&cache.percpu[cpu].lists[class], __ATOMIC_RELAXED);
        if (OPV_LIKELY(malloc_cache_push(&cache, cpu, class, block, head) == 0))
            break;
    }
    if (OPV_UNLIKELY(++surplus[class] > LONGEST))
        give_back(class);
}

/* The class from which a request is served; CLASSES or more: not from here. */
static inline size_t class_of(size_t size)
{
    size_t chunk = (size + sizeof(size_t) + STEP - 1) & ~(size_t)(STEP - 1);
    return chunk < SMALLEST_CHUNK ? 0 : (chunk - SMALLEST_CHUNK) / STEP;
}

void *malloc(size_t size)
{
    size_t class = class_of(size);
    if (OPV_LIKELY(ready && size < LARGEST_CHUNK && class < CLASSES)) {
        void *block = take((unsigned)class);
        if (OPV_LIKELY(block != NULL))
            return block;
    }
    return __libc_malloc(size);
}

void free(void *block)
{
    size_t word, class;
    if (!block)
        return;
    word = chunk_word(block);
    class = ((word & ~(size_t)FLAGS) - SMALLEST_CHUNK) / STEP;
    if (OPV_LIKELY(ready && class < CLASSES && !(word & IS_MAPPED)))
        put(block, (unsigned)class);
    else
        __libc_free(block);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (ready && bytes < LARGEST_CHUNK && class_of(bytes) < CLASSES) {
        void *block = take((unsigned)class_of(bytes));
        if (block)
            return memset(block, 0, bytes);
    }
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    size_t old;
    void *fresh;
    if (!block)
        return malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    old = malloc_usable_size(block);
    if (size <= old && 2 * size >= old)
        return block;
    if (old >= LARGEST_CHUNK)
        return __libc_realloc(block, size);
    fresh = malloc(size);
    if (fresh) {
        memcpy(fresh, block, old < size ? old : size);
        free(block);
    }
    return fresh;
}
