#include "runtime/oci_pick.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>
#include <sys/utsname.h>

enum {
	LIST_SHOWN = 300,
	NAME_SHOWN = 80
};

const char *oci_host_arch(void)
{
	static const char *const names[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"},
		{"armv7l", "arm"}, {"armv6l", "arm"}, {"armv8l", "arm"}, {"i686", "386"},
		{"i586", "386"}, {"loongarch64", "loong64"}};
	static struct utsname u;
	if (!u.machine[0] && uname(&u) < 0)
		return "";
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(u.machine, names[i][0]))
			return names[i][1];
	return u.machine;
}

static bool is_image(const struct oci_descriptor *d)
{
	/* What buildx adds about how an image was built has the platform unknown/unknown. */
	return (d->media == OCI_MEDIA_INDEX || d->media == OCI_MEDIA_MANIFEST) &&
	       strcmp(d->os, "unknown") != 0;
}

static bool is_named(const struct oci_descriptor *d, const char *ref)
{
	return !ref || !strcmp(d->ref_name, ref) || (*d->full_name && !strcmp(d->full_name, ref));
}

/* Smaller is better; -1 not at all. */
static int fit(const struct oci_descriptor *d)
{
	if ((*d->os && strcmp(d->os, "linux") != 0) ||
		(*d->arch && strcmp(d->arch, oci_host_arch()) != 0))
		return -1;
	if (!*d->variant || !strcmp(d->variant, "v8") || !strcmp(d->variant, "v1"))
		return 0;
	return 1;
}

static void add_name(struct strbuf *list, const char *name)
{
	if (list->len > LIST_SHOWN)
		return;
	str_add(list, list->len ? ", " : "");
	str_add_escaped(list, list->len > LIST_SHOWN - NAME_SHOWN ? "..." : name, NAME_SHOWN);
}

static void add_descriptor(struct strbuf *list, const struct oci_descriptor *d, bool by_platform)
{
	autostr struct strbuf name = {0};
	if (by_platform || (!*d->ref_name && !*d->full_name))
		str_addf(&name, "%s/%s%s%s", *d->os ? d->os : "?", *d->arch ? d->arch : "?",
			*d->variant ? "/" : "", d->variant);
	else
		str_add(&name, *d->ref_name ? d->ref_name : d->full_name);
	add_name(list, name.buf ? name.buf : "");
}

/* The names of those that might be meant, in a hint. */
static void hint_names(const struct oci_descriptors *d, bool by_platform, struct err *e)
{
	autostr struct strbuf list = {0};
	for (size_t i = 0; i < d->n; i++)
		if (is_image(&d->items[i]))
			add_descriptor(&list, &d->items[i], by_platform);
	err_hint(e, "it has %s", list.buf ? list.buf : "none");
}

static int none_there(const struct oci_descriptors *d, const char *ref, struct err *e)
{
	char shown[300];
	size_t images = 0;
	for (size_t i = 0; i < d->n; i++)
		images += is_image(&d->items[i]);
	if (!d->n)
		return err_set(e, ERR_FAILED, "its index is empty");
	if (!images)
		return err_set(e, ERR_FAILED,
			"there is no image in it: 'manifests[0]' is of the kind '%s'",
			str_escape(shown, sizeof shown, d->items[0].media_type));
	err_set(e, ERR_NOT_FOUND, "there is no image '%s' in it",
		str_escape(shown, sizeof shown, ref));
	hint_names(d, false, e);
	return -1;
}

int oci_pick(const struct oci_descriptors *d, const char *ref, const struct oci_descriptor **ret,
	struct err *e)
{
	const struct oci_descriptor *best = NULL;
	bool several = false, named = false;
	for (size_t i = 0; i < d->n; i++) {
		const struct oci_descriptor *one = &d->items[i];
		if (!is_image(one) || !is_named(one, ref))
			continue;
		named = true;
		if (fit(one) < 0)
			continue;
		if (!best || fit(one) < fit(best)) {
			best = one;
			several = false;
		} else if (fit(one) == fit(best) && strcmp(one->hex, best->hex) != 0) {
			several = true;
		}
	}
	if (!named)
		return none_there(d, ref, e);
	if (!best) {
		err_set(e, ERR_HOST, "there is no image for linux/%s in it", oci_host_arch());
		hint_names(d, true, e);
		return -1;
	}
	if (several) {
		err_set(e, ERR_USAGE, "there are several images in it: choose one with --ref");
		hint_names(d, false, e);
		return -1;
	}
	*ret = best;
	return 0;
}

static bool is_tag(const char *tag, const char *ref)
{
	size_t n = strlen(ref);
	return !strcmp(tag, ref) || (!strncmp(tag, ref, n) && !strcmp(tag + n, ":latest"));
}

/* As with docker: "alpine" is "alpine:latest", and "docker.io/library/alpine:latest". 2 is better
 * than 1. */
static int match_saved(const struct oci_saved *s, const char *ref)
{
	int best = 0;
	for (size_t i = 0; i < s->tags.n && best < 2; i++) {
		const char *tag = s->tags.items[i];
		if (is_tag(tag, ref))
			best = 2;
		for (; (tag = strchr(tag, '/')) && !best; tag++)
			best = is_tag(tag + 1, ref);
	}
	return best;
}

int oci_pick_saved(const struct oci_saved_list *l, const char *ref, const struct oci_saved **ret,
	struct err *e)
{
	char shown[300];
	autostr struct strbuf list = {0};
	int best = 0;
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		int match = ref ? match_saved(&l->items[i], ref) : 1;
		if (!match || match < best)
			continue;
		n = match > best ? 1 : n + 1;
		best = match;
		*ret = &l->items[i];
	}
	if (n == 1)
		return 0;
	for (size_t i = 0; i < l->n; i++)
		add_name(&list,
			l->items[i].tags.n ? l->items[i].tags.items[0] : "one without a name");
	if (!n)
		err_set(e, ERR_NOT_FOUND, "there is no image '%s' in it",
			str_escape(shown, sizeof shown, ref));
	else
		err_set(e, ERR_USAGE, "there are several images in it: choose one with --ref");
	return err_hint(e, "it has %s", list.buf ? list.buf : "none");
}
