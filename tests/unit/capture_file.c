/* SPDX-License-Identifier: ISC */
/* A capture that is read from a file: its records, their times, its end. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/capture/capture.h"
#include "src/capture/handle.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

#define SEC    INT64_C(1000000)
#define DAY    (24 * 3600 * SEC)
#define RAW    101 /* a link type: IP */
#define IP_LEN 36  /* of each record's packet */

static const struct capture_port port = { IPPROTO_UDP, 5060 };
static const struct capture_config config = { .ports = &port, .nports = 1 };

/* A record: its time, its number, and what is the matter with it. */
enum kind { SIP, MEDIA, CUT, TEXT };

struct record {
	int64_t stamp;
	uint32_t number;
	enum kind kind;
};

static char path[] = "/tmp/test_capture_file.XXXXXX";
static char text[256];
static struct strbuf why;
static struct capture *capture;
static uint32_t numbers[16]; /* of the records that were handed on */
static int64_t times[16], stamps[16];
static size_t n;

static void
on_udp(void *ctx, const struct datagram *d)
{
	assert_ptr_equal(ctx, &n);
	assert_int_equal(d->payload.len, IP_LEN - 28);
	assert_true(n < ROWS(numbers));
	memcpy(&numbers[n], d->payload.p + 4, 4);
	times[n] = d->ts;
	stamps[n++] = capture_stamp(capture);
}

static const struct capture_sink sink = { .ctx = &n, .udp = on_udp };

static void
put(FILE *f, uint32_t v)
{
	assert_int_equal(fwrite(&v, sizeof(v), 1, f), 1);
}

static void
put_record(FILE *f, const struct record *r)
{
	unsigned char ip[IP_LEN] = { 0x45, 0, 0, IP_LEN, 0, 0, 0, 0, 64, 17, 0,
		0, 198, 51, 100, 7, 192, 0, 2, 10, 0x27, 0x10, 0x13, 0xc4, 0,
		IP_LEN - 20, 0, 0, 's', 'i', 'p', ' ' };
	uint32_t len = r->kind == CUT ? IP_LEN + 1 : IP_LEN;

	ip[5] = (unsigned char)r->number;
	if (r->kind != SIP)
		ip[22] = 0x27;
	if (r->kind == TEXT)
		ip[28] = 'S';
	memcpy(ip + 32, &r->number, 4);
	put(f, (uint32_t)(r->stamp / SEC));
	put(f, (uint32_t)(r->stamp % SEC));
	put(f, IP_LEN);
	put(f, len);
	assert_int_equal(fwrite(ip, sizeof(ip), 1, f), 1);
}

static void
write_file(uint32_t link, const struct record *r, size_t nrecords)
{
	FILE *f = fopen(path, "wb");
	size_t i;

	assert_non_null(f);
	put(f, 0xa1b2c3d4);
	put(f, 4 << 16 | 2);
	put(f, 0);
	put(f, 0);
	put(f, 65535);
	put(f, link);
	for (i = 0; i < nrecords; i++)
		put_record(f, &r[i]);
	assert_int_equal(fclose(f), 0);
}

static int
setup(void **state)
{
	(void)state;
	why = strbuf_of(text, sizeof(text));
	capture = NULL;
	n = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	capture_close(capture, &sink);
	return 0;
}

static void
open_file(void)
{
	assert_int_equal(capture_open_file(&capture, &config, path, &why),
	    PH_OK);
}

/*
 * A clock that was set back loses no time, and one that was set forward for
 * one record gains none.
 */
static void
time_never_goes_backwards(void **state)
{
#define T 1000000 * SEC
	/* clang-format off */
	static const struct {
		const char *what;
		int64_t stamps[5], ts[5]; /* stamps end with 0 */
	} rows[] = {
		{ "one", { T }, { T } },
		{ "in order", { T, T, T + 1, T + 5 * SEC }, { T, T, T + 1, T + 5 * SEC } },
		{ "a little back", { T, T - SEC, T - 1, T + 1 }, { T, T, T, T + 1 } },
		{ "a day back", { T, T - DAY, T - 1, T + 1 }, { T, T, T, T + 1 } },
		{ "set back", { T, T + 1, T - DAY, T - DAY + 9 }, { T, T + 1, T + 1, T + 10 } },
		{ "set back a day", { T, T + 1, T - DAY + 1, T - DAY + 9, T }, { T, T + 1, T + 1, T + 1, T + 1 } },
		{ "set back twice", { T, T, T - DAY - 1, T - 3 * DAY, T - 3 * DAY + 1 }, { T, T, T, T, T + 1 } },
		{ "a day ahead", { T, T + DAY, T + 1 }, { T, T + DAY, T + DAY } },
		{ "a leap", { T, T + DAY + 2, T + 1, T + 2 }, { T, T, T + 1, T + 2 } },
		{ "a leap that stays", { T, T + DAY + 1, T + 1 }, { T, T + DAY + 1, T + DAY + 1 } },
		{ "a leap that leads on", { T, T + 9 * DAY, T + 9 * DAY + 1 }, { T, T + 9 * DAY, T + 9 * DAY + 1 } },
		{ "a leap, and the end", { T, T + 9 * DAY }, { T, T + 9 * DAY } },
		{ "a leap at first", { T + 9 * DAY, T, T + 1 }, { T, T, T + 1 } },
		{ "not a leap at first", { T + DAY, T, T + 1 }, { T + DAY, T + DAY, T + DAY } },
		{ "two leaps", { T, T + 9 * DAY, T + 1, T + 8 * DAY }, { T, T, T + 1, T + 8 * DAY } },
		{ "a leap after a leap", { T, T + 3 * DAY, T + 6 * DAY, T + 1 }, { T, T + 3 * DAY, T + 3 * DAY, T + 3 * DAY } },
	};
	/* clang-format on */
	struct record r[5];
	int64_t ts;
	size_t i, k, len;

	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].what);
		for (len = 0; len < 5 && rows[i].stamps[len] != 0; len++)
			r[len] = (struct record) { rows[i].stamps[len],
				100 + (uint32_t)len, SIP };
		write_file(RAW, r, len);
		setup(state);
		open_file();
		for (k = 0; k < len; k++) {
			assert_int_equal(capture_next(capture, &sink, 0, &ts,
					     &why),
			    PH_OK);
			assert_int_equal(ts, rows[i].ts[k]);
			assert_int_equal(n, k + 1);
			assert_int_equal(numbers[k], 100 + k);
			assert_int_equal(times[k], ts);
			assert_int_equal(stamps[k], r[k].stamp);
			assert_int_equal(capture_stamp(capture), 0);
		}
		assert_int_equal(capture_next(capture, &sink, 0, &ts, &why),
		    PH_EGONE);
		assert_int_equal(n, len);
		assert_string_equal(text, "");
		teardown(state);
	}
	capture = NULL;
}

static struct capture_stats
stats_of(void)
{
	struct capture_stats s;

	capture_stats(capture, &s);
	return s;
}

/* Media are skipped up to a time, and nothing else is. */
static void
what_is_of_no_interest_is_skipped(void **state)
{
	static const struct record r[] = {
		{ 1 * SEC, 0, MEDIA },
		{ 2 * SEC, 1, MEDIA },
		{ 3 * SEC, 2, SIP },
		{ 4 * SEC, 3, MEDIA },
		{ 5 * SEC, 4, MEDIA },
		{ 6 * SEC, 5, CUT },
		{ 7 * SEC, 6, TEXT },
		{ 8 * SEC, 7, MEDIA },
	};
	/* clang-format off */
	static const struct {
		int64_t until;
		int64_t ts[8];	/* at which capture_next() returns */
	} rows[] = {
		{ 0, { 1 * SEC, 2 * SEC, 3 * SEC, 4 * SEC, 5 * SEC, 6 * SEC, 7 * SEC, 8 * SEC } },
		{ 5 * SEC, { 3 * SEC, 5 * SEC, 6 * SEC, 7 * SEC, 8 * SEC } },
		{ 5 * SEC + 1, { 3 * SEC, 6 * SEC, 7 * SEC, 8 * SEC } },
		{ INT64_MAX, { 3 * SEC, 6 * SEC, 7 * SEC } },
	};
	/* clang-format on */
	struct capture_stats s;
	size_t i, k;
	int64_t ts;

	write_file(RAW, r, ROWS(r));
	for (i = 0; i < ROWS(rows); i++) {
		setup(state);
		open_file();
		for (k = 0; k < 8 && rows[i].ts[k] != 0; k++) {
			assert_int_equal(capture_next(capture, &sink,
					     rows[i].until, &ts, &why),
			    PH_OK);
			assert_int_equal(ts, rows[i].ts[k]);
		}
		assert_int_equal(capture_next(capture, &sink, rows[i].until,
				     &ts, &why),
		    PH_EGONE);
		assert_int_equal(n, 1);
		assert_int_equal(numbers[0], 2);
		s = stats_of();
		assert_int_equal(s.packets, 8);
		assert_int_equal(s.truncated, 1);
		assert_int_equal(s.ignored, 6);
		assert_int_equal(s.malformed + s.kernel_drops, 0);
		teardown(state);
	}
	capture = NULL;
}

/* Of very many the caller gets control in between. */
static void
not_too_many_are_skipped_in_a_row(void **state)
{
	static struct record r[3000];
	unsigned int calls = 0;
	int64_t ts;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(r); i++)
		r[i] = (struct record) { SEC, 1, MEDIA };
	write_file(RAW, r, ROWS(r));
	open_file();
	while (capture_next(capture, &sink, INT64_MAX, &ts, &why) == PH_OK)
		assert_int_equal(stats_of().packets, 1024 * ++calls);
	assert_int_equal(calls, 2);
	assert_int_equal(stats_of().packets, 3000);
	assert_int_equal(stats_of().ignored, 3000);
}

/* Pieces are not waited for longer than they may wait, whatever is skipped. */
static void
what_waits_is_not_skipped_past(void **state)
{
	static const struct record r[] = { { SEC, 0, SIP },
		{ 2 * SEC, 1, MEDIA }, { 31 * SEC, 2, MEDIA } };
	FILE *f;
	int64_t ts;

	(void)state;
	write_file(RAW, r, ROWS(r));
	/* The first one is a fragment. */
	assert_non_null(f = fopen(path, "r+b"));
	assert_int_equal(fseek(f, 24 + 16 + 6, SEEK_SET), 0);
	assert_int_equal(fputc(0x20, f), 0x20);
	assert_int_equal(fclose(f), 0);
	open_file();
	assert_int_equal(capture_next(capture, &sink, INT64_MAX, &ts, &why),
	    PH_OK);
	assert_int_equal(stats_of().fragments, 1);
	assert_int_equal(capture_next(capture, &sink, INT64_MAX, &ts, &why),
	    PH_OK);
	assert_int_equal(ts, 31 * SEC);
	assert_int_equal(stats_of().frag_timeouts, 1);
}

static void
a_file_tells_how_far_it_is_read(void **state)
{
	static struct record r[10000];
	uint64_t done = 7, size = 7, last = 0;
	int64_t ts;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(r); i++)
		r[i] = (struct record) { SEC, 1, MEDIA };
	write_file(RAW, r, ROWS(r));
	open_file();
	for (i = 0; i < ROWS(r); i++) {
		assert_int_equal(capture_next(capture, &sink, 0, &ts, &why),
		    PH_OK);
		assert_true(capture_progress(capture, &done, &size));
		assert_int_equal(size, 24 + ROWS(r) * (16 + IP_LEN));
		assert_in_range(done, last, size);
		assert_in_range(done, 24 + (i + 1) * (16 + IP_LEN), size);
		last = done;
	}
	assert_int_equal(done, size);
}

/* Of a pipe nobody knows how long it is. */
static void
a_pipe_does_not_tell_how_far_it_is_read(void **state)
{
	static const struct record r = { SEC, 1, SIP };
	uint64_t done = 7, size = 7;
	char name[64], bytes[256];
	ssize_t len;
	int fds[2], fd;

	(void)state;
	write_file(RAW, &r, 1);
	assert_true((fd = open(path, O_RDONLY)) != -1);
	assert_true((len = read(fd, bytes, sizeof(bytes))) > 0);
	close(fd);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], bytes, (size_t)len), len);
	close(fds[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", fds[0]);
	assert_int_equal(capture_open_file(&capture, &config, name, &why),
	    PH_OK);
	close(fds[0]);
	assert_false(capture_progress(capture, &done, &size));
	assert_int_equal(done, 7);
	assert_int_equal(size, 7);
}

/* No more than the caller has room for. */
static void
descriptors_are_told_as_far_as_there_is_room(void **state)
{
	static const struct record r = { SEC, 1, SIP };
	int fds[3];
	size_t max;

	(void)state;
	write_file(RAW, &r, 1);
	open_file();
	capture->handles[1] = capture->handles[0];
	capture->nhandles = 2;
	for (max = 0; max < 3; max++) {
		memset(fds, 0x7f, sizeof(fds));
		assert_int_equal(capture_fds(capture, fds, max), max);
		assert_int_equal(fds[max], 0x7f7f7f7f);
	}
	assert_int_equal(capture_fds(capture, fds, 3), 2);
	capture->nhandles = 1;
	assert_int_equal(capture_due(capture), INT64_MAX);
}

static int
lowest_descriptor(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static void
a_file_that_is_none_is_named(void **state)
{
	static const struct record r = { SEC, 1, SIP };
	int fd = lowest_descriptor();
	char want[256];
	FILE *f;

	(void)state;
	write_file(105, &r, 1);
	assert_int_equal(capture_open_file(&capture, &config, path, &why),
	    PH_EUNSUPPORTED);
	snprintf(want, sizeof(want),
	    "%s: link type IEEE802_11 (105) is not supported", path);
	assert_string_equal(text, want);
	assert_null(capture);
	strbuf_reset(&why);
	write_file(60000, &r, 1);
	assert_int_equal(capture_open_file(&capture, &config, path, &why),
	    PH_EUNSUPPORTED);
	assert_non_null(strstr(text, "(60000) is not supported"));
	assert_non_null(strstr(text, path));
	strbuf_reset(&why);
	assert_int_equal(capture_open_file(&capture, &config,
			     "/nonexistent/file", &why),
	    PH_EIO);
	assert_string_equal(text,
	    "/nonexistent/file: No such file or directory");
	strbuf_reset(&why);
	assert_non_null(f = fopen(path, "wb"));
	assert_int_equal(fputs("no capture at all, this one", f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(capture_open_file(&capture, &config, path, &why),
	    PH_EIO);
	assert_memory_equal(text, path, strlen(path));
	assert_int_equal(text[strlen(path)], ':');
	assert_null(capture);
	/* Nor is it left open. */
	assert_int_equal(lowest_descriptor(), fd);
}

static void
a_file_that_is_cut_off_says_where(void **state)
{
	static const struct record r[] = { { SEC, 0, SIP }, { SEC, 1, SIP },
		{ SEC, 2, SIP } };
	int64_t ts;

	(void)state;
	write_file(RAW, r, ROWS(r));
	assert_int_equal(truncate(path, 24 + 3 * (16 + IP_LEN) - 1), 0);
	open_file();
	assert_int_equal(capture_next(capture, &sink, 0, &ts, &why), PH_OK);
	assert_int_equal(capture_next(capture, &sink, 0, &ts, &why), PH_OK);
	assert_int_equal(capture_next(capture, &sink, 0, &ts, &why), PH_ETRUNC);
	assert_int_equal(n, 2);
	assert_memory_equal(text, "after 2 packets: ", 17);
	assert_true(strlen(text) > 17);
}

/* A packet that is held counts as well, where it is whole. */
static void
a_held_packet_has_its_own_stamp(void **state)
{
	static const char ip[] =
	    "\x45\0\0\x24\0\0\0\0\x40\x11\0\0\xc6\x33\x64\7"
	    "\xc0\0\2\x0a\x27\x10\x13\xc4\0\x10\0\0sip 7654";
	struct nfqueue_packet p = { .id = 1,
		.stamp = 77 * SEC,
		.ip = { ip, sizeof(ip) - 1 } };
	struct prefix inside;
	struct capture_config held = config;

	(void)state;
	assert_int_equal(prefix_parse(span_of("192.0.2.0/24"), &inside), PH_OK);
	held.inside = &inside;
	held.ninside = 1;
	assert_non_null(capture = capture_new(&held));
	capture_held(capture, &p, 3 * SEC, &sink);
	assert_int_equal(n, 1);
	assert_int_equal(stamps[0], 77 * SEC);
	assert_int_equal(times[0], 3 * SEC);
	assert_int_equal(capture_stamp(capture), 0);
	p.truncated = true;
	capture_held(capture, &p, 3 * SEC, &sink);
	assert_int_equal(n, 1);
	assert_int_equal(stats_of().packets, 2);
	assert_int_equal(stats_of().truncated, 1);
	/* Where it counts depends on what is inside. */
	p.truncated = false;
	p.indev = 3;
	p.outdev = 4;
	capture->ifs[0] = 4;
	capture->nifs = 1;
	capture_held(capture, &p, 3 * SEC, &sink);
	assert_int_equal(n, 2);
	p.outdev = 5;
	capture_held(capture, &p, 3 * SEC, &sink);
	assert_int_equal(n, 2);
	assert_int_equal(stats_of().ignored, 1);
}

static struct {
	char name[32];
	uint64_t value;
} reported[32];
static size_t nreported;

static void
on_counter(void *ctx, const char *name, uint64_t v, bool gauge)
{
	(void)ctx;
	assert_false(gauge);
	assert_true(nreported < ROWS(reported));
	snprintf(reported[nreported].name, sizeof(reported[0].name), "%s",
	    name);
	reported[nreported++].value = v;
}

static void
each_counter_is_reported_by_its_name(void **state)
{
	/* clang-format off */
	static const struct {
		const char *name;
		uint64_t value;
	} want[] = {
		{ "packets", 100000 },
		{ "packets_used", 100000 - 1 - 2 - 4 - 8 - 16 },
		{ "packets_dropped_by_kernel", 131072 },
		{ "packets_truncated", 1 },
		{ "packets_malformed", 2 },
		{ "packets_ignored", 4 },
		{ "packets_foreign", 8 },
		{ "packets_duplicate", 16 },
		{ "packets_twin", 32 },
		{ "fragments", 64 },
		{ "fragment_overlaps", 128 },
		{ "fragment_timeouts", 256 },
		{ "fragment_limits", 512 },
		{ "tcp_connections", 1024 },
		{ "tcp_midstream", 2048 },
		{ "tcp_gaps", 4096 },
		{ "tcp_implausible", 8192 },
		{ "tcp_conflicts", 16384 },
		{ "tcp_limits", 32768 },
	};
	/* clang-format on */
	struct counters out = { .form = COUNTERS_EACH, .each = on_counter };
	size_t i;

	(void)state;
	assert_non_null(capture = capture_new(&config));
	*packets_stats(capture->packets) = (struct capture_stats) {
		.packets = 100000,
		.truncated = 1,
		.malformed = 2,
		.ignored = 4,
		.foreign = 8,
		.duplicates = 16,
		.twins = 32,
		.fragments = 64,
		.frag_overlaps = 128,
		.frag_timeouts = 256,
		.frag_limits = 512,
		.tcp_connections = 1024,
		.tcp_midstream = 2048,
		.tcp_gaps = 4096,
		.tcp_implausible = 8192,
		.tcp_conflicts = 16384,
		.tcp_limits = 32768,
	};
	capture->missed = 131072;
	capture_report(capture, &out);
	assert_int_equal(nreported, ROWS(want));
	for (i = 0; i < ROWS(want); i++) {
		assert_string_equal(reported[i].name, want[i].name);
		assert_int_equal(reported[i].value, want[i].value);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(time_never_goes_backwards),
		CASE(what_is_of_no_interest_is_skipped),
		CASE(not_too_many_are_skipped_in_a_row),
		CASE(what_waits_is_not_skipped_past),
		CASE(a_file_tells_how_far_it_is_read),
		CASE(a_pipe_does_not_tell_how_far_it_is_read),
		CASE(descriptors_are_told_as_far_as_there_is_room),
		CASE(a_file_that_is_none_is_named),
		CASE(a_file_that_is_cut_off_says_where),
		CASE(a_held_packet_has_its_own_stamp),
		CASE(each_counter_is_reported_by_its_name),
	};
	int fd = mkstemp(path), failed;

	if (fd == -1)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return starve_left(failed, 0);
}
