/* cella-copy: one end of `cella cp`. It packs a tree as a tar stream on fd 1 or unpacks one from fd
 * 0, and says on fd 2 what came of it (answer.h). Static: in a zone it runs in the zone's own
 * namespaces and root, from a descriptor, and loads nothing there.
 *
 *     cella-copy pack [--follow] [--xattrs] [--confine] --name NAME PATH
 *     cella-copy unpack [--single] [--contents] [--keep] [--keep-setid] [--confine] --ids N
 *                       [--name NAME] PATH
 *
 * --confine is for the host's end: before the first byte the directory becomes the root, and only
 * the capabilities that reading or writing files needs are kept. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "fsroot/cp/pack.h"
#include "fsroot/cp/unpack.h"

enum {
	DEPTH_FDS = 4096, /* a descriptor for each directory on the way down: 2,047 at most */
};
#define MEMORY_MAX (UINT64_C(1) << 30)

struct arguments {
	bool is_pack, follow, confine;
	const char *name, *path;
	struct pack_options pack;
	struct unpack_options unpack;
};

static bool *flag_of(struct arguments *a, const char *word)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{"--follow", &a->follow},
		{"--confine", &a->confine},
		{"--xattrs", &a->pack.xattrs},
		{"--single", &a->unpack.is_single},
		{"--contents", &a->unpack.contents},
		{"--keep", &a->unpack.keep},
		{"--keep-setid", &a->unpack.keep_setid},
	};
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (!strcmp(word, flags[i].word))
			return flags[i].flag;
	return NULL;
}

static int parse(int argc, char **argv, struct arguments *a, struct err *e)
{
	*a = (struct arguments){.name = ".", .unpack.n_ids = 65536};
	bool bad = argc < 3;
	for (int i = 2; !bad && i < argc; i++) {
		bool *flag = flag_of(a, argv[i]);
		if (flag)
			*flag = true;
		else if (!strcmp(argv[i], "--name") && i + 1 < argc)
			a->name = argv[++i];
		else if (!strcmp(argv[i], "--ids") && i + 1 < argc)
			bad = !str_to_u64(argv[++i], &a->unpack.n_ids);
		else if (i + 1 == argc)
			a->path = argv[i];
		else
			bad = true;
	}
	a->is_pack = argc > 1 && !strcmp(argv[1], "pack");
	if (bad || !a->path || (!a->is_pack && strcmp(argv[1], "unpack") != 0))
		return err_set(e, ERR_USAGE, "cella-copy is a part of `cella cp`");
	if (strlen(a->name) > 255 || strchr(a->name, '/') || !strcmp(a->name, ".."))
		return err_set(e, ERR_USAGE, "'%s' is no name", a->name);
	a->pack.name = a->unpack.name = a->name;
	return 0;
}

static int confine(int dir_fd, bool is_pack, bool keep, struct err *e)
{
	const uint64_t owner =
		UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_FOWNER | UINT64_C(1) << CAP_FSETID;
	uint64_t mask = UINT64_C(1) << CAP_DAC_OVERRIDE, effective, permitted, inheritable;
	if (!is_pack)
		mask |= owner;
	if (!is_pack && keep)
		mask |= UINT64_C(1) << CAP_SETFCAP;
	if (!defence_is_off("S38") && (fchdir(dir_fd) < 0 || chroot(".") < 0))
		return err_sys(e, errno, "make the directory the root");
	if (sys_capget(&effective, &permitted, &inheritable) < 0 ||
		sys_capset(permitted & mask, permitted & mask, 0) < 0)
		return err_sys(e, errno, "drop capabilities");
	return 0;
}

static void set_limits(void)
{
	struct rlimit now;
	const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};
	(void)setrlimit(RLIMIT_AS, &memory);
	if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur < DEPTH_FDS) {
		now.rlim_cur = now.rlim_max < DEPTH_FDS ? now.rlim_max : DEPTH_FDS;
		(void)setrlimit(RLIMIT_NOFILE, &now);
	}
}

static int run_pack(const struct arguments *a, struct answer *answer, struct err *e)
{
	autoplace struct place src = PLACE_EMPTY;
	if (place_find(a->path, a->follow, &src, e) < 0)
		return -1;
	if (!src.exists) {
		err_sys(e, ENOENT, "'%s'", a->path);
		return err_class_set(e, ERR_NOT_FOUND);
	}
	if (a->confine && confine(src.dir_fd, true, false, e) < 0)
		return -1;
	return pack_tree(&src, &a->pack, answer, e);
}

static int run_unpack(const struct arguments *a, struct answer *answer, struct err *e)
{
	autoplace struct place dst = PLACE_EMPTY;
	autofd int base = -1;
	if (place_find(a->path, true, &dst, e) < 0 || unpack_base(&dst, &base, e) < 0)
		return -1;
	if (a->confine && confine(base, false, a->unpack.keep, e) < 0)
		return -1;
	return unpack_stream(&dst, base, &a->unpack, answer, e);
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct arguments a;
	struct answer answer = {0};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (parse(argc, argv, &a, &e) < 0)
		return answer_error(&e);
	set_limits();
	umask(0);
	int r = a.is_pack ? run_pack(&a, &answer, &e) : run_unpack(&a, &answer, &e);
	return r < 0 ? answer_error(&e) : answer_result(&answer);
}
