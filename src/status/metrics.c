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
	const char *labels;  /* as they are written; NULL: none */
};

#define L(label, value) label "=\"" value "\""

/* clang-format off */
static const struct metric metrics[] = {
	{ "pinholed_calls_total", "Calls seen.", COUNTER, IPC_ENGINE, "calls_total", NULL },
	{ "pinholed_calls_accepted_total", "Calls that were accepted.", COUNTER, IPC_ENGINE, "calls_accepted_total", NULL },
	{ "pinholed_dialogs", "SIP dialogs known now.", GAUGE, IPC_ENGINE, "dialogs_early", L("state", "early") },
	{ NULL, NULL, GAUGE, IPC_ENGINE, "dialogs_confirmed", L("state", "confirmed") },
	{ "pinholed_pinholes", "Pinholes open now, one for each claim.", GAUGE, IPC_ENGINE, "pinholes", NULL },
	{ "pinholed_pinholes_opened_total", "Pinholes opened.", COUNTER, IPC_ENGINE, "pinholes_opened", NULL },
	{ "pinholed_pinholes_closed_total", "Pinholes closed.", COUNTER, IPC_ENGINE, "pinholes_closed", NULL },
	{ "pinholed_refusals_total", "Pinholes refused, by the reasons of pinholed(8).", COUNTER, IPC_ENGINE, "refused_limit", L("reason", "limit") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_not_protected", L("reason", "not-protected") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_not_server", L("reason", "not-server") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_port_range", L("reason", "port-range") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_address", L("reason", "address") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_ambiguous", L("reason", "ambiguous") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "refused_malformed", L("reason", "malformed") },
	{ "pinholed_limit_hits_total", "What was refused or given up because a limit was reached.", COUNTER, IPC_ENGINE, "limit_calls", L("limit", "calls") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "limit_per_source", L("limit", "per-source") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "limit_rate", L("limit", "rate") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "calls_evicted", L("limit", "early-calls") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "limit_dialogs", L("limit", "dialogs") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "limit_transactions", L("limit", "transactions") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "pinholes_limit", L("limit", "pinholes") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_limit", L("limit", "filter") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "fragment_limits", L("limit", "fragments") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tcp_limits", L("limit", "tcp-connections") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "ftp_limit", L("limit", "ftp") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tftp_limit", L("limit", "tftp") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tftp_evicted", L("limit", "tftp-transfers") },
	{ "pinholed_setup_seconds", "From the kernel's time stamp of a packet to its pinholes being open.", HISTOGRAM, IPC_ENGINE, "setup_us", NULL },
	{ "pinholed_fw_commit_seconds", "Time that the packet filter takes for a commit.", HISTOGRAM, IPC_ENGINE, "commit_us", NULL },
	{ "pinholed_fw_errors_total", "Commits that the packet filter refused, by class of the error.", COUNTER, IPC_ENGINE, "filter_error_again", L("class", "again") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_bad", L("class", "bad") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_denied", L("class", "denied") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_gone", L("class", "gone") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_limit", L("class", "limit") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_memory", L("class", "memory") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_error_system", L("class", "system") },
	{ "pinholed_fw_pinholes", "Pinholes in the packet filter now, each once.", GAUGE, IPC_ENGINE, "filter_open", NULL },
	{ "pinholed_fw_commits_total", "Commits to the packet filter.", COUNTER, IPC_ENGINE, "filter_commits", NULL },
	{ "pinholed_fw_retries_total", "Commits that were tried again.", COUNTER, IPC_ENGINE, "filter_retries", NULL },
	{ "pinholed_fw_lost_total", "Times that the packet filter had lost everything of ours.", COUNTER, IPC_ENGINE, "filter_lost", NULL },
	{ "pinholed_fw_expired_total", "Pinholes that the firewall process closed at their deadline.", COUNTER, IPC_ENGINE, "filter_expired", NULL },
	{ "pinholed_inline_held_seconds", "How long packets of signalling were held until they were let go.", HISTOGRAM, IPC_ENGINE, "held_us", NULL },
	{ "pinholed_inline_read_total", "Packets of signalling that were held and read.", COUNTER, IPC_ENGINE, "inline_packets", NULL },
	{ "pinholed_inline_packets_total", "Packets of signalling, by what became of them.", COUNTER, IPC_ENGINE, "inline_released", L("outcome", "released") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "inline_expired", L("outcome", "timed-out") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "inline_bypassed", L("outcome", "bypassed") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "inline_dropped", L("outcome", "dropped") },
	{ "pinholed_fw_refused_total", "Requests that the firewall process refused.", COUNTER, IPC_ENGINE, "filter_denied", L("reason", "denied") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "filter_bad", L("reason", "bad") },
	{ "pinholed_capture_dropped_total", "Packets that the kernel dropped before they were read.", COUNTER, IPC_ENGINE, "packets_dropped_by_kernel", NULL },
	{ "pinholed_packets_total", "Packets read, where from, and what became of them.", COUNTER, IPC_ENGINE, "packets_used", L("source", "capture") "," L("verdict", "used") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_truncated", L("source", "capture") "," L("verdict", "truncated") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_malformed", L("source", "capture") "," L("verdict", "malformed") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_ignored", L("source", "capture") "," L("verdict", "ignored") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_foreign", L("source", "capture") "," L("verdict", "foreign") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_duplicate", L("source", "capture") "," L("verdict", "duplicate") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "packets_twin", L("source", "capture") "," L("verdict", "twin") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_messages", L("source", "hep") "," L("verdict", "used") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_malformed", L("source", "hep") "," L("verdict", "malformed") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_sender", L("source", "hep") "," L("verdict", "sender") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_key", L("source", "hep") "," L("verdict", "key") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_type", L("source", "hep") "," L("verdict", "type") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "hep_refused_ends", L("source", "hep") "," L("verdict", "ends") },
	{ "pinholed_fragments_total", "IP fragments read.", COUNTER, IPC_ENGINE, "fragments", NULL },
	{ "pinholed_fragments_lost_total", "Datagrams that never became whole, and why.", COUNTER, IPC_ENGINE, "fragment_overlaps", L("reason", "overlap") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "fragment_timeouts", L("reason", "timeout") },
	{ "pinholed_tcp_connections_total", "TCP connections followed.", COUNTER, IPC_ENGINE, "tcp_connections", NULL },
	{ "pinholed_tcp_troubles_total", "What makes a TCP connection hard to follow.", COUNTER, IPC_ENGINE, "tcp_midstream", L("kind", "midstream") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tcp_gaps", L("kind", "gap") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tcp_implausible", L("kind", "implausible") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tcp_conflicts", L("kind", "conflict") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_streams_lost", L("kind", "lost") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_streams_joined", L("kind", "joined") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_segments_skipped", L("kind", "skipped") },
	{ "pinholed_sip_messages_total", "SIP messages parsed and used, by method.", COUNTER, IPC_ENGINE, "sip_invite", L("method", "INVITE") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_ack", L("method", "ACK") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_bye", L("method", "BYE") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_cancel", L("method", "CANCEL") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_prack", L("method", "PRACK") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_update", L("method", "UPDATE") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_other", L("method", "other") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_responses", L("method", "response") },
	{ "pinholed_parse_errors_total", "Messages that were not understood, and why.", COUNTER, IPC_ENGINE, "sip_rejected_noise", L("proto", "sip") "," L("reason", "noise") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_size", L("proto", "sip") "," L("reason", "size") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_syntax", L("proto", "sip") "," L("reason", "syntax") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_length", L("proto", "sip") "," L("reason", "length") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_duplicate", L("proto", "sip") "," L("reason", "duplicate") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_range", L("proto", "sip") "," L("reason", "range") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_missing", L("proto", "sip") "," L("reason", "missing") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_rejected_mismatch", L("proto", "sip") "," L("reason", "mismatch") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sdp_malformed", L("proto", "sdp") "," L("reason", "malformed") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sdp_ambiguous", L("proto", "sdp") "," L("reason", "ambiguous") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "ftp_ignored", L("proto", "ftp") "," L("reason", "malformed") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "ftp_foreign", L("proto", "ftp") "," L("reason", "noise") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "tftp_malformed", L("proto", "tftp") "," L("reason", "malformed") },
	{ "pinholed_sip_ignored_total", "SIP messages that change nothing, and why.", COUNTER, IPC_ENGINE, "seen_elsewhere", L("reason", "elsewhere") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_not_protected", L("reason", "not-protected") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_unmatched", L("reason", "unmatched") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_no_dialog", L("reason", "no-dialog") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_forged", L("reason", "forged") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_retransmissions", L("reason", "retransmission") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_other_ports", L("reason", "other-ports") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_echoes", L("reason", "echo") },
	{ NULL, NULL, COUNTER, IPC_ENGINE, "sip_copies", L("reason", "copy") },
	{ "pinholed_sip_memory_bytes", "Memory that the calls take now, about.", GAUGE, IPC_ENGINE, "sip_bytes", NULL },
	{ "pinholed_events_lost_total", "Lines that the reader of the standard output did not take.", COUNTER, IPC_ENGINE, "events_lost", NULL },
	{ "pinholed_ftp_connections", "FTP control connections followed now.", GAUGE, IPC_ENGINE, "ftp_connections", NULL },
	{ "pinholed_ftp_connections_total", "FTP control connections followed.", COUNTER, IPC_ENGINE, "ftp_connections_total", NULL },
	{ "pinholed_ftp_encrypted_total", "FTP control connections that became TLS.", COUNTER, IPC_ENGINE, "ftp_encrypted", NULL },
	{ "pinholed_tftp_transfers", "TFTP transfers known now.", GAUGE, IPC_ENGINE, "tftp_transfers", NULL },
	{ "pinholed_tftp_requests_total", "TFTP requests that opened.", COUNTER, IPC_ENGINE, "tftp_requests", NULL },
	{ "pinholed_proxy_pinholes", "Pinholes that the proxies have open now.", GAUGE, IPC_PROXY, "open", NULL },
	{ "pinholed_proxy_pinholes_opened_total", "Pinholes that the proxies opened.", COUNTER, IPC_PROXY, "opened", NULL },
	{ "pinholed_proxy_pinholes_closed_total", "Pinholes that the proxies closed.", COUNTER, IPC_PROXY, "closed", NULL },
	{ "pinholed_proxy_refused_total", "Pinholes that the proxies were refused.", COUNTER, IPC_PROXY, "refused", NULL },
	{ "pinholed_table_entries", "Entries in all tables now.", GAUGE, IPC_PROXY, "entries", NULL },
	{ "pinholed_table_changes_total", "Entries of tables that changed, and how.", COUNTER, IPC_PROXY, "tables_added", L("change", "added") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_renewed", L("change", "renewed") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_removed", L("change", "removed") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_flushed", L("change", "flushed") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_expired", L("change", "expired") },
	{ "pinholed_table_updates_total", "Updates of tables, by the names in pinholed-tables(7).", COUNTER, IPC_PROXY, "tables_taken", L("verdict", "taken") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_malformed", L("verdict", "malformed") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_version", L("verdict", "version") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_key", L("verdict", "key") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_clock", L("verdict", "clock") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_replay", L("verdict", "replay") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_flood", L("verdict", "flood") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_table", L("verdict", "table") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_command", L("verdict", "command") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_mask", L("verdict", "mask") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_never", L("verdict", "never") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_full", L("verdict", "full") },
	{ NULL, NULL, COUNTER, IPC_PROXY, "tables_filter", L("verdict", "filter") },
	{ "pinholed_share_joined", "Whether calls are shared now, 0 or 1.", GAUGE, IPC_SHARER, "share_joined", NULL },
	{ "pinholed_share_boxes", "Other firewalls of the group that live.", GAUGE, IPC_SHARER, "share_boxes", NULL },
	{ "pinholed_share_calls", "Calls of the group that this firewall knows.", GAUGE, IPC_SHARER, "share_calls", NULL },
	{ "pinholed_share_owned", "Those of them that it owns.", GAUGE, IPC_SHARER, "share_owned", NULL },
	{ "pinholed_share_waiting", "Changes that are not written yet.", GAUGE, IPC_SHARER, "share_waiting", NULL },
	{ "pinholed_share_lag_microseconds", "From writing a record to reading it in the stream, of the last one.", GAUGE, IPC_SHARER, "share_lag_us", NULL },
	{ "pinholed_share_joins_total", "Times that all calls were read from the server.", COUNTER, IPC_SHARER, "share_joins", NULL },
	{ "pinholed_share_bytes_total", "Bytes to and from the server.", COUNTER, IPC_SHARER, "share_bytes", NULL },
	{ "pinholed_share_records_total", "Records written and read, by what was done.", COUNTER, IPC_SHARER, "share_writes", L("kind", "written") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_erases", L("kind", "erased") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_renewals", L("kind", "renewed") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_received", L("kind", "received") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_adopted", L("kind", "adopted") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_ended", L("kind", "ended") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_takeovers", L("kind", "taken-over") },
	{ "pinholed_share_refused_total", "Records of the server that were not believed, and why.", COUNTER, IPC_SHARER, "share_refused_malformed", L("reason", "malformed") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_refused_group", L("reason", "group") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_refused_forged", L("reason", "forged") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_refused_stale", L("reason", "stale") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_refused_old", L("reason", "old") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_refused_policy", L("reason", "policy") },
	{ NULL, NULL, COUNTER, IPC_SHARER, "share_refused_limit", L("reason", "limit") },
	{ "pinholed_share_gaps_total", "Times that the engine had to be told all calls again.", COUNTER, IPC_SHARER, "share_gaps", NULL },
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
		[IPC_SHARER] = "share",
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
	(void)model_counter(m, IPC_ENGINE, full, &h.sum);
	return h;
}

/* A zero before the counter was told would look like a reset. */
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
		if (r->labels != NULL)
			strbuf_fmt(out, "%s{%s} %" PRIu64 "\n", head->name,
			    r->labels, v);
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
	const struct model_counts t = model_counts(m);
	int i;

	put_head(out, others[CALLS], GAUGE, "Calls known now.");
	for (i = 0; i < IPC_CALL_STATES; i++)
		if (states[i] != NULL)
			strbuf_fmt(out, "%s{state=\"%s\"} %" PRIu64 "\n",
			    others[CALLS], states[i], t.by_state[i]);
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
