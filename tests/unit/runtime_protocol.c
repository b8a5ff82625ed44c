#include "runtime/start_protocol.h"
#include "tests/unit/test.h"

/* The whole table, written out a second time: next state, or -1, for every state and message. */
TEST(every_pair)
{
	enum {
		NO = -1,
		BAD = START_FAILED
	};
	static const int want[START_STATES][START_KINDS] = {
		/* 0, ROOT, CONSOLE, READY, GO, EOF, FAIL, PROCESS, MOUNTED, LOCKED, IDS, NETNS */
		[START_SPAWNED] = {NO, NO, NO, NO, NO, BAD, BAD, NO, NO, NO, START_MAPPED, NO},
		[START_MAPPED] = {NO, START_ROOTED, NO, NO, NO, BAD, BAD, NO, NO, NO, NO, NO},
		[START_ROOTED] = {NO, NO, START_CONSOLED, START_READY, NO, BAD, BAD, NO,
			START_MOUNTED, NO, NO, START_NETTED},
		[START_NETTED] = {NO, NO, START_CONSOLED, START_READY, NO, BAD, BAD, NO,
			START_MOUNTED, NO, NO, NO},
		[START_MOUNTED] = {NO, NO, NO, NO, NO, BAD, BAD, NO, NO, START_LOCKED, NO, NO},
		[START_LOCKED] = {NO, NO, START_CONSOLED, START_READY, NO, BAD, BAD, NO, NO, NO, NO,
			NO},
		[START_CONSOLED] = {NO, NO, NO, START_READY, NO, BAD, BAD, NO, NO, NO, NO, NO},
		[START_READY] = {NO, NO, NO, NO, START_GOING, BAD, BAD, NO, NO, NO, NO, NO},
		[START_GOING] = {NO, NO, NO, NO, NO, START_RUNNING, BAD, NO, NO, NO, NO, NO},
		[START_RUNNING] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO},
		[START_FAILED] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO},
	};
	int legal = 0;
	for (int s = 0; s < START_STATES; s++)
		for (uint32_t k = 0; k < START_KINDS; k++) {
			CHECK_INT(start_next((enum start_state)s, k), want[s][k]);
			legal += want[s][k] >= 0;
		}
	CHECK_INT(legal, 32);
	CHECK_INT(start_next(START_SPAWNED, 1000), -1);
	CHECK_INT(start_next((enum start_state)99, START_MSG_ROOT), -1);
}

TEST(every_pair_of_exec)
{
	static const int want[EXEC_STATES][START_KINDS] = {
		/* 0, ROOT, CONSOLE, READY, GO, EOF, FAIL, PROCESS, MOUNTED, LOCKED, IDS, NETNS */
		[EXEC_SPAWNED] = {-1, -1, EXEC_HAS_CONSOLE, -1, -1, EXEC_FAILED, EXEC_FAILED,
			EXEC_HAS_PROCESS, -1, -1, -1, -1},
		[EXEC_HAS_PROCESS] = {-1, -1, EXEC_HAS_BOTH, -1, -1, EXEC_RUNNING, EXEC_FAILED, -1,
			-1, -1, -1, -1},
		[EXEC_HAS_CONSOLE] = {-1, -1, -1, -1, -1, EXEC_FAILED, EXEC_FAILED, EXEC_HAS_BOTH,
			-1, -1, -1, -1},
		[EXEC_HAS_BOTH] = {-1, -1, -1, -1, -1, EXEC_RUNNING, EXEC_FAILED, -1, -1, -1, -1,
			-1},
		[EXEC_RUNNING] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
		[EXEC_FAILED] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
	};
	for (int s = 0; s < EXEC_STATES; s++)
		for (uint32_t k = 0; k < START_KINDS; k++)
			CHECK_INT(exec_next((enum exec_state)s, k), want[s][k]);
}

TEST(every_name)
{
	for (uint32_t i = 0; i < START_STEPS; i++)
		for (uint32_t j = 0; j < i; j++)
			CHECK(strcmp(start_step_name(i), start_step_name(j)) != 0);
	CHECK_STR(start_step_name(START_STEPS), "?");
	CHECK_STR(start_state_name(START_GOING), "going");
}

TEST_MAIN()
