#include <stdio.h>
#include "counter.h"
#include "list.h"
#include "results.h"

/* Nobody calls this: --gc-sections may drop it, with its tables. */
int unused(struct counter *counter)
{
    return counter_bump(counter, 0, 1000);
}

int main(void)
{
    struct counter counter;
    struct list list;
    struct results results;
    struct results_node last = { 0 }, *got;
    uint64_t ticket;
    struct list_node nodes[3] = { { 0 }, { 0 }, { 0 } };
    unsigned long long sum = 0, there = 0;
    unsigned cpu;
    int i;
    if (counter_create(&counter) < 0 || list_create(&list) < 0 || results_create(&results) < 0)
        return 2;
    /* A node comes back by the pointer that it is given out by; of an empty list none is. */
    cpu = opv_current_cpu();
    if (results_push(&results, cpu, &last) != 0 || results_pop(&results, cpu, &got) != 0 || got != &last
        || results_pop(&results, cpu, &got) != RESULTS_POP_EMPTY || got)
        return 3;
    for (i = 0; i < 3; i++)
        if (results_draw(&results, cpu, 5, &ticket) != 0 || ticket != 5 * (uint64_t)i)
            return 4;
    for (i = 0; i < 9; i++)
        if (counter_bump_here(&counter, i) != 0)
            return 2;
    for (i = 0; i < 3; i++) {
        do {
            cpu = opv_current_cpu();
        } while (list_push(&list, cpu, &nodes[i], list.percpu[cpu].head) != 0);
    }
    for (cpu = 0; cpu < counter.cpus; cpu++) {
        struct list_node *node;
        sum += counter.percpu[cpu].counter;
        for (node = list.percpu[cpu].head; node; node = node->next)
            there++;
    }
    printf("%llu %llu\n", sum, there);
    return sum == 36 && there == 3 ? 0 : 1;
}
