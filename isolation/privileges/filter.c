#include "isolation/privileges/filter.h"

#include "base/defence.h"
#include "base/mem.h"
#include "base/path.h"
#include "isolation/privileges/filter_table.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A kept program: header, then instructions, in the host's byte order. */
struct cache_header {
	char magic[8];
	uint64_t checksum; /* of the instructions */
	uint32_t n;
	uint32_t zero;
};
static const char cache_magic[8] = {'c', 'e', 'l', 'l', 'a', 'b', 'p', 'f'};

enum {
	CACHE_NAME_SIZE = 160,
	CACHE_FILE_MAX = sizeof(struct cache_header) + BPF_MAXINSNS * sizeof(struct sock_filter),
	/* Raise when filter_compile.c makes other instructions out of the same tables. */
	COMPILER_REVISION = 1,
};

void filter_blob_done(struct filter_blob *blob)
{
	free(blob->insns);
	*blob = (struct filter_blob){0};
}

/* FNV-1a. Against torn files and stale tables, not against an enemy: the directory is private. */
static uint64_t digest(uint64_t h, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}
#define DIGEST_START UINT64_C(0xcbf29ce484222325)

static uint64_t digest_names(uint64_t h, const char *const *names)
{
	for (; *names; names++)
		h = digest(h, *names, strlen(*names) + 1);
	return digest(h, "", 1);
}

static uint64_t digest_tables(void)
{
	uint64_t h = digest_names(DIGEST_START, filter_allowed);
	h = digest_names(h, filter_refused);
	h = digest_names(h, filter_keyring);
	for (size_t i = 0; i < filter_unlocks_n; i++) {
		h = digest(h, &filter_unlocks[i].cap, sizeof filter_unlocks[i].cap);
		h = digest(h, filter_unlocks[i].name, strlen(filter_unlocks[i].name) + 1);
	}
	return h;
}

/* Everything the program depends on, so that two that differ never share a name. The library's
 * version is the one we were built with: asking for the present one would mean to load it. */
static void cache_name(const struct filter_options *o, char out[CACHE_NAME_SIZE])
{
#if defined(__x86_64__) || defined(__i386__)
	const char *abis = "x86";
#else
	const char *abis = "arm";
#endif
	uint64_t unlocked = 0;
	for (size_t i = 0; i < filter_unlocks_n; i++)
		if (filter_is_unlocked(o, &filter_unlocks[i]))
			unlocked |= UINT64_C(1) << filter_unlocks[i].cap;
	snprintf(out, CACHE_NAME_SIZE, "filter-%s-%s%s%s-caps%llx-lib%d.%d.%d-rev%d-%016llx.bpf",
		abis, o->mode == FILTER_LOG ? "log" : "default", o->keyring ? "-keyring" : "",
		o->socketcall ? "-socketcall" : "", (unsigned long long)unlocked, SCMP_VER_MAJOR,
		SCMP_VER_MINOR, SCMP_VER_MICRO, COMPILER_REVISION,
		(unsigned long long)digest_tables());
}

static bool cache_read(int dirfd, const char *name, struct filter_blob *ret)
{
	autofree char *text = NULL;
	size_t len;
	struct cache_header h;
	if (path_read_file(dirfd, name, CACHE_FILE_MAX, &text, &len, NULL) < 0 || len < sizeof h)
		return false;
	memcpy(&h, text, sizeof h);
	size_t size = len - sizeof h;
	if (memcmp(h.magic, cache_magic, sizeof h.magic) != 0 || h.n == 0 || h.n > BPF_MAXINSNS ||
		size != h.n * sizeof(struct sock_filter) ||
		h.checksum != digest(DIGEST_START, text + sizeof h, size))
		return false;
	struct sock_filter *insns = malloc(size);
	if (!insns)
		return false;
	memcpy(insns, text + sizeof h, size);
	*ret = (struct filter_blob){.insns = insns, .n = (uint16_t)h.n};
	return true;
}

/* A cache that cannot be written costs time, not correctness: nobody is told. */
static void cache_write(int dirfd, const char *name, const struct filter_blob *blob)
{
	size_t size = blob->n * sizeof(struct sock_filter);
	struct cache_header h = {.checksum = digest(DIGEST_START, blob->insns, size), .n = blob->n};
	struct err ignored;
	autofree char *text = malloc(sizeof h + size);
	if (!text)
		return;
	memcpy(h.magic, cache_magic, sizeof h.magic);
	memcpy(text, &h, sizeof h);
	memcpy(text + sizeof h, blob->insns, size);
	(void)path_write_volatile(dirfd, name, text, sizeof h + size, 0600, &ignored);
}

int filter_get(const struct filter_options *options, int cache_dirfd, struct filter_blob *ret,
	struct err *e)
{
	char name[CACHE_NAME_SIZE];
	if (options->mode == FILTER_UNCONFINED || cache_dirfd < 0)
		return filter_compile(options, ret, e);
	cache_name(options, name);
	if (cache_read(cache_dirfd, name, ret))
		return 0;
	if (filter_compile(options, ret, e) < 0)
		return -1;
	cache_write(cache_dirfd, name, ret);
	return 0;
}

int filter_apply(const struct filter_blob *blob, struct fault *f)
{
	struct sock_fprog program = {.len = blob->n, .filter = blob->insns};
	if (blob->n == 0 || defence_is_off("H04"))
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return fault_set(f, "seccomp");
	return 0;
}
