#include "fsroot/unpack/name.h"

#include <string.h>

enum name_verdict name_normalize(const char *raw, char out[NAME_PATH_MAX])
{
	size_t len = 0;
	out[0] = '\0';
	if (!raw || !raw[0])
		return NAME_EMPTY;
	if (raw[0] == '/')
		return NAME_ABSOLUTE;
	for (const char *p = raw; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return NAME_DOTDOT;
		if (n && !(n == 1 && p[0] == '.')) {
			if (n > NAME_COMPONENT_MAX || len + n + 2 > NAME_PATH_MAX)
				return NAME_TOO_LONG;
			if (len)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
			out[len] = '\0';
		}
		p += n + (p[n] == '/');
	}
	return len ? NAME_OK : NAME_IS_ROOT;
}

const char *name_reason(enum name_verdict verdict)
{
	switch (verdict) {
	case NAME_EMPTY:
		return "has no name";
	case NAME_ABSOLUTE:
		return "has an absolute name";
	case NAME_DOTDOT:
		return "has '..' in its name";
	case NAME_TOO_LONG:
		return "has a name that is too long";
	case NAME_IS_ROOT:
		return "names the top directory";
	case NAME_OK:
		break;
	}
	return "is fine";
}

bool name_link_climbs(const char *path, const char *target)
{
	if (target[0] == '/')
		return false;
	long depth = 0;
	for (const char *p = path; *p; p++)
		depth += *p == '/';
	for (const char *p = target; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (--depth < 0)
				return true;
		} else if (n && !(n == 1 && p[0] == '.')) {
			depth++;
		}
		p += n + (p[n] == '/');
	}
	return false;
}

enum name_whiteout name_whiteout(const char *path, const char **ret_hidden)
{
	static const char prefix[] = ".wh.", opaque[] = ".wh..wh..opq";
	const size_t len = sizeof prefix - 1;
	for (const char *p = path; *p;) {
		const char *end = p + strcspn(p, "/");
		const char *hidden = p + len;
		if (strncmp(p, prefix, len) != 0) {
			p = end + (*end == '/');
			continue;
		}
		if (*end)
			return NAME_WHITEOUT_BAD;
		if (!strcmp(p, opaque))
			return NAME_WHITEOUT_OPAQUE;
		/* ".wh..wh.": what aufs keeps for itself. */
		if (!*hidden || !strcmp(hidden, ".") || !strcmp(hidden, "..") ||
			!strncmp(hidden, prefix, len))
			return NAME_WHITEOUT_BAD;
		*ret_hidden = hidden;
		return NAME_WHITEOUT_ONE;
	}
	return NAME_WHITEOUT_NONE;
}

bool name_is_in_dev(const char *path)
{
	return !strncmp(path, "dev", 3) && (!path[3] || path[3] == '/');
}
