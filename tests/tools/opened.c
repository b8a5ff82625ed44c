/* opened: tell who looks at files. Writes "ready", then the path of every file directly in one of
 * the directories that is opened, read or executed by anybody, until SIGTERM.
 *
 *     opened DIR... */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char buf[65536] __attribute__((aligned(__alignof__(struct inotify_event))));
	int fd = inotify_init1(IN_CLOEXEC);
	for (int i = 1; i < argc; i++)
		/* the first is 1, so the number is an index of argv */
		if (inotify_add_watch(fd, argv[i], IN_OPEN | IN_ACCESS | IN_ONLYDIR) != i) {
			fprintf(stderr, "opened: watch %s: %s\n", argv[i], strerror(errno));
			return 2;
		}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)puts("ready");
	for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;)
		for (char *at = buf; at < buf + n;) {
			struct inotify_event *ev = (struct inotify_event *)(void *)at;
			if (ev->mask & IN_Q_OVERFLOW)
				(void)puts("more than could be told");
			else if (!(ev->mask & IN_ISDIR) && ev->len)
				(void)printf("%s/%s\n", argv[ev->wd], ev->name);
			at += sizeof *ev + ev->len;
		}
	return 2;
}
