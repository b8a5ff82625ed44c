#include "runtime/stack.h"
#include "base/fd.h"
#include "fsroot/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void stack_close(struct stack *s)
{
	for (size_t i = 0; i < s->n; i++)
		fd_close(&s->fds[i]);
	free(s->fds);
	*s = (struct stack){0};
}

int stack_open(const struct store *s, int *top_fd, char *const *layers, size_t n, struct stack *ret,
	struct err *e)
{
	autostack struct stack all = {.fds = calloc(n + 1, sizeof *all.fds)};
	if (!all.fds)
		return err_nomem(e);
	if (*top_fd >= 0)
		all.fds[all.n++] = fd_steal(top_fd);
	for (size_t i = 0; i < n; i++) {
		int fd = layer_open_fs(s, layers[i], e);
		if (fd < 0)
			return -1;
		all.fds[all.n++] = fd;
	}
	*ret = all;
	all = (struct stack){0};
	return 0;
}

static void tick(void *arg, const struct copy_result *so_far)
{
	const struct progress *watch = arg;
	watch->tick(watch->arg, so_far->entries, so_far->bytes);
}

int stack_merge_stage(const struct store *s, const struct stack *from, const struct stack_merge *m,
	struct staging *ret, char ret_id[LAYER_ID_SIZE], struct err *e)
{
	autostaging struct staging st = STAGING_EMPTY;
	struct copy_result result;
	char source[ZONE_NAME_MAX + 8];
	int fs_fd = -1;
	if (layer_stage(s, true, &st, &fs_fd, e) < 0)
		return -1;
	autofd int fs = fs_fd;
	const struct merge_options options = {
		.keep_marks = m->keep_marks,
		.link_from = m->link_from,
		.tick = m->watch ? tick : NULL,
		.tick_arg = (void *)(uintptr_t)m->watch,
	};
	if (merge_layers(from->fds, from->n, fs, &options, &result, e) < 0)
		return -1;
	(void)snprintf(source, sizeof source, "zone %s", m->zone);
	const struct layer_info info = {.kind = m->kind,
		.source = source,
		.bytes = result.bytes,
		.entries = result.entries};
	layer_id_random(ret_id);
	if (layer_write(&st, ret_id, &info, m->uuid, e) < 0)
		return -1;
	*ret = st;
	st = (struct staging)STAGING_EMPTY;
	return 0;
}
