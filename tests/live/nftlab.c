/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/nftlab.h"

const char lab_rules[] =
    "flush ruleset\n"
    "table inet user {\n"
    " chain forward {\n"
    "  type filter hook forward priority filter; policy drop;\n"
    "  ct state established,related accept\n"
    "  udp dport 5060 accept\n"
    "  meta mark & 0x10000 == 0x10000 accept\n"
    " }\n"
    "}\n";

struct fw_config config;
struct fw *fw;
struct direct *direct;
static uint64_t last_id;

int64_t
lab_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void
lab_load(const char *rules)
{
	FILE *f;

	if ((f = popen("nft -f -", "w")) == NULL)
		abort();
	fputs(rules, f);
	assert_int_equal(pclose(f), 0);
}

void
lab_open(void)
{
	char text[512];
	struct strbuf why = strbuf_of(text, sizeof(text));

	if (fw_nftables.open(&fw, &config, lab_now(), &why) != PH_OK)
		fail_msg("open: %s", text);
	direct = direct_new(&fw_nftables, fw);
	assert_non_null(direct);
}

void
lab_shut(bool keep)
{
	fw_nftables.close(fw, keep);
	fw = NULL;
	direct_free(direct);
	direct = NULL;
}

int
lab_fresh(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	config.name = "pinholed";
	config.mark = 0x10000;
	lab_load(lab_rules);
	lab_open();
	return 0;
}

int
lab_close(void **state)
{
	(void)state;
	if (fw != NULL)
		lab_shut(false);
	return 0;
}

struct addr
lab_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), PH_OK);
	return a;
}

struct endpoint
lab_endpoint(const char *addr, uint16_t port)
{
	return (struct endpoint) { lab_addr(addr), port };
}

struct pinhole
lab_hole(enum pinhole_dir dir, const char *from, const char *to, uint16_t port)
{
	struct pinhole h;

	memset(&h, 0, sizeof(h));
	h.id = ++last_id;
	h.proto = IPPROTO_UDP;
	h.dir = (uint8_t)dir;
	if (strcmp(from, "any") != 0)
		assert_int_equal(prefix_parse(span_of(from), &h.from), PH_OK);
	h.to = lab_addr(to);
	h.to_lo = h.to_hi = port;
	h.deadline = lab_now() + 60 * 1000000LL;
	return h;
}

enum ph_err
lab_commit(enum fw_op op, const struct pinhole *h)
{
	struct fw_change change;

	memset(&change, 0, sizeof(change));
	change.op = op;
	change.hole = *h;
	return direct_commit(direct, &change, 1, lab_now());
}

void
lab_do(enum fw_op op, const struct pinhole *h)
{
	assert_int_equal(lab_commit(op, h), PH_OK);
}

struct pinhole
opened(enum pinhole_dir dir, const char *from, const char *to, uint16_t port)
{
	struct pinhole h = lab_hole(dir, from, to, port);

	lab_do(FW_OPEN, &h);
	return h;
}

void
closed(const struct pinhole *h)
{
	lab_do(FW_CLOSE, h);
}

int
lab_lines(const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	FILE *f;
	int c, n = 0;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if ((f = popen(command, "r")) == NULL)
		abort();
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	pclose(f);
	return n;
}

int
out_at(uint16_t port)
{
	return netns_socket(OUTSIDE, SOCK_DGRAM, "198.51.100.7", port);
}

int
third_at(uint16_t port)
{
	return netns_socket(OUTSIDE, SOCK_DGRAM, "198.51.100.66", port);
}

int
in_at(uint16_t port)
{
	return netns_socket(INSIDE, SOCK_DGRAM, "192.0.2.20", port);
}

int
lab_main(const struct CMUnitTest *tests, size_t n)
{
	const char *reason;

	if ((reason = netns_setup()) != NULL) {
		printf("skipped: %s\n", reason);
		return 77;
	}
	return _cmocka_run_group_tests("live", tests, n, NULL, NULL);
}
