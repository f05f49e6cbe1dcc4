/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_OPENBSD_PFVAR_H
#define TESTS_BSD_OPENBSD_PFVAR_H

#include "pf_common.h"

enum { PF_TRANS_RULESET };
enum { PF_DIVERT_NONE, PF_DIVERT_PACKET };

struct pf_pool {
	struct pf_addr_wrap addr;
	char ifname[IFNAMSIZ];
	u_int16_t proxy_port[2];
	u_int8_t port_op, opts;
};

struct pf_rule {
	struct pf_rule_addr src, dst;
	char label[64], ifname[IFNAMSIZ], qname[64], pqname[64], tagname[64];
	struct pf_pool nat, rdr, route;
	u_int64_t evaluations, packets[2], bytes[2];
	u_int32_t timeout[PFTM_MAX], max_states, rule_flag;
	int rtableid, onrdomain;
	u_int8_t action, direction, log, quick, af, naf, proto, keep_state, rt;
	u_int8_t flags, flagset;
	struct {
		u_int16_t port;
		u_int8_t type;
	} divert;
};

struct pfioc_rule {
	u_int32_t action, ticket, nr;
	char anchor[MAXPATHLEN], anchor_call[MAXPATHLEN];
	struct pf_rule rule;
};

struct pfioc_trans {
	int size, esize;
	struct pfioc_trans_e {
		int type;
		char anchor[MAXPATHLEN];
		u_int32_t ticket;
	} * array;
};

#endif
