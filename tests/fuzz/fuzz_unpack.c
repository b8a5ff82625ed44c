/* fuzz_unpack.c: any bytes as an archive, through the decompressor and libarchive into our writer.
 * Whatever it is: an error says so and is safe on a terminal; a file beside the destination stays
 * as it is, and no link has been crossed on the way to it. */
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "fsroot/unpack/tar.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char base_dir[] = "/tmp/cella-fuzz-unpack-XXXXXX";
static int base_fd = -1;

static void check(int ok)
{
	if (!ok)
		abort();
}

static void remove_base(void)
{
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(tmp, base_dir + strlen("/tmp/"), NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	check(mkdtemp(base_dir) != NULL);
	base_fd = open(base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(base_fd >= 0 && mkdirat(base_fd, "canary", 0755) == 0);
	(void)atexit(remove_base);
	return 0;
}

static int unpack(int root, int archive, struct err *e)
{
	struct writer w;
	struct stream_end end;
	if (writer_init(&w, root, 200, 1 << 20, e) < 0)
		return -1;
	struct stream *s = stream_open(archive, 4 << 20, e);
	int r = s ? tar_unpack(s, &w, &end, e) : -1;
	stream_free(s);
	/* Not writer_finish: it waits for the disk. */
	writer_done(&w);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {0};
	struct stat st;
	check(mkdirat(base_fd, "root", 0755) == 0);
	autofd int root = openat(base_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd int archive = memfd_create("archive", MFD_CLOEXEC);
	check(root >= 0 && archive >= 0 && fd_write_all(archive, data, size) == 0 &&
		lseek(archive, 0, SEEK_SET) == 0);
	if (unpack(root, archive, &e) < 0) {
		check(e.cls != ERR_NONE && e.msg[0]);
		check(str_is_printable(e.hint, strlen(e.hint)));
	}
	check(fstatat(base_fd, "canary", &st, 0) == 0 && st.st_nlink == 2 && st.st_size <= 4096 &&
		(st.st_mode & 07777) == 0755);
	check(path_remove_tree(base_fd, "root", NULL) == 0);
	return 0;
}
