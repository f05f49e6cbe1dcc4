/* SPDX-License-Identifier: ISC */
#ifndef PF_NETLINK_NUMBERS_H
#define PF_NETLINK_NUMBERS_H

/*
 * Commands and attributes of the family "pfctl", as <netpfil/pf/pf_nl.h> of
 * FreeBSD 15 numbers them: as far as we use them.  A kernel that adds others
 * changes none of these; tests/pf/nl_numbers.c compares them with the header of
 * the system that it is built on.
 */
enum {
	P_NL_CMD_GETFAMILY = 3, /* of the first family */
	P_NL_CMD_GETSTATES = 1,
	P_NL_CMD_GETRULE = 7,
	P_NL_CMD_KILLSTATES = 9,
	P_NL_CMD_GET_STATUS = 11,
};

enum {
	P_NL_FAMILY_ID = 1,
	P_NL_FAMILY_NAME = 2,
	P_NL_STATUS_RUNNING = 2,
};

enum {
	P_NL_STATE_ID = 1,
	P_NL_STATE_CREATOR = 2,
	P_NL_STATE_WIRE = 5,
	P_NL_STATE_STACK = 6,
	P_NL_STATE_PEER_SRC = 7,
	P_NL_STATE_PEER_DST = 8,
	P_NL_STATE_PACKETS0 = 15,
	P_NL_STATE_PACKETS1 = 16,
	P_NL_STATE_AF = 19,
	P_NL_STATE_PROTO = 21,
	P_NL_STATE_DIRECTION = 22,
	P_NL_PEER_STATE = 10,
	P_NL_KEY_ADDR0 = 1,
	P_NL_KEY_ADDR1 = 2,
	P_NL_KEY_PORT0 = 3,
	P_NL_KEY_PORT1 = 4,
	P_NL_KILL_ID = 1,
	P_NL_KILL_CREATOR = 2,
};

enum {
	P_NL_GET_ANCHOR = 1,
	P_NL_GET_ACTION = 2,
	P_NL_GET_NR = 3,
	P_NL_GET_TICKET = 4,
	P_NL_RULE_SRC = 1,
	P_NL_RULE_DST = 2,
	P_NL_RULE_LABELS = 4,
	P_NL_RULE_IFNAME = 5,
	P_NL_RULE_MAX_STATES = 15,
	P_NL_RULE_ACTION = 34,
	P_NL_RULE_DIRECTION = 35,
	P_NL_RULE_AF = 43,
	P_NL_RULE_PROTO = 44,
	P_NL_RULE_ANCHOR_CALL = 72,
	P_NL_SIDE_ADDR = 1,
	P_NL_SIDE_PORT0 = 2,
	P_NL_SIDE_PORT1 = 3,
	P_NL_SIDE_OP = 5,
	P_NL_ADDR_ADDR = 1,
	P_NL_ADDR_MASK = 2,
	P_NL_ADDR_TYPE = 5,
	P_NL_LABEL_LABEL = 1,
};

#endif
