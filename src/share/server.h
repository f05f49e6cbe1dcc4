/* SPDX-License-Identifier: ISC */
#ifndef SHARE_SERVER_H
#define SHARE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/log.h"
#include "src/share/group.h"
#include "src/share/redis.h"
#include "src/share/secrets.h"

/*
 * The server and what is done there, over two connections: one for commands,
 * one that waits for the stream.
 *
 *	pinholed:{GROUP}:call:KEY	value: a record; runs out at GROUP_TTL
 *	pinholed:{GROUP}:changes	stream of records, field "r"
 *
 * To join, the position of the stream is read first, then all keys, then the
 * stream from that position: nothing that changes meanwhile is missed.  All
 * failures have one answer: close both connections, wait (each time longer,
 * and at random, so that not all boxes come back at once), join anew.
 */
enum server_state {
	SERVER_WAITING, /* until retry_at */
	SERVER_ASKED,	/* the monitor, for the first connection */
	SERVER_JOINING, /* reading all keys */
	SERVER_ASKED_AGAIN,
	SERVER_JOINED,
};

struct server {
	enum server_state state;
	struct event_base *base;
	struct group *group;
	const struct secrets *secrets;
	struct tls *tls;	/* NULL: none */
	char name[RECORD_NAME]; /* of the group */
	size_t limit;		/* calls that it may have */
	/* Ask for a connection; server_connected() is the answer. */
	void (*connect)(void *ctx);
	void *ctx;
	struct redis *command, *stream;
	char position[48]; /* of the stream */
	unsigned int failures;
	int64_t retry_at;
	int64_t since;	    /* of the state */
	int64_t refused_at; /* it would not write */
	bool scanned;	    /* all keys were named */
	size_t reading;	    /* values that were asked for */
	bool said;	    /* that it is gone */
	uint64_t joins;
	uint64_t bytes; /* of connections that are closed */
	struct log_limit refused_log;
};

void server_init(struct server *s, struct event_base *base,
    const struct secrets *secrets, const char *group);
/* -1: there is none. */
void server_connected(struct server *s, int fd, int64_t now);
void server_run(struct server *s, int64_t now);
/* No command waits to be sent. */
bool server_idle(const struct server *s);
void server_close(struct server *s);

/* As in group_ops. */
void server_write(struct server *s, const uint8_t *key, uint64_t version,
    const uint8_t *p, size_t len);
void server_erase(struct server *s, const uint8_t *key, uint64_t version,
    const uint8_t *p, size_t len);
void server_publish(struct server *s, const uint8_t *p, size_t len);
void server_renew(struct server *s, const uint8_t *key);
size_t server_room(const struct server *s);

uint64_t server_bytes(const struct server *s);

#endif
