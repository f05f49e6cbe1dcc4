/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/compat/process.h"
#include "src/process/iface.h"
#include "tests/unit/unit.h"

/* Where this machine is, on interfaces that are told by this test. */
int __wrap_getifaddrs(struct ifaddrs **out);
void __wrap_freeifaddrs(struct ifaddrs *list);
uint32_t __wrap_process_interface_index(const char *name);
bool __wrap_process_has_interface(const char *name);
unsigned int __wrap_if_nametoindex(const char *name);

static struct link {
	const char *name, *prefix; /* with host bits */
	unsigned int flags;
} links[300];
static size_t nlinks;
static uint32_t moved; /* added to each index */
static bool broken;
static struct iface f;
static char text[512];

int
__wrap_getifaddrs(struct ifaddrs **out)
{
	struct sockaddr_storage *ss = calloc(2 * nlinks + 1, sizeof(*ss));
	struct ifaddrs *v = calloc(nlinks + 1, sizeof(*v));
	struct endpoint at = { 0 }, mask = { 0 };
	struct span addr, len;
	uint64_t bits;
	size_t i;
	unsigned int k;

	assert_non_null(ss);
	assert_non_null(v);
	*out = NULL;
	for (i = nlinks; i-- > 0;) {
		v[i].ifa_next = *out;
		*out = &v[i];
		v[i].ifa_name = (char *)(uintptr_t)links[i].name;
		v[i].ifa_flags = links[i].flags;
		v[i].ifa_data = v;
		if (links[i].prefix == NULL)
			continue; /* as one of the link layer */
		addr = span_cut(span_of(links[i].prefix), '/', &len);
		assert_int_equal(addr_parse(addr, &at.addr), PH_OK);
		(void)endpoint_to_sockaddr(&at, &ss[2 * i]);
		v[i].ifa_addr = (struct sockaddr *)&ss[2 * i];
		if (!span_number(len, 128, &bits))
			continue; /* without a mask */
		memset(&mask, 0, sizeof(mask));
		mask.addr.af = at.addr.af;
		for (k = 0; k < bits; k++)
			mask.addr.b[k / 8] |= (uint8_t)(0x80 >> k % 8);
		(void)endpoint_to_sockaddr(&mask, &ss[2 * i + 1]);
		v[i].ifa_netmask = (struct sockaddr *)&ss[2 * i + 1];
	}
	v[nlinks].ifa_data = ss;
	if (*out == NULL) {
		free(ss);
		free(v);
	}
	return broken ? -1 : 0;
}

void
__wrap_freeifaddrs(struct ifaddrs *list)
{
	if (list == NULL)
		return;
	free(list[nlinks].ifa_data);
	free(list);
}

uint32_t
__wrap_process_interface_index(const char *name)
{
	uint64_t number = 0;

	(void)span_number(span_of(name + 2), 99, &number);
	return name[0] == 'x' ? 0 : (uint32_t)number + 1 + moved;
}

unsigned int
__wrap_if_nametoindex(const char *name)
{
	return __wrap_process_interface_index(name);
}

/* The system lists interfaces of others, too: here those named j... */
bool
__wrap_process_has_interface(const char *name)
{
	return name[0] != 'j';
}

static void
there_is(const char *name, const char *prefix)
{
	assert_true(nlinks < ROWS(links));
	links[nlinks++] = (struct link) { name, prefix,
		strcmp(name, "lo") == 0 ? IFF_LOOPBACK : 0 };
}

static int
setup(void **state)
{
	(void)state;
	nlinks = 0;
	moved = 0;
	broken = false;
	there_is("lo", "127.0.0.1/8");
	there_is("em0", NULL);
	there_is("em0", "203.0.113.5/24");
	there_is("em1", "192.0.2.1/24");
	there_is("em1", "fe80::1/64");
	there_is("em1", "2001:db8:1::1/64");
	return 0;
}

static enum ph_err
find(const char *s)
{
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct conf *c;
	enum ph_err rc;

	assert_int_equal(conf_parse(&c, span_of(s), "test", NULL, 0, stderr),
	    PH_OK);
	rc = iface_find(&f, c, &why);
	conf_free(c);
	return rc;
}

static void
protected_hosts_are_behind_an_interface(void **state)
{
	static const struct {
		const char *conf;
		size_t n;
		const char *name;
	} rows[] = {
		{ "protect { 192.0.2.0/24 }\n", 1, "em1" },
		{ "protect { 192.0.2.128/25 }\n", 1, "em1" },
		{ "protect { 192.0.0.0/16 }\n", 1, "em1" },
		{ "protect { 2001:db8:1::/64 }\n", 1, "em1" },
		{ "protect { 192.0.2.0/24 2001:db8:1::/64 }\n", 1, "em1" },
		{ "protect { 203.0.113.0/24 192.0.2.0/24 }\n", 2, "em0" },
		{ "protect { 203.0.113.7 }\n", 1, "em0" },
		/* The firewall itself: nobody is behind it. */
		{ "protect { 203.0.113.5 }\n", 0, "" },
		{ "protect { 192.0.2.0/24 }\ninterface { em7 }\n", 1, "em7" },
		{ "protect { 192.0.2.0/24 }\ninterface { em1 em0 em1 }\n", 2,
		    "em1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		assert_int_equal(find(rows[i].conf), PH_OK);
		assert_int_equal(f.n, rows[i].n);
		assert_string_equal(f.name[0], rows[i].name);
		if (f.n > 0)
			assert_int_equal(f.index[0], rows[i].name[2] - '0' + 1);
	}
}

static void
own_addresses_are_those_that_others_see(void **state)
{
	(void)state;
	there_is("jail0", "198.51.100.1/24");
	there_is("em2", "169.254.7.7/16");
	assert_int_equal(find("protect { 192.0.2.0/24 }\n"), PH_OK);
	assert_int_equal(f.nown, 3);
	assert_int_equal(f.nownprotected, 1);
	assert_true(addr_eq(&f.ownprotected[0], &f.own[1]));
	assert_int_equal(f.own[2].af, AF_INET6);
}

static void
no_more_addresses_than_there_is_room_for(void **state)
{
	static char names[300][24];
	size_t i;

	(void)state;
	for (i = 0; i < 280; i++) {
		snprintf(names[i], sizeof(names[i]), "192.0.2.%zu/32", i % 250);
		there_is("em1", names[i]);
	}
	assert_int_equal(find("protect { 192.0.2.0/24 }\n"), PH_OK);
	assert_int_equal(f.nown, IFACE_MAX_OWN);
}

static void
what_is_not_there_is_told(void **state)
{
	char s[512] = "protect { 192.0.2.0/24 }\ninterface {";
	int i;

	(void)state;
	assert_int_equal(find("protect { 192.0.2.0/24 }\ninterface { em1 x1 "
			      "}\n"),
	    PH_EBAD);
	assert_string_equal(text, "test:2:17: there is no interface \"x1\"");
	nlinks = 1;
	assert_int_equal(find("protect { 240.0.0.0/24 }\n"), PH_EBAD);
	assert_string_equal(text,
	    "test:1:1: no interface reaches the hosts of `protect`; name one: "
	    "interface em1");
	for (i = 0; i < 17; i++)
		snprintf(s + strlen(s), sizeof(s) - strlen(s), " em%d", i);
	strlcat(s, " }\n", sizeof(s));
	assert_int_equal(find(s), PH_ELIMIT);
	assert_string_equal(text, "more than 16 inside interfaces");
	assert_int_equal(f.n, 16);
	nlinks = 0;
	broken = true;
	assert_int_equal(find("protect { 192.0.2.0/24 }\n"), PH_EIO);
}

static void
an_interface_that_was_made_anew_has_moved(void **state)
{
	(void)state;
	assert_int_equal(find("protect { 203.0.113.0/24 192.0.2.0/24 }\n"),
	    PH_OK);
	assert_false(iface_moved(&f));
	moved = 5;
	assert_true(iface_moved(&f));
	moved = 0;
	/* An interface that is gone does not count. */
	f.name[0][0] = 'x';
	assert_false(iface_moved(&f));
	f.index[1]++;
	assert_true(iface_moved(&f));
}

#define T(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(protected_hosts_are_behind_an_interface),
		T(own_addresses_are_those_that_others_see),
		T(no_more_addresses_than_there_is_room_for),
		T(what_is_not_there_is_told),
		T(an_interface_that_was_made_anew_has_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
