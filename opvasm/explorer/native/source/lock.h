/* Locks and threads, where the system has POSIX's; without them one thread does everything. */
#ifndef OPVASM_LOCK_H
#define OPVASM_LOCK_H

#if !defined(NO_THREADS) && defined(__has_include)
#if __has_include(<pthread.h>)
#define HAS_THREADS 1
#endif
#endif

#ifdef HAS_THREADS
#include <pthread.h>
typedef struct Lock {
    pthread_mutex_t mutex;
} Lock;
#ifndef NO_LOCKING /* a test wants to see that somebody notices */
static inline void take_hold(Lock *lock) { pthread_mutex_lock(&lock->mutex); }
static inline void let_go(Lock *lock) { pthread_mutex_unlock(&lock->mutex); }
#endif
#else
#define HAS_THREADS 0
typedef struct Lock {
    char unused;
} Lock;
#endif
#if !HAS_THREADS || defined(NO_LOCKING)
static inline void take_hold(Lock *lock) { (void)lock; }
static inline void let_go(Lock *lock) { (void)lock; }
#endif

#endif
