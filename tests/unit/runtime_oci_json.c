/* The JSON of images (S43, S45, B25): what is taken out of good documents, what is refused and how,
 * and that no document whatever ends in anything but an answer. */
#include "base/mem.h"
#include "base/str.h"
#include "runtime/oci_json.h"
#include "test.h"

#include <ctype.h>
#include <jansson.h>

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define MANIFEST OCI "manifest.v1+json"
#define INDEX OCI "index.v1+json"

static struct err err;

/* ---- good ones ---- */

static const char good_layout[] = "{\"imageLayoutVersion\": \"1.0.0\"}";
static const char good_index[] =
	"{\"schemaVersion\": 2, \"mediaType\": \"" INDEX "\", \"manifests\": ["
	"{\"mediaType\": \"" MANIFEST "\", \"digest\": \"sha256:" HEX_A "\", \"size\": 7,"
	" \"annotations\": {\"org.opencontainers.image.ref.name\": \"latest\","
	" \"io.containerd.image.name\": \"docker.io/library/a:latest\", \"other\": \"x\"},"
	" \"platform\": {\"os\": \"linux\", \"architecture\": \"arm\", \"variant\": \"v7\"}},"
	"{\"mediaType\": \"" DOCKER "distribution.manifest.list.v2+json\","
	" \"digest\": \"sha256:" HEX_B "\", \"size\": 0}],"
	" \"annotations\": {\"a\": \"b\"}}";
static const char good_manifest[] =
	"{\"schemaVersion\": 2, \"mediaType\": \"" MANIFEST "\","
	" \"config\": {\"mediaType\": \"" OCI "config.v1+json\", \"digest\": \"sha256:" HEX_A
	"\", \"size\": 12},"
	" \"layers\": [{\"mediaType\": \"" OCI "layer.v1.tar+gzip\", \"digest\": \"sha256:" HEX_B
	"\", \"size\": 9007199254740993, \"urls\": [\"https://example.org\"]},"
	" {\"mediaType\": \"" DOCKER "image.rootfs.diff.tar.gzip\", \"digest\": \"sha256:" HEX_A
	"\", \"size\": 1}], \"annotations\": {}}";
static const char good_config[] =
	"{\"architecture\": \"amd64\", \"os\": \"linux\", \"variant\": \"\", \"author\": \"x\","
	" \"created\": \"2026-01-01T00:00:00Z\","
	" \"config\": {\"User\": \"www:www\", \"ExposedPorts\": {\"80/tcp\": {}, \"53/udp\": null},"
	" \"Env\": [\"PATH=/bin\", \"A=b=c\", \"E=\", \"A=again\"], \"Entrypoint\": [\"/run\", \"\"],"
	" \"Cmd\": [\"-d\"], \"WorkingDir\": \"/srv\", \"Labels\": {\"k\": \"v\", \"K\": \"\"},"
	" \"StopSignal\": \"SIGQUIT\", \"Volumes\": {\"/data\": {}}, \"OnBuild\": null},"
	" \"rootfs\": {\"type\": \"layers\", \"diff_ids\": [\"sha256:" HEX_A "\", \"sha256:" HEX_B
	"\"]}, \"history\": [{\"created_by\": \"x\", \"empty_layer\": true}]}";
static const char good_saved[] =
	"[{\"Config\": \"" HEX_A ".json\", \"RepoTags\": [\"a:1\", \"a:2\"],"
	" \"Layers\": [\"x/layer.tar\", \"./y..z.tar\"], \"Parent\": \"\"},"
	" {\"Config\": \"blobs/sha256/" HEX_B "\", \"RepoTags\": null, \"Layers\": [\"q\"]}]";

enum doc {
	DOC_LAYOUT,
	DOC_INDEX,
	DOC_MANIFEST,
	DOC_CONFIG,
	DOC_SAVED,
	DOCS
};
static const char *const good[DOCS] = {
	good_layout, good_index, good_manifest, good_config, good_saved};

static int parse(enum doc doc, const char *text, size_t len)
{
	struct oci_descriptors index = {0};
	struct oci_manifest manifest = {0};
	struct oci_config config = {0};
	struct oci_saved_list saved = {0};
	/* A copy with nothing behind it, so that a sanitizer sees a step too far. */
	autofree char *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	err = (struct err){0};
	int r = doc == DOC_LAYOUT     ? oci_layout_parse(copy, len, &err)
		: doc == DOC_INDEX    ? oci_index_parse(copy, len, INDEX, &index, &err)
		: doc == DOC_MANIFEST ? oci_manifest_parse(copy, len, MANIFEST, &manifest, &err)
		: doc == DOC_CONFIG   ? oci_config_parse(copy, len, &config, &err)
				      : oci_saved_parse(copy, len, &saved, &err);
	oci_descriptors_done(&index);
	oci_manifest_done(&manifest);
	oci_config_done(&config);
	oci_saved_done(&saved);
	bool sane = r == 0 ? !err.cls
			   : r == -1 && err.cls == ERR_FAILED && err.msg[0] &&
				     str_is_printable(err.msg, strlen(err.msg));
	if (!sane)
		printf("# %d class %d '%s' of %.*s\n", r, err.cls, err.msg, (int)len, text);
	CHECK(sane);
	return r;
}

TEST(digests)
{
	static const char *const bad[] = {"", ":", "sha256", "sha256:", HEX_A, ":" HEX_A,
		"sha256:" HEX_A "a", "sha256:../../x", "sha256:/etc/passwd", "SHA256:" HEX_A,
		"sha256: " HEX_A, "sha256:sha256:" HEX_A, "sha512:" HEX_A HEX_A, "sha384:x",
		"sha256+b64:x", "blake3:" HEX_A, " sha256:" HEX_A, "sha256:" HEX_A "\n",
		"sha256:AAAAAAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"sha256:gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg",
		"sha256:../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	char hex[OCI_HEX_SIZE] = "untouched";
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err = (struct err){0};
		CHECK_INT(oci_digest_parse(bad[i], hex, &err), -1);
		CHECK_INT(err.cls, ERR_FAILED);
		CHECK_STR(hex, "untouched");
	}
	CHECK_INT(oci_digest_parse("sha512:" HEX_A HEX_A, hex, &err), -1);
	CHECK(strstr(err.msg, "sha512") && strstr(err.msg, "only sha256"));
	CHECK_INT(oci_digest_parse("sha256:" HEX_B, hex, &err), 0);
	CHECK_STR(hex, HEX_B);
}

TEST(an_index)
{
	struct oci_descriptors d = {0};
	CHECK_INT(oci_index_parse(good_index, strlen(good_index), NULL, &d, &err), 0);
	CHECK_INT(d.n, 2);
	CHECK_INT(d.items[0].media, OCI_MEDIA_MANIFEST);
	CHECK_STR(d.items[0].hex, HEX_A);
	CHECK_INT(d.items[0].size, 7);
	CHECK_STR(d.items[0].ref_name, "latest");
	CHECK_STR(d.items[0].full_name, "docker.io/library/a:latest");
	CHECK_STR(d.items[0].arch, "arm");
	CHECK_STR(d.items[0].variant, "v7");
	CHECK_INT(d.items[1].media, OCI_MEDIA_INDEX);
	CHECK_STR(d.items[1].ref_name, "");
	CHECK_STR(d.items[1].os, "");
	oci_descriptors_done(&d);
}

TEST(a_manifest)
{
	struct oci_manifest m = {0};
	CHECK_INT(oci_manifest_parse(good_manifest, strlen(good_manifest), MANIFEST, &m, &err), 0);
	CHECK_STR(m.config.items[0].hex, HEX_A);
	CHECK_INT(m.layers.n, 2);
	CHECK_INT(m.layers.items[0].media, OCI_MEDIA_TAR_GZIP);
	CHECK_INT(m.layers.items[0].size, INT64_C(9007199254740993));
	CHECK_INT(m.layers.items[1].media, OCI_MEDIA_TAR_GZIP);
	oci_manifest_done(&m);
}

TEST(a_config)
{
	struct oci_config c = {0};
	CHECK_INT(oci_config_parse(good_config, strlen(good_config), &c, &err), 0);
	CHECK_STR(c.arch, "amd64");
	CHECK_INT(c.diff_ids.n, 2);
	CHECK_STR(c.diff_ids.items[1], HEX_B);
	CHECK_INT(c.config.env.n, 3);
	CHECK_STR(c.config.env.items[1].key, "A");
	CHECK_STR(c.config.env.items[1].value, "again");
	CHECK_STR(c.config.env.items[2].value, "");
	CHECK_INT(c.config.entrypoint.n, 2);
	CHECK_STR(c.config.entrypoint.items[1], "");
	CHECK_STR(c.config.cmd.items[0], "-d");
	CHECK_STR(c.config.user, "www:www");
	CHECK_STR(c.config.workdir, "/srv");
	CHECK_STR(c.config.stop_signal, "SIGQUIT");
	CHECK_INT(c.config.exposed_ports.n, 2);
	CHECK_STR(c.config.exposed_ports.items[1], "53/udp");
	CHECK_INT(c.config.labels.n, 2);
	oci_config_done(&c);
	/* What Docker writes for nothing. */
	static const char bare[] =
		"{\"architecture\":\"a\",\"os\":\"linux\",\"config\":{\"Env\":null,\"Cmd\":null,"
		"\"Entrypoint\":null,\"Labels\":null,\"ExposedPorts\":null,\"Volumes\":null},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A "\"]}}";
	CHECK_INT(oci_config_parse(bare, strlen(bare), &c, &err), 0);
	CHECK_INT(c.config.env.n + c.config.cmd.n + c.config.labels.n, 0);
	CHECK_STR(c.config.user, "");
	oci_config_done(&c);
}

TEST(a_docker_archive)
{
	struct oci_saved_list l = {0};
	CHECK_INT(oci_saved_parse(good_saved, strlen(good_saved), &l, &err), 0);
	CHECK_INT(l.n, 2);
	CHECK_STR(l.items[0].config, HEX_A ".json");
	CHECK_STR(l.items[0].tags.items[1], "a:2");
	CHECK_STR(l.items[0].layers.items[0], "x/layer.tar");
	CHECK_INT(l.items[1].tags.n, 0);
	oci_saved_done(&l);
}

/* ---- bad ones: a place in a good one is replaced, and the message says this ---- */

struct bad {
	enum doc doc;
	const char *was, *is, *says;
};
static const struct bad bads[] = {
	{DOC_LAYOUT, "1.0.0", "2.0.0", "'2.0.0' of the image layout is not known"},
	{DOC_LAYOUT, "imageL", "ImageL", "only by its case"},
	{DOC_LAYOUT, "\"1.0.0\"", "1", "'imageLayoutVersion' must be a string"},
	{DOC_INDEX, "\"schemaVersion\": 2", "\"schemaVersion\": 1", "must be 2"},
	{DOC_INDEX, "\"schemaVersion\": 2", "\"schemaVersion\": \"2\"", "must be an integer"},
	{DOC_INDEX, "\"schemaVersion\": 2", "\"schemaVersion\": 2.0", "must be an integer"},
	{DOC_INDEX, "\"schemaVersion\": 2,", "", "'schemaVersion' is missing"},
	{DOC_INDEX, "\"manifests\"", "\"manifest\"", "'manifests' is missing"},
	{DOC_INDEX, "\"manifests\"", "\"layers\": [], \"manifests\"",
		"index and a manifest in one"},
	{DOC_INDEX, "\"manifests\"", "\"config\": {}, \"manifests\"",
		"index and a manifest in one"},
	{DOC_INDEX, "\"manifests\"", "\"config\": null, \"manifests\"", "a manifest in one"},
	{DOC_INDEX, "\"manifests\"", "\"Layers\": [], \"manifests\"", "only by its case"},
	{DOC_INDEX, "\"manifests\"", "\"layer\xc5\xbf\": [], \"manifests\"", "only by its case"},
	{DOC_INDEX, "\"manifests\"", "\"manifests\": [], \"manifests\"", "duplicate"},
	{DOC_INDEX, INDEX, MANIFEST, "'mediaType' says"},
	{DOC_INDEX, "\"size\": 7", "\"size\": -7", "'manifests[0].size' is negative"},
	{DOC_INDEX, "\"size\": 7", "\"size\": 18446744073709551616", "too big"},
	{DOC_INDEX, "sha256:" HEX_B, "sha256:../../x", "'manifests[1]': digest"},
	{DOC_INDEX, "sha256:" HEX_B, "sha512:" HEX_B, "only sha256"},
	{DOC_INDEX, "\"latest\"", "[]", "'manifests[0].org.opencontainers.image.ref.name' must"},
	{DOC_INDEX, "\"linux\"", "1", "'manifests[0].os' must be a string"},
	{DOC_INDEX, "\"latest\"", "\"late\\u0000st\"", "line 1"},
	{DOC_MANIFEST, "\"config\"", "\"manifests\": [], \"config\"", "a manifest in one"},
	{DOC_MANIFEST, "\"config\"", "\"Config\"", "only by its case"},
	{DOC_MANIFEST, "\"config\"", "\"Manifests\": [], \"config\"", "only by its case"},
	{DOC_MANIFEST, MANIFEST, INDEX, "'mediaType' says"},
	{DOC_MANIFEST, MANIFEST, DOCKER "distribution.manifest.v2+json", "'mediaType' says"},
	{DOC_MANIFEST, "\"layers\": [", "\"layers\": [], \"x\": [", "'layers' is empty"},
	{DOC_MANIFEST, OCI "layer.v1.tar+gzip", OCI "layer.nondistributable.v1.tar+gzip",
		"foreign layer"},
	{DOC_MANIFEST, OCI "layer.v1.tar+gzip", DOCKER "image.rootfs.foreign.diff.tar.gzip",
		"foreign layer"},
	{DOC_MANIFEST, OCI "layer.v1.tar+gzip", OCI "layer.v1.tar+gzip+encrypted", "is encrypted"},
	{DOC_MANIFEST, OCI "layer.v1.tar+gzip", OCI "layer.v1.tar+xz", "not known"},
	{DOC_MANIFEST, OCI "layer.v1.tar+gzip", "text/plain\\u001b[31m", "not known"},
	{DOC_MANIFEST, OCI "config.v1+json", "application/vnd.cncf.helm.config.v1+json",
		"no image of a root file system"},
	{DOC_MANIFEST, "\"size\": 1}", "\"size\": 1.5}", "'layers[1].size' must be an integer"},
	{DOC_MANIFEST, "\"size\": 12", "\"size\": null", "'config.size' is missing"},
	{DOC_CONFIG, "\"layers\"", "\"windows\"", "'rootfs.type' must be"},
	{DOC_CONFIG, "\"sha256:" HEX_B "\"", "7", "'rootfs.diff_ids[1]' must be a string"},
	{DOC_CONFIG, "sha256:" HEX_B, "md5:" HEX_B, "'rootfs.diff_ids[1]': digest"},
	{DOC_CONFIG, "\"E=\"", "\"=E\"", "'config.Env[2]' is not NAME=VALUE"},
	{DOC_CONFIG, "\"E=\"", "\"E\"", "'config.Env[2]' is not NAME=VALUE"},
	{DOC_CONFIG, "\"E=\"", "null", "'config.Env[2]' must be a string"},
	{DOC_CONFIG, "\"Cmd\": [\"-d\"]", "\"Cmd\": \"-d\"", "'config.Cmd' must be an array"},
	{DOC_CONFIG, "\"Cmd\"", "\"CMD\"", "only by its case"},
	{DOC_CONFIG, "\"v\"", "{}", "'config.Labels.k' must be a string"},
	{DOC_CONFIG, "\"www:www\"", "0", "'config.User' must be a string"},
	{DOC_CONFIG, "\"os\": \"linux\"", "\"os\": \"\"", "'os' is empty"},
	{DOC_CONFIG, "\"os\": \"linux\"", "\"os\": \"linux\", \"OS\": \"linux\"", "by its case"},
	{DOC_SAVED, "x/layer.tar", "/etc/shadow", "is no path within"},
	{DOC_SAVED, "x/layer.tar", "x/../../layer.tar", "is no path within"},
	{DOC_SAVED, "x/layer.tar", "", "is no path within"},
	{DOC_SAVED, HEX_A ".json", "../config", "'[0].Config' is no path within"},
	{DOC_SAVED, "\"Config\"", "\"config\"", "only by its case"},
	{DOC_SAVED, "[\"q\"]", "[]", "'[1].Layers' is empty"},
	{DOC_SAVED, "[\"q\"]", "{}", "'[1].Layers' must be an array"},
	{DOC_SAVED, "null", "[null]", "'[1].RepoTags[0]' must be a string"},
};

TEST(S43_what_is_refused_is_named)
{
	for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
		const struct bad *b = &bads[i];
		const char *text = good[b->doc], *at = strstr(text, b->was);
		autofree char *changed = at ? str_format("%.*s%s%s", (int)(at - text), text, b->is,
						      at + strlen(b->was))
					    : NULL;
		CHECK(changed);
		if (!changed)
			continue;
		CHECK_INT(parse(b->doc, changed, strlen(changed)), -1);
		if (!strstr(err.msg, b->says))
			printf("# %zu: '%s' should say '%s'\n", i, err.msg, b->says);
		CHECK(strstr(err.msg, b->says));
	}
}

/* "ITEM, ITEM, ..." instead of `was`; # is the number. */
static int parse_many(enum doc doc, const char *was, const char *item, size_t n)
{
	autostr struct strbuf s = {0};
	const char *at = strstr(good[doc], was);
	CHECK(at);
	str_addn(&s, good[doc], (size_t)(at - good[doc]));
	for (size_t i = 0; i < n; i++) {
		str_add(&s, i ? "," : "");
		for (const char *c = item; *c; c++)
			if (*c == '#')
				str_addf(&s, "%zu", i);
			else
				str_addn(&s, c, 1);
	}
	str_add(&s, at + strlen(was));
	return parse(doc, s.buf, s.len);
}

TEST(B25_lists_have_limits)
{
	CHECK_INT(parse_many(DOC_CONFIG, "\"sha256:" HEX_B "\"", "\"sha256:" HEX_B "\"", 127), 0);
	CHECK_INT(parse_many(DOC_CONFIG, "\"sha256:" HEX_B "\"", "\"sha256:" HEX_B "\"", 128), -1);
	CHECK(strstr(err.msg, "more than 128"));
	CHECK_INT(parse_many(DOC_SAVED, "\"q\"", "\"q\"", 128), 0);
	CHECK_INT(parse_many(DOC_SAVED, "\"q\"", "\"q\"", 129), -1);
	CHECK_INT(parse_many(DOC_CONFIG, "\"E=\"", "\"E=\"", 4090), 0);
	CHECK_INT(parse_many(DOC_CONFIG, "\"E=\"", "\"E=\"", 5000), -1);
	CHECK_INT(parse_many(DOC_CONFIG, "\"k\": \"v\"", "\"k#\": \"v\"", 5000), -1);
	CHECK_INT(parse_many(DOC_CONFIG, "\"53/udp\": null", "\"#\": 0", 5000), -1);
	CHECK_INT(parse_many(DOC_CONFIG, "\"author\": \"x\"", "\"a#\": 0", 5000), -1);
	CHECK(strstr(err.msg, "too many members"));
	autofree char *longer = calloc(1, 70001);
	memset(longer, 'x', 70000);
	memcpy(longer, "\"author#\":\"", 11);
	longer[69999] = '"';
	CHECK_INT(parse_many(DOC_CONFIG, "\"author\": \"x\"", longer, 59), 0);
	CHECK_INT(parse_many(DOC_CONFIG, "\"author\": \"x\"", longer, 60), -1);
	CHECK(strstr(err.msg, "longer than 4194304 bytes"));
}

/* ---- S45: every member of every document, in every wrong form ---- */

static const char *const values[] = {"null", "true", "false", "0", "-1", "2", "9223372036854775807",
	"9223372036854775808", "1.5", "1e400", "\"\"", "\"x\"", "\"sha256:" HEX_A "\"", "[]", "{}",
	"[[]]", "[null]", "{\"\": null}", "[{}]", "{\"x\": [1, {}]}", "\"\\u0000\"",
	"\"\\u001b[2J\"", "\"\xff\"", "nonsense", ""};
enum {
	MUTATION_DROP = ARRAY_LEN(values),
	MUTATION_TWICE,
	MUTATION_TWICE_NULL,
	MUTATION_UPPER,
	MUTATION_EMPTY_KEY,
	MUTATIONS
};

static bool is_key; /* the member that was changed has one */

/* Write `doc` with the member number `target` changed; counts members in *at. */
static void write_changed(
	struct strbuf *s, const json_t *doc, size_t target, unsigned mutation, size_t *at);

static void write_member(struct strbuf *s, const char *key, const json_t *v, size_t target,
	unsigned mutation, size_t *at, bool *comma)
{
	bool hit = (*at)++ == target;
	is_key = hit ? key != NULL : is_key;
	autostr struct strbuf text = {0};
	write_changed(&text, v, target, mutation, at);
	char name[200] = "";
	if (key)
		(void)snprintf(name, sizeof name, "\"%s\": ", key);
	if (hit && mutation == MUTATION_DROP)
		return;
	str_add(s, *comma ? ", " : "");
	*comma = true;
	if (!hit) {
		str_addf(s, "%s%s", name, text.buf);
	} else if (mutation < ARRAY_LEN(values)) {
		str_addf(s, "%s%s", name, values[mutation]);
	} else if (mutation == MUTATION_TWICE) {
		str_addf(s, "%s%s, %s%s", name, text.buf, name, text.buf);
	} else if (mutation == MUTATION_TWICE_NULL) {
		str_addf(s, "%s%s, %snull", name, text.buf, name);
	} else if (mutation == MUTATION_UPPER) {
		for (char *c = name; *c; c++)
			*c = (char)(isupper((unsigned char)*c) ? tolower(*c) : toupper(*c));
		str_addf(s, "%s%s", name, text.buf);
	} else {
		str_addf(s, "%s%s", key ? "\"\": " : "", text.buf);
	}
}

static void write_changed(
	struct strbuf *s, const json_t *doc, size_t target, unsigned mutation, size_t *at)
{
	bool comma = false;
	size_t i;
	const char *key;
	json_t *v;
	if (json_is_object(doc)) {
		str_add(s, "{");
		json_object_foreach((json_t *)(uintptr_t)doc, key, v)
		{
			write_member(s, key, v, target, mutation, at, &comma);
		}
		str_add(s, "}");
	} else if (json_is_array(doc)) {
		str_add(s, "[");
		json_array_foreach(doc, i, v)
		{
			write_member(s, NULL, v, target, mutation, at, &comma);
		}
		str_add(s, "]");
	} else {
		autofree char *text = json_dumps(doc, JSON_ENCODE_ANY);
		str_add(s, text);
	}
}

TEST(S45_every_member_in_every_wrong_form)
{
	unsigned done = 0, accepted = 0;
	for (enum doc d = 0; d < DOCS; d++) {
		json_auto_t *doc = json_loads(good[d], 0, NULL);
		CHECK_INT(parse(d, good[d], strlen(good[d])), 0);
		size_t members = 1;
		for (size_t target = 0; target < members; target++)
			for (unsigned m = 0; m < MUTATIONS; m++) {
				autostr struct strbuf s = {0};
				members = 0;
				write_changed(&s, doc, target, m, &members);
				int r = parse(d, s.buf, s.len);
				if (is_key && (m == MUTATION_TWICE || m == MUTATION_TWICE_NULL))
					CHECK_INT(r, -1);
				done++;
				accepted += r == 0;
			}
	}
	printf("# %u documents, %u of them still good\n", done, accepted);
	CHECK(done > 2000 && accepted < done / 2);
}

TEST(S45_cut_and_flipped_anywhere)
{
	for (enum doc d = 0; d < DOCS; d++) {
		size_t len = strlen(good[d]);
		autofree char *text = strdup(good[d]);
		for (size_t i = 0; i < len; i++) {
			CHECK_INT(parse(d, text, i), -1);
			for (unsigned bit = 0; bit < 8; bit++) {
				text[i] = (char)(text[i] ^ (1 << bit));
				(void)parse(d, text, len);
				text[i] = good[d][i];
			}
			CHECK_STR(text, good[d]);
		}
	}
}

TEST(S45_depth_and_rubbish)
{
	static const char *const texts[] = {"", " ", "null", "0", "\"x\"", "[]", "{}", "[{}]",
		"{} {}", "\xef\xbb\xbf{}", "{\"a\":}", "// x\n{}", "NaN", "\x1f\x8b\x08", "[[]]",
		"[null]"};
	for (enum doc d = 0; d < DOCS; d++) {
		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			CHECK_INT(parse(d, texts[i], strlen(texts[i])), -1);
		CHECK_INT(parse(d, "{}\0", 3), -1);
		autofree char *deep = malloc(200000);
		memset(deep, '[', 200000);
		CHECK_INT(parse(d, deep, 200000), -1);
		for (size_t i = 0; i < 200000; i += 5)
			memcpy(deep + i, "{\"a\":", 5);
		CHECK_INT(parse(d, deep, 200000), -1);
	}
}

TEST_MAIN()
