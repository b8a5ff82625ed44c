/* deny CALL[=EINVAL][,CALL]... -- COMMAND [ARG]...: runs the command on a kernel that lacks the
 * named system calls. They end with ENOSYS (or EINVAL) in it and in all that it starts. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 4 || strcmp(argv[2], "--") != 0) {
		fprintf(stderr, "usage: deny CALL[=EINVAL][,CALL]... -- COMMAND [ARG]...\n");
		return 2;
	}
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter || seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0)
		return 2;
	for (char *name = strtok(argv[1], ","); name; name = strtok(NULL, ",")) {
		char *given = strstr(name, "=EINVAL");
		if (given)
			*given = '\0';
		int call = seccomp_syscall_resolve_name(name);
		uint32_t action = SCMP_ACT_ERRNO(given ? EINVAL : ENOSYS);
		if (call < 0 || seccomp_rule_add(filter, action, call, 0) < 0) {
			fprintf(stderr, "deny: no system call '%s'\n", name);
			return 2;
		}
	}
	int r = seccomp_load(filter);
	if (r < 0) {
		fprintf(stderr, "deny: %s\n", strerror(-r));
		return 2;
	}
	execvp(argv[3], argv + 3);
	fprintf(stderr, "deny: %s: %s\n", argv[3], strerror(errno));
	return 127;
}
