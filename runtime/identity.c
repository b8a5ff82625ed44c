#include "runtime/identity.h"
#include "runtime/events.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "fsroot/fs_ids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ID_DIGITS = 32,
	SCRIPT_MAX = 1 << 16
};
#define UNIT_DIR "/etc/systemd/system"
#define UNIT "cella-ssh-keygen.service"

/* Pulled in by sshd itself, so that a zone without one never runs it. */
static const char *const unit_wanted_by[] = {"ssh.service.wants", "sshd.service.wants"};
static const char unit_text[] =
	"# Made by cella when this zone was cloned: new host keys, once. Removes itself.\n"
	"[Unit]\n"
	"Description=Generate new SSH host keys for this clone\n"
	"Before=ssh.service sshd.service\n"
	"ConditionPathIsReadWrite=/etc/ssh\n"
	"\n"
	"[Service]\n"
	"Type=oneshot\n"
	"ExecStart=/usr/bin/ssh-keygen -A\n"
	"ExecStartPost=/bin/rm -f " UNIT_DIR "/ssh.service.wants/" UNIT " " UNIT_DIR
	"/sshd.service.wants/" UNIT " " UNIT_DIR "/" UNIT "\n";

static int open_dir_in(int root_fd, const char *path)
{
	return path_open_in(root_fd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
}

static bool exists_in(int root_fd, const char *path)
{
	autofd int fd = path_open_in(root_fd, path, O_PATH, 0);
	return fd >= 0;
}

/* A regular file, not a link: 1 it is, 0 it is something else or nothing. */
static int is_regular(int dir_fd, const char *name, struct stat *st)
{
	return fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

/* New content by rename: an old file, whatever it is, is neither opened nor followed. */
static int replace(int dir_fd, const char *name, const char *text, mode_t mode, struct err *e)
{
	char tmp[] = ".cella-0123456789abcdef";
	random_hex(tmp + strlen(".cella-"), 16);
	autofd int fd =
		openat(dir_fd, tmp, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "write '%s' in the zone", name);
	if (fd_write_all(fd, text, strlen(text)) < 0 || fchmod(fd, mode) < 0 ||
		renameat(dir_fd, tmp, dir_fd, name) < 0) {
		int errnum = errno;
		(void)unlinkat(dir_fd, tmp, 0);
		return err_sys(e, errnum, "write '%s' in the zone", name);
	}
	return 0;
}

/* ---- machine-id ---- */

static int renew_id(int root_fd, const char *dir, const char *text, struct err *e)
{
	struct stat st;
	autofd int fd = open_dir_in(root_fd, dir);
	/* Missing or empty means "not yet": the init fills it, with one that is new anyway. */
	if (fd < 0 || !is_regular(fd, "machine-id", &st) || st.st_size == 0)
		return 0;
	return replace(fd, "machine-id", text, st.st_mode & 0777, e) < 0 ? -1 : 1;
}

int identity_new_machine_id(int root_fd, struct err *e)
{
	char text[ID_DIGITS + 2];
	random_hex(text, ID_DIGITS);
	text[ID_DIGITS] = '\n';
	text[ID_DIGITS + 1] = '\0';
	int a = renew_id(root_fd, "/etc", text, e);
	if (a < 0)
		return -1;
	int b = renew_id(root_fd, "/var/lib/dbus", text, e);
	return b < 0 ? -1 : a || b;
}

/* ---- ssh host keys ---- */

static bool is_host_key(const char *name)
{
	return str_starts(name, "ssh_host_") && strstr(name, "_key");
}

/* Count, and with `remove` unlink, the keys. -1 + *e. */
static int walk_keys(int ssh_fd, bool remove, struct err *e)
{
	int n = 0, fd = openat(ssh_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_sys(e, errno, "read '/etc/ssh' in the zone");
	}
	struct dirent *ent;
	while (n >= 0 && (ent = readdir(d))) {
		struct stat st;
		if (!is_host_key(ent->d_name) || !is_regular(fd, ent->d_name, &st))
			continue;
		n++;
		if (remove && unlinkat(fd, ent->d_name, 0) < 0 && errno != ENOENT)
			n = err_sys(e, errno, "remove a key in '/etc/ssh' of the zone");
	}
	(void)closedir(d);
	return n;
}

static bool has_keygen_unit(int root_fd)
{
	static const char *const known[] = {
		"/usr/lib/systemd/system/sshd-keygen@.service",
		"/usr/lib/systemd/system/sshd-keygen.service",
		"/usr/lib/systemd/system/sshdgenkeys.service",
		"/usr/sbin/sshd-gen-keys-start",
		"/usr/lib/ssh/sshd-gen-keys-start",
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (exists_in(root_fd, known[i]))
			return true;
	return false;
}

/* OpenRC's and others' start scripts that call ssh-keygen. */
static bool has_keygen_script(int root_fd)
{
	static const char *const names[] = {"sshd", "ssh"};
	autofd int dir = open_dir_in(root_fd, "/etc/init.d");
	for (size_t i = 0; dir >= 0 && i < ARRAY_LEN(names); i++) {
		autofree char *text = NULL;
		if (path_read_file(dir, names[i], SCRIPT_MAX, &text, NULL, NULL) == 0 &&
			strstr(text, "ssh-keygen"))
			return true;
	}
	return false;
}

static bool has_systemd(int root_fd)
{
	return exists_in(root_fd, "/usr/lib/systemd/systemd") ||
	       exists_in(root_fd, "/lib/systemd/systemd");
}

static int install_unit(int root_fd, struct err *e)
{
	autofd int path = path_mkdirs_in(root_fd, UNIT_DIR, 0755);
	if (path < 0)
		return err_sys(e, errno, "make '" UNIT_DIR "' in the zone");
	if (replace(path, UNIT, unit_text, 0644, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(unit_wanted_by); i++) {
		autofd int wants = path_mkdirs_in(path, unit_wanted_by[i], 0755);
		if (wants < 0 || (symlinkat("../" UNIT, wants, UNIT) < 0 && errno != EEXIST))
			return err_sys(
				e, errno, "make '" UNIT_DIR "/%s' in the zone", unit_wanted_by[i]);
	}
	return 0;
}

int identity_new_ssh_keys(int root_fd, enum identity_ssh *ret, struct err *e)
{
	autofd int ssh = open_dir_in(root_fd, "/etc/ssh");
	*ret = IDENTITY_SSH_NONE;
	if (ssh < 0)
		return 0;
	int n = walk_keys(ssh, false, e);
	if (n <= 0)
		return n;
	if (!has_keygen_unit(root_fd)) {
		bool keygen = exists_in(root_fd, "/usr/bin/ssh-keygen");
		bool systemd = has_systemd(root_fd);
		if (!keygen || (!systemd && !has_keygen_script(root_fd))) {
			*ret = IDENTITY_SSH_KEPT;
			return 0;
		}
		/* The way to new keys is there before the old ones go. */
		if (systemd && install_unit(root_fd, e) < 0)
			return -1;
	}
	if (walk_keys(ssh, true, e) < 0)
		return -1;
	*ret = IDENTITY_SSH_REMOVED;
	return 0;
}

struct done {
	bool machine;
	enum identity_ssh ssh;
};

static int apply_as_zone(int root_fd, const struct zone_spec *spec, uint32_t root_id,
	struct done *done, struct err *e)
{
	autofsids struct fs_ids ids = {0};
	int n = 0;
	if (fs_ids_take(&ids, root_id, root_id, e) < 0)
		return -1;
	if (spec->clone.machine_id_new && (n = identity_new_machine_id(root_fd, e)) < 0)
		return -1;
	done->machine = n > 0;
	return spec->clone.ssh_host_keys_new ? identity_new_ssh_keys(root_fd, &done->ssh, e) : 0;
}

int identity_apply(int root_fd, const struct zone *z, uint32_t root_id, struct err *e)
{
	static const char *const words[] = {
		[IDENTITY_SSH_NONE] = "none",
		[IDENTITY_SSH_REMOVED] = "new",
		[IDENTITY_SSH_KEPT] = "kept: nothing in the zone makes new ones",
	};
	struct done done = {0};
	if (!z->record.identity_pending)
		return 0;
	if (apply_as_zone(root_fd, z->spec, root_id, &done, e) < 0)
		return -1;
	(void)event_append(z->dir_fd, "identity",
		json_pack("{s:s, s:s}", "machine_id", done.machine ? "new" : "none",
			"ssh_host_keys", words[done.ssh]));
	return 0;
}
