/* The assembled device filter, run by an interpreter of the few instructions it may use, against a
 * direct reading of the rules. */
#include "isolation/cgroups/cg_internal.h"
#include "tests/unit/test.h"

#include <stddef.h>
#include <stdlib.h>

/* 0 or 1 as the program says; -1 if it does what the kernel would not load. */
static int run(const struct bpf_insn *prog, size_t n, uint32_t type, uint32_t access,
	uint32_t major, uint32_t minor)
{
	struct bpf_cgroup_dev_ctx ctx = {access << 16 | type, major, minor};
	uint64_t reg[11] = {0};
	bool set[11] = {[1] = true};
	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &prog[pc];
		uint32_t imm = (uint32_t)i->imm;
		uint64_t *dst = &reg[i->dst_reg];
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			if (i->src_reg != 1 || i->off < 0 || i->off > 8 || i->off % 4)
				return -1;
			uint32_t word;
			memcpy(&word, (const char *)&ctx + i->off, sizeof word);
			*dst = word;
			set[i->dst_reg] = true;
			continue;
		case BPF_ALU | BPF_K | BPF_MOV:
			*dst = imm;
			set[i->dst_reg] = true;
			continue;
		case BPF_ALU | BPF_K | BPF_AND:
			*dst = (uint32_t)*dst & imm;
			break;
		case BPF_ALU | BPF_K | BPF_RSH:
			*dst = (uint32_t)*dst >> imm;
			break;
		case BPF_JMP | BPF_K | BPF_JNE:
		case BPF_JMP | BPF_K | BPF_JSET: {
			bool jump = i->code == (BPF_JMP | BPF_K | BPF_JNE)
					    ? *dst != (uint64_t)(int64_t)i->imm
					    : (*dst & (uint64_t)(int64_t)i->imm) != 0;
			if (i->off < 0 || !set[i->dst_reg])
				return -1;
			if (jump)
				pc += (size_t)i->off;
			continue;
		}
		case BPF_JMP | BPF_EXIT:
			return set[0] ? (int)reg[0] : -1;
		default:
			return -1;
		}
		if (!set[i->dst_reg])
			return -1;
	}
	return -1;
}

/* The verifier refuses instructions that nothing leads to, and a program without an end. */
static bool all_reachable(const struct bpf_insn *prog, size_t n)
{
	bool *seen = calloc(n + 1, 1);
	seen[0] = true;
	for (size_t i = 0; i < n; i++) {
		if (!seen[i])
			break;
		if (prog[i].code == (BPF_JMP | BPF_EXIT))
			continue;
		seen[i + 1] = true;
		if (BPF_CLASS(prog[i].code) == BPF_JMP && i + 1 + (size_t)prog[i].off < n)
			seen[i + 1 + (size_t)prog[i].off] = true;
	}
	bool ok = !seen[n];
	for (size_t i = 0; i < n; i++)
		ok = ok && seen[i];
	free(seen);
	return ok;
}

static bool expect(
	const struct cg_dev_rule *rules, size_t n, char type, uint32_t access, int major, int minor)
{
	for (size_t i = 0; i < n; i++)
		if ((rules[i].type == 'a' || rules[i].type == type) &&
			(rules[i].major < 0 || rules[i].major == major) &&
			(rules[i].minor < 0 || rules[i].minor == minor) &&
			(access & ~cg_dev_access(rules[i].access)) == 0)
			return true;
	return false;
}

static void compare(const struct cg_dev_rule *rules, size_t n)
{
	static const int majors[] = {0, 1, 5, 8, 10, 136, 4095};
	static const int minors[] = {0, 1, 2, 3, 5, 8, 11, 200, 229, 1048575};
	struct bpf_insn *prog = calloc(cg_devprog_room(n), sizeof *prog);
	CHECK_INT(cg_dev_rules_check(rules, n, NULL), 0);
	size_t len = cg_devprog_build(rules, n, prog);
	CHECK(len <= cg_devprog_room(n));
	CHECK(all_reachable(prog, len));
	for (size_t a = 0; a < sizeof majors / sizeof majors[0]; a++)
		for (size_t b = 0; b < sizeof minors / sizeof minors[0]; b++)
			for (uint32_t access = 1; access < 8; access++)
				for (int block = 0; block < 2; block++)
					CHECK_INT(run(prog, len,
							  block ? BPF_DEVCG_DEV_BLOCK
								: BPF_DEVCG_DEV_CHAR,
							  access, (uint32_t)majors[a],
							  (uint32_t)minors[b]),
						expect(rules, n, block ? 'b' : 'c', access,
							majors[a], minors[b]));
	free(prog);
}

TEST(default_list)
{
	compare(cg_devices_default, cg_devices_default_n);
	/* And by hand, so that the two readings cannot be wrong together. */
	struct bpf_insn prog[200];
	CHECK(cg_devprog_room(cg_devices_default_n) <= 200);
	size_t n = cg_devprog_build(cg_devices_default, cg_devices_default_n, prog);
	uint32_t rw = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_CHAR, rw, 1, 3), 1);
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_BLOCK, rw, 1, 3), 0);
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ, 1, 9), 1);
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ, 1, 1), 0);
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ, 1, 11), 0);
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_CHAR, rw, 136, 1048575), 1);
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_MKNOD, 1, 3), 0);
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_CHAR, rw | BPF_DEVCG_ACC_MKNOD, 1, 3), 0);
	CHECK_INT(run(prog, n, BPF_DEVCG_DEV_CHAR, rw, 10, 229), 0);
}

TEST(other_lists)
{
	static const struct cg_dev_rule all[] = {{'a', -1, -1, "rwm"}};
	static const struct cg_dev_rule mixed[] = {{'c', 10, 229, "r"}, {'c', 10, -1, "w"},
		{'b', 8, -1, "rm"}, {'a', -1, -1, "m"}, {'c', -1, 3, "rw"},
		{'b', 4095, 1048575, "rwm"}};
	static const struct cg_dev_rule any_char[] = {{'c', -1, -1, "mrw"}};
	compare(NULL, 0);
	compare(all, 1);
	compare(any_char, 1);
	static const struct cg_dev_rule late[] = {
		{'c', 1, 3, "r"}, {'a', -1, -1, "rwm"}, {'b', 8, 0, "r"}};
	compare(late, 3);
	compare(mixed, sizeof mixed / sizeof mixed[0]);
	for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++)
		compare(&mixed[i], 1);
}

TEST(rules_refused)
{
	static const struct cg_dev_rule bad[] = {{'x', 1, 3, "r"}, {'c', 1, 3, ""},
		{'c', 1, 3, NULL}, {'c', 1, 3, "rx"}, {'c', -2, 3, "r"}, {'c', 4096, 3, "r"},
		{'c', 1, 1048576, "r"}, {'a', 1, -1, "r"}, {'a', -1, 0, "r"}};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = {0};
		CHECK_INT(cg_dev_rules_check(&bad[i], 1, &e), -1);
		CHECK_INT(e.cls, ERR_USAGE);
	}
}

TEST(list_lines)
{
	struct cg_dev_entry d;
	CHECK(cg_dev_parse("c 1:3 rw", &d));
	CHECK(d.type == 'c' && d.major == 1 && d.minor == 3 && d.access == 6);
	CHECK(cg_dev_parse("a *:* rwm", &d));
	CHECK(d.type == 'a' && d.major == -1 && d.minor == -1 && d.access == 7);
	CHECK(cg_dev_parse("b 8:* m", &d));
	CHECK(!cg_dev_parse("", &d));
	CHECK(!cg_dev_parse("c 1 rw", &d));
	CHECK(!cg_dev_parse("x 1:3 rw", &d));
	CHECK(!cg_dev_parse("c *1:3 rw", &d));
	CHECK(!cg_dev_parse("c 99999:3 rw", &d));
}

TEST_MAIN()
