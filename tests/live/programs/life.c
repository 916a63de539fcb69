/* Processes come and go: fork, vfork, posix_spawn, exec by the first and by another thread, threads that
 * end in the middle of everything, a child that is killed.
 *
 *   life            everything
 *   life child N    adds N times, exits with 40 + whether all was well */
#include "cpu_opv.h"
#include <spawn.h>

extern char **environ;
static const char *program;

static void adds_on(uint64_t *word, int count, const int *cpus, int cpu_count)
{
	for (int i = 0; i < count;) {
		long result = call(&OP_ADD(word, 1, 8), 1, cpus[i % cpu_count]);
		if (result == 0)
			i++;
		else if (result != -EAGAIN) {
			CHECK_RESULT(result, 0);
			return;
		}
	}
}

static void adds(uint64_t *word, int count)
{
	adds_on(word, count, usable, usable_count);
}

static int status_of(pid_t pid)
{
	int status = -1;
	CHECK_RESULT(waitpid(pid, &status, 0), pid);
	return status;
}

static void *own_word(void *unused)
{
	uint64_t word = 0;
	(void)unused;
	adds(&word, 20);
	CHECK_RESULT(word, 20);
	return NULL;
}

static void *exec_here(void *unused)
{
	(void)unused;
	char *words[] = {(char *)program, "child", "20", NULL};
	execv(program, words);
	_exit(1);
}

static void *forever(void *unused)
{
	uint64_t word = 0;
	(void)unused;
	for (;;)
		adds(&word, 1);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t word = 0;
	uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_t ids[16];
	pid_t pid;

	program = argv[0];
	find_cpus();
	if (argc > 2) {
		adds(&word, atoi(argv[2]));
		return 40 + (word == (uint64_t)atoi(argv[2]) && !failures);
	}
	adds(&word, 10); /* so that there is something to be copied */

	/* A forked child has its own copy of everything; shared memory is shared. */
	*shared = 0;
	for (int i = 0; i < 8; i++)
		if (!fork()) {
			adds(&word, 20);
			/* An op is atomic for threads of its own CPU and not for others (abi.md section 3.5). */
			adds_on(shared, 20, usable, 1);
			_exit(word == 30 ? 5 : 1);
		}
	for (int i = 0; i < 8; i++) {
		int status = -1;
		wait(&status);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	}
	CHECK_RESULT(word, 10);
	CHECK_RESULT(*shared, 160);

	/* A child that shares memory until it executes. */
	pid = vfork();
	if (pid == 0) {
		call(&OP_ADD(&word, 1, 8), 1, usable[0]);
		char *words[] = {(char *)program, "child", "30", NULL};
		execv(program, words);
		_exit(1);
	}
	CHECK_RESULT(WEXITSTATUS(status_of(pid)), 41);
	CHECK_RESULT(word, 11);
	char *words[] = {(char *)program, "child", "10", NULL};
	CHECK_RESULT(posix_spawn(&pid, program, NULL, NULL, words, environ), 0);
	CHECK_RESULT(WEXITSTATUS(status_of(pid)), 41);

	/* Threads, more than there are slots at first, again and again. */
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 16; i++)
			pthread_create(&ids[i], NULL, own_word, NULL);
		adds(&word, 5);
		for (int i = 0; i < 16; i++)
			pthread_join(ids[i], NULL);
	}
	CHECK_RESULT(word, 31);

	/* exec by a thread that is not the first ends the others. */
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 4; i++)
			pthread_create(&ids[i], NULL, forever, NULL);
		usleep(3000);
		pthread_create(&ids[4], NULL, exec_here, NULL);
		forever(NULL);
	}
	CHECK_RESULT(WEXITSTATUS(status_of(pid)), 41);

	/* Ends in the middle of calls: by exit, and by a kill. */
	for (int i = 0; i < 5; i++) {
		pid = fork();
		if (pid == 0) {
			for (int k = 0; k < 4; k++)
				pthread_create(&ids[k], NULL, forever, NULL);
			usleep(2000);
			if (i % 2)
				_exit(6);
			forever(NULL);
		}
		usleep(4000);
		if (i % 2 == 0)
			kill(pid, SIGKILL);
		int status = status_of(pid);
		CHECK(i % 2 ? WIFEXITED(status) && WEXITSTATUS(status) == 6
		            : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	adds(&word, 5);
	CHECK_RESULT(word, 36);
	return finish("life");
}
