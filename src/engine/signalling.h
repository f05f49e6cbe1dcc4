/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_SIGNALLING_H
#define ENGINE_SIGNALLING_H

#include <stdbool.h>
#include <stdint.h>

#include "sip/message.h"
#include "src/base/datagram.h"
#include "src/conf/conf.h"

/*
 * Whether a protected host that says something at or to a signalling port
 * means it as signalling.
 *
 * A stranger chooses his own port.  From port 5060 he has a file sent to him
 * by an FTP server inside, or his own datagram sent back by an echo service,
 * and what comes reads as SIP of the protected host.  So the protected host's
 * own port decides:
 *
 *  - A signalling port is good for anything.
 *  - From another port, at least 1024, a telephone talks to the signalling
 *    port of somebody else.  It begins a TCP connection itself.  Over UDP
 *    nobody can tell who began, for a telephone may be called years after
 *    it has registered.  There a message does not count that the protected
 *    host was sent before, which is what an echo is.
 *
 * The answer to a stranger never comes first: a server of TCP that speaks
 * before the client has is no server of SIP.
 */

/* Does it?  Of a connection, `d` is the first bytes that count. */
bool signalling_fits(const struct conf *conf, const struct datagram *d);

struct echoes;

/*
 * Messages are remembered by method or status, Call-ID, branch and CSeq, the
 * last ECHOES_MAX of them for ECHO_WITHIN.
 */
#define ECHOES_MAX  4096
#define ECHO_WITHIN (32 * INT64_C(1000000))

struct echoes *echoes_new(void);
void echoes_free(struct echoes *e);

/*
 * A message by UDP whose ports fit.  True: it only comes back from where it
 * was sent to.
 */
bool echoes_input(struct echoes *e, const struct conf *conf, int64_t now,
    const struct datagram *d, const struct sip_message *m);

#endif
