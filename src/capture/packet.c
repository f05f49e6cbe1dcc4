/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "src/base/wire.h"
#include "src/capture/ipfrag.h"
#include "src/capture/link.h"
#include "src/capture/packet.h"
#include "src/capture/tcpstream.h"
#include "src/capture/twins.h"

#define RECENT	       64
#define RECENT_WITHIN  INT64_C(50000) /* microseconds */
#define MAX_EXTENSIONS 8
#define ETHERTYPE_IP   0x0800
#define ETHERTYPE_IPV6 0x86dd

struct recent {
	uint64_t digest;
	int64_t ts;
};

struct packets {
	const struct capture_port *ports;
	size_t nports;
	struct ipfrag *frag;
	struct tcpstream *tcp;
	struct twins *twins;		/* NULL: none is held */
	const struct packet_held *held; /* the packet at hand is */
	struct capture_stats n;
	struct recent recent[RECENT];
	size_t nextrecent;
	uint8_t udp[(UINT16_MAX + 1) / 8]; /* a bit for each of our ports */
};

struct packets *
packets_new(const struct capture_port *ports, size_t nports)
{
	struct packets *p = calloc(1, sizeof(*p));
	size_t i;

	if (p == NULL)
		return NULL;
	p->ports = ports;
	p->nports = nports;
	for (i = 0; i < nports; i++)
		if (ports[i].proto == IPPROTO_UDP)
			p->udp[ports[i].port / 8] |=
			    (uint8_t)(1u << ports[i].port % 8);
	p->frag = ipfrag_new();
	p->tcp = tcpstream_new();
	if (p->frag == NULL || p->tcp == NULL) {
		packets_free(p, NULL);
		return NULL;
	}
	return p;
}

void
packets_free(struct packets *p, const struct capture_sink *sink)
{
	if (p == NULL)
		return;
	ipfrag_free(p->frag);
	tcpstream_free(p->tcp, sink);
	twins_free(p->twins);
	free(p);
}

struct capture_stats *
packets_stats(struct packets *p)
{
	return &p->n;
}

void
packets_expire(struct packets *p, int64_t now, const struct capture_sink *sink)
{
	ipfrag_expire(p->frag, now, &p->n);
	tcpstream_expire(p->tcp, now, sink, &p->n);
}

int64_t
packets_due(const struct packets *p)
{
	int64_t frag = ipfrag_due(p->frag), tcp = tcpstream_due(p->tcp);

	return frag < tcp ? frag : tcp;
}

int64_t
packets_next(const struct packets *p)
{
	return tcpstream_next(p->tcp);
}

bool
packets_flush(struct packets *p, const struct capture_sink *sink)
{
	return tcpstream_flush(p->tcp, sink);
}

void
packets_adopt(struct packets *p, uint64_t key, const void *record, size_t len,
    int64_t now)
{
	tcpstream_adopt(p->tcp, key, record, len, now);
}

static bool
packet_counts(const struct packets *p, const struct datagram *d)
{
	size_t i;

	for (i = 0; i < p->nports; i++)
		if (p->ports[i].proto == d->proto &&
		    (p->ports[i].port == d->src.port ||
			p->ports[i].port == d->dst.port))
			return true;
	return false;
}

static uint64_t
digest_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* Four at a time, for each multiplication waits for the one before it. */
static uint64_t
digest_mix(uint64_t h, const void *bytes, size_t len)
{
	uint64_t word, lane[4] = { h, ~h, h << 1, ~h << 1 };
	uint8_t last[sizeof(word)] = { 0 };
	const uint8_t *b = bytes;
	size_t i;

	if (len >= sizeof(lane)) {
		for (; len >= sizeof(lane); len -= sizeof(lane))
			for (i = 0; i < 4; i++, b += sizeof(word)) {
				memcpy(&word, b, sizeof(word));
				lane[i] = digest_word(lane[i], word);
			}
		for (i = 0; i < 4; i++)
			h = digest_word(h, lane[i]);
	}
	for (; len >= sizeof(word); b += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, b, sizeof(word));
		h = digest_word(h, word);
	}
	if (len > 0) {
		memcpy(last, b, len);
		last[sizeof(last) - 1] = (uint8_t)len; /* where it ends */
		memcpy(&word, last, sizeof(word));
		h = digest_word(h, word);
	}
	return h;
}

/*
 * The same packet recorded twice (mirror ports, a capture of two interfaces
 * in one file) within a moment.  A retransmission by its sender comes later,
 * half a second for SIP.  Only repetition at the same place counts, for a
 * packet seen coming in may not count where it is seen going out.
 */
static bool
packet_is_duplicate(struct packets *p, const struct datagram *d, uint32_t id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	h = digest_mix(h, &d->src.addr, sizeof(d->src.addr));
	h = digest_mix(h, &d->dst.addr, sizeof(d->dst.addr));
	h = digest_mix(h, &d->src.port, sizeof(d->src.port));
	h = digest_mix(h, &d->dst.port, sizeof(d->dst.port));
	h = digest_mix(h, &d->dir, sizeof(d->dir));
	h = digest_mix(h, &d->ifindex, sizeof(d->ifindex));
	h = digest_mix(h, &id, sizeof(id));
	h = digest_mix(h, d->payload.p, d->payload.len);
	for (i = 0; i < RECENT; i++)
		if (p->recent[i].digest == h && p->recent[i].ts != 0 &&
		    d->ts - p->recent[i].ts <= RECENT_WITHIN) {
			p->n.duplicates++;
			return true;
		}
	p->recent[p->nextrecent] = (struct recent) { h, d->ts };
	p->nextrecent = (p->nextrecent + 1) % RECENT;
	return false;
}

static bool
begins_as_text(struct span payload)
{
	return payload.len > 0 && payload.p[0] >= 'A' && payload.p[0] <= 'Z';
}

/* Read before, from where it is held or by libpcap? */
static bool
packet_is_twin(struct packets *p, const struct datagram *d,
    const struct tcp_segment *g)
{
	uint64_t extra[2] = { 0, 0 };

	if (p->twins == NULL)
		return false;
	if (g != NULL) {
		extra[0] = (uint64_t)g->seq << 32 | g->ack;
		extra[1] = g->flags;
	}
	if (!twins_input(p->twins, d, extra))
		return false;
	p->n.twins++;
	return true;
}

/* Where the packet will leave; false: to nowhere, for it is for us. */
static bool
packet_leaves_by(const struct packet_held *h, const struct addr *to,
    uint32_t *ifindex)
{
	size_t i;

	for (i = 0; i < h->nnets; i++)
		if (prefix_contains(&h->nets[i].net, to)) {
			*ifindex = h->nets[i].ifindex;
			return *ifindex != 0;
		}
	*ifindex = h->nifs == 1 ? h->ifs[0] : 0;
	return true;
}

/* The interface and direction of one that is held before it is routed. */
static bool
packet_place_early(const struct packet_held *h, struct datagram *d)
{
	bool from_inside =
	    prefixes_contain(h->inside, h->ninside, &d->src.addr);

	if (from_inside && d->proto == IPPROTO_TCP &&
	    prefixes_contain(h->inside, h->ninside, &d->dst.addr))
		return false;
	d->dir = PKT_OUT;
	if (from_inside || !packet_leaves_by(h, &d->dst.addr, &d->ifindex)) {
		d->dir = PKT_IN;
		d->ifindex = h->indev;
	}
	return d->ifindex != 0;
}

static void
packet_place_routed(const struct packet_held *h, struct datagram *d)
{
	if (h->outdev == 0 ||
	    (h->indev != 0 &&
		prefixes_contain(h->inside, h->ninside, &d->src.addr)))
		d->dir = PKT_IN;
	else
		d->dir = PKT_OUT;
	d->ifindex = d->dir == PKT_IN ? h->indev : h->outdev;
}

/* The interface and direction where a held packet counts. */
static bool
packet_place(struct packets *p, struct datagram *d)
{
	const struct packet_held *h = p->held;
	size_t i;

	if (h == NULL)
		return true;
	if (h->nets == NULL)
		packet_place_routed(h, d);
	else if (!packet_place_early(h, d))
		return false;
	for (i = 0; i < h->nifs; i++)
		if (h->ifs[i] == d->ifindex)
			return true;
	return h->nifs == 0;
}

static void
packet_udp(struct packets *p, struct datagram *d, struct span seg, uint32_t id,
    const struct capture_sink *sink)
{
	struct cursor c = cursor_of(seg.p, seg.len);
	uint16_t len;

	d->src.port = cursor_u16(&c);
	d->dst.port = cursor_u16(&c);
	len = cursor_u16(&c);
	cursor_skip(&c, 2);
	/*
	 * RFC 768; a length that differs from IP's could be read in two ways:
	 * refuse it.
	 */
	if (c.bad || len < 8 || len > seg.len) {
		p->n.malformed++;
		return;
	}
	d->payload = cursor_span(&c, len - 8u);
	if (!packet_counts(p, d)) {
		p->n.ignored++;
		if (sink->other != NULL && begins_as_text(d->payload))
			sink->other(sink->ctx, d);
		return;
	}
	if (!packet_is_twin(p, d, NULL) &&
	    (d->held || !packet_is_duplicate(p, d, id)))
		sink->udp(sink->ctx, d);
}

/* The sum of RFC 1071, not folded. */
static uint64_t
checksum_add(uint64_t sum, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint64_t)b[i] << 8 | b[i + 1];
	if (i < len)
		sum += (uint64_t)b[i] << 8;
	return sum;
}

static uint16_t
sum_fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/*
 * RFC 9293 section 3.1.  Where the hardware finishes it, and on the way
 * between virtual machines nobody does, it is that of the pseudo header.
 */
static bool
tcp_checksum_good(const struct datagram *d, struct span seg)
{
	size_t alen = d->src.addr.af == AF_INET ? 4 : 16;
	uint64_t pseudo = IPPROTO_TCP + seg.len;

	pseudo = checksum_add(pseudo, d->src.addr.b, alen);
	pseudo = checksum_add(pseudo, d->dst.addr.b, alen);
	return sum_fold(checksum_add(pseudo, seg.p, seg.len)) == 0xffff ||
	    sum_fold(checksum_add(0, seg.p + 16, 2)) == sum_fold(pseudo);
}

static void
packet_tcp(struct packets *p, struct datagram *d, struct span seg,
    const struct capture_sink *sink)
{
	struct cursor c = cursor_of(seg.p, seg.len);
	struct tcp_segment g = { 0 };
	uint8_t off;

	d->src.port = cursor_u16(&c);
	d->dst.port = cursor_u16(&c);
	g.seq = cursor_u32(&c);
	g.ack = cursor_u32(&c);
	off = (uint8_t)(cursor_u8(&c) >> 4) * 4;
	g.flags = cursor_u8(&c);
	cursor_skip(&c, 6);
	if (!c.bad && off >= 20)
		cursor_skip(&c, off - 20u);
	if (c.bad || off < 20) {
		p->n.malformed++;
		return;
	}
	d->payload = cursor_span(&c, cursor_left(&c));
	if (!packet_counts(p, d)) {
		p->n.ignored++;
		if (sink->other != NULL && begins_as_text(d->payload))
			sink->other(sink->ctx, d);
		return;
	}
	g.good = tcp_checksum_good(d, seg);
	if (packet_is_twin(p, d, &g))
		return;
	tcpstream_add(p->tcp, d, &g, sink, &p->n);
}

static void
packet_transport(struct packets *p, struct datagram *d, struct span seg,
    uint32_t id, const struct capture_sink *sink)
{
	if (!packet_place(p, d))
		p->n.ignored++;
	else if (d->proto == IPPROTO_UDP)
		packet_udp(p, d, seg, id, sink);
	else if (d->proto == IPPROTO_TCP)
		packet_tcp(p, d, seg, sink);
	else
		p->n.ignored++;
}

static void
packet_fragment(struct packets *p, struct datagram *d, uint32_t id,
    uint32_t off, bool more, struct span data, const struct capture_sink *sink)
{
	struct frag_key key;
	struct span whole;
	uint8_t proto;

	memset(&key, 0, sizeof(key));
	key.src = d->src.addr;
	key.dst = d->dst.addr;
	key.id = id;
	key.ifindex = d->ifindex;
	key.dir = d->dir;
	key.proto = d->src.addr.af == AF_INET ? d->proto : 0;
	if (ipfrag_add(p->frag, d->ts, &key, off, more, d->proto, data, &whole,
		&proto, &p->n) != PH_OK)
		return;
	d->proto = proto;
	packet_transport(p, d, whole, id, sink);
}

static void
packet_ipv4(struct packets *p, struct datagram *d, struct span ip,
    const struct capture_sink *sink)
{
	struct cursor c = cursor_of(ip.p, ip.len);
	uint8_t ihl = (uint8_t)(cursor_u8(&c) & 0x0f) * 4;
	uint16_t total, id, off;
	uint8_t b[4];

	cursor_skip(&c, 1);
	total = cursor_u16(&c);
	id = cursor_u16(&c);
	off = cursor_u16(&c);
	cursor_skip(&c, 1);
	d->proto = cursor_u8(&c);
	cursor_skip(&c, 2);
	cursor_copy(&c, b, 4);
	d->src.addr = addr_from_bytes(AF_INET, b);
	cursor_copy(&c, b, 4);
	d->dst.addr = addr_from_bytes(AF_INET, b);
	/* Segmentation offload may leave the length for later. */
	if (total == 0 && ip.len > UINT16_MAX)
		total = UINT16_MAX;
	else if (total == 0)
		total = (uint16_t)ip.len;
	if (c.bad || ihl < 20 || total < ihl || total > ip.len) {
		p->n.malformed++;
		return;
	}
	ip = span_sub(ip, ihl, total - (size_t)ihl);
	if ((off & 0x3fff) != 0)
		packet_fragment(p, d, id, (off & 0x1fffu) * 8,
		    (off & 0x2000) != 0, ip, sink);
	else
		packet_transport(p, d, ip, id, sink);
}

/* The fixed header; `c` is then the bytes behind it.  False: it is wrong. */
static bool
ipv6_header(struct cursor *c, struct datagram *d, uint8_t *next)
{
	uint8_t b[16];
	uint16_t len;

	cursor_skip(c, 4);
	len = cursor_u16(c);
	*next = cursor_u8(c);
	cursor_skip(c, 1);
	cursor_copy(c, b, 16);
	d->src.addr = addr_from_bytes(AF_INET6, b);
	cursor_copy(c, b, 16);
	d->dst.addr = addr_from_bytes(AF_INET6, b);
	/* Length 0 is a jumbogram, or segmentation offload at work. */
	if (!c->bad && len == 0 && *next == IPPROTO_TCP &&
	    cursor_left(c) <= UINT16_MAX)
		len = (uint16_t)cursor_left(c);
	if (c->bad || len == 0 || len > cursor_left(c))
		return false;
	c->len = c->pos + len;
	return true;
}

static void
packet_ipv6(struct packets *p, struct datagram *d, struct span ip,
    const struct capture_sink *sink)
{
	struct cursor c = cursor_of(ip.p, ip.len);
	unsigned int n, hlen;
	uint8_t next;
	uint16_t off;
	uint32_t id;

	if (!ipv6_header(&c, d, &next)) {
		p->n.malformed++;
		return;
	}
	/* RFC 8200 section 4. */
	for (n = 0; n < MAX_EXTENSIONS; n++) {
		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			next = cursor_u8(&c);
			hlen = cursor_u8(&c) * 8u + 8;
			cursor_skip(&c, hlen - 2);
			continue;
		case IPPROTO_AH:
			next = cursor_u8(&c);
			hlen = cursor_u8(&c) * 4u + 8;
			cursor_skip(&c, hlen - 2);
			continue;
		case IPPROTO_FRAGMENT:
			next = cursor_u8(&c);
			cursor_skip(&c, 1);
			off = cursor_u16(&c);
			id = cursor_u32(&c);
			if (c.bad)
				break;
			/* An atomic fragment is whole: RFC 6946. */
			if ((off & 0xfff9) == 0)
				continue;
			d->proto = next;
			packet_fragment(p, d, id, off & 0xfff8u, (off & 1) != 0,
			    cursor_span(&c, cursor_left(&c)), sink);
			return;
		default:
			break;
		}
		break;
	}
	if (c.bad || n == MAX_EXTENSIONS) {
		p->n.malformed++;
		return;
	}
	d->proto = next;
	packet_transport(p, d, cursor_span(&c, cursor_left(&c)), 0, sink);
}

static unsigned int
word_at(struct span s, size_t at)
{
	return (unsigned int)(uint8_t)s.p[at] << 8 | (uint8_t)s.p[at + 1];
}

/*
 * The datagram in an IP packet that has nothing but its fixed header before
 * it; false if there may be more to it.
 */
static bool
is_simple_udp(struct span ip, struct span *seg)
{
	size_t hlen = 20, total;

	if (ip.len < hlen + 8)
		return false;
	if (ip.p[0] == 0x45) {
		total = word_at(ip, 2);
		if ((word_at(ip, 6) & 0x3fff) != 0 || ip.p[9] != IPPROTO_UDP)
			return false;
	} else {
		hlen = 40;
		total = 40 + (size_t)word_at(ip, 4);
		if ((uint8_t)ip.p[0] >> 4 != 6 || ip.p[6] != IPPROTO_UDP)
			return false;
	}
	if (total < hlen + 8 || total > ip.len)
		return false;
	*seg = (struct span) { ip.p + hlen, total - hlen };
	return true;
}

/* The packet in a frame without tags; false if there may be none. */
static bool
is_simple_frame(int dlt, struct span frame, struct span *ip)
{
	unsigned int type;

	*ip = frame;
	if (dlt == DLT_RAW)
		return true;
	if (dlt != DLT_EN10MB || frame.len < 14)
		return false;
	type = word_at(frame, 12);
	*ip = (struct span) { frame.p + 14, frame.len - 14 };
	return type == ETHERTYPE_IP || type == ETHERTYPE_IPV6;
}

static bool
port_is_ours(const struct packets *p, unsigned int port)
{
	return (p->udp[port / 8] >> port % 8 & 1) != 0;
}

bool
packets_skip(struct packets *p, int dlt, struct span frame)
{
	struct span ip, seg;
	size_t len;

	if (!is_simple_frame(dlt, frame, &ip) || !is_simple_udp(ip, &seg))
		return false;
	len = word_at(seg, 4);
	if (len < 8 || len > seg.len || port_is_ours(p, word_at(seg, 0)) ||
	    port_is_ours(p, word_at(seg, 2)) ||
	    begins_as_text((struct span) { seg.p + 8, len - 8 }))
		return false;
	p->n.packets++;
	p->n.ignored++;
	return true;
}

/* Does the kernel take it at the interface where it was seen? */
static bool
taken_here(const struct packet_source *from, const struct link_packet *link,
    uint8_t dir)
{
	/* CARP and VRRP have addresses of their own: RFC 9568 section 7.3. */
	static const char virtual[] = { 0, 0, 0x5e, 0 };
	const char *to = link->station.p;

	if (link->foreign)
		return false;
	if (!from->has_mac || dir != PKT_IN || link->station.len != LINK_MAC)
		return true;
	if ((to[0] & 1) != 0) /* to a group, or to all */
		return true;
	return memcmp(to, from->mac, LINK_MAC) == 0 ||
	    (memcmp(to, virtual, sizeof(virtual)) == 0 &&
		(to[4] == 1 || to[4] == 2));
}

void
packets_add(struct packets *p, const struct packet_source *from, int64_t ts,
    struct span frame, const struct capture_sink *sink)
{
	struct link_packet link;
	struct datagram d;
	size_t i;

	p->n.packets++;
	switch (link_decode(from->dlt, frame, &link)) {
	case PH_OK:
		break;
	case PH_EUNSUPPORTED:
		p->n.ignored++;
		return;
	default:
		p->n.malformed++;
		return;
	}
	memset(&d, 0, sizeof(d));
	d.ts = ts;
	d.ifindex = link.ifindex != 0 ? link.ifindex : from->ifindex;
	d.dir = link.dir != PKT_UNKNOWN ? link.dir : from->dir;
	for (i = 0; i < from->nifs && d.ifindex != 0; i++)
		if (from->ifs[i] == d.ifindex)
			break;
	if (from->nifs > 0 && i == from->nifs) {
		p->n.ignored++;
		return;
	}
	if (from->live && !taken_here(from, &link, d.dir)) {
		p->n.foreign++;
		return;
	}
	if (((uint8_t)link.ip.p[0] >> 4) == 4)
		packet_ipv4(p, &d, link.ip, sink);
	else
		packet_ipv6(p, &d, link.ip, sink);
}

bool
packets_pair(struct packets *p)
{
	p->twins = twins_new();
	return p->twins != NULL;
}

void
packets_held(struct packets *p, const struct packet_held *from, int64_t ts,
    struct span ip, const struct capture_sink *sink)
{
	struct datagram d;

	p->n.packets++;
	memset(&d, 0, sizeof(d));
	d.ts = ts;
	d.held = true;
	p->held = from;
	if (ip.len > 0 && ((uint8_t)ip.p[0] >> 4) == 4)
		packet_ipv4(p, &d, ip, sink);
	else if (ip.len > 0 && ((uint8_t)ip.p[0] >> 4) == 6)
		packet_ipv6(p, &d, ip, sink);
	else
		p->n.malformed++;
	p->held = NULL;
}
