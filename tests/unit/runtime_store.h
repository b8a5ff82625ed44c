/* runtime_store.h: a private store for the tests of runtime/ that need no running zone. */
#pragma once
#include "base/path.h"
#include "runtime/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_store_dir[80];
static struct store test_store;

/* The first test of a file. Without root there is nothing to test. */
static inline void test_store_open(void)
{
	static char root[128], run[128], log[128];
	struct err e = {0};
	if (geteuid() != 0) {
		printf("1..0 # SKIP root only\n");
		exit(0);
	}
	const char *base = getenv("CELLA_TEST_DIR");
	snprintf(test_store_dir, sizeof test_store_dir, "%s/cella-test-XXXXXX",
		base && strlen(base) < 60 ? base : "/var/tmp");
	const struct store_paths paths = {
		.root = root, .run = run, .log = log, .config = "/nonexistent/cella.json"};
	bool made = mkdtemp(test_store_dir) != NULL;
	snprintf(root, sizeof root, "%s/root", test_store_dir);
	snprintf(run, sizeof run, "%s/run", test_store_dir);
	snprintf(log, sizeof log, "%s/log", test_store_dir);
	if (!made || store_open(&paths, &test_store, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
}

static inline void test_store_close(void)
{
	store_close(&test_store);
	char *slash = strrchr(test_store_dir, '/');
	*slash = '\0';
	int parent = open(test_store_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(parent, slash + 1, NULL);
	close(parent);
}

/* Number of entries of a directory of the store, "." and ".." aside; -1 when it is not there. */
static inline int test_count(int dir_fd, const char *name)
{
	int n = 0, fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return -1;
	struct dirent *ent;
	while ((ent = readdir(d)))
		n += strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0;
	closedir(d);
	return n;
}

static inline bool test_exists(int dir_fd, const char *path)
{
	struct stat st;
	return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}
