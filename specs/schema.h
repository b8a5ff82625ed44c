/* schema.h: the zone spec as one table: key, type, where it lies in struct zone_spec, default,
 * grammar. Reading, printing, defaults, freeing, `cella set` and the refusal of what this version
 * cannot do are loops over it, so a new field is one row here and one member in zone_spec.h. */
#pragma once
#include "specs/zone_spec.h"

enum schema_type {
	SCHEMA_END,	/* after the last row */
	SCHEMA_VERSION, /* the number 1; not stored */
	SCHEMA_TEXT,	/* char * */
	SCHEMA_WORD,	/* an enum: the index in `words` */
	SCHEMA_CHOICE,	/* bool: words[0] is true, words[1] false */
	SCHEMA_BOOL,	/* bool */
	SCHEMA_MAYBE,	/* bool, and at `aux` a bool that says whether it was asked for */
	SCHEMA_SIZE,	/* uint64_t bytes */
	SCHEMA_TIME,	/* uint64_t milliseconds */
	SCHEMA_RATE,	/* uint64_t bits per second */
	SCHEMA_CORES,	/* uint64_t thousandths of a core */
	SCHEMA_COUNT,	/* uint64_t */
	SCHEMA_ORDER,	/* int64_t */
	SCHEMA_PORT,	/* uint16_t */
	SCHEMA_READY,	/* enum spec_ready, and at `aux` the port */
	SCHEMA_TEXTS,	/* struct spec_strings */
	SCHEMA_PAIRS,	/* struct spec_pairs */
	SCHEMA_RLIMITS, /* array of struct spec_rlimit; number at `aux` */
	SCHEMA_OBJECT,	/* `fields`, in the same structure */
	SCHEMA_LIST,	/* array of `item_size` with `fields` each; number at `aux` */
};

enum schema_flag {
	SCHEMA_NULLABLE = 1 << 0, /* null: not asked for */
	SCHEMA_MAX_WORD = 1 << 1, /* the word "max": no limit */
	SCHEMA_REQUIRED = 1 << 2,
	SCHEMA_UNIQUE = 1 << 3, /* TEXTS: no text twice */
	SCHEMA_LIVE =
		1 << 4, /* a change reaches a running zone; else it waits for the next start */
	SCHEMA_LATER =
		1 << 5, /* not supported by this version: anything but the default is refused */
	SCHEMA_NOT_EMPTY = 1 << 6, /* TEXTS: [] is refused */
};

struct schema_field {
	const char *key;
	enum schema_type type;
	unsigned flags;
	size_t offset, aux;
	const char *def;    /* default as an admin would write it; NULL: unset, empty or false */
	const char *expect; /* "expected <this>", for texts and the values of pairs */
	const char *(*grammar)(const char *); /* of a text, each text, each value; grammar.h */
	const char *(*key_grammar)(const char *);
	const char *const *words; /* NULL-terminated */
	unsigned words_later;	  /* bit per word: not supported by this version */
	uint64_t min, max;	  /* of numbers; most items of lists; max 0: SCHEMA_DEFAULT_ITEMS */
	size_t item_size;
	const struct schema_field *fields; /* ends with SCHEMA_END */
};

enum {
	SCHEMA_SPEC_VERSION = 1,
	SCHEMA_DEFAULT_ITEMS = 256
};

/* The rows of the whole document. */
extern const struct schema_field schema_root[];

/* The row with this key, or NULL. */
const struct schema_field *schema_find(const struct schema_field *fields, const char *key);
/* What somebody who wrote `key` may have meant: a near miss among `fields`, else the dotted path of
 * the same key elsewhere in the document. Returns `out`, or NULL. */
enum {
	SCHEMA_GUESS_SIZE = 128
};
const char *schema_guess(
	char out[SCHEMA_GUESS_SIZE], const struct schema_field *fields, const char *key);
/* The near miss alone, in any NULL-terminated list; NULL if none is near. */
const char *schema_nearest(const char *const *words, const char *word);

/* The value of a row in its structure. */
static inline void *schema_at(const struct schema_field *f, void *base)
{
	return (char *)base + f->offset;
}
static inline const void *schema_at_const(const struct schema_field *f, const void *base)
{
	return (const char *)base + f->offset;
}
