/* nomalloc_control FUNCTION: a child of clone3 that calls it, then executes true(1). "none":
 * nothing. Exit code as a shell has it. To see that nomalloc.so would see. */
#include "base/sys.h"

#include <dlfcn.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile sink;
static volatile int number = 7;

static void call(const char *what)
{
	char buf[32];
	if (!strcmp(what, "malloc"))
		sink = malloc(16);
	else if (!strcmp(what, "free"))
		free(sink);
	else if (!strcmp(what, "snprintf"))
		(void)snprintf(buf, sizeof buf, "%d", number);
	else if (!strcmp(what, "printf"))
		(void)printf("%d\n", number);
	else if (!strcmp(what, "fopen"))
		sink = fopen("/dev/null", "re");
	else if (!strcmp(what, "getpwnam"))
		sink = getpwnam("root");
	else if (!strcmp(what, "dlopen"))
		sink = dlopen("libm.so.6", RTLD_NOW);
	else if (!strcmp(what, "setlocale"))
		sink = setlocale(LC_ALL, "");
	else if (!strcmp(what, "strerror"))
		sink = strerror(number);
	else if (!strcmp(what, "getcwd")) /* libc's own call of malloc */
		sink = getcwd(NULL, 0);
}

int main(int argc, char *argv[])
{
	struct clone_args a = {.exit_signal = SIGCHLD};
	int status;
	if (argc != 2)
		return 2;
	sink = malloc(16); /* allowed here */
	pid_t pid = sys_clone3(&a);
	if (pid == 0) {
		char *const args[] = {argv[0], NULL};
		call(argv[1]);
		(void)execve("/bin/true", args, args + 1);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
