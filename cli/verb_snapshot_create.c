#include "cli/report.h"
#include "runtime/snapshot_verbs.h"

#include <stdio.h>

struct create_values {
	const char *description;
};

static const struct opt options[] = {
	{"description", 'd', OPT_TEXT, "TEXT", "why it was made",
		offsetof(struct create_values, description), 0, NULL},
	{0},
};

static int print_result(const struct cli *c, const struct snapshot_result *r, struct err *e)
{
	if (c->out.format == OUTPUT_TABLE) {
		(void)printf("%s\n", r->name);
		return output_finish(stdout, e);
	}
	json_t *pause = r->pause_us < 0 ? json_null() : json_integer(r->pause_us);
	json_t *o = json_pack("{s:s, s:s, s:b, s:o, s:I}", "zone", c->words.operands[0], "name",
		r->name, "of_running", (int)r->was_running, "pause_usec", pause, "copied_bytes",
		(json_int_t)r->copied_bytes);
	int code = o ? output_print_json(o, stdout, e) : err_nomem(e);
	json_decref(o);
	return code;
}

static int run(struct cli *c)
{
	const struct create_values *v = c->values;
	struct err e = {0};
	struct snapshot_result result;
	const struct store *s = cli_store(c, &e);
	const struct snapshot_options o = {
		.zone = c->words.operands[0],
		.name = c->words.n_operands > 1 ? c->words.operands[1] : NULL,
		.description = v->description,
	};
	if (!s || zone_snapshot_create(s, &o, &result, &e) < 0)
		return report_error(c, o.zone, &e);
	if (print_result(c, &result, &e) < 0)
		return report_error(c, o.zone, &e);
	if (result.pause_us >= 0)
		report_note(c, "zone '%s' was paused for %.1f ms", o.zone,
			(double)result.pause_us / 1000);
	return 0;
}

static const struct verb_example examples[] = {
	{"cella snapshot create web1 before-upgrade", "a name that says why"},
	{"cella snapshot create web1", "named by the time, which is printed"},
	{"cella snapshot create web1 v2 -d 'with the new libc'", "with a description"},
	{0},
};

const struct verb verb_snapshot_create = {
	.name = "snapshot create",
	.synopsis = "[OPTIONS] ZONE [NAME]",
	.summary = "keep what a zone holds now under a name",
	.description =
		"Of a stopped zone this takes no time and no space, however large it is: its "
		"writable directory becomes a layer, and it goes on with an empty one. A running "
		"zone is paused while what it has written is copied, by reference where the file "
		"system can (btrfs, xfs); how long it was paused is said. The copy is as the zone's "
		"processes saw their files at that instant; what is in their memory is not in "
		"it.\n\n"
		"Snapshots form a tree: each one's parent is the one that the zone had grown from. "
		"Only files are kept, not the spec.",
	.exit_notes = "4 if there is one of that name.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct create_values),
	.topic = TOPIC_ZONES,
	.min_operands = 1,
	.max_operands = 2,
	.run = run,
};
