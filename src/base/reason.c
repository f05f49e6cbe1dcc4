/* SPDX-License-Identifier: ISC */
#include "src/base/reason.h"

static const char *const names[REASON_COUNT] = {
	[REASON_NONE] = "none",
	[REASON_ANSWER] = "answer",
	[REASON_EARLY] = "early",
	[REASON_REINVITE] = "reinvite",
	[REASON_UPDATE] = "update",
	[REASON_ACK] = "ack",
	[REASON_REQUEST] = "request",
	[REASON_BYE] = "bye",
	[REASON_CANCEL] = "cancel",
	[REASON_REJECT] = "reject",
	[REASON_REPLACED] = "replaced",
	[REASON_SETUP_TIMEOUT] = "setup-timeout",
	[REASON_IDLE] = "idle",
	[REASON_SESSION_TIMER] = "session-timer",
	[REASON_MAX_DURATION] = "max-duration",
	[REASON_DONE] = "done",
	[REASON_SHUTDOWN] = "shutdown",
	[REASON_POLICY] = "policy",
	[REASON_CLOSED] = "closed",
	[REASON_LIMIT] = "limit",
	[REASON_NOT_PROTECTED] = "not-protected",
	[REASON_NOT_SERVER] = "not-server",
	[REASON_PORT_RANGE] = "port-range",
	[REASON_ADDRESS] = "address",
	[REASON_AMBIGUOUS] = "ambiguous",
	[REASON_MALFORMED] = "malformed",
};

const char *
reason_name(enum reason r)
{
	return (unsigned int)r < REASON_COUNT ? names[r] : "none";
}
