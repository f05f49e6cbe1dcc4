/* SPDX-License-Identifier: ISC */
#ifndef BASE_REMOTE_H
#define BASE_REMOTE_H

/*
 * The addresses from which media of a call may come: the values of `remote` in
 * pinholed.conf(5), for sip/policy.c and src/fw/policy.c.
 */
enum remote {
	REMOTE_BOTH, /* signalling source and SDP address */
	REMOTE_SDP,
	REMOTE_SIGNALLING,
	REMOTE_ANY,
	REMOTE_LIST, /* these prefixes, and no others */
};

#endif
