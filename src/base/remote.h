/* SPDX-License-Identifier: ISC */
#ifndef BASE_REMOTE_H
#define BASE_REMOTE_H

/*
 * From where media of a call may come: the statement `remote` of
 * pinholed.conf(5), the policy of sip/ and that of the firewall process.
 */
enum remote {
	REMOTE_BOTH, /* signalling source and SDP address */
	REMOTE_SDP,
	REMOTE_SIGNALLING,
	REMOTE_ANY,
	REMOTE_LIST, /* these prefixes, and no others */
};

#endif
