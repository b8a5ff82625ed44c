/* The compiled program is interpreted here, instruction by instruction, for calls of every ABI:
 * what counts is what the kernel would do, not which rules were asked for (S27). */
#include "isolation/privileges/filter.h"
#include "base/mem.h"
#include "base/path.h"
#include "isolation/privileges/filter_table.h"
#include "tests/unit/test.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if !defined(__x86_64__)
int main(void)
{
	printf("1..0 # SKIP the table has the numbers of x86 only\n");
	return 0;
}
#else

enum {
	X32_BIT = 0x40000000
};
#define BAD_PROGRAM UINT32_MAX

static uint32_t load_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;
	if (offset % 4 || offset + 4 > sizeof *data)
		return BAD_PROGRAM;
	memcpy(&word, (const char *)data + offset, 4);
	return word;
}

static bool is_taken(const struct sock_filter *i, uint32_t a)
{
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return a == i->k;
	case BPF_JGT:
		return a > i->k;
	case BPF_JGE:
		return a >= i->k;
	case BPF_JSET:
		return a & i->k;
	default:
		return false;
	}
}

/* What the kernel would answer. BAD_PROGRAM if it runs off the end or holds what is not known here.
 */
static uint32_t run(const struct filter_blob *blob, const struct seccomp_data *data)
{
	uint32_t a = 0, memory[16] = {0};
	for (uint32_t pc = 0; pc < blob->n; pc++) {
		const struct sock_filter *i = &blob->insns[pc];
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = load_word(data, i->k);
			break;
		case BPF_LD | BPF_MEM:
			a = memory[i->k % 16];
			break;
		case BPF_ST:
			memory[i->k % 16] = a;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			if (BPF_CLASS(i->code) != BPF_JMP || BPF_SRC(i->code) != BPF_K)
				return BAD_PROGRAM;
			pc += is_taken(i, a) ? i->jt : i->jf;
		}
	}
	return BAD_PROGRAM;
}

static uint32_t ask(const struct filter_blob *blob, uint32_t arch, uint32_t nr, uint64_t a0,
	uint64_t a1, uint64_t a2)
{
	struct seccomp_data data = {.nr = (int)nr, .arch = arch, .args = {a0, a1, a2}};
	return run(blob, &data);
}

static struct filter_blob compile(struct filter_options options)
{
	struct filter_blob blob = {0};
	struct err e = {0};
	CHECK_INT(filter_compile(&options, &blob, &e), 0);
	if (e.msg[0])
		printf("# %s\n", e.msg);
	return blob;
}

#define ALLOWED SECCOMP_RET_ALLOW
#define REFUSED(errnum) (SECCOMP_RET_ERRNO | (errnum))
#define LOGGED SECCOMP_RET_LOG
#define NONE UINT32_MAX

/* Numbers of the kernel's headers (asm/unistd_64.h, unistd_32.h), not of libseccomp. */
static const struct row {
	const char *name;
	uint32_t nr64, nr32;
	uint32_t want; /* ALLOWED, EPERM or ENOSYS */
} rows[] = {
	{"read", 0, 3, ALLOWED},
	{"write", 1, 4, ALLOWED},
	{"openat", 257, 295, ALLOWED},
	{"openat2", 437, 437, ALLOWED},
	{"close", 3, 6, ALLOWED},
	{"mmap", 9, 90, ALLOWED},
	{"mprotect", 10, 125, ALLOWED},
	{"clone", 56, 120, ALLOWED},
	{"clone3", 435, 435, ALLOWED},
	{"execve", 59, 11, ALLOWED},
	{"execveat", 322, 358, ALLOWED},
	{"exit_group", 231, 252, ALLOWED},
	{"futex", 202, 240, ALLOWED},
	{"unshare", 272, 310, ALLOWED},
	{"setns", 308, 346, ALLOWED},
	{"mount", 165, 21, ALLOWED},
	{"umount2", 166, 52, ALLOWED},
	{"pivot_root", 155, 217, ALLOWED},
	{"fsopen", 430, 430, ALLOWED},
	{"fsconfig", 431, 431, ALLOWED},
	{"fsmount", 432, 432, ALLOWED},
	{"fspick", 433, 433, ALLOWED},
	{"open_tree", 428, 428, ALLOWED},
	{"move_mount", 429, 429, ALLOWED},
	{"mount_setattr", 442, 442, ALLOWED},
	{"chroot", 161, 61, ALLOWED},
	{"sethostname", 170, 74, ALLOWED},
	{"setdomainname", 171, 121, ALLOWED},
	{"setuid", 105, 23, ALLOWED},
	{"setresuid", 117, 164, ALLOWED},
	{"setgroups", 116, 81, ALLOWED},
	{"capset", 126, 185, ALLOWED},
	{"capget", 125, 184, ALLOWED},
	{"prctl", 157, 172, ALLOWED},
	{"seccomp", 317, 354, ALLOWED},
	{"landlock_create_ruleset", 444, 444, ALLOWED},
	{"ptrace", 101, 26, ALLOWED},
	{"process_vm_readv", 310, 347, ALLOWED},
	{"kcmp", 312, 349, ALLOWED},
	{"pidfd_open", 434, 434, ALLOWED},
	{"pidfd_getfd", 438, 438, ALLOWED},
	{"pidfd_send_signal", 424, 424, ALLOWED},
	{"kill", 62, 37, ALLOWED},
	{"name_to_handle_at", 303, 341, ALLOWED},
	{"mknod", 133, 14, ALLOWED},
	{"mknodat", 259, 297, ALLOWED},
	{"inotify_init1", 294, 332, ALLOWED},
	{"signalfd4", 289, 327, ALLOWED},
	{"timerfd_create", 283, 322, ALLOWED},
	{"epoll_pwait2", 441, 441, ALLOWED},
	{"clock_gettime", 228, 265, ALLOWED},
	{"clock_adjtime", 305, 343, ALLOWED},
	{"nanosleep", 35, 162, ALLOWED},
	{"getrandom", 318, 355, ALLOWED},
	{"rseq", 334, 386, ALLOWED},
	{"reboot", 169, 88, ALLOWED},
	{"vhangup", 153, 111, ALLOWED},
	{"socket", 41, 359, ALLOWED},
	{"socketpair", 53, 360, ALLOWED},
	{"bind", 49, 361, ALLOWED},
	{"sendmsg", 46, 370, ALLOWED},
	{"recvmmsg", 299, 337, ALLOWED},
	{"getsockopt", 55, 365, ALLOWED},
	{"shmget", 29, 395, ALLOWED},
	{"semget", 64, 393, ALLOWED},
	{"msgget", 68, 399, ALLOWED},
	{"mq_open", 240, 277, ALLOWED},
	{"memfd_create", 319, 356, ALLOWED},
	{"membarrier", 324, 375, ALLOWED},
	{"io_setup", 206, 245, ALLOWED},
	{"io_submit", 209, 248, ALLOWED},
	{"set_mempolicy", 238, 276, ALLOWED},
	{"mbind", 237, 274, ALLOWED},
	{"sched_setaffinity", 203, 241, ALLOWED},
	{"prlimit64", 302, 340, ALLOWED},
	{"ioprio_set", 251, 289, ALLOWED},
	{"statx", 332, 383, ALLOWED},
	{"copy_file_range", 326, 377, ALLOWED},
	{"close_range", 436, 436, ALLOWED},
	{"faccessat2", 439, 439, ALLOWED},
	{"process_madvise", 440, 440, ALLOWED},
	{"arch_prctl", 158, 384, ALLOWED},
	{"sysinfo", 99, 116, ALLOWED},
	{"uname", 63, 122, ALLOWED},
	{"personality", 135, 136, ALLOWED},
	{"_llseek", NONE, 140, ALLOWED},
	{"_newselect", NONE, 142, ALLOWED},
	{"mmap2", NONE, 192, ALLOWED},
	{"waitpid", NONE, 7, ALLOWED},
	{"socketcall", NONE, 102, ALLOWED},
	{"ipc", NONE, 117, ALLOWED},
	{"sigreturn", NONE, 119, ALLOWED},
	{"setuid32", NONE, 213, ALLOWED},
	{"setgroups32", NONE, 206, ALLOWED},
	{"stat64", NONE, 195, ALLOWED},
	{"fcntl64", NONE, 221, ALLOWED},
	{"ugetrlimit", NONE, 191, ALLOWED},
	{"clock_gettime64", NONE, 403, ALLOWED},
	{"futex_time64", NONE, 422, ALLOWED},
	{"time", 201, 13, ALLOWED},
	{"umount", NONE, 22, ALLOWED},
	{"set_thread_area", 205, 243, ALLOWED},
	{"clock_adjtime64", NONE, 405, ALLOWED},
	{"timer_settime64", NONE, 409, ALLOWED},
	{"chown32", NONE, 212, ALLOWED},
	{"olduname", NONE, 109, ALLOWED},
	{"readdir", NONE, 89, ALLOWED},
	{"sigaction", NONE, 67, ALLOWED},
	{"open_by_handle_at", 304, 342, EPERM},
	{"kexec_load", 246, 283, EPERM},
	{"kexec_file_load", 320, NONE, EPERM},
	{"io_uring_setup", 425, 425, EPERM},
	{"io_uring_enter", 426, 426, EPERM},
	{"io_uring_register", 427, 427, EPERM},
	{"userfaultfd", 323, 374, EPERM},
	{"fanotify_init", 300, 338, EPERM},
	{"fanotify_mark", 301, 339, EPERM},
	{"pkey_alloc", 330, 381, EPERM},
	{"pkey_free", 331, 382, EPERM},
	{"pkey_mprotect", 329, 380, EPERM},
	{"lookup_dcookie", 212, 253, EPERM},
	{"migrate_pages", 256, 294, EPERM},
	{"move_pages", 279, 317, EPERM},
	{"quotactl", 179, 131, EPERM},
	{"quotactl_fd", 443, 443, EPERM},
	{"swapon", 167, 87, EPERM},
	{"swapoff", 168, 115, EPERM},
	{"modify_ldt", 154, 123, EPERM},
	{"add_key", 248, 286, EPERM},
	{"keyctl", 250, 288, EPERM},
	{"request_key", 249, 287, EPERM},
	{"adjtimex", 159, 124, EPERM},
	{"clock_settime", 227, 264, EPERM},
	{"settimeofday", 164, 79, EPERM},
	{"init_module", 175, 128, EPERM},
	{"finit_module", 313, 350, EPERM},
	{"delete_module", 176, 129, EPERM},
	{"ioperm", 173, 101, EPERM},
	{"iopl", 172, 110, EPERM},
	{"acct", 163, 51, EPERM},
	{"syslog", 103, 103, EPERM},
	{"bpf", 321, 357, EPERM},
	{"perf_event_open", 298, 336, EPERM},
	{"uselib", 134, 86, EPERM},
	{"ustat", 136, 62, EPERM},
	{"sysfs", 139, 135, EPERM},
	{"_sysctl", 156, 149, EPERM},
	{"nfsservctl", 180, 169, EPERM},
	{"vm86", NONE, 166, EPERM},
	{"vm86old", NONE, 113, EPERM},
	{"stime", NONE, 25, EPERM},
	{"bdflush", NONE, 134, EPERM},
	{"clock_settime64", NONE, 404, EPERM},
	{"afs_syscall", 183, 137, ENOSYS},
	{"create_module", 174, 127, ENOSYS},
	{"get_kernel_syms", 177, 130, ENOSYS},
	{"query_module", 178, 167, ENOSYS},
	{"getpmsg", 181, 188, ENOSYS},
	{"putpmsg", 182, 189, ENOSYS},
	{"security", 185, NONE, ENOSYS},
	{"tuxcall", 184, NONE, ENOSYS},
	{"vserver", 236, 273, ENOSYS},
	/* Numbers that nobody has yet. */
	{"none", 999, 999, ENOSYS},
	{"gap", 400, 500, ENOSYS},
	{"-1", 0xffffffff, 0xffffffff, ENOSYS},
};

static void check_row(const struct filter_blob *blob, const struct row *row, const char *abi,
	uint32_t arch, uint32_t nr, uint32_t want)
{
	uint32_t got = ask(blob, arch, nr, 0, 0, 0);
	if (got != want)
		printf("# %s %s (%u): got %#x, want %#x\n", abi, row->name, nr, got, want);
	CHECK(got == want);
}

TEST(calls_by_number_in_three_abis)
{
	autofilter struct filter_blob blob = compile((struct filter_options){0});
	printf("# %u instructions, %zu calls\n", blob.n, ARRAY_LEN(rows));
	CHECK(blob.n > 0 && blob.n <= BPF_MAXINSNS);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		uint32_t want = r->want == ALLOWED ? ALLOWED : REFUSED(r->want);
		if (r->nr64 != NONE) {
			check_row(&blob, r, "x86_64", AUDIT_ARCH_X86_64, r->nr64, want);
			check_row(&blob, r, "x32", AUDIT_ARCH_X86_64, r->nr64 | X32_BIT,
				REFUSED(ENOSYS));
		}
		if (r->nr32 != NONE)
			check_row(&blob, r, "i386", AUDIT_ARCH_I386, r->nr32, want);
	}
	/* x32's own numbers, and architectures that this machine does not even have. */
	for (uint32_t nr = 512; nr < 548; nr++)
		CHECK(ask(&blob, AUDIT_ARCH_X86_64, nr | X32_BIT, 0, 0, 0) == REFUSED(ENOSYS));
	CHECK(ask(&blob, AUDIT_ARCH_X86_64, 520, 0, 0, 0) == REFUSED(ENOSYS));
	CHECK(ask(&blob, AUDIT_ARCH_AARCH64, 63, 0, 0, 0) == REFUSED(ENOSYS));
	CHECK(ask(&blob, 0, 0, 0, 0, 0) == REFUSED(ENOSYS));
}

/* The upper halves of 64-bit registers that the kernel does not look at. */
static const uint64_t high[] = {0, UINT64_C(1) << 32, UINT64_C(0xffffffff00000000)};

TEST(ioctls_that_type_into_a_terminal)
{
	autofilter struct filter_blob blob = compile((struct filter_options){0});
	for (size_t i = 0; i < ARRAY_LEN(high); i++) {
		CHECK(ask(&blob, AUDIT_ARCH_X86_64, 16, 0, TIOCSTI | high[i], 0) == REFUSED(EPERM));
		CHECK(ask(&blob, AUDIT_ARCH_X86_64, 16, 0, TIOCLINUX | high[i], 0) ==
			REFUSED(EPERM));
		CHECK(ask(&blob, AUDIT_ARCH_X86_64, 16, 0, TCGETS | high[i], 0) == ALLOWED);
	}
	CHECK(ask(&blob, AUDIT_ARCH_I386, 54, 0, TIOCSTI, 0) == REFUSED(EPERM));
	CHECK(ask(&blob, AUDIT_ARCH_I386, 54, 0, TIOCLINUX, 0) == REFUSED(EPERM));
	CHECK(ask(&blob, AUDIT_ARCH_I386, 54, TIOCSTI, TIOCGWINSZ, TIOCSTI) == ALLOWED);
	CHECK(ask(&blob, AUDIT_ARCH_X86_64, 16 | X32_BIT, 0, TIOCSTI, 0) == REFUSED(ENOSYS));
	/* ioctl's number in the one ABI is another call in the other. */
	CHECK(ask(&blob, AUDIT_ARCH_I386, 16, 0, TIOCSTI, 0) == ALLOWED);
	CHECK(ask(&blob, AUDIT_ARCH_X86_64, 54, 0, TIOCSTI, 0) == ALLOWED);
}

TEST(socket_families)
{
	static const struct {
		uint64_t family, protocol;
		uint32_t want;
	} cases[] = {
		{AF_UNIX, 0, ALLOWED},
		{AF_INET, 0, ALLOWED},
		{AF_INET, NETLINK_AUDIT, ALLOWED},
		{AF_PACKET, 0, ALLOWED},
		{AF_NETLINK, NETLINK_ROUTE, ALLOWED},
		{AF_NETLINK, NETLINK_KOBJECT_UEVENT, ALLOWED},
		{AF_NETLINK, NETLINK_AUDIT, REFUSED(EAFNOSUPPORT)},
		{AF_VSOCK, 0, REFUSED(EAFNOSUPPORT)},
		{AF_VSOCK, 7, REFUSED(EAFNOSUPPORT)},
	};
	autofilter struct filter_blob blob = compile((struct filter_options){0});
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t k = 0; k < ARRAY_LEN(high); k++)
			CHECK(ask(&blob, AUDIT_ARCH_X86_64, 41, cases[i].family | high[k], 1,
				      cases[i].protocol | high[k]) == cases[i].want);
		CHECK(ask(&blob, AUDIT_ARCH_I386, 359, cases[i].family, 1, cases[i].protocol) ==
			cases[i].want);
	}
}

TEST(socketcall_makes_no_sockets_unless_asked)
{
	autofilter struct filter_blob blob = compile((struct filter_options){0});
	autofilter struct filter_blob open = compile((struct filter_options){.socketcall = true});
	CHECK(ask(&blob, AUDIT_ARCH_I386, 102, 1, 0, 0) == REFUSED(EPERM));
	CHECK(ask(&blob, AUDIT_ARCH_I386, 102, 2, 0, 0) == ALLOWED);
	CHECK(ask(&blob, AUDIT_ARCH_I386, 102, 8, 0, 0) == ALLOWED);
	CHECK(ask(&open, AUDIT_ARCH_I386, 102, 1, 0, 0) == ALLOWED);
	CHECK(ask(&open, AUDIT_ARCH_I386, 359, AF_VSOCK, 0, 0) == REFUSED(EAFNOSUPPORT));
}

TEST(personalities)
{
	static const uint64_t good[] = {0, 8, 0x20000, 0x20008, 0xffffffff, UINT64_MAX};
	static const uint64_t bad[] = {1, 4, 7, 0x10, 0x40000, 0x20001, 0x60000, 0x400000,
		0x4000000, 0x40008, 0xfffffffe, 0x7fffffff};
	autofilter struct filter_blob blob = compile((struct filter_options){0});
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK(ask(&blob, AUDIT_ARCH_X86_64, 135, good[i], 0, 0) == ALLOWED);
		CHECK(ask(&blob, AUDIT_ARCH_I386, 136, good[i] & 0xffffffff, 0, 0) == ALLOWED);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(ask(&blob, AUDIT_ARCH_X86_64, 135, bad[i], 0, 0) == REFUSED(EPERM));
		CHECK(ask(&blob, AUDIT_ARCH_X86_64, 135, bad[i] | high[2], 0, 0) == REFUSED(EPERM));
		CHECK(ask(&blob, AUDIT_ARCH_I386, 136, bad[i], 0, 0) == REFUSED(EPERM));
	}
}

#define CAP(name) (UINT64_C(1) << CAP_##name)

TEST(options_open_what_they_name_and_nothing_else)
{
	static const struct {
		struct filter_options options;
		uint32_t nr64, want;
	} cases[] = {
		{{.keyring = true}, 250, ALLOWED},	  /* keyctl */
		{{.keyring = true}, 248, ALLOWED},	  /* add_key */
		{{.keyring = true}, 321, REFUSED(EPERM)}, /* bpf */
		{{.capabilities = CAP(BPF)}, 321, ALLOWED},
		{{.capabilities = CAP(BPF)}, 298, REFUSED(EPERM)}, /* perf_event_open */
		{{.capabilities = CAP(PERFMON)}, 298, ALLOWED},
		{{.capabilities = CAP(SYS_TIME)}, 227, ALLOWED},      /* clock_settime */
		{{.capabilities = CAP(SYS_TIME)}, 164, ALLOWED},      /* settimeofday */
		{{.capabilities = CAP(SYS_MODULE)}, 175, ALLOWED},    /* init_module */
		{{.capabilities = CAP(SYS_RAWIO)}, 172, ALLOWED},     /* iopl */
		{{.capabilities = CAP(SYSLOG)}, 103, REFUSED(EPERM)}, /* syslog */
		{{.capabilities = CAP(SYSLOG), .host_userns = true}, 103, ALLOWED},
		{{.capabilities = CAP(SYS_PACCT)}, 163, REFUSED(EPERM)}, /* acct */
		{{.capabilities = CAP(SYS_PACCT), .host_userns = true}, 163, ALLOWED},
		/* S26: never. */
		{{.capabilities = UINT64_MAX, .host_userns = true, .keyring = true}, 304,
			REFUSED(EPERM)},
		{{.capabilities = UINT64_MAX, .host_userns = true}, 246, REFUSED(EPERM)},
		{{.capabilities = UINT64_MAX, .host_userns = true}, 425, REFUSED(EPERM)},
		{{.capabilities = UINT64_MAX, .host_userns = true}, 999, REFUSED(ENOSYS)},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofilter struct filter_blob blob = compile(cases[i].options);
		uint32_t got = ask(&blob, AUDIT_ARCH_X86_64, cases[i].nr64, 0, 0, 0);
		if (got != cases[i].want)
			printf("# case %zu: got %#x\n", i, got);
		CHECK(got == cases[i].want);
	}
}

TEST(log_mode_refuses_nothing)
{
	autofilter struct filter_blob blob =
		compile((struct filter_options){.mode = FILTER_LOG, .capabilities = CAP(BPF)});
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		uint32_t want = r->want == ALLOWED || !strcmp(r->name, "bpf") ? ALLOWED : LOGGED;
		if (r->nr64 != NONE) {
			check_row(&blob, r, "x86_64", AUDIT_ARCH_X86_64, r->nr64, want);
			check_row(&blob, r, "x32", AUDIT_ARCH_X86_64, r->nr64 | X32_BIT, LOGGED);
		}
		if (r->nr32 != NONE)
			check_row(&blob, r, "i386", AUDIT_ARCH_I386, r->nr32, want);
	}
	CHECK(ask(&blob, AUDIT_ARCH_X86_64, 16, 0, TIOCSTI, 0) == LOGGED);
	CHECK(ask(&blob, AUDIT_ARCH_X86_64, 41, AF_VSOCK, 0, 0) == LOGGED);
	CHECK(ask(&blob, AUDIT_ARCH_X86_64, 135, 4, 0, 0) == LOGGED);
	CHECK(ask(&blob, AUDIT_ARCH_I386, 102, 1, 0, 0) == LOGGED);
}

TEST(unconfined_is_no_program)
{
	struct filter_options options = {.mode = FILTER_UNCONFINED};
	struct filter_blob blob = {0};
	struct err e = {0};
	struct fault f;
	CHECK_INT(filter_get(&options, -1, &blob, &e), 0);
	CHECK(blob.n == 0 && blob.insns == NULL);
	CHECK_INT(filter_apply(&blob, &f), 0);
}

/* ---- the tables themselves ---- */

static unsigned times_in(const char *const *list, const char *name)
{
	unsigned n = 0;
	for (; *list; list++)
		n += strcmp(*list, name) == 0;
	return n;
}

/* Never in Linux, or a stub that answers ENOSYS anyway. */
static const char *const never[] = {"afs_syscall", "break", "create_module", "ftime",
	"get_kernel_syms", "getpmsg", "gtty", "idle", "lock", "mpx", "prof", "profil", "putpmsg",
	"query_module", "security", "sgetmask", "ssetmask", "stty", "tuxcall", "ulimit", "vserver",
	NULL};

static unsigned times_named(const char *name)
{
	unsigned n = times_in(filter_allowed, name) + times_in(filter_refused, name) +
		     times_in(filter_keyring, name) + times_in(never, name);
	for (size_t i = 0; i < filter_unlocks_n; i++)
		n += strcmp(filter_unlocks[i].name, name) == 0;
	return n;
}

/* So that a call which the library learns is noticed, and decided on, when it is updated. */
TEST(every_call_that_the_library_knows_is_decided_once)
{
	static const uint32_t archs[] = {
		SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_AARCH64, SCMP_ARCH_ARM};
	for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
		for (int nr = 0; nr < 600; nr++) {
			char *name = seccomp_syscall_resolve_num_arch(archs[i], nr);
			if (name && times_named(name) != 1) {
				printf("# '%s' is decided %u times\n", name, times_named(name));
				CHECK(times_named(name) == 1);
			}
			free(name);
		}
	}
	for (size_t i = 0; filter_allowed[i]; i++)
		CHECK_INT(times_named(filter_allowed[i]), 1);
}

/* ---- the cache ---- */

struct cache {
	char path[64];
	int fd;
};

static struct cache cache_make(void)
{
	struct cache c = {.path = "/tmp/cella-unit-XXXXXX", .fd = -1};
	if (mkdtemp(c.path))
		c.fd = open(c.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(c.fd >= 0);
	return c;
}

static void cache_done(struct cache *c)
{
	struct err e = {0};
	int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(path_remove_tree(tmp, c->path + strlen("/tmp/"), &e), 0);
	close(tmp);
	close(c->fd);
}

/* Number of files; the name of one of them. */
static unsigned cache_list(const struct cache *c, char name[256])
{
	unsigned n = 0;
	DIR *dir = opendir(c->path);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(name, 256, "%s", d->d_name);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

static bool is_same(const struct filter_blob *a, const struct filter_blob *b)
{
	return a->n == b->n && memcmp(a->insns, b->insns, a->n * sizeof *a->insns) == 0;
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

TEST(cached_programs_are_the_same_and_quick)
{
	struct cache c = cache_make();
	struct filter_options options = {0};
	struct err e = {0};
	char name[256];
	autofilter struct filter_blob a = {0}, b = {0};
	int64_t t0 = now_us();
	CHECK_INT(filter_get(&options, c.fd, &a, &e), 0);
	int64_t t1 = now_us();
	CHECK_INT(filter_get(&options, c.fd, &b, &e), 0);
	int64_t t2 = now_us();
	printf("# compiled in %lld us, read in %lld us\n", (long long)(t1 - t0),
		(long long)(t2 - t1));
	CHECK(is_same(&a, &b));
	CHECK_INT(cache_list(&c, name), 1);
	struct stat st;
	CHECK(fstatat(c.fd, name, &st, 0) == 0 && (st.st_mode & 0777) == 0600);
	cache_done(&c);
}

TEST(other_options_have_another_file)
{
	static const struct filter_options options[] = {{0}, {.keyring = true},
		{.socketcall = true}, {.mode = FILTER_LOG}, {.capabilities = CAP(BPF)},
		{.capabilities = CAP(SYSLOG), .host_userns = true}};
	struct cache c = cache_make();
	char name[256];
	struct err e = {0};
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		autofilter struct filter_blob blob = {0};
		CHECK_INT(filter_get(&options[i], c.fd, &blob, &e), 0);
		CHECK_INT(cache_list(&c, name), i + 1);
	}
	/* What changes nothing shares one. */
	struct filter_options same = {.capabilities = CAP(SYSLOG) | CAP(CHOWN)};
	autofilter struct filter_blob blob = {0};
	CHECK_INT(filter_get(&same, c.fd, &blob, &e), 0);
	CHECK_INT(cache_list(&c, name), ARRAY_LEN(options));
	cache_done(&c);
}

TEST(damaged_files_are_replaced)
{
	struct cache c = cache_make();
	struct filter_options options = {0};
	struct err e = {0};
	char name[256];
	autofilter struct filter_blob good = {0};
	CHECK_INT(filter_get(&options, c.fd, &good, &e), 0);
	CHECK_INT(cache_list(&c, name), 1);
	for (int damage = 0; damage < 6; damage++) {
		int fd = openat(c.fd, name, O_RDWR | O_CLOEXEC);
		unsigned char byte = 0;
		off_t size = lseek(fd, 0, SEEK_END), at = damage == 1 ? 0 : damage == 2 ? 16 : 400;
		CHECK(fd >= 0 && size > 400);
		if (damage == 0)
			CHECK(ftruncate(fd, 0) == 0);
		else if (damage == 4)
			CHECK(ftruncate(fd, size - 8) == 0);
		else if (damage == 5)
			CHECK(pwrite(fd, "12345678", 8, size) == 8);
		else
			CHECK(pread(fd, &byte, 1, at) == 1 && (byte ^= 1, 1) &&
				pwrite(fd, &byte, 1, at) == 1);
		close(fd);
		autofilter struct filter_blob again = {0};
		CHECK_INT(filter_get(&options, c.fd, &again, &e), 0);
		CHECK(is_same(&good, &again));
		struct stat st;
		CHECK(fstatat(c.fd, name, &st, 0) == 0 && st.st_size == size);
	}
	/* Something else in its place: as if there were no cache. */
	CHECK(unlinkat(c.fd, name, 0) == 0 && mkdirat(c.fd, name, 0700) == 0);
	autofilter struct filter_blob again = {0};
	CHECK_INT(filter_get(&options, c.fd, &again, &e), 0);
	CHECK(is_same(&good, &again));
	cache_done(&c);
}

TEST_MAIN()
#endif
