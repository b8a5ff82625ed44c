/* LD_PRELOAD this into cella: what may not be called between clone3 and exec ends the process
 * there, and its name goes to the file NOMALLOC_LOG (its first 64 KiB, without zeros). The child of
 * a clone3, which goes through syscall(3), knows what it is by that; `zone side`, `exec NAME` and
 * `called NAME` are the lines of the log, so that a test also sees that we have been there at all.
 * x86_64.
 *
 * Each function is a stub of three instructions that keeps no register but r11, so it works for any
 * prototype. Linked with -z initfirst: nothing runs before the pointers are there. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* clang-format off */
#define BANNED(X) \
	/* the heap */ \
	X(malloc) X(calloc) X(realloc) X(reallocarray) X(free) X(aligned_alloc) X(memalign) \
	X(posix_memalign) X(valloc) X(pvalloc) X(strdup) X(strndup) X(__strdup) X(__strndup) \
	X(asprintf) X(vasprintf) X(__asprintf_chk) X(__vasprintf_chk) X(realpath) X(qsort) X(qsort_r) \
	X(get_current_dir_name) X(opendir) X(fdopendir) X(readdir) X(readdir64) X(closedir) \
	X(scandir) X(nftw) X(ftw) X(fts_open) X(glob) X(globfree) \
	/* stdio */ \
	X(fopen) X(fopen64) X(fdopen) X(freopen) X(fclose) X(fflush) X(fread) X(fwrite) X(fgets) \
	X(fputs) X(fputc) X(fgetc) X(getc) X(putc) X(puts) X(putchar) X(perror) X(getline) \
	X(getdelim) X(fseek) X(ftell) X(rewind) X(setvbuf) X(setbuf) X(fmemopen) X(open_memstream) \
	X(tmpfile) X(ungetc) X(popen) X(pclose) X(printf) X(fprintf) X(vprintf) X(vfprintf) \
	X(dprintf) X(vdprintf) X(sprintf) X(snprintf) X(vsprintf) X(vsnprintf) X(__printf_chk) \
	X(__fprintf_chk) X(__vprintf_chk) X(__vfprintf_chk) X(__dprintf_chk) X(__vdprintf_chk) \
	X(__sprintf_chk) X(__snprintf_chk) X(__vsprintf_chk) X(__vsnprintf_chk) X(__fgets_chk) \
	X(__fread_chk) X(sscanf) X(vsscanf) X(__isoc99_sscanf) X(fscanf) X(__isoc99_fscanf) X(syslog) \
	X(vsyslog) X(__syslog_chk) X(openlog) \
	/* name services: code of the zone's */ \
	X(getpwnam) X(getpwuid) X(getpwnam_r) X(getpwuid_r) X(getpwent) X(getgrnam) X(getgrgid) \
	X(getgrnam_r) X(getgrgid_r) X(getgrent) X(getgrouplist) X(initgroups) X(getspnam) \
	X(getaddrinfo) X(getnameinfo) X(gethostbyname) X(getservbyname) X(getprotobyname) \
	X(getlogin) X(getlogin_r) X(wordexp) \
	/* the loader, locales, time zones: files of the zone's */ \
	X(dlopen) X(dlmopen) X(dlclose) X(setlocale) X(newlocale) X(uselocale) \
	X(strerror) X(strerror_r) X(strerror_l) X(strsignal) X(gettext) X(dgettext) X(dcgettext) \
	X(iconv_open) X(iconv) X(localtime) X(localtime_r) X(mktime) X(strftime) X(tzset) \
	/* other processes and threads; the caller's clean-up; the environment */ \
	X(system) X(fork) X(vfork) X(posix_spawn) X(posix_spawnp) X(pthread_create) X(exit) X(atexit) \
	X(execvp) X(execvpe) X(execlp) X(setenv) X(putenv) X(unsetenv) X(clearenv) \
	/* glibc's ones tell the other threads, as it believes them to be */ \
	X(setuid) X(setgid) X(seteuid) X(setegid) X(setreuid) X(setregid) X(setresuid) X(setresgid) \
	X(setgroups)
#define EXECS(X) X(execve) X(execveat) X(fexecve)

#define STUB_HERE(name, handler) \
	void *real_##name __attribute__((visibility("hidden"))); \
	static const char text_##name[] __attribute__((used)) = #name; \
	__asm__( \
		".text\n" \
		".globl " #name "\n" \
		".type " #name ", @function\n" \
		#name ":\n" \
		"	endbr64\n" \
		"	cmpb $0, in_zone_side(%rip)\n" \
		"	jne 1f\n" \
		"	jmp *real_" #name "(%rip)\n" \
		"1:	lea text_" #name "(%rip), %r11\n" \
		"	jmp " #handler "\n" \
		".size " #name ", . - " #name "\n");
#define BANNED_STUB(name) STUB_HERE(name, nomalloc_banned)
#define EXEC_STUB(name) STUB_HERE(name, nomalloc_exec)
BANNED(BANNED_STUB)
EXECS(EXEC_STUB)
/* clang-format on */

static const struct {
	const char *name;
	void **real;
} table[] = {
#define ENTRY(id) {#id, &real_##id},
	BANNED(ENTRY) EXECS(ENTRY)};

enum {
	LOG_ROOM = 1 << 16
};
uint8_t in_zone_side __attribute__((visibility("hidden")));
static struct room {
	char text[LOG_ROOM]; /* the lines; behind them zeros */
	size_t used;
} * shared;
static long (*real_syscall)(long, ...);

/* In the room of the file, which is mapped: the zone side closes descriptors. Lines of several
 * processes do not mix. */
static void note(const char *what, const char *name)
{
	size_t a = strlen(what), b = strlen(name);
	if (!shared)
		return;
	size_t at = __atomic_fetch_add(&shared->used, a + b + 1, __ATOMIC_SEQ_CST);
	if (at + a + b + 1 > sizeof shared->text)
		__builtin_trap(); /* a line that is lost would be a lie */
	memcpy(shared->text + at, what, a);
	memcpy(shared->text + at + a, name, b);
	shared->text[at + a + b] = '\n';
}

/* Not abort(3): signals that it sends to itself do not reach the init of a pid namespace. */
__attribute__((used, noreturn)) static void banned(const char *name)
{
	note("called ", name);
	__builtin_trap();
}

__attribute__((used)) static void *exec_noted(const char *name)
{
	note("exec ", name);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (!strcmp(table[i].name, name))
			return *table[i].real;
	banned(name);
}

/* r11 is the name; the arguments of an exec are kept for the real one. */
__asm__(".text\n"
	"nomalloc_banned:\n"
	"	mov %r11, %rdi\n"
	"	and $-16, %rsp\n"
	"	call banned\n"
	"nomalloc_exec:\n"
	"	push %rdi\n"
	"	push %rsi\n"
	"	push %rdx\n"
	"	push %rcx\n"
	"	push %r8\n"
	"	mov %r11, %rdi\n"
	"	call exec_noted\n"
	"	pop %r8\n"
	"	pop %rcx\n"
	"	pop %rdx\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	jmp *%rax\n");

long syscall(long number, ...)
{
	va_list args;
	long a[6];
	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (in_zone_side && number == SYS_execveat)
		note("exec ", "execveat");
	long r = real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number == SYS_clone3 && r == 0) {
		in_zone_side = 1;
		note("zone side", "");
	}
	return r;
}

static void map_log(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *at = MAP_FAILED;
	if (fd >= 0 && ftruncate(fd, sizeof *shared) == 0)
		at = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		__builtin_trap();
	shared = at;
	(void)close(fd);
}

__attribute__((constructor)) static void find_the_real_ones(int argc, char *argv[], char *envp[])
{
	static const char name[] = "NOMALLOC_LOG=";
	(void)argc, (void)argv;
	real_syscall = (long (*)(long, ...))(uintptr_t)dlsym(RTLD_NEXT, "syscall");
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		*table[i].real = dlsym(RTLD_NEXT, table[i].name);
	/* Not getenv: libc has not heard of the environment yet. */
	for (; *envp; envp++)
		if (!strncmp(*envp, name, sizeof name - 1))
			map_log(*envp + sizeof name - 1);
}
