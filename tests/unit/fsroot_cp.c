/* The tar streams of `cella cp`: what is written is read again; what is damaged is an error. */
#include "base/fd.h"
#include "base/mem.h"
#include "fsroot/cp/tar_in.h"
#include "fsroot/cp/tar_out.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	LONG_NAME = 3000,
	STREAM_MAX = 1 << 20,
};
static char long_name[LONG_NAME + 1];

static const struct tar_piece pieces[] = {{1000, 5}, {70000, 3}, {100000, 0}};
static const struct tar_entry samples[] = {
	{.type = TAR_DIR, .name = "./", .mode = 0755, .mtime = 1},
	{.type = TAR_FILE,
		.name = "./a",
		.mode = 04755,
		.uid = 33,
		.gid = 44,
		.size = 5,
		.mtime = 1000000000,
		.mtime_ns = 250000000},
	{.type = TAR_FILE,
		.name = "./empty",
		.uid = 4000000000,
		.mtime = -3,
		.mtime_ns = 750000000},
	{.type = TAR_SYMLINK, .name = "./l", .link = "/etc/passwd", .mtime = -1, .mtime_ns = 1},
	{.type = TAR_HARDLINK, .name = "./h", .link = "./a"},
	{.type = TAR_FIFO, .name = "./f\xc3\xbc", .mode = 0600},
	{.type = TAR_FILE,
		.name = long_name,
		.size = 600,
		.n_xattrs = 2,
		.xattrs = {{"user.x", "a\0b\n", 4}, {"security.capability", "", 0}}},
	{.type = TAR_SYMLINK, .name = "./ll", .link = long_name},
	{.type = TAR_FILE,
		.name = "./sparse",
		.size = 100000,
		.is_sparse = true,
		.pieces = (struct tar_piece *)(uintptr_t)pieces,
		.n_pieces = 3},
	{.type = TAR_FILE, .name = "./last", .size = 512},
};

static uint64_t stored(const struct tar_entry *s)
{
	uint64_t n = s->is_sparse || s->type != TAR_FILE ? 0 : s->size;
	for (size_t i = 0; s->is_sparse && i < s->n_pieces; i++)
		n += s->pieces[i].len;
	return n;
}

/* A memory file with all the samples, at its beginning. */
static int write_samples(void)
{
	struct err e = {0};
	autofree struct tar_out *t = malloc(sizeof *t);
	int fd = memfd_create("samples", MFD_CLOEXEC);
	memset(long_name, 'n', LONG_NAME);
	memcpy(long_name, "./", 2);
	tar_out_init(t, fd);
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		CHECK(tar_out_entry(t, &samples[i], &e) == 0);
		CHECK(!stored(&samples[i]) || tar_out_data(t, "hello", 5, &e) == 0);
		CHECK(tar_out_fill(t, &e) == 0);
	}
	CHECK(tar_out_end(t, &e) == 0);
	CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void compare(const struct tar_entry *got, const struct tar_entry *want)
{
	CHECK_INT(got->type, want->type);
	CHECK_STR(got->name, want->name);
	CHECK_STR(got->link, want->link ? want->link : "");
	CHECK_INT(got->mode, want->mode);
	CHECK_INT(got->uid, want->uid);
	CHECK_INT(got->gid, want->gid);
	CHECK_INT(got->size, want->size);
	CHECK_INT(got->mtime, want->mtime);
	CHECK_INT(got->mtime_ns, want->mtime_ns);
	CHECK_INT(got->n_xattrs, want->n_xattrs);
	for (size_t i = 0; i < got->n_xattrs; i++) {
		CHECK_STR(got->xattrs[i].name, want->xattrs[i].name);
		CHECK_INT(got->xattrs[i].size, want->xattrs[i].size);
		CHECK(!memcmp(got->xattrs[i].value, want->xattrs[i].value, want->xattrs[i].size));
	}
	CHECK_INT(got->n_pieces, want->n_pieces);
	for (size_t i = 0; i < got->n_pieces; i++)
		CHECK(got->pieces[i].at == want->pieces[i].at &&
			got->pieces[i].len == want->pieces[i].len);
}

TEST(what_is_written_is_read_again)
{
	autofd int fd = write_samples();
	struct err e = {0};
	struct tar_entry got;
	char buf[1024];
	struct tar_in *t = tar_in_new(fd);
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		CHECK_INT(tar_in_next(t, &got, &e), 1);
		compare(&got, &samples[i]);
		uint64_t n = stored(&samples[i]);
		/* every other one is not read, and skipped */
		if (i % 2 == 0 && n) {
			CHECK_INT(tar_in_read(t, buf, sizeof buf, &e), n);
			CHECK(!memcmp(buf, "hello", 5));
			CHECK_INT(tar_in_read(t, buf, sizeof buf, &e), 0);
		}
	}
	CHECK_INT(tar_in_next(t, &got, &e), 0);
	CHECK_STR(e.msg, "");
	tar_in_free(t);
}

/* Read all of it; 0 at a lawful end. */
static int read_through(int fd)
{
	struct err e = {0};
	struct tar_entry got;
	char buf[700];
	struct tar_in *t = tar_in_new(fd);
	int r;
	while ((r = tar_in_next(t, &got, &e)) > 0) {
		/* whatever it says must be there to be read */
		CHECK(strlen(got.name) <= TAR_NAME_MAX && strlen(got.link) <= TAR_NAME_MAX);
		for (size_t i = 0; i < got.n_pieces; i++)
			CHECK(got.pieces[i].at + got.pieces[i].len <= got.size);
		while ((r = (int)tar_in_read(t, buf, sizeof buf, &e)) > 0)
			;
		if (r < 0)
			break;
	}
	CHECK(r == 0 || e.msg[0]);
	tar_in_free(t);
	return r;
}

TEST(every_truncation_is_an_error)
{
	autofd int fd = write_samples();
	static unsigned char whole[STREAM_MAX];
	ssize_t n = fd_read_all(fd, whole, sizeof whole);
	for (ssize_t len = 0; len < n; len += len % 512 == 511 ? 1 : 37) {
		autofd int cut = memfd_create("cut", MFD_CLOEXEC);
		CHECK(fd_write_all(cut, whole, (size_t)len) == 0 && lseek(cut, 0, SEEK_SET) == 0);
		CHECK_INT(read_through(cut), -1);
	}
}

/* Bytes at random, with the checksum made right: for the sanitizers. */
static void fix_sum(unsigned char *block)
{
	unsigned sum = 0;
	memset(block + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
}

TEST(damage_never_leads_astray)
{
	autofd int fd = write_samples();
	static unsigned char whole[STREAM_MAX], bad[STREAM_MAX];
	ssize_t n = fd_read_all(fd, whole, sizeof whole);
	srand(1);
	for (int round = 0; round < 4000; round++) {
		memcpy(bad, whole, (size_t)n);
		for (int i = 0; i < 1 + round % 4; i++) {
			size_t at = (size_t)rand() % (size_t)n;
			bad[at] = (unsigned char)(round % 3 ? rand() : "0179=\n \xff"[rand() % 8]);
			if (!memcmp(bad + at / TAR_BLOCK * TAR_BLOCK + 257, "ustar", 5))
				fix_sum(bad + at / TAR_BLOCK * TAR_BLOCK);
		}
		autofd int damaged = memfd_create("damaged", MFD_CLOEXEC);
		CHECK(fd_write_all(damaged, bad, (size_t)n) == 0 &&
			lseek(damaged, 0, SEEK_SET) == 0);
		(void)read_through(damaged);
	}
}

TEST_MAIN()
