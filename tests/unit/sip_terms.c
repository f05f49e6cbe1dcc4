/* SPDX-License-Identifier: ISC */
/* Each setting of the `sip` block is what sip/ is told, and no other. */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/sip_terms.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

static struct conf *conf;
static struct sip_external *external;
static struct sip_config c;
static struct addr own[2];
static const struct engine_place place = { .own = own, .nown = 2 };

static int
setup(void **state)
{
	(void)state;
	own[0] = addr_v4(203, 0, 113, 1);
	own[1] = addr_v4(192, 0, 2, 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(external);
	external = NULL;
	conf_free(conf);
	conf = NULL;
	return 0;
}

static void
configure(const char *sip)
{
	char text[1024];

	(void)teardown(NULL);
	snprintf(text, sizeof(text),
	    "protect { 192.0.2.0/24 2001:db8:2::/64 }\nsip { %s }\n", sip);
	assert_int_equal(conf_parse(&conf, span_of(text), "test", NULL, 0,
			     stderr),
	    PH_OK);
	memset(&c, 7, sizeof(c));
	assert_int_equal(sip_terms(conf, &place, &external, &c), PH_OK);
}

static void
assert_prefixes(const struct prefix *v, size_t n, const char *want)
{
	char text[512] = "", one[ADDR_STRLEN];
	size_t i;

	for (i = 0; i < n; i++) {
		strlcat(text, i > 0 ? " " : "", sizeof(text));
		strlcat(text, prefix_format(&v[i], one), sizeof(text));
	}
	assert_string_equal(text, want);
}

static void
what_is_written_is_told(void **state)
{
	const struct sip_policy *p = &c.policy;

	(void)state;
	configure("port { 5060 5070 5080 }\nserver { 192.0.2.10 }\n"
		  "media { 192.0.2.20 192.0.2.21 192.0.2.22 } port "
		  "10000:20000\n"
		  "remote { 198.51.100.0/24 203.0.113.0/25 8.0.0.0/8 "
		  "9.0.0.0/8 }\n"
		  "external 203.0.113.5 for 192.0.2.10\n"
		  "external 203.0.113.6 for 192.0.2.20\n"
		  "redirect yes\nearly media no\nhold close\n"
		  "limit calls 1001 per source 102 streams 13\n"
		  "timeout setup 61 idle 102 max 1003\n");
	assert_prefixes(p->protect, p->nprotect,
	    "192.0.2.0/24 2001:db8:2::/64");
	assert_prefixes(p->server, p->nserver, "192.0.2.10");
	assert_prefixes(p->media, p->nmedia,
	    "192.0.2.20 192.0.2.21 192.0.2.22");
	assert_prefixes(p->remotes, p->nremotes,
	    "198.51.100.0/24 203.0.113.0/25 8.0.0.0/8 9.0.0.0/8");
	assert_int_equal(p->nsymmetric, 0);
	assert_ptr_equal(p->own, own);
	assert_int_equal(p->nown, 2);
	assert_ptr_equal(p->external, external);
	assert_int_equal(p->nexternal, 2);
	assert_int_equal(external[0].outside.b[3], 5);
	assert_int_equal(external[0].inside.b[3], 10);
	assert_int_equal(external[1].outside.b[3], 6);
	assert_int_equal(external[1].inside.b[3], 20);
	assert_true(p->redirect);
	assert_int_equal(p->remote, REMOTE_LIST);
	assert_int_equal(p->media_lo, 10000);
	assert_int_equal(p->media_hi, 20000);
	assert_int_equal(p->nports, 3);
	assert_int_equal(p->ports[0], 5060);
	assert_int_equal(p->ports[2], 5080);
	assert_int_equal(p->max_streams, 13);
	assert_true(p->hold_close);
	assert_false(c.early_media);
	assert_int_equal(c.limit_calls, 1001);
	assert_int_equal(c.limit_per_source, 102);
	assert_int_equal(c.timeout_setup, 61);
	assert_int_equal(c.timeout_max, 1003);
}

static void
peers_may_be_symmetric(void **state)
{
	(void)state;
	configure("symmetric { 8.8.8.8 8.8.4.0/24 9.9.9.9 }\nremote sdp");
	assert_prefixes(c.policy.symmetric, c.policy.nsymmetric,
	    "8.8.8.8 8.8.4.0/24 9.9.9.9");
	assert_int_equal(c.policy.nremotes, 0);
	assert_int_equal(c.policy.remote, REMOTE_SDP);
}

static void
what_is_not_written_has_its_default(void **state)
{
	const struct sip_policy *p = &c.policy;

	(void)state;
	configure("");
	assert_int_equal(p->nserver, 0);
	/* Without `media`, every protected host. */
	assert_prefixes(p->media, p->nmedia, "192.0.2.0/24 2001:db8:2::/64");
	assert_int_equal(p->nremotes, 0);
	assert_int_equal(p->nsymmetric, 0);
	assert_null(p->external);
	assert_int_equal(p->nexternal, 0);
	assert_false(p->redirect);
	assert_int_equal(p->remote, REMOTE_BOTH);
	assert_int_equal(p->media_lo, 1024);
	assert_int_equal(p->media_hi, 65535);
	assert_int_equal(p->nports, 1);
	assert_int_equal(p->max_streams, 16);
	assert_false(p->hold_close);
	assert_true(c.early_media);
	assert_int_equal(c.limit_calls, 50000);
	assert_int_equal(c.limit_per_source, 200);
	assert_int_equal(c.timeout_setup, 180);
	assert_int_equal(c.timeout_max, 43200);
}

static void
without_memory_it_fails(void **state)
{
	(void)state;
	configure("external 203.0.113.5 for 192.0.2.10");
	free(external);
	starve(1);
	assert_int_equal(sip_terms(conf, &place, &external, &c), PH_ENOMEM);
	(void)starve_end();
	assert_null(external);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_is_written_is_told),
		CASE(peers_may_be_symmetric),
		CASE(what_is_not_written_has_its_default),
		CASE(without_memory_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
