#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Leading digits without a leading zero (except "0" itself); returns what follows, or NULL. */
static const char *digits(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	if (*s < '0' || *s > '9' || (s[0] == '0' && s[1] >= '0' && s[1] <= '9'))
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return NULL;
	*ret = v;
	return s;
}

bool units_parse_size(const char *s, uint64_t *ret)
{
	static const char letters[] = "KMGTP";
	uint64_t v;
	const char *rest = digits(s, &v);
	if (!rest)
		return false;
	const char *unit = *rest ? strchr(letters, *rest) : NULL;
	if (unit) {
		unsigned shift = 10u * (unsigned)(unit - letters + 1);
		if (v > UINT64_MAX >> shift)
			return false;
		v <<= shift;
		rest++;
		if (!strcmp(rest, "iB"))
			rest += 2;
	}
	if (!strcmp(rest, "B"))
		rest++;
	if (*rest)
		return false;
	*ret = v;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};
/* Largest first, so that printing finds the shortest exact form. */
static const struct unit times[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit rates[] = {
	{"Gbit", 1000000000}, {"Mbit", 1000000}, {"Kbit", 1000}, {"bit", 1}};

static bool parse_unit(const char *s, const struct unit *u, size_t n, uint64_t *ret)
{
	uint64_t v;
	const char *rest = digits(s, &v);
	for (size_t i = 0; rest && i < n; i++)
		if (!strcmp(rest, u[i].name))
			return !__builtin_mul_overflow(v, u[i].factor, ret);
	return false;
}

static const char *print_unit(char out[UNITS_SIZE], uint64_t v, const struct unit *u, size_t n)
{
	size_t i = 0;
	while (i + 1 < n && (v == 0 || v % u[i].factor))
		i++;
	if (v == 0 && n == sizeof times / sizeof times[0])
		i = 3; /* "0s" */
	(void)snprintf(out, UNITS_SIZE, "%" PRIu64 "%s", v / u[i].factor, u[i].name);
	return out;
}

bool units_parse_time(const char *s, uint64_t *ret_ms)
{
	uint64_t v;
	if (!parse_unit(s, times, sizeof times / sizeof times[0], &v))
		return false;
	/* 100 years: below it, deadlines in int64_t milliseconds never overflow. */
	if (v > UINT64_C(100) * 365 * 86400000)
		return false;
	*ret_ms = v;
	return true;
}

bool units_parse_rate(const char *s, uint64_t *ret_bps)
{
	return parse_unit(s, rates, sizeof rates / sizeof rates[0], ret_bps);
}

const char *units_print_size(char out[UNITS_SIZE], uint64_t bytes)
{
	static const char letters[] = "PTGMK";
	for (unsigned i = 0; bytes && i < 5; i++) {
		unsigned shift = 50 - 10 * i;
		if (!(bytes & ((UINT64_C(1) << shift) - 1))) {
			(void)snprintf(
				out, UNITS_SIZE, "%" PRIu64 "%c", bytes >> shift, letters[i]);
			return out;
		}
	}
	(void)snprintf(out, UNITS_SIZE, "%" PRIu64, bytes);
	return out;
}

const char *units_print_time(char out[UNITS_SIZE], uint64_t ms)
{
	return print_unit(out, ms, times, sizeof times / sizeof times[0]);
}

const char *units_print_rate(char out[UNITS_SIZE], uint64_t bps)
{
	return print_unit(out, bps, rates, sizeof rates / sizeof rates[0]);
}

const char *units_print_human(char out[UNITS_SIZE], uint64_t bytes)
{
	static const char letters[] = "BKMGTPE";
	unsigned i = 0;
	double v = (double)bytes;
	while (v >= 1023.95 && i < 6) {
		v /= 1024;
		i++;
	}
	if (i == 0)
		(void)snprintf(out, UNITS_SIZE, "%" PRIu64, bytes);
	else
		(void)snprintf(out, UNITS_SIZE, v < 10 ? "%.1f%c" : "%.0f%c", v, letters[i]);
	return out;
}
