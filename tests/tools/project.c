/* project: try to take files out of their project quota, as a zone's root would.
 *
 *     project ID PATH...    FS_IOC_FSSETXATTR with that project and without inheritance
 *
 * A line for each PATH: "PATH: ERRNO" or "PATH: changed". Static, so that it runs in any zone. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		struct fsxattr x;
		memset(&x, 0, sizeof x);
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &x) < 0) {
			printf("%s: cannot be read: %s\n", argv[i], strerrorname_np(errno));
		} else {
			x.fsx_projid = (unsigned)strtoul(argv[1], NULL, 10);
			x.fsx_xflags &= ~(unsigned)FS_XFLAG_PROJINHERIT;
			bool bad = ioctl(fd, FS_IOC_FSSETXATTR, &x) < 0;
			printf("%s: %s\n", argv[i], bad ? strerrorname_np(errno) : "changed");
		}
		if (fd >= 0)
			close(fd);
	}
	return 0;
}
