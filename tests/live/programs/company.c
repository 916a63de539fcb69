/* What happens to threads that call while others do the same: they are cancelled, forked away from, and
 * stopped together; and system calls that a signal interrupts are restarted, or not, as ever.
 *
 *   company ROUNDS */
#include "cpu_opv.h"
#include <sys/time.h>

#define THREADS 4

static uint64_t word;
static uint64_t *shared;
static volatile int stop;
static int rounds = 10;

/* Adds one to *p: whether it was done. */
static int add(uint64_t *p, int cpu)
{
	long result = call(&OP_ADD(p, 1, 8), 1, cpu);
	if (result != 0 && result != -EAGAIN) {
		fprintf(stderr, "add: %ld\n", result);
		failures++;
		stop = 1;
	}
	return result == 0;
}

struct own {
	uint64_t added, counted;
	int asynchronous;
};

static void *until_cancelled(void *argument)
{
	struct own *own = argument;
	pthread_setcanceltype(own->asynchronous ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED,
	                      NULL);
	for (;;) {
		own->counted += add(&own->added, usable[own->counted % usable_count]);
		if (!own->asynchronous)
			pthread_testcancel();
	}
	return NULL;
}

/* A call that has begun is done as a whole; only the counting after it may be missing. */
static void cancelled(int asynchronous)
{
	for (int round = 0; round < rounds; round++) {
		struct own own[THREADS] = {0};
		pthread_t ids[THREADS];
		void *result;
		for (int i = 0; i < THREADS; i++) {
			own[i].asynchronous = asynchronous;
			CHECK_RESULT(pthread_create(&ids[i], NULL, until_cancelled, &own[i]), 0);
		}
		usleep(1000 + 300 * round);
		for (int i = 0; i < THREADS; i++)
			pthread_cancel(ids[i]);
		for (int i = 0; i < THREADS; i++) {
			pthread_join(ids[i], &result);
			CHECK(result == PTHREAD_CANCELED);
			uint64_t missing = own[i].added - own[i].counted;
			CHECK(missing == 0 || (asynchronous && missing == 1));
		}
	}
}

static void *keep_adding(void *argument)
{
	uint64_t done = 0, *sum = argument;
	for (int i = 0; !stop; i++) {
		int cpu = usable[i % usable_count];
		done += add(&shared[cpu], cpu);
	}
	__atomic_fetch_add(sum, done, __ATOMIC_SEQ_CST);
	return NULL;
}

/* A process forks while its other threads are anywhere; the child calls as well. */
static void forked(void)
{
	pthread_t ids[THREADS];
	uint64_t sum = 0, children = 0, total = 0;
	memset(shared, 0, 4096);
	stop = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&ids[i], NULL, keep_adding, &sum);
	for (int round = 0; round < rounds; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (int done = 0; done < 20;)
				done += add(&word, usable[done % usable_count]);
			for (int done = 0; done < 20;)
				done += add(&shared[usable[0]], usable[0]);
			_exit(word == 20 ? 7 : 1);
		}
		int status = -1;
		CHECK_RESULT(waitpid(pid, &status, 0), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		children += 20;
	}
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	for (int i = 0; i < usable_count; i++)
		total += shared[usable[i]];
	CHECK_RESULT(total, sum + children);
	CHECK_RESULT(word, 0);
}

/* A process of several threads is stopped and goes on, as by Ctrl-Z and fg. */
static void stopped(int number)
{
	memset(shared, 0, 4096);
	uint64_t *sum = &shared[400];
	volatile uint64_t *told = &shared[401];
	pid_t child = fork();
	/* Where nobody could continue it, SIGTSTP does not stop a process: a group of its own, with its
	 * parent outside, is never such an orphan. */
	setpgid(child, child);
	if (child == 0) {
		pthread_t ids[THREADS];
		stop = 0;
		for (int i = 0; i < THREADS; i++)
			pthread_create(&ids[i], NULL, keep_adding, sum);
		while (!*told)
			usleep(1000);
		stop = 1;
		for (int i = 0; i < THREADS; i++)
			pthread_join(ids[i], NULL);
		_exit(failures ? 1 : 9);
	}
	for (int round = 0; round < rounds; round++) {
		int status = -1;
		uint64_t before = 0, after = 0;
		usleep(3000 + 100 * round);
		kill(child, number);
		CHECK_RESULT(waitpid(child, &status, WUNTRACED), child);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == number);
		for (int i = 0; i < usable_count; i++)
			before += ((volatile uint64_t *)shared)[usable[i]];
		usleep(3000);
		for (int i = 0; i < usable_count; i++)
			after += ((volatile uint64_t *)shared)[usable[i]];
		CHECK_RESULT(after, before);
		kill(child, SIGCONT);
	}
	*told = 1;
	int status = -1;
	uint64_t total = 0;
	CHECK_RESULT(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
	for (int i = 0; i < usable_count; i++)
		total += shared[usable[i]];
	CHECK_RESULT(total, *sum);
	CHECK(total > 0);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	(void)number;
	alarms++;
	if (!add(&word, usable[0]))
		alarms--;
}

/* read(2) is restarted after a handler with SA_RESTART, and ends with EINTR without; the handler calls. */
static void interrupted(int flags)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
	struct itimerval timer = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	int ends[2], interruptions = 0;
	uint64_t mine = 0, done = 0;
	char byte;
	CHECK_RESULT(pipe(ends), 0);
	sigaction(SIGALRM, &action, NULL);
	word = 0;
	alarms = 0;
	pid_t child = fork();
	if (child == 0) {
		usleep(100000);
		_exit(write(ends[1], "x", 1) != 1);
	}
	setitimer(ITIMER_REAL, &timer, NULL);
	while (read(ends[0], &byte, 1) != 1) {
		CHECK(errno == EINTR);
		interruptions++;
	}
	while (alarms < 100)
		done += add(&mine, usable[done % usable_count]);
	setitimer(ITIMER_REAL, &off, NULL);
	usleep(3000);
	CHECK(flags & SA_RESTART ? interruptions == 0 : interruptions > 0);
	CHECK_RESULT(mine, done);
	CHECK_RESULT(word, alarms);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	close(ends[0]);
	close(ends[1]);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atoi(argv[1]);
	find_cpus();
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cancelled(0);
	cancelled(1);
	forked();
	stopped(SIGSTOP);
	stopped(SIGTSTP);
	interrupted(0);
	interrupted(SA_RESTART);
	return finish("company");
}
