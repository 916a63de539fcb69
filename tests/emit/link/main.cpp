#include <cstdio>
#include "shared.hpp"

int main()
{
    Counter counter;
    unsigned long long sum = 0;
    // A migration can abort an attempt, never an operation: the strategy has a lock behind it.
    if (first(counter) || second(counter))
        return 2;
    for (unsigned cpu = 0; cpu < counter.memory.cpus; cpu++)
        sum += counter.memory.percpu[cpu].counter;
    std::printf("%llu\n", sum);
    return sum == 45 ? 0 : 1;
}
