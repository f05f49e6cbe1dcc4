/* SPDX-License-Identifier: ISC */
#ifndef FW_ANSWERS_H
#define FW_ANSWERS_H

#include <stdint.h>

#include "src/base/err.h"
#include "src/base/queue.h"
#include "src/process/ipc.h"

/*
 * What the firewall process tells its clients: an answer to each batch of
 * changes, once the packet filter has them all, and the ids of pinholes that
 * closed or had packets, many in a message.
 */
struct answer {
	TAILQ_ENTRY(answer) entry;
	enum ipc_role role;
	uint64_t seq;
	int64_t stamp; /* as in ipc_commit */
	bool quiet;
	struct ipc_result result;
};

enum answers_kind {
	ANSWERS_CLOSED,
	ANSWERS_SEEN_FROM,
	ANSWERS_SEEN_TO,
	ANSWERS_NKINDS
};

struct answers_sink {
	void *ctx;
	/*
	 * `m` holds the part that `type` needs.  The ledger is in the middle of
	 * its work: nothing here may change it.
	 */
	void (*send)(void *ctx, enum ipc_role role, enum ipc_type type,
	    uint64_t seq, struct ipc_msg *m);
	int64_t (*clock)(void); /* to measure commits; NULL: they are not */
};

struct answers {
	struct answers_sink sink;
	TAILQ_HEAD(, answer) waiting;
	struct histogram *setup; /* gets the time since the stamps */
	/* Being gathered. */
	struct ipc_msg ids[ANSWERS_NKINDS][IPC_NROLES];
	struct ipc_msg packets[IPC_NROLES];
};

void answers_init(struct answers *a, const struct answers_sink *sink,
    struct histogram *setup);
void answers_clear(struct answers *a);

/*
 * The answer to a batch, which is sent by the next answers_send(); NULL: no
 * memory, and the batch has been refused.
 */
struct answer *answers_new(struct answers *a, enum ipc_role role, uint64_t seq);
/* Change number `bit` of the batch is refused. */
void answer_refuse(struct answer *b, unsigned int bit, enum ph_err rc);
void answers_send(struct answers *a);

void answers_add_id(struct answers *a, enum ipc_role role,
    enum answers_kind kind, uint64_t id);
void answers_add_packets(struct answers *a, enum ipc_role role, uint64_t id,
    uint64_t packets);
void answers_send_packets(struct answers *a);
void answers_send_ids(struct answers *a, enum answers_kind kind);

#endif
