#include "cli/bulk.h"
#include "cli/confirm.h"
#include "cli/report.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/images.h"

static void warn(void *arg, const char *text)
{
	report_note(arg, "%s", text);
}

/* ---- import ---- */

struct import_values {
	const char *ref;
};

static const struct opt import_options[] = {
	{"ref", 0, OPT_TEXT, "NAME",
		"which image, where SOURCE has several: its org.opencontainers.image.ref.name, or its "
		"tag in a docker-archive",
		offsetof(struct import_values, ref), 0, NULL},
	{0},
};

static int run_import(struct cli *c)
{
	struct err e = {0};
	const char *name = c->words.operands[1];
	if (image_name_check(name, &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	const struct image_import_options o = {
		.source = c->words.operands[0],
		.ref = ((const struct import_values *)c->values)->ref,
		.name = name,
		.remarks = {warn, c},
	};
	return !s || image_import(s, &o, &e) < 0 ? report_error(c, NULL, &e) : 0;
}

static const struct verb_example import_examples[] = {
	{"cella image import debian.tar.zst debian-12", "from an archive"},
	{"cella image import debian:12 debian-12", "made by mmdebstrap, from Debian's archive"},
	{"podman save nginx | cella image import - nginx", "from podman's images"},
	{"cella image import --ref 1.27 layout/ nginx", "one of several in an OCI image layout"},
	{"cella create web --from debian-12", "and a zone from it"},
	{"ssh host tar c -C /srv/root . | cella image import - old", "from a stream"},
	{0},
};

const struct verb verb_image_import = {
	.name = "image import",
	.synopsis = "[OPTIONS] SOURCE NEW",
	.summary = "make an image",
	.description =
		"Makes an image, from which zones are created at once, whatever its size. SOURCE is "
		"what `cella create --from` takes: the name of an image, a directory, a tar (plain, "
		"gzip, xz, zstd or bzip2), - for one on stdin, or a distribution and its release, such as "
		"debian:12, for which mmdebstrap or debootstrap has to be installed. What it is is "
		"found out by looking at it.\n\n"
		"A directory or tar may be an OCI image layout (what `skopeo copy ... oci:DIR`, "
		"`buildah push ... oci-archive:FILE` or `umoci` write) or a docker-archive (`docker "
		"save`, `podman save`). Of several images in it the one for this host's architecture "
		"is taken; if there are still several, --ref names one. Every digest in it is verified: "
		"of index, manifest and config before they are read, of each layer while it is "
		"unpacked, and of the tar inside. Layers that are foreign, encrypted or compressed "
		"in other ways than gzip and zstd are refused, as are other digests than sha256. "
		"Nothing is fetched.\n\n"
		"A layer is stored once, whoever uses it, and digested, so that `cella host verify` "
		"can tell later whether it still is what it was. A name is of letters, digits and "
		"inner ._:/@+-.\n\n"
		"An archive is hostile data: it is unpacked by a program without privilege, nothing "
		"leaves the image, and device nodes in it are skipped with a remark. If anything "
		"fails nothing is left.",
	.exit_notes =
		"4 if there is an image of that name; 7 if a distribution is asked for and no "
		"tool for it is installed.",
	.examples = import_examples,
	.options = import_options,
	.values_size = sizeof(struct import_values),
	.topic = TOPIC_IMAGES,
	.min_operands = 2,
	.max_operands = 2,
	.run = run_import,
};

/* ---- publish ---- */

static int run_publish(struct cli *c)
{
	struct err e = {0};
	if (image_name_check(c->words.operands[1], &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	if (!s || image_publish(s, c->words.operands[0], c->words.operands[1], &e) < 0)
		return report_error(c, NULL, &e);
	return 0;
}

static const struct verb_example publish_examples[] = {
	{"cella image publish web1 web-golden", "what web1 is now"},
	{"cella create web2 --from web-golden", "and another one of it"},
	{0},
};

const struct verb verb_image_publish = {
	.name = "image publish",
	.synopsis = "[OPTIONS] NAME NEW",
	.summary = "make an image of a stopped zone",
	.description =
		"Makes an image of what the zone's files are now, at once and without a copy: its "
		"writable directory becomes a layer that both share. The zone goes on as it was. Its "
		"command, environment, user, directory, stop signal and labels become what the image "
		"gives to zones made from it.\n\n"
		"What makes a machine itself (machine-id, ssh host keys) is in its files, and so in "
		"the image: `cella clone` takes care of that, this does not.",
	.exit_notes = "4 if the zone runs, or there is an image of that name.",
	.examples = publish_examples,
	.topic = TOPIC_IMAGES,
	.min_operands = 2,
	.max_operands = 2,
	.run = run_publish,
};

/* ---- list, show ---- */

/* X(key, title, kind, shown by list, shown by show, want) */
#define IMAGE_COLUMNS(X)                                                                           \
	X("name", "NAME", TEXT, true, true, 0)                                                     \
	X("arch", "ARCH", TEXT, true, true, 0)                                                     \
	X("bytes", "SIZE", BYTES, true, true, IMAGE_WANT_BYTES)                                    \
	X("created", "CREATED", TIME, true, true, 0)                                               \
	X("source", "SOURCE", TEXT, true, true, 0)                                                 \
	X("used_by", "USED_BY", TEXT, false, true, IMAGE_WANT_USERS)                               \
	X("digest", "DIGEST", TEXT, false, true, 0)                                                \
	X("layers", "LAYERS", TEXT, false, true, 0)                                                \
	X("config", "CONFIG", TEXT, false, true, 0)                                                \
	X("uuid", "UUID", TEXT, false, true, 0)                                                    \
	X("error", "ERROR", TEXT, false, false, 0)
#define LIST_ROW(key, title, kind, list, show, want) {key, title, COLUMN_##kind, list, want},
#define SHOW_ROW(key, title, kind, list, show, want) {key, title, COLUMN_##kind, show, want},
static const struct column list_items[] = {IMAGE_COLUMNS(LIST_ROW)};
static const struct column show_items[] = {IMAGE_COLUMNS(SHOW_ROW)};
static const struct columns list_columns = {list_items, ARRAY_LEN(list_items)};
static const struct columns show_columns = {show_items, ARRAY_LEN(show_items)};

static void explain_damaged(const struct cli *c, const json_t *rows)
{
	for (size_t i = 0; c->out.format == OUTPUT_TABLE && i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *why = json_string_value(json_object_get(row, "error"));
		if (why)
			report_note(c, "%s", why);
	}
}

static int run_list(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	json_t *rows = NULL;
	int code = 0;
	if (output_query_make(&c->out, list_columns, &q, &e) < 0)
		return report_usage(c, &e);
	const struct store *s = cli_store(c, &e);
	unsigned want = output_query_wants(q);
	if (!s || image_rows(s, want, &rows, &e) < 0 || output_print(q, rows, stdout, &e) < 0)
		code = report_error(c, NULL, &e);
	else
		explain_damaged(c, rows);
	json_decref(rows);
	output_query_free(q);
	return code;
}

static const struct verb_example list_examples[] = {
	{"cella image list", "all of them"},
	{"cella image list -o name,used_by", "and who uses them"},
	{0},
};

const struct verb verb_image_list = {
	.name = "image list",
	.synopsis = "[OPTIONS]",
	.summary = "show the images of the store",
	.description =
		"One row per image. SIZE is the content of its files, in all layers, shared or not. "
		"used_by looks at every zone, so it is only found out when asked for.",
	.examples = list_examples,
	.topic = TOPIC_IMAGES,
	.flags = VERB_READS,
	.run = run_list,
};

static int show(struct cli *c, const struct output_query *q, struct err *e)
{
	const struct store *s = cli_store(c, e);
	json_t *rows = json_array();
	int r = s && rows ? 0 : -1;
	for (size_t i = 0; r == 0 && i < c->words.n_operands; i++) {
		json_t *row = NULL;
		r = image_row(s, c->words.operands[i], output_query_wants(q), &row, e);
		if (r == 0 && json_array_append_new(rows, row) < 0)
			r = err_nomem(e);
	}
	if (r == 0)
		r = output_print_records(q, rows, c->words.n_operands == 1, stdout, e);
	json_decref(rows);
	return r;
}

static int run_show(struct cli *c)
{
	struct err e = {0};
	struct output_query *q = NULL;
	if (output_query_make(&c->out, show_columns, &q, &e) < 0)
		return report_usage(c, &e);
	int code = show(c, q, &e) < 0 ? report_error(c, NULL, &e) : 0;
	output_query_free(q);
	return code;
}

static const struct verb_example show_examples[] = {
	{"cella image show debian-12", "everything about one image"},
	{"cella image show -j nginx | jq .config", "what it gives to zones made from it"},
	{0},
};

const struct verb verb_image_show = {
	.name = "image show",
	.synopsis = "[OPTIONS] IMAGE...",
	.summary = "show everything about an image",
	.description =
		"Where it came from, its layers (uppermost first), what it says about running it, and "
		"the zones that were made from it. As JSON one image is an object, several are an "
		"array.",
	.examples = show_examples,
	.topic = TOPIC_IMAGES,
	.flags = VERB_READS,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run_show,
};

/* ---- delete ---- */

struct delete_values {
	bool force;
};
static const struct opt delete_options[] = {
	{"force", 'f', OPT_FLAG, NULL,
		"do not ask; also if zones come from it, which keep their files, and if it is damaged",
		offsetof(struct delete_values, force), 0, NULL},
	{0},
};

/* That it is used, or not there, is said before anybody is asked. */
static int ask(struct cli *c, const char *name, struct err *e)
{
	char question[200];
	json_t *zones = NULL;
	autoimage struct image i = IMAGE_EMPTY;
	const struct store *s = cli_store(c, e);
	if (!s || image_read(s, name, &i, e) < 0 || image_users(s, name, &zones, e) < 0)
		return -1;
	bool used = json_array_size(zones) > 0;
	json_decref(zones);
	if (used)
		return 0; /* image_delete says by whom */
	(void)snprintf(question, sizeof question, "delete image '%s'", name);
	return confirm(question, e);
}

static int run_delete(struct cli *c)
{
	const struct delete_values *v = c->values;
	struct err e = {0};
	const char *name = c->words.operands[0];
	if (image_name_check(name, &e) < 0)
		return report_usage(c, &e);
	if (!v->force && ask(c, name, &e) < 0)
		return report_error(c, NULL, &e);
	const struct store *s = cli_store(c, &e);
	return !s || image_delete(s, name, v->force, &e) < 0 ? report_error(c, NULL, &e) : 0;
}

static const struct verb_example delete_examples[] = {
	{"cella image delete debian-12", "asks first"},
	{0},
};

const struct verb verb_image_delete = {
	.name = "image delete",
	.synopsis = "[OPTIONS] IMAGE",
	.summary = "remove an image",
	.description =
		"Removes the image, and those of its layers that nothing else uses. While zones say "
		"that they come from it (root.image of their spec, which clones inherit) it is refused, "
		"and they are named. --force removes it all the same: the zones keep their layers and "
		"go on as they are; what is lost is the name, under which no more can be made.",
	.exit_notes = "2 without --force and without a terminal; 4 if zones come from it.",
	.examples = delete_examples,
	.options = delete_options,
	.values_size = sizeof(struct delete_values),
	.topic = TOPIC_IMAGES,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_delete,
};
