/* units.h: the units of the spec: sizes ("512M" or bytes), times ("60s"), rates ("100Mbit").
 * Strict: the whole string, no sign, no space, overflow is an error, never a wrap. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits, optionally one of K M G T P (powers of 1024), optionally followed by "B" or "iB"; "1.5G"
 * is refused. Bytes. */
bool units_parse_size(const char *s, uint64_t *ret);
/* Digits and one of ms s m h d; digits alone are refused (no guessing). Milliseconds. */
bool units_parse_time(const char *s, uint64_t *ret_ms);
/* Digits and one of bit Kbit Mbit Gbit (powers of 1000, as tc(8)). Bits per second. */
bool units_parse_rate(const char *s, uint64_t *ret_bps);

enum {
	UNITS_SIZE = 24
};
/* Shortest exact form: "512M", "1023", "60s", "1500ms". */
const char *units_print_size(char out[UNITS_SIZE], uint64_t bytes);
const char *units_print_time(char out[UNITS_SIZE], uint64_t ms);
const char *units_print_rate(char out[UNITS_SIZE], uint64_t bps);
/* For people: "1.5G", one decimal, at most 6 characters. */
const char *units_print_human(char out[UNITS_SIZE], uint64_t bytes);
