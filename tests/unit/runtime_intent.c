/* The recovery decisions, for every combination, and the note itself against damage. */
#include "runtime/intent.h"
#include "base/fd.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir_name[64];

static int make_dir(void)
{
	snprintf(dir_name, sizeof dir_name, "/tmp/cella-intent-XXXXXX");
	if (!mkdtemp(dir_name))
		return -1;
	return open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void drop_dir(int fd)
{
	unlinkat(fd, "intent.json", 0);
	unlinkat(fd, "intent.json", AT_REMOVEDIR);
	close(fd);
	rmdir(dir_name);
}

static void put(int dir, const char *text)
{
	int fd = openat(dir, "intent.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
	close(fd);
}

TEST(move_decision)
{
	/* steps 2 to 5 of intent.h: the record does not have the layer yet */
	CHECK_INT(intent_move_recovery(false, false), MOVE_UNDO);
	CHECK_INT(intent_move_recovery(false, true), MOVE_UNDO);
	/* from 6 on */
	CHECK_INT(intent_move_recovery(true, true), MOVE_FINISH);
	CHECK_INT(intent_move_recovery(true, false), MOVE_DAMAGED);
}

TEST(rename_decision)
{
	struct intent in = {.verb = INTENT_RENAME, .other = "old", .target = "new"};
	CHECK_INT(intent_rename_recovery(&in, "old"), RENAME_UNDO);
	CHECK_INT(intent_rename_recovery(&in, "new"), RENAME_FINISH);
	CHECK_INT(intent_rename_recovery(&in, "third"), RENAME_STALE);
}

TEST(write_read_clear)
{
	int dir = make_dir();
	struct err e = {0};
	struct intent in = {.verb = INTENT_CLONE, .other = "web2"}, got;
	CHECK(dir >= 0);
	CHECK_INT(intent_read(dir, &got, &e), 0);
	CHECK_INT(got.verb, INTENT_NONE);
	memset(in.new_uuid, 'a', UUID_LEN);
	strcpy(in.layer, "d-0123456789abcdef0123456789abcdef");
	CHECK_INT(intent_write(dir, &in, &e), 0);
	CHECK_INT(intent_read(dir, &got, &e), 0);
	CHECK_INT(got.verb, INTENT_CLONE);
	CHECK_STR(got.layer, in.layer);
	CHECK_STR(got.new_uuid, in.new_uuid);
	CHECK_STR(got.other, "web2");
	in = (struct intent){.verb = INTENT_RENAME, .other = "a", .target = "b"};
	CHECK_INT(intent_write(dir, &in, &e), 0);
	CHECK_INT(intent_read(dir, &got, &e), 0);
	CHECK_INT(got.verb, INTENT_RENAME);
	CHECK_STR(got.other, "a");
	CHECK_STR(got.target, "b");
	for (int verb = INTENT_SNAPSHOT; verb <= INTENT_DISCARD; verb++) {
		in = (struct intent){.verb = (enum intent_verb)verb,
			.other = "before",
			.layer = "d-0123456789abcdef0123456789abcdef",
			.is_copy = true};
		CHECK_INT(intent_write(dir, &in, &e), 0);
		CHECK_INT(intent_read(dir, &got, &e), 0);
		CHECK_INT(got.verb, verb);
		if (verb == INTENT_SNAPSHOT || verb == INTENT_UNDO)
			CHECK_STR(got.layer, in.layer);
		if (verb == INTENT_SNAPSHOT || verb == INTENT_RESTORE || verb == INTENT_DELETE)
			CHECK_STR(got.other, "before");
		CHECK(got.is_copy == (verb == INTENT_SNAPSHOT));
	}
	in = (struct intent){.verb = INTENT_PUBLISH, .layer = "d-0123456789abcdef0123456789abcdef"};
	memset(in.new_uuid, 'b', UUID_LEN);
	CHECK_INT(intent_write(dir, &in, &e), 0);
	CHECK_INT(intent_read(dir, &got, &e), 0);
	CHECK_INT(got.verb, INTENT_PUBLISH);
	CHECK_STR(got.layer, in.layer);
	CHECK_STR(got.new_uuid, in.new_uuid);
	/* only a snapshot may have made no layer */
	in = (struct intent){.verb = INTENT_SNAPSHOT, .other = "before"};
	CHECK_INT(intent_write(dir, &in, &e), 0);
	CHECK_INT(intent_read(dir, &got, &e), 0);
	CHECK_STR(got.layer, "");
	in.verb = INTENT_UNDO;
	CHECK_INT(intent_write(dir, &in, &e), 0);
	CHECK_INT(intent_read(dir, &got, &e), -1);
	CHECK_INT(intent_clear(dir, &e), 0);
	CHECK_INT(intent_clear(dir, &e), 0);
	CHECK_INT(intent_read(dir, &got, &e), 0);
	CHECK_INT(got.verb, INTENT_NONE);
	drop_dir(dir);
}

TEST(damage_is_an_error)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"verb\":\"steal\"}",
		"{\"verb\":\"none\"}",
		"{\"verb\":\"restore\",\"name\":\"../x\"}",
		"{\"verb\":\"snapshot\",\"name\":\"x\",\"layer\":\"../x\"}",
		"{\"verb\":\"rename\",\"from\":\"a\"}",
		"{\"verb\":\"rename\",\"from\":\"a\",\"to\":\"../b\"}",
		"{\"verb\":\"rename\",\"from\":\"a\",\"to\":\"\"}",
		"{\"verb\":\"clone\",\"layer\":\"../../etc\",\"new\":\"b\","
		"\"new_uuid\":\"00000000000000000000000000000000\"}",
		"{\"verb\":\"clone\",\"layer\":\"d-0123456789abcdef0123456789abcdef\","
		"\"new\":\"b\",\"new_uuid\":\"../0000000000000000000000000000\"}",
		"{\"verb\":\"clone\",\"layer\":\"d-0123456789abcdef0123456789abcdef\","
		"\"new\":\"B\",\"new_uuid\":\"00000000000000000000000000000000\"}",
	};
	int dir = make_dir();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = {0};
		struct intent got = {.verb = INTENT_RENAME};
		put(dir, bad[i]);
		if (intent_read(dir, &got, &e) == 0)
			printf("# accepted: %s\n", bad[i]);
		CHECK_INT(e.cls, ERR_FAILED);
		CHECK_INT(got.verb, INTENT_RENAME); /* untouched */
	}
	unlinkat(dir, "intent.json", 0);
	CHECK_INT(mkdirat(dir, "intent.json", 0700), 0);
	struct err e = {0};
	struct intent got;
	CHECK_INT(intent_read(dir, &got, &e), -1);
	drop_dir(dir);
}

TEST_MAIN()
