/* The device filter as eBPF code, assembled by hand: five registers and three instructions per test
 * do not need a compiler at run time. Pure. */
#include "base/mem.h"
#include "base/str.h"
#include "isolation/cgroups/cg_internal.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAJOR_MAX = (1 << 12) - 1,
	MINOR_MAX = (1 << 20) - 1,
	RULES_MAX = 1000
};

const struct cg_dev_rule cg_devices_default[] = {
	{'c', 1, 3, "rw"},    /* null */
	{'c', 1, 5, "rw"},    /* zero */
	{'c', 1, 7, "rw"},    /* full */
	{'c', 1, 8, "rw"},    /* random */
	{'c', 1, 9, "rw"},    /* urandom */
	{'c', 5, 0, "rw"},    /* tty */
	{'c', 5, 1, "rw"},    /* console */
	{'c', 5, 2, "rw"},    /* ptmx */
	{'c', 136, -1, "rw"}, /* pts/N */
};
const size_t cg_devices_default_n = ARRAY_LEN(cg_devices_default);

uint32_t cg_dev_access(const char *access)
{
	uint32_t mask = 0;
	for (const char *p = access; p && *p; p++) {
		if (*p == 'r')
			mask |= BPF_DEVCG_ACC_READ;
		else if (*p == 'w')
			mask |= BPF_DEVCG_ACC_WRITE;
		else if (*p == 'm')
			mask |= BPF_DEVCG_ACC_MKNOD;
		else
			return 0;
	}
	return mask;
}

int cg_dev_rules_check(const struct cg_dev_rule *rules, size_t n, struct err *e)
{
	if (n > RULES_MAX)
		return err_set(e, ERR_USAGE, "more than %d device rules", RULES_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct cg_dev_rule *r = &rules[i];
		bool all = r->type == 'a';
		if ((!all && r->type != 'b' && r->type != 'c') || !cg_dev_access(r->access) ||
			r->major < -1 || r->major > MAJOR_MAX || r->minor < -1 ||
			r->minor > MINOR_MAX || (all && (r->major >= 0 || r->minor >= 0)))
			return err_set(e, ERR_USAGE, "device rule %zu is not valid", i + 1);
	}
	return 0;
}

bool cg_dev_parse(const char *line, struct cg_dev_entry *ret)
{
	char major[12], minor[12], access[8];
	struct cg_dev_entry d = {.major = -1, .minor = -1};
	uint32_t v;
	if (sscanf(line, "%c %11[0-9*]:%11[0-9*] %7[rwm]", &d.type, major, minor, access) != 4 ||
		(d.type != 'a' && d.type != 'b' && d.type != 'c'))
		return false;
	if (!str_eq(major, "*")) {
		if (!str_to_u32(major, &v) || v > MAJOR_MAX)
			return false;
		d.major = (int)v;
	}
	if (!str_eq(minor, "*")) {
		if (!str_to_u32(minor, &v) || v > MINOR_MAX)
			return false;
		d.minor = (int)v;
	}
	d.access = cg_dev_access(access);
	*ret = d;
	return true;
}

size_t cg_devprog_room(size_t n)
{
	return n * CG_DEVPROG_RULE_INSNS + CG_DEVPROG_EXTRA_INSNS;
}

static struct bpf_insn load_word(unsigned reg, size_t offset)
{
	return (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W,
		.dst_reg = reg & 15u,
		.src_reg = BPF_REG_1,
		.off = (int16_t)offset};
}

static struct bpf_insn alu_imm(uint8_t op, unsigned reg, uint32_t imm)
{
	return (struct bpf_insn){
		.code = (uint8_t)(BPF_ALU | BPF_K | op), .dst_reg = reg & 15u, .imm = (int32_t)imm};
}

static struct bpf_insn jump_imm(uint8_t op, unsigned reg, uint32_t imm)
{
	return (struct bpf_insn){
		.code = (uint8_t)(BPF_JMP | BPF_K | op), .dst_reg = reg & 15u, .imm = (int32_t)imm};
}

static const struct bpf_insn insn_exit = {.code = BPF_JMP | BPF_EXIT};

enum {
	TYPE = BPF_REG_2,
	ACCESS = BPF_REG_3,
	MAJOR = BPF_REG_4,
	MINOR = BPF_REG_5
};

/* Tests of one rule; each failed one jumps behind "return 1". At most CG_DEVPROG_RULE_INSNS. */
static size_t build_rule(const struct cg_dev_rule *r, struct bpf_insn *out)
{
	size_t n = 0;
	uint32_t denied = ~cg_dev_access(r->access) &
			  (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD);
	if (r->type != 'a')
		out[n++] = jump_imm(
			BPF_JNE, TYPE, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (r->major >= 0)
		out[n++] = jump_imm(BPF_JNE, MAJOR, (uint32_t)r->major);
	if (r->minor >= 0)
		out[n++] = jump_imm(BPF_JNE, MINOR, (uint32_t)r->minor);
	/* All that is asked for must be granted by one rule, as v1 has it. */
	if (denied)
		out[n++] = jump_imm(BPF_JSET, ACCESS, denied);
	size_t tests = n;
	out[n++] = alu_imm(BPF_MOV, BPF_REG_0, 1);
	out[n++] = insn_exit;
	for (size_t i = 0; i < tests; i++)
		out[i].off = (int16_t)(n - i - 1);
	return n;
}

size_t cg_devprog_build(const struct cg_dev_rule *rules, size_t n_rules, struct bpf_insn *out)
{
	size_t n = 0;
	/* access_type holds the access in its upper and the type in its lower half. */
	out[n++] = load_word(TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	out[n++] = load_word(ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	out[n++] = alu_imm(BPF_AND, TYPE, 0xffff);
	out[n++] = alu_imm(BPF_RSH, ACCESS, 16);
	out[n++] = load_word(MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	out[n++] = load_word(MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = 0; i < n_rules; i++) {
		size_t len = build_rule(&rules[i], out + n);
		n += len;
		/* A rule that tests nothing allows everything; the verifier refuses dead code. */
		if (len == 2)
			return n;
	}
	out[n++] = alu_imm(BPF_MOV, BPF_REG_0, 0);
	out[n++] = insn_exit;
	return n;
}
