/* racer: change one name in a directory, over and over, while a test does something that looks at
 * it.
 *
 *     racer MODE PATH [OTHER]
 *       exchange PATH OTHER   renameat2(RENAME_EXCHANGE) of the two
 *       retarget PATH TARGET  PATH is by turns a symlink to TARGET and a directory
 *       truncate PATH TEXT    PATH is by turns empty and TEXT
 *       fifo PATH             PATH is by turns a FIFO and a regular file (of its first content)
 *       unmount PATH SOURCE   SOURCE is by turns bind-mounted on PATH and detached from it
 *
 * Writes "ready" when the first change has been made. Runs until SIGTERM, which makes it finish the
 * present pair of changes, print how many changes it made, and end with 0; so does the end of what
 * it works on, as when the test removes it. A test in whose window there were fewer than 1,000
 * changes is void: it has shown nothing. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static char path[4096], spare[4096 + 8];
static const char *other;
static char content[65536];
static size_t content_len;
static unsigned long changes;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

/* Also when the test has removed what we work on: there is nothing left to change. */
static void finish(void)
{
	printf("%lu\n", changes);
	exit(0);
}

static void die(const char *what)
{
	if (errno == ENOENT && changes)
		finish();
	fprintf(stderr, "racer: %s %s: %s\n", what, path, strerror(errno));
	exit(2);
}

/* Put the thing prepared at `spare` where `path` is, in one step, and take what was there away. */
static void put(void)
{
	if (renameat2(AT_FDCWD, spare, AT_FDCWD, path, RENAME_EXCHANGE))
		die("exchange");
	if (unlink(spare) && errno == EISDIR && rmdir(spare))
		die("remove what was at");
}

static void write_file(const char *at, const char *text, size_t len)
{
	int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd))
		die("write");
}

static void exchange(bool odd)
{
	(void)odd;
	if (renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE))
		die("exchange");
}

static void retarget(bool odd)
{
	if (odd ? symlink(other, spare) : mkdir(spare, 0755))
		die("make the other thing beside");
	put();
}

static void cut(bool odd)
{
	write_file(path, other, odd ? 0 : strlen(other));
}

static void fifo(bool odd)
{
	if (odd) {
		if (mkfifo(spare, 0644))
			die("mkfifo beside");
	} else {
		write_file(spare, content, content_len);
	}
	put();
}

static void unmount(bool odd)
{
	if (odd ? mount(other, path, NULL, MS_BIND, NULL) : umount2(path, MNT_DETACH))
		die(odd ? "mount on" : "unmount");
}

static const struct mode {
	const char *name;
	void (*step)(bool odd);
	bool needs_other;
} modes[] = {
	{"exchange", exchange, true},
	{"retarget", retarget, true},
	{"truncate", cut, true},
	{"fifo", fifo, false},
	{"unmount", unmount, true},
};

int main(int argc, char **argv)
{
	const struct mode *mode = NULL;
	for (size_t i = 0; argc > 2 && i < sizeof modes / sizeof *modes; i++)
		if (!strcmp(argv[1], modes[i].name) && argc == (modes[i].needs_other ? 4 : 3))
			mode = &modes[i];
	if (!mode) {
		fputs("usage: racer exchange|retarget|truncate|fifo|unmount PATH [OTHER]\n",
			stderr);
		return 2;
	}
	snprintf(path, sizeof path, "%s", argv[2]);
	snprintf(spare, sizeof spare, "%s.racer", path);
	other = argv[3];
	if (mode->step == fifo) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, content, sizeof content);
		if (n < 0)
			die("read");
		content_len = (size_t)n;
		close(fd);
	}
	struct sigaction act = {.sa_handler = on_term};
	sigaction(SIGTERM, &act, NULL);
	do {
		mode->step(true);
		if (!changes && write(STDOUT_FILENO, "ready\n", 6) != 6)
			die("say ready for");
		mode->step(false);
		changes += 2;
	} while (!stop);
	finish();
}
