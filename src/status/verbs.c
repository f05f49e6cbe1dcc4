/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <inttypes.h>
#include <string.h>

#include "src/status/verbs.h"

/* clang-format off */
const struct verb_row verbs[VERB_COUNT] = {
	[VERB_SHOW_SUMMARY]  = { "show", "summary", VERB_ARGS_NONE, false,
	    "what the daemon is and how it does" },
	[VERB_SHOW_CALLS]    = { "show", "calls", VERB_ARGS_FILTER, false,
	    "calls" },
	[VERB_SHOW_PINHOLES] = { "show", "pinholes", VERB_ARGS_FILTER, false,
	    "open pinholes" },
	[VERB_SHOW_TABLES]   = { "show", "tables", VERB_ARGS_ADDRESS, false,
	    "tables that other hosts may change" },
	[VERB_SHOW_PEERS]    = { "show", "peers", VERB_ARGS_NONE, false,
	    "other firewalls that share calls" },
	[VERB_SHOW_COUNTERS] = { "show", "counters", VERB_ARGS_NONE, false,
	    "counters of each process" },
	[VERB_SHOW_CONFIG]   = { "show", "config", VERB_ARGS_NONE, false,
	    "the configuration in force, with defaults" },
	[VERB_MONITOR]	     = { "monitor", NULL, VERB_ARGS_FILTER, false,
	    "events as they happen" },
	[VERB_TOP]	     = { "top", NULL, VERB_ARGS_NONE, false,
	    "a full screen of calls" },
	[VERB_EXPLAIN]	     = { "explain", NULL, VERB_ARGS_WHICH, false,
	    "the story of one call" },
	[VERB_CLOSE]	     = { "close", NULL, VERB_ARGS_WHICH, true,
	    "end a call or transfer, and close its pinholes" },
	[VERB_RELOAD]	     = { "reload", NULL, VERB_ARGS_NONE, true,
	    "read the configuration again" },
	[VERB_LOG_BRIEF]     = { "log", "brief", VERB_ARGS_NONE, true,
	    "log events alone" },
	[VERB_LOG_VERBOSE]   = { "log", "verbose", VERB_ARGS_NONE, true,
	    "log the rules and reasons of events, too" },
	[VERB_CHECK]	     = { "check", NULL, VERB_ARGS_NONE, true,
	    "look whether a reload would succeed" },
};

const char *const verb_filters[VERB_FILTER_COUNT] = {
	[VERB_FILTER_ADDRESS] = "address",
	[VERB_FILTER_CALL]    = "call",
	[VERB_FILTER_OLDER]   = "older",
	[VERB_FILTER_STATE]   = "state",
	[VERB_FILTER_YOUNGER] = "younger",
};

/* In the order of enum ipc_call_state. */
const char *const verb_states[VERB_STATES] = { "early", "accepted", "held",
    "ended" };
/* clang-format on */

#define AGE_MAX (10 * 366 * 86400)

static struct span
next_word(struct span *rest)
{
	struct span word;

	*rest = span_trim(*rest);
	word = span_cut(*rest, ' ', rest);
	return word;
}

static bool
word_begins(struct span word, const char *name)
{
	return word.len > 0 && word.len <= strlen(name) &&
	    memcmp(word.p, name, word.len) == 0;
}

/*
 * Which name `word` stands for: its index, -1 for none, -2 for several.  A
 * name that repeats in `list` is one.
 */
static int
find_name(struct span word, const char *const *list, size_t n)
{
	int found = -1;
	size_t i;

	for (i = 0; i < n; i++) {
		if (list[i] == NULL || !word_begins(word, list[i]))
			continue;
		if (strlen(list[i]) == word.len)
			return (int)i;
		if (found == -1)
			found = (int)i;
		else if (strcmp(list[found], list[i]) != 0)
			return -2;
	}
	return found;
}

/* `several`: it is the beginning of more than one. */
static void
wrong_word(struct span word, const char *what, const char *const *list,
    size_t n, bool several, struct strbuf *why)
{
	size_t i;

	if (word.len == 0)
		strbuf_fmt(why, "%s %s is missing",
		    strchr("aeiou", *what) != NULL ? "an" : "a", what);
	else {
		strbuf_str(why, "\"");
		strbuf_vis(why, word);
		strbuf_fmt(why, several ? "\" is not one %s" : "\" is no %s",
		    what);
	}
	strbuf_str(why, several ? "; it may be:" : "; there are:");
	for (i = 0; i < n; i++)
		if (list[i] != NULL &&
		    (!several || word_begins(word, list[i])) &&
		    (i == 0 || list[i - 1] == NULL ||
			strcmp(list[i], list[i - 1]) != 0))
			strbuf_fmt(why, " %s", list[i]);
}

static enum ph_err
word_pick(struct span word, const char *what, const char *const *list, size_t n,
    int *out, struct strbuf *why)
{
	*out = find_name(word, list, n);
	if (*out >= 0)
		return PH_OK;
	wrong_word(word, what, list, n, *out == -2, why);
	return PH_EMALFORMED;
}

/* The verb and its object. */
static enum ph_err
parse_verb(struct span *rest, struct request *out, struct strbuf *why)
{
	const char *words[VERB_COUNT], *objects[VERB_COUNT];
	int first, i, found;
	enum ph_err rc;

	for (i = 0; i < VERB_COUNT; i++)
		words[i] = verbs[i].word;
	rc = word_pick(next_word(rest), "verb", words, VERB_COUNT, &first, why);
	if (rc != PH_OK)
		return rc;
	for (i = 0; i < VERB_COUNT; i++)
		objects[i] = strcmp(verbs[i].word, words[first]) == 0
		    ? verbs[i].object
		    : NULL;
	found = first;
	if (objects[first] != NULL) {
		strbuf_reset(why);
		rc = word_pick(next_word(rest),
		    first == VERB_LOG_BRIEF ? "level" : "object", objects,
		    VERB_COUNT, &found, why);
	}
	out->verb = (enum verb)found;
	return rc;
}

static enum ph_err
copy_call(struct span word, struct request *out, struct strbuf *why)
{
	if (word.len > VERB_CALL) {
		strbuf_fmt(why, "a Call-ID has at most %d bytes", VERB_CALL);
		return PH_EMALFORMED;
	}
	memcpy(out->call, word.p, word.len);
	out->call[word.len] = '\0';
	return PH_OK;
}

static enum ph_err
parse_age(struct span word, int64_t *out, struct strbuf *why)
{
	uint64_t n;

	if (!span_number(word, AGE_MAX, &n)) {
		strbuf_str(why, "an age is a number of seconds");
		return PH_EMALFORMED;
	}
	*out = (int64_t)n;
	return PH_OK;
}

static enum ph_err
parse_filter(struct span *rest, struct request *out, struct strbuf *why)
{
	enum ph_err rc;
	struct span word;
	int which;

	rc = word_pick(next_word(rest), "filter", verb_filters,
	    VERB_FILTER_COUNT, &which, why);
	if (rc != PH_OK)
		return rc;
	word = next_word(rest);
	if (word.len == 0 && which != VERB_FILTER_STATE) {
		strbuf_fmt(why, "\"%s\" needs a value", verb_filters[which]);
		return PH_EMALFORMED;
	}
	switch (which) {
	case VERB_FILTER_ADDRESS:
		if (prefix_parse(word, &out->address) == PH_OK)
			return PH_OK;
		strbuf_str(why, "an address or a prefix is expected, not \"");
		strbuf_vis(why, word);
		strbuf_str(why, "\"");
		return PH_EMALFORMED;
	case VERB_FILTER_CALL:
		return copy_call(word, out, why);
	case VERB_FILTER_STATE:
		return word_pick(word, "state", verb_states, VERB_STATES,
		    &out->state, why);
	case VERB_FILTER_OLDER:
		return parse_age(word, &out->older, why);
	default:
		return parse_age(word, &out->younger, why);
	}
}

/* An entry of a table has no call, state or age that a filter could name. */
static enum ph_err
check_address_alone(const struct request *r, struct strbuf *why)
{
	if (r->call[0] == '\0' && r->state == -1 && r->older == -1 &&
	    r->younger == -1)
		return PH_OK;
	strbuf_str(why, "the only filter here is \"address\"");
	return PH_EMALFORMED;
}

static bool
is_clean(struct span line)
{
	size_t i;

	for (i = 0; i < line.len; i++)
		if ((unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f)
			return false;
	return true;
}

enum ph_err
verbs_parse(struct span line, struct request *out, struct strbuf *why)
{
	struct span rest = line, word;
	enum ph_err rc;

	memset(out, 0, sizeof(*out));
	out->state = -1;
	out->older = out->younger = -1;
	if (line.len > VERB_LINE || !is_clean(line)) {
		strbuf_fmt(why, "a line is text of at most %d bytes",
		    VERB_LINE);
		return PH_EMALFORMED;
	}
	if ((rc = parse_verb(&rest, out, why)) != PH_OK)
		return rc;
	switch (verbs[out->verb].args) {
	case VERB_ARGS_FILTER:
	case VERB_ARGS_ADDRESS:
		while (rc == PH_OK && span_trim(rest).len > 0)
			rc = parse_filter(&rest, out, why);
		if (rc == PH_OK && verbs[out->verb].args == VERB_ARGS_ADDRESS)
			rc = check_address_alone(out, why);
		return rc;
	case VERB_ARGS_WHICH:
		word = next_word(&rest);
		if (word.len == 0) {
			strbuf_fmt(why,
			    "%s what?  The id of a pinhole, or a "
			    "Call-ID",
			    verbs[out->verb].word);
			return PH_EMALFORMED;
		}
		if (!span_number(word, UINT64_MAX - 1, &out->id))
			out->id = 0;
		rc = copy_call(word, out, why);
		break;
	case VERB_ARGS_NONE:
		break;
	}
	if (rc == PH_OK && span_trim(rest).len > 0) {
		strbuf_str(why, "nothing is expected at \"");
		strbuf_vis(why, span_trim(rest));
		strbuf_str(why, "\"");
		rc = PH_EMALFORMED;
	}
	return rc;
}

void
verbs_format(const struct request *r, struct strbuf *out)
{
	const struct verb_row *v = &verbs[r->verb];
	char buf[ADDR_STRLEN];

	strbuf_str(out, v->word);
	if (v->object != NULL)
		strbuf_fmt(out, " %s", v->object);
	if (v->args == VERB_ARGS_WHICH)
		strbuf_fmt(out, " %s", r->call);
	if (v->args != VERB_ARGS_FILTER && v->args != VERB_ARGS_ADDRESS)
		return;
	if (r->address.addr.af != AF_UNSPEC)
		strbuf_fmt(out, " address %s", prefix_format(&r->address, buf));
	if (r->call[0] != '\0')
		strbuf_fmt(out, " call %s", r->call);
	if (r->older != -1)
		strbuf_fmt(out, " older %" PRId64, r->older);
	if (r->state != -1)
		strbuf_fmt(out, " state %s", verb_states[r->state]);
	if (r->younger != -1)
		strbuf_fmt(out, " younger %" PRId64, r->younger);
}
