#include "cli/assign.h"
#include "cli/bulk.h"
#include "cli/report.h"
#include "runtime/lifecycle.h"
#include "specs/name.h"

struct create_values {
	const char *from, *ref, *spec, *description;
	struct opt_list set, labels;
};
#define AT(member) offsetof(struct create_values, member)

static const struct opt options[] = {
	{"from", 0, OPT_TEXT, "SOURCE",
		"what is in it: default (a small busybox system), an image (`cella image list`), a "
		"directory, a tar file (plain, gzip, xz, zstd or bzip2), - for a tar on stdin, or a "
		"distribution such as debian:12; default, unless the spec's root.image names another. "
		"Directory and tar may be an OCI image layout or a docker-archive",
		AT(from), 0, NULL},
	{"ref", 0, OPT_TEXT, "NAME", "which image, where the source of --from has several", AT(ref),
		0, NULL},
	{"spec", 0, OPT_TEXT, "FILE", "the spec to begin with, cella-spec(5)", AT(spec), 0, NULL},
	{"set", 0, OPT_LIST, "KEY=VALUE", "set a field of the spec, as `cella set` does", AT(set),
		0, NULL},
	{"description", 0, OPT_TEXT, "TEXT", "one line for people", AT(description), 0, NULL},
	{"label", 0, OPT_LIST, "KEY=VALUE", "a label, for --filter labels.KEY=VALUE", AT(labels), 0,
		NULL},
	{0},
};

static void warn(void *arg, const char *text)
{
	report_note(arg, "%s", text);
}

static int collect(const struct create_values *v, struct assign *set, struct err *e)
{
	if (v->description && assign_add_text(set, "description", v->description, e) < 0)
		return -1;
	if (assign_add_pairs(set, "--label", "labels", &v->labels, e) < 0)
		return -1;
	for (size_t i = 0; i < v->set.n; i++)
		if (assign_add(set, v->set.items[i], e) < 0)
			return -1;
	return 0;
}

static int create_one(struct cli *c, const char *name, json_t *result, struct err *e)
{
	const struct create_values *v = c->values;
	const struct store *s = cli_store(c, e);
	autoassign struct assign set = {0};
	(void)result;
	if (v->ref && !v->from)
		return err_set(e, ERR_USAGE, "--ref is for --from");
	if (!s || collect(v, &set, e) < 0)
		return -1;
	struct create_options o = {
		.name = name,
		.source = v->from,
		.ref = v->ref,
		.spec_file = v->spec,
		.set = (const char *const *)set.items,
		.n_set = set.n,
		.warn = warn,
		.warn_arg = c,
	};
	return zone_create(s, &o, e);
}

static int run(struct cli *c)
{
	struct err e = {0};
	/* A new name is no pattern for those there are. */
	if (name_check("zone", c->words.operands[0], &e) < 0)
		return report_usage(c, &e);
	return bulk_run(c, create_one);
}

static const struct verb_example examples[] = {
	{"cella create web1", "a zone from the default image"},
	{"cella create db --from debian.tar.zst --set resources.memory.max=2G",
		"from an archive, with a limit"},
	{"cella create web2 --from debian-12", "from an image of the store"},
	{"cella create web3 --from nginx.tar",
		"from what `skopeo copy docker://docker.io/library/nginx oci-archive:nginx.tar` "
		"wrote"},
	{"ssh host tar c -C /srv/root . | cella create copy --from -", "from a stream"},
	{0},
};

const struct verb verb_create = {
	.name = "create",
	.synopsis = "[OPTIONS] NEW",
	.summary = "make a zone",
	.description =
		"Makes a stopped zone. Its files are copied or unpacked once into a layer, which any "
		"number of zones share; the zone itself starts empty above it. A name is "
		"[a-z0-9][a-z0-9_.-]{0,62}.\n\n"
		"What an image says about running it (command, environment, user, directory, stop "
		"signal, labels) becomes part of the zone's spec; what --set, --spec and the other "
		"options say wins. An image of the store is looked for first: a path that is called "
		"like one is written ./NAME. For a distribution mmdebstrap or debootstrap has to be "
		"installed; better make it an image once, with `cella image import`.\n\n"
		"An archive is hostile data: it is unpacked by a program without privilege, nothing "
		"leaves the zone's root, and device nodes in it are skipped with a remark.\n\n"
		"If anything fails nothing is left.",
	.exit_notes = "4 if there is a zone of that name.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct create_values),
	.topic = TOPIC_ZONES,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
