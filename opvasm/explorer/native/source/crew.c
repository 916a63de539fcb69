/* Threads that are there for as long as a search lasts. */
#include "crew.h"

#if HAS_THREADS
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define OPEN 128u    /* in a call's low bits: who comes may take part */
#define TAKING 127u  /* how many do, the caller not counted */
#define ROUND 256u   /* and above them the number of the call */
#ifndef SPINS
#define SPINS 4000
#endif
#define PAUSE_NANOSECONDS 20000000

typedef struct {
    Crew *crew;
    uint32_t who;
} Member;

struct Crew {
    uint64_t call; /* atomic */
    Duty duty;
    void *what;
    bool over;
    pthread_mutex_t mutex;
    pthread_cond_t called, done;
    uint32_t members;
    Member member[MOST_JOBS];
    pthread_t threads[MOST_JOBS];
};

static void rest_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static uint64_t call_of(const Crew *crew) { return __atomic_load_n(&crew->call, __ATOMIC_ACQUIRE); }

/* Whether there is a call that this member has not seen. */
static bool is_called(const Crew *crew, uint64_t last) {
    uint64_t call = call_of(crew);
    return call & OPEN && call / ROUND != last;
}

static void *serve(void *given) {
    const Member *self = given;
    Crew *crew = self->crew;
    uint64_t last = 0;
    for (;;) {
        for (int i = 0; i < SPINS && !is_called(crew, last); i++) rest_briefly();
        if (!is_called(crew, last)) {
            pthread_mutex_lock(&crew->mutex);
            while (!crew->over && !is_called(crew, last)) pthread_cond_wait(&crew->called, &crew->mutex);
            bool over = crew->over;
            pthread_mutex_unlock(&crew->mutex);
            if (over) return NULL;
        }
        uint64_t call = call_of(crew);
        if (!(call & OPEN) || call / ROUND == last
            || !__atomic_compare_exchange_n(&crew->call, &call, call + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            continue;
        last = call / ROUND;
        crew->duty(crew->what, self->who);
        call = __atomic_sub_fetch(&crew->call, 1, __ATOMIC_ACQ_REL);
        if (call & TAKING) continue;
        pthread_mutex_lock(&crew->mutex);
        pthread_cond_signal(&crew->done);
        pthread_mutex_unlock(&crew->mutex);
    }
}

void crew_run(Crew *crew, Duty duty, void *what, void (*meanwhile)(void *what)) {
    crew->duty = duty;
    crew->what = what;
    pthread_mutex_lock(&crew->mutex); /* who is about to wait sees the call */
    __atomic_store_n(&crew->call, (call_of(crew) / ROUND + 1) * ROUND + OPEN, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&crew->called);
    pthread_mutex_unlock(&crew->mutex);
    duty(what, 0);
    __atomic_fetch_and(&crew->call, ~(uint64_t)OPEN, __ATOMIC_ACQ_REL); /* nobody takes part any more who does not yet */
    for (int i = 0; i < SPINS && call_of(crew) & TAKING; i++) rest_briefly();
    if (!(call_of(crew) & TAKING)) return;
    pthread_mutex_lock(&crew->mutex);
    while (call_of(crew) & TAKING) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PAUSE_NANOSECONDS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&crew->done, &crew->mutex, &until);
        if (meanwhile == NULL || !(call_of(crew) & TAKING)) continue;
        pthread_mutex_unlock(&crew->mutex);
        meanwhile(what);
        pthread_mutex_lock(&crew->mutex);
    }
    pthread_mutex_unlock(&crew->mutex);
}

uint32_t crew_size(const Crew *crew) { return crew->members + 1; }

Crew *crew_begin(uint32_t count) {
    Crew *crew = calloc(1, sizeof *crew);
    if (crew == NULL) return NULL;
    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->called, NULL);
    pthread_cond_init(&crew->done, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the caller's */
    while (crew->members + 1 < count) {
        Member *next = &crew->member[crew->members];
        *next = (Member){crew, crew->members + 1};
        if (pthread_create(&crew->threads[crew->members], NULL, serve, next) != 0) break;
        crew->members++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (crew->members) return crew;
    crew_end(crew);
    return NULL;
}

void crew_end(Crew *crew) {
    if (crew == NULL) return;
    pthread_mutex_lock(&crew->mutex);
    crew->over = true;
    pthread_cond_broadcast(&crew->called);
    pthread_mutex_unlock(&crew->mutex);
    for (uint32_t i = 0; i < crew->members; i++) pthread_join(crew->threads[i], NULL);
    pthread_mutex_destroy(&crew->mutex);
    pthread_cond_destroy(&crew->called);
    pthread_cond_destroy(&crew->done);
    free(crew);
}
#else
struct Crew {
    char unused;
};
Crew *crew_begin(uint32_t count) {
    (void)count;
    return NULL;
}
void crew_end(Crew *crew) { (void)crew; }
uint32_t crew_size(const Crew *crew) {
    (void)crew;
    return 1;
}
void crew_run(Crew *crew, Duty duty, void *what, void (*meanwhile)(void *what)) {
    (void)crew;
    (void)meanwhile;
    duty(what, 0);
}
#endif
