#include "isolation/privileges/paths.h"

#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const paths_masked[] = {
	/* Secrets of the kernel, or a way to act on the whole machine. */
	"/proc/kcore",
	"/proc/keys",
	"/proc/kallsyms",
	"/proc/sysrq-trigger",
	"/proc/config.gz",
	/* Timing and load of other zones. */
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/latency_stats",
	"/proc/interrupts",
	/* The machine's hardware. */
	"/proc/acpi",
	"/proc/asound",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
	/* Other interfaces of the kernel that know no namespaces. */
	"/sys/fs/selinux",
	"/sys/fs/pstore",
	"/sys/kernel/debug",
	"/sys/kernel/tracing",
	"/sys/kernel/security",
	"/sys/kernel/slab",
	NULL,
};

/* How hot and how often throttled: what others on the machine do. */
static const char masked_of_cpu[] = "thermal_throttle";

static bool is_cpu(const char *name)
{
	uint32_t number;
	return str_starts(name, "cpu") && str_to_u32(name + 3, &number);
}

void paths_free(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

/* Takes `path`, which may be NULL for lack of memory. */
static int add(char ***list, size_t *n, char *path, struct err *e)
{
	char **more = path ? realloc(*list, (*n + 2) * sizeof *more) : NULL;
	if (!more) {
		free(path);
		return err_nomem(e);
	}
	more[(*n)++] = path;
	more[*n] = NULL;
	*list = more;
	return 0;
}

static int add_cpus(const char *cpu_dir, char ***list, size_t *n, struct err *e)
{
	int fd = openat(AT_FDCWD, cpu_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !d)
		(void)close(fd);
	int r = 0;
	struct dirent *ent;
	while (d && r == 0 && (ent = readdir(d))) {
		autofree char *in = str_format("%s/%s", ent->d_name, masked_of_cpu);
		if (!in)
			r = err_nomem(e);
		else if (is_cpu(ent->d_name) && faccessat(dirfd(d), in, F_OK, 0) == 0)
			r = add(list, n, str_format("/sys/devices/system/cpu/%s", in), e);
	}
	if (d)
		(void)closedir(d);
	return r;
}

char **paths_masked_here(const char *cpu_dir, struct err *e)
{
	char **list = NULL;
	size_t n = 0;
	int r = 0;
	for (size_t i = 0; r == 0 && paths_masked[i]; i++)
		r = add(&list, &n, strdup(paths_masked[i]), e);
	if (r == 0)
		r = add_cpus(cpu_dir, &list, &n, e);
	if (r == 0)
		return list;
	paths_free(list);
	return NULL;
}

/* /sys itself is mounted read-only. /proc/acpi and /proc/scsi of H07 are masked above already. */
const char *const paths_readonly[] = {
	"/proc/bus",
	"/proc/fs",
	"/proc/irq",
	"/proc/sys",
	NULL,
};

const char *const paths_writable[] = {
	"/proc/sys/net",       /* network namespace */
	"/proc/sys/fs/mqueue", /* ipc namespace, from here on */
	"/proc/sys/kernel/msgmax",
	"/proc/sys/kernel/msgmnb",
	"/proc/sys/kernel/msgmni",
	"/proc/sys/kernel/msg_next_id",
	"/proc/sys/kernel/auto_msgmni",
	"/proc/sys/kernel/sem",
	"/proc/sys/kernel/sem_next_id",
	"/proc/sys/kernel/shmall",
	"/proc/sys/kernel/shmmax",
	"/proc/sys/kernel/shmmni",
	"/proc/sys/kernel/shm_next_id",
	"/proc/sys/kernel/shm_rmid_forced",
	"/proc/sys/kernel/hostname", /* uts namespace */
	"/proc/sys/kernel/domainname",
	"/proc/sys/kernel/ns_last_pid", /* pid namespace */
	NULL,
};
