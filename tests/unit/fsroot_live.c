/* fsroot for real: import, overlay with mapped ids, /dev, mounts, console, pivot. Needs root; every
 * case runs in namespaces of its own, and the host's mount table must be the same afterwards (R1).
 */
#include "fsroot/copy.h"
#include "fsroot/default_image/default_image.h"
#include "fsroot/import.h"
#include "tests/unit/fsroot_tar.h"
#include "tests/unit/fsroot_zone.h"
#include "tests/unit/test.h"

static char base_dir[] = "/tmp/cella-fsroot-XXXXXX";
static int base_fd = -1;
static pid_t main_pid;
static char mounts_before[65536];

static void read_mounts(char *out, size_t size)
{
	ssize_t n = path_read_virtual(AT_FDCWD, "/proc/self/mountinfo", out, size);
	if (n < 0)
		out[0] = '\0';
}

static void make_dirs(const char *path)
{
	autofd int fd = path_mkdirs_in(base_fd, path, 0755);
	if (fd < 0)
		_exit(99);
}

static bool import(const char *into, const struct tar *t, struct import_result *r, struct err *e)
{
	make_dirs(into);
	autofd int dest = openat(base_fd, into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd int archive = tar_fd(t);
	const struct import_plan plan = {
		.archive_fd = archive,
		.dest_dir_fd = dest,
		.host_first = ZONE_FIRST_ID,
		.program = CELLA_UNPACK,
	};
	*e = (struct err){0};
	return import_archive(&plan, r, e) == 0;
}

static struct import_result imported;

__attribute__((constructor)) static void set_up(void)
{
	struct err e;
	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root");
		(void)fflush(stdout);
		_exit(77);
	}
	main_pid = getpid();
	if (!mkdtemp(base_dir) ||
		(base_fd = open(base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		_exit(99);
	read_mounts(mounts_before, sizeof mounts_before);
	struct tar image = {
		.bytes = (char *)(uintptr_t)default_image_data, .len = default_image_size};
	if (!import("layers/image/fs", &image, &imported, &e)) {
		printf("1..0 # SKIP this file system or kernel cannot do it: %s\n", e.msg);
		(void)fflush(stdout);
		_exit(e.cls == ERR_HOST ? 77 : 99);
	}
	make_dirs("layers/extra/fs/etc");
	make_dirs("zones/z");
	make_dirs("canary");
}

__attribute__((destructor)) static void tear_down(void)
{
	if (getpid() != main_pid)
		return;
	autofd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(tmp, base_dir + strlen("/tmp/"), NULL);
}

static struct zone_case new_case(const char *script)
{
	struct err e = {0};
	autofd int zone = openat(base_fd, "zones/z", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(path_remove_tree(zone, "upper", &e) == 0 && path_remove_tree(zone, "work", &e) == 0);
	CHECK_INT(overlay_make_dirs(zone, "upper", "work", 0755, &e), 0);
	return (struct zone_case){
		.store_fd = base_fd,
		.layers = {"layers/extra/fs", "layers/image/fs"},
		.n_layers = 2,
		.script = script,
		.mounts = {.is_system = true, .has_ipcns = true},
	};
}

static void run_ok(const struct zone_case *c, const char *want)
{
	struct zone_outcome o;
	zone_run(c, &o);
	CHECK_INT(o.status, 0);
	if (want)
		CHECK_STR(o.output, want);
	if (o.status || (want && strcmp(want, o.output)))
		printf("# host '%s' zone '%s' errno %d hint %u\n# %s\n", o.err.msg, o.fault.object,
			o.fault.errnum, o.fault.hint, o.output);
	static char now[sizeof mounts_before];
	read_mounts(now, sizeof now);
	CHECK_STR(now, mounts_before);
}

static void run_faulty(const struct zone_case *c, const char *object, uint32_t hint)
{
	struct zone_outcome o;
	struct stat st;
	zone_run(c, &o);
	CHECK_INT(o.status, -1);
	CHECK_STR(o.fault.object, object);
	CHECK_INT(o.fault.hint, hint);
	if (o.err.cls)
		printf("# %s\n", o.err.msg);
	CHECK(fstatat(base_fd, "canary", &st, 0) == 0 && st.st_nlink == 2);
}

TEST(import_stores_canonical_owners)
{
	struct stat st;
	CHECK(imported.entries > 300);
	CHECK_INT(strlen(imported.sha256), 64);
	CHECK_INT(imported.n_warnings, 0);
	CHECK(fstatat(base_fd, "layers/image/fs/bin/busybox", &st, 0) == 0 && st.st_uid == 0 &&
		st.st_gid == 0 && (st.st_mode & 07777) == 0755);
	CHECK(fstatat(base_fd, "layers/image/fs/tmp", &st, 0) == 0 &&
		(st.st_mode & 07777) == 01777 && st.st_mtime == 0);
}

TEST(import_keeps_setuid_and_capabilities_and_other_owners)
{
	struct tar t = {0};
	struct import_result r;
	struct err e;
	struct stat st;
	const char cap[20] = {1, 0, 0, 2, 0, 4};
	tar_add_pax(&t, "SCHILY.xattr.security.capability", cap, sizeof cap);
	tar_add(&t, (struct tar_entry){.name = "ping", .data = "x", .mode = 0755});
	tar_add(&t, (struct tar_entry){.name = "su", .data = "x", .mode = 04755, .gid = 5});
	tar_add(&t, (struct tar_entry){.name = "max", .data = "x", .uid = 65535, .gid = 65535});
	tar_end(&t);
	CHECK(import("import/kept", &t, &r, &e));
	if (e.cls)
		printf("# %s\n", e.msg);
	tar_done(&t);
	CHECK(fstatat(base_fd, "import/kept/su", &st, 0) == 0 && (st.st_mode & 07777) == 04755 &&
		st.st_uid == 0 && st.st_gid == 5);
	CHECK(fstatat(base_fd, "import/kept/max", &st, 0) == 0 && st.st_uid == 65535);
}

TEST(import_tells_what_is_wrong)
{
	struct tar t = {0};
	struct import_result r;
	struct err e;
	tar_add(&t, (struct tar_entry){.name = "/etc/passwd"});
	tar_end(&t);
	CHECK(!import("import/a", &t, &r, &e));
	CHECK_STR(e.msg, "entry '/etc/passwd': has an absolute name");
	CHECK_INT(e.cls, ERR_FAILED);
	CHECK_STR(e.step, "import");
	tar_done(&t);
	CHECK(!import("import/b", &t, &r, &e));
	CHECK_STR(e.msg, "the archive is empty");
	autofd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	autofd int dest = openat(base_fd, "import/b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct import_plan plan = {.archive_fd = null,
		.dest_dir_fd = dest,
		.host_first = ZONE_FIRST_ID,
		.program = "/nonexistent"};
	CHECK_INT(import_archive(&plan, &r, &e), -1);
	CHECK_STR(e.msg, "cannot run '/nonexistent': No such file or directory");
	plan.program = "/etc/passwd";
	CHECK_INT(import_archive(&plan, &r, &e), -1);
	CHECK_STR(e.msg, "cannot run cella-unpack: Permission denied");
	plan.program = "/bin/true";
	CHECK_INT(import_archive(&plan, &r, &e), -1);
	CHECK_STR(e.msg, "cella-unpack ended without an answer");
	plan.program = CELLA_UNPACK;
	plan.host_first = UINT32_MAX;
	CHECK_INT(import_archive(&plan, &r, &e), -1);
	CHECK(strstr(e.msg, "cannot map ids"));
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

TEST(a_file_system_without_id_maps_is_named)
{
	/* procfs can be cloned but not mapped. */
	struct import_result r;
	struct err e;
	autofd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	autofd int dest = open("/proc/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct import_plan plan = {.archive_fd = null,
		.dest_dir_fd = dest,
		.host_first = ZONE_FIRST_ID,
		.program = CELLA_UNPACK};
	CHECK_INT(import_archive(&plan, &r, &e), -1);
	CHECK_INT(e.cls, ERR_HOST);
	CHECK(strstr(e.msg, "'proc' cannot map ids"));
}

TEST(zone_files_are_stored_as_id_0)
{
	struct zone_case c = new_case("touch /f && chown 33:33 /etc/hosts && mkdir /d && id -u && "
				      "stat -c %u:%g /etc/hosts /bin/busybox /proc /dev /dev/null");
	struct stat st;
	run_ok(&c, "0\n33:33\n0:0\n65534:65534\n0:0\n0:0\n");
	CHECK(fstatat(base_fd, "zones/z/upper/f", &st, 0) == 0 && st.st_uid == 0);
	CHECK(fstatat(base_fd, "zones/z/upper/etc/hosts", &st, 0) == 0 && st.st_uid == 33);
	CHECK(fstatat(base_fd, "layers/image/fs/etc/hosts", &st, 0) == 0 && st.st_uid == 0);
	/* By names instead of descriptors, as Linux before 6.13 needs it. */
	c = new_case("touch /f && id -u");
	c.method = OVERLAY_METHOD_STRING;
	run_ok(&c, "0\n");
	c = new_case("touch /f && id -u && stat -c %u /f");
	c.method = OVERLAY_METHOD_MOUNT;
	run_ok(&c, "0\n0\n");
	CHECK(fstatat(base_fd, "zones/z/upper/f", &st, 0) == 0 && st.st_uid == 0);
	c = new_case("touch /f && id -u");
	c.no_userns = true;
	run_ok(&c, "0\n");
}

TEST(as_many_layers_as_there_can_be)
{
	static char names[OVERLAY_LAYERS_MAX][32];
	char file[64];
	struct zone_case c = new_case("ls /many | wc -l; cat /many/which; touch /f && id -u");
	struct zone_outcome o;
	struct stat st;
	for (unsigned i = 0; i < OVERLAY_LAYERS_MAX - 1; i++) {
		(void)snprintf(names[i], sizeof names[i], "layers/many%u/fs", i);
		(void)snprintf(file, sizeof file, "layers/many%u/fs/many", i);
		make_dirs(file);
		autofd int many = openat(base_fd, file, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)snprintf(file, sizeof file, "file%u", i);
		autofd int f = openat(many, file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		autofd int which = openat(many, "which", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		CHECK(f >= 0 && dprintf(which, "%u\n", i) > 0);
		c.layers[i] = names[i];
	}
	c.n_layers = OVERLAY_LAYERS_MAX;
	c.layers[OVERLAY_LAYERS_MAX - 1] = "layers/image/fs";
	run_ok(&c, "400\n0\n0\n");
	c.method = OVERLAY_METHOD_MOUNT;
	run_ok(&c, "400\n0\n0\n");
	CHECK(fstatat(base_fd, "zones/z/upper/f", &st, 0) == 0 && st.st_uid == 0);
	c.method = OVERLAY_METHOD_STRING; /* too many for it: the next way is taken */
	run_ok(&c, "400\n0\n0\n");
	c.readonly_root = c.mounts.is_readonly = true;
	c.script = "ls /many | wc -l; touch /f 2>/dev/null || echo no";
	run_ok(&c, "400\nno\n");
	c.method = OVERLAY_METHOD_MOUNT;
	run_ok(&c, "400\nno\n");
	c.n_layers = OVERLAY_LAYERS_MAX + 1;
	zone_run(&c, &o);
	CHECK(strstr(o.err.msg, "401 layers: 1 to 400 are possible"));
}

TEST(layers_must_be_there_and_beneath_the_store)
{
	struct zone_case c = new_case("id -u");
	struct zone_outcome o;
	c.n_layers = 1;
	c.layers[0] = "layers/image/fs";
	run_ok(&c, "0\n");
	c.layers[0] = "layers/missing/fs";
	zone_run(&c, &o);
	CHECK(strstr(o.err.msg, "layers/missing/fs"));
	c.layers[0] = "../canary";
	zone_run(&c, &o);
	CHECK(strstr(o.err.msg, "no path in the store"));
}

TEST(read_only_root)
{
	struct zone_case c =
		new_case("touch /f 2>/dev/null || echo no; touch /tmp/f /run/f && echo yes");
	c.readonly_root = c.mounts.is_readonly = true;
	run_ok(&c, "no\nyes\n");
	c.n_layers = 1;
	c.layers[0] = "layers/image/fs";
	run_ok(&c, "no\nyes\n");
	c = new_case("touch /f 2>/dev/null || echo no; touch /run/f && echo yes");
	c.mounts.is_readonly = true; /* a writable overlay, mounted read-only */
	run_ok(&c, "no\nyes\n");
}

TEST(devices_work_and_others_cannot_be_made)
{
	struct zone_case c = new_case(
		"echo x > /dev/null && head -c 3 /dev/zero | wc -c && head -c 2 /dev/urandom | wc -c;"
		"mknod /d c 1 5 2>/dev/null || echo no; mknod /dev/d b 8 0 2>/dev/null || echo no;"
		"readlink /dev/ptmx; ls /dev | tr '\\n' ' '");
	run_ok(&c, "3\n2\nno\nno\npts/ptmx\nconsole core fd full mqueue null ptmx pts random shm "
		   "stderr stdin stdout tty urandom zero ");
	/* A node that a layer brings is inert. */
	autofd int fs = openat(base_fd, "layers/extra/fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mknodat(fs, "evil", S_IFCHR | 0666, 0x105) == 0);
	c = new_case("head -c 1 /evil 2>/dev/null | wc -c");
	c.no_userns = true;
	run_ok(&c, "0\n");
	CHECK(unlinkat(fs, "evil", 0) == 0);
}

TEST(kernel_file_systems_are_restricted)
{
	static const char *const masked[] = {"/proc/kallsyms", "/proc/keys", "/proc/acpi",
		"/sys/firmware", "/proc/no-such-file"};
	static const char *const readonly[] = {"/proc/sys", "/proc/bus", "/proc/sysrq-trigger"};
	static const char *const writable[] = {"/proc/sys/net"};
	struct zone_case c = new_case(
		"cat /proc/kallsyms | wc -c; ls /sys/firmware | wc -l; ls /proc/acpi 2>/dev/null | wc -l;"
		"(echo 1 > /proc/sys/kernel/sysrq) 2>/dev/null || echo no;"
		"(echo b > /proc/sysrq-trigger) 2>/dev/null || echo no;"
		"(echo 1 > /sys/kernel/uevent_seqnum) 2>/dev/null || echo no;"
		"(echo x > /proc/keys) 2>/dev/null || echo no;"
		"echo 1 > /proc/sys/net/ipv4/ip_forward && echo yes;"
		"mount -o remount,rw /proc/kallsyms 2>/dev/null; (echo x > /proc/kallsyms) 2>/dev/null || echo no");
	c.mounts.masked = masked;
	c.mounts.n_masked = 5;
	c.mounts.readonly = readonly;
	c.mounts.n_readonly = 3;
	c.mounts.writable = writable;
	c.mounts.n_writable = 1;
	run_ok(&c, "0\n0\n0\nno\nno\nno\nno\nyes\nno\n");
}

TEST(nothing_of_the_host_is_left)
{
	struct zone_case c = new_case("ls / | tr '\\n' ' '; ls /.. | wc -l;"
				      "cut -d' ' -f2 /proc/1/mounts | sort | tr '\\n' ' '");
	run_ok(&c, "bin dev etc mnt proc root run sbin srv sys tmp usr var 13\n"
		   "/ /dev /dev/mqueue /dev/pts /dev/shm /proc /run /run/lock /sys ");
}

TEST(host_network)
{
	struct zone_case c = new_case("ls /sys/class/net/lo/address && (echo x > /sys/power/state) "
				      "2>/dev/null || echo no; ls /sys/fs/cgroup | wc -l");
	c.no_netns = true;
	run_ok(&c, "/sys/class/net/lo/address\nno\n0\n");
	c.no_userns = true;
	run_ok(&c, "/sys/class/net/lo/address\nno\n0\n");
}

/* What this host mounts, v1 or v2, is what a zone can have. */
TEST(cgroups)
{
	struct zone_case c =
		new_case("cat /sys/fs/cgroup/cgroup.procs | wc -l; grep -c cgroup2 /proc/mounts");
	if (access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ||
		access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0) {
		struct zone_outcome o;
		c.mounts.cgroup = MOUNT_CGROUP_V2;
		c.mounts.cgroup_writable = true;
		zone_run(&c, &o);
		CHECK_INT(o.status, 0);
		CHECK(strstr(o.output, "\n1\n"));
	}
	if (access("/sys/fs/cgroup/systemd/cgroup.procs", F_OK) == 0 &&
		access("/sys/fs/cgroup/pids/cgroup.procs", F_OK) == 0) {
		static const struct mount_cgroup_v1 v1[] = {
			{"systemd", "name=systemd", true}, {"pids", "pids", false}};
		c = new_case("ls /sys/fs/cgroup | tr '\\n' ' '; (mkdir /sys/fs/cgroup/pids/x || "
			     "touch /sys/fs/cgroup/y) 2>/dev/null || echo no");
		c.mounts.cgroup = MOUNT_CGROUP_V1;
		c.mounts.v1 = v1;
		c.mounts.n_v1 = 2;
		run_ok(&c, "pids systemd no\n");
	}
}

TEST(console_is_a_terminal_of_the_zone)
{
	struct zone_case c =
		new_case("stat -c '%u:%g %a %t' /dev/console; ls /dev/pts | tr '\\n' ' '");
	c.with_console = true;
	run_ok(&c, "0:5 620 88\nptmx "); /* nobody holds the slave any more */
	c.prepares = true;
	run_ok(&c, "0:5 620 88\nptmx ");
}

TEST(volumes)
{
	static struct mount_volume v[] = {
		{.target = "/srv/data/deep", .is_dir = true},
		{.target = "/srv", .is_tmpfs = true, .size = "1M", .mode = "1777"},
	};
	struct zone_case c =
		new_case("ls /srv/data/deep; stat -c %a /srv; touch /srv/data/deep/x && echo yes");
	autofd int tree = tree_clone(base_fd, "canary", false);
	struct stat st;
	c.mounts.volumes = v;
	c.mounts.n_volumes = 2;
	c.volume_fd = tree;
	c.no_userns = true;
	run_ok(&c, "1777\nyes\n");
	CHECK(fstatat(base_fd, "canary/x", &st, 0) == 0);
	autofd int canary = openat(base_fd, "canary", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(unlinkat(canary, "x", 0) == 0);
	/* A file on a path that is not there yet. */
	static struct mount_volume f[] = {{.target = "/opt/new/file"}};
	autofd int hosts = tree_clone(base_fd, "layers/image/fs/etc/group", false);
	c = new_case("grep -c root /opt/new/file");
	c.mounts.volumes = f;
	c.mounts.n_volumes = 1;
	c.volume_fd = hosts;
	c.no_userns = true;
	run_ok(&c, "1\n");
}

/* The image leads a system directory elsewhere (S07, S09). */
static void with_bad_image(const char *name, const char *link_to)
{
	autofd int fs = openat(base_fd, "layers/extra/fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char object[32];
	struct zone_case c = new_case("true");
	if (link_to) {
		CHECK(symlinkat(link_to, fs, name) == 0);
	} else {
		autofd int file = openat(fs, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		CHECK(file >= 0);
	}
	(void)snprintf(object, sizeof object, "/%s", name);
	run_faulty(&c, object, FAULT_HINT_NOT_DIRECTORY);
	CHECK(unlinkat(fs, name, 0) == 0);
}

TEST(system_directories_must_be_ordinary)
{
	char canary[64];
	(void)snprintf(canary, sizeof canary, "%s/canary", base_dir);
	const char *const links[] = {canary, "../../../../tmp", "dev", "/proc/1/root", "/", NULL};
	static const char *const names[] = {"dev", "proc", "sys"};
	for (size_t n = 0; n < 3; n++)
		for (size_t i = 0; i < sizeof links / sizeof *links; i++)
			with_bad_image(names[n], links[i]);
}

TEST(volume_target_led_into_proc)
{
	static struct mount_volume v[] = {{.target = "/opt", .is_dir = true}};
	autofd int fs = openat(base_fd, "layers/extra/fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd int tree = tree_clone(base_fd, "canary", false);
	CHECK(symlinkat("/proc/sys", fs, "opt") == 0);
	struct zone_case c = new_case("true");
	c.mounts.volumes = v;
	c.mounts.n_volumes = 1;
	c.volume_fd = tree;
	run_faulty(&c, "/opt", FAULT_HINT_NOT_DIRECTORY);
	CHECK(unlinkat(fs, "opt", 0) == 0);
}

TEST(etc_files_in_a_zone)
{
	struct zone_case c =
		new_case("cat /etc/hostname; tail -n 1 /etc/resolv.conf; cat /etc/machine-id;"
			 "stat -c %u:%g:%a /etc/hostname /etc/machine-id");
	c.write_etc = true;
	run_ok(&c,
		"zone1\nnameserver 192.0.2.1\n0123456789abcdef0123456789abcdef\n0:0:644\n0:0:444\n");
}

TEST(etc_refuses_what_is_no_file)
{
	autofd int fs = openat(base_fd, "layers/extra/fs/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct zone_case c = new_case("true");
	struct zone_outcome o;
	c.write_etc = true;
	CHECK(mkfifoat(fs, "hosts", 0644) == 0);
	zone_run(&c, &o);
	CHECK_STR(o.err.msg, "/etc/hosts in the zone is a FIFO, not a regular file");
	CHECK_STR(o.err.object, "/etc/hosts");
	CHECK(unlinkat(fs, "hosts", 0) == 0 && mkdirat(fs, "hostname", 0755) == 0);
	c = new_case("true");
	c.write_etc = true;
	zone_run(&c, &o);
	CHECK_STR(o.err.msg, "/etc/hostname in the zone is a directory, not a regular file");
	CHECK(unlinkat(fs, "hostname", AT_REMOVEDIR) == 0);
	CHECK(symlinkat("/etc/passwd", fs, "machine-id") == 0);
	c = new_case("true");
	c.write_etc = true;
	zone_run(&c, &o);
	CHECK_STR(o.err.msg, "/etc/machine-id in the zone is a symbolic link, not a regular file");
	CHECK(unlinkat(fs, "machine-id", 0) == 0);
	CHECK(symlinkat("../run/systemd/resolve/stub-resolv.conf", fs, "resolv.conf") == 0);
	c = new_case("readlink /etc/resolv.conf");
	c.write_etc = true;
	run_ok(&c, "../run/systemd/resolve/stub-resolv.conf\n");
	CHECK(unlinkat(fs, "resolv.conf", 0) == 0);
}

/* On a host whose mounts are shared (systemd's habit) nothing may travel back. */
TEST(shared_host_mounts_do_not_see_ours)
{
	pid_t pid = fork();
	if (pid == 0) {
		static char before[65536], after[65536];
		if (unshare(CLONE_NEWNS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			mount("t", "/mnt", "tmpfs", 0, NULL) < 0 ||
			mount(base_dir, "/mnt", NULL, MS_BIND, NULL) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
			_exit(3);
		autofd int store = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct zone_case c = new_case("id -u");
		struct zone_outcome o;
		c.store_fd = store;
		read_mounts(before, sizeof before);
		zone_run(&c, &o);
		read_mounts(after, sizeof after);
		_exit(strcmp(before, after) ? 1 : o.status ? 2 : 0);
	}
	int status = 0;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(WEXITSTATUS(status), 0);
}

/* Zones on a volume of their own: the store consists of several mounts. */
TEST(a_zone_on_another_mount)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct zone_case c = new_case("touch /f && id -u");
		if (unshare(CLONE_NEWNS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(3);
		char zone[64];
		(void)snprintf(zone, sizeof zone, "%s/zones/z", base_dir);
		if (mount(zone, zone, NULL, MS_BIND, NULL) < 0 ||
			mount(NULL, zone, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL) <
				0)
			_exit(4);
		struct zone_outcome o;
		struct stat st;
		autofd int store = open(base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		c.store_fd = store;
		zone_run(&c, &o);
		if (o.err.cls)
			printf("# %s\n", o.err.msg);
		_exit(o.status == 0 && !strcmp(o.output, "0\n") &&
					fstatat(store, "zones/z/upper/f", &st, 0) == 0 &&
					st.st_uid == 0
				? 0
				: 1);
	}
	int status = 0;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(WEXITSTATUS(status), 0);
}

TEST_MAIN()
