/* Signals that abort sections are delivered at the abort code: can its callers be found from there?
 * Prints how many such signals there were, and from how many of them `outer` was found. */
#define _GNU_SOURCE
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <ucontext.h>
#include "counter.h"

/* A tick of the clock must meet a section, which few do. */
enum { ENOUGH = 6 };

static struct counter memory;
static volatile long seen, found;
static volatile int done;
static void *caller; /* where inner returns to, in outer */
__attribute__((noinline)) void after(void) { __asm__ volatile(""); }

static void on_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *state = context;
    char *at = (char *)state->uc_mcontext.gregs[REG_RIP];
    void *frames[32];
    int count, i;
    (void)number;
    (void)info;
    /* The abort code begins with the signature before it. */
    if (*(const uint32_t *)(at - 4) != 0x53053053)
        return;
    seen++;
    count = backtrace(frames, 32);
    for (i = 0; i < count; i++) {
        if (frames[i] == caller) {
            found++;
            break;
        }
    }
    if (seen == ENOUGH)
        done = 1;
}

/* Has a frame of its own, and registers to restore. */
__attribute__((noinline)) static long inner(long count)
{
    char room[64];
    long i, sum = count;
    caller = __builtin_return_address(0);
    for (i = 0; i < 1000000 && !done; i++) {
        __asm__ volatile("" : : "r"(room) : "memory", "rbx", "r12", "r13");
        (void)counter_bump(&memory, opv_current_cpu(), 1);
        sum += i;
    }
    return sum;
}

static __attribute__((noinline)) void outer(void)
{
    long rounds = 0;
    while (!done && rounds < 100000)
        rounds += inner(rounds) != 0;
    after();
}

int main(void)
{
    struct sigaction action = { 0 };
    struct itimerval often = { { 0, 200 }, { 0, 200 } };
    void *warm[2];
    (void)backtrace(warm, 2); /* loads libgcc outside of the handler */
    counter_create(&memory);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGVTALRM, &action, NULL);
    setitimer(ITIMER_VIRTUAL, &often, NULL);
    outer();
    printf("%ld %ld\n", seen, found);
    return 0;
}
