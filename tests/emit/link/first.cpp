#include "shared.hpp"

int first(Counter &counter)
{
    long numbers[3] = { 1, 2, 3 };
    if (counter.draw(0) != 0 || counter.draw(0) != 1)
        return -1;
    return counter.add(10) + add_all(counter, numbers, 3);
}
