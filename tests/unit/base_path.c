#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/cella-unit-XXXXXX";
static int top = -1;

static void setup(void)
{
	if (top < 0 && mkdtemp(dir))
		top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

TEST(atomic_write_replaces_whole_files)
{
	setup();
	struct err e = {0};
	CHECK(path_write_atomic(top, "f", "one", 3, 0600, &e) == 0);
	CHECK(path_write_atomic(top, "f", "second", 6, 0640, &e) == 0);
	char *text = NULL;
	size_t len = 0;
	CHECK(path_read_file(top, "f", 100, &text, &len, &e) == 0);
	CHECK_STR(text, "second");
	free(text);
	struct stat st;
	CHECK(fstatat(top, "f", &st, 0) == 0 && (st.st_mode & 07777) == 0640);
	CHECK(path_read_file(top, "f", 5, &text, &len, &e) < 0 && strstr(e.msg, "limit"));
	CHECK(path_read_file(top, "absent", 5, &text, &len, &e) < 0 && e.cls == ERR_NOT_FOUND);
}

TEST(read_refuses_what_is_no_file)
{
	struct err e = {0};
	char *text = NULL;
	CHECK(mkfifoat(top, "fifo", 0600) == 0);
	CHECK(path_read_file(top, "fifo", 100, &text, NULL, &e) < 0 && strstr(e.msg, "regular"));
	CHECK(symlinkat("f", top, "link") == 0);
	CHECK(path_read_file(top, "link", 100, &text, NULL, &e) < 0 && e.sys_errno == ELOOP);
}

TEST(private_directories)
{
	struct err e = {0};
	char path[200];
	mode_t old = umask(0);
	snprintf(path, sizeof path, "%s/a/b/c", dir);
	autofd int fd = path_open_private_dir(path, &e);
	CHECK(fd >= 0);
	struct stat st;
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(fchmod(fd, 0755) == 0);
	CHECK(path_open_private_dir(path, &e) < 0 && e.cls == ERR_HOST && strstr(e.msg, "0755"));
	CHECK(path_open_private_dir("relative", &e) < 0 && e.cls == ERR_HOST);
	snprintf(path, sizeof path, "%s/a", dir);
	CHECK(chmod(path, 0777) == 0);
	snprintf(path, sizeof path, "%s/a/b/d", dir);
	CHECK(path_open_private_dir(path, &e) < 0 && e.cls == ERR_HOST && strstr(e.msg, "0777"));
	CHECK(faccessat(top, "a/b/d", F_OK, 0) < 0);
	CHECK(fchmodat(top, "a", 01777, 0) == 0);
	autofd int sticky = path_open_private_dir(path, &e);
	CHECK(sticky >= 0);
	CHECK(symlinkat("a", top, "al") == 0);
	CHECK(path_open_private_dir_at(top, "al", &e) < 0);
	CHECK(path_open_private_dir_at(top, "f", &e) < 0 && strstr(e.msg, "not a directory"));
	umask(old);
}

TEST(paths_stay_in_the_root)
{
	CHECK(mkdirat(top, "root", 0755) == 0 && mkdirat(top, "root/etc", 0755) == 0);
	autofd int root = openat(top, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(symlinkat("/etc", root, "abs") == 0 && symlinkat("../../../etc", root, "up") == 0);
	CHECK(symlinkat("/proc/self/root", root, "magic") == 0 &&
		symlinkat("/new", root, "dangling") == 0);
	struct stat want, got;
	CHECK(fstatat(root, "etc", &want, 0) == 0);
	static const char *const same[] = {"/etc", "../../etc", "abs", "up", "/../etc/../etc"};
	for (size_t i = 0; i < 5; i++) {
		autofd int fd = path_open_in(root, same[i], O_PATH | O_DIRECTORY, 0);
		CHECK(fd >= 0 && fstat(fd, &got) == 0 && got.st_ino == want.st_ino);
	}
	CHECK(path_open_in(root, "magic/etc", O_PATH, 0) < 0);
	CHECK(path_open_beneath(root, "abs", O_PATH, 0) < 0 && errno == ELOOP);
	autofd int made = path_mkdirs_in(root, "/up/x/y", 0755);
	CHECK(made >= 0 && faccessat(top, "root/etc/x/y", F_OK, 0) == 0);
	CHECK(path_mkdirs_in(root, "dangling/z", 0755) < 0 &&
		faccessat(top, "root/new", F_OK, 0) < 0);
	CHECK(path_mkdirs_in(root, "a/../b", 0755) < 0);
}

TEST(remove_tree_any_depth_and_no_links)
{
	struct err e = {0};
	CHECK(mkdirat(top, "deep", 0755) == 0);
	int at = openat(top, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 5000; i++) {
		CHECK(mkdirat(at, "a-directory-name", 0700) == 0);
		int next = openat(at, "a-directory-name", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (i % 100 == 0)
			CHECK(symlinkat("/etc", next, "out") == 0 &&
				mkdirat(next, "side", 0700) == 0 &&
				mkdirat(next, "side/s", 0) == 0);
		close(at);
		at = next;
	}
	close(at);
	CHECK(path_remove_tree(top, "deep", &e) == 0);
	CHECK(faccessat(top, "deep", F_OK, 0) < 0 && errno == ENOENT);
	CHECK(path_remove_tree(top, "deep", &e) == 0);
	CHECK(access("/etc/passwd", F_OK) == 0);
}

TEST(processes_have_identities)
{
	struct proc_id id = {.pid = fork()};
	if (id.pid == 0) {
		pause();
		_exit(0);
	}
	CHECK(proc_start_time(id.pid, &id.start_time) == 0);
	CHECK(proc_is_alive(&id));
	autofd int fd = proc_open(&id);
	CHECK(fd >= 0);
	struct proc_id other = {id.pid, id.start_time + 1};
	CHECK(proc_open(&other) < 0 && errno == ESRCH && !proc_is_alive(&other));
	kill(id.pid, 9);
	CHECK(waitpid(id.pid, NULL, WNOWAIT | WEXITED) != 0);
	siginfo_t si;
	waitid(P_PID, (id_t)id.pid, &si, WEXITED | WNOWAIT);
	CHECK(!proc_is_alive(&id));
	waitpid(id.pid, NULL, 0);
	CHECK(proc_open(&id) < 0);
	CHECK(strlen(proc_boot_id()) == BOOT_ID_LEN);
	char t[CLOCK_RFC3339_SIZE];
	CHECK_STR(clock_rfc3339(t, 1795243008123456789), "2026-11-21T06:36:48.123Z");
}

TEST(descriptors_travel)
{
	int s[2];
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) == 0);
	int two[2] = {top, top}, got[2];
	size_t n = 2;
	char b[4];
	CHECK(fd_send(s[0], "hey", 3, two, 2) == 0);
	CHECK(fd_recv(s[1], b, sizeof b, got, &n) == 3 && n == 2);
	CHECK(fcntl(got[0], F_GETFD) == FD_CLOEXEC);
	close(got[0]);
	close(got[1]);
	n = 1;
	CHECK(fd_send(s[0], "hey", 3, two, 2) == 0);
	CHECK(fd_recv(s[1], b, sizeof b, got, &n) < 0 && errno == EMSGSIZE);
	n = 2;
	CHECK(fd_send(s[0], "too long", 8, NULL, 0) == 0);
	CHECK(fd_recv(s[1], b, sizeof b, got, &n) < 0 && errno == EMSGSIZE);
	close(s[0]);
	n = 2;
	CHECK(fd_recv(s[1], b, sizeof b, got, &n) == 0);
	close(s[1]);
	CHECK_STR(fd_path(0).s, "/proc/self/fd/0");
	CHECK_STR(fd_path(1234567).s, "/proc/self/fd/1234567");
}

TEST(zz_clean)
{
	struct err e = {0};
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(path_remove_tree(tmp, dir + sizeof "/tmp", &e) == 0);
}

TEST_MAIN()
