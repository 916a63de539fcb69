/* For LD_PRELOAD beside a library with sections: a thread of the program aborts whatever section runs, on
 * all CPUs, over and over, wherever it stands. Which instruction that is is up to chance. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void *storm(void *argument)
{
    struct timespec pause = { 0, 10000 };
    for (;;) {
        (void)syscall(SYS_membarrier, 128 /* PRIVATE_EXPEDITED_RSEQ */, 0, 0);
        nanosleep(&pause, NULL);
    }
    return argument;
}

static __attribute__((constructor)) void begin(void)
{
    pthread_t thread;
    sigset_t all, before;
    if (syscall(SYS_membarrier, 256 /* REGISTER_PRIVATE_EXPEDITED_RSEQ */, 0, 0) != 0)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, storm, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
