#include "cli/escape.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool escape_feed(
	struct escape *s, const unsigned char *in, size_t n, unsigned char *out, size_t *ret_n)
{
	size_t len = 0;
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		bool was_pending = s->is_pending;
		s->is_pending = false;
		if (was_pending && in[i] == ESCAPE_LEAVE) {
			*ret_n = len;
			return true;
		}
		if (was_pending && in[i] != s->key)
			out[len++] = (unsigned char)s->key;
		if (!was_pending && in[i] == s->key)
			s->is_pending = true;
		else
			out[len++] = in[i];
	}
	*ret_n = len;
	return false;
}

int escape_parse(const char *text, int *ret_key, struct err *e)
{
	char shown[256];
	unsigned char c = (unsigned char)text[0];
	if (!strcmp(text, "none")) {
		*ret_key = ESCAPE_NONE;
		return 0;
	}
	if (c == '^' && text[1] && !text[2]) {
		int up = toupper((unsigned char)text[1]);
		if (up >= '@' && up <= '_') {
			*ret_key = up & 0x1f;
			return 0;
		}
	} else if (c > 0x20 && c < 0x7f && !text[1] && c != ESCAPE_LEAVE) {
		*ret_key = c;
		return 0;
	}
	err_set(e, ERR_USAGE, "'%s' is no escape key", str_escape(shown, sizeof shown, text));
	return err_hint(e, "^] or ^a for a control key, one character other than q, or none");
}

const char *escape_name(char out[ESCAPE_NAME_SIZE], int key)
{
	if (key == ESCAPE_NONE)
		(void)snprintf(out, ESCAPE_NAME_SIZE, "none");
	else if (key < 0x20)
		(void)snprintf(out, ESCAPE_NAME_SIZE, "Ctrl-%c", tolower(key + '@'));
	else
		(void)snprintf(out, ESCAPE_NAME_SIZE, "%c", key);
	return out;
}
