/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/holdtext.h"
#include "nft/prefixset.h"
#include "nft/table.h"

enum shape {
	SHAPE_HOST, /* address . address . port */
	SHAPE_PORT, /* address . port . address . port */
	SHAPE_TO,   /* address . port */
	SHAPE_ADDR,
};

enum verdict {
	PASS,	/* `goto ours` */
	PASS_1, /* for one connection */
	LOOK,	/* `goto pinholes` */
	DNAT,
	SNAT,
	SNAT_ADDR,
};

/* clang-format off */
static const struct kind {
	const char *name;
	enum table_part part;
	enum shape shape;
	enum verdict verdict;
	bool net;		/* its sources are in @remotes4, @remotes6 */
	const char *back;	/* looked up mirrored, and only if */
} kinds[SET_NKINDS] = {
	[SET_IN] =	  { "in", PART_BASE, SHAPE_HOST, PASS, 0, NULL },
	[SET_OUT] =	  { "out", PART_BASE, SHAPE_HOST, PASS, 0, NULL },
	[SET_IN_PORT] =	  { "in_port", PART_PORT, SHAPE_PORT, PASS, 0, NULL },
	[SET_OUT_PORT] =  { "out_port", PART_PORT, SHAPE_PORT, PASS, 0, NULL },
	[SET_IN_ANY] =	  { "in_any", PART_ANY, SHAPE_TO, PASS, 0, NULL },
	[SET_IN_NET] =	  { "in_net", PART_NET, SHAPE_TO, PASS, 1, NULL },
	[SET_IN_BACK] =	  { "in_back", PART_BASE, SHAPE_HOST, PASS, 0, "" },
	[SET_OUT_BACK] =  { "out_back", PART_BASE, SHAPE_HOST, PASS, 0,
			    "ct direction reply " },
	[SET_IN_PORT_BACK] =  { "in_port_back", PART_PORT, SHAPE_PORT, PASS, 0, "" },
	[SET_OUT_PORT_BACK] = { "out_port_back", PART_PORT, SHAPE_PORT, PASS, 0,
			    "ct direction reply " },
	[SET_IN_ANY_BACK] =   { "in_any_back", PART_ANY, SHAPE_TO, PASS, 0, "" },
	[SET_IN_NET_BACK] =   { "in_net_back", PART_NET, SHAPE_TO, PASS, 1, "" },
	[SET_ONCE] =	  { "once", PART_ONCE, SHAPE_HOST, PASS_1, 0, NULL },
	[SET_ONCE_PORT] = { "once_port", PART_ONCE, SHAPE_PORT, PASS_1, 0, NULL },
	[SET_ONCE_ANY] =  { "once_any", PART_ONCE, SHAPE_TO, PASS_1, 0, NULL },
	[SET_ONCE_NET] =  { "once_net", PART_ONCE, SHAPE_TO, PASS_1, 1, NULL },
	[SET_DNAT] =	  { "dnat", PART_NAT, SHAPE_HOST, DNAT, 0, NULL },
	[SET_DNAT_ANY] =  { "dnat_any", PART_NAT, SHAPE_TO, DNAT, 0, NULL },
	[SET_DNAT_NET] =  { "dnat_net", PART_NAT, SHAPE_TO, DNAT, 1, NULL },
	[SET_SNAT] =	  { "snat", PART_NAT, SHAPE_HOST, SNAT, 0, NULL },
	[SET_SNAT_ADDR] = { "snat_addr", PART_NAT, SHAPE_HOST, SNAT_ADDR, 0, NULL },
	[SET_HOSTS] =	  { "hosts", PART_BASE, SHAPE_ADDR, LOOK, 0, NULL },
};
/* clang-format on */

unsigned int
set_number(enum set_kind kind, uint8_t proto, uint8_t af)
{
	return (unsigned int)kind * 4 + (proto == IPPROTO_TCP ? 2 : 0) +
	    (af == AF_INET6 ? 1 : 0);
}

enum set_kind
set_kind(unsigned int set)
{
	return (enum set_kind)(set / 4);
}

static uint8_t
set_proto(unsigned int set)
{
	return set & 2 ? IPPROTO_TCP : IPPROTO_UDP;
}

uint8_t
set_af(unsigned int set)
{
	return set & 1 ? AF_INET6 : AF_INET;
}

enum table_part
set_part(unsigned int set)
{
	return set == SET_CONNECTIONS ? PART_ONCE : kinds[set_kind(set)].part;
}

bool
set_exists(unsigned int set)
{
	if (set == SET_CONNECTIONS)
		return true;
	switch (kinds[set_kind(set)].verdict) {
	case PASS_1:
		return set_proto(set) == IPPROTO_TCP;
	case LOOK:
		return set_proto(set) == IPPROTO_UDP;
	default:
		return true;
	}
}

bool
set_expires(unsigned int set)
{
	return set == SET_CONNECTIONS || kinds[set_kind(set)].verdict != LOOK;
}

bool
set_counts(unsigned int set)
{
	return set < SET_COUNT && kinds[set_kind(set)].verdict <= PASS_1;
}

bool
set_is_back(unsigned int set)
{
	return set < SET_COUNT && kinds[set_kind(set)].back != NULL;
}

bool
set_has_back(unsigned int set)
{
	return set_kind(set) < SET_IN_BACK;
}

unsigned int
set_back(unsigned int set)
{
	return set + SET_IN_BACK * 4;
}

unsigned int
set_front(unsigned int set)
{
	return set_is_back(set) ? set - SET_IN_BACK * 4 : set;
}

size_t
set_keylen(unsigned int set)
{
	size_t len = set_af(set) == AF_INET6 ? 16 : 4;

	switch (kinds[set_kind(set)].shape) {
	case SHAPE_HOST:
		return 2 * len + 4;
	case SHAPE_PORT:
		return 2 * len + 8;
	case SHAPE_TO:
		return len + 4;
	case SHAPE_ADDR:
	default:
		return len;
	}
}

size_t
set_datalen(unsigned int set)
{
	size_t len = set_af(set) == AF_INET6 ? 16 : 4;
	enum verdict v = kinds[set_kind(set)].verdict;

	if (v == SNAT_ADDR)
		return len;
	return v == DNAT || v == SNAT ? len + 4 : 0;
}

static const char *
proto_word(unsigned int set)
{
	return set_proto(set) == IPPROTO_TCP ? "tcp" : "udp";
}

static const char *
family_word(unsigned int set)
{
	return set_af(set) == AF_INET6 ? "ip6" : "ip";
}

static char
family_digit(unsigned int set)
{
	return set_af(set) == AF_INET6 ? '6' : '4';
}

const char *
set_name(unsigned int set, char buf[SET_NAMELEN])
{
	/* Every commit asks for the names of a dozen sets. */
	static char names[SET_COUNT + 1][SET_NAMELEN];
	char *name = names[set];

	if (name[0] == '\0' && set == SET_CONNECTIONS)
		snprintf(name, SET_NAMELEN, "connections");
	else if (name[0] == '\0' && set_kind(set) == SET_HOSTS)
		snprintf(name, SET_NAMELEN, "hosts%c", family_digit(set));
	else if (name[0] == '\0')
		snprintf(name, SET_NAMELEN, "%s%c_%s", proto_word(set),
		    family_digit(set), kinds[set_kind(set)].name);
	memcpy(buf, name, SET_NAMELEN);
	return buf;
}

bool
table_name_ok(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return name != NULL && strlen(name) < 32 && strspn(name, letters) > 0 &&
	    name[strspn(name, rest)] == '\0';
}

/* The key as the packet shows it, or as a packet the other way does. */
static void
put_key(struct strbuf *b, unsigned int set, bool mirrored)
{
	const char *ip = family_word(set), *proto = proto_word(set);
	const char *from = mirrored ? "daddr" : "saddr";
	const char *to = mirrored ? "saddr" : "daddr";
	const char *fport = mirrored ? "dport" : "sport";
	const char *tport = mirrored ? "sport" : "dport";

	switch (kinds[set_kind(set)].shape) {
	case SHAPE_HOST:
		/*
		 * The key before translation, for several addresses may lead to
		 * the same port.
		 */
		if (set_kind(set) == SET_ONCE) {
			strbuf_fmt(b,
			    "%s saddr . %s daddr . ct original "
			    "proto-dst",
			    ip, ip);
			break;
		}
		strbuf_fmt(b, "%s %s . %s %s . %s %s", ip, from, ip, to, proto,
		    tport);
		break;
	case SHAPE_PORT:
		strbuf_fmt(b, "%s %s . %s %s . %s %s . %s %s", ip, from, proto,
		    fport, ip, to, proto, tport);
		break;
	case SHAPE_TO:
		strbuf_fmt(b, "%s %s . %s %s", ip, to, proto, tport);
		break;
	case SHAPE_ADDR:
		strbuf_fmt(b, "%s %s", ip, from);
		break;
	}
}

/*
 *	set udp4_in {
 *		type ipv4_addr . ipv4_addr . inet_service
 *		flags timeout
 *		counter
 *	}
 */
static void
put_set(struct strbuf *b, unsigned int set)
{
	const struct kind *k = &kinds[set_kind(set)];
	const char *addr = set_af(set) == AF_INET6 ? "ipv6_addr" : "ipv4_addr";
	char name[SET_NAMELEN];

	strbuf_fmt(b, "\t%s %s {\n\t\ttype %s",
	    k->verdict >= DNAT ? "map" : "set", set_name(set, name), addr);
	if (k->shape == SHAPE_HOST)
		strbuf_fmt(b, " . %s . inet_service", addr);
	else if (k->shape == SHAPE_PORT)
		strbuf_fmt(b, " . inet_service . %s . inet_service", addr);
	else if (k->shape == SHAPE_TO)
		strbuf_str(b, " . inet_service");
	if (k->verdict == SNAT_ADDR)
		strbuf_fmt(b, " : %s", addr);
	else if (k->verdict >= DNAT)
		strbuf_fmt(b, " : %s . inet_service", addr);
	/* Rules may only delete from sets that are `dynamic`. */
	if (k->verdict == PASS_1)
		strbuf_str(b, "\n\t\tsize 65536\n\t\tflags dynamic,timeout\n");
	else if (set_expires(set))
		strbuf_str(b, "\n\t\tflags timeout\n");
	else
		strbuf_str(b, "\n");
	if (set_counts(set))
		strbuf_str(b, "\t\tcounter\n");
	strbuf_str(b, "\t}\n");
}

static void
put_rule(struct strbuf *b, const struct fw_config *config, unsigned int set)
{
	const struct kind *k = &kinds[set_kind(set)];
	bool mirrored = k->back != NULL;
	const char *ip = family_word(set);
	char name[SET_NAMELEN];

	set_name(set, name);
	strbuf_str(b, "\t\t");
	if (k->verdict == PASS_1)
		strbuf_str(b, "tcp flags & (fin|syn|rst|ack) == syn ");
	if (mirrored)
		strbuf_str(b, k->back);
	if (k->net)
		strbuf_fmt(b, "%s %s @remotes%c ", ip,
		    mirrored ? "daddr" : "saddr", family_digit(set));
	if (k->verdict == DNAT)
		strbuf_fmt(b, "dnat %s to ", ip);
	else if (k->verdict == SNAT || k->verdict == SNAT_ADDR)
		strbuf_fmt(b, "snat %s to ", ip);
	put_key(b, set, mirrored);
	if (k->verdict >= DNAT) {
		strbuf_fmt(b, " map @%s\n", name);
		return;
	}
	strbuf_fmt(b, " @%s ", name);
	if (k->verdict == PASS_1) {
		strbuf_fmt(b, "delete @%s { ", name);
		put_key(b, set, mirrored);
		strbuf_str(b, " } goto once\n");
		return;
	}
	if (config->latch && !mirrored && set_kind(set) == SET_IN &&
	    set_proto(set) == IPPROTO_UDP)
		strbuf_fmt(b, "goto latch%c\n", family_digit(set));
	else
		strbuf_str(b, "goto ours\n");
}

static bool
in_part(unsigned int set, enum table_part part)
{
	return set_exists(set) && set_part(set) == part;
}

/* chain udp4 { ... } with what this part adds to it, and its like. */
static unsigned int
put_matches(struct strbuf *b, const struct fw_config *config,
    enum table_part part)
{
	unsigned int i, kind, set, n, nrules = 0;

	for (i = 0; i < 4; i++) {
		strbuf_fmt(b, "\tchain %s%c {\n", proto_word(i),
		    family_digit(i));
		for (n = 0, kind = 0; kind < SET_NKINDS; kind++) {
			set = kind * 4 + i;
			if (!in_part(set, part) || set_is_back(set) ||
			    kinds[kind].verdict > PASS_1)
				continue;
			put_rule(b, config, set);
			n++;
			if (set_has_back(set)) {
				put_rule(b, config, set_back(set));
				n++;
			}
		}
		if (part == PART_ONCE && set_proto(i) == IPPROTO_TCP) {
			strbuf_fmt(b,
			    "\t\tct mark & 0x%x == 0x%x ct id @connections"
			    " update @connections { ct id } goto ours\n",
			    config->mark, config->mark);
			n++;
		}
		strbuf_str(b, "\t}\n");
		nrules += n;
	}
	return nrules;
}

static unsigned int
put_translations(struct strbuf *b, const struct fw_config *config, bool source)
{
	unsigned int set, n = 0;
	enum verdict v;

	for (set = 0; set < SET_COUNT; set++) {
		v = kinds[set_kind(set)].verdict;
		if (v >= DNAT && (v != DNAT) == source) {
			put_rule(b, config, set);
			n++;
		}
	}
	return n;
}

/*
 * Accept in our chain ends only our chain; the user's comes next.  Most packets
 * are none of ours: five cheap rules let them go.
 */
static unsigned int
put_hook(struct strbuf *b, const struct fw_config *config, const char *hook)
{
	char name[SET_NAMELEN];
	unsigned int i, set;

	strbuf_fmt(b,
	    "\tchain %s {\n"
	    "\t\ttype filter hook %s priority filter - 10; policy accept;\n"
	    "\t\tct mark & 0x%x == 0x%x goto pinholes\n",
	    hook, hook, config->mark, config->mark);
	for (i = 0; i < 4; i++) {
		set = set_number(SET_HOSTS, IPPROTO_UDP,
		    i < 2 ? AF_INET : AF_INET6);
		strbuf_str(b, "\t\t");
		put_key(b, set, i % 2 == 1);
		strbuf_fmt(b, " @%s goto pinholes\n", set_name(set, name));
	}
	strbuf_str(b, "\t}\n");
	return 1 + i;
}

/*
 * The chain for UDP from a host that may send from any port.  The first port
 * that it sends from is the only one, until it has been silent for five
 * seconds.  A stranger behind the same NAT, or one who guesses, comes too late.
 */
static unsigned int
put_latch(struct strbuf *b, uint8_t af)
{
	const char *ip = af == AF_INET6 ? "ip6" : "ip";
	const char *type = af == AF_INET6 ? "ipv6_addr" : "ipv4_addr";
	char key[64], digit = af == AF_INET6 ? '6' : '4';

	snprintf(key, sizeof(key), "%s saddr . %s daddr . udp dport", ip, ip);
	strbuf_fmt(b,
	    "\tset heard%c {\n"
	    "\t\ttype %s . %s . inet_service\n"
	    "\t\tsize 262144\n"
	    "\t\tflags dynamic,timeout\n"
	    "\t\ttimeout 5s\n"
	    "\t}\n"
	    "\tset latched%c {\n"
	    "\t\ttype %s . %s . inet_service . inet_service\n"
	    "\t\tsize 262144\n"
	    "\t\tflags dynamic,timeout\n"
	    "\t\ttimeout 5s\n"
	    "\t}\n",
	    digit, type, type, digit, type, type);
	strbuf_fmt(b,
	    "\tchain latch%c {\n"
	    "\t\t%s . udp sport @latched%c update @heard%c { %s }"
	    " update @latched%c { %s . udp sport } goto ours\n"
	    "\t\t%s @heard%c drop\n"
	    "\t\tadd @heard%c { %s } add @latched%c { %s . udp sport }"
	    " goto ours\n"
	    "\t}\n",
	    digit, key, digit, digit, key, digit, key, key, digit, digit, key,
	    digit, key);
	return 3;
}

static unsigned int
put_base(struct strbuf *b, const struct fw_config *config)
{
	uint32_t m = config->mark;
	unsigned int nrules = 0;

	prefixset_text(b, "remotes", AF_INET, config->remotes,
	    config->nremotes);
	prefixset_text(b, "remotes", AF_INET6, config->remotes,
	    config->nremotes);
	/*
	 * A connection that ran both ways before there was a pinhole for it
	 * is the user's own, and stays so when the pinhole closes.
	 */
	strbuf_str(b, "\tchain ours {\n");
	if (config->log) {
		strbuf_fmt(b,
		    "\t\tct state new ct mark & 0x%x == 0"
		    " log prefix \"pinholed: \"\n",
		    m);
		nrules++;
	}
	strbuf_fmt(b,
	    "\t\tmeta mark set meta mark | 0x%x\n"
	    "\t\tct status assured accept\n"
	    "\t\tct mark set ct mark | 0x%x\n"
	    "\t\taccept\n"
	    "\t}\n",
	    m, m);
	nrules += 4;
	if (config->latch)
		nrules += put_latch(b, AF_INET) + put_latch(b, AF_INET6);
	nrules += put_matches(b, config, PART_BASE);
	/*
	 * A connection that used a pinhole and is no longer in a set is dropped
	 * here, before the user's chain can accept it as established.
	 */
	strbuf_fmt(b,
	    "\tchain pinholes {\n"
	    "\t\tmeta nfproto . meta l4proto vmap {"
	    " ipv4 . udp : jump udp4, ipv4 . tcp : jump tcp4,"
	    " ipv6 . udp : jump udp6, ipv6 . tcp : jump tcp6 }\n"
	    "\t\tmeta l4proto { tcp, udp } ct mark & 0x%x == 0x%x drop\n"
	    "\t}\n",
	    m, m);
	nrules += 2 + put_hook(b, config, "forward");
	if (config->local) {
		nrules += put_hook(b, config, "input");
		nrules += put_hook(b, config, "output");
	}
	return nrules + hold_text(b, config);
}

static unsigned int
put_once(struct strbuf *b, const struct fw_config *config)
{
	strbuf_str(b,
	    "\tset connections {\n"
	    "\t\ttypeof ct id\n"
	    "\t\tsize 65536\n"
	    "\t\tflags dynamic,timeout\n"
	    "\t\ttimeout 2h\n"
	    "\t}\n"
	    "\tchain once {\n"
	    "\t\tadd @connections { ct id }\n"
	    "\t\tgoto ours\n"
	    "\t}\n");
	return 2 + put_matches(b, config, PART_ONCE);
}

static unsigned int
put_nat(struct strbuf *b, const struct fw_config *config)
{
	unsigned int nrules;

	strbuf_str(b,
	    "\tchain prerouting {\n"
	    "\t\ttype nat hook prerouting priority dstnat - 10;"
	    " policy accept;\n");
	nrules = put_translations(b, config, false);
	strbuf_str(b,
	    "\t}\n"
	    "\tchain postrouting {\n"
	    "\t\ttype nat hook postrouting priority srcnat - 10;"
	    " policy accept;\n");
	nrules += put_translations(b, config, true);
	strbuf_str(b, "\t}\n");
	return nrules;
}

static unsigned int
put_part(struct strbuf *b, const struct fw_config *config, enum table_part part)
{
	unsigned int set;

	for (set = 0; set < SET_COUNT; set++)
		if (in_part(set, part))
			put_set(b, set);
	switch (part) {
	case PART_BASE:
		return put_base(b, config);
	case PART_ONCE:
		return put_once(b, config);
	case PART_NAT:
		return put_nat(b, config);
	default:
		return put_matches(b, config, part);
	}
}

unsigned int
table_text(struct strbuf *out, const struct fw_config *config,
    enum table_part part)
{
	char comment[TABLE_COMMENTLEN];
	unsigned int nrules;

	if (part == PART_BASE)
		/* `add` first, so that `delete` cannot fail. */
		strbuf_fmt(out,
		    "add table inet %s\n"
		    "delete table inet %s\n"
		    "table inet %s {\n"
		    "\tcomment \"%s\"\n",
		    config->name, config->name, config->name,
		    table_comment(config, comment));
	else
		strbuf_fmt(out, "table inet %s {\n", config->name);
	nrules = put_part(out, config, part);
	strbuf_str(out, "}\n");
	return nrules;
}

/* Enough for the text of any part. */
static size_t
table_text_size(const struct fw_config *config)
{
	return 16384 + config->nremotes * PREFIXSET_ELEMENT +
	    hold_text_size(&config->hold);
}

enum ph_err
table_parts_text(const struct fw_config *config, unsigned int parts, char **out)
{
	size_t size = TABLE_NPARTS * table_text_size(config);
	struct strbuf text;
	int part;

	if ((*out = malloc(size)) == NULL)
		return PH_ENOMEM;
	text = strbuf_of(*out, size);
	for (part = 0; part < TABLE_NPARTS; part++)
		if (parts & 1u << part)
			(void)table_text(&text, config, (enum table_part)part);
	if (!text.full)
		return PH_OK;
	free(*out);
	return PH_ELIMIT;
}

/* FNV-1a; the input is our own text, so no keyed hash is needed. */
static uint32_t
text_hash(uint32_t h, const struct strbuf *b)
{
	size_t i;

	for (i = 0; i < b->len; i++)
		h = (h ^ (uint8_t)b->p[i]) * 16777619u;
	return h;
}

unsigned int
table_rules(const struct fw_config *config, unsigned int parts)
{
	char none[1];
	struct strbuf nowhere = strbuf_of(none, sizeof(none));
	unsigned int n = 0;
	int part;

	for (part = 0; part < TABLE_NPARTS; part++)
		if (parts & 1u << part)
			n += put_part(&nowhere, config, (enum table_part)part);
	return n;
}

uint32_t
table_layout(const struct fw_config *config)
{
	size_t size = table_text_size(config);
	uint32_t h = 2166136261u;
	struct strbuf b;
	char *text;
	int part;

	if ((text = malloc(size)) == NULL)
		return 0;
	for (part = 0; part < TABLE_NPARTS; part++) {
		b = strbuf_of(text, size);
		(void)put_part(&b, config, (enum table_part)part);
		h = text_hash(h, &b);
	}
	free(text);
	return h;
}

const char *
table_comment(const struct fw_config *config, char buf[TABLE_COMMENTLEN])
{
	snprintf(buf, TABLE_COMMENTLEN, TABLE_COMMENT "%08x",
	    table_layout(config));
	return buf;
}
