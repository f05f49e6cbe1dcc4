/* SPDX-License-Identifier: ISC */
#ifndef BASE_REASON_H
#define BASE_REASON_H

/*
 * The reasons for which pinholes open, close or are refused: the closed list
 * that events carry and that pinholed(8) documents.
 */
enum reason {
	REASON_NONE,
	/* open */
	REASON_ANSWER,
	REASON_EARLY,
	REASON_REINVITE,
	REASON_UPDATE,
	REASON_ACK,
	REASON_REQUEST,
	/* close */
	REASON_BYE,
	REASON_CANCEL,
	REASON_REJECT,
	REASON_REPLACED,
	REASON_SETUP_TIMEOUT,
	REASON_IDLE,
	REASON_SESSION_TIMER,
	REASON_MAX_DURATION,
	REASON_DONE,
	REASON_SHUTDOWN,
	REASON_POLICY,
	REASON_CLOSED,
	REASON_LIMIT, /* also refuse */
	/* refuse */
	REASON_NOT_PROTECTED,
	REASON_NOT_SERVER,
	REASON_PORT_RANGE,
	REASON_ADDRESS,
	REASON_AMBIGUOUS,
	REASON_MALFORMED,
	REASON_COUNT
};

/* As written in events: "setup-timeout". */
const char *reason_name(enum reason r);

#endif
