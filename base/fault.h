/* fault.h: how the zone side says what went wrong. Between clone3 and exec there is no malloc and
 * no stdio, so this is plain bytes: which object, which errno, which ready-made hint. The host side
 * turns it into a `struct err`. It travels as one packet, so it must stay free of pointers. */
#pragma once
#include <errno.h>
#include <stdint.h>
#include <string.h>

enum fault_hint {
	FAULT_HINT_NONE = 0,
	FAULT_HINT_INIT_MISSING,  /* the init program is not in the root */
	FAULT_HINT_INIT_FORMAT,	  /* wrong architecture, or no interpreter line */
	FAULT_HINT_INIT_LOADER,	  /* ENOENT although the file is there: its ELF loader is missing */
	FAULT_HINT_NOT_DIRECTORY, /* /proc, /sys or /dev of the image is not an ordinary directory
				   */
	FAULT_HINT_KERNEL_TOO_OLD, /* a system call is missing */
	FAULT_HINT_MOUNT_LIMIT,	   /* fs.mount-max */
	FAULT_HINT_NS_LIMIT,	   /* user.max_*_namespaces */
};

struct fault {
	int32_t errnum;
	uint32_t hint;	  /* enum fault_hint */
	char object[208]; /* path, sysctl key, ...; always NUL-terminated */
};

/* Record errno and the object. Returns -1. Async-signal-safe. */
static inline int fault_set(struct fault *f, const char *object)
{
	f->errnum = errno;
	f->hint = FAULT_HINT_NONE;
	size_t n = strnlen(object, sizeof f->object - 1);
	memcpy(f->object, object, n);
	f->object[n] = '\0';
	return -1;
}

static inline int fault_set_hint(struct fault *f, const char *object, enum fault_hint hint)
{
	fault_set(f, object);
	f->hint = (uint32_t)hint;
	return -1;
}
