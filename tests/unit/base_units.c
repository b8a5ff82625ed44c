#include "base/units.h"
#include "tests/unit/test.h"

TEST(sizes)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t bytes;
	} t[] = {
		{"0", true, 0},
		{"1", true, 1},
		{"512M", true, 512ull << 20},
		{"1GiB", true, 1ull << 30},
		{"1GB", true, 1ull << 30},
		{"16383P", true, 16383ull << 50},
		{"7B", true, 7},
		{"16384P", false, 0},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"18446744073709551615K", false, 0},
		{"1.5G", false, 0},
		{"12Q", false, 0},
		{"-1M", false, 0},
		{"+1", false, 0},
		{"", false, 0},
		{" 1", false, 0},
		{"1 G", false, 0},
		{"010", false, 0},
		{"0x10", false, 0},
		{"1g", false, 0},
		{"1iB", false, 0},
		{"M", false, 0},
		{"1MM", false, 0},
	};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		uint64_t v = 42;
		CHECK_INT(units_parse_size(t[i].text, &v), t[i].ok);
		CHECK(v == (t[i].ok ? t[i].bytes : 42));
	}
}

TEST(times)
{
	uint64_t v = 0;
	CHECK(units_parse_time("60s", &v) && v == 60000);
	CHECK(units_parse_time("1500ms", &v) && v == 1500);
	CHECK(units_parse_time("2h", &v) && v == 7200000);
	CHECK(!units_parse_time("60", &v));
	CHECK(!units_parse_time("999999d", &v));
	CHECK(!units_parse_time("-1s", &v));
	CHECK(!units_parse_time("1 s", &v));
}

TEST(rates)
{
	uint64_t v = 0;
	CHECK(units_parse_rate("100Mbit", &v) && v == 100000000);
	CHECK(!units_parse_rate("100M", &v));
	CHECK(!units_parse_rate("18446744073709551615Kbit", &v));
}

TEST(printing_round_trips)
{
	char out[UNITS_SIZE];
	uint64_t v;
	static const uint64_t sizes[] = {
		0, 1, 1023, 1024, 1536, 1ull << 20, (1ull << 30) + 1, 3ull << 50, UINT64_MAX};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		CHECK(units_parse_size(units_print_size(out, sizes[i]), &v) && v == sizes[i]);
	static const uint64_t times_ms[] = {
		0, 1, 999, 1000, 1500, 60000, 3600000, 86400000, 86400001};
	for (size_t i = 0; i < sizeof times_ms / sizeof times_ms[0]; i++)
		CHECK(units_parse_time(units_print_time(out, times_ms[i]), &v) && v == times_ms[i]);
	CHECK_STR(units_print_size(out, 512u << 20), "512M");
	CHECK_STR(units_print_time(out, 0), "0s");
	CHECK_STR(units_print_rate(out, 100000000), "100Mbit");
	CHECK_STR(units_print_human(out, 1536), "1.5K");
	CHECK_STR(units_print_human(out, 999), "999");
}

TEST_MAIN()
