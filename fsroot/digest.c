#include "fsroot/digest.h"

#include <dlfcn.h>
#include <stdio.h>

#include "base/mem.h"

static struct {
	__typeof__(nettle_sha256_init) *init;
	__typeof__(nettle_sha256_update) *update;
	__typeof__(nettle_sha256_digest) *digest;
} nettle;

int digest_load(struct err *e)
{
	if (nettle.digest)
		return 0;
	void *so = dlopen(CELLA_NETTLE_SONAME, RTLD_NOW | RTLD_LOCAL);
	if (!so) {
		const char *why = dlerror();
		err_set(e, ERR_HOST, "cannot load libnettle: %s", why ? why : CELLA_NETTLE_SONAME);
		return err_hint(e, "install the package that has " CELLA_NETTLE_SONAME);
	}
	struct {
		const char *name;
		void **at;
	} const symbols[] = {
		{"nettle_sha256_init", (void **)&nettle.init},
		{"nettle_sha256_update", (void **)&nettle.update},
		{"nettle_sha256_digest", (void **)&nettle.digest},
	};
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
		if (!(*symbols[i].at = dlsym(so, symbols[i].name)))
			return err_set(e, ERR_HOST, "%s has no function %s", CELLA_NETTLE_SONAME,
				symbols[i].name);
	return 0;
}

void digest_init(struct sha256_ctx *ctx)
{
	nettle.init(ctx);
}

void digest_add(struct sha256_ctx *ctx, const void *bytes, size_t n)
{
	nettle.update(ctx, n, bytes);
}

void digest_hex(struct sha256_ctx *ctx, char out[DIGEST_SIZE])
{
	uint8_t bytes[SHA256_DIGEST_SIZE];
	nettle.digest(ctx, sizeof bytes, bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}
