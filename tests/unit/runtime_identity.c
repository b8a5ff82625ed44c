/* What a clone gets of its own, in roots of several kinds, hostile ones among them. */
#include "runtime/identity.h"
#include "base/fd.h"
#include "base/path.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_ID "0123456789abcdef0123456789abcdef\n"
static char top[64];
static int root = -1;

static void begin(void)
{
	snprintf(top, sizeof top, "/tmp/cella-identity-XXXXXX");
	CHECK(mkdtemp(top) != NULL);
	int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mkdirat(fd, "root", 0755) == 0 && mkdirat(fd, "canary", 0755) == 0);
	root = openat(fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(fd);
}

static void end(void)
{
	close(root);
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(tmp, top + strlen("/tmp/"), NULL);
	close(tmp);
}

static void put(const char *path, const char *text)
{
	char dir[200];
	snprintf(dir, sizeof dir, "%s", path);
	char *slash = strrchr(dir, '/');
	*slash = '\0';
	int d = path_mkdirs_in(root, dir, 0755);
	int fd = openat(d, strrchr(path, '/') + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
	close(fd);
	close(d);
}

static const char *get(const char *path)
{
	static char text[4096];
	int fd = path_open_in(root, path, O_RDONLY, 0);
	if (fd < 0)
		return "";
	ssize_t n = fd_read_all(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return text;
}

static bool there(const char *path)
{
	struct stat st;
	return fstatat(root, path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum identity_ssh keys(void)
{
	struct err e = {0};
	enum identity_ssh r = IDENTITY_SSH_NONE;
	if (identity_new_ssh_keys(root, &r, &e) < 0)
		printf("# %s\n", e.msg);
	return r;
}

TEST(machine_id)
{
	struct err e = {0};
	begin();
	/* none, and one that waits for the init, stay as they are */
	CHECK_INT(identity_new_machine_id(root, &e), 0);
	CHECK(!there("/etc"));
	put("/etc/machine-id", "");
	CHECK_INT(identity_new_machine_id(root, &e), 0);
	CHECK_STR(get("/etc/machine-id"), "");
	put("/etc/machine-id", OLD_ID);
	put("/var/lib/dbus/machine-id", OLD_ID);
	CHECK_INT(identity_new_machine_id(root, &e), 1);
	char id[64];
	snprintf(id, sizeof id, "%s", get("/etc/machine-id"));
	CHECK_INT(strlen(id), 33);
	CHECK(strcmp(id, OLD_ID) != 0);
	CHECK_STR(get("/var/lib/dbus/machine-id"), id);
	end();
}

TEST(machine_id_is_a_link)
{
	struct err e = {0};
	char canary[100];
	begin();
	snprintf(canary, sizeof canary, "%s/canary/id", top);
	int fd = open(canary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fd_write_all(fd, OLD_ID, strlen(OLD_ID)) == 0);
	close(fd);
	CHECK_INT(mkdirat(root, "etc", 0755), 0);
	CHECK_INT(symlinkat(canary, root, "etc/machine-id"), 0);
	CHECK_INT(identity_new_machine_id(root, &e), 0);
	char text[64] = "";
	fd = open(canary, O_RDONLY | O_CLOEXEC);
	CHECK(read(fd, text, sizeof text - 1) == (ssize_t)strlen(OLD_ID));
	CHECK_STR(text, OLD_ID);
	close(fd);
	end();
}

TEST(ssh_debian)
{
	begin();
	CHECK_INT(keys(), IDENTITY_SSH_NONE);
	put("/etc/ssh/ssh_host_ed25519_key", "secret");
	put("/etc/ssh/ssh_host_ed25519_key.pub", "public");
	put("/etc/ssh/sshd_config", "config");
	/* nobody could make new ones */
	CHECK_INT(keys(), IDENTITY_SSH_KEPT);
	CHECK(there("/etc/ssh/ssh_host_ed25519_key"));
	put("/usr/bin/ssh-keygen", "program");
	CHECK_INT(keys(), IDENTITY_SSH_KEPT);
	put("/usr/lib/systemd/systemd", "program");
	CHECK_INT(keys(), IDENTITY_SSH_REMOVED);
	CHECK(!there("/etc/ssh/ssh_host_ed25519_key"));
	CHECK(!there("/etc/ssh/ssh_host_ed25519_key.pub"));
	CHECK(there("/etc/ssh/sshd_config"));
	CHECK(strstr(get("/etc/systemd/system/cella-ssh-keygen.service"), "ssh-keygen -A"));
	CHECK(strstr(get("/etc/systemd/system/ssh.service.wants/cella-ssh-keygen.service"),
		"ssh-keygen -A"));
	/* once more: there is nothing left to do */
	CHECK_INT(keys(), IDENTITY_SSH_NONE);
	put("/etc/ssh/ssh_host_rsa_key", "secret");
	CHECK_INT(keys(), IDENTITY_SSH_REMOVED);
	end();
}

TEST(ssh_makes_its_own)
{
	begin();
	put("/etc/ssh/ssh_host_rsa_key", "secret");
	put("/usr/lib/systemd/system/sshd-keygen@.service", "unit");
	CHECK_INT(keys(), IDENTITY_SSH_REMOVED);
	CHECK(!there("/etc/systemd"));
	end();
	begin();
	put("/etc/ssh/ssh_host_rsa_key", "secret");
	put("/usr/bin/ssh-keygen", "program");
	put("/etc/init.d/sshd", "#!/sbin/openrc-run\nssh-keygen -A\n");
	CHECK_INT(keys(), IDENTITY_SSH_REMOVED);
	end();
}

TEST(ssh_directory_leads_out)
{
	char canary[100];
	begin();
	snprintf(canary, sizeof canary, "%s/canary", top);
	char key[120];
	snprintf(key, sizeof key, "%s/ssh_host_rsa_key", canary);
	int fd = open(key, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	put("/usr/lib/systemd/system/sshd-keygen@.service", "unit");
	CHECK_INT(mkdirat(root, "etc", 0755), 0);
	CHECK_INT(symlinkat(canary, root, "etc/ssh"), 0);
	CHECK_INT(keys(), IDENTITY_SSH_NONE);
	CHECK_INT(access(key, F_OK), 0);
	unlinkat(root, "etc/ssh", 0);
	CHECK_INT(symlinkat("../../../../../canary", root, "etc/ssh"), 0);
	CHECK_INT(keys(), IDENTITY_SSH_NONE);
	CHECK_INT(access(key, F_OK), 0);
	end();
}

TEST_MAIN()
