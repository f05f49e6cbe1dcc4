/* SPDX-License-Identifier: ISC */
/* The rule that makes packets wait, on kernels that differ. */
#include <sys/socket.h>
#include <linux/netfilter/nfnetlink.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>

#include "nft/hold.h"
#include "nft/holdtext.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

/* In place of nft/netlink.c. */
static struct {
	int expression, target; /* what it says to each */
	unsigned int asked, carried_out;
	bool by_expression, by_target;
} kernel;

uint32_t
nlsock_seq(const struct nlsock *s)
{
	(void)s;
	return 7;
}

enum ph_err
nlsock_err(int err)
{
	return err == 0 ? PH_OK : PH_EIO;
}

static bool
batch_has(const struct batch *b, const char *text)
{
	return memmem(b->p, b->len, text, strlen(text) + 1) != NULL;
}

static bool
batch_has_an_end(const struct batch *b)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)b->p;
	int left = (int)b->len;
	uint16_t last = 0;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		last = nlh->nlmsg_type;
	return last == NFNL_MSG_BATCH_END;
}

int
nlsock_transact(struct nlsock *s, const struct batch *b, nlsock_cb *cb,
    void *ctx)
{
	bool expression;
	int err;

	(void)s;
	(void)cb;
	(void)ctx;
	if (b->full)
		return -ENOMEM;
	expression = batch_has(b, "queue");
	err = expression ? kernel.expression : kernel.target;
	assert_int_not_equal(b->ack, 0);
	kernel.asked++;
	if (err == 0) {
		kernel.by_expression |= expression;
		kernel.by_target |= batch_has(b, "NFQUEUE");
		kernel.carried_out += batch_has_an_end(b);
	}
	return err;
}

static const struct {
	int expression, target;
	enum ph_err begin;
	const char *says;
} rows[] = {
	{ 0, -EINVAL, PH_OK,
	    "signalling waits in queue 5060, by the expression \"queue\" of "
	    "nftables" },
	{ -ENOENT, 0, PH_OK,
	    "signalling waits in queue 5060, by the target NFQUEUE of "
	    "iptables" },
	{ -EOPNOTSUPP, 0, PH_OK,
	    "signalling waits in queue 5060, by the target NFQUEUE of "
	    "iptables" },
	{ -ENOENT, -ENOENT, PH_EUNSUPPORTED,
	    "this kernel cannot hold signalling (\"inline yes\"): it has "
	    "neither the expression \"queue\" of nftables (CONFIG_NFT_QUEUE) "
	    "nor the target NFQUEUE of iptables (CONFIG_NFT_COMPAT, "
	    "CONFIG_NETFILTER_XT_TARGET_NFQUEUE)" },
	{ -EPERM, 0, PH_EIO,
	    "cannot see how signalling may be held: Operation not "
	    "permitted" },
};

static const struct fw_config config = { .name = "pinholed",
	.hold = { .on = true, .queue = 5060 } };

static void
the_kernel_says_which_way(void **state)
{
	char text[512];
	struct strbuf why;
	struct batch b;
	enum ph_err rc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&kernel, 0, sizeof(kernel));
		kernel.expression = rows[i].expression;
		kernel.target = rows[i].target;
		why = strbuf_of(text, sizeof(text));
		rc = hold_check(NULL, &config, &why);
		assert_int_equal(rc,
		    rows[i].begin == PH_EUNSUPPORTED ? PH_EUNSUPPORTED : PH_OK);
		assert_string_equal(text, rows[i].says);
		/* To look is not to change anything. */
		assert_int_equal(kernel.carried_out, 0);

		batch_init(&b, config.name);
		strbuf_reset(&why);
		rc = hold_begin(NULL, &b, &config, &why);
		assert_int_equal(rc, rows[i].begin);
		assert_int_equal(kernel.carried_out, rc == PH_OK);
		assert_int_equal(kernel.by_expression, rows[i].expression == 0);
		assert_int_equal(kernel.by_target,
		    rows[i].expression != 0 && rc == PH_OK);
		batch_free(&b);
	}
}

static void
without_memory_the_kernel_is_not_asked(void **state)
{
	char text[512], want[256];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct batch b;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	starve(1);
	batch_init(&b, config.name);
	assert_int_equal(hold_begin(NULL, &b, &config, &why), PH_EIO);
	snprintf(want, sizeof(want), "cannot make signalling wait: %s",
	    strerror(ENOMEM));
	assert_string_equal(text, want);
	strbuf_reset(&why);
	strbuf_str(&why, "before");
	starve(1);
	assert_int_equal(hold_check(NULL, &config, &why), PH_OK);
	snprintf(want, sizeof(want),
	    "before\ncannot see how signalling may be held: %s",
	    strerror(ENOMEM));
	assert_string_equal(text, want);
	starve_end();
	batch_free(&b);
	assert_int_equal(kernel.asked, 0);
}

static void
nothing_waits_unless_it_is_asked_for(void **state)
{
	static const struct fw_config off = { .name = "pinholed" };
	char text[64];
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct batch b;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	batch_init(&b, off.name);
	assert_int_equal(hold_check(NULL, &off, &why), PH_OK);
	assert_int_equal(hold_begin(NULL, &b, &off, &why), PH_OK);
	assert_int_equal(why.len, 0);
	assert_int_equal(kernel.asked, 0);
	batch_free(&b);
}

/* Of rules, each in a line of its own; that of the queue is a comment yet. */
static unsigned int
rules_in(const char *text)
{
	struct span rest = span_of(text), line;
	unsigned int n = 0;

	while (rest.len > 0) {
		line = span_cut(rest, '\n', &rest);
		if (span_has_prefix(line, "\t\ttype "))
			continue;
		n += span_has_prefix(line, "\t\t# queue num 7 bypass") ||
		    (line.len > 7 &&
			memcmp(line.p + line.len - 7, " accept", 7) == 0) ||
		    memmem(line.p, line.len, " goto ", 6) != NULL;
	}
	return n;
}

static void
rules_are_counted_as_they_are_written(void **state)
{
	static const uint16_t ports[] = { 5060, 5061, 21 };
	const struct prefix inside[] = { { addr_v4(192, 0, 2, 0), 24 } };
	struct fw_config c = { .name = "pinholed" };
	static char text[8192];
	struct strbuf b = strbuf_of(text, sizeof(text));
	unsigned int i, n;

	(void)state;
	assert_int_equal(hold_text(&b, &c), 0);
	assert_int_equal(b.len, 0);
	for (i = 0; i < 32; i++) {
		c.local = (i & 1) != 0;
		c.hold = (struct fw_hold) { .on = true,
			.queue = 7,
			.hosts = inside,
			.nhosts = 1,
			.udp = ports,
			.nudp = i >> 1 & 3,
			.tcp = ports,
			.ntcp = i >> 3 & 3 };
		strbuf_reset(&b);
		n = hold_text(&b, &c);
		assert_int_equal(n, rules_in(text));
		assert_true(b.len < hold_text_size(&c.hold));
	}
}

static void
on_pause(void *ctx, bool yes)
{
	*(int *)ctx += yes ? 1 : 10;
}

static void
what_waits_is_let_go_before_a_chain_goes(void **state)
{
	struct fw_config c = { .name = "pinholed" };
	int asked = 0;

	(void)state;
	hold_pause(&c, true);
	c.hold.pause = on_pause;
	c.hold.ctx = &asked;
	hold_pause(&c, true);
	assert_int_equal(asked, 1);
	hold_pause(&c, false);
	assert_int_equal(asked, 11);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_says_which_way),
		cmocka_unit_test(without_memory_the_kernel_is_not_asked),
		cmocka_unit_test(nothing_waits_unless_it_is_asked_for),
		cmocka_unit_test(rules_are_counted_as_they_are_written),
		cmocka_unit_test(what_waits_is_let_go_before_a_chain_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
