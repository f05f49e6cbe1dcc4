/* SPDX-License-Identifier: ISC */
/* Which interface leads to a prefix of which it has no address. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/compat/process.h"
#include "src/process/iface.h"
#include "tests/unit/unit.h"

/* Where this machine is, and how it reaches others, as this test tells. */
int __wrap_getifaddrs(struct ifaddrs **out);
void __wrap_freeifaddrs(struct ifaddrs *list);
uint32_t __wrap_process_interface_index(const char *name);
bool __wrap_process_has_interface(const char *name);
unsigned int __wrap_if_nametoindex(const char *name);
int __wrap_socket(int domain, int type, int proto);
int __real_socket(int domain, int type, int proto);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len);

static struct {
	const char *name, *addr, *mask;
	unsigned int flags;
	uint32_t index;
} links[24];
static size_t nlinks;
static char text[512], reached[64];
static const char *source; /* that the kernel would speak from; NULL: none */
static bool no_socket, no_name;
static int type_asked, family_asked;
static unsigned int freed;
static struct iface f;

static void
sockaddr_of(const char *addr, struct sockaddr_storage *ss)
{
	struct endpoint at = { 0 };

	assert_int_equal(addr_parse(span_of(addr), &at.addr), PH_OK);
	(void)endpoint_to_sockaddr(&at, ss);
}

int
__wrap_getifaddrs(struct ifaddrs **out)
{
	static struct ifaddrs v[ROWS(links)];
	static struct sockaddr_storage ss[2 * ROWS(links)];
	size_t i;

	memset(v, 0, sizeof(v));
	*out = NULL;
	for (i = nlinks; i-- > 0;) {
		v[i].ifa_next = *out;
		*out = &v[i];
		v[i].ifa_name = (char *)(uintptr_t)links[i].name;
		v[i].ifa_flags = links[i].flags;
		if (links[i].addr == NULL)
			continue;
		sockaddr_of(links[i].addr, &ss[2 * i]);
		v[i].ifa_addr = (struct sockaddr *)&ss[2 * i];
		if (links[i].mask == NULL)
			continue;
		sockaddr_of(links[i].mask, &ss[2 * i + 1]);
		v[i].ifa_netmask = (struct sockaddr *)&ss[2 * i + 1];
	}
	return 0;
}

void
__wrap_freeifaddrs(struct ifaddrs *list)
{
	(void)list;
	freed++;
}

uint32_t
__wrap_process_interface_index(const char *name)
{
	size_t i;

	for (i = 0; i < nlinks; i++)
		if (strcmp(links[i].name, name) == 0)
			return links[i].index;
	return 0;
}

unsigned int
__wrap_if_nametoindex(const char *name)
{
	return __wrap_process_interface_index(name);
}

bool
__wrap_process_has_interface(const char *name)
{
	return name[0] != 'j';
}

int
__wrap_socket(int domain, int type, int proto)
{
	family_asked = domain;
	type_asked = type;
	return no_socket ? -1 : __real_socket(domain, type, proto);
}

int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct endpoint to = endpoint_from_sockaddr(sa);

	(void)fd;
	assert_int_equal(sa->sa_family, family_asked);
	assert_int_equal(len,
	    sa->sa_family == AF_INET ? sizeof(struct sockaddr_in)
				     : sizeof(struct sockaddr_in6));
	endpoint_format(&to, reached);
	errno = ENETUNREACH;
	return source != NULL ? 0 : -1;
}

int
__wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_storage ss;

	(void)fd;
	assert_true(*len >= sizeof(ss));
	sockaddr_of(source, &ss);
	memcpy(sa, &ss, sizeof(ss));
	return no_name ? -1 : 0;
}

static void
there_is(const char *name, const char *addr, const char *mask)
{
	assert_true(nlinks < ROWS(links));
	links[nlinks].name = name;
	links[nlinks].addr = addr;
	links[nlinks].mask = mask;
	links[nlinks].flags = name[0] == 'l' ? IFF_LOOPBACK | IFF_UP : IFF_UP;
	links[nlinks++].index = (uint32_t)(name[2] - '0') + 100;
}

static int
setup(void **state)
{
	(void)state;
	nlinks = 0;
	source = NULL;
	no_socket = no_name = false;
	freed = 0;
	there_is("lo0", "127.0.0.1", "255.0.0.0");
	there_is("lo0", "::1", NULL);
	there_is("lo0", "10.9.9.9", "255.255.255.255");
	there_is("em0", "203.0.113.5", "255.255.255.0");
	there_is("em1", "192.0.2.1", "255.255.255.128");
	there_is("em1", "fe80::1", "ffff:ffff:ffff:ffff::");
	there_is("em1", "2001:db8:1::1", "ffff:ffff:ffff:fffe::");
	there_is("em2", "198.51.100.1", NULL);
	there_is("em3", "2001:db8:3::1", NULL);
	there_is("ja4", "10.4.0.1", "255.255.0.0");
	return 0;
}

static enum ph_err
find(const char *protect)
{
	struct strbuf why = strbuf_of(text, sizeof(text));
	char s[256];
	struct conf *c;
	enum ph_err rc;

	reached[0] = '\0';
	snprintf(s, sizeof(s), "protect { %s }\n", protect);
	assert_int_equal(conf_parse(&c, span_of(s), "test", NULL, 0, stderr),
	    PH_OK);
	rc = iface_find(&f, c, &why);
	conf_free(c);
	return rc;
}

static void
a_prefix_has_its_interface(void **state)
{
	/* clang-format off */
	static const struct {
		const char *protect, *source;
		const char *reached;	/* who was asked for a way; "": nobody */
		const char *name;	/* NULL: none */
	} rows[] = {
		/* One of its own, by its mask. */
		{ "192.0.2.0/25", NULL, "", "em1" },
		{ "192.0.2.127", NULL, "", "em1" },
		{ "192.0.2.128", NULL, "192.0.2.128:9", NULL },
		{ "192.0.2.0/24", NULL, "", "em1" },
		{ "2001:db8:1:1::5", NULL, "", "em1" },
		{ "2001:db8:1:2::5", NULL, "[2001:db8:1:2::5]:9", NULL },
		{ "2001:db8:1:2::/64", NULL, "[2001:db8:1:2::1]:9", NULL },
		/* Without a mask, it is itself alone. */
		{ "198.51.100.0/24", NULL, "", "em2" },
		{ "198.51.100.2", NULL, "198.51.100.2:9", NULL },
		{ "2001:db8:3::/64", NULL, "", "em3" },
		{ "2001:db8:3::2", NULL, "[2001:db8:3::2]:9", NULL },
		/* By a way that the kernel knows: to the first host of it. */
		{ "172.16.0.0/12", "192.0.2.1", "172.16.0.1:9", "em1" },
		{ "172.16.0.0/31", "192.0.2.1", "172.16.0.1:9", "em1" },
		{ "172.16.0.6", "203.0.113.5", "172.16.0.6:9", "em0" },
		{ "2001:db8:7::/48", "2001:db8:1::1", "[2001:db8:7::1]:9", "em1" },
		{ "2001:db8:7::/127", "2001:db8:3::1", "[2001:db8:7::1]:9", "em3" },
		{ "2001:db8:7::6", "2001:db8:3::1", "[2001:db8:7::6]:9", "em3" },
		/* Addresses that every host has, or another network. */
		{ "127.0.0.0/8", NULL, "127.0.0.1:9", NULL },
		{ "172.16.0.0/12", "10.9.9.9", "172.16.0.1:9", NULL },
		{ "10.9.9.0/24", NULL, "10.9.9.1:9", NULL },
		{ "10.4.0.0/16", NULL, "10.4.0.1:9", NULL },
		{ "10.4.0.0/16", "10.4.0.1", "10.4.0.1:9", NULL },
		{ "172.16.0.0/12", "172.31.0.1", "172.16.0.1:9", NULL },
		{ "fe80::/10", NULL, "[fe80::1]:9", NULL },
	};
	/* clang-format on */
	enum ph_err rc;
	size_t i;
	int how;

	for (i = 0; i < ROWS(rows); i++)
		for (how = 0; how < 3; how++) {
			const char *name = rows[i].name;

			setup(state);
			print_message("%s %d\n", rows[i].protect, how);
			source = rows[i].source;
			no_socket = how == 1;
			no_name = how == 2;
			if (rows[i].reached[0] != '\0' && how > 0)
				name = NULL;
			type_asked = 0;
			rc = find(rows[i].protect);
			assert_int_equal(rc,
			    name != NULL || f.nownprotected > 0 ? PH_OK
								: PH_EBAD);
			assert_string_equal(reached,
			    how == 1 ? "" : rows[i].reached);
			assert_int_equal(type_asked,
			    rows[i].reached[0] != '\0' ? SOCK_DGRAM : 0);
			assert_int_equal(f.n, name != NULL);
			assert_int_equal(freed, 1);
			if (name == NULL)
				continue;
			assert_string_equal(f.name[0], name);
			assert_int_equal(f.index[0], name[2] - '0' + 100);
		}
}

/* Two that share a network, and one that is met twice. */
static void
each_interface_is_there_once(void **state)
{
	(void)state;
	there_is("em5", "192.0.2.2", "255.255.255.0");
	there_is("em1", "192.0.2.3", "255.255.255.0");
	assert_int_equal(find("192.0.2.0/24 192.0.2.64/26 198.51.100.0/24"),
	    PH_OK);
	assert_int_equal(f.n, 3);
	assert_string_equal(f.name[0], "em1");
	assert_string_equal(f.name[1], "em5");
	assert_string_equal(f.name[2], "em2");
	assert_false(iface_moved(&f));
	links[7].index++; /* em2 */
	assert_true(iface_moved(&f));
}

/* Own addresses: those of us that others can reach. */
static void
own_addresses_are_told_without_interfaces(void **state)
{
	/* clang-format off */
	static const char *const own[] = { "10.9.9.9", "203.0.113.5",
		"192.0.2.1", "2001:db8:1::1", "198.51.100.1", "2001:db8:3::1" };
	static const struct {
		const char *addr;
		bool everywhere;
	} rows[] = {
		{ "127.0.0.2", true }, { "127.255.255.255", true },
		{ "126.0.0.1", false }, { "128.0.0.1", false },
		{ "169.254.0.1", true }, { "169.254.255.255", true },
		{ "169.253.0.1", false }, { "169.255.0.1", false },
		{ "168.254.0.1", false },
		{ "fe80::5", true }, { "febf::5", true }, { "fec0::5", false },
		{ "::2", false },
	};
	/* clang-format on */
	struct strbuf why = strbuf_of(text, sizeof(text));
	struct conf *c;
	struct addr a;
	size_t i;

	assert_int_equal(conf_parse(&c,
			     span_of("protect { 192.0.2.0/24 10.0.0.0/8 "
				     "2001:db8:3::1 }\n"),
			     "test", NULL, 0, stderr),
	    PH_OK);
	memset(&f, 0x5a, sizeof(f));
	assert_int_equal(iface_own(&f, c, &why), PH_OK);
	assert_int_equal(freed, 1);
	assert_int_equal(f.n, 0);
	assert_int_equal(f.nown, ROWS(own));
	for (i = 0; i < ROWS(own); i++) {
		assert_int_equal(addr_parse(span_of(own[i]), &a), PH_OK);
		assert_true(addr_eq(&f.own[i], &a));
	}
	assert_int_equal(f.nownprotected, 3);
	assert_true(addr_eq(&f.ownprotected[0], &f.own[0]) &&
	    addr_eq(&f.ownprotected[1], &f.own[2]) &&
	    addr_eq(&f.ownprotected[2], &f.own[5]));
	for (i = 0; i < ROWS(rows); i++) {
		setup(state);
		there_is("em6", rows[i].addr, NULL);
		assert_int_equal(iface_own(&f, c, &why), PH_OK);
		assert_int_equal(f.nown, ROWS(own) + !rows[i].everywhere);
	}
	conf_free(c);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_prefix_has_its_interface),
		T(each_interface_is_there_once),
		T(own_addresses_are_told_without_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
