/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/process/child.h"
#include "src/status/metrics.h"
#include "src/status/page.h"
#include "src/version.h"
#include "tests/unit/unit.h"

#define LINE_SIZE 512

static char text[262144];

static struct model *
model_with(const char *const *counters, size_t n)
{
	static struct ipc_msg msg;
	struct ipc_feed_counters *c = &msg.u.feed_counters;
	struct model *m = model_new();
	struct model_source *s = model_source_new(m, IPC_ENGINE, 1);
	size_t i;

	assert_non_null(m);
	assert_non_null(s);
	memset(&msg, 0, sizeof(msg));
	msg.hdr.type = IPC_FEED_COUNTERS;
	c->n = (uint32_t)n;
	for (i = 0; i < n; i++) {
		snprintf(c->v[i].name, sizeof(c->v[i].name), "%s", counters[i]);
		c->v[i].value = i + 1;
	}
	assert_true(model_input(m, s, clock_now(), &msg));
	return m;
}

static const char *
written(const struct model *m)
{
	struct strbuf b = strbuf_of(text, sizeof(text));

	metrics_write(m, &b);
	assert_false(b.full);
	return text;
}

static void
counters_become_metrics(void **state)
{
	static const char *const counters[] = { "refused_not_server",
		"refused_malformed", "pinholes", "packets_used",
		"hep_refused_key", "tftp_malformed", "dialogs_confirmed",
		"setup_us_le_50", "setup_us_le_100", "setup_us_count",
		"setup_us_sum" };
	struct model *m = model_with(counters, ROWS(counters));
	const char *t = written(m);

	(void)state;
	/* One head for a metric, although its first label was not told. */
	assert_non_null(strstr(t,
	    "# TYPE pinholed_refusals_total counter\n"
	    "pinholed_refusals_total{reason=\"not-server\"} 1\n"
	    "pinholed_refusals_total{reason=\"malformed\"} 2\n#"));
	assert_non_null(
	    strstr(t, "# TYPE pinholed_pinholes gauge\npinholed_pinholes 3\n"));
	assert_non_null(strstr(t,
	    "pinholed_setup_seconds_bucket{le=\"0.00005\"} 8\n"
	    "pinholed_setup_seconds_bucket{le=\"0.00007\"} 8\n"
	    "pinholed_setup_seconds_bucket{le=\"0.0001\"} 9\n"
	    "pinholed_setup_seconds_bucket{le=\"0.00015\"} 9\n"));
	assert_non_null(strstr(t,
	    "pinholed_setup_seconds_bucket{le=\"+Inf\"} 10\n"
	    "pinholed_setup_seconds_sum 0.000011\n"
	    "pinholed_setup_seconds_count 10\n"));
	assert_non_null(strstr(t,
	    "# TYPE pinholed_packets_total counter\n"
	    "pinholed_packets_total{source=\"capture\",verdict=\"used\"} 4\n"
	    "pinholed_packets_total{source=\"hep\",verdict=\"key\"} 5\n#"));
	assert_non_null(strstr(t,
	    "\npinholed_parse_errors_total"
	    "{proto=\"tftp\",reason=\"malformed\"} 6\n"));
	assert_non_null(strstr(t,
	    "# TYPE pinholed_dialogs gauge\n"
	    "pinholed_dialogs{state=\"confirmed\"} 7\n"));
	assert_non_null(strstr(t,
	    "# TYPE pinholed_calls gauge\n"
	    "pinholed_calls{state=\"early\"} 0\n"));
	/* A metric that was not told is absent, not zero. */
	assert_null(strstr(t, "pinholed_capture_dropped_total"));
	assert_null(strstr(t, "pinholed_fw_commit_seconds"));
	model_free(m);
}

static void
health(struct model *m, uint32_t role, enum child_state state, int64_t since,
    uint32_t deaths)
{
	const struct ipc_health h = { .role = role,
		.state = state,
		.since = since,
		.deaths = deaths };

	parties_health(model_parties(m), &h);
}

/* Each state has so many calls. */
static void
calls_add(struct model *m, enum ipc_call_state state, int n)
{
	static const char *const names[] = { "calls_state_early",
		"calls_state_accepted", "calls_state_held" };
	static struct ipc_msg msg;
	struct model_source *s = model_source_new(m, IPC_ENGINE, 1);

	memset(&msg, 0, sizeof(msg));
	msg.hdr.type = IPC_FEED_COUNTERS;
	msg.u.feed_counters.n = 1;
	strlcpy(msg.u.feed_counters.v[0].name, names[state], IPC_NAME);
	msg.u.feed_counters.v[0].value = (uint64_t)n;
	assert_true(model_input(m, s, clock_now(), &msg));
}

static void
the_daemon_is_described(void **state)
{
	struct model *m = model_new();
	struct ipc_about about = { .backend = "nft",
		.started = 1000 * INT64_C(1000000),
		.loaded = 2000 * INT64_C(1000000) };
	char want[4096];

	(void)state;
	parties_about(model_parties(m), &about);
	health(m, IPC_ENGINE, CHILD_READY, 1, 3);
	health(m, IPC_PROXY, CHILD_STARTING, 1, 0);
	health(m, IPC_SHARER, CHILD_READY, 0, 9);
	health(m, IPC_LEAVER, CHILD_READY, 1, 9);
	health(m, IPC_FIREWALL, CHILD_NONE, 1, 2);
	health(m, IPC_MONITOR, CHILD_READY, 1, 0);
	health(m, IPC_NPARTIES, CHILD_READY, 1, 0);
	calls_add(m, IPC_CALL_EARLY, 1);
	calls_add(m, IPC_CALL_ACCEPTED, 3);
	calls_add(m, IPC_CALL_HELD, 2);
	snprintf(want, sizeof(want),
	    "# HELP pinholed_build_info Always 1.\n"
	    "# TYPE pinholed_build_info gauge\n"
	    "pinholed_build_info{version=\"%s\",backend=\"nft\"} 1\n"
	    "# HELP pinholed_start_time_seconds When the daemon was started.\n"
	    "# TYPE pinholed_start_time_seconds gauge\n"
	    "pinholed_start_time_seconds %lld\n"
	    "# HELP pinholed_config_last_reload_success_timestamp_seconds When "
	    "the configuration in "
	    "force was read.\n"
	    "# TYPE pinholed_config_last_reload_success_timestamp_seconds "
	    "gauge\n"
	    "pinholed_config_last_reload_success_timestamp_seconds %lld\n"
	    "# HELP pinholed_process_up Whether the process runs.\n"
	    "# TYPE pinholed_process_up gauge\n"
	    "pinholed_process_up{process=\"engine\"} 1\n"
	    "pinholed_process_up{process=\"proxy\"} 0\n"
	    "pinholed_process_up{process=\"firewall\"} 0\n"
	    "pinholed_process_up{process=\"monitor\"} 1\n"
	    "# HELP pinholed_process_restarts_total Times that the process "
	    "died and was replaced.\n"
	    "# TYPE pinholed_process_restarts_total counter\n"
	    "pinholed_process_restarts_total{process=\"engine\"} 3\n"
	    "pinholed_process_restarts_total{process=\"proxy\"} 0\n"
	    "pinholed_process_restarts_total{process=\"firewall\"} 2\n"
	    "pinholed_process_restarts_total{process=\"monitor\"} 0\n"
	    "# HELP pinholed_calls Calls known now.\n"
	    "# TYPE pinholed_calls gauge\n"
	    "pinholed_calls{state=\"early\"} 1\n"
	    "pinholed_calls{state=\"accepted\"} 3\n"
	    "pinholed_calls{state=\"held\"} 2\n",
	    PINHOLED_VERSION, (long long)clock_wall(about.started) / 1000000,
	    (long long)clock_wall(about.loaded) / 1000000);
	assert_string_equal(written(m), want);
	model_free(m);
}

static bool
is_listed(const char *name)
{
	const char *listed;
	size_t i;

	for (i = 0; (listed = metrics_name(i)) != NULL; i++)
		if (strcmp(listed, name) == 0)
			return true;
	return false;
}

/* Items of the manual, from a line ".It Va name ..." */
static bool
next_item(FILE *f, char name[LINE_SIZE])
{
	char line[LINE_SIZE];

	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, ".It Va ", 7) == 0) {
			line[7 + strcspn(line + 7, " \n")] = '\0';
			memmove(name, line + 7, strlen(line + 7) + 1);
			return true;
		}
	return false;
}

static void
every_metric_is_in_the_manual_and_no_other(void **state)
{
	char name[LINE_SIZE];
	const char *listed;
	int wrong = 0;
	bool found;
	size_t i;
	FILE *f;

	(void)state;
	assert_non_null(f = fopen(MAN_DIR "/pinholed-metrics.7", "r"));
	while (next_item(f, name))
		if (!is_listed(name)) {
			print_message("no such metric: %s\n", name);
			wrong++;
		}
	for (i = 0; (listed = metrics_name(i)) != NULL; i++) {
		found = false;
		rewind(f);
		while (!found && next_item(f, name))
			found = strcmp(name, listed) == 0;
		if (!found) {
			print_message("not in the manual: %s\n", listed);
			wrong++;
		}
	}
	fclose(f);
	assert_int_equal(wrong, 0);
	assert_true(i > 30);
}

/*
 * Counters that would say again what a metric says, as pinholed_calls does, or
 * nothing to alert on.
 */
static const char *const unused[] = { "packets", "sip_messages", "calls",
	"calls_accepted", "calls_state_early", "calls_state_accepted",
	"calls_state_held", "pinholes_in_filter", "pinholes_refused",
	"fw_commits", "fw_changes", "filter_wanted", "filter_batches",
	"filter_changes", "ftp_refused", "tftp_repeated", "tftp_others",
	"tftp_forbidden", "tftp_refused", "opened_as_states", "opened_as_rules",
	"as_rule_tcp", "as_rule_once", "as_rule_prefix", "as_rule_any_port",
	"as_rule_ports", "as_rule_translated" };

static bool
is_used(const char *counter)
{
	const char *used;
	size_t i, len;

	for (i = 0; i < ROWS(unused); i++)
		if (strcmp(unused[i], counter) == 0)
			return true;
	for (i = 0; (used = metrics_counter(i)) != NULL; i++) {
		len = strlen(used);
		if (strncmp(counter, used, len) == 0 &&
		    (counter[len] == '\0' ||
			strncmp(counter + len, "_le_", 4) == 0 ||
			strcmp(counter + len, "_sum") == 0 ||
			strcmp(counter + len, "_count") == 0))
			return true;
	}
	return false;
}

/* unit-man_counters holds that list and the program's equal. */
static void
every_counter_has_a_metric(void **state)
{
	char line[512], name[128];
	bool within = false;
	int wrong = 0, n = 0;
	FILE *f;

	(void)state;
	assert_non_null(f = fopen(MAN_DIR "/pinholed.8", "r"));
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, ".Sh ", 4) == 0 ||
		    strncmp(line, ".Ss ", 4) == 0)
			within = strcmp(line, ".Sh COUNTERS\n") == 0;
		if (!within || sscanf(line, ".It Va %127s", name) != 1)
			continue;
		n++;
		if (!is_used(name)) {
			print_message("no metric: %s\n", name);
			wrong++;
		}
	}
	fclose(f);
	assert_int_equal(wrong, 0);
	assert_true(n > 90);
}

static void
the_page_keeps_an_hour(void **state)
{
	static const char *const counters[] = { "pinholes_opened" };
	struct model *m = model_with(counters, 1);
	struct page *p = page_new(m);
	struct strbuf b = strbuf_of(text, sizeof(text));
	int64_t now = clock_now();
	int i;

	(void)state;
	assert_non_null(p);
	page_history(p, &b);
	assert_string_equal(text,
	    "event: history\ndata: "
	    "{\"taken\":0,\"every\":10,\"samples\":[]}\n\n");
	for (i = 0; i <= PAGE_SAMPLES + 100; i++) {
		page_run(p, now + i * PAGE_EVERY);
		/* Too early for another. */
		page_run(p, now + i * PAGE_EVERY + PAGE_EVERY / 2);
	}
	strbuf_reset(&b);
	page_history(p, &b);
	assert_false(b.full);
	assert_non_null(strstr(text, "{\"taken\":460,"));
	for (i = 0; *b.p != '\0'; b.p++)
		i += strncmp(b.p, "[0,0,0,0,0,0]", 13) == 0;
	assert_int_equal(i, PAGE_SAMPLES);
	page_free(p);
	model_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_become_metrics),
		cmocka_unit_test(the_daemon_is_described),
		cmocka_unit_test(every_metric_is_in_the_manual_and_no_other),
		cmocka_unit_test(every_counter_has_a_metric),
		cmocka_unit_test(the_page_keeps_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
