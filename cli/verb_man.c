/* `cella _man`: writes the manual pages and the completion when Cella is built. In no list. */
#include "cli/man.h"
#include "cli/report.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct man_values {
	const char *dir;
	bool bash;
};
#define AT(member) offsetof(struct man_values, member)

static const struct opt options[] = {
	{"dir", 0, OPT_TEXT, "DIR", "write a page for every verb there", AT(dir), 0, NULL},
	{"bash", 0, OPT_FLAG, NULL, "print the completion for bash", AT(bash), 0, NULL},
	{0},
};

static int write_page(int dir_fd, const struct verb *v, struct err *e)
{
	char page[MAN_NAME_SIZE], name[MAN_NAME_SIZE + 2];
	(void)snprintf(name, sizeof name, "%s.1", man_page_name(v, page));
	autofd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	if (!to)
		return err_sys(e, errno, "write '%s'", name);
	(void)fd_steal(&fd);
	man_print_page(v, to);
	int r = output_finish(to, e);
	(void)fclose(to);
	return r;
}

static int write_pages(const char *dir, struct err *e)
{
	autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open '%s'", dir);
	for (const struct verb *const *v = verbs; *v; v++)
		if (!((*v)->flags & VERB_HIDDEN) && write_page(fd, *v, e) < 0)
			return -1;
	return 0;
}

static int run(struct cli *c)
{
	const struct man_values *m = c->values;
	struct err e = {0};
	size_t used;
	if (m->dir)
		return write_pages(m->dir, &e) < 0 ? report_error(c, NULL, &e) : 0;
	if (m->bash) {
		completion_print_bash(stdout);
		return 0;
	}
	const struct verb *v = verb_find(c->words.operands, c->words.n_operands, &used);
	if (!v) {
		err_set(&e, ERR_USAGE, "_man: which verb?");
		return report_usage(c, &e);
	}
	man_print_page(v, stdout);
	return 0;
}

const struct verb verb_man = {
	.name = "_man",
	.synopsis = "--dir DIR | --bash | VERB",
	.summary = "write manual pages",
	.description = "For the build of Cella only.",
	.options = options,
	.values_size = sizeof(struct man_values),
	.topic = TOPIC_HOST,
	.flags = VERB_HIDDEN,
	.max_operands = 2,
	.run = run,
};
