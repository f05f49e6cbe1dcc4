/* SPDX-License-Identifier: ISC */
#ifndef TESTS_BSD_PF_COMMON_H
#define TESTS_BSD_PF_COMMON_H

/*
 * What pf(4) of FreeBSD and of OpenBSD call alike, as far as we use it: names
 * and fields, in no particular order and with numbers of our own.  Only good
 * for compiling.
 */
#include <sys/types.h>
#include <netinet/in.h>

#include <stdint.h>

#define MAXPATHLEN 1024
#define IFNAMSIZ   16

enum { PF_INOUT, PF_IN, PF_OUT };
enum { PF_PASS, PF_DROP, PF_NAT, PF_RDR };
enum { PF_OP_NONE, PF_OP_EQ, PF_OP_RRG };
enum { PF_ADDR_ADDRMASK, PF_ADDR_NONE, PF_ADDR_RANGE, PF_ADDR_TABLE };
enum { PF_NOPFROUTE, PF_ROUTETO, PF_REPLYTO };
enum { PF_SK_WIRE, PF_SK_STACK, PF_SK_BOTH };
enum {
	PFTM_UDP_FIRST_PACKET,
	PFTM_UDP_SINGLE,
	PFTM_UDP_MULTIPLE,
	PFTM_MAX,
};
#define PF_LOG		   1
#define PF_STATE_NORMAL	   1
#define PFRULE_IFBOUND	   0x10000
#define PFUDPS_NO_TRAFFIC  0
#define PFUDPS_MULTIPLE	   2
#define PFR_TFLAG_PERSIST  1
#define PF_TABLE_NAME_SIZE 32

struct pf_addr {
	union {
		struct in_addr v4;
		struct in6_addr v6;
		u_int8_t addr8[16];
		u_int32_t addr32[4];
	} pfa;
#define v4     pfa.v4
#define addr8  pfa.addr8
#define addr32 pfa.addr32
};

struct pf_addr_wrap {
	union {
		struct {
			struct pf_addr addr, mask;
		} a;
		char ifname[IFNAMSIZ], tblname[32];
	} v;
	u_int8_t type, iflags;
};

struct pf_rule_addr {
	struct pf_addr_wrap addr;
	u_int16_t port[2];
	u_int8_t neg, port_op;
};

struct pfioc_natlook {
	struct pf_addr saddr, daddr, rsaddr, rdaddr;
	u_int16_t sport, dport, rsport, rdport, rdomain;
	u_int8_t af, proto, proto_variant, direction;
};

struct pfsync_state_key {
	struct pf_addr addr[2];
	u_int16_t port[2], rdomain;
};

struct pfsync_state {
	u_int64_t id;
	char ifname[IFNAMSIZ];
	struct pfsync_state_key key[2];
	int32_t rtableid[2]; /* OpenBSD */
	struct {
		u_int8_t state;
	} src, dst;
	u_int32_t rule, anchor, nat_rule, creation, expire;
	u_int32_t packets[2][2], bytes[2][2];
	u_int32_t creatorid;
	u_int8_t af, proto, direction, log, timeout;
};

struct pfioc_state {
	struct pfsync_state state;
};

struct pfioc_states {
	int ps_len;
	void *ps_states;
};

struct pfioc_state_kill {
	struct {
		u_int64_t id;
		u_int32_t creatorid;
	} psk_pfcmp;
	unsigned int psk_killed;
};

struct pfioc_ruleset {
	u_int32_t nr;
	char path[MAXPATHLEN], name[64];
};

struct pf_status {
	u_int32_t running, since, states, hostid;
};

struct pfr_table {
	char pfrt_anchor[MAXPATHLEN], pfrt_name[32];
	u_int32_t pfrt_flags;
};

struct pfr_addr {
	union {
		struct in_addr pfra_ip4addr;
		struct in6_addr pfra_ip6addr;
	} pfra_u;
	u_int8_t pfra_af, pfra_net;
};

struct pfioc_table {
	struct pfr_table pfrio_table;
	void *pfrio_buffer;
	int pfrio_esize, pfrio_size, pfrio_nadd;
};

enum {
	DIOCADDRULE = 1,
	DIOCGETRULES,
	DIOCGETRULE,
	DIOCGETSTATUS,
	DIOCADDSTATE,
	DIOCGETSTATES,
	DIOCKILLSTATES,
	DIOCNATLOOK,
	DIOCGETRULESETS,
	DIOCGETRULESET,
	DIOCRADDTABLES,
	DIOCRCLRADDRS,
	DIOCRADDADDRS,
	DIOCRDELADDRS,
	DIOCRSETADDRS,
	DIOCRGETADDRS,
	DIOCRDELTABLES,
	DIOCXBEGIN,
	DIOCXCOMMIT,
	DIOCXROLLBACK,
	DIOCXEND,
	DIOCBEGINADDRS,
	DIOCADDADDR,
};
#define DIOCGETRULE    DIOCGETRULE
#define DIOCGETSTATUS  DIOCGETSTATUS
#define DIOCGETSTATES  DIOCGETSTATES
#define DIOCKILLSTATES DIOCKILLSTATES
#define DIOCXEND       DIOCXEND

#endif
