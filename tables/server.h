/* SPDX-License-Identifier: ISC */
#ifndef TABLES_SERVER_H
#define TABLES_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/span.h"
#include "tables/keys.h"
#include "tables/verdict.h"
#include "tables/wire.h"

/*
 * The server without its socket: datagrams and the time in; changes for the
 * tables of a packet filter, records to keep and answers out.
 *
 * An entry that lies within another of the same table is remembered, but not
 * put into the packet filter, for not every filter can hold both.  It is put
 * there as soon as the other is removed.  A prefix that is removed is not an
 * error when it was not there.
 */
enum server_command {
	SERVER_ADD,
	SERVER_DELETE,
	SERVER_FLUSH,
};

/* Tables go by their place in `table`.  All borrowed. */
struct server_config {
	const char *const *table;
	size_t ntable;
	size_t force; /* this one, whatever is asked for; SERVER_NONE */
	const struct key *key;
	size_t nkey; /* 0: anybody, but on this machine only */
	const struct prefix *never;
	size_t nnever;
	uint32_t timeout; /* the longest and the default; 0: for ever */
	size_t max;	  /* entries */
};

#define SERVER_NONE SIZE_MAX

struct server_counters {
	uint64_t received;
	uint64_t verdict[SERVER_NVERDICTS];
	uint64_t added, renewed, removed, flushed, expired; /* entries */
	uint64_t replied;
	uint64_t entries, remembered; /* now */
};

/*
 * A datagram that is being acted on.  The owner keeps it until `pending` is 0,
 * and then may answer.
 */
struct server_job {
	enum server_verdict verdict;
	struct wire_request request;
	const struct key *key;
	uint8_t mac[MAC_SHA256_LEN];
	uint64_t refused; /* bit i: entry i */
	uint32_t pending; /* changes that server_changed() has not heard of */
};

/* Change one table; in the order in which they are given out. */
struct server_change {
	enum server_command command;
	uint16_t table;
	uint32_t ttl_s; /* 0: for ever */
	struct prefix prefix;
	uint64_t stamp;
	struct server_job *job; /* whose, or NULL */
	uint8_t entry;		/* which of it */
	bool hidden; /* only the packet filter drops it; the entry stays */
};

struct server_sink {
	void *ctx;
	void (*change)(void *ctx, const struct server_change *c);
	/* Keep `p` under this key; with len 0, forget it.  See state.h. */
	void (*keep)(void *ctx, uint64_t key, const void *p, size_t len);
};

struct server;

struct server *server_new(const struct server_config *c,
    const struct server_sink *sink);
void server_free(struct server *s);

/* The addresses of this machine, which are never entered. */
void server_set_own(struct server *s, const struct addr *own, size_t n);

/*
 * Something that was kept, before anything is received.  Unless PH_OK, nobody
 * needs it any more.
 */
PH_NODISCARD enum ph_err server_load(struct server *s, uint64_t key,
    const void *p, size_t len, int64_t now);
/*
 * All records have been loaded.  A predecessor that had no time for
 * server_end() may have received datagrams that are not in its records, so no
 * datagram from before now counts.
 */
void server_loaded(struct server *s, int64_t now);
/* No datagram will be received any more. */
void server_end(struct server *s);
/* Tell the packet filter up to `n` of what was loaded; false: that was all. */
bool server_resume(struct server *s, size_t n, int64_t now);
/* Have server_resume() tell everything again. */
void server_begin_again(struct server *s);

/* Returns job->verdict.  Changes may already have been given out. */
enum server_verdict server_receive(struct server *s, struct span datagram,
    const struct addr *from, int64_t now, struct server_job *job);

/*
 * Store the tags of the datagrams received since, so that they cannot count
 * again: after a batch of datagrams and before any of its changes is made.
 */
void server_keep(struct server *s);

/*
 * The result of a change.  PH_EAGAIN and PH_EIO: it may have been made;
 * PH_EDENIED: the firewall process knows more addresses that are never entered.
 */
void server_changed(struct server *s, const struct server_change *c,
    enum ph_err err, int64_t now);

/* The answer, if this job gets one; else 0. */
size_t server_reply(struct server *s, const struct server_job *job, int64_t now,
    uint8_t buf[WIRE_REPLY_LEN]);

/* Remove up to `n` entries whose time has come. */
void server_expire(struct server *s, size_t n, int64_t now);
/* When there is next something to expire, or INT64_MAX. */
int64_t server_next(struct server *s);

/* The entries of the tables, to look at. */
struct entries *server_entries(struct server *s);
void server_counters(const struct server *s, struct server_counters *out);

#endif
