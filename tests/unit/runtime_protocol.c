#include "runtime/start_protocol.h"
#include "tests/unit/test.h"

/* The whole table, written out a second time: next state, or -1, for every state and message. */
TEST(every_pair)
{
	static const int want[START_STATES][START_KINDS] = {
		/*                 0   ROOT          CONSOLE         READY        GO           EOF
		   FAIL */
		[START_SPAWNED] = {-1, START_MAPPED, -1, -1, -1, START_FAILED, START_FAILED, -1},
		[START_MAPPED] = {-1, -1, START_CONSOLED, START_READY, -1, START_FAILED,
			START_FAILED, -1},
		[START_CONSOLED] = {-1, -1, -1, START_READY, -1, START_FAILED, START_FAILED, -1},
		[START_READY] = {-1, -1, -1, -1, START_GOING, START_FAILED, START_FAILED, -1},
		[START_GOING] = {-1, -1, -1, -1, -1, START_RUNNING, START_FAILED, -1},
		[START_RUNNING] = {-1, -1, -1, -1, -1, -1, -1, -1},
		[START_FAILED] = {-1, -1, -1, -1, -1, -1, -1, -1},
	};
	int legal = 0;
	for (int s = 0; s < START_STATES; s++)
		for (uint32_t k = 0; k < START_KINDS; k++) {
			CHECK_INT(start_next((enum start_state)s, k), want[s][k]);
			legal += want[s][k] >= 0;
		}
	CHECK_INT(legal, 15);
	CHECK_INT(start_next(START_SPAWNED, 1000), -1);
	CHECK_INT(start_next((enum start_state)99, START_MSG_ROOT), -1);
}

TEST(every_pair_of_exec)
{
	static const int want[EXEC_STATES][START_KINDS] = {
		/*                  0   ROOT CONSOLE           READY GO  EOF          FAIL PROCESS
		 */
		[EXEC_SPAWNED] = {-1, -1, EXEC_HAS_CONSOLE, -1, -1, EXEC_FAILED, EXEC_FAILED,
			EXEC_HAS_PROCESS},
		[EXEC_HAS_PROCESS] = {-1, -1, EXEC_HAS_BOTH, -1, -1, EXEC_RUNNING, EXEC_FAILED, -1},
		[EXEC_HAS_CONSOLE] = {-1, -1, -1, -1, -1, EXEC_FAILED, EXEC_FAILED, EXEC_HAS_BOTH},
		[EXEC_HAS_BOTH] = {-1, -1, -1, -1, -1, EXEC_RUNNING, EXEC_FAILED, -1},
		[EXEC_RUNNING] = {-1, -1, -1, -1, -1, -1, -1, -1},
		[EXEC_FAILED] = {-1, -1, -1, -1, -1, -1, -1, -1},
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
