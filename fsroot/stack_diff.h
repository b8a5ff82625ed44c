/* stack_diff.h: HOST SIDE. What differs between what two stacks of overlay layers show. Only layers
 * that differ are read; in those that both have beneath, single names are looked up. */
#pragma once
#include "base/err.h"
#include <stddef.h>

/* Descriptors of the layers, the uppermost first. A layer of both has the same one in both. */
struct layer_stack {
	const int *fds;
	size_t n;
};

enum stack_change {
	STACK_ADDED = 'A',
	STACK_CHANGED = 'M', /* content, owner, mode, times of a file, attributes, kind */
	STACK_DELETED = 'D',
};

/* Call `each` for every path ("/etc/x") in which `to` differs from `from`, a directory before what
 * is in it, sorted by bytes of names. Of a directory that came or went all content is told too; the
 * times of a directory do not count. A result other than 0 stops, and is returned. One of the
 * layers may be changing meanwhile: then the result is what it was at some moments. */
int stack_diff(const struct layer_stack *from, const struct layer_stack *to,
	int (*each)(void *arg, enum stack_change change, const char *path, struct err *e),
	void *arg, struct err *e);
