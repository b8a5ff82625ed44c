/* path.h: opening, making and removing things beneath a directory descriptor (R3, R11). */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Open a path inside a zone's root: openat2 with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, O_CLOEXEC
 * added. Symbolic links are followed as the zone would, never out of `root_fd`. fd, or -1 + errno.
 */
int path_open_in(int root_fd, const char *path, int flags, mode_t mode);
/* The same, but only what is of this type (S_IFREG, S_IFIFO): looked at before it is opened, since
 * to open a device is to act on it (S15). EMEDIUMTYPE for anything else. */
int path_open_type_in(int root_fd, const char *path, int flags, mode_t type);
/* Open strictly beneath `dir_fd`, following no symbolic link at all (RESOLVE_BENEATH |
 * RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS). For our own store. fd, or -1 + errno. */
int path_open_beneath(int dir_fd, const char *path, int flags, mode_t mode);
/* Make the missing components of a directory path inside a zone's root, one by one and by fd, with
 * `mode`, and return an O_PATH|O_DIRECTORY fd of the last. -1 + errno. */
int path_mkdirs_in(int root_fd, const char *path, mode_t mode);

/* An absolute directory of ours: made (with parents) if missing, mode 0700 whatever the umask,
 * owned by us; a looser or foreign-owned one, a symbolic link, or one below a directory in which
 * everybody may rename things, is refused (ERR_HOST, R9).
 * O_PATH-less directory fd, or -1 + *e. */
int path_open_private_dir(const char *abs_path, struct err *e);
/* The same for one name beneath a directory of ours. */
int path_open_private_dir_at(int dir_fd, const char *name, struct err *e);

/* Remove a tree by fd: never follows a link, never crosses to another mount, bounded fds whatever
 * the depth. ENOENT is success. -1 + *e naming what is left. */
int path_remove_tree(int dir_fd, const char *name, struct err *e);

/* Sum of st_blocks*512 of a tree; for tables only. */
int path_tree_usage(int dir_fd, const char *name, uint64_t *ret_bytes, uint64_t *ret_files);

/* Whole small file as NUL-terminated memory (caller frees). Only regular files, at most `max`
 * bytes, no links followed at the last component, never blocks (O_NONBLOCK). ret_len may be NULL.
 */
int path_read_file(
	int dir_fd, const char *name, size_t max, char **ret, size_t *ret_len, struct err *e);
/* The same for files of /proc and /sys, whose size is unknown; no type check. -1 + errno. */
ssize_t path_read_virtual(int dir_fd, const char *name, char *buf, size_t size);
/* The same with one read(2), for a file of one line, which the kernel gives whole. */
ssize_t path_read_value(int dir_fd, const char *name, char *buf, size_t size);
/* Is what lies at dir_fd/name by now the very thing behind `fd`? A last symbolic link is not
 * followed. */
bool path_is_at(int dir_fd, const char *name, int fd);
/* write(2) once to a /proc or /sys or cgroup file. 0, or -1 + errno. */
int path_write_virtual(int dir_fd, const char *name, const char *text);

/* Write a file whole or not at all (R6): temporary beside it, fsync, rename, fsync of the
 * directory. 0, or -1 + *e and the old file as before. */
int path_write_atomic(
	int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e);
/* The same without the two fsyncs, for directories on tmpfs whose content dies with the host. */
int path_write_volatile(
	int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e);
/* As path_write_volatile, on a disk, for what is not in its place yet and is synced there: it waits
 * for nothing. */
int path_write_draft(
	int dir_fd, const char *name, const void *data, size_t len, mode_t mode, struct err *e);
