#include "runtime/host_probe.h"
#include "runtime/staging.h"
#include "base/fd.h"
#include "base/sys.h"
#include "fsroot/fs_ids.h"
#include "fsroot/overlay.h"
#include "fsroot/tree.h"
#include "isolation/namespaces/idmap.h"
#include "isolation/namespaces/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Do `work` in a child and bring its error back through a pipe: a struct err is plain bytes. */
static int in_child(int (*work)(const void *arg, struct err *e), const void *arg, struct err *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	pid_t pid = fork();
	if (pid < 0) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return err_sys(e, errno, "fork");
	}
	if (pid == 0) {
		struct err why = {0};
		if (work(arg, &why) < 0)
			(void)fd_write_all(ends[1], &why, sizeof why);
		_exit(0);
	}
	struct err why = {0};
	int status = 0;
	fd_close(&ends[1]);
	ssize_t n = fd_read_all(ends[0], &why, sizeof why);
	fd_close(&ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (n == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (n != sizeof why)
		return err_set(e, ERR_HOST, "the probe died");
	if (e)
		*e = why;
	return -1;
}

/* ---- user namespace ---- */

struct userns {
	int fd;
	uint32_t first;
};

/* A user namespace with the pool's first range: held by a child that only waits to be killed. */
static int make_userns(const struct store *s, struct userns *ret, struct err *e)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	const struct id_map map = {0, s->config.id_pool_base, 65536};
	pid_t pid = sys_clone3(&args);
	if (pid < 0)
		return err_sys(e, errno, "make a user namespace");
	if (pid == 0)
		for (;;)
			(void)pause();
	int r = idmap_write(pid, &map, 1, &map, 1, e);
	int fd = r < 0 ? -1 : ns_open(pid, NS_USER);
	if (r == 0 && fd < 0)
		r = err_sys(e, errno, "open the user namespace");
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ret = (struct userns){fd, map.host_first};
	return r;
}

static int try_idmap(const void *arg, struct err *e)
{
	const struct store *s = arg;
	struct userns ns = {.fd = -1};
	autofd int tree = tree_clone(s->root_fd, "", false);
	if (tree < 0)
		return err_sys(e, errno, "clone the store's mount");
	return make_userns(s, &ns, e) < 0 ? -1 : tree_idmap(tree, ns.fd, 0, 0, e);
}

int host_probe_idmap(const struct store *s, struct err *e)
{
	return in_child(try_idmap, s, e);
}

/* ---- overlay ---- */

struct overlay_probe {
	const struct store *s;
	const struct staging *st;
};

static int write_inside(int root, uint32_t uid, struct err *e)
{
	autofsids struct fs_ids ids = {0};
	if (fs_ids_take(&ids, uid, uid, e) < 0)
		return -1;
	autofd int file = openat(root, "probe", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return file < 0 ? err_sys(e, errno, "write a file in the overlay") : 0;
}

static int try_overlay(const void *arg, struct err *e)
{
	const struct overlay_probe *p = arg;
	struct userns ns = {.fd = -1};
	char lower[80], upper[80], work[80];
	(void)snprintf(lower, sizeof lower, "staging/%s/lower", p->st->name);
	(void)snprintf(upper, sizeof upper, "staging/%s/upper", p->st->name);
	(void)snprintf(work, sizeof work, "staging/%s/work", p->st->name);
	const char *layers[] = {lower};
	autofd int tree = tree_clone(p->s->root_fd, "", true);
	autofd int root = -1;
	if (tree < 0)
		return err_sys(e, errno, "clone the store's mount");
	if (tree_private_mountns(NULL, e) < 0 || make_userns(p->s, &ns, e) < 0)
		return -1;
	const struct overlay_plan plan = {
		.store_tree_fd = tree,
		.layers = layers,
		.n_layers = 1,
		.upper = upper,
		.work = work,
		.userns_fd = ns.fd,
		.root_uid = ns.first,
		.root_gid = ns.first,
	};
	return overlay_build(&plan, &root, e) < 0 ? -1 : write_inside(root, ns.first, e);
}

int host_probe_overlay(const struct store *s, struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	if (staging_make(s, "probe", &st, e) < 0 ||
		overlay_make_dirs(st.fd, "upper", "work", 0755, e) < 0)
		return -1;
	if (mkdirat(st.fd, "lower", 0755) < 0)
		return err_sys(e, errno, "make a directory in '%s/staging'", s->root);
	const struct overlay_probe p = {s, &st};
	return in_child(try_overlay, &p, e);
}

/* ---- network ---- */

/* Send one netlink request and take its acknowledgement. */
static int ask(int protocol, void *msg, size_t len, struct err *e)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	char answer[4096];
	autofd int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (sock < 0)
		return err_sys(e, errno, "netlink socket");
	ssize_t n = sendto(sock, msg, len, 0, (struct sockaddr *)&to, sizeof to);
	if (n >= 0)
		n = recv(sock, answer, sizeof answer, 0);
	if (n < 0)
		return err_sys(e, errno, "netlink");
	struct nlmsghdr h;
	struct nlmsgerr reply;
	if ((size_t)n < sizeof h + sizeof reply)
		return err_set(e, ERR_HOST, "netlink: a short answer");
	memcpy(&h, answer, sizeof h);
	memcpy(&reply, answer + NLMSG_HDRLEN, sizeof reply);
	if (h.nlmsg_type == NLMSG_ERROR && reply.error)
		return err_sys(e, -reply.error, "the kernel refuses");
	return 0;
}

struct attr_text {
	struct rtattr head;
	char text[16];
};

static int try_link(const void *arg, struct err *e)
{
	const char *kind = arg;
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
		struct rtattr info;
		struct attr_text kind;
	} m = {
		.h = {.nlmsg_len = sizeof m,
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL},
		.info = {.rta_len = sizeof m.info + sizeof m.kind, .rta_type = IFLA_LINKINFO},
		.kind = {.head = {.rta_type = IFLA_INFO_KIND}},
	};
	size_t n = strlen(kind) + 1;
	/* The text's unused end is padding that an attribute may have after it; lengths say where
	 * it ends. */
	memcpy(m.kind.text, kind, n);
	m.kind.head.rta_len = (unsigned short)RTA_LENGTH(n);
	m.info.rta_len = (unsigned short)(sizeof m.info + RTA_SPACE(n));
	m.h.nlmsg_len = (uint32_t)(offsetof(__typeof__(m), info) + m.info.rta_len);
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(e, errno, "make a network namespace");
	return ask(NETLINK_ROUTE, &m, m.h.nlmsg_len, e);
}

int host_probe_link(const char *kind, struct err *e)
{
	return in_child(try_link, kind, e);
}

int host_probe_nftables(struct err *e)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} m = {
		.h = {.nlmsg_len = sizeof m,
			.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
			.nlmsg_flags = NLM_F_REQUEST},
	};
	return ask(NETLINK_NETFILTER, &m, sizeof m, e);
}

/* ---- devices ---- */

int host_probe_device_filter(void)
{
	static const struct bpf_insn allow_nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = 2,
		.insns = (uint64_t)(uintptr_t)allow_nothing,
		.license = (uint64_t)(uintptr_t) "GPL",
	};
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
	if (fd < 0)
		return -1;
	(void)close((int)fd);
	return 0;
}
