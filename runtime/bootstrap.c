#include "runtime/bootstrap.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/sys.h"
#include "fsroot/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LOG_TAIL = 4096,
	ENDING_MS = 1000,
	ERRORS_SHOWN = 2,
	SPARE_FDS = 10, /* while descriptors are put in their places */
};

/* ---- what is asked for ---- */

/* Both tools know releases by their code names, people by their numbers. */
static const struct {
	const char *distribution, *number, *name;
} releases[] = {
	{"debian", "10", "buster"},
	{"debian", "11", "bullseye"},
	{"debian", "12", "bookworm"},
	{"debian", "13", "trixie"},
	{"debian", "14", "forky"},
	{"ubuntu", "18.04", "bionic"},
	{"ubuntu", "20.04", "focal"},
	{"ubuntu", "22.04", "jammy"},
	{"ubuntu", "24.04", "noble"},
};

static int find_release(const char *text, struct bootstrap *b, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(releases); i++)
		if (!strcmp(releases[i].distribution, b->distribution) &&
			!strcmp(releases[i].number, text))
			text = releases[i].name;
	/* A code name: what the archive does not have, the tool says. It is no option. */
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	if (n && !text[n] && n < sizeof b->release) {
		memcpy(b->release, text, n + 1);
		return 0;
	}
	char shown[80];
	err_set(e, ERR_USAGE, "no release \"%s\" of %s is known",
		str_escape(shown, sizeof shown, text), b->distribution);
	return err_hint(e, "its code name works too, as in debian:bookworm");
}

static bool find_program(const char *name, char out[PATH_MAX])
{
	const char *dirs = getenv("PATH");
	if (!dirs || !*dirs)
		dirs = "/usr/sbin:/usr/bin:/sbin:/bin";
	while (*dirs) {
		size_t n = strcspn(dirs, ":");
		int len = snprintf(out, PATH_MAX, "%.*s/%s", (int)n, dirs, name);
		/* Nothing relative: who knows where we are. */
		if (dirs[0] == '/' && len < PATH_MAX && access(out, X_OK) == 0)
			return true;
		dirs += n + (dirs[n] == ':');
	}
	return false;
}

int bootstrap_parse(const char *text, struct bootstrap *ret, struct err *e)
{
	static const char *const known[] = {"debian", "ubuntu"};
	struct bootstrap b = {0};
	const char *colon = strchr(text, ':');
	for (size_t i = 0; colon && i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == (size_t)(colon - text) &&
			!strncmp(text, known[i], strlen(known[i])))
			b.distribution = known[i];
	if (!b.distribution)
		return 0;
	if (find_release(colon + 1, &b, e) < 0)
		return -1;
	b.writes_tar = find_program("mmdebstrap", b.program);
	if (!b.writes_tar && !find_program("debootstrap", b.program)) {
		err_set(e, ERR_HOST,
			"to make %s %s, mmdebstrap or debootstrap is needed, and neither is "
			"installed",
			b.distribution, b.release);
		return err_hint(e, "`apt install mmdebstrap`, or import a tar or an OCI image");
	}
	*ret = b;
	return 1;
}

/* ---- running it ---- */

/* Everything the child needs, made before the clone. */
struct child {
	const char *program;
	char *argv[8], *envp[12];
	int in_fd, out_fd, log_fd, tmp_tree_fd;
};

static void set_argv(struct child *c, const struct bootstrap *b)
{
	const char *const tar[] = {
		b->program, "--mode=root", "--format=tar", b->release, "-", NULL};
	const char *const tree[] = {b->program, b->release, "/tmp/" BOOTSTRAP_ROOT, NULL};
	c->program = b->program;
	if (b->writes_tar)
		memcpy(c->argv, tar, sizeof tar);
	else
		memcpy(c->argv, tree, sizeof tree);
}

/* What it may know of us: where programs are, and how to reach the network. */
static int set_environment(struct child *c, struct strbuf *room, struct err *e)
{
	static const char *const passed[] = {"PATH", "http_proxy", "https_proxy", "no_proxy"};
	size_t at[ARRAY_LEN(passed) + 2], n = 0;
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		const char *value = getenv(passed[i]);
		if (!value)
			continue;
		at[n++] = room->len;
		str_addf(room, "%s=%s", passed[i], value);
		str_addn(room, "", 1);
	}
	at[n++] = room->len;
	str_addn(room, "HOME=/root", sizeof "HOME=/root");
	at[n++] = room->len;
	str_addn(room, "LC_ALL=C.UTF-8", sizeof "LC_ALL=C.UTF-8");
	if (room->failed)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		c->envp[i] = room->buf + at[i];
	return 0;
}

/* CHILD */
static void __attribute__((noreturn)) child_fail(const char *what)
{
	dprintf(STDERR_FILENO, "E: %s: %s\n", what, strerrordesc_np(errno));
	_exit(127);
}

/* CHILD: a fork without exec yet, of a process with one thread. */
static void __attribute__((noreturn)) run_child(struct child *c)
{
	sigset_t none;
	const struct sigaction normal = {.sa_handler = SIG_DFL};
	int *fds[] = {&c->in_fd, &c->out_fd, &c->log_fd};
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if ((*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, SPARE_FDS)) < 0)
			_exit(127);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (dup2(*fds[i], (int)i) < 0)
			_exit(127);
	/* The first process of its pid namespace: with it everything ends. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || setsid() < 0)
		child_fail("make a session");
	if (tree_make_private() < 0 || tree_attach(c->tmp_tree_fd, AT_FDCWD, "/tmp") < 0)
		child_fail("mount its /tmp");
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &normal, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)umask(022); /* banned-ok: of the tool, which takes it for granted */
	if (chdir("/") < 0 || sys_close_range(3, ~0U, 0) < 0)
		child_fail("prepare");
	(void)execve(c->program, c->argv, c->envp);
	child_fail(c->program);
}

static int start(struct child *c, struct bootstrap_run *run, struct err *e)
{
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&run->pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sys_clone3(&args);
	if (pid < 0)
		return err_sys(e, errno, "start '%s'", c->program);
	if (pid == 0)
		run_child(c);
	return 0;
}

int bootstrap_start(const struct bootstrap *b, int tmp_fd, struct bootstrap_run *ret, struct err *e)
{
	autobootstrap struct bootstrap_run run = BOOTSTRAP_RUN_EMPTY;
	autostr struct strbuf room = {0};
	int ends[2] = {-1, -1};
	struct child c = {0};
	autofd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* The store may be mounted nosuid,nodev; a system in the making needs neither to be so. */
	autofd int tree = tree_clone(tmp_fd, "", false);
	if (null < 0 || tree < 0 ||
		tree_set_attrs(tree, false, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) < 0)
		return err_sys(e, errno, "prepare a directory for '%s'", b->program);
	run.log_fd = memfd_create("bootstrap-log", MFD_CLOEXEC);
	if (run.log_fd < 0 || (b->writes_tar && pipe2(ends, O_CLOEXEC) < 0))
		return err_sys(e, errno, "prepare to start '%s'", b->program);
	autofd int tar_end = ends[1];
	run.tar_fd = ends[0];
	set_argv(&c, b);
	if (set_environment(&c, &room, e) < 0)
		return -1;
	c.in_fd = null;
	c.out_fd = b->writes_tar ? tar_end : run.log_fd;
	c.log_fd = run.log_fd;
	c.tmp_tree_fd = tree;
	if (start(&c, &run, e) < 0)
		return -1;
	*ret = run;
	run = (struct bootstrap_run)BOOTSTRAP_RUN_EMPTY;
	return 0;
}

/* ---- its end ---- */

/* What went wrong, on one line: the first lines that begin with "E:" (the later ones say that it
 * failed because it failed), or else the last of all. */
static void last_words(int log_fd, char *out, size_t size)
{
	char text[LOG_TAIL + 1];
	struct stat st;
	off_t at = fstat(log_fd, &st) == 0 && st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0;
	ssize_t n = pread(log_fd, text, LOG_TAIL, at);
	text[n > 0 ? n : 0] = '\0';
	bool errors = !strncmp(text, "E:", 2) || strstr(text, "\nE:");
	size_t used = 0, n_errors = 0;
	char *save = NULL;
	out[0] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char shown[300];
		bool is_error = !strncmp(line, "E:", 2);
		if (!line[strspn(line, " \t\r")] || (errors && !is_error))
			continue;
		if (errors && n_errors++ == ERRORS_SHOWN)
			return;
		str_escape(shown, sizeof shown, is_error ? line + 2 + (line[2] == ' ') : line);
		if (!errors)
			used = 0; /* only the last one */
		int len = snprintf(out + used, size - used, "%s%s", used ? "; " : "", shown);
		if (len < 0 || (size_t)len >= size - used)
			return;
		used += (size_t)len;
	}
}

bool bootstrap_has_ended(const struct bootstrap_run *run)
{
	struct pollfd p = {.fd = run->pidfd, .events = POLLIN};
	return poll(&p, 1, ENDING_MS) == 1;
}

int bootstrap_finish(const struct bootstrap *b, struct bootstrap_run *run, struct err *e)
{
	siginfo_t info = {0};
	char words[500];
	fd_close(&run->tar_fd);
	if (sys_waitid_pidfd(run->pidfd, &info, WEXITED) < 0)
		return err_sys(e, errno, "wait for '%s'", b->program);
	fd_close(&run->pidfd);
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	last_words(run->log_fd, words, sizeof words);
	if (words[0])
		err_set(e, ERR_FAILED, "%s could not make %s %s: %s", b->program, b->distribution,
			b->release, words);
	else
		err_set(e, ERR_FAILED,
			"%s could not make %s %s: it ended with %s %d and said nothing", b->program,
			b->distribution, b->release,
			info.si_code == CLD_EXITED ? "status" : "signal", info.si_status);
	return err_hint(e, "it fetches packages: does this host reach the distribution's archive?");
}

void bootstrap_drop(struct bootstrap_run *run)
{
	siginfo_t info;
	fd_close(&run->tar_fd);
	fd_close(&run->log_fd);
	if (run->pidfd < 0)
		return;
	(void)sys_pidfd_send_signal(run->pidfd, SIGKILL);
	(void)sys_waitid_pidfd(run->pidfd, &info, WEXITED);
	fd_close(&run->pidfd);
}
