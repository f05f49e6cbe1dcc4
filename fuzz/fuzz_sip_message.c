/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "sip/message.h"
#include "sip/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* Printable and without blanks: such text goes into keys and into events. */
static void
check_text(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		check(s.p[i] > ' ' && s.p[i] <= '~');
}

static void
check_words(struct span in, const struct sip_words *w)
{
	size_t i;

	check(w->n <= SIP_GLANCE_MAX);
	for (i = 0; i < w->n; i++)
		check(w->word[i].len > 0 && w->word[i].p >= in.p &&
		    w->word[i].p + w->word[i].len <= in.p + in.len);
}

/*
 * Glance at any input.  A BYE that sip_message_parse() accepts must be seen as
 * a BYE at a glance, too.
 */
static void
glance(struct span in, const struct sip_message *m)
{
	struct sip_glance g;
	bool seen = sip_message_glance(&g, in);

	check_words(in, &g.call_id);
	check_words(in, &g.from_tag);
	check_words(in, &g.to_tag);
	check(g.sdp.len == 0 ||
	    (g.sdp.p > in.p && g.sdp.p + g.sdp.len <= in.p + in.len));
	check_words(in, &g.branch);
	if (m == NULL || m->method != SIP_BYE)
		return;
	check(
	    seen && g.bye && g.request == m->request && g.status == m->status);
	check(g.cseq == m->cseq && g.call_id.n == 1);
	check(span_eq(g.call_id.word[0], m->call_id));
}

/* Both readers, plain.c and libosip2, must find the same in a message. */
static void
compare(const struct sip_message *m, struct span in, bool stream,
    enum ph_err rc, enum sip_reject why)
{
	enum sip_reject other_why;
	struct sip_message o;

	check(sip_message_parse_by_osip(&o, in, stream, &other_why) == rc);
	check(why == other_why);
	check(o.request == m->request && o.method == m->method);
	check(o.status == m->status && o.cseq == m->cseq);
	check(span_eq(o.call_id, m->call_id));
	check(span_eq(o.from_tag, m->from_tag));
	check(span_eq(o.to_tag, m->to_tag));
	check(span_eq(o.branch, m->branch) && o.relayed == m->relayed);
	check(addr_eq(&o.contact, &m->contact));
	check(o.reliable == m->reliable && o.rseq == m->rseq);
	check(o.rack_rseq == m->rack_rseq && o.rack_cseq == m->rack_cseq);
	check(o.rack_method == m->rack_method);
	check(o.session_expires == m->session_expires);
	check(o.body == m->body && span_eq(o.sdp, m->sdp));
	sip_message_free(&o);
}

static void
parse(struct span in, bool stream)
{
	static const struct sip_message zero;
	struct sip_message m;
	enum sip_reject why;
	struct sdp sdp;
	enum ph_err rc;

	rc = sip_message_parse(&m, in, stream, &why);
	check((rc == PH_OK) == (why == SIP_REJECT_NONE));
	compare(&m, in, stream, rc, why);
	if (rc != PH_OK) {
		check(why < SIP_REJECT_MAX);
		check(memcmp(&m, &zero, sizeof(m)) == 0);
		glance(in, NULL);
		return;
	}
	glance(in, &m);
	check(m.request ? m.status == 0 : m.status >= 100 && m.status <= 699);
	check(m.method <= SIP_UPDATE && m.cseq <= INT32_MAX);
	check(m.call_id.len > 0);
	check_text(m.call_id);
	check_text(m.from_tag);
	check_text(m.to_tag);
	check_text(m.branch);
	check(m.contact.af == AF_UNSPEC || m.contact.af == AF_INET ||
	    m.contact.af == AF_INET6);
	check(!m.reliable || (m.status > 100 && m.status < 200));
	if (m.body == SIP_BODY_SDP) {
		check(m.sdp.p >= in.p && m.sdp.len <= in.len &&
		    m.sdp.p + m.sdp.len <= in.p + in.len);
		(void)!sdp_parse(&sdp, m.sdp, NULL);
	} else
		check(m.sdp.len == 0);
	sip_message_free(&m);
	check(memcmp(&m, &zero, sizeof(m)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span in = { (const char *)data, len };
	static bool ready;

	if (!ready) {
		check(sip_message_init() == PH_OK);
		ready = true;
	}
	parse(in, false);
	parse(in, true);
	return 0;
}
