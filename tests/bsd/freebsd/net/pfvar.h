/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_FREEBSD_PFVAR_H
#define TESTS_BSD_FREEBSD_PFVAR_H

#include "pf_common.h"

enum { PF_RULESET_SCRUB, PF_RULESET_FILTER, PF_RULESET_NAT, PF_RULESET_RDR };

struct pf_pool {
	u_int16_t proxy_port[2];
	u_int8_t opts;
};

struct pf_pooladdr {
	struct pf_addr_wrap addr;
	char ifname[IFNAMSIZ];
};

struct pf_rule {
	struct pf_rule_addr src, dst;
	char label[64], ifname[IFNAMSIZ], qname[64], tagname[64];
	struct pf_pool rpool;
	u_int64_t evaluations, packets[2], bytes[2];
	u_int32_t timeout[PFTM_MAX], max_states, rule_flag;
	int rtableid;
	u_int8_t action, direction, log, quick, af, proto, keep_state, rt;
	u_int8_t flags, flagset;
	struct {
		u_int16_t port;
	} divert;
};

struct pfioc_rule {
	u_int32_t action, ticket, pool_ticket, nr;
	char anchor[MAXPATHLEN], anchor_call[MAXPATHLEN];
	struct pf_rule rule;
};

struct pfioc_pooladdr {
	u_int32_t action, ticket, nr, r_num;
	u_int8_t r_action, r_last, af;
	char anchor[MAXPATHLEN];
	struct pf_pooladdr addr;
};

struct pfioc_trans {
	int size, esize;
	struct pfioc_trans_e {
		int rs_num;
		char anchor[MAXPATHLEN];
		u_int32_t ticket;
	} * array;
};

#endif
