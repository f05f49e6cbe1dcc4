/* SPDX-License-Identifier: ISC */
#ifndef SHARE_REDIS_H
#define SHARE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/strbuf.h"
#include "src/share/record.h"

/*
 * One connection to a server of Redis: commands out, each with what is to be
 * done with its reply, which come back in order.  hiredis writes the commands
 * and reads the replies; the socket is libevent's.
 *
 * The server is not trusted: a reply beyond REDIS_REPLY_MAX, one that nobody
 * asked for, or one that is none ends the connection.
 */
#define REDIS_REPLY_MAX (16u << 20)
#define REDIS_WAITING	1000 /* commands without a reply */

struct event_base;
struct redis;
struct redisReply;
struct tls;

/*
 * The call, and its version, that a command is about: handed back with the
 * reply.
 */
struct redis_tag {
	uint8_t key[RECORD_KEY];
	uint64_t version;
};

/* NULL calls: the connection is closed by its owner. */
typedef void redis_reply(void *ctx, const struct redisReply *r,
    const struct redis_tag *tag);

/*
 * Takes `fd`, which may still be connecting; `tls` is borrowed, NULL: none.
 * `lost` is called at most once, with a sentence, never within redis_send();
 * then redis_free() it.
 */
struct redis *redis_new(struct event_base *base, int fd, struct tls *tls,
    void (*lost)(void *ctx, const char *why), void *ctx);
void redis_free(struct redis *r);

/* `tag` may be NULL.  What cannot be sent ends the connection. */
void redis_send(struct redis *r, redis_reply *reply,
    const struct redis_tag *tag, int argc, const char **argv,
    const size_t *len);

/*
 * What a reply that is an error says, and what it means for the configuration;
 * of any other reply, nothing.
 */
void redis_explain(const struct redisReply *r, struct strbuf *out);

/* How many may be sent now. */
size_t redis_room(const struct redis *r);
/* When the oldest command was sent that has no reply yet; 0: none. */
int64_t redis_waits_since(const struct redis *r);
/* All that was sent is with the kernel. */
bool redis_sent(const struct redis *r);
/* The peer is a server of Redis: a loss has no reason to be guessed at. */
void redis_known(struct redis *r);
/* A sentence about a server that has not answered in time. */
const char *redis_late(const struct redis *r);
uint64_t redis_bytes(const struct redis *r); /* in and out, so far */

#endif
