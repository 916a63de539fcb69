#include "shared.hpp"

int first(Counter &counter)
{
    long numbers[3] = { 1, 2, 3 };
    return counter.add(10) + add_all(counter, numbers, 3);
}
