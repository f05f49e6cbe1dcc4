/* SPDX-License-Identifier: ISC */
#ifndef SIP_STATE_H
#define SIP_STATE_H

#include "sip/sdp.h"
#include "sip/sip.h"
#include "src/base/hash.h"
#include "src/base/idmap.h"
#include "src/base/queue.h"
#include "src/base/tree.h"

/*
 * The insides of sip/: what a call consists of, and what its files do for each
 * other.  A file calls those above it in this list only:
 *
 *	find.c	 which call, dialog and transaction a message belongs to
 *	side.c	 what both sides said
 *	mentions.c who said it first
 *	wants.c	 what a call wants open, and when to look at it again
 *	body.c	 the SDP of messages
 *	call.c	 tables, limits
 *	bye.c	 how calls end
 *	life.c	 time
 *	dialog.c what messages do
 *	export.c calls as bytes
 *	front.c	 what sip.h offers
 */
#define SIP_T_TRANSACTION (32 * USEC_PER_SEC) /* 64*T1, RFC 3261 17 */
#define SIP_T_GRACE	  (3 * USEC_PER_SEC)  /* old media after an answer */
/*
 * How many times `timeout setup` early media may last, counted from its
 * INVITE: once, and one extension by provisional responses (RFC 3261 section
 * 13.3.1.1), however many of those come.
 */
#define SIP_EARLY_SETUPS  2
/* Undecided INVITEs of a call that the protected side has not answered. */
#define SIP_MAX_ASKED	  4
/*
 * Memory that all calls together may take, for each of `limit calls`: as much
 * as a call of two streams needs.  Beyond it, calls make room as at the limit
 * itself.
 */
#define SIP_CALL_BYTES	  1536
#define SIP_MIN_BYTES	  (1024 * 1024)
/*
 * How many calls that the protected side has not answered are written to the
 * journal; in a flood, the others are not.
 */
#define SIP_ASKED_KEPT	  1024
#define SIP_MAX_TXNS	  16  /* per call */
#define SIP_MAX_DIALOGS	  16  /* per call: forks */
#define SIP_MAX_PAST	  4   /* per dialog: sets that gave way */
#define SIP_MAX_LEGS	  32  /* per Call-ID */
#define SIP_MAX_TAG	  256 /* bytes of a tag, a branch, a Call-ID */

enum role {
	CALLER,
	CALLEE,
};

/* How many mentions a source has made, or an inside address has on it. */
struct tally {
	RB_ENTRY(tally) node;
	struct addr addr;
	bool target;
	unsigned int n;
};

struct mention {
	RB_ENTRY(mention) node;
	TAILQ_ENTRY(mention) entry; /* on call->mentions, oldest first */
	struct call *call;
	uint64_t serial;
	struct endpoint where;
	bool outside; /* an outsider named it */
	bool excess;  /* beyond its source's share */
};

/* With `outside`, and only then. */
struct outside_mention {
	struct mention m;		  /* first */
	TAILQ_ENTRY(outside_mention) age; /* on mentions->age[] */
	struct tally *source, *target;
};

TAILQ_HEAD(mention_list, mention);
TAILQ_HEAD(outside_mentions, outside_mention);
RB_HEAD(mention_tree, mention);
RB_HEAD(tally_tree, tally);

struct mentions {
	struct mention_tree tree;
	struct tally_tree tallies;
	struct outside_mentions age[2]; /* [1]: in excess */
	unsigned int n;			/* outsiders' */
	uint64_t serial;
};

/* One side's SDP, shared by whoever refers to it; never changed. */
struct sdp_side {
	uint32_t refs;
	uint32_t bytes; /* of all of it, with the candidates behind the media */
	struct addr speaker;
	uint8_t n;
	bool more; /* there were more streams than we read */
	struct sdp_media media[];
};

/*
 * A session that both sides had agreed on before: its media may still be on its
 * way.
 */
struct past {
	struct sdp_side *side[2];
	int64_t until; /* 0: nothing here */
};

/* An offer made in a response (late offer), which waits for its answer. */
struct late {
	struct sdp_side *side; /* owned */
	uint32_t cseq, rseq;
	int64_t until; /* no answer counts after 64*T1 */
	uint8_t role;  /* who sent the INVITE and is to answer */
};

struct dialog {
	TAILQ_ENTRY(dialog) entry;
	uint64_t origin;   /* serial of the INVITE that made it */
	uint64_t answered; /* serial of the last INVITE with a 2xx; 0: none */
	uint64_t updated;  /* of the last UPDATE or PRACK that agreed on SDP */
	struct sdp_side *side[2]; /* what both agreed on, by role; or NULL */
	struct past *past; /* SIP_MAX_PAST of them; NULL: nothing there */
	struct late *late; /* NULL: no such offer waits */
	/* The end of early media: see SIP_EARLY_SETUPS. */
	int64_t early_until;
	int64_t drop_at;       /* an early fork that lost; 0: none */
	int64_t session_until; /* RFC 4028; 0: none */
	uint64_t refused;      /* digest of the refusals last reported */
	uint32_t session_s;    /* the interval behind session_until */
	struct addr contact[2];
	uint8_t state : 4;   /* enum dialog_state */
	bool early_over : 1; /* nothing opens now before the 2xx */
	uint16_t tag_len;
	char text[]; /* dialog_tag_of() */
};

struct txn {
	TAILQ_ENTRY(txn) entry;
	uint64_t serial;
	struct dialog *dlg; /* NULL: outside a dialog */
	struct sdp_side *offer;
	struct sdp_side *answer; /* in a 18x to a re-INVITE, until its 2xx */
	int64_t began;		 /* when the request was seen */
	int64_t
	    until; /* forgotten, or (BYE, CANCEL) believed; 0: as the call */
	uint32_t cseq;
	struct addr src, dst; /* as the request was seen */
	struct addr contact;
	uint8_t method; /* enum sip_method */
	uint8_t role;	/* who sent the request */
	uint8_t bad;	/* enum reason: its SDP could not be used */
	bool own : 1;	/* a BYE that the protected side has not only relayed */
	bool cancelled : 1;
	bool done : 1;	  /* a final response was seen */
	bool refused : 1; /* and it was none to accept */
	uint16_t branch_len;
	char text[]; /* txn_branch_of() */
};

/*
 * What a call that nobody has accepted yet is worth, least first: that is the
 * order in which calls make room for others.
 */
enum worth {
	WORTH_ASKED, /* an outsider's INVITE, no answer from inside */
	WORTH_RINGS, /* the protected side has answered 18x */
	WORTH_OWN,   /* a protected host has made the call */
	NWORTHS,
};

TAILQ_HEAD(call_list, call);

struct source {
	RB_ENTRY(source) node;
	struct addr addr; /* see addr_source() */
	/* Not yet accepted, oldest first: WORTH_ASKED and WORTH_RINGS. */
	struct call_list calls[WORTH_OWN];
	uint32_t ncalls;
	int64_t reported; /* when a refusal was last reported */
};

struct call {
	struct hash_node by_call_id; /* first */
	TAILQ_ENTRY(call) age;	     /* on sip->pending or sip->dead */
	TAILQ_ENTRY(call) source_entry;
	uint64_t id;
	struct source *source; /* while not accepted, outside callers */
	TAILQ_HEAD(, txn) txns;
	TAILQ_HEAD(, dialog) dialogs;
	struct mention_list mentions; /* who named what first */
	int64_t began, setup_until, max_until, forget_at;
	struct timer timer;
	struct sip *sip;
	uint32_t bytes; /* as last weighed; what is shared counts twice */
	uint16_t nmentions;
	uint8_t ntxns;
	uint8_t ndialogs;
	struct addr addr[2];
	bool protected[2];
	bool accepted; /* some dialog is or was confirmed */
	bool dead;     /* nothing left but the memory */
	bool forgot;   /* mentions of a liar's: what is new is not believed */
	uint8_t worth; /* enum worth: while not accepted */
	uint16_t call_id_len, tag_len;
	char text[]; /* call_id_of(), and behind it call_tag_of() */
};

static inline struct span
call_id_of(const struct call *c)
{
	return (struct span) { c->text, c->call_id_len };
}

/* The caller's. */
static inline struct span
call_tag_of(const struct call *c)
{
	return (struct span) { c->text + c->call_id_len, c->tag_len };
}

/* The callee's. */
static inline struct span
dialog_tag_of(const struct dialog *d)
{
	return (struct span) { d->text, d->tag_len };
}

static inline struct span
txn_branch_of(const struct txn *t)
{
	return (struct span) { t->text, t->branch_len };
}

RB_HEAD(source_tree, source);

struct sip {
	struct sip_config config;
	struct sip_sink sink;
	struct timers *timers;
	void (*expire)(struct timer *t, int64_t now); /* call_expire() */
	struct sip_counters n;
	int64_t full_reported;	  /* that `limit calls` is reached */
	enum sip_verdict verdict; /* on the message at hand */
	bool hearing;		  /* there is one */
	struct hash calls;	  /* by Call-ID: see find.c */
	struct call *found; /* by call_first(); the next one is often that */
	bool found_alone;   /* there is no other leg of its Call-ID */
	struct idmap ids;   /* of calls */
	struct source_tree sources;
	struct call_list pending[NWORTHS]; /* not accepted, oldest first */
	size_t nasked;			   /* on pending[WORTH_ASKED] */
	struct call_list dead;
	struct mentions mentions;
	uint64_t next_id, next_serial;
	uint64_t serial_max; /* what is imported has none above it */
	/* Scratch, too big for the stack. */
	struct sip_plan plan;
	struct sdp sdp;
	struct span sdp_text; /* of the message at hand: what `sdp` was */
	enum ph_err sdp_rc;
	struct pinhole holes[4 * SIP_PLAN_HOLES];
};

/* find.c */
PH_NODISCARD enum ph_err calls_init(struct sip *sip);
/* PH_ENOMEM; PH_EBAD: another call has its id. */
PH_NODISCARD enum ph_err calls_enter(struct sip *sip, struct call *c);
void calls_leave(struct sip *sip, struct call *c);
/* Those of a Call-ID, by tag and addresses; NULL ends them. */
struct call *call_first(struct sip *sip, struct span call_id);
struct call *call_next(const struct call *c);
struct call *call_by_id(const struct sip *sip, uint64_t id);
/* In the order of ids: the first behind this one; NULL ends it. */
struct call *call_after(const struct sip *sip, uint64_t id);
struct call *call_find(struct sip *sip, struct span call_id,
    struct span caller_tag, const struct addr *caller,
    const struct addr *callee);
/* Which side's SDP names the inside. */
enum role call_inside(const struct call *c);
struct dialog *dialog_find(struct call *c, struct span tag);
struct txn *txn_find(struct call *c, enum sip_method method, uint32_t cseq,
    struct span branch);
struct in_dialog {
	struct dialog *dlg; /* NULL: none */
	struct call *call;
	enum role role; /* who sent the request */
	bool has_call;	/* there is a call of that Call-ID */
};
/*
 * The dialog an in-dialog request belongs to, and who sent it.  Tags and
 * addresses must fit; of several legs (a spiral) the one with the very
 * addresses wins.
 */
struct in_dialog dialog_look_up(struct sip *sip, const struct datagram *d,
    const struct sip_message *m);
/* The same for a request that may change something; a misfit is counted. */
struct dialog *dialog_of_request(struct sip *sip, int64_t now,
    const struct datagram *d, const struct sip_message *m, struct call **c,
    enum role *role);
/* The current message fits no call that is known. */
void sip_misfit(struct sip *sip, enum sip_verdict verdict);
/* The protected side keeps the dialog alive. */
void dialog_alive(struct call *c, const struct dialog *dlg, enum role speaker,
    int64_t now);

/* dialog.c */
/* An INVITE outside a dialog. */
void dialog_invite(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m);
void dialog_request(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m);
void dialog_response(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m);

/* late.c */
/* In place of the one before; its side is consumed.  False: no memory. */
bool late_begin(struct dialog *d, const struct late *late);
/* It was made in this very response. */
bool late_is(const struct dialog *d, uint32_t cseq, uint32_t rseq);
/* It waits for this side's answer. */
bool late_waits(const struct dialog *d, enum role role, uint32_t cseq,
    int64_t now);
struct sdp_side *late_take(struct dialog *d); /* there must be one */
void late_end(struct dialog *d);

/* body.c */
/* The body of a message, once its SDP has been read. */
struct body {
	struct sdp_side *side; /* owned; NULL: none, or not usable */
	enum reason bad;       /* why not usable */
};

/* `answer`: in a response to an INVITE outside a dialog. */
void body_read(struct call *c, bool answer, const struct datagram *d,
    const struct sip_message *m, struct body *b);
/*
 * The addresses and ports in an outsider's SDP are his mentions even if we
 * ignore the message, for the server that it goes to may accept it.
 */
void body_note_mentions(struct sip *sip, const struct datagram *d,
    struct span call_id, struct span from_tag, struct span to_tag,
    struct span sdp);
/*
 * c=0.0.0.0 puts a stream on hold (RFC 3264 section 8.4): the address used so
 * far stays in force, so that the pinhole is open when the call resumes.  With
 * `hold close` a stream on hold becomes inactive, so that its pinholes close.
 * Consumes `side`.
 */
struct sdp_side *body_keep_held(struct sip *sip, struct sdp_side *side,
    const struct sdp_side *old);

/* bye.c */
void bye_request(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m);
/* False: it belongs to nothing we know. */
bool bye_response(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_message *m);
/* A BYE, or its answer, that could not be parsed. */
void bye_overhear(struct sip *sip, int64_t now, const struct datagram *d,
    const struct sip_glance *g);
/*
 * End the dialog in all legs of the call.  The sink is told of the other legs;
 * `c` is left to the caller to settle and to update.
 */
void bye_hang_up(struct call *c, struct dialog *d, int64_t now);

/* side.c */
/* A copy of the media; NULL: no memory. */
struct sdp_side *sdp_side_new(const struct sdp_media *media, uint8_t n,
    bool more, const struct addr *speaker);
struct sdp_side *sdp_side_ref(struct sdp_side *side); /* NULL is fine */
void sdp_side_unref(struct sdp_side *side);
size_t sdp_side_bytes(const struct sdp_side *side); /* NULL is fine */
bool sdp_side_same(const struct sdp_side *a, const struct sdp_side *b);
/* A copy at `p`, where there is room for it; how long it is. */
uint16_t span_put(char *p, struct span s);
/* What the parts of a call take, with their text. */
size_t call_size(size_t call_id, size_t caller_tag);
size_t dialog_size(size_t tag);
size_t txn_size(size_t branch);
/* d->past, empty at first; NULL: no memory. */
struct past *past_slots(struct dialog *d);
/* The dialog's session gives way to `side`: keep it for a while. */
void past_keep(struct dialog *d, struct sdp_side *const side[2], int64_t until);
void past_expire(struct dialog *d, int64_t now);

/* call.c */
/* NULL when the limits say no; evicts what is not accepted. */
struct call *call_new(struct sip *sip, struct span call_id,
    struct span caller_tag, const struct addr *caller,
    const struct addr *callee, int64_t now);
void call_free(struct call *c); /* silently */
/*
 * Free a call that has ended and wants no pinholes any more, and tell the sink.
 */
void call_forget(struct call *c);
/* End a call, so that all its pinholes close. */
void call_drop(struct call *c, enum reason why, int64_t now);
/* Give an imported call its old name.  PH_ENOMEM; PH_EBAD: it is in use. */
PH_NODISCARD enum ph_err call_set_id(struct call *c, uint64_t id);
void call_accept(struct call *c, int64_t now);
/* The protected side has answered 18x. */
void call_rings(struct call *c);
/* If nothing in it lives any more, it is dead and soon forgotten. */
void call_settle(struct call *c, int64_t now);
/* Drop what is worth least, until all that is left has room. */
void sip_fit(struct sip *sip, int64_t now);

/* At the limit one that is over makes room or, if `accepted`, an early one. */
struct dialog *dialog_new(struct call *c, struct span tag, uint64_t origin,
    bool accepted);
void dialog_enter(struct call *c, struct dialog *d, enum dialog_state state);
void dialog_end(struct call *c, struct dialog *d);
struct txn *txn_new(struct call *c, enum sip_method method, uint32_t cseq,
    struct span branch);
void txn_free(struct call *c, struct txn *t);

/* wants.c: recompute what the call wants, tell the sink, set the timer. */
void call_update(struct call *c, enum reason open, enum reason close,
    int64_t now);
/* The same, and report what the dialog's session was refused. */
void call_report(struct call *c, struct dialog *d, int64_t now);
/* Worth a checkpoint, unless it is one of a flood. */
void call_changed(struct call *c, int64_t now);
/* Set the timer for when the next part of the call is over. */
void call_schedule(struct call *c, int64_t now);

/* life.c */
/* The timer of a call. */
void call_expire(struct timer *t, int64_t now);
/* End the early dialogs that this INVITE has made. */
void call_end_early(struct call *c, const struct txn *t);

#endif
