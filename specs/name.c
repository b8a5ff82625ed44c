#include "specs/name.h"
#include "base/mem.h"
#include "base/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool name_is_valid(const char *s)
{
	if (!s || !is_lower_alnum(*s))
		return false;
	size_t n = 0;
	for (; s[n]; n++)
		if (n == NAME_MAX_LEN || (!is_lower_alnum(s[n]) && !strchr("_.-", s[n])))
			return false;
	return true;
}

int name_check(const char *what, const char *s, struct err *e)
{
	char shown[400];
	if (name_is_valid(s))
		return 0;
	return err_set(e, ERR_USAGE, "\"%s\" is not a %s name, expected " NAME_GRAMMAR,
		str_escape(shown, sizeof shown, s ? s : ""), what);
}

/* Linux's own numbers up to 31 are named by the C library; the realtime range is counted from
 * SIGRTMIN as the C library has it, because that is what every init means by it. */
static int standard_signal(const char *s)
{
	if (!strcmp(s, "POLL"))
		return SIGIO;
	if (!strcmp(s, "IOT"))
		return SIGABRT;
	if (!strcmp(s, "CLD"))
		return SIGCHLD;
	for (int sig = 1; sig < 32; sig++) {
		const char *name = sigabbrev_np(sig);
		if (name && !strcmp(name, s))
			return sig;
	}
	return 0;
}

static int realtime_signal(const char *s)
{
	uint32_t off = 0, room = (uint32_t)(SIGRTMAX - SIGRTMIN);
	bool from_max = str_starts(s, "RTMAX");
	if (!from_max && !str_starts(s, "RTMIN"))
		return 0;
	const char *rest = s + strlen("RTMIN");
	if (*rest && (*rest != (from_max ? '-' : '+') || !str_to_u32(rest + 1, &off)))
		return 0;
	if (off > room)
		return 0;
	return from_max ? SIGRTMAX - (int)off : SIGRTMIN + (int)off;
}

int signal_parse(const char *s, int *ret, struct err *e)
{
	uint32_t number;
	int sig = 0;
	if (s && str_to_u32(s, &number)) {
		/* 32 and 33 belong to the C library's threads. */
		if ((number >= 1 && number < 32) ||
			(number >= (uint32_t)SIGRTMIN && number <= (uint32_t)SIGRTMAX))
			sig = (int)number;
	} else if (s) {
		const char *bare = str_starts(s, "SIG") ? s + 3 : s;
		sig = standard_signal(bare);
		if (!sig)
			sig = realtime_signal(bare);
	}
	if (!sig) {
		char shown[400];
		return err_set(e, ERR_USAGE,
			"unknown signal \"%s\", expected a name such as SIGTERM or SIGRTMIN+3, or "
			"a number",
			str_escape(shown, sizeof shown, s ? s : ""));
	}
	*ret = sig;
	return 0;
}

const char *signal_print(char out[SIGNAL_NAME_SIZE], int sig)
{
	const char *name = sig > 0 && sig < 32 ? sigabbrev_np(sig) : NULL;
	if (name)
		(void)snprintf(out, SIGNAL_NAME_SIZE, "SIG%s", name);
	else if (sig == SIGRTMIN)
		(void)snprintf(out, SIGNAL_NAME_SIZE, "SIGRTMIN");
	else if (sig > SIGRTMIN && sig <= SIGRTMAX)
		(void)snprintf(out, SIGNAL_NAME_SIZE, "SIGRTMIN+%d", sig - SIGRTMIN);
	else
		(void)snprintf(out, SIGNAL_NAME_SIZE, "%d", sig);
	return out;
}

static bool is_user_name(const char *s, size_t len)
{
	if (!len || len >= USER_NAME_SIZE)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		bool later = (c >= '0' && c <= '9') || c == '.' || c == '-';
		if (!letter && !(i && later))
			return false;
	}
	return true;
}

/* One half: an id into *id, or a name into `name`. */
static bool parse_half(const char *s, size_t len, char name[USER_NAME_SIZE], uint32_t *id)
{
	char copy[USER_NAME_SIZE];
	if (!len || len >= sizeof copy)
		return false;
	memcpy(copy, s, len);
	copy[len] = '\0';
	/* The last id, 2^32-1, means "leave as it is" to chown and setresuid. */
	if (str_to_u32(copy, id))
		return *id != UINT32_MAX;
	if (!is_user_name(s, len))
		return false;
	memcpy(name, copy, len + 1);
	return true;
}

int user_parse(const char *s, struct user_ref *ret, struct err *e)
{
	struct user_ref u = {0};
	const char *colon = strchr(s, ':');
	size_t len = colon ? (size_t)(colon - s) : strlen(s);
	bool ok = parse_half(s, len, u.user, &u.uid);
	if (ok && colon) {
		u.has_group = true;
		ok = parse_half(colon + 1, strlen(colon + 1), u.group, &u.gid);
	}
	if (!ok) {
		char shown[400];
		return err_set(e, ERR_USAGE,
			"\"%s\" is not a user, expected UID[:GID] or NAME[:GROUP], ids from 0 to "
			"4294967294",
			str_escape(shown, sizeof shown, s));
	}
	*ret = u;
	return 0;
}

int user_parse_ids(const char *s, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e)
{
	struct user_ref u = {0};
	if (user_parse(s, &u, e) < 0)
		return -1;
	if (u.user[0] || u.group[0]) {
		char shown[400];
		return err_set(e, ERR_USAGE, "\"%s\" is not UID[:GID] in digits",
			str_escape(shown, sizeof shown, s));
	}
	*ret_uid = u.uid;
	*ret_gid = u.gid;
	return 0;
}
