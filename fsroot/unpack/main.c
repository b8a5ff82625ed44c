/* cella-unpack: unpack the archive on fd 0 into the directory on fd 3 and answer on fd 1. Started
 * by fsroot/import in namespaces of its own; it confines itself further before it looks at the
 * first byte.
 *
 * The answer is lines of "key value"; the last one is "end" or the answer is not complete:
 *	entries N, bytes N, skipped_devices N, sha256 HEX, opaque NAME, warning TEXT, end
 *	error TEXT, hint TEXT, class N, errno N, end */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "fsroot/unpack/confine.h"
#include "fsroot/unpack/stream.h"
#include "fsroot/unpack/tar.h"
#include "fsroot/unpack/writer.h"

enum {
	DEST_FD = 3,
	TEXT_MAX = 900
};

struct options {
	uint64_t max_entries, max_bytes;
	bool is_layer;
};

static void print_line(const char *key, const char *text)
{
	char shown[TEXT_MAX];
	printf("%s %s\n", key, str_escape_all(shown, sizeof shown, text));
}

static int print_error(const struct err *e)
{
	print_line("error", e->msg);
	if (e->hint[0])
		print_line("hint", e->hint);
	printf("class %d\nerrno %d\nend\n", (int)e->cls, e->sys_errno);
	return fflush(stdout) ? 2 : 1;
}

/* A name may have any byte in it but NUL: those that a line cannot carry are written %XX. */
static void print_opaque(const char *path)
{
	(void)fputs("opaque ", stdout);
	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		printf(*p > ' ' && *p < 0x7f && *p != '%' ? "%c" : "%%%02x", *p);
	(void)putchar('\n');
}

static int print_result(const struct writer *w, const struct stream_end *end)
{
	printf("entries %llu\nbytes %llu\nskipped_devices %llu\nsha256 %s\n",
		(unsigned long long)w->entries, (unsigned long long)w->bytes,
		(unsigned long long)w->skipped_devices, end->sha256);
	for (size_t at = 0; at < w->opaque.len; at += strlen(w->opaque.buf + at) + 1)
		print_opaque(w->opaque.buf + at);
	for (size_t i = 0; i < w->n_warnings; i++)
		print_line("warning", w->warnings[i]);
	printf("end\n");
	return fflush(stdout) ? 2 : 0;
}

static int parse_options(int argc, char **argv, struct options *ret, struct err *e)
{
	for (int i = 1; i < argc; i += 2) {
		if (!strcmp(argv[i], "--layer")) {
			ret->is_layer = true;
			i--;
			continue;
		}
		uint64_t *to = !strcmp(argv[i], "--entries") ? &ret->max_entries
			       : !strcmp(argv[i], "--bytes") ? &ret->max_bytes
							     : NULL;
		if (!to || i + 1 == argc || !str_to_u64(argv[i + 1], to))
			return err_set(e, ERR_USAGE,
				"usage: cella-unpack --entries N --bytes N [--layer], with the "
				"archive on fd 0 and the directory on fd 3");
	}
	return 0;
}

static int unpack(const struct options *o, struct writer *w, struct stream_end *end, struct err *e)
{
	/* Headers and padding may outweigh content, but not without bound. */
	uint64_t max_stream =
		o->max_bytes > UINT64_MAX / 4 ? UINT64_MAX : o->max_bytes * 2 + (1 << 30);
	if (writer_init(w, DEST_FD, o->max_entries, o->max_bytes, e) < 0)
		return -1;
	w->is_layer = o->is_layer;
	struct stream *stream = stream_open(STDIN_FILENO, max_stream, e);
	int r = stream ? tar_unpack(stream, w, end, e) : -1;
	stream_free(stream);
	return r == 0 ? writer_finish(w, e) : r;
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct options o = {.max_entries = 1000000, .max_bytes = UINT64_C(64) << 30};
	struct writer w = {.parent_fd = -1};
	struct stream_end end;
	umask(0);
	if (parse_options(argc, argv, &o, &e) < 0 || confine_unpacker(DEST_FD, &e) < 0)
		return print_error(&e);
	int r = unpack(&o, &w, &end, &e);
	int status = r < 0 ? print_error(&e) : print_result(&w, &end);
	writer_done(&w);
	return status;
}
