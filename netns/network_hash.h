/* network_hash.h: a stable, well-mixed hash for names and addresses that must come out the same on
 * every run. Not cryptographic: what must be unique is claimed as well. Internal to netns/. */
#pragma once
#include <stdint.h>

/* FNV-1a over the strings with their ends, then the finalizer of splitmix64. */
static inline uint64_t network_hash(const char *a, const char *b, const char *c, uint64_t d)
{
	const char *const parts[] = {a, b, c};
	uint64_t h = 0xcbf29ce484222325u;
	for (int i = 0; i < 3; i++) {
		for (const char *p = parts[i]; *p; p++)
			h = (h ^ (uint8_t)*p) * 0x100000001b3u;
		h = (h ^ 0xffu) * 0x100000001b3u;
	}
	h += d;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
	h = (h ^ h >> 27) * 0x94d049bb133111ebu;
	return h ^ h >> 31;
}
