/* loader: lies in a zone as its ld.so. Whatever dynamic program is executed there runs this
 * instead, in a process whose /proc/self/exe is that program; it writes down in /loader-ran which
 * file that was, and stays. Without libc: a loader gets the other program's auxiliary vector, which
 * libc's start-up does not survive. x86_64. */
#include <fcntl.h>
#include <sys/syscall.h>

void _start(void);

static long call(long number, long a, long b, long c, long d)
{
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

static char exe[4096];

void _start(void)
{
	long n = call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)exe, sizeof exe - 1);
	long fd = call(
		SYS_openat, AT_FDCWD, (long)"/loader-ran", O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (n > 0) {
		exe[n] = '\n';
		(void)call(SYS_write, fd, (long)exe, n + 1, 0);
	}
	for (;;)
		(void)call(SYS_pause, 0, 0, 0, 0);
}
