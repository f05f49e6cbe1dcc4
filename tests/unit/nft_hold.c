/* SPDX-License-Identifier: ISC */
/* The rule that makes packets wait, on kernels that differ. */
#include <sys/socket.h>
#include <linux/netfilter/nfnetlink.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

#include "nft/hold.h"
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
	bool expression = batch_has(b, "queue");
	int err = expression ? kernel.expression : kernel.target;

	(void)s;
	(void)cb;
	(void)ctx;
	assert_false(b->full);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_says_which_way),
		cmocka_unit_test(nothing_waits_unless_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
