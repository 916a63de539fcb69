/* The threads of one search: they run a function together, again and again, and the one that was asked
 * waits until nobody is in it any more.  A thread that wakes up late comes too late, and is not waited for.
 */
#ifndef OPVASM_CREW_H
#define OPVASM_CREW_H

#include "engine.h"
#include "lock.h"

typedef struct Crew Crew;
typedef void (*Duty)(void *what, uint32_t who);

/* A crew of up to `count`, the caller included (who is 0); NULL: it would be alone. */
Crew *crew_begin(uint32_t count);
void crew_end(Crew *crew);
uint32_t crew_size(const Crew *crew);
/* Run `duty` in all of them; `meanwhile` (or NULL) is called every now and then while the caller waits. */
void crew_run(Crew *crew, Duty duty, void *what, void (*meanwhile)(void *what));

#endif
