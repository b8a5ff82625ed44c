/* default_image.h: the image that `cella create` uses when none is named: Debian's busybox-static
 * as a small system with init, a shell, udhcpc and httpd. A gzipped tar made at build time. */
#pragma once
#include <stddef.h>

extern const unsigned char default_image_data[];
extern const size_t default_image_size; /* bytes */
