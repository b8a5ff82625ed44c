/* Errors as text and as JSON; small pure helpers of the verbs. */
#include "cli/assign.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/editor.h"
#include "cli/names.h"
#include "cli/report.h"
#include "base/mem.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/wait.h>

static const char *text_of(const char *zone, const struct err *e)
{
	static char out[2048];
	struct strbuf s = {0};
	report_add_text(&s, zone, e);
	(void)snprintf(out, sizeof out, "%s", s.buf ? s.buf : "");
	str_done(&s);
	return out;
}

static struct err failure(enum err_class cls, const char *step, const char *object, const char *msg)
{
	struct err e = {0};
	err_set(&e, cls, "%s", msg);
	if (step)
		err_at(&e, step, object);
	return e;
}

TEST(text)
{
	static const struct {
		const char *zone, *step, *object, *msg;
		enum err_class cls;
		const char *want;
	} rows[] = {
		{NULL, NULL, NULL, "no zone matches 'x*'", ERR_NOT_FOUND, "no zone matches 'x*'"},
		{"web", NULL, NULL, "no memory", ERR_FAILED, "zone 'web': no memory"},
		{"web", NULL, NULL, "no zone 'web'", ERR_NOT_FOUND, "no zone 'web'"},
		{"web", NULL, NULL, "start zone 'web': it is so", ERR_FAILED,
			"start zone 'web': it is so"},
		{"web", "mounts", "/proc", "mount: Permission denied", ERR_DENIED,
			"zone 'web': step mounts: /proc: mount: Permission denied"},
		{"web", "mounts", "/proc", "start zone 'web': /proc: Permission denied", ERR_DENIED,
			"start zone 'web': step mounts: /proc: Permission denied"},
		/* The step is in the message already. */
		{"web", "exec", "/sbin/init", "start zone 'web': step exec: /sbin/init: Bad",
			ERR_FAILED, "start zone 'web': step exec: /sbin/init: Bad"},
		/* A pointer into a spec is part of its message. */
		{"web", "spec", "/name", "f.json:1:2: /name: bad", ERR_USAGE,
			"zone 'web': f.json:1:2: /name: bad"},
		{NULL, NULL, NULL, "a\033[2Jb", ERR_FAILED, "a\\x1b[2Jb"},
		{"a\033[2Jb", NULL, NULL, "no", ERR_FAILED, "zone 'a\\x1b[2Jb': no"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = failure(rows[i].cls, rows[i].step, rows[i].object, rows[i].msg);
		CHECK_STR(text_of(rows[i].zone, &e), rows[i].want);
	}
}

TEST(json)
{
	struct err e = {0};
	err_sys(&e, ENOENT, "open '/x'");
	err_at(&e, "mounts", "/x");
	err_hint(&e, "make it");
	json_t *o = report_to_json("web", &e), *in = json_object_get(o, "error");
	CHECK_STR(json_string_value(json_object_get(in, "code")), "failed");
	CHECK_INT(json_integer_value(json_object_get(in, "exit")), 1);
	CHECK_STR(json_string_value(json_object_get(in, "zone")), "web");
	CHECK_STR(json_string_value(json_object_get(in, "step")), "mounts");
	CHECK_STR(json_string_value(json_object_get(in, "object")), "/x");
	CHECK_STR(json_string_value(json_object_get(in, "errno")), "ENOENT");
	CHECK_STR(json_string_value(json_object_get(in, "hint")), "make it");
	CHECK_STR(json_string_value(json_object_get(in, "message")),
		"open '/x': No such file or directory");
	json_decref(o);

	/* All members are always there. */
	err_set(&e, ERR_FAILED, "\xff");
	o = report_to_json(NULL, &e);
	in = json_object_get(o, "error");
	CHECK_INT(json_object_size(in), 8);
	CHECK(json_is_null(json_object_get(in, "zone")));
	CHECK_STR(json_string_value(json_object_get(in, "message")), "\\xff");
	json_decref(o);
}

TEST(confirm)
{
	static const char *const yes[] = {"y\n", "Y\n", "yes\n", "YES\r\n", "y"};
	static const char *const no[] = {"", "\n", "n\n", "yess\n", " y\n", "yes please do it\n"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		CHECK(confirm_is_yes(yes[i]));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		CHECK(!confirm_is_yes(no[i]));
}

TEST(editor_words)
{
	char *words[EDITOR_WORDS], path[] = "/tmp/x";
	char one[] = "vi", two[] = "  code   --wait ", none[] = "  ";
	char many[] = "a a a a a a a a a a a a a a a a a";
	CHECK_INT(editor_split(one, path, words), 2);
	CHECK_STR(words[0], "vi");
	CHECK_STR(words[1], "/tmp/x");
	CHECK(words[2] == NULL);
	CHECK_INT(editor_split(two, path, words), 3);
	CHECK_STR(words[1], "--wait");
	CHECK_INT(editor_split(none, path, words), -1);
	CHECK_INT(editor_split(many, path, words), -1);
}

TEST(assignments)
{
	struct assign a = {0};
	struct err e = {0};
	const char *items[] = {"A=", "B=\"x\"=1", NULL};
	struct opt_list list = {items, 2};
	CHECK_INT(assign_add(&a, "x.y=1", &e), 0);
	CHECK_INT(assign_add_pairs(&a, "--env", "init.env", &list, &e), 0);
	CHECK_STR(a.items[0], "x.y=1");
	CHECK_STR(a.items[1], "init.env.A=\"\"");
	CHECK_STR(a.items[2], "init.env.B=\"\\\"x\\\"=1\"");
	CHECK(a.items[3] == NULL);
	items[0] = "=x";
	CHECK_INT(assign_add_pairs(&a, "--env", "init.env", &list, &e), -1);
	CHECK_STR(e.msg, "option '--env': '=x' is not KEY=VALUE");
	CHECK_INT(assign_add_text(&a, "k", "\xff", &e), -1);
	CHECK_INT(e.cls, ERR_USAGE);
	assign_done(&a);
}

TEST(codes)
{
	CHECK_INT(command_code(CLD_EXITED, 3), 3);
	CHECK_INT(command_code(CLD_KILLED, 9), 137);
	CHECK_INT(command_code(CLD_DUMPED, 11), 139);
	CHECK(names_is_glob("web*"));
	CHECK(names_is_glob("w?b"));
	CHECK(names_is_glob("[ab]"));
	CHECK(!names_is_glob("web-1.x_y"));
}

TEST_MAIN()
