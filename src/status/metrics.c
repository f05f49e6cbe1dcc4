/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/timers.h"
#include "src/process/child.h"
#include "src/status/metrics.h"
#include "src/version.h"

enum metric_type {
	COUNTER,
	GAUGE,
	HISTOGRAM,
};

/* One sample, but for histograms.  Rows of one metric follow each other. */
struct metric {
	const char *name, *help; /* NULL: those of the row before */
	enum metric_type type;
	uint32_t role;	     /* the process that counts it */
	const char *counter; /* its name there */
	const char *label, *value;
};

/* clang-format off */
static const struct metric metrics[] = {
	{ "pinholed_calls_total", "Calls seen.", COUNTER, IPC_ENGINE, "calls_total", NULL, NULL },
	{ "pinholed_calls_accepted_total", "Calls that were accepted.", COUNTER, IPC_ENGINE, "calls_accepted_total", NULL, NULL },
	{ "pinholed_pinholes", "Pinholes open now, one for each claim.", GAUGE, IPC_ENGINE, "pinholes", NULL, NULL },
	{ "pinholed_pinholes_opened_total", "Pinholes opened.", COUNTER, IPC_ENGINE, "pinholes_opened", NULL, NULL },
	{ "pinholed_pinholes_closed_total", "Pinholes closed.", COUNTER, IPC_ENGINE, "pinholes_closed", NULL, NULL },
	{ "pinholed_refusals_total", "Pinholes refused, by the reasons of pinholed(8).", COUNTER, IPC_ENGINE, "refused_limit", "reason", "limit" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_not_protected", "reason", "not-protected" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_not_server", "reason", "not-server" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_port_range", "reason", "port-range" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_address", "reason", "address" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_ambiguous", "reason", "ambiguous" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_malformed", "reason", "malformed" },
	{ "pinholed_limit_hits_total", "What was refused or given up because a limit was reached.", COUNTER, IPC_ENGINE, "limit_calls", "limit", "calls" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "limit_per_source", "limit", "per-source" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "limit_rate", "limit", "rate" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "calls_evicted", "limit", "early-calls" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "limit_dialogs", "limit", "dialogs" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "limit_transactions", "limit", "transactions" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "pinholes_limit", "limit", "pinholes" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_limit", "limit", "filter" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "fragment_limits", "limit", "fragments" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tcp_limits", "limit", "tcp-connections" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "ftp_limit", "limit", "ftp" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tftp_limit", "limit", "tftp" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tftp_evicted", "limit", "tftp-transfers" },
	{ "pinholed_setup_seconds", "From the kernel's time stamp of a packet to its pinholes being open.", HISTOGRAM, IPC_ENGINE, "setup_us", NULL, NULL },
	{ "pinholed_fw_commit_seconds", "Time that the packet filter takes for a commit.", HISTOGRAM, IPC_ENGINE, "commit_us", NULL, NULL },
	{ "pinholed_fw_errors_total", "Commits that the packet filter refused, by class of the error.", COUNTER, IPC_ENGINE, "filter_error_again", "class", "again" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_bad", "class", "bad" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_denied", "class", "denied" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_gone", "class", "gone" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_limit", "class", "limit" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_memory", "class", "memory" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_system", "class", "system" },
	{ "pinholed_fw_pinholes", "Pinholes in the packet filter now, each once.", GAUGE, IPC_ENGINE, "filter_open", NULL, NULL },
	{ "pinholed_fw_commits_total", "Commits to the packet filter.", COUNTER, IPC_ENGINE, "filter_commits", NULL, NULL },
	{ "pinholed_fw_retries_total", "Commits that were tried again.", COUNTER, IPC_ENGINE, "filter_retries", NULL, NULL },
	{ "pinholed_fw_lost_total", "Times that the packet filter had lost everything of ours.", COUNTER, IPC_ENGINE, "filter_lost", NULL, NULL },
	{ "pinholed_fw_expired_total", "Pinholes that the firewall process closed at their deadline.", COUNTER, IPC_ENGINE, "filter_expired", NULL, NULL },
	{ "pinholed_fw_refused_total", "Requests that the firewall process refused.", COUNTER, IPC_ENGINE, "filter_denied", "reason", "denied" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_bad", "reason", "bad" },
	{ "pinholed_capture_dropped_total", "Packets that the kernel dropped before they were read.", COUNTER, IPC_ENGINE, "packets_dropped_by_kernel", NULL, NULL },
	{ "pinholed_packets_total", "Packets read.", COUNTER, IPC_ENGINE, "packets", NULL, NULL },
	{ "pinholed_packets_unused_total", "Packets read that were of no use, and why.", COUNTER, IPC_ENGINE, "packets_truncated", "reason", "truncated" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_malformed", "reason", "malformed" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_ignored", "reason", "ignored" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_foreign", "reason", "foreign" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_duplicate", "reason", "duplicate" },
	{ "pinholed_fragments_total", "IP fragments read.", COUNTER, IPC_ENGINE, "fragments", NULL, NULL },
	{ "pinholed_fragments_lost_total", "Datagrams that never became whole, and why.", COUNTER, IPC_ENGINE, "fragment_overlaps", "reason", "overlap" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "fragment_timeouts", "reason", "timeout" },
	{ "pinholed_tcp_connections_total", "TCP connections followed.", COUNTER, IPC_ENGINE, "tcp_connections", NULL, NULL },
	{ "pinholed_tcp_troubles_total", "What makes a TCP connection hard to follow.", COUNTER, IPC_ENGINE, "tcp_midstream", "kind", "midstream" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tcp_gaps", "kind", "gap" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tcp_implausible", "kind", "implausible" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tcp_conflicts", "kind", "conflict" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_streams_lost", "kind", "lost" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_streams_joined", "kind", "joined" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_segments_skipped", "kind", "skipped" },
	{ "pinholed_sip_messages_total", "SIP messages parsed and used, by method.", COUNTER, IPC_ENGINE, "sip_invite", "method", "INVITE" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_ack", "method", "ACK" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_bye", "method", "BYE" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_cancel", "method", "CANCEL" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_prack", "method", "PRACK" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_update", "method", "UPDATE" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_other", "method", "other" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_responses", "method", "response" },
	{ "pinholed_parse_errors_total", "Messages that were not understood, and why.", COUNTER, IPC_ENGINE, "sip_rejected_noise", "reason", "noise" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_size", "reason", "size" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_syntax", "reason", "syntax" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_length", "reason", "length" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_duplicate", "reason", "duplicate" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_range", "reason", "range" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_missing", "reason", "missing" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_mismatch", "reason", "mismatch" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sdp_malformed", "reason", "sdp-malformed" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sdp_ambiguous", "reason", "sdp-ambiguous" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tftp_malformed", "reason", "tftp-malformed" },
	{ "pinholed_sip_ignored_total", "SIP messages that change nothing, and why.", COUNTER, IPC_ENGINE, "seen_elsewhere", "reason", "elsewhere" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_not_protected", "reason", "not-protected" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_unmatched", "reason", "unmatched" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_no_dialog", "reason", "no-dialog" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_forged", "reason", "forged" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_retransmissions", "reason", "retransmission" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_other_ports", "reason", "other-ports" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_echoes", "reason", "echo" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_copies", "reason", "copy" },
	{ "pinholed_hep_messages_total", "Mirrored messages that may count.", COUNTER, IPC_ENGINE, "hep_messages", NULL, NULL },
	{ "pinholed_hep_refused_total", "What was mirrored and does not count, and why.", COUNTER, IPC_ENGINE, "hep_refused_sender", "reason", "sender" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_malformed", "reason", "malformed" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_key", "reason", "key" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_type", "reason", "type" },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_ends", "reason", "ends" },
	{ "pinholed_sip_memory_bytes", "Memory that the calls take now, about.", GAUGE, IPC_ENGINE, "sip_bytes", NULL, NULL },
	{ "pinholed_events_lost_total", "Lines that the reader of the standard output did not take.", COUNTER, IPC_ENGINE, "events_lost", NULL, NULL },
	{ "pinholed_ftp_connections", "FTP control connections followed now.", GAUGE, IPC_ENGINE, "ftp_connections", NULL, NULL },
	{ "pinholed_ftp_connections_total", "FTP control connections followed.", COUNTER, IPC_ENGINE, "ftp_connections_total", NULL, NULL },
	{ "pinholed_ftp_encrypted_total", "FTP control connections that became TLS.", COUNTER, IPC_ENGINE, "ftp_encrypted", NULL, NULL },
	{ "pinholed_tftp_transfers", "TFTP transfers known now.", GAUGE, IPC_ENGINE, "tftp_transfers", NULL, NULL },
	{ "pinholed_tftp_requests_total", "TFTP requests that opened.", COUNTER, IPC_ENGINE, "tftp_requests", NULL, NULL },
	{ "pinholed_proxy_pinholes", "Pinholes that the proxies have open now.", GAUGE, IPC_PROXY, "open", NULL, NULL },
	{ "pinholed_proxy_pinholes_opened_total", "Pinholes that the proxies opened.", COUNTER, IPC_PROXY, "opened", NULL, NULL },
	{ "pinholed_proxy_pinholes_closed_total", "Pinholes that the proxies closed.", COUNTER, IPC_PROXY, "closed", NULL, NULL },
	{ "pinholed_proxy_refused_total", "Pinholes that the proxies were refused.", COUNTER, IPC_PROXY, "refused", NULL, NULL },
	{ "pinholed_table_entries", "Entries in all tables now.", GAUGE, IPC_PROXY, "entries", NULL, NULL },
	{ "pinholed_table_changes_total", "Entries of tables that changed, and how.", COUNTER, IPC_PROXY, "tables_added", "change", "added" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_renewed", "change", "renewed" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_removed", "change", "removed" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_flushed", "change", "flushed" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_expired", "change", "expired" },
	{ "pinholed_table_updates_total", "Updates of tables, by the names in pinholed-tables(7).", COUNTER, IPC_PROXY, "tables_taken", "verdict", "taken" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_malformed", "verdict", "malformed" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_version", "verdict", "version" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_key", "verdict", "key" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_clock", "verdict", "clock" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_replay", "verdict", "replay" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_flood", "verdict", "flood" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_table", "verdict", "table" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_command", "verdict", "command" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_mask", "verdict", "mask" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_never", "verdict", "never" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_full", "verdict", "full" },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_filter", "verdict", "filter" },
};
/* clang-format on */

#define NMETRICS (sizeof(metrics) / sizeof(metrics[0]))

/* Metrics that are no counters of a process. */
enum {
	BUILD_INFO,
	START_TIME,
	LAST_RELOAD,
	PROCESS_UP,
	PROCESS_RESTARTS,
	CALLS,
	NOTHERS
};

static const char *const others[NOTHERS] = {
	[BUILD_INFO] = "pinholed_build_info",
	[START_TIME] = "pinholed_start_time_seconds",
	[LAST_RELOAD] = "pinholed_config_last_reload_success_timestamp_seconds",
	[PROCESS_UP] = "pinholed_process_up",
	[PROCESS_RESTARTS] = "pinholed_process_restarts_total",
	[CALLS] = "pinholed_calls",
};

const char *
metrics_process(uint32_t role)
{
	static const char *const names[IPC_NPARTIES] = {
		[IPC_ENGINE] = "engine",
		[IPC_PROXY] = "proxy",
		[IPC_FIREWALL] = "firewall",
		[IPC_MONITOR] = "monitor",
		[IPC_STATUS_PROCESS] = "status",
	};

	return role < IPC_NPARTIES ? names[role] : NULL;
}

static const char *const types[] = { "counter", "gauge", "histogram" };

static void
put_head(struct strbuf *out, const char *name, enum metric_type type,
    const char *help)
{
	strbuf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    types[type]);
}

struct histogram
metrics_histogram(const struct model *m, const char *name)
{
	struct histogram h = { { 0 }, 0 };
	char full[COUNTERS_NAME];
	uint64_t below = 0, upper;
	int i;

	for (i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		if (i < HISTOGRAM_BOUNDS)
			snprintf(full, sizeof(full), "%s_le_%" PRIu32, name,
			    histogram_bounds[i]);
		else
			snprintf(full, sizeof(full), "%s_count", name);
		if (!model_counter(m, IPC_ENGINE, full, &upper) ||
		    upper < below)
			upper = below;
		h.n[i] = upper - below;
		below = upper;
	}
	snprintf(full, sizeof(full), "%s_sum", name);
	if (!model_counter(m, IPC_ENGINE, full, &h.sum))
		h.sum = 0;
	return h;
}

/* Zeros before it was told would look like a reset. */
static bool
histogram_is_told(const struct model *m, const char *name)
{
	char count[COUNTERS_NAME], sum[COUNTERS_NAME];
	uint64_t v;

	snprintf(count, sizeof(count), "%s_count", name);
	snprintf(sum, sizeof(sum), "%s_sum", name);
	return model_counter(m, IPC_ENGINE, count, &v) &&
	    model_counter(m, IPC_ENGINE, sum, &v);
}

static void
put_counters(const struct model *m, struct strbuf *out)
{
	const struct metric *r, *head = NULL;
	bool begun = false;
	struct histogram h;
	uint64_t v;

	for (r = metrics; r < metrics + NMETRICS; r++) {
		if (r->name != NULL) {
			head = r;
			begun = false;
		}
		if (r->type == HISTOGRAM) {
			if (!histogram_is_told(m, r->counter))
				continue;
			h = metrics_histogram(m, r->counter);
			histogram_prometheus(&h, r->name, r->help, out);
			continue;
		}
		/* Not configured, or not told yet. */
		if (!model_counter(m, r->role, r->counter, &v))
			continue;
		if (!begun)
			put_head(out, head->name, head->type, head->help);
		begun = true;
		if (r->label != NULL)
			strbuf_fmt(out, "%s{%s=\"%s\"} %" PRIu64 "\n",
			    head->name, r->label, r->value, v);
		else
			strbuf_fmt(out, "%s %" PRIu64 "\n", head->name, v);
	}
}

static void
put_about(const struct model *m, struct strbuf *out)
{
	const struct ipc_about *about = model_about_of(m);

	put_head(out, others[BUILD_INFO], GAUGE, "Always 1.");
	strbuf_fmt(out, "%s{version=\"%s\",backend=\"%s\"} 1\n",
	    others[BUILD_INFO], PINHOLED_VERSION, about->backend);
	put_head(out, others[START_TIME], GAUGE,
	    "When the daemon was started.");
	strbuf_fmt(out, "%s %" PRId64 "\n", others[START_TIME],
	    clock_wall(about->started) / USEC_PER_SEC);
	put_head(out, others[LAST_RELOAD], GAUGE,
	    "When the configuration in force was read.");
	strbuf_fmt(out, "%s %" PRId64 "\n", others[LAST_RELOAD],
	    clock_wall(about->loaded) / USEC_PER_SEC);
}

static void
put_processes(const struct model *m, struct strbuf *out, size_t name)
{
	const struct ipc_health *h;
	uint32_t i;

	for (i = 0; i < IPC_NPARTIES; i++) {
		h = &model_party(m, i)->health;
		if (metrics_process(i) == NULL || h->since == 0)
			continue;
		strbuf_fmt(out, "%s{process=\"%s\"} %u\n", others[name],
		    metrics_process(i),
		    name == PROCESS_UP ? h->state == CHILD_READY : h->deaths);
	}
}

static void
put_health(const struct model *m, struct strbuf *out)
{
	put_head(out, others[PROCESS_UP], GAUGE, "Whether the process runs.");
	put_processes(m, out, PROCESS_UP);
	put_head(out, others[PROCESS_RESTARTS], COUNTER,
	    "Times that the process died and was replaced.");
	put_processes(m, out, PROCESS_RESTARTS);
}

static void
put_calls(const struct model *m, struct strbuf *out)
{
	static const char *const states[IPC_CALL_STATES] = {
		[IPC_CALL_EARLY] = "early",
		[IPC_CALL_ACCEPTED] = "accepted",
		[IPC_CALL_HELD] = "held",
	};
	const struct model_totals *t = model_totals(m);
	int i;

	put_head(out, others[CALLS], GAUGE, "Calls known now.");
	for (i = 0; i < IPC_CALL_STATES; i++)
		if (states[i] != NULL)
			strbuf_fmt(out, "%s{state=\"%s\"} %zu\n", others[CALLS],
			    states[i], t->by_state[i]);
}

void
metrics_write(const struct model *m, struct strbuf *out)
{
	put_about(m, out);
	put_health(m, out);
	put_calls(m, out);
	put_counters(m, out);
}

const char *
metrics_name(size_t i)
{
	size_t r;

	if (i < NOTHERS)
		return others[i];
	i -= NOTHERS;
	for (r = 0; r < NMETRICS; r++)
		if (metrics[r].name != NULL && i-- == 0)
			return metrics[r].name;
	return NULL;
}

const char *
metrics_counter(size_t i)
{
	return i < NMETRICS ? metrics[i].counter : NULL;
}
