/* What a zone uses. A value that this host does not have stays CG_UNSET. */
#include "base/mem.h"
#include "base/path.h"
#include "isolation/cgroups/cg_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	TEXT_SIZE = 16384
};

/* A group and room to read its files into. */
struct source {
	int fd;
	bool v2;
	char *text;
};

static bool slurp(const struct source *s, const char *file)
{
	return s->fd >= 0 && path_read_virtual(s->fd, file, s->text, TEXT_SIZE) >= 0;
}

static uint64_t number(const struct source *s, const char *file)
{
	uint64_t v;
	return slurp(s, file) && cg_parse_number(s->text, &v) ? v : CG_UNSET;
}

static uint64_t flat(const struct source *s, const char *key, uint64_t divide)
{
	uint64_t v;
	return cg_parse_flat(s->text, key, &v) ? v / divide : CG_UNSET;
}

static struct source source(const struct cg *c, uint32_t controller, char *text)
{
	int i = cg_host_index(c->host, controller);
	if (i < 0)
		return (struct source){.fd = -1, .text = text};
	return (struct source){c->limit_fd[i], c->host->hier[i].v2, text};
}

static void stats_memory(const struct cg *c, char *text, struct cg_stats *r)
{
	struct source s = source(c, CG_MEMORY, text);
	r->memory_current = number(&s, s.v2 ? "memory.current" : "memory.usage_in_bytes");
	r->memory_peak = number(&s, s.v2 ? "memory.peak" : "memory.max_usage_in_bytes");
	r->memory_max = number(&s, s.v2 ? "memory.max" : "memory.limit_in_bytes");
	if (s.v2) {
		r->swap_current = number(&s, "memory.swap.current");
	} else {
		/* v1 counts both together. */
		uint64_t both = number(&s, "memory.memsw.usage_in_bytes");
		if (both != CG_UNSET && r->memory_current != CG_UNSET)
			r->swap_current = both > r->memory_current ? both - r->memory_current : 0;
	}
	int fd = cg_oom_open(c);
	if (fd >= 0) {
		ssize_t n = pread(fd, text, TEXT_SIZE - 1, 0);
		(void)close(fd);
		if (n >= 0) {
			text[n] = '\0';
			r->oom_kills = cg_oom_parse(text);
		}
	}
}

static void stats_cpu(const struct cg *c, char *text, struct cg_stats *r)
{
	struct source s = source(c, CG_CPUACCT, text);
	/* Without v1's accounting, v2 accounts on any group, controller or not. */
	if (s.fd < 0 && c->host->v2 >= 0)
		s = (struct source){c->limit_fd[c->host->v2], true, text};
	if (s.v2 && slurp(&s, "cpu.stat")) {
		r->cpu_usage_usec = flat(&s, "usage_usec", 1);
		r->cpu_user_usec = flat(&s, "user_usec", 1);
		r->cpu_system_usec = flat(&s, "system_usec", 1);
	} else if (!s.v2) {
		uint64_t all = number(&s, "cpuacct.usage"), user = number(&s, "cpuacct.usage_user"),
			 sys = number(&s, "cpuacct.usage_sys");
		r->cpu_usage_usec = all == CG_UNSET ? CG_UNSET : all / 1000;
		r->cpu_user_usec = user == CG_UNSET ? CG_UNSET : user / 1000;
		r->cpu_system_usec = sys == CG_UNSET ? CG_UNSET : sys / 1000;
	}
	s = source(c, CG_CPU, text);
	if (slurp(&s, "cpu.stat")) {
		r->cpu_nr_throttled = flat(&s, "nr_throttled", 1);
		r->cpu_throttled_usec =
			s.v2 ? flat(&s, "throttled_usec", 1) : flat(&s, "throttled_time", 1000);
	}
}

static void stats_io(const struct cg *c, char *text, struct cg_stats *r)
{
	struct source s = source(c, CG_IO, text);
	/* v1 has no hierarchical sum but in the "recursive" file. */
	if (s.v2 && slurp(&s, "io.stat")) {
		r->io_read_bytes = cg_parse_io_stat(text, "rbytes");
		r->io_write_bytes = cg_parse_io_stat(text, "wbytes");
	} else if (!s.v2 && slurp(&s, "blkio.throttle.io_service_bytes_recursive")) {
		r->io_read_bytes = cg_parse_blkio(text, "Read");
		r->io_write_bytes = cg_parse_blkio(text, "Write");
	}
}

static void stats_pressure(const struct cg *c, char *text, struct cg_stats *r)
{
	if (c->host->v2 < 0)
		return;
	struct source s = {c->limit_fd[c->host->v2], true, text};
	if (slurp(&s, "cpu.pressure"))
		(void)cg_parse_psi(text, &r->psi_cpu);
	if (slurp(&s, "memory.pressure"))
		(void)cg_parse_psi(text, &r->psi_memory);
	if (slurp(&s, "io.pressure"))
		(void)cg_parse_psi(text, &r->psi_io);
}

int cg_stats(const struct cg *c, struct cg_stats *ret, struct err *e)
{
	autofree char *text = malloc(TEXT_SIZE);
	if (!text)
		return err_nomem(e);
	struct cg_stats r;
	/* Every number CG_UNSET, which is all ones; pressure absent. */
	memset(&r, 0xff, sizeof r);
	r.psi_cpu = r.psi_memory = r.psi_io = (struct cg_psi){0};
	stats_memory(c, text, &r);
	stats_cpu(c, text, &r);
	stats_io(c, text, &r);
	stats_pressure(c, text, &r);
	struct source s = source(c, CG_PIDS, text);
	r.pids_current = number(&s, "pids.current");
	r.pids_max = number(&s, "pids.max");
	*ret = r;
	return 0;
}

static uint64_t usage_of(const struct cg_host *h, const char *path, uint32_t controller,
	const char *v1_file, const char *v2_file)
{
	char file[CG_PATH_SIZE + 32], text[32];
	uint64_t v;
	int i = cg_host_index(h, controller);
	if (i < 0)
		return CG_UNSET;
	(void)snprintf(file, sizeof file, "%s/%s", path, h->hier[i].v2 ? v2_file : v1_file);
	return path_read_value(h->hier[i].root_fd, file, text, sizeof text) >= 0 &&
			       cg_parse_number(text, &v)
		       ? v
		       : CG_UNSET;
}

void cg_usage(const struct cg_host *h, const char *name, uint64_t *ret_memory, uint64_t *ret_pids)
{
	char path[CG_PATH_SIZE];
	*ret_memory = *ret_pids = CG_UNSET;
	if (cg_limit_path(path, h, name, NULL) < 0)
		return;
	*ret_memory = usage_of(h, path, CG_MEMORY, "memory.usage_in_bytes", "memory.current");
	*ret_pids = usage_of(h, path, CG_PIDS, "pids.current", "pids.current");
}

int cg_oom_open(const struct cg *c)
{
	int i = cg_host_index(c->host, CG_MEMORY);
	if (i < 0)
		return -1;
	/* v2 counts upwards, v1 only in the group of the process that was killed. */
	return c->host->hier[i].v2
		       ? openat(c->limit_fd[i], "memory.events", O_RDONLY | O_CLOEXEC)
		       : openat(c->zone_fd[i], "memory.oom_control", O_RDONLY | O_CLOEXEC);
}
