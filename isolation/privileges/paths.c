#include "isolation/privileges/paths.h"

#include <stddef.h>

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

const char paths_masked_cpu_prefix[] = "/sys/devices/system/cpu/cpu";
const char paths_masked_cpu_suffix[] = "/thermal_throttle";

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
