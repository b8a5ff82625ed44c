/* timer.c: times whole processes, interleaved: round by round each command once, so that what
 * disturbs the machine disturbs all of them alike. One line per measurement:
 *"NAME<TAB>NANOSECONDS".
 *
 *	timer ROUNDS  --name N [--before C...] --run C... [--after C...]  [--name ...]...
 *
 * `before` and `after` are not timed; "@" in any argument is the number of the round, from 0. All
 * run with stdin and stdout on /dev/null. A command that fails ends everything: a time of a failure
 * would be no time. The first round warms the caches and is not printed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
	PARTS = 3, /* before, run, after */
	ROWS_MAX = 64,
	ARGS_MAX = 64
};
struct row {
	const char *name;
	char **part[PARTS];
	int n[PARTS];
};

static const char *const part_names[PARTS] = {"--before", "--run", "--after"};
static posix_spawn_file_actions_t quiet;

static int64_t now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* "web@" -> "web7"; before the clock starts. */
static char *with_round(const char *arg, int round)
{
	char number[16], *out = NULL;
	size_t size = 0;
	(void)snprintf(number, sizeof number, "%d", round);
	FILE *f = open_memstream(&out, &size);
	for (; f && *arg; arg++)
		(void)(*arg == '@' ? fputs(number, f) : fputc(*arg, f));
	if (!f || fclose(f)) {
		(void)fputs("timer: out of memory\n", stderr);
		exit(1);
	}
	return out;
}

static int64_t run(const struct row *row, int part, int round)
{
	char *argv[ARGS_MAX + 1] = {NULL};
	int n = row->n[part], status = 0;
	pid_t pid;
	if (!n)
		return 0;
	for (int i = 0; i < n; i++)
		argv[i] = with_round(row->part[part][i], round);
	int64_t begin = now();
	int error = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
	if (!error && waitpid(pid, &status, 0) < 0)
		error = errno;
	int64_t took = now() - begin;
	if (error || status) {
		(void)fprintf(stderr, "timer: %s: '%s' in round %d: %s %d\n", row->name, argv[0],
			round, error ? strerror(error) : "wait status", error ? error : status);
		exit(1);
	}
	for (int i = 0; i < n; i++)
		free(argv[i]);
	return took;
}

static int usage(void)
{
	(void)fputs("usage: timer ROUNDS --name N [--before C...] --run C... [--after C...] ...\n",
		stderr);
	return 2;
}

static int parse(int argc, char **argv, struct row *rows)
{
	int n = 0, part = -1;
	for (int i = 2; i < argc; i++) {
		int is_part = -1;
		if (!strcmp(argv[i], "--name") && i + 1 < argc && n < ROWS_MAX) {
			rows[n++].name = argv[++i];
			part = -1;
			continue;
		}
		for (int p = 0; p < PARTS; p++)
			if (!strcmp(argv[i], part_names[p]))
				is_part = p;
		if (is_part >= 0 && n) {
			part = is_part;
			rows[n - 1].part[part] = argv + i + 1;
		} else if (part >= 0 && rows[n - 1].n[part] < ARGS_MAX) {
			rows[n - 1].n[part]++;
		} else {
			return -1;
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct row rows[ROWS_MAX];
	int rounds = argc > 2 ? atoi(argv[1]) : 0;
	int n = rounds > 0 ? parse(argc, argv, rows) : 0;
	if (n <= 0)
		return usage();
	(void)posix_spawn_file_actions_init(&quiet);
	(void)posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	for (int round = 0; round <= rounds; round++)
		for (int i = 0; i < n; i++) {
			(void)run(&rows[i], 0, round);
			int64_t took = run(&rows[i], 1, round);
			(void)run(&rows[i], 2, round);
			if (round)
				(void)printf("%s\t%lld\n", rows[i].name, (long long)took);
		}
	return fflush(stdout) ? 1 : 0;
}
