/* relro.h: for static programs of a libc whose start-up does not do it (musl's does not, glibc's
 * does): what only the relocation writes, and an attacker would like to, becomes read-only. First
 * thing in main(). */
#pragma once
#include <limits.h> /* says which libc this is */

#ifdef __GLIBC__
static inline void relro_protect(void)
{
}
#else
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The linker's: where the program lies. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static inline void relro_protect(void)
{
	const char *base = (const char *)&__ehdr_start;
	const ElfW(Phdr) *ph = (const void *)(base + __ehdr_start.e_phoff);
	uintptr_t page = (uintptr_t)getpagesize();
	for (unsigned i = 0; i < __ehdr_start.e_phnum; i++) {
		if (ph[i].p_type != PT_GNU_RELRO)
			continue;
		uintptr_t at = (uintptr_t)base + ph[i].p_vaddr, end = at + ph[i].p_memsz;
		at -= at % page;
		end -= end % page;
		(void)mprotect((void *)at, end - at, PROT_READ);
	}
}
#endif
