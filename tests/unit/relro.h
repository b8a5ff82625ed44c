/* relro.h: is what the ELF file of a running program declares as read-only after relocation so? The
 * header of the file alone says nothing: somebody has to do it at start. */
#pragma once
#include "base/fd.h"
#include "test.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* 1 protected, 0 writable, -1 the program has no such part or is not there. */
static inline int relro_holds(pid_t pid, const char *program)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph = {0};
	char path[40], line[512], perms[8];
	autofd int fd = open(program, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &eh, sizeof eh, 0) != (ssize_t)sizeof eh)
		return -1;
	for (unsigned i = 0; i < eh.e_phnum && ph.p_type != PT_GNU_RELRO; i++)
		if (pread(fd, &ph, sizeof ph, (off_t)(eh.e_phoff + i * sizeof ph)) < 0)
			return -1;
	if (ph.p_type != PT_GNU_RELRO)
		return -1;
	(void)snprintf(path, sizeof path, "/proc/%d/maps", pid);
	FILE *f = fopen(path, "re");
	uint64_t begin, end, base = 0;
	int r = -1;
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &begin, &end, perms) != 3)
			continue;
		if (!base && strstr(line, program))
			base = begin;
		uint64_t at = base + ph.p_vaddr + ph.p_memsz - 1;
		if (base && begin <= at && at < end)
			r = perms[1] == '-';
	}
	if (f)
		(void)fclose(f);
	return r;
}
