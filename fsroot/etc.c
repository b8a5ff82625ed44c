#include "fsroot/etc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/defence.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "fsroot/fs_ids.h"

enum {
	OLD_CONTENT_MAX = 65536
};

/* One file of ours in /etc. */
struct etc_file {
	const char *name; /* in /etc */
	const char *content;
	mode_t mode;
	bool replace_any;   /* whatever it contains */
	const char *ours;   /* replace it when it starts with this; NULL: never */
	bool ours_is_exact; /* ... when it is exactly this */
	bool keep_link;	    /* a symbolic link is not an error but left alone */
};

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	default:
		return "a device";
	}
}

/* What is there now, as *ret (caller frees), or NULL when nothing is. Looks with O_PATH first:
 * opening a FIFO blocks, opening a device acts. */
static int read_old(int etc_fd, const struct etc_file *file, char **ret, size_t *ret_len,
	bool *ret_is_link, struct err *e)
{
	autofd int look = openat(etc_fd, file->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (look < 0 && errno == ENOENT)
		return 0;
	struct stat st;
	if (look < 0 || fstat(look, &st) < 0)
		return err_sys(e, errno, "cannot look at /etc/%s in the zone", file->name);
	*ret_is_link = S_ISLNK(st.st_mode);
	if (*ret_is_link && file->keep_link)
		return 0;
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_FAILED, "/etc/%s in the zone is %s, not a regular file", file->name,
			type_name(st.st_mode));
		return err_hint(e, "remove it from the zone's root, then start the zone again");
	}
	autofd int fd = open(fd_path(look).s, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	autofree char *old = malloc(OLD_CONTENT_MAX + 1);
	if (!old)
		return err_nomem(e);
	ssize_t n = fd < 0 ? -1 : fd_read_all(fd, old, OLD_CONTENT_MAX);
	if (n < 0)
		return err_sys(e, errno, "cannot read /etc/%s in the zone", file->name);
	old[n] = '\0';
	*ret_len = (size_t)n;
	*ret = ptr_steal(&old);
	return 0;
}

static bool is_ours(const struct etc_file *file, const char *old, size_t old_len)
{
	if (file->replace_any)
		return true;
	if (!file->ours)
		return false;
	size_t n = strlen(file->ours);
	return old_len >= n && !memcmp(old, file->ours, n) &&
	       (!file->ours_is_exact || old_len == n);
}

static int write_new(int etc_fd, const struct etc_file *file, struct err *e)
{
	char tmp[] = ".cella-0123456789abcdef";
	random_hex(tmp + strlen(".cella-"), 16);
	autofd int fd =
		openat(etc_fd, tmp, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "cannot write /etc/%s in the zone", file->name);
	/* No fsync: a start must not wait for the disk, and the next one writes it again. */
	if (fd_write_all(fd, file->content, strlen(file->content)) < 0 ||
		fchmod(fd, file->mode) < 0 || renameat(etc_fd, tmp, etc_fd, file->name) < 0) {
		int errnum = errno;
		(void)unlinkat(etc_fd, tmp, 0);
		err_sys(e, errnum, "cannot write /etc/%s in the zone", file->name);
		if (errnum == EPERM)
			err_hint(e, "the file may be immutable: chattr -i");
		return -1;
	}
	return 0;
}

static int put_file(int root_fd, const struct etc_file *file, enum etc_result *ret, struct err *e)
{
	autofd int etc_fd = path_mkdirs_in(root_fd, "/etc", 0755);
	if (etc_fd < 0)
		return err_sys(e, errno, "cannot open /etc in the zone");
	autofree char *old = NULL;
	size_t old_len = 0;
	bool is_link = false;
	if (defence_is_off("S16")) {
		autofd int fd = openat(
			etc_fd, file->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file->mode);
		*ret = ETC_WRITTEN;
		return fd < 0 ? -1 : fd_write_all(fd, file->content, strlen(file->content));
	}
	if (read_old(etc_fd, file, &old, &old_len, &is_link, e) < 0)
		return -1;
	if (is_link) {
		*ret = ETC_LINK_KEPT;
		return 0;
	}
	if (old && old_len == strlen(file->content) && !memcmp(old, file->content, old_len)) {
		*ret = ETC_SAME;
		return 0;
	}
	if (old && !is_ours(file, old, old_len)) {
		*ret = ETC_NOT_OURS;
		return 0;
	}
	if (write_new(etc_fd, file, e) < 0)
		return -1;
	*ret = ETC_WRITTEN;
	return 0;
}

static int put_hostname(const struct etc_plan *plan, enum etc_result *ret, struct err *e)
{
	autofree char *content = str_format("%s\n", plan->hostname);
	autofree char *old = plan->old_hostname ? str_format("%s\n", plan->old_hostname) : NULL;
	if (!content || (plan->old_hostname && !old))
		return err_nomem(e);
	const struct etc_file file = {
		.name = "hostname",
		.content = content,
		.mode = 0644,
		.replace_any = plan->is_first_start,
		.ours = old,
		.ours_is_exact = true,
	};
	return put_file(plan->root_fd, &file, ret, e);
}

static int put_marked(const struct etc_plan *plan, const char *name, const char *content,
	bool keep_link, enum etc_result *ret, struct err *e)
{
	const struct etc_file file = {
		.name = name,
		.content = content,
		.mode = 0644,
		.replace_any = plan->is_first_start,
		.ours = ETC_MARKER,
		.keep_link = keep_link,
	};
	return put_file(plan->root_fd, &file, ret, e);
}

static int put_machine_id(const struct etc_plan *plan, enum etc_result *ret, struct err *e)
{
	char content[40] = "";
	if (plan->machine_id[0])
		(void)snprintf(content, sizeof content, "%.32s\n", plan->machine_id);
	const struct etc_file file = {
		.name = "machine-id",
		.content = content,
		.mode = 0444,
		.replace_any = plan->is_first_start,
	};
	return put_file(plan->root_fd, &file, ret, e);
}

int etc_write_files(const struct etc_plan *plan, struct etc_report *ret, struct err *e)
{
	struct etc_report r = {ETC_NOT_OURS, ETC_NOT_OURS, ETC_NOT_OURS, ETC_NOT_OURS};
	autofsids struct fs_ids ids = {0};
	if (fs_ids_take(&ids, plan->root_uid, plan->root_gid, e) < 0)
		return err_at(e, "files", NULL);
	if (plan->hostname && put_hostname(plan, &r.hostname, e) < 0)
		return err_at(e, "files", "/etc/hostname");
	if (plan->hosts && put_marked(plan, "hosts", plan->hosts, false, &r.hosts, e) < 0)
		return err_at(e, "files", "/etc/hosts");
	if (plan->resolv_conf &&
		put_marked(plan, "resolv.conf", plan->resolv_conf, true, &r.resolv_conf, e) < 0)
		return err_at(e, "files", "/etc/resolv.conf");
	if (plan->machine_id && put_machine_id(plan, &r.machine_id, e) < 0)
		return err_at(e, "files", "/etc/machine-id");
	*ret = r;
	return 0;
}

/* One line of a configuration file must stay one line (S17). */
static int check_word(const char *word, struct err *e)
{
	if (word[0] && str_is_printable(word, strlen(word)))
		return 0;
	char shown[80];
	return err_set(e, ERR_USAGE, "'%s' cannot be written to a file of the zone",
		str_escape(shown, sizeof shown, word));
}

static bool has_name(const struct etc_host *host, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = host->names; (p = strstr(p, name)); p += n)
		if ((p == host->names || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

char *etc_hosts_content(
	const char *hostname, const struct etc_host *hosts, size_t n_hosts, struct err *e)
{
	autostr struct strbuf s = {0};
	bool is_named = false;
	if (check_word(hostname, e) < 0)
		return NULL;
	str_add(&s, ETC_MARKER "127.0.0.1\tlocalhost\n");
	for (size_t i = 0; i < n_hosts; i++)
		is_named = is_named || has_name(&hosts[i], hostname);
	if (!is_named)
		str_addf(&s, "127.0.1.1\t%s\n", hostname);
	str_add(&s, "::1\tlocalhost ip6-localhost ip6-loopback\n"
		    "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
	for (size_t i = 0; i < n_hosts; i++) {
		if (check_word(hosts[i].address, e) < 0 || check_word(hosts[i].names, e) < 0)
			return NULL;
		str_addf(&s, "%s\t%s\n", hosts[i].address, hosts[i].names);
	}
	return str_finish(&s, e);
}

char *etc_resolv_content(const char *const *servers, size_t n_servers, const char *const *search,
	size_t n_search, struct err *e)
{
	autostr struct strbuf s = {0};
	str_add(&s, ETC_MARKER);
	for (size_t i = 0; i < n_search; i++) {
		if (check_word(search[i], e) < 0)
			return NULL;
		str_addf(&s, "%s%s", i ? " " : "search ", search[i]);
	}
	if (n_search)
		str_add(&s, "\n");
	for (size_t i = 0; i < n_servers; i++) {
		if (check_word(servers[i], e) < 0)
			return NULL;
		str_addf(&s, "nameserver %s\n", servers[i]);
	}
	return str_finish(&s, e);
}
