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
parse(struct span in, bool stream)
{
	static const struct sip_message zero;
	struct sip_message m;
	enum sip_reject why;
	struct sdp sdp;
	enum ph_err rc;

	rc = sip_message_parse(&m, in, stream, &why);
	check((rc == PH_OK) == (why == SIP_REJECT_NONE));
	if (rc != PH_OK) {
		check(why < SIP_REJECT_MAX);
		check(memcmp(&m, &zero, sizeof(m)) == 0);
		return;
	}
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
