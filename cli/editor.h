/* editor.h: letting somebody edit a text with $VISUAL, $EDITOR or vi. */
#pragma once
#include "base/err.h"
#include <stddef.h>

/* A private temporary file with `text`, for several rounds of editing. */
struct editor {
	char path[256]; /* "" when there is none */
};
int editor_begin(struct editor *ed, const char *text, size_t len, struct err *e);
/* Run the editor and wait for it. No shell: the variable is split at spaces. */
int editor_run(const struct editor *ed, struct err *e);
/* What is in the file now; caller frees. */
int editor_read(const struct editor *ed, char **ret, size_t *ret_len, struct err *e);
/* Remove the file. */
void editor_done(struct editor *ed);

enum {
	EDITOR_WORDS = 16
};
/* Split `command` (which is changed) at spaces into words, and add `path` and a NULL; words has
 * EDITOR_WORDS places. Number of words with the path, or -1: none, or too many. Pure. */
int editor_split(char *command, char *path, char *words[EDITOR_WORDS]);
