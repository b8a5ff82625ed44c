/* fuzz_oci.c: any bytes as one of the JSON documents of an image; the first byte says which. What
 * is refused says so as a failure that is safe on a terminal; what is taken keeps what its header
 * promises. */
#include "base/str.h"
#include "runtime/oci_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_error(const struct err *e)
{
	check(e->cls == ERR_FAILED && e->msg[0]);
	check(str_is_printable(e->msg, strlen(e->msg)));
}

static void check_hex(const char *hex)
{
	check(strlen(hex) == OCI_HEX_SIZE - 1 &&
		strspn(hex, "0123456789abcdef") == OCI_HEX_SIZE - 1);
}

static void check_descriptors(const struct oci_descriptors *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct oci_descriptor *one = &d->items[i];
		check_hex(one->hex);
		check(one->media_type && one->media_type[0] && one->ref_name && one->full_name &&
			one->os && one->arch && one->variant);
	}
}

static int index_of(const char *text, size_t len, struct err *e)
{
	struct oci_descriptors d = {0};
	int r = oci_index_parse(text, len, NULL, &d, e);
	check_descriptors(&d);
	oci_descriptors_done(&d);
	return r;
}

static int manifest_of(const char *text, size_t len, struct err *e)
{
	struct oci_manifest m = {0};
	int r = oci_manifest_parse(text, len, "application/vnd.oci.image.manifest.v1+json", &m, e);
	check_descriptors(&m.config);
	check_descriptors(&m.layers);
	check(r < 0 || (m.config.n == 1 && m.layers.n >= 1 && m.layers.n <= OCI_LAYERS_MAX));
	for (size_t i = 0; i < m.layers.n; i++)
		check(oci_media_is_layer(m.layers.items[i].media));
	oci_manifest_done(&m);
	return r;
}

static int config_of(const char *text, size_t len, struct err *e)
{
	struct oci_config c = {0};
	int r = oci_config_parse(text, len, &c, e);
	check(r < 0 || (c.os[0] && c.arch[0] && c.variant && c.diff_ids.n <= OCI_LAYERS_MAX));
	for (size_t i = 0; i < c.diff_ids.n; i++)
		check_hex(c.diff_ids.items[i]);
	for (size_t i = 0; i < c.config.env.n; i++)
		check(c.config.env.items[i].key[0] && !strchr(c.config.env.items[i].key, '='));
	oci_config_done(&c);
	return r;
}

static int saved_of(const char *text, size_t len, struct err *e)
{
	struct oci_saved_list l = {0};
	int r = oci_saved_parse(text, len, &l, e);
	check(r < 0 || l.n);
	for (size_t i = 0; i < l.n; i++)
		for (size_t n = 0; n < l.items[i].layers.n; n++) {
			const char *path = l.items[i].layers.items[n];
			check(path[0] && path[0] != '/' && strcmp(path, "..") != 0 &&
				!str_starts(path, "../") && !strstr(path, "/../") &&
				!str_ends(path, "/.."));
		}
	oci_saved_done(&l);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {0};
	if (!size)
		return 0;
	const char *text = (const char *)data + 1;
	size_t len = size - 1;
	int r = data[0] == 'i'	 ? index_of(text, len, &e)
		: data[0] == 'm' ? manifest_of(text, len, &e)
		: data[0] == 'c' ? config_of(text, len, &e)
		: data[0] == 's' ? saved_of(text, len, &e)
				 : oci_layout_parse(text, len, &e);
	if (r < 0)
		check_error(&e);
	else
		check(e.cls == ERR_NONE);
	return 0;
}
