/* escape.h: finding the escape key in what is typed on a console. Pure, byte by byte.
 *
 *     KEY q     leave
 *     KEY KEY   KEY goes to the zone
 *     KEY x     KEY and x go to the zone */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

enum {
	ESCAPE_NONE = -1,
	ESCAPE_DEFAULT = 0x1d, /* Ctrl-] */
	ESCAPE_LEAVE = 'q',
};

struct escape {
	int key;	 /* 0..255, or ESCAPE_NONE */
	bool is_pending; /* the last byte was the key */
};

/* Feed `n` bytes; what is for the zone goes to out, which has room for n + 1. *ret_n is its length.
 * True: leave; bytes behind that are dropped. */
bool escape_feed(
	struct escape *s, const unsigned char *in, size_t n, unsigned char *out, size_t *ret_n);
/* "^]", "^a" (control keys), one character, or "none". ERR_USAGE. */
int escape_parse(const char *text, int *ret_key, struct err *e);
enum {
	ESCAPE_NAME_SIZE = 12
};
/* "Ctrl-]", "x", "none". */
const char *escape_name(char out[ESCAPE_NAME_SIZE], int key);
