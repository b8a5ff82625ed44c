#include "cli/report.h"
#include "base/units.h"
#include "runtime/transfer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct cp_values {
	bool keep, follow;
};
#define AT(member) offsetof(struct cp_values, member)

static const struct opt options[] = {
	{"archive", 'a', OPT_FLAG, NULL,
		"keep owners as the zone sees them, extended attributes, setuid", AT(keep), 0,
		NULL},
	{"follow-link", 'L', OPT_FLAG, NULL, "follow a symbolic link at the end of SOURCE",
		AT(follow), 0, NULL},
	{0},
};

struct cp {
	struct cli *c;
	bool has_progress; /* a line of it is on the terminal */
};

static void clear_progress(struct cp *cp)
{
	if (cp->has_progress)
		(void)fputs("\r\033[K", stderr);
	cp->has_progress = false;
}

static void progress(void *arg, uint64_t bytes)
{
	struct cp *cp = arg;
	char size[UNITS_SIZE];
	(void)fprintf(stderr, "\r%s\033[K", units_print_human(size, bytes));
	(void)fflush(stderr);
	cp->has_progress = true;
}

static void warn(void *arg, const char *text)
{
	struct cp *cp = arg;
	clear_progress(cp);
	report_note(cp->c, "%s", text);
}

static int run(struct cli *c)
{
	const struct cp_values *v = c->values;
	const char *source = c->words.operands[0], *dest = c->words.operands[1];
	struct cp cp = {.c = c};
	struct err e = {0};
	struct transfer_result got;
	bool reads = !strcmp(source, "-");
	struct transfer_options o = {
		.source = source,
		.dest = dest,
		.keep = v->keep,
		.follow = v->follow,
		.stream_fd = reads ? STDIN_FILENO : STDOUT_FILENO,
		.warn = warn,
		.arg = &cp,
	};
	if ((reads || !strcmp(dest, "-")) && isatty(o.stream_fd)) {
		err_set(&e, ERR_USAGE, "a terminal is no place for a tar archive: redirect std%s",
			reads ? "in" : "out");
		return report_usage(c, &e);
	}
	if (isatty(STDERR_FILENO) && !c->out.quiet)
		o.progress = progress;
	const struct store *s = cli_store(c, &e);
	int r = s ? zone_transfer(s, &o, &got, &e) : -1;
	clear_progress(&cp);
	return r < 0 ? report_error(c, NULL, &e) : 0;
}

static const struct verb_example examples[] = {
	{"cella cp web:/etc/nginx .", "a directory out of a zone"},
	{"cella cp site/. web:/srv/www", "what is in a directory, into another one"},
	{"cella cp -a web:/home - | gzip >home.tgz", "as an archive, with the zone's owners"},
	{"zcat home.tgz | cella cp -a - web2:/", "and into another zone"},
	{0},
};

const struct verb verb_cp = {
	.name = "cp",
	.synopsis = "[OPTIONS] SOURCE DESTINATION",
	.summary = "copy files between the host and zones",
	.description =
		"One of the two, or both, are ZONE:PATH; the zone may run or be stopped. PATH is read "
		"as the zone reads it: beneath its root, whatever links are on the way. A path of the "
		"host that has a colon in it is written with a slash, as ./a:b. Instead of the other "
		"one, - is a tar archive on stdin or stdout.\n\n"
		"A file goes to DESTINATION, or into it if that is a directory; a trailing slash says "
		"that it must be one. A directory goes into DESTINATION if that exists, and becomes it "
		"if not; SOURCE/. means what is in the directory. A symbolic link as SOURCE is copied "
		"as a link, with -L or a trailing slash what it points to. An archive on stdin is "
		"unpacked into DESTINATION, a directory.\n\n"
		"What is copied belongs to root, of the zone or of the host, and keeps its mode and "
		"time. With -a it keeps its owner by number, as the zone sees it, and extended "
		"attributes and access lists. What comes from a zone loses setuid and setgid unless "
		"-a is given: a setuid program of a zone would be one of the host. Device nodes and "
		"sockets are left out, with a remark; FIFOs, hard links and holes stay what they "
		"are.\n\n"
		"A file appears under its name when it is complete; what was there before is replaced "
		"in that moment. If a tree is interrupted, what has arrived of it stays. A stopped "
		"zone cannot be started meanwhile. Of its mounts those of the host are there, too, "
		"where their targets exist; memory is not.",
	.exit_notes = "3 if there is no such zone or file; 5 if a stopped zone is in use.",
	.examples = examples,
	.options = options,
	.values_size = sizeof(struct cp_values),
	.topic = TOPIC_INSIDE,
	.min_operands = 2,
	.max_operands = 2,
	.run = run,
};
