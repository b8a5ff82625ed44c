/* cella: the command line. Everything is in the library cellacli, so that tests can call it. */
#include "base/title.h"
#include "cli/cli.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Descriptors 0 to 2 exist, whatever we were started with: a state file that is opened as 2 would
 * get our error messages. Read-only for all three, so that writing to a closed stdout fails. */
static void hold_standard_streams(void)
{
	for (;;) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			exit(ERR_FAILED);
		if (fd > STDERR_FILENO) {
			(void)close(fd);
			return;
		}
		(void)fcntl(fd, F_SETFD, 0);
	}
}

int main(int argc, char **argv)
{
	hold_standard_streams();
	title_remember(argv);
	return cli_main(argc, (const char *const *)argv);
}
