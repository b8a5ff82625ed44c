#include "cli/confirm.h"
#include "cli/editor.h"
#include "cli/report.h"
#include "base/mem.h"
#include "base/path.h"
#include "runtime/lifecycle.h"

#include <string.h>
#include <unistd.h>

enum {
	SPEC_MAX = 4 << 20
};

/* The bytes of spec.json, good or not: edit is how a broken one is mended. */
static int read_spec(
	const struct store *s, const char *name, char **ret, size_t *ret_len, struct err *e)
{
	struct zone z;
	if (zone_open(s, name, ZONE_ALLOW_BROKEN, 0, &z, e) < 0)
		return -1;
	int r = path_read_file(z.dir_fd, "spec.json", SPEC_MAX, ret, ret_len, e);
	zone_close(&z);
	return r;
}

/* One look at the edited text. 1: try again; 0: done. */
static int apply(struct cli *c, const struct store *s, const char *name, const char *before,
	const struct editor *ed, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	bool next_start = false;
	if (editor_run(ed, e) < 0 || editor_read(ed, &text, &len, e) < 0)
		return -1;
	if (len == strlen(before) && !memcmp(text, before, len)) {
		report_note(c, "zone '%s': nothing was changed", name);
		return 0;
	}
	if (zone_replace_spec(s, name, text, len, "spec.json", &next_start, e) == 0) {
		if (next_start)
			report_note(c,
				"zone '%s' runs: part of this takes effect at its next start",
				name);
		return 0;
	}
	if (e->cls != ERR_USAGE && e->cls != ERR_HOST)
		return -1;
	struct err answer = {0};
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return -1;
	(void)report_error(c, name, e);
	return confirm("edit again", &answer) == 0
		       ? 1
		       : err_set(e, ERR_USAGE, "the spec was not changed");
}

static int edit(struct cli *c, const char *name, struct err *e)
{
	struct editor ed = {0};
	autofree char *text = NULL;
	size_t len = 0;
	const struct store *s = cli_store(c, e);
	if (!s || read_spec(s, name, &text, &len, e) < 0 || editor_begin(&ed, text, len, e) < 0)
		return -1;
	int r;
	do {
		err_clear(e);
		r = apply(c, s, name, text, &ed, e);
	} while (r > 0);
	editor_done(&ed);
	return r;
}

static int run(struct cli *c)
{
	struct err e = {0};
	const char *name = c->words.operands[0];
	return edit(c, name, &e) < 0 ? report_error(c, name, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella edit web1", "in the editor you are used to"},
	{"EDITOR='code --wait' cella edit web1", "in another one"},
	{0},
};

const struct verb verb_edit = {
	.name = "edit",
	.synopsis = "[OPTIONS] NAME",
	.summary = "edit the spec in an editor",
	.description =
		"Opens the spec in $VISUAL, $EDITOR or vi. What is saved is checked as a whole; if it is "
		"not good the zone keeps its old spec, the error is shown, and on a terminal you may "
		"go on editing. Also works on a spec that is broken. Limits of a running zone change "
		"at once, the rest at its next start.",
	.exit_notes = "2 if the edited spec is not good: nothing has changed then.",
	.examples = examples,
	.topic = TOPIC_SPEC,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
