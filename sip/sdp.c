/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "sip/sdp.h"

#define MAX_GROUPS     8
#define MAX_GROUP_TEXT 512
#define MAX_PORT_COUNT 8 /* m=audio 49170/N; more is a mistake or malice */

/* Where we are while reading, and what a section has said so far. */
struct scan {
	struct sdp *out;
	struct sdp_media *m; /* NULL: session level */
	bool version;
	bool c_seen, rtcp_seen, mid_seen; /* in this section */
	bool refused;			  /* its port is 0 */
	enum sdp_fault c_fault;
	struct addr c_addr; /* session level */
	bool session_c;
	enum sdp_fault session_fault;
	uint8_t mode; /* enum sdp_mode */ /* session level */
	uint8_t setup;			  /* enum sdp_setup */
	struct span group[MAX_GROUPS];	  /* a=group:BUNDLE values */
	size_t ngroup;
};

/* The next word of a line, fields being separated by single spaces. */
static struct span
line_word(struct span *line)
{
	struct span w = span_cut(*line, ' ', line);

	return w;
}

/* Letters, digits, dots and hyphens, and not only digits and dots. */
static bool
is_name(struct span s)
{
	bool letters = false;
	size_t i;
	char c;

	for (i = 0; i < s.len; i++) {
		c = s.p[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
			letters = true;
		else if (!(c >= '0' && c <= '9') && c != '.' && c != '-')
			return false;
	}
	return letters;
}

/*
 * c=IN IP4 192.0.2.1[/ttl[/count]]: RFC 8866 section 5.7.  Multicast forms
 * keep their address; its scope rules it out later.
 */
static enum sdp_fault
read_connection(struct span v, struct addr *out)
{
	struct span net = line_word(&v), type = line_word(&v), rest, one;
	struct span text = span_cut(span_trim(v), '/', &rest);
	uint64_t n;

	memset(out, 0, sizeof(*out));
	if (!span_caseeq_str(net, "IN") || text.len == 0)
		return SDP_FAULT_ADDRESS;
	if (text.len < span_trim(v).len) {
		one = span_cut(rest, '/', &rest);
		if (!span_number(one, UINT8_MAX, &n) ||
		    (rest.len > 0 && !span_number(rest, UINT8_MAX, &n)))
			return SDP_FAULT_ADDRESS;
	}
	if (addr_parse(text, out) == PH_OK) {
		if ((span_caseeq_str(type, "IP4") && out->af == AF_INET) ||
		    (span_caseeq_str(type, "IP6") && out->af == AF_INET6))
			return SDP_OK;
		memset(out, 0, sizeof(*out));
		return SDP_FAULT_ADDRESS;
	}
	if (!span_caseeq_str(type, "IP4") && !span_caseeq_str(type, "IP6"))
		return SDP_FAULT_ADDRESS;
	return is_name(text) ? SDP_FAULT_NAME : SDP_FAULT_ADDRESS;
}

static enum sdp_kind
kind_of(struct span proto)
{
	/* clang-format off */
	static const struct {
		const char	*name;
		enum sdp_kind	 kind;
	} kinds[] = {
		{ "RTP/AVP",		SDP_RTP },
		{ "RTP/AVPF",		SDP_RTP },
		{ "RTP/SAVP",		SDP_RTP },
		{ "RTP/SAVPF",		SDP_RTP },
		{ "UDP/TLS/RTP/SAVP",	SDP_RTP },
		{ "UDP/TLS/RTP/SAVPF",	SDP_RTP },
		{ "udptl",		SDP_UDP },
		{ "UDP/TLS/UDPTL",	SDP_UDP },
		{ "UDP",		SDP_UDP },
		{ "UDP/BFCP",		SDP_UDP },
		{ "UDP/TLS/BFCP",	SDP_UDP },
		{ "UDP/DTLS/SCTP",	SDP_UDP },
		{ "DTLS/SCTP",		SDP_UDP },
		{ "TCP",		SDP_TCP },
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (span_caseeq_str(proto, kinds[i].name))
			return kinds[i].kind;
	/* RFC 4145, 4571, 4975, 8856: TCP/<anything>. */
	if (proto.len > 4 && span_caseeq_str(span_sub(proto, 0, 4), "TCP/"))
		return SDP_TCP;
	return SDP_OTHER;
}

/* m=<media> <port>[/<count>] <proto> <fmt> ...: RFC 8866 section 5.14. */
static void
read_media(struct scan *s, struct span v)
{
	/* Other blanks than spaces: is it "audio<TAB>49170", or two words? */
	bool blank = span_find(v, '\t') < v.len, counted;
	struct span name, port, count, proto;
	struct sdp_media *m = s->m;
	uint64_t p, n = 1;

	name = line_word(&v);
	port = line_word(&v);
	proto = line_word(&v);
	m->nports = 1;
	m->fault = SDP_FAULT_SYNTAX;
	if (blank || name.len == 0 || port.len == 0 || proto.len == 0)
		return;
	m->kind = kind_of(proto);
	counted = span_find(port, '/') < port.len;
	port = span_cut(port, '/', &count);
	m->fault = SDP_FAULT_PORT;
	if (!span_number(port, UINT16_MAX, &p))
		return;
	m->port = (uint16_t)p;
	s->refused = p == 0;
	if (counted && (!span_number(count, MAX_PORT_COUNT, &n) || n == 0))
		return;
	m->nports = (uint16_t)n;
	/* The last port, RTCP of the last pair included, must exist. */
	if (p != 0 &&
	    p + (n > 1 && m->kind == SDP_RTP ? 2 * n : n) - 1 > UINT16_MAX)
		return;
	m->fault = SDP_OK;
}

static void
section_end(struct scan *s)
{
	struct sdp_media *m = s->m;

	if (m == NULL) {
		s->session_c = s->c_seen;
		s->session_fault = s->c_fault;
		return;
	}
	if (s->c_seen && s->c_fault != SDP_OK) {
		if (m->fault == SDP_OK)
			m->fault = s->c_fault;
	} else if (!s->c_seen) {
		m->addr = s->c_addr;
		if (m->fault == SDP_OK)
			m->fault =
			    s->session_c ? s->session_fault : SDP_FAULT_ADDRESS;
	}
	/* Nothing can be wrong with a refused stream: RFC 3264 section 6. */
	if (s->refused)
		m->fault = SDP_OK;
}

static enum ph_err
connection_read(struct scan *s, struct span v)
{
	struct addr a;
	enum sdp_fault fault = read_connection(v, &a);

	if (s->c_seen) {
		if (s->m == NULL)
			return PH_EAMBIGUOUS;
		s->c_fault = SDP_FAULT_AMBIGUOUS;
		return PH_OK;
	}
	s->c_seen = true;
	s->c_fault = fault;
	if (s->m != NULL)
		s->m->addr = a;
	else
		s->c_addr = a;
	return PH_OK;
}

static void
media_fail(struct sdp_media *m, enum sdp_fault fault)
{
	if (m->fault == SDP_OK)
		m->fault = fault;
}

/* a=rtcp:53020 [IN IP4 192.0.2.1]: RFC 3605 section 2.1. */
static void
attr_rtcp(struct scan *s, struct span v)
{
	struct span port = line_word(&v);
	struct sdp_media *m = s->m;
	struct addr a;
	uint64_t p;

	if (s->rtcp_seen) {
		media_fail(m, SDP_FAULT_AMBIGUOUS);
		return;
	}
	s->rtcp_seen = true;
	if (!span_number(port, UINT16_MAX, &p) || p == 0) {
		media_fail(m, SDP_FAULT_PORT);
		return;
	}
	m->rtcp.port = (uint16_t)p;
	if (v.len == 0)
		return;
	switch (read_connection(v, &a)) {
	case SDP_OK:
		m->rtcp.addr = a;
		break;
	case SDP_FAULT_NAME:
		/* Never resolved; the stream's own address stands for it. */
		break;
	default:
		media_fail(m, SDP_FAULT_ADDRESS);
		break;
	}
}

/* RFC 8839 section 5.1: all others are extensions, which we cannot judge. */
static bool
is_candidate_type(struct span s)
{
	return span_caseeq_str(s, "host") || span_caseeq_str(s, "srflx") ||
	    span_caseeq_str(s, "prflx") || span_caseeq_str(s, "relay");
}

/*
 * a=candidate:<foundation> <component> <transport> <priority> <address>
 * <port> typ <type> ...: RFC 8839 section 5.1.
 */
static void
attr_candidate(struct sdp_media *m, struct span v)
{
	struct span component, transport, priority, address, port;
	struct sdp_candidate *c;
	uint64_t comp, p, n;
	struct addr a;

	(void)line_word(&v); /* foundation */
	component = line_word(&v);
	transport = line_word(&v);
	priority = line_word(&v);
	address = line_word(&v);
	port = line_word(&v);
	if (!span_number(component, 256, &comp) || comp < 1 || comp > 2 ||
	    !span_number(priority, UINT32_MAX, &n) ||
	    !span_number(port, UINT16_MAX, &p) || p == 0 ||
	    !span_caseeq_str(line_word(&v), "typ") ||
	    !is_candidate_type(line_word(&v)) ||
	    m->ncandidates == SDP_MAX_CANDIDATES)
		return;
	/* Names of hosts, such as mDNS's *.local, are never resolved. */
	if (addr_parse(address, &a) != PH_OK)
		return;
	if (!span_caseeq_str(transport, "UDP") &&
	    !span_caseeq_str(transport, "TCP"))
		return;
	c = &m->candidates[m->ncandidates++];
	memset(c, 0, sizeof(*c));
	c->addr = a;
	c->port = (uint16_t)p;
	c->component = (uint8_t)comp;
	c->tcp = span_caseeq_str(transport, "TCP");
}

static void
attr_setup(struct span v, uint8_t *setup)
{
	if (span_caseeq_str(v, "active"))
		*setup = SDP_ACTIVE;
	else if (span_caseeq_str(v, "passive"))
		*setup = SDP_PASSIVE;
	else if (span_caseeq_str(v, "actpass"))
		*setup = SDP_ACTPASS;
	else if (span_caseeq_str(v, "holdconn"))
		*setup = SDP_HOLDCONN;
}

/* a=mid: is it in one of the session's BUNDLE groups?  RFC 9143. */
static void
attr_mid(struct scan *s, struct span mid)
{
	struct span list, one;
	bool first;
	size_t i;

	if (s->mid_seen)
		return;
	s->mid_seen = true;
	for (i = 0; i < s->ngroup; i++) {
		first = true;
		for (list = s->group[i]; list.len > 0;) {
			one = line_word(&list);
			if (one.len == 0)
				continue;
			if (span_eq(one, mid)) {
				s->m->in_bundle = true;
				s->m->bundle_first = first;
				s->m->bundle = (uint8_t)i;
				return;
			}
			first = false;
		}
	}
}

enum attr {
	ATTR_BUNDLE_ONLY,
	ATTR_CANDIDATE,
	ATTR_GROUP,
	ATTR_ICE_UFRAG,
	ATTR_INACTIVE,
	ATTR_MID,
	ATTR_OTHER,
	ATTR_RECVONLY,
	ATTR_RTCP,
	ATTR_RTCP_MUX,
	ATTR_RTCP_MUX_ONLY,
	ATTR_SENDONLY,
	ATTR_SENDRECV,
	ATTR_SETUP,
};

/* Names are case-sensitive: RFC 8866 section 5.13. */
static enum attr
attr_of(struct span name)
{
#define NAME(s)                                                                \
	{                                                                      \
		(s), sizeof(s) - 1                                             \
	}
	/* clang-format off */
	static const struct {
		struct span	name;
		enum attr	attr;
	} attrs[] = {
		{ NAME("bundle-only"),		ATTR_BUNDLE_ONLY },
		{ NAME("candidate"),		ATTR_CANDIDATE },
		{ NAME("group"),		ATTR_GROUP },
		{ NAME("ice-ufrag"),		ATTR_ICE_UFRAG },
		{ NAME("inactive"),		ATTR_INACTIVE },
		{ NAME("mid"),			ATTR_MID },
		{ NAME("recvonly"),		ATTR_RECVONLY },
		{ NAME("rtcp"),			ATTR_RTCP },
		{ NAME("rtcp-mux"),		ATTR_RTCP_MUX },
		{ NAME("rtcp-mux-only"),	ATTR_RTCP_MUX_ONLY },
		{ NAME("sendonly"),		ATTR_SENDONLY },
		{ NAME("sendrecv"),		ATTR_SENDRECV },
		{ NAME("setup"),		ATTR_SETUP },
	};
	/* clang-format on */
#undef NAME
	size_t i;

	for (i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++)
		if (span_eq(attrs[i].name, name))
			return attrs[i].attr;
	return ATTR_OTHER;
}

/* Attributes that set a default for all media, or for the one. */
static bool
attr_default(struct scan *s, enum attr attr, struct span v)
{
	struct sdp_media *m = s->m;
	uint8_t *mode = m != NULL ? &m->mode : &s->mode;

	switch (attr) {
	case ATTR_INACTIVE:
		*mode = SDP_INACTIVE;
		return true;
	case ATTR_RECVONLY:
		*mode = SDP_RECVONLY;
		return true;
	case ATTR_SENDONLY:
		*mode = SDP_SENDONLY;
		return true;
	case ATTR_SENDRECV:
		*mode = SDP_SENDRECV;
		return true;
	case ATTR_SETUP:
		attr_setup(v, m != NULL ? &m->setup : &s->setup);
		return true;
	default:
		return false;
	}
}

static void
attribute_read(struct scan *s, struct span line)
{
	struct span v, name = span_cut(line, ':', &v);
	enum attr attr = attr_of(span_trim(name));
	struct sdp_media *m = s->m;

	v = span_trim(v);
	if (attr == ATTR_ICE_UFRAG || attr == ATTR_CANDIDATE) {
		if (m != NULL)
			m->ice = true;
		else
			s->out->ice = true;
	}
	if (attr_default(s, attr, v))
		return;
	if (m == NULL) {
		if (attr == ATTR_GROUP && s->ngroup < MAX_GROUPS &&
		    v.len < MAX_GROUP_TEXT &&
		    span_eq_str(line_word(&v), "BUNDLE"))
			s->group[s->ngroup++] = v;
		return;
	}
	switch (attr) {
	case ATTR_BUNDLE_ONLY:
		m->bundle_only = true;
		break;
	case ATTR_CANDIDATE:
		attr_candidate(m, v);
		break;
	case ATTR_MID:
		attr_mid(s, v);
		break;
	case ATTR_RTCP:
		attr_rtcp(s, v);
		break;
	case ATTR_RTCP_MUX:
		m->rtcp_mux = true;
		break;
	case ATTR_RTCP_MUX_ONLY:
		m->rtcp_mux_only = true;
		break;
	default:
		break;
	}
}

/* o=<user> <id> <version> ...: RFC 8866 section 5.2. */
static void
origin_read(struct scan *s, struct span v)
{
	(void)line_word(&v);
	(void)line_word(&v);
	if (!span_number(line_word(&v), UINT64_MAX, &s->out->version))
		s->out->version = 0;
}

static enum ph_err
read_line(struct scan *s, struct span line)
{
	struct span v = span_sub(line, 2, line.len);

	/* "a=" with exactly one letter: RFC 8866 section 5. */
	if (line.len < 2 || line.p[1] != '=' || line.p[0] < 'A' ||
	    (line.p[0] > 'Z' && line.p[0] < 'a') || line.p[0] > 'z')
		return PH_EMALFORMED;
	if (!s->version) {
		if (line.p[0] != 'v' || !span_eq_str(span_trim(v), "0"))
			return PH_EMALFORMED;
		s->version = true;
		return PH_OK;
	}
	switch (line.p[0]) {
	case 'v':
		/* A second body glued on is a second reading. */
		return PH_EAMBIGUOUS;
	case 'o':
		if (s->m == NULL)
			origin_read(s, v);
		break;
	case 'c':
		return connection_read(s, v);
	case 'm':
		section_end(s);
		s->c_seen = s->rtcp_seen = s->mid_seen = s->refused = false;
		s->c_fault = SDP_OK;
		if (s->out->nmedia == SDP_MAX_MEDIA) {
			s->out->more = true; /* and no further */
			break;
		}
		s->m = &s->out->media[s->out->nmedia];
		memset(s->m, 0, sizeof(*s->m));
		s->m->candidates = s->out->candidates[s->out->nmedia++];
		s->m->mode = s->mode;
		s->m->setup = s->setup;
		s->m->ice = s->out->ice;
		read_media(s, v);
		break;
	case 'a':
		attribute_read(s, v);
		break;
	default:
		break;
	}
	return PH_OK;
}

enum ph_err
sdp_parse(struct sdp *out, struct span body, size_t *where)
{
	struct span rest = body, line;
	struct scan s;
	enum ph_err rc = PH_OK;
	size_t at = 0;

	memset(out, 0, offsetof(struct sdp, media));
	memset(&s, 0, sizeof(s));
	s.out = out;
	if (body.len > 0 && memchr(body.p, '\0', body.len) != NULL)
		rc = PH_EMALFORMED;
	while (rc == PH_OK && rest.len > 0 && !out->more) {
		at = (size_t)(rest.p - body.p);
		line = span_cut(rest, '\n', &rest);
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0 && memchr(line.p, '\r', line.len) != NULL) {
			rc = PH_EMALFORMED;
			break;
		}
		if (line.len == 0) {
			/* Blank lines may only trail. */
			while (rest.len > 0 &&
			    (rest.p[0] == '\r' || rest.p[0] == '\n'))
				rest = span_sub(rest, 1, rest.len);
			if (rest.len > 0)
				rc = PH_EMALFORMED;
			break;
		}
		rc = read_line(&s, line);
	}
	if (rc == PH_OK && !s.version)
		rc = PH_EMALFORMED;
	if (rc != PH_OK) {
		memset(out, 0, sizeof(*out));
		if (where != NULL)
			*where = at;
		return rc;
	}
	if (!out->more)
		section_end(&s);
	return PH_OK;
}
