#include "cli/report.h"
#include "base/mem.h"
#include "base/path.h"
#include "specs/spec_check.h"
#include "specs/spec_json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* One byte more than allowed is read, so that the parser says that it is too long. */
static int read_stdin(char **ret, size_t *ret_len, struct err *e)
{
	autofree char *text = malloc(SPEC_JSON_MAX + 2);
	size_t len = 0;
	ssize_t n;
	if (!text)
		return err_nomem(e);
	while (len <= SPEC_JSON_MAX &&
		(n = read(STDIN_FILENO, text + len, SPEC_JSON_MAX + 1 - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "read standard input");
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	*ret = ptr_steal(&text);
	*ret_len = len;
	return 0;
}

static int check_file(const char *file, struct err *e)
{
	autofree char *text = NULL;
	autospec struct zone_spec *spec = NULL;
	size_t len = 0;
	bool is_stdin = !strcmp(file, "-");
	if (is_stdin) {
		if (read_stdin(&text, &len, e) < 0)
			return -1;
	} else if (path_read_file(AT_FDCWD, file, SPEC_JSON_MAX, &text, &len, e) < 0) {
		if (e->sys_errno == ENOENT)
			return err_class_set(e, ERR_NOT_FOUND);
		/* No file, or too large for a spec. */
		return e->sys_errno ? -1 : err_class_set(e, ERR_USAGE);
	}
	return spec_parse(text, len, is_stdin ? "stdin" : file, &spec, NULL, e) < 0
		       ? -1
		       : spec_check_supported(spec, e);
}

static int run(struct cli *c)
{
	int code = 0;
	size_t n = c->words.n_operands;
	for (size_t i = 0; i < n; i++) {
		struct err e = {0};
		if (check_file(c->words.operands[i], &e) < 0) {
			int own = report_error(c, NULL, &e);
			code = n == 1 ? own : ERR_PARTLY;
		}
	}
	return code;
}

static const struct verb_example examples[] = {
	{"cella validate web1.json", "says nothing when it is good"},
	{"cella show --spec web1 | cella validate -", "from stdin"},
	{0},
};

const struct verb verb_validate = {
	.name = "validate",
	.synopsis = "[OPTIONS] FILE...",
	.summary = "check spec files",
	.description =
		"Checks each file as create would, without a store and without privilege. The "
		"first thing that is wrong is named with file, line, column and JSON "
		"pointer, and what was expected. - is stdin.",
	.exit_notes =
		"2 if a file is no good spec, 3 if it does not exist, 9 if several were given "
		"and not all are good.",
	.examples = examples,
	.topic = TOPIC_SPEC,
	.min_operands = 1,
	.max_operands = VERB_ANY,
	.run = run,
};
