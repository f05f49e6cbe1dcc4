/* SPDX-License-Identifier: ISC */
/* Calls as bytes: each field comes back, and each has its bounds. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "src/base/wire.h"
#include "tests/unit/export_play.h"

static void
each_field_comes_back(void **state)
{
	struct sip_config config = default_config();
	const struct sip_counters *n;
	struct world w, v;
	const struct txn *t;
	uint64_t serial;
	struct call *c;
	int accepted;

	(void)state;
	for (accepted = 0; accepted < 2; accepted++) {
		world_open(&w, &config);
		world_open(&v, &config);
		n = sip_counters(v.sip);
		c = full_call(&w);
		if (accepted)
			call_accept(c, NOW);
		c->max_until = NOW + 5;
		save(&w, c->id);
		assert_int_equal(sip_import(v.sip, bytes, nbytes, NOW), PH_OK);
		assert_int_equal(v.wants, 1);
		assert_int_equal(v.accepted, accepted);
		same_calls(c, call_by_id(v.sip, c->id));
		assert_int_equal(n->calls, 1);
		assert_int_equal(n->accepted, accepted);
		assert_int_equal(call_by_id(v.sip, c->id)->worth,
		    accepted ? WORTH_ASKED : WORTH_RINGS);
		/* A transaction has a number that none before it had. */
		serial = 0;
		TAILQ_FOREACH(t, &c->txns, entry)
			serial = t->serial > serial ? t->serial : serial;
		assert_true(v.sip->next_serial > serial);
		/* A call has an id that none before it had. */
		assert_int_equal(v.sip->next_id, c->id + 1);
		world_close(&v);
		world_close(&w);
	}
}

/* No part of it, and no byte more, is a call; and nothing stays of it. */
static void
a_part_of_it_leaves_no_trace(void **state)
{
	struct sip_config config = default_config();
	const struct sip_counters *n;
	struct world w, v;
	size_t i, len;

	(void)state;
	world_open(&w, &config);
	save(&w, full_call(&w)->id);
	/* All of it, or nothing. */
	assert_int_equal(sip_export(w.sip, 1, bytes, nbytes, &len), PH_OK);
	assert_int_equal(sip_export(w.sip, 1, bytes, nbytes - 1, &len),
	    PH_ELIMIT);
	assert_int_equal(sip_export(w.sip, 2, bytes, sizeof(bytes), &len),
	    PH_EBAD);
	world_close(&w);
	world_open(&v, &config);
	n = sip_counters(v.sip);
	for (i = 0; i <= nbytes + 1; i += i < 200 || i > nbytes - 200 ? 1 : 97)
		if (i != nbytes)
			assert_int_equal(sip_import(v.sip, bytes, i, NOW),
			    PH_EMALFORMED);
	assert_int_equal(n->calls, 0);
	assert_int_equal(n->bytes, 0);
	assert_int_equal(n->evicted, 0);
	assert_int_equal(v.wants, 0);
	assert_int_equal(v.sip->calls.n, 0);
	assert_true(RB_EMPTY(&v.sip->sources));
	assert_int_equal(v.sip->nasked, 0);
	assert_int_equal(v.sip->mentions.n, 0);
	world_close(&v);
}

/* One field of a small call set to `value`, before it is written. */
enum field {
	CALL_ID_LEN,
	TAG_LEN,
	CALL_IDENTITY,
	CALLER_AF,
	CALLEE_AF,
	CALLER_NET, /* the first byte of the address */
	CALLEE_NET,
	SETUP_UNTIL,
	MAX_UNTIL,
	BEGAN,
	DIALOG_TAG_LEN,
	DIALOG_STATE,
	DIALOG_ORIGIN,
	DIALOG_ANSWERED,
	DIALOG_UPDATED,
	DIALOG_LATE_ROLE,
	DIALOG_LATE_UNTIL,
	DIALOG_DROP_AT,
	DIALOG_SESSION_UNTIL,
	PAST_UNTIL,
	PAST_SIDES, /* how many of the two there are */
	MEDIA_FAULT,
	MEDIA_KIND,
	MEDIA_MODE,
	MEDIA_SETUP,
	MEDIA_NPORTS,
	MEDIA_PORT, /* of a pair of ports */
	MEDIA_PORT_OF_4,
	FAULTY_NPORTS,
	REFUSED_NPORTS,
	TXN_METHOD,
	TXN_BRANCH_LEN,
	TXN_SERIAL,
	TXN_ROLE,
	TXN_BAD,
	TXN_BEGAN,
	TXN_UNTIL,
	LONE_TXN_METHOD, /* outside a dialog */
	LONE_TXN_ROLE,
};

static void
set_media(struct sdp_media *m, enum field field, uint64_t value)
{
	m->nports = 1;
	m->port = 10000;
	m->fault = SDP_OK;
	switch (field) {
	case MEDIA_FAULT:
		m->fault = (enum sdp_fault)value;
		break;
	case MEDIA_KIND:
		m->kind = (enum sdp_kind)value;
		break;
	case MEDIA_MODE:
		m->mode = (enum sdp_mode)value;
		break;
	case MEDIA_SETUP:
		m->setup = (enum sdp_setup)value;
		break;
	case MEDIA_PORT_OF_4:
		m->nports = 2;
		/* FALLTHROUGH */
	case MEDIA_PORT:
		m->port = (uint16_t)value;
		break;
	case FAULTY_NPORTS:
		m->fault = SDP_FAULT_PORT;
		m->nports = (uint16_t)value;
		break;
	case REFUSED_NPORTS:
		m->port = 0;
		/* FALLTHROUGH */
	case MEDIA_NPORTS:
		m->nports = (uint16_t)value;
		break;
	default:
		break;
	}
}

static void
set_dialog(struct dialog *d, enum field field, uint64_t value)
{
	switch (field) {
	case DIALOG_STATE:
		d->state = (enum dialog_state)value;
		break;
	case DIALOG_ORIGIN:
		d->origin = value;
		break;
	case DIALOG_ANSWERED:
		d->answered = value;
		break;
	case DIALOG_UPDATED:
		d->updated = value;
		break;
	case DIALOG_LATE_ROLE:
		assert_true(late_begin(d, &(struct late) { 0 }));
		d->late->role = (uint8_t)value;
		break;
	case DIALOG_LATE_UNTIL:
		assert_true(late_begin(d, &(struct late) { 0 }));
		d->late->until = (int64_t)value;
		break;
	case DIALOG_DROP_AT:
		d->drop_at = (int64_t)value;
		break;
	case DIALOG_SESSION_UNTIL:
		d->session_until = (int64_t)value;
		break;
	case PAST_UNTIL:
		d->past[SIP_MAX_PAST - 1].until = (int64_t)value;
		break;
	case PAST_SIDES:
		for (; value < 2; value++) {
			sdp_side_unref(d->past[3].side[value]);
			d->past[3].side[value] = NULL;
		}
		break;
	default:
		set_media(&d->side[CALLEE]->media[0], field, value);
	}
}

static void
set_txn(struct txn *t, struct txn *lone, enum field field, uint64_t value)
{
	switch (field) {
	case TXN_METHOD:
		t->method = (enum sip_method)value;
		break;
	case TXN_SERIAL:
		t->serial = value;
		break;
	case TXN_ROLE:
		t->role = (uint8_t)value;
		break;
	case TXN_BAD:
		t->bad = (enum reason)value;
		break;
	case TXN_BEGAN:
		t->began = (int64_t)value;
		break;
	case TXN_UNTIL:
		t->until = (int64_t)value;
		break;
	case LONE_TXN_METHOD:
		lone->method = (enum sip_method)value;
		break;
	case LONE_TXN_ROLE:
		lone->role = (uint8_t)value;
		break;
	default:
		break;
	}
}

/* In the bytes, `name` becomes a text of that length. */
static void
rename_in_bytes(struct span name, size_t len)
{
	uint8_t *p = memmem(bytes, nbytes, name.p, name.len);
	struct writer w;

	assert_non_null(p);
	assert_true(nbytes - name.len + len <= sizeof(bytes));
	memmove(p + len, p + name.len,
	    (size_t)(bytes + nbytes - (p + name.len)));
	memset(p, 't', len);
	w = writer_of(p - 2, 2);
	writer_u16(&w, (uint16_t)len);
	nbytes = nbytes - name.len + len;
}

/* Where a field is the length of a name: in the bytes, whatever it is here. */
static void
set_length(const struct call *c, enum field field, uint64_t value)
{
	const struct txn *t = TAILQ_NEXT(TAILQ_FIRST(&c->txns), entry);

	if (field == CALL_ID_LEN)
		rename_in_bytes(call_id_of(c), value);
	else if (field == TAG_LEN)
		rename_in_bytes(call_tag_of(c), value);
	else if (field == DIALOG_TAG_LEN)
		rename_in_bytes(dialog_tag_of(TAILQ_FIRST(&c->dialogs)), value);
	else if (field == TXN_BRANCH_LEN)
		rename_in_bytes(txn_branch_of(t), value);
}

static void
set_field(struct call *c, enum field field, uint64_t value)
{
	struct txn *lone = TAILQ_FIRST(&c->txns);

	switch (field) {
	case CALL_IDENTITY:
		assert_int_equal(call_set_id(c, value), PH_OK);
		break;
	case CALLER_AF:
		c->addr[CALLER].af = (uint8_t)value;
		break;
	case CALLEE_AF:
		c->addr[CALLEE].af = (uint8_t)value;
		break;
	case CALLER_NET:
		c->addr[CALLER].b[0] = (uint8_t)value;
		break;
	case CALLEE_NET:
		c->addr[CALLEE].b[0] = (uint8_t)value;
		break;
	case SETUP_UNTIL:
		c->setup_until = (int64_t)value;
		break;
	case MAX_UNTIL:
		c->max_until = (int64_t)value;
		break;
	case BEGAN:
		c->began = (int64_t)value;
		break;
	default:
		if (field < TXN_METHOD)
			set_dialog(TAILQ_FIRST(&c->dialogs), field, value);
		else
			set_txn(TAILQ_NEXT(lone, entry), lone, field, value);
	}
}

static void
each_field_has_its_bounds(void **state)
{
	/* clang-format off */
	static const struct {
		enum field	 field;
		uint64_t	 good, bad;
		enum ph_err	 rc;
	} rows[] = {
		{ CALL_ID_LEN, SIP_MAX_TAG, SIP_MAX_TAG + 1, PH_EMALFORMED },
		{ CALL_ID_LEN, 1, 0, PH_EMALFORMED },
		{ TAG_LEN, SIP_MAX_TAG, SIP_MAX_TAG + 1, PH_EMALFORMED },
		{ TAG_LEN, 0, SIP_MAX_TAG + 1, PH_EMALFORMED },
		{ CALL_IDENTITY, 1, 0, PH_EMALFORMED },
		{ CALL_IDENTITY, UINT64_MAX - 1, UINT64_MAX, PH_EMALFORMED },
		{ CALLER_AF, AF_INET, AF_UNSPEC, PH_EMALFORMED },
		{ CALLEE_AF, AF_INET, AF_UNSPEC, PH_EMALFORMED },
		/* One of the two must be protected. */
		{ CALLER_NET, 198, 0, PH_OK },
		{ CALLEE_NET, 192, 193, PH_EUNSUPPORTED },
		{ SETUP_UNTIL, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ MAX_UNTIL, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ BEGAN, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ DIALOG_TAG_LEN, SIP_MAX_TAG, SIP_MAX_TAG + 1, PH_EMALFORMED },
		{ DIALOG_TAG_LEN, 0, SIP_MAX_TAG + 1, PH_EMALFORMED },
		{ DIALOG_STATE, DIALOG_ENDED, DIALOG_STATES, PH_EMALFORMED },
		{ DIALOG_ORIGIN, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ DIALOG_ANSWERED, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ DIALOG_UPDATED, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ DIALOG_LATE_ROLE, CALLEE, CALLEE + 1, PH_EMALFORMED },
		{ DIALOG_LATE_UNTIL, INT64_MAX, UINT64_MAX, PH_EMALFORMED },
		{ DIALOG_DROP_AT, INT64_MAX, UINT64_MAX, PH_EMALFORMED },
		{ DIALOG_SESSION_UNTIL, INT64_MAX, UINT64_MAX, PH_EMALFORMED },
		{ PAST_UNTIL, INT64_MAX, UINT64_MAX, PH_EMALFORMED },
		{ PAST_SIDES, 2, 1, PH_EMALFORMED },
		{ PAST_SIDES, 2, 0, PH_EMALFORMED },
		{ MEDIA_FAULT, SDP_FAULT_SYNTAX, SDP_FAULT_SYNTAX + 1, PH_EMALFORMED },
		{ MEDIA_KIND, SDP_OTHER, SDP_OTHER + 1, PH_EMALFORMED },
		{ MEDIA_MODE, SDP_INACTIVE, SDP_INACTIVE + 1, PH_EMALFORMED },
		{ MEDIA_SETUP, SDP_HOLDCONN, SDP_HOLDCONN + 1, PH_EMALFORMED },
		{ MEDIA_NPORTS, 1, 0, PH_EMALFORMED },
		{ MEDIA_NPORTS, 128, 129, PH_EMALFORMED },
		{ MEDIA_PORT, 65535, 0, PH_OK },
		{ MEDIA_PORT_OF_4, 65533, 65534, PH_EMALFORMED },
		/* Nobody counts the ports of a stream that is not used. */
		{ FAULTY_NPORTS, 0, 129, PH_OK },
		{ REFUSED_NPORTS, 0, 129, PH_OK },
		{ TXN_METHOD, SIP_UPDATE, SIP_UPDATE + 1, PH_EMALFORMED },
		{ TXN_METHOD, SIP_OTHER, UINT8_MAX, PH_EMALFORMED },
		{ TXN_BRANCH_LEN, SIP_MAX_TAG, SIP_MAX_TAG + 1, PH_EMALFORMED },
		{ TXN_SERIAL, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ TXN_ROLE, CALLEE, CALLEE + 1, PH_EMALFORMED },
		{ TXN_BAD, REASON_COUNT - 1, REASON_COUNT, PH_EMALFORMED },
		{ TXN_BEGAN, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ TXN_UNTIL, INT64_MAX, UINT64_C(1) << 63, PH_EMALFORMED },
		{ LONE_TXN_METHOD, SIP_INVITE, SIP_UPDATE, PH_EMALFORMED },
		{ LONE_TXN_ROLE, CALLER, CALLEE, PH_EMALFORMED },
	};
	/* clang-format on */
	struct sip_config config = default_config();
	struct world w, v;
	struct call *c;
	size_t i;
	int bad;

	(void)state;
	for (i = 0; i < ROWS(rows); i++)
		for (bad = 0; bad < 2; bad++) {
			printf("row %zu %s\n", i, bad ? "bad" : "good");
			world_open(&w, &config);
			world_open(&v, &config);
			c = small_call(&w);
			set_field(c, rows[i].field,
			    bad ? rows[i].bad : rows[i].good);
			save(&w, c->id);
			set_length(c, rows[i].field,
			    bad ? rows[i].bad : rows[i].good);
			set_field(c, rows[i].field, rows[i].good);
			world_drop(&w);
			assert_int_equal(sip_import(v.sip, bytes, nbytes, NOW),
			    bad ? rows[i].rc : PH_OK);
			assert_int_equal(sip_counters(v.sip)->calls,
			    !bad || rows[i].rc == PH_OK);
			world_close(&v);
		}
}

/* The first dialog that has ended, then, for an answer, the first early one. */
static void
a_dialog_makes_room_with_its_transactions(void **state)
{
	static const char *const order[] = { "to2", "to5", "to8", "to11",
		"to14", "to0", "to3" };
	struct sip_config config = default_config();
	const struct txn *t;
	struct dialog *d;
	struct world w;
	struct call *c;
	char tag[8];
	size_t i;

	(void)state;
	world_open(&w, &config);
	c = full_call(&w);
	for (i = 0; i < ROWS(order); i++) {
		snprintf(tag, sizeof(tag), "new%zu", i);
		assert_non_null(dialog_find(c, span_of(order[i])));
		if (i == 5) {
			assert_null(dialog_new(c, span_of(tag), 1, false));
			assert_int_equal(w.sip->n.limit_dialogs, 1);
		}
		d = dialog_new(c, span_of(tag), 1, i >= 5);
		assert_non_null(d);
		assert_null(dialog_find(c, span_of(order[i])));
		assert_int_equal(c->ndialogs, SIP_MAX_DIALOGS);
		/* The new ones are to stay. */
		dialog_enter(c, d, DIALOG_CONFIRMED);
		TAILQ_FOREACH(t, &c->txns, entry) {
			d = NULL;
			if (t->dlg != NULL)
				TAILQ_FOREACH(d, &c->dialogs, entry)
					if (d == t->dlg)
						break;
			assert_ptr_equal(d, t->dlg);
		}
		/* Five of sixteen transactions were those of to2. */
		assert_int_equal(c->ntxns, 11);
	}
	assert_int_equal(w.sip->n.limit_dialogs, 1);
	world_drop(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_comes_back),
		cmocka_unit_test(a_part_of_it_leaves_no_trace),
		cmocka_unit_test(each_field_has_its_bounds),
		cmocka_unit_test(a_dialog_makes_room_with_its_transactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
