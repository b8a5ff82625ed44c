#include "cli/editor.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TEXT_MAX = 4 << 20 /* far above a spec's limit, which has its own message */
};

int editor_split(char *command, char *path, char *words[EDITOR_WORDS])
{
	static const char spaces[] = " \t";
	int n = 0;
	for (char *at = command + strspn(command, spaces); *at; at += strspn(at, spaces)) {
		if (n == EDITOR_WORDS - 2)
			return -1;
		words[n++] = at;
		at += strcspn(at, spaces);
		if (*at)
			*at++ = '\0';
	}
	if (!n)
		return -1;
	words[n++] = path;
	words[n] = NULL;
	return n;
}

int editor_begin(struct editor *ed, const char *text, size_t len, struct err *e)
{
	const char *dir = getenv("TMPDIR");
	if (!dir || dir[0] != '/')
		dir = "/tmp";
	int n = snprintf(ed->path, sizeof ed->path, "%s/cella-XXXXXX.json", dir);
	if (n < 0 || (size_t)n >= sizeof ed->path) {
		ed->path[0] = '\0';
		return err_set(e, ERR_FAILED, "TMPDIR is too long");
	}
	autofd int fd = mkostemps(ed->path, 5, O_CLOEXEC); /* 0600, new */
	if (fd < 0) {
		ed->path[0] = '\0';
		return err_sys(e, errno, "make a temporary file in '%s'", dir);
	}
	if (fd_write_all(fd, text, len) == 0)
		return 0;
	err_sys(e, errno, "write '%s'", ed->path);
	editor_done(ed);
	return -1;
}

static const char *chosen(void)
{
	const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
	if (visual && visual[0])
		return visual;
	return editor && editor[0] ? editor : "vi";
}

int editor_run(const struct editor *ed, struct err *e)
{
	char *words[EDITOR_WORDS];
	int status;
	pid_t pid;
	autofree char *command = strdup(chosen());
	if (!command)
		return err_nomem(e);
	if (editor_split(command, (char *)(uintptr_t)ed->path, words) < 0)
		return err_set(e, ERR_USAGE, "VISUAL or EDITOR is not a command");
	int r = posix_spawnp(&pid, words[0], NULL, NULL, words, environ);
	if (r) {
		err_sys(e, r, "run the editor '%s'", words[0]);
		return err_hint(e, "set VISUAL or EDITOR");
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "wait for the editor");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(
			e, ERR_FAILED, "the editor '%s' failed: nothing was changed", words[0]);
	return 0;
}

/* By name again: most editors write a new file and rename it. */
int editor_read(const struct editor *ed, char **ret, size_t *ret_len, struct err *e)
{
	if (path_read_file(AT_FDCWD, ed->path, TEXT_MAX, ret, ret_len, e) == 0)
		return 0;
	/* An editor that removed it is not a zone that is not there. */
	return err_class_set(e, ERR_FAILED);
}

void editor_done(struct editor *ed)
{
	if (ed->path[0])
		(void)unlink(ed->path);
	ed->path[0] = '\0';
}
