#include "cli/progress.h"
#include "base/proc.h"

#include <stdio.h>
#include <unistd.h>

enum {
	PROGRESS_EVERY_MS = 200
};

static void tick(void *arg, uint64_t entries, uint64_t bytes)
{
	struct progress_line *p = arg;
	int64_t now = clock_mono_ms();
	if (!p->is_shown || now < p->next_ms)
		return;
	p->next_ms = now + PROGRESS_EVERY_MS;
	p->has_written = true;
	(void)fprintf(stderr, "\r\033[Kcella: %s: %llu files, %.1f MiB", p->what,
		(unsigned long long)entries, (double)bytes / (1 << 20));
	(void)fflush(stderr);
}

void progress_begin(struct progress_line *p, const struct cli *c, const char *what)
{
	*p = (struct progress_line){
		.what = what,
		.is_shown = isatty(STDERR_FILENO) && !c->out.quiet && c->out.format == OUTPUT_TABLE,
		/* What is done at once says nothing. */
		.next_ms = clock_mono_ms() + PROGRESS_EVERY_MS,
		.watch = {.tick = tick},
	};
	p->watch.arg = p;
}

void progress_end(struct progress_line *p)
{
	if (p->has_written)
		(void)fputs("\r\033[K", stderr);
	p->has_written = false;
}
