#include "isolation/namespaces/idmap.h"
#include "base/mem.h"
#include "base/sys.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(format_is_what_the_kernel_reads)
{
	struct id_map maps[] = {{0, 1879048192u, 65536}, {65536, 1000, 1}};
	char buf[64];
	CHECK_INT(idmap_format(maps, 2, buf, sizeof buf), 32);
	CHECK_STR(buf, "0 1879048192 65536\n65536 1000 1\n");
}

TEST(format_says_when_there_is_no_room)
{
	struct id_map maps[] = {{0, 100000, 65536}};
	char buf[15];
	errno = 0;
	CHECK_INT(idmap_format(maps, 1, buf, sizeof buf), -1);
	CHECK_INT(errno, ENOSPC);
}

TEST(check_refuses_what_the_kernel_would_answer_with_einval)
{
	static const struct {
		struct id_map maps[3];
		size_t n;
		const char *text; /* NULL: good */
	} cases[] = {
		{{{0, 100000, 65536}}, 1, NULL},
		{{{0, 0, UINT32_MAX}}, 1, NULL},
		{{{0, 100000, 1000}, {1000, 5, 1}, {1001, 101001, 64535}}, 3, NULL},
		{{{0, 0, 1}, {4294967294u, 1, 1}}, 2, NULL},
		{{{0, 0, 0}}, 0, "empty"},
		{{{0, 100000, 0}}, 1, "size 0"},
		{{{0, 1, UINT32_MAX}}, 1, "ends above 4294967294"},
		{{{1, 0, UINT32_MAX}, {0, 7, 1}}, 2, "ends above 4294967294"},
		{{{0, 4294967295u, 1}}, 1, "ends above 4294967294"},
		{{{0, 100000, 10}, {9, 200000, 10}}, 2, "both map the zone's id 9"},
		{{{9, 100000, 10}, {0, 200000, 10}}, 2, "both map the zone's id 9"},
		{{{0, 100000, 10}, {10, 100009, 10}}, 2, "both use the host's id 100009"},
		{{{0, 100000, 10}, {3, 200000, 2}}, 2, "both map the zone's id 3"},
		{{{1, 100000, 65535}}, 1, "root (id 0) is not mapped"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};
		int r = idmap_check("uid map", cases[i].maps, cases[i].n, &e);
		CHECK_INT(r, cases[i].text ? -1 : 0);
		if (cases[i].text && !strstr(e.msg, cases[i].text))
			printf("# case %zu: '%s'\n", i, e.msg);
		CHECK(!cases[i].text || strstr(e.msg, cases[i].text));
		CHECK(!cases[i].text || e.cls == ERR_USAGE);
	}
}

TEST(check_knows_the_number_of_lines_and_the_length_of_the_text)
{
	static struct id_map maps[IDMAP_MAX + 1];
	struct err e = {0};
	for (uint32_t i = 0; i <= IDMAP_MAX; i++)
		maps[i] = (struct id_map){i, 10 + i, 1};
	CHECK_INT(idmap_check("gid map", maps, IDMAP_MAX, &e), 0);
	CHECK_INT(idmap_check("gid map", maps, IDMAP_MAX + 1, &e), -1);
	CHECK(strstr(e.msg, "341 lines"));
	for (uint32_t i = 0; i < IDMAP_MAX; i++)
		maps[i] = (struct id_map){i, 4000000000u + i, 1};
	CHECK_INT(idmap_check("gid map", maps, IDMAP_MAX, &e), -1);
	CHECK(strstr(e.msg, "longer than the kernel takes"));
}

TEST(host_ids)
{
	struct id_map maps[] = {{0, 100000, 1000}, {1000, 5, 1}};
	uint32_t id = 0;
	CHECK(idmap_to_host(maps, 2, 0, &id) && id == 100000);
	CHECK(idmap_to_host(maps, 2, 999, &id) && id == 100999);
	CHECK(idmap_to_host(maps, 2, 1000, &id) && id == 5);
	CHECK(!idmap_to_host(maps, 2, 1001, &id));
}

/* A child in a new user namespace that waits until it is killed. */
static pid_t start_child(void)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

TEST(write_makes_the_map_once_and_explains_a_second_time)
{
	struct id_map map = {0, 1879048192u, 65536};
	struct err e = {0};
	char path[64], text[64] = "";
	unsigned a = 9, b = 9, c = 9;
	if (geteuid() != 0) {
		printf("# skipped: not root\n");
		return;
	}
	pid_t pid = start_child();
	if (pid < 0) {
		printf("# skipped: no user namespace: %s\n", strerror(errno));
		return;
	}
	CHECK_INT(idmap_write(pid, &map, 1, &map, 1, &e), 0);
	snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
	FILE *file = fopen(path, "re");
	CHECK(file && fgets(text, sizeof text, file));
	if (file)
		fclose(file);
	CHECK_INT(sscanf(text, "%u %u %u", &a, &b, &c), 3);
	CHECK(a == 0 && b == 1879048192u && c == 65536);
	CHECK_INT(idmap_write(pid, &map, 1, &map, 1, &e), -1);
	CHECK(e.sys_errno == EPERM && strstr(e.hint, "written before"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_INT(idmap_write(pid, &map, 1, &map, 1, &e), -1);
	CHECK(strstr(e.msg, "gid_map"));
}

TEST_MAIN()
