/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "pinholectl/output.h"

#define LONG_CALL 40

static size_t call_max = SIZE_MAX;

void
output_for_terminal(void)
{
	call_max = LONG_CALL;
}

const char *
output_string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "-";
}

double
output_number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

void
output_duration(long s, char buf[32])
{
	if (s < 60)
		snprintf(buf, 32, "%lds", s);
	else if (s < 3600)
		snprintf(buf, 32, "%ldm%02lds", s / 60, s % 60);
	else
		snprintf(buf, 32, "%ldh%02ldm", s / 3600, s / 60 % 60);
}

static long
now_s(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return (long)now.tv_sec;
}

/* How long ago that was; "-": never. */
static void
output_age(double since, char buf[32])
{
	double s = (double)now_s() - since;

	/* This second has a part that now_s() does not have. */
	if (since > 0)
		output_duration(s > 0 && s < 1e9 ? (long)s : 0, buf);
	else
		snprintf(buf, 32, "-");
}

/* How long it is until then. */
static void
output_left(double until, char buf[32])
{
	double s = until - (double)now_s();

	output_duration(s > 0 && s < 1e9 ? (long)s : 0, buf);
}

static void
output_call(const json_t *o, struct strbuf *out)
{
	const char *s = output_string(o, "call");

	strbuf_vis(out, span_sub(span_of(s), 0, call_max));
	if (strlen(s) > call_max)
		strbuf_str(out, "...");
}

static void
text_call(const json_t *o, struct strbuf *out)
{
	char age[32], media[32];

	output_age(output_number(o, "since"), age);
	output_age(output_number(o, "last_media"), media);
	strbuf_fmt(out, "%-8s %-15s -> %-15s %8s %8s %3zu  ",
	    output_string(o, "state"), output_string(o, "from"),
	    output_string(o, "to"), age, media,
	    json_array_size(json_object_get(o, "pinholes")));
	output_call(o, out);
}

static void
hole_ports(const json_t *o, char ports[32])
{
	double lo = output_number(o, "dport"),
	       hi = output_number(o, "dport_end");

	if (lo < hi)
		snprintf(ports, 32, "%.0f:%.0f", lo, hi);
	else
		snprintf(ports, 32, "%.0f", lo);
}

/* Under the heading of "show pinholes". */
static void
text_hole_row(const json_t *o, struct strbuf *out)
{
	char age[32], media[32], ports[32], sport[32] = "any";

	output_age(output_number(o, "ts"), age);
	output_age(output_number(o, "last_media"), media);
	hole_ports(o, ports);
	if (output_number(o, "sport") > 0)
		snprintf(sport, sizeof(sport), "%.0f",
		    output_number(o, "sport"));
	strbuf_fmt(out,
	    "%-3s %-5s %-15s %-5s -> %-15s %-11s %8s %8s  %-8s %-13.0f ",
	    output_string(o, "dir"), output_string(o, "proto"),
	    output_string(o, "src"), sport, output_string(o, "dst"), ports, age,
	    media, output_string(o, "reason"), output_number(o, "id"));
	output_call(o, out);
	if (json_is_string(json_object_get(o, "form_why")))
		strbuf_fmt(out, "  (a rule: %s)", output_string(o, "form_why"));
	else if (strcmp(output_string(o, "form"), "state") == 0)
		strbuf_str(out, "  (a state)");
}

/* In an event of "monitor". */
static void
text_hole(const json_t *o, struct strbuf *out)
{
	char ports[32];

	hole_ports(o, ports);
	strbuf_fmt(out, "%6.0f %-3s %s %s", output_number(o, "id"),
	    output_string(o, "dir"), output_string(o, "proto"),
	    output_string(o, "src"));
	if (output_number(o, "sport") > 0)
		strbuf_fmt(out, " port %.0f", output_number(o, "sport"));
	strbuf_fmt(out, " -> %s port %s (%s) ", output_string(o, "dst"), ports,
	    output_string(o, "reason"));
	output_call(o, out);
}

static void
text_peer(const json_t *o, struct strbuf *out)
{
	double heard = output_number(o, "heard");
	char age[32] = "-";

	if (heard > 0)
		snprintf(age, sizeof(age), "%.0f s ago",
		    (double)time(NULL) - heard);
	strbuf_fmt(out, "%-31s %-7s %-7.0f %-7.0f %s", output_string(o, "box"),
	    output_string(o, "state"), output_number(o, "owns"),
	    output_number(o, "calls"), age);
}

static void
text_table(const json_t *o, struct strbuf *out)
{
	double expires = output_number(o, "expires");
	char left[32];

	if (json_is_number(json_object_get(o, "entries"))) {
		strbuf_fmt(out, "%-31s %.0f", output_string(o, "table"),
		    output_number(o, "entries"));
		return;
	}
	output_left(expires, left);
	strbuf_fmt(out, "  %-29s %s", output_string(o, "address"),
	    expires > 0 ? left : "for ever");
}

static void
text_event(const json_t *o, struct strbuf *out)
{
	time_t at = (time_t)output_number(o, "ts");
	struct tm tm;
	char when[16];

	if (localtime_r(&at, &tm) == NULL ||
	    strftime(when, sizeof(when), "%H:%M:%S", &tm) == 0)
		when[0] = '\0';
	strbuf_fmt(out, "%s %-6s ", when, output_string(o, "event"));
	if (strcmp(output_string(o, "event"), "refuse") != 0) {
		text_hole(o, out);
		return;
	}
	strbuf_fmt(out, "%s -> %s port %.0f (%s) ", output_string(o, "src"),
	    output_string(o, "dst"), output_number(o, "dport"),
	    output_string(o, "reason"));
	output_call(o, out);
}

/* "key value" of each member, one a line. */
static void
text_members(const json_t *o, const char *before, struct strbuf *out)
{
	json_t *value;
	const char *key;
	char name[64], time[32];

	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		snprintf(name, sizeof(name), "%s%s", before, key);
		if (json_is_object(value)) {
			/* Members that are objects: setup_us and held_us. */
			snprintf(name, sizeof(name), "%.*s ",
			    (int)strcspn(key, "_"), key);
			text_members(value, name, out);
			continue;
		}
		if (out->len > 0)
			strbuf_str(out, "\n");
		strbuf_fmt(out, "%-16s ", name);
		if (strcmp(key, "uptime") == 0) {
			output_duration((long)json_number_value(value), time);
			strbuf_str(out, time);
		} else if (*before != '\0' && json_is_number(value))
			strbuf_fmt(out, "%.1f ms",
			    json_number_value(value) / 1000);
		else if (json_is_string(value))
			strbuf_vis(out, span_of(json_string_value(value)));
		else if (json_is_number(value))
			strbuf_fmt(out, "%.0f", json_number_value(value));
		else
			strbuf_str(out, "-");
	}
}

/* A line that is escaped already: a backslash stays as it is. */
static void
text_line(const char *line, struct strbuf *out)
{
	size_t n;

	for (;; line += n + 1) {
		n = strcspn(line, "\\");
		strbuf_vis(out, (struct span) { line, n });
		if (line[n] == '\0')
			return;
		strbuf_str(out, "\\");
	}
}

/* A line of the configuration, for another daemon to read. */
static void
text_config(const char *line, struct strbuf *out)
{
	for (; *line == '\t'; line++)
		strbuf_str(out, "        ");
	strbuf_vis(out, span_of(line));
}

const char *
output_heading(enum verb verb)
{
	switch (verb) {
	case VERB_SHOW_CALLS:
		return "STATE    FROM               TO                   AGE "
		       "   MEDIA   #  CALL-ID";
	case VERB_SHOW_PINHOLES:
		return "DIR PROTO FROM            PORT     TO              "
		       "PORTS            AGE    MEDIA  REASON   "
		       "ID            CALL-ID";
	case VERB_SHOW_COUNTERS:
		return "PROCESS  COUNTER                          VALUE";
	case VERB_SHOW_TABLES:
		return "TABLE                           ENTRIES";
	case VERB_SHOW_PEERS:
		return "BOX                             STATE   OWNS    CALLS  "
		       " "
		       "HEARD";
	default:
		return NULL;
	}
}

void
output_text(enum verb verb, const json_t *o, struct strbuf *out)
{
	switch (verb) {
	case VERB_SHOW_CALLS:
		text_call(o, out);
		break;
	case VERB_SHOW_PINHOLES:
		text_hole_row(o, out);
		break;
	case VERB_SHOW_COUNTERS:
		strbuf_fmt(out, "%-8s %-32s %.0f", output_string(o, "process"),
		    output_string(o, "name"), output_number(o, "value"));
		break;
	case VERB_SHOW_TABLES:
		text_table(o, out);
		break;
	case VERB_SHOW_PEERS:
		text_peer(o, out);
		break;
	case VERB_SHOW_SUMMARY:
		text_members(o, "", out);
		break;
	case VERB_MONITOR:
		text_event(o, out);
		break;
	case VERB_SHOW_CONFIG:
		text_config(output_string(o, "text"), out);
		break;
	default:
		text_line(output_string(o, "text"), out);
		break;
	}
}
