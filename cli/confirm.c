#include "cli/confirm.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool confirm_is_yes(const char *answer)
{
	char word[8] = "";
	size_t n = strcspn(answer, "\r\n");
	if (n >= sizeof word)
		return false;
	memcpy(word, answer, n);
	return !strcasecmp(word, "y") || !strcasecmp(word, "yes");
}

int confirm(const char *question, struct err *e)
{
	char answer[64] = "";
	autostr struct strbuf s = {0};
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		err_set(e, ERR_USAGE,
			"refusing to %s without --force: there is no terminal to ask on", question);
		return -1;
	}
	str_add_escaped(&s, question, 1024);
	(void)fprintf(stderr, "%s? [y/N] ", s.buf ? s.buf : "");
	(void)fflush(stderr);
	if (fgets(answer, sizeof answer, stdin) && confirm_is_yes(answer))
		return 0;
	return err_set(e, ERR_FAILED, "nothing was done");
}
