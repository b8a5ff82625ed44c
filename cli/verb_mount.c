#include "cli/report.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/live_mount.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct mount_values {
	struct opt_list options;
	bool no_idmap, persist;
};
#define AT(member) offsetof(struct mount_values, member)

static const struct opt options[] = {
	{"options", 'o', OPT_LIST, "OPTION[,OPTION...]",
		"ro, nosuid, noexec, noatime, nodiratime, rbind", AT(options), 0, NULL},
	{"no-idmap", 0, OPT_FLAG, NULL, "leave the owners as the host has them", AT(no_idmap), 0,
		NULL},
	{"persist", 0, OPT_FLAG, NULL, "into the spec as well, for the next starts", AT(persist), 0,
		NULL},
	{0},
};

static char *absolute(const char *path, struct err *e)
{
	autofree char *cwd = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
	char *whole = cwd ? str_format("%s%s%s", cwd, path[0] == '/' ? "" : "/", path) : NULL;
	if (!whole)
		err_sys(e, errno, "the working directory");
	return whole;
}

static int run(struct cli *c)
{
	const struct mount_values *v = c->values;
	const char *name = c->words.operands[0];
	struct err e = {0};
	const struct store *s = cli_store(c, &e);
	autofree char *source = s ? absolute(c->words.operands[1], &e) : NULL;
	const struct live_mount_options o = {
		.source = source,
		.target = c->words.operands[2],
		.options = v->options.items,
		.n_options = v->options.n,
		.no_idmap = v->no_idmap,
		.persist = v->persist,
	};
	if (!source || zone_mount(s, name, &o, &e) < 0)
		return report_error(c, name, &e);
	return 0;
}

static const struct verb_example examples[] = {
	{"cella mount web1 /srv/data /data", "until it stops"},
	{"cella mount -o ro --persist web1 /srv/data /data", "read-only, and at each start"},
	{0},
};

const struct verb verb_mount = {
	.name = "mount",
	.synopsis = "[OPTIONS] NAME SOURCE TARGET",
	.summary = "show a directory or file of the host in a running zone",
	.description =
		"SOURCE of the host appears on TARGET in the zone, where it belongs to the zone's own "
		"ids, as mounts of the spec do; the same rules hold for both (cella-spec(5)). A "
		"TARGET that is not there is made. Its flags are locked: the zone's root cannot make "
		"it writable; it can unmount it.\n\n"
		"It is there until the zone stops, restarts or is unmounted; with --persist it goes "
		"into the spec too, or, if it cannot be mounted, not at all.",
	.exit_notes = "4 if the zone does not run or something is mounted there already; 7 if "
		      "users of the host could reach what the zone leaves in SOURCE.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct mount_values),
	.topic = TOPIC_INSIDE,
	.min_operands = 3,
	.max_operands = 3,
	.run = run,
};
