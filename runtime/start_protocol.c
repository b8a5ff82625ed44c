#include "runtime/start_protocol.h"

#include <stddef.h>

struct rule {
	enum start_state from;
	enum start_kind kind;
	enum start_state to;
};

static const struct rule rules[] = {
	{START_SPAWNED, START_MSG_IDS, START_MAPPED},
	{START_MAPPED, START_MSG_ROOT, START_ROOTED},
	{START_ROOTED, START_MSG_NETNS, START_NETTED},
	{START_ROOTED, START_MSG_MOUNTED, START_MOUNTED}, /* the host's network, or a given one */
	{START_NETTED, START_MSG_MOUNTED, START_MOUNTED},
	{START_MOUNTED, START_MSG_LOCKED, START_LOCKED},
	{START_LOCKED, START_MSG_CONSOLE, START_CONSOLED},
	{START_LOCKED, START_MSG_READY, START_READY},
	{START_ROOTED, START_MSG_CONSOLE, START_CONSOLED}, /* its root cannot mount */
	{START_NETTED, START_MSG_CONSOLE, START_CONSOLED},
	{START_ROOTED, START_MSG_READY, START_READY}, /* pipes instead of a console */
	{START_NETTED, START_MSG_READY, START_READY},
	{START_CONSOLED, START_MSG_READY, START_READY},
	{START_READY, START_MSG_GO, START_GOING},
	{START_GOING, START_MSG_EOF, START_RUNNING},
};

int start_next(enum start_state s, uint32_t kind)
{
	/* Until it runs, the zone side may fail at any point, with a word or without. */
	if ((unsigned)s < START_RUNNING &&
		(kind == START_MSG_FAIL || (kind == START_MSG_EOF && s != START_GOING)))
		return START_FAILED;
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (rules[i].from == s && (uint32_t)rules[i].kind == kind)
			return (int)rules[i].to;
	return -1;
}

int exec_next(enum exec_state s, uint32_t kind)
{
	static const struct {
		enum exec_state from;
		enum start_kind kind;
		enum exec_state to;
	} table[] = {
		{EXEC_SPAWNED, START_MSG_PROCESS, EXEC_HAS_PROCESS},
		{EXEC_SPAWNED, START_MSG_CONSOLE, EXEC_HAS_CONSOLE},
		{EXEC_HAS_PROCESS, START_MSG_CONSOLE, EXEC_HAS_BOTH},
		{EXEC_HAS_CONSOLE, START_MSG_PROCESS, EXEC_HAS_BOTH},
		{EXEC_HAS_PROCESS, START_MSG_EOF, EXEC_RUNNING},
		{EXEC_HAS_BOTH, START_MSG_EOF, EXEC_RUNNING},
		{EXEC_SPAWNED, START_MSG_EOF, EXEC_FAILED},
		{EXEC_HAS_CONSOLE, START_MSG_EOF, EXEC_FAILED},
		{EXEC_SPAWNED, START_MSG_FAIL, EXEC_FAILED},
		{EXEC_HAS_PROCESS, START_MSG_FAIL, EXEC_FAILED},
		{EXEC_HAS_CONSOLE, START_MSG_FAIL, EXEC_FAILED},
		{EXEC_HAS_BOTH, START_MSG_FAIL, EXEC_FAILED},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].from == s && (uint32_t)table[i].kind == kind)
			return (int)table[i].to;
	return -1;
}

const char *start_step_name(uint32_t step)
{
	static const char *const names[START_STEPS] = {
		[STEP_NONE] = "none",
		[STEP_WAIT_ROOT] = "wait for root",
		[STEP_CGROUP] = "cgroup",
		[STEP_NETNS] = "network namespace",
		[STEP_IDS] = "ids",
		[STEP_MOUNTS] = "mounts",
		[STEP_LOCK] = "lock mounts",
		[STEP_CONSOLE] = "console",
		[STEP_HOSTNAME] = "hostname",
		[STEP_SYSCTL] = "sysctl",
		[STEP_KEYRING] = "keyring",
		[STEP_GATE] = "gate",
		[STEP_STDIO] = "stdio",
		[STEP_RLIMITS] = "rlimits",
		[STEP_PRIVILEGES] = "privileges",
		[STEP_SECCOMP] = "seccomp",
		[STEP_CWD] = "workdir",
		[STEP_EXEC] = "exec",
		[STEP_ENTER] = "enter",
		[STEP_FORK] = "fork",
	};
	return step < START_STEPS ? names[step] : "?";
}

const char *start_state_name(enum start_state s)
{
	static const char *const names[START_STATES] = {
		[START_SPAWNED] = "spawned",
		[START_MAPPED] = "mapped",
		[START_ROOTED] = "rooted",
		[START_NETTED] = "netted",
		[START_MOUNTED] = "mounted",
		[START_LOCKED] = "locked",
		[START_CONSOLED] = "consoled",
		[START_READY] = "ready",
		[START_GOING] = "going",
		[START_RUNNING] = "running",
		[START_FAILED] = "failed",
	};
	return s < START_STATES ? names[s] : "?";
}
