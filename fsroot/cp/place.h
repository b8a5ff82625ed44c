/* place.h: the object that a path names, by its directory and last component. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <sys/stat.h>

struct place {
	int dir_fd;		/* O_PATH */
	char name[256];		/* in it; "" is the directory itself */
	bool exists, wants_dir; /* the path ended in a slash */
	struct stat st;
};
#define PLACE_EMPTY                                                                                \
	{                                                                                          \
		.dir_fd = -1                                                                       \
	}

/* `path` is absolute and read from the process's root; links on the way are followed within it, no
 * magic ones. `follow`: also one at its end. What is not there is no error if its directory is. */
int place_find(const char *path, bool follow, struct place *ret, struct err *e);
void place_done(struct place *p);
#define autoplace __attribute__((cleanup(place_done)))
/* O_PATH descriptor of the directory that it is. -1 + errno. */
int place_open_dir(const struct place *p);
