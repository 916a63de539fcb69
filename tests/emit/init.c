/* The first process of a booted kernel: runs the hammers, then turns the machine off. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    static const char *idioms[] = { "counter", "list", "ring", "records", "pointers", "spinlock", "cmpxchg", "results" };
    static const char *programs[] = { "/hammer", "/trusting" };
    struct utsname name;
    unsigned program, idiom, mode;
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mount("proc", "/proc", "proc", 0, "");
    mount("sysfs", "/sys", "sysfs", 0, "");
    uname(&name);
    printf("\nkernel %s\n", name.release);
    for (program = 0; program < 2; program++) {
        for (idiom = 0; idiom < sizeof(idioms) / sizeof(idioms[0]); idiom++) {
            for (mode = 0; mode < 2; mode++) {
                int status = 0;
                pid_t child;
                fflush(stdout);
                child = fork();
                if (child == 0) {
                    printf("%s %s ", programs[program] + 1, mode ? "mixed" : "plain");
                    fflush(stdout);
                    if (mode)
                        execl(programs[program], "hammer", idioms[idiom], "6", OPERATIONS, "mixed",
                            "remote", "migrate", "signal", "barrier", (char *)0);
                    else
                        execl(programs[program], "hammer", idioms[idiom], "6", OPERATIONS, "signal",
                            "barrier", (char *)0);
                    _exit(9);
                }
                waitpid(child, &status, 0);
                if (status)
                    printf("ended with %#x\n", (unsigned)status);
            }
        }
    }
    printf("\nend\n");
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
