/* small THREADS OBJECTS: threads that build and tear down groups of small objects; prints the
 * nanoseconds of a thread for each object (one malloc and one free). */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { GROUP = 64, MOST = 64 };
static long objects;
static double taken[MOST];

static void *work(void *argument)
{
    int number = (int)(intptr_t)argument, i;
    void *group[GROUP];
    uint64_t random = 88172645463325252ull + (uint64_t)number;
    struct timespec start, end;
    long done;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    for (done = 0; done < objects; done += GROUP) {
        size_t size;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size = 16 + random % 240;
        for (i = 0; i < GROUP; i++) {
            group[i] = malloc(size);
            *(char *)group[i] = (char)i;
        }
        for (i = 0; i < GROUP; i++)
            free(group[i]);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    taken[number] = ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec))
        / (double)objects;
    return NULL;
}

int main(int count, char **words)
{
    pthread_t threads[MOST];
    int number, many = count > 1 ? atoi(words[1]) : 2;
    double sum = 0;
    objects = count > 2 ? atol(words[2]) : 1000000;
    for (number = 0; number < many; number++)
        pthread_create(&threads[number], NULL, work, (void *)(intptr_t)number);
    for (number = 0; number < many; number++) {
        pthread_join(threads[number], NULL);
        sum += taken[number];
    }
    printf("%.3f\n", sum / many);
    return 0;
}
