/* attributes.h: owner, mode, extended attributes, ACL and times of an unpacked object. */
#pragma once
#include "base/err.h"
#include <archive_entry.h>

/* `fd` is a regular file or directory, open for reading or writing. Times of a directory are only
 * set with `with_times`. */
int attributes_set(int fd, struct archive_entry *entry, bool with_times, struct err *e);
/* A symbolic link or FIFO: owner, mode, times. */
int attributes_set_at(int dir_fd, const char *name, struct archive_entry *entry, struct err *e);
/* Ids, extended attributes: refuse before anything is written. */
int attributes_check(struct archive_entry *entry, struct err *e);
struct timespec attributes_mtime(struct archive_entry *entry);
