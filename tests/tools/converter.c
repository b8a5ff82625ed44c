/* What an archive may bring as a module of iconv: if anything loads it, it answers in the place of
 * cella-unpack. Without a libc: the destination has none. */
#include <sys/syscall.h>

static const char answer[] = "error taken over by what was unpacked\nclass 1\nerrno 0\nend\n";

static void system_call(long number, long a, long b, long c)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall"
			 : "+a"(number)
			 : "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b,
			 x2 __asm__("x2") = c;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
#endif
}

__attribute__((constructor)) static void run(void)
{
	system_call(SYS_write, 1, (long)answer, sizeof answer - 1);
	system_call(SYS_exit_group, 1, 0, 0);
}
