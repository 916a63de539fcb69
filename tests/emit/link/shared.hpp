// An inline function and a template that several units use: each is one function in the program, in a
// COMDAT group, and so must its sections be.
#pragma once
#include "counter.h"
#include "list.h"
#include "results.h"

struct Counter {
    counter memory;
    results tickets;
    Counter() { counter_create(&memory); results_create(&tickets); }
    inline int add(long n) { return counter_bump_here(&memory, n); }
    inline uint64_t draw(unsigned cpu)
    {
        uint64_t ticket;
        return results_draw(&tickets, cpu, 1, &ticket) == OPV_DONE ? ticket : ~UINT64_C(0);
    }
};

template <typename Number> int add_all(Counter &counter, const Number *numbers, int count)
{
    for (int i = 0; i < count; i++)
        if (int failed = counter_bump(&counter.memory, opv_current_cpu(), numbers[i]))
            return failed;
    return 0;
}

int first(Counter &counter);
int second(Counter &counter);
