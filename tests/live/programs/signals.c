/* Signals rain on threads that call: every add happens once, no call ends with EINTR, handlers that call
 * themselves work, masks and handlers stay as the program set them.
 *
 *   signals SECONDS_TENTHS */
#include "cpu_opv.h"
#include <setjmp.h>
#include <sys/time.h>

static uint64_t added, in_handler;
static volatile sig_atomic_t handled, foreign_sigill;
static sigjmp_buf jump;

static void on_alarm(int number)
{
	(void)number;
	handled++;
	long result = call(&OP_ADD(&in_handler, 1, 8), 1, sched_getcpu());
	if (result && result != -EAGAIN)
		_exit(9);
	if (result == -EAGAIN)
		handled--;
}

static void on_illegal(int number)
{
	(void)number;
	foreign_sigill++;
	siglongjmp(jump, 1);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static volatile int stop;
static uint64_t expected, kicked;
static pthread_t target;

static void *add(void *unused)
{
	uint64_t done = 0;
	(void)unused;
	while (!stop) {
		long result = call(&OP_ADD(&added, 1, 8), 1, usable[0]);
		if (result == 0)
			done++;
		else if (result != -EAGAIN) {
			fprintf(stderr, "add: %ld\n", result);
			failures++;
			break;
		}
	}
	__atomic_fetch_add(&expected, done, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *kick(void *unused)
{
	(void)unused;
	while (!stop) {
		pthread_kill(target, SIGUSR1);
		kicked++;
		usleep(300);
	}
	return NULL;
}

static void on_user(int number)
{
	(void)number;
}

static void count_illegal(int number)
{
	(void)number;
	foreign_sigill++;
}

int main(int argc, char **argv)
{
	double seconds = (argc > 1 ? atoi(argv[1]) : 10) / 10.0;
	struct sigaction action = {.sa_handler = on_alarm}, got;
	struct itimerval timer = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	sigset_t all, old, mask;

	find_cpus();
	sigaction(SIGALRM, &action, NULL); /* without SA_RESTART on purpose */
	setitimer(ITIMER_REAL, &timer, NULL);
	double end = now() + seconds;
	uint64_t done = 0;
	while (now() < end) {
		long result = call(&OP_ADD(&added, 1, 8), 1, sched_getcpu());
		if (result == 0)
			done++;
		else if (result != -EAGAIN) {
			CHECK_RESULT(result, 0);
			break;
		}
	}
	setitimer(ITIMER_REAL, &off, NULL);
	usleep(2000);
	CHECK_RESULT(added, done);
	CHECK_RESULT(in_handler, handled);
	CHECK(handled > 0);

	/* Another thread sends signals to one that calls. */
	action.sa_handler = on_user;
	sigaction(SIGUSR1, &action, NULL);
	added = 0;
	pthread_t kicker;
	pthread_create(&target, NULL, add, NULL);
	pthread_create(&kicker, NULL, kick, NULL);
	usleep((unsigned)(seconds * 1e6));
	stop = 1;
	pthread_join(kicker, NULL);
	pthread_join(target, NULL);
	CHECK_RESULT(added, expected);
	CHECK(kicked > 0);

	/* All signals blocked: SIGILL too, and still so afterwards. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	added = 0;
	CHECK_RESULT(call(&OP_ADD(&added, 1, 8), 1, usable[0]), 0);
	CHECK_RESULT(call(&OP_ADD(&added, 1, 3), 1, usable[0]), -EINVAL);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(sigismember(&mask, SIGILL) == 1 && sigismember(&mask, SIGUSR1) == 1);
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK_RESULT(added, 1);

	/* The program's own handler of SIGILL gets its own SIGILL, and stays. */
	action.sa_handler = on_illegal;
	sigaction(SIGILL, &action, NULL);
	CHECK_RESULT(call(&OP_ADD(&added, 1, 8), 1, usable[0]), 0);
	CHECK_RESULT(foreign_sigill, 0);
	if (!sigsetjmp(jump, 1))
		__asm__ volatile("ud2");
	CHECK_RESULT(foreign_sigill, 1);
	sigprocmask(SIG_SETMASK, &all, &old);
	CHECK_RESULT(call(&OP_ADD(&added, 1, 8), 1, usable[0]), 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	sigaction(SIGILL, NULL, &got);
	CHECK(got.sa_handler == on_illegal);
	action.sa_handler = count_illegal;
	sigaction(SIGILL, &action, NULL);
	kill(getpid(), SIGILL); /* sent, not raised: the program's */
	CHECK_RESULT(foreign_sigill, 2);
	signal(SIGILL, SIG_IGN);
	CHECK_RESULT(call(&OP_ADD(&added, 1, 8), 1, usable[0]), 0);
	sigaction(SIGILL, NULL, &got);
	CHECK(got.sa_handler == SIG_IGN);
	CHECK_RESULT(added, 4);

	/* A stopped program goes on. */
	signal(SIGILL, SIG_DFL);
	pid_t child = fork();
	if (child == 0) {
		for (;;)
			if (call(&OP_ADD(&added, 1, 8), 1, usable[0]) && errno != EAGAIN)
				_exit(3);
	}
	for (int i = 0; i < 20; i++) {
		int status;
		usleep(2000);
		kill(child, SIGSTOP);
		CHECK_RESULT(waitpid(child, &status, WUNTRACED), child);
		CHECK(WIFSTOPPED(status));
		kill(child, SIGCONT);
	}
	kill(child, SIGTERM);
	int status;
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	return finish("signals");
}
