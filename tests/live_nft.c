/* SPDX-License-Identifier: ISC */
/*
 * The nftables backend against the kernel: packets from one namespace to
 * another through a third, where the user's ruleset accepts `established` and
 * our mark, and drops the rest.
 */
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/fw.h"
#include "tests/netns.h"
#include "tests/unit.h"

static const char user_rules[] =
    "flush ruleset\n"
    "table inet user {\n"
    " chain forward {\n"
    "  type filter hook forward priority filter; policy drop;\n"
    "  ct state established,related accept\n"
    "  udp dport 5060 accept\n"
    "  meta mark & 0x10000 == 0x10000 accept\n"
    " }\n"
    "}\n";

static struct fw_config config;
static struct fw *fw;
static uint64_t last_id;

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
load(const char *rules)
{
	FILE *f;

	if ((f = popen("nft -f -", "w")) == NULL)
		abort();
	fputs(rules, f);
	assert_int_equal(pclose(f), 0);
}

static void
start(void)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (fw_nftables.open(&fw, &config, now(), &why) != PH_OK)
		fail_msg("open: %s", text);
}

static int
fresh(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	config.name = "pinholed";
	config.mark = 0x10000;
	load(user_rules);
	start();
	return 0;
}

static int
done(void **state)
{
	(void)state;
	if (fw != NULL)
		fw_nftables.close(fw, false);
	fw = NULL;
	return 0;
}

static struct addr
ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), PH_OK);
	return a;
}

static struct pinhole
hole(enum pinhole_dir dir, const char *from, const char *to, uint16_t port)
{
	struct pinhole h;

	memset(&h, 0, sizeof(h));
	h.id = ++last_id;
	h.proto = IPPROTO_UDP;
	h.dir = (uint8_t)dir;
	if (strcmp(from, "any") != 0)
		assert_int_equal(prefix_parse(span_of(from), &h.from), PH_OK);
	h.to = ip(to);
	h.to_lo = h.to_hi = port;
	h.deadline = now() + 60 * 1000000LL;
	return h;
}

static enum ph_err
commit1(enum fw_op op, struct pinhole *h)
{
	struct fw_change change;

	memset(&change, 0, sizeof(change));
	change.op = op;
	change.hole = *h;
	return fw_nftables.commit(fw, &change, 1, now());
}

static struct pinhole
opened(enum pinhole_dir dir, const char *from, const char *to, uint16_t port)
{
	struct pinhole h = hole(dir, from, to, port);

	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	return h;
}

static void
closed(struct pinhole *h)
{
	assert_int_equal(commit1(FW_CLOSE, h), PH_OK);
}

/* Sockets that tests share; each test has its own ports. */
static int
out_at(uint16_t port)
{
	return netns_socket(OUTSIDE, SOCK_DGRAM, "198.51.100.7", port);
}

static int
third_at(uint16_t port)
{
	return netns_socket(OUTSIDE, SOCK_DGRAM, "198.51.100.66", port);
}

static int
in_at(uint16_t port)
{
	return netns_socket(INSIDE, SOCK_DGRAM, "192.0.2.20", port);
}

#define PASS(from, addr, port, to)                                             \
	assert_true(netns_passes(from, addr, port, to))
#define STOP(from, addr, port, to)                                             \
	assert_false(netns_passes(from, addr, port, to))

static void
test_outside_may_speak_first(void **state)
{
	int out = out_at(4000), other = out_at(4002), in = in_at(10000);
	struct pinhole h;

	(void)state;
	STOP(out, "192.0.2.20", 10000, in);
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10000);
	PASS(out, "192.0.2.20", 10000, in);
	PASS(in, "198.51.100.7", 4000, out);
	/* Any source port may come (RFC 3264 promises no symmetry). */
	PASS(other, "192.0.2.20", 10000, in);
	closed(&h);
	close(out);
	close(other);
	close(in);
}

static void
test_inside_may_speak_first(void **state)
{
	int out = out_at(4004), in = in_at(10004), asym = in_at(10006);
	struct pinhole a, b;

	(void)state;
	STOP(in, "198.51.100.7", 4004, out);
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10004);
	PASS(in, "198.51.100.7", 4004, out);
	PASS(out, "192.0.2.20", 10004, in);
	/* From a port that it has not named, too, to the one it was told. */
	STOP(asym, "198.51.100.7", 4004, out);
	b = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4004);
	PASS(asym, "198.51.100.7", 4004, out);
	PASS(out, "192.0.2.20", 10006, asym);
	closed(&a);
	closed(&b);
	close(out);
	close(in);
	close(asym);
}

static void
test_nobody_rides_on_an_outward_pinhole(void **state)
{
	int out = out_at(4010), in = in_at(10010);
	struct pinhole h;

	(void)state;
	h = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4010);
	STOP(out, "192.0.2.20", 10010, in);
	PASS(in, "198.51.100.7", 4010, out);
	PASS(out, "192.0.2.20", 10010, in);
	closed(&h);
	close(out);
	close(in);
}

static void
test_third_parties_stay_out(void **state)
{
	int third = third_at(4020), in = in_at(10020), beside = in_at(10021);
	int out = out_at(4020);
	struct pinhole h;

	(void)state;
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10020);
	STOP(third, "192.0.2.20", 10020, in);
	STOP(out, "192.0.2.20", 10021, beside);
	PASS(out, "192.0.2.20", 10020, in);
	STOP(third, "192.0.2.20", 10020, in);
	closed(&h);
	close(third);
	close(in);
	close(beside);
	close(out);
}

static void
test_closing_stops_running_media_both_ways(void **state)
{
	int out = out_at(4030), in = in_at(10030);
	struct pinhole a, b;

	(void)state;
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10030);
	b = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4030);
	PASS(out, "192.0.2.20", 10030, in);
	PASS(in, "198.51.100.7", 4030, out);
	PASS(out, "192.0.2.20", 10030, in);
	closed(&a);
	closed(&b);
	STOP(out, "192.0.2.20", 10030, in);
	STOP(in, "198.51.100.7", 4030, out);
	/* And the same ports open again for the next call. */
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10030);
	PASS(in, "198.51.100.7", 4030, out);
	PASS(out, "192.0.2.20", 10030, in);
	closed(&a);
	STOP(out, "192.0.2.20", 10030, in);
	close(out);
	close(in);
}

static void
test_presence_and_absence_never_fail(void **state)
{
	struct pinhole h = hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 1);
	struct pinhole twin;

	(void)state;
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	twin = h;
	twin.id = ++last_id;
	assert_int_equal(commit1(FW_OPEN, &twin), PH_OK);
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
	assert_int_equal(commit1(FW_CLOSE, &twin), PH_OK);
	/* Behind our back. */
	assert_int_equal(commit1(FW_OPEN, &h), PH_OK);
	assert_int_equal(system("nft flush set inet pinholed udp4_in"), 0);
	assert_int_equal(commit1(FW_CLOSE, &h), PH_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define LIVE(f) cmocka_unit_test_setup_teardown(f, fresh, done)
		LIVE(test_outside_may_speak_first),
		LIVE(test_inside_may_speak_first),
		LIVE(test_nobody_rides_on_an_outward_pinhole),
		LIVE(test_third_parties_stay_out),
		LIVE(test_closing_stops_running_media_both_ways),
		LIVE(test_presence_and_absence_never_fail),
	};
	const char *reason;

	if ((reason = netns_setup()) != NULL) {
		printf("skipped: %s\n", reason);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
