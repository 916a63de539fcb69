#include "shared.hpp"

int second(Counter &counter)
{
    long numbers[2] = { 4, 5 };
    if (counter.draw(0) != 2)
        return -1;
    return counter.add(20) + add_all(counter, numbers, 2);
}

// Nobody calls this: --gc-sections may drop it, with its tables.
int unused(Counter &counter)
{
    return counter.add(1000);
}
