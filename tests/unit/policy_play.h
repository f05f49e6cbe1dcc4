/* SPDX-License-Identifier: ISC */
#ifndef TESTS_POLICY_PLAY_H
#define TESTS_POLICY_PLAY_H

#include "sip/policy.h"
#include "tests/unit/unit.h"

/* Small sessions, made and not parsed, and what is planned for them. */

#define INWARD	  "in 198.51.100.7>192.0.2.10:10000-10001\n"
#define OUTWARD	  "out 192.0.2.10>198.51.100.7:4000-4001\n"
#define BOTH_WAYS INWARD OUTWARD

/* What the last plan_for() planned. */
extern struct sip_plan plan;
/* The list of `remote`, and the one of `symmetric`. */
extern struct prefix listed[2], symmetric[1];

struct addr address(const char *text);
struct prefix network(const char *text);
struct sip_policy policy(void);
/* A stream of RTP, RTCP on the next port. */
struct sdp_media stream(const char *addr, uint16_t port);
/* All that the plan says, a line for each. */
const char *lines(void);
void plan_for(const struct sip_policy *p, const char *in_speaker,
    const struct sdp_media *in, const char *out_speaker,
    const struct sdp_media *out, size_t n);

#endif
