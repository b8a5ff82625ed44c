/* From tables to instructions. libseccomp translates names to the numbers of every ABI and builds
 * the search tree. In front of its program stand some instructions of our own for the few calls
 * whose arguments are looked at: "all but these values, of which only the low 32 bits count" is
 * what libseccomp cannot say (it compares 64 bits, the kernel uses 32: a known way around such
 * filters, CVE-2019-10063 and CVE-2023-1523). Jumps are relative, so the two simply follow each
 * other. */
#include "isolation/privileges/filter.h"

#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "isolation/privileges/filter_table.h"
#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Calls with checked arguments, by ABI. x32 has no entry, nor has it in the main program: its calls
 * do not match an x86-64 number, and libseccomp's program refuses them with ENOSYS, as a kernel
 * without x32 does. */
struct abi {
	uint32_t arch;
	uint32_t ioctl, socket, personality, socketcall;
};
#define NO_CALL UINT32_MAX

#if defined(__x86_64__) || defined(__i386__)
static const struct abi abis[] = {
	{AUDIT_ARCH_X86_64, 16, 41, 135, NO_CALL},
	{AUDIT_ARCH_I386, 54, 359, 136, 102},
};
#elif defined(__aarch64__) || defined(__arm__)
static const struct abi abis[] = {
	{AUDIT_ARCH_AARCH64, 29, 198, 92, NO_CALL},
	{AUDIT_ARCH_ARM, 54, 281, 136, NO_CALL},
};
#else
#error "the filter's ABIs are not written down for this architecture"
#endif

/* ---- our own instructions ---- */

enum {
	PREFIX_MAX = 128,
	SOCKETCALL_SOCKET = 1, /* SYS_SOCKET of <linux/net.h> */
};

struct prefix {
	struct sock_filter insns[PREFIX_MAX];
	unsigned n;
	bool log;
};

static unsigned emit(struct prefix *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	/* The size is known at build time, so running over is a mistake of ours. */
	if (p->n >= PREFIX_MAX)
		abort(); /* banned-ok: a mistake of ours, not of the caller's */
	p->insns[p->n] = (struct sock_filter){code, jt, jf, k};
	return p->n++;
}

static void emit_load(struct prefix *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* The low 32 bits of an argument: all that the kernel looks at in these calls. */
static void emit_load_arg(struct prefix *p, unsigned arg)
{
	size_t low = __BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4;
	emit_load(p, offsetof(struct seccomp_data, args) + (size_t)arg * 8 + low);
}

static void emit_refuse(struct prefix *p, int errnum)
{
	uint32_t action = p->log ? SECCOMP_RET_LOG : SECCOMP_RET_ERRNO | (uint32_t)errnum;
	emit(p, BPF_RET | BPF_K, 0, 0, action);
}

static void emit_refuse_if(struct prefix *p, uint32_t value, int errnum)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
	emit_refuse(p, errnum);
}

/* "if the accumulator is `value`": everything up to emit_end_if. */
static unsigned emit_if(struct prefix *p, uint32_t value)
{
	return emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, value);
}

static void emit_end_if(struct prefix *p, unsigned at)
{
	unsigned distance = p->n - at - 1;
	if (distance > UINT8_MAX)
		abort(); /* banned-ok: a mistake of ours, not of the caller's */
	p->insns[at].jf = (uint8_t)distance;
}

static unsigned emit_if_call(struct prefix *p, uint32_t nr)
{
	emit_load(p, offsetof(struct seccomp_data, nr));
	return emit_if(p, nr);
}

/* Typing into the caller's terminal (S24), and the same by way of the virtual console. */
static void emit_ioctl(struct prefix *p, uint32_t nr)
{
	if (defence_is_off("S24"))
		return;
	unsigned call = emit_if_call(p, nr);
	emit_load_arg(p, 1);
	emit_refuse_if(p, TIOCSTI, EPERM);
	emit_refuse_if(p, TIOCLINUX, EPERM);
	emit_end_if(p, call);
}

/* Two address families that know no namespaces: the hypervisor's, and the kernel's audit. The
 * answer is that of a kernel without them, which is what programs expect. */
static void emit_socket(struct prefix *p, uint32_t nr)
{
	unsigned call = emit_if_call(p, nr);
	emit_load_arg(p, 0);
	emit_refuse_if(p, AF_VSOCK, EAFNOSUPPORT);
	unsigned netlink = emit_if(p, AF_NETLINK);
	emit_load_arg(p, 2);
	emit_refuse_if(p, NETLINK_AUDIT, EAFNOSUPPORT);
	emit_end_if(p, netlink);
	emit_end_if(p, call);
}

static void emit_socketcall(struct prefix *p, uint32_t nr)
{
	unsigned call = emit_if_call(p, nr);
	emit_load_arg(p, 0);
	emit_refuse_if(p, SOCKETCALL_SOCKET, EPERM);
	emit_end_if(p, call);
}

/* Linux, Linux 32 bit, either with the uname of 2.6 (0x20000), and "tell me" (all ones). The others
 * emulate foreign systems or weaken the memory layout. */
static void emit_personality(struct prefix *p, uint32_t nr)
{
	static const uint32_t good[] = {0, 0x8, 0x20000, 0x20008, 0xffffffff};
	unsigned call = emit_if_call(p, nr);
	emit_load_arg(p, 0);
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(ARRAY_LEN(good) - i), 0, good[i]);
	emit_refuse(p, EPERM);
	emit_end_if(p, call);
}

static void build_prefix(const struct filter_options *options, struct prefix *p)
{
	p->log = options->mode == FILTER_LOG;
	for (size_t i = 0; i < ARRAY_LEN(abis); i++) {
		emit_load(p, offsetof(struct seccomp_data, arch));
		unsigned arch = emit_if(p, abis[i].arch);
		emit_ioctl(p, abis[i].ioctl);
		emit_socket(p, abis[i].socket);
		emit_personality(p, abis[i].personality);
		if (abis[i].socketcall != NO_CALL && !options->socketcall)
			emit_socketcall(p, abis[i].socketcall);
		emit_end_if(p, arch);
	}
}

/* ---- libseccomp, loaded only when something has to be compiled ---- */

struct lib {
	void *handle;
	__typeof__(&seccomp_init) init;
	__typeof__(&seccomp_release) release;
	__typeof__(&seccomp_attr_set) attr_set;
	__typeof__(&seccomp_arch_exist) arch_exist;
	__typeof__(&seccomp_arch_add) arch_add;
	__typeof__(&seccomp_syscall_resolve_name) resolve_name;
	__typeof__(&seccomp_rule_add_array) rule_add;
	__typeof__(&seccomp_export_bpf) export_bpf;
};

static int lib_symbol(struct lib *lib, const char *name, void *ret_function, struct err *e)
{
	void *symbol = dlsym(lib->handle, name);
	if (!symbol)
		return err_set(e, ERR_HOST, "libseccomp.so.2 has no %s", name);
	memcpy(ret_function, &symbol, sizeof symbol);
	return 0;
}

static void lib_done(struct lib *lib)
{
	if (lib->handle)
		dlclose(lib->handle);
	lib->handle = NULL;
}

static int lib_load(struct lib *lib, struct err *e)
{
	const struct {
		const char *name;
		void *function;
	} symbols[] = {
		{"seccomp_init", &lib->init},
		{"seccomp_release", &lib->release},
		{"seccomp_attr_set", &lib->attr_set},
		{"seccomp_arch_exist", &lib->arch_exist},
		{"seccomp_arch_add", &lib->arch_add},
		{"seccomp_syscall_resolve_name", &lib->resolve_name},
		{"seccomp_rule_add_array", &lib->rule_add},
		{"seccomp_export_bpf", &lib->export_bpf},
	};
	lib->handle = dlopen("libseccomp.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!lib->handle)
		return err_set(e, ERR_HOST, "load libseccomp: %s", dlerror());
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
		if (lib_symbol(lib, symbols[i].name, symbols[i].function, e) < 0)
			return -1;
	return 0;
}

/* libseccomp answers with negative errno values. */
static int lib_failed(int result, const char *what, const char *object, struct err *e)
{
	return err_sys(e, -result, "compile the system call filter: %s%s%s", what,
		object ? " " : "", object ? object : "");
}

static int set_up(
	const struct lib *lib, scmp_filter_ctx ctx, uint32_t unknown_action, struct err *e)
{
	const struct {
		enum scmp_filter_attr attr;
		uint32_t value;
		const char *name;
	} attrs[] = {
		{SCMP_FLTATR_ACT_BADARCH, unknown_action, "other architectures"},
		{SCMP_FLTATR_CTL_NNP, 0, "no_new_privs"},
		/* A search tree instead of a chain of 350 comparisons. */
		{SCMP_FLTATR_CTL_OPTIMIZE, 2, "optimisation"},
	};
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++) {
		int r = lib->attr_set(ctx, attrs[i].attr, attrs[i].value);
		if (r < 0)
			return lib_failed(r, "set", attrs[i].name, e);
	}
	/* AUDIT_ARCH_ values are libseccomp's tokens; the native one is in the context already. */
	for (size_t i = 0; i < ARRAY_LEN(abis); i++) {
		int r = lib->arch_exist(ctx, abis[i].arch) == 0 ? 0
								: lib->arch_add(ctx, abis[i].arch);
		if (r < 0)
			return lib_failed(r, "add an architecture", NULL, e);
	}
	return 0;
}

static int add_rule(const struct lib *lib, scmp_filter_ctx ctx, uint32_t action, const char *name,
	struct err *e)
{
	int nr = lib->resolve_name(name);
	if (nr == __NR_SCMP_ERROR)
		return 0; /* younger than the library: stays unknown */
	int r = lib->rule_add(ctx, action, nr, 0, NULL);
	return r < 0 ? lib_failed(r, "rule for", name, e) : 0;
}

static int add_rules(const struct lib *lib, scmp_filter_ctx ctx, const struct filter_options *o,
	uint32_t refuse, struct err *e)
{
	for (size_t i = 0; filter_allowed[i]; i++)
		if (add_rule(lib, ctx, SCMP_ACT_ALLOW, filter_allowed[i], e) < 0)
			return -1;
	/* In log mode refusing and not knowing are one action, the default, which libseccomp does
	 * not take as a rule. */
	for (size_t i = 0; refuse && filter_refused[i]; i++)
		if (add_rule(lib, ctx, refuse, filter_refused[i], e) < 0)
			return -1;
	for (size_t i = 0; filter_keyring[i]; i++) {
		uint32_t action = o->keyring ? SCMP_ACT_ALLOW : refuse;
		if (action && add_rule(lib, ctx, action, filter_keyring[i], e) < 0)
			return -1;
	}
	for (size_t i = 0; i < filter_unlocks_n; i++) {
		uint32_t action =
			filter_is_unlocked(o, &filter_unlocks[i]) ? SCMP_ACT_ALLOW : refuse;
		if (action && add_rule(lib, ctx, action, filter_unlocks[i].name, e) < 0)
			return -1;
	}
	return 0;
}

/* The library's program in a memfd (version 2.5.4 cannot export to memory), its size in bytes. */
static int export_program(const struct lib *lib, const struct filter_options *o, int *ret_fd,
	off_t *ret_size, struct err *e)
{
	bool log = o->mode == FILTER_LOG;
	uint32_t unknown = log ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(ENOSYS);
	autofd int fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "memfd_create");
	scmp_filter_ctx ctx = lib->init(unknown);
	if (!ctx)
		return err_set(e, ERR_FAILED, "libseccomp cannot make a filter");
	int r = set_up(lib, ctx, unknown, e);
	if (r == 0)
		r = add_rules(lib, ctx, o, log ? 0 : SCMP_ACT_ERRNO(EPERM), e);
	if (r == 0 && (r = lib->export_bpf(ctx, fd)) < 0)
		r = lib_failed(r, "export", NULL, e);
	lib->release(ctx);
	if (r < 0)
		return -1;
	*ret_size = lseek(fd, 0, SEEK_END);
	if (*ret_size < 0)
		return err_sys(e, errno, "size of the system call filter");
	*ret_fd = fd_steal(&fd);
	return 0;
}

static int join(const struct prefix *p, int fd, off_t size, struct filter_blob *ret, struct err *e)
{
	size_t n = (size_t)size / sizeof(struct sock_filter);
	if (n == 0 || (size_t)size % sizeof(struct sock_filter) != 0 || n + p->n > BPF_MAXINSNS)
		return err_set(e, ERR_FAILED,
			"libseccomp made a program of %lld bytes, which with %u "
			"more instructions is not what the kernel takes",
			(long long)size, p->n);
	autofree struct sock_filter *insns = calloc(n + p->n, sizeof *insns);
	if (!insns)
		return err_nomem(e);
	memcpy(insns, p->insns, p->n * sizeof *insns);
	if (pread(fd, insns + p->n, (size_t)size, 0) != (ssize_t)size)
		return err_sys(e, errno, "read the system call filter");
	*ret = (struct filter_blob){.n = (uint16_t)(n + p->n)};
	ret->insns = ptr_steal(&insns);
	return 0;
}

int filter_compile(const struct filter_options *options, struct filter_blob *ret, struct err *e)
{
	__attribute__((cleanup(lib_done))) struct lib lib = {0};
	struct prefix prefix = {0};
	autofd int fd = -1;
	off_t size = 0;

	if (options->mode == FILTER_UNCONFINED) {
		*ret = (struct filter_blob){0};
		return 0;
	}
	if (lib_load(&lib, e) < 0 || export_program(&lib, options, &fd, &size, e) < 0)
		return -1;
	build_prefix(options, &prefix);
	return join(&prefix, fd, size, ret, e);
}
