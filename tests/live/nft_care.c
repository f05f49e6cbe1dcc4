/* SPDX-License-Identifier: ISC */
/*
 * How the backend takes care of what is ours: across crashes, restarts and
 * other people's changes, with as little privilege as possible.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/capability.h>
#include <netinet/in.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/live/nftlab.h"

static int
elements(const char *set)
{
	return lab_lines("nft -j list set inet pinholed %s |"
			 " tr '{' '\\n' | grep '\"concat\"'",
	    set);
}

static void
test_the_kernel_keeps_deadlines_when_we_are_killed(void **state)
{
	int out = out_at(4200), in = in_at(10200), status, ready[2];
	struct pinhole h;
	pid_t pid;
	char c;

	(void)state;
	lab_close(NULL);
	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		lab_open();
		h = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10200);
		h.deadline = lab_now() + 2000000;
		if (lab_commit(FW_OPEN, &h) != PH_OK ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	PASS(out, "192.0.2.20", 10200, in);
	PASS(in, "198.51.100.7", 4200, out);
	sleep(2);
	STOP(out, "192.0.2.20", 10200, in);
	STOP(in, "198.51.100.7", 4200, out);
	/* And the next start clears away the rest. */
	lab_open();
	assert_int_equal(lab_lines("conntrack -L -m 0x10000 2>&-"), 0);
	close(out);
	close(in);
	close(ready[0]);
	close(ready[1]);
}

static void
test_a_refresh_moves_the_deadline(void **state)
{
	int out = out_at(4210), in = in_at(10210);
	struct pinhole h;

	(void)state;
	h = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10210);
	h.deadline = lab_now() + 1000000;
	lab_do(FW_OPEN, &h);
	h.deadline = lab_now() + 60000000;
	lab_do(FW_OPEN, &h);
	usleep(1300 * 1000);
	PASS(out, "192.0.2.20", 10210, in);
	/* Also backwards, and after the kernel has let it expire. */
	h.deadline = lab_now() + 1000000;
	lab_do(FW_OPEN, &h);
	usleep(1300 * 1000);
	STOP(out, "192.0.2.20", 10210, in);
	h.deadline = lab_now() + 60000000;
	lab_do(FW_OPEN, &h);
	PASS(out, "192.0.2.20", 10210, in);
	closed(&h);
	h.deadline = 0;
	lab_do(FW_OPEN, &h);
	assert_int_equal(
	    lab_lines("nft list set inet pinholed udp4_in | grep expires"), 0);
	closed(&h);
	STOP(out, "192.0.2.20", 10210, in);
	close(out);
	close(in);
}

static void
test_a_commit_survives_flush_ruleset(void **state)
{
	int out = out_at(4220), in = in_at(10220), in2 = in_at(10222);
	int in3 = in_at(10226);
	struct pinhole a, b, c;
	enum ph_err err;

	(void)state;
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10220);
	b = opened(PINHOLE_IN, "any", "192.0.2.20", 10224);
	PASS(out, "192.0.2.20", 10220, in);
	lab_load(lab_rules);
	assert_int_equal(lab_lines("nft list tables | grep pinholed"), 0);
	closed(&b);
	b = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10222);
	/* Also if the commit needs what our table never had. */
	lab_load(lab_rules);
	c = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10226);
	c.from_port = 4220;
	lab_do(FW_OPEN, &c);
	PASS(out, "192.0.2.20", 10226, in3);
	PASS(out, "192.0.2.20", 10220, in);
	PASS(out, "192.0.2.20", 10222, in2);
	/* The backend reports the loss of its table once. */
	(void)fw_nftables.tick(fw, lab_now(), &err);
	assert_int_equal(err, PH_EGONE);
	(void)fw_nftables.tick(fw, lab_now(), &err);
	assert_int_equal(err, PH_OK);
	closed(&a);
	closed(&b);
	close(out);
	close(in);
	close(in2);
}

static void
test_tick_builds_the_table_again(void **state)
{
	int out = out_at(4230), in = in_at(10230);
	struct pinhole h;
	int64_t t = lab_now();
	enum ph_err err;

	(void)state;
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10230);
	t = fw_nftables.tick(fw, t, &err);
	assert_int_equal(err, PH_OK);
	lab_load(lab_rules);
	t = fw_nftables.tick(fw, t, &err);
	assert_int_equal(err, PH_EGONE);
	PASS(out, "192.0.2.20", 10230, in);
	t = fw_nftables.tick(fw, t, &err);
	assert_int_equal(err, PH_OK);
	/* Our rules can go without our table. */
	assert_int_equal(system("nft flush table inet pinholed"), 0);
	t = fw_nftables.tick(fw, t, &err);
	assert_int_equal(err, PH_EGONE);
	PASS(out, "192.0.2.20", 10230, in);
	/* A change to another table is no reason to build ours again. */
	assert_int_equal(system("nft add table inet another"), 0);
	t = fw_nftables.tick(fw, t, &err);
	assert_int_equal(err, PH_OK);
	closed(&h);
	close(out);
	close(in);
}

static void
test_adopting_keeps_media_and_settling_clears_the_rest(void **state)
{
	int out = out_at(4240), in = in_at(10240), in2 = in_at(10242);
	struct pinhole kept, left, any;

	(void)state;
	kept = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10240);
	left = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10242);
	any = opened(PINHOLE_IN, "any", "192.0.2.20", 10244);
	PASS(out, "192.0.2.20", 10240, in);
	PASS(in, "198.51.100.7", 4240, out);
	PASS(out, "192.0.2.20", 10242, in2);
	lab_shut(true);
	PASS(out, "192.0.2.20", 10240, in);
	config.adopt = true;
	lab_open();
	PASS(out, "192.0.2.20", 10240, in);
	kept.id = 7;
	kept.deadline = lab_now() + 90 * 1000000LL;
	lab_do(FW_OPEN, &kept);
	assert_int_equal(lab_lines("nft list set inet pinholed udp4_in |"
				   " grep '10240 .*timeout 1m'"),
	    1);
	PASS(out, "192.0.2.20", 10242, in2);
	assert_int_equal(fw_nftables.settle(fw, lab_now()), PH_OK);
	STOP(out, "192.0.2.20", 10242, in2);
	PASS(out, "192.0.2.20", 10240, in);
	PASS(in, "198.51.100.7", 4240, out);
	assert_int_equal(elements("udp4_in"), 1);
	assert_int_equal(elements("udp4_in_any"), 0);
	closed(&kept);
	closed(&left);
	closed(&any);
	STOP(out, "192.0.2.20", 10240, in);
	close(out);
	close(in);
	close(in2);
}

static void
test_a_strange_layout_is_not_adopted(void **state)
{
	struct pinhole h;

	(void)state;
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10250);
	lab_shut(true);
	config.adopt = true;
	config.local = true;
	lab_open();
	assert_int_equal(elements("udp4_in"), 0);
	assert_int_equal(lab_lines(
			     "nft list chain inet pinholed output | grep hook"),
	    1);
	lab_shut(true);
	assert_int_equal(system("nft flush chain inet pinholed udp4"), 0);
	lab_open();
	assert_int_equal(lab_lines(
			     "nft list chain inet pinholed udp4 | grep goto"),
	    4);
	closed(&h);
}

static void
test_a_table_of_the_user_is_not_taken_for_ours(void **state)
{
	char text[256];
	struct strbuf why = strbuf_of(text, sizeof(text));

	(void)state;
	lab_close(NULL);
	config.name = "user";
	assert_int_equal(fw_nftables.open(&fw, &config, lab_now(), &why),
	    PH_EBAD);
	assert_non_null(strstr(text, "table inet user"));
	config.adopt = true;
	assert_int_equal(fw_nftables.open(&fw, &config, lab_now(), &why),
	    PH_EBAD);
	assert_int_equal(fw_nftables.check(&config, &why), PH_EBAD);
	assert_int_equal(lab_lines("nft list table inet user | grep hook"), 1);
}

static void
test_closing_leaves_nothing_of_ours_and_all_of_theirs(void **state)
{
	int out = out_at(5060), in = in_at(10260), sip = in_at(5060);
	struct pinhole h;

	(void)state;
	lab_load("table inet marks { chain c {"
		 " type filter hook forward priority -20;"
		 " udp sport 5060 ct mark set ct mark | 0x4\n}\n}\n");
	h = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10260);
	PASS(in, "198.51.100.7", 5060, out);
	PASS(out, "192.0.2.20", 10260, in);
	PASS(sip, "198.51.100.7", 5060, out);
	PASS(out, "192.0.2.20", 5060, sip);
	lab_close(NULL);
	assert_int_equal(lab_lines("nft list tables | grep pinholed"), 0);
	assert_int_equal(lab_lines("conntrack -L -m 0x10000 2>&-"), 0);
	assert_int_equal(lab_lines("conntrack -L -m 0x4 2>&-"), 1);
	/*
	 * A connection that used a pinhole does not live on as the user's
	 * `established`.
	 */
	STOP(out, "192.0.2.20", 10260, in);
	PASS(out, "192.0.2.20", 5060, sip);
	(void)h;
	close(out);
	close(in);
	close(sip);
}

static uint64_t seen_ids[16];
static unsigned int seen_ends[16];
static size_t nseen;

static void
seen(void *ctx, struct fw_entry *e, unsigned int ends)
{
	(void)ctx;
	if (nseen == ROWS(seen_ids))
		return;
	seen_ends[nseen] = ends;
	seen_ids[nseen++] = e->id;
}

static size_t
activity(void)
{
	nseen = 0;
	assert_int_equal(fw_nftables.activity(fw, seen, NULL, lab_now()),
	    PH_OK);
	return nseen;
}

static void
test_activity_is_reported_once_and_never_lost(void **state)
{
	int out = out_at(4270), in = in_at(10270), in2 = in_at(10272);
	struct pinhole a, b, twin;

	(void)state;
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10270);
	b = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10272);
	assert_int_equal(activity(), 0);
	PASS(out, "192.0.2.20", 10270, in);
	assert_int_equal(activity(), 1);
	assert_int_equal(seen_ids[0], a.id);
	assert_int_equal(seen_ends[0], FW_SEEN_FROM);
	assert_int_equal(activity(), 0);
	/* The way back counts, too, and for itself. */
	PASS(in, "198.51.100.7", 4270, out);
	assert_int_equal(activity(), 1);
	assert_int_equal(seen_ends[0], FW_SEEN_TO);
	/* A refresh starts a new counter, and loses nothing. */
	PASS(out, "192.0.2.20", 10272, in2);
	b.deadline += 1000000;
	lab_do(FW_OPEN, &b);
	assert_int_equal(activity(), 1);
	assert_int_equal(seen_ids[0], b.id);
	assert_int_equal(activity(), 0);
	PASS(out, "192.0.2.20", 10272, in2);
	assert_int_equal(activity(), 1);
	/* As many packets again as before the refresh. */
	b.deadline += 1000000;
	lab_do(FW_OPEN, &b);
	PASS(out, "192.0.2.20", 10272, in2);
	assert_int_equal(activity(), 1);
	/* Two that stand for one element are both alive. */
	twin = a;
	twin.id += 1000;
	lab_do(FW_OPEN, &twin);
	PASS(out, "192.0.2.20", 10270, in);
	assert_int_equal(activity(), 2);
	closed(&a);
	closed(&b);
	closed(&twin);
	close(out);
	close(in);
	close(in2);
}

static void
test_a_connection_that_began_is_activity(void **state)
{
	int listener, ends[2];
	struct pinhole h;

	(void)state;
	listener = netns_socket(INSIDE, SOCK_STREAM, "192.0.2.20", 10280);
	h = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10280);
	h.proto = IPPROTO_TCP;
	h.once = 1;
	lab_do(FW_OPEN, &h);
	assert_int_equal(activity(), 0);
	assert_true(netns_connects(OUTSIDE, "198.51.100.7", "192.0.2.20", 10280,
	    listener, ends));
	assert_int_equal(activity(), 1);
	assert_int_equal(seen_ids[0], h.id);
	assert_int_equal(activity(), 0);
	closed(&h);
	close(ends[0]);
	close(ends[1]);
	close(listener);
}

static void
test_a_thousand_pinholes_in_one_commit(void **state)
{
	enum { N = 1000 };
	struct fw_change *v = calloc(N, sizeof(*v));
	int out = out_at(4290), in = in_at(20500);
	int64_t t;
	int i;

	(void)state;
	assert_non_null(v);
	for (i = 0; i < N; i++) {
		v[i].op = FW_OPEN;
		v[i].hole = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20",
		    (uint16_t)(20000 + i));
	}
	t = lab_now();
	assert_int_equal(direct_commit(direct, v, N, t), PH_OK);
	PASS(out, "192.0.2.20", 20500, in);
	assert_int_equal(elements("udp4_in"), N);
	/* One change of the batch makes no sense: none of them is done. */
	for (i = 0; i < N; i++)
		v[i].op = FW_CLOSE;
	v[N - 1].op = FW_OPEN;
	v[N - 1].hole.id = 1;
	v[N - 1].hole.to_lo = 0;
	assert_int_equal(direct_commit(direct, v, N, t), PH_EBAD);
	assert_int_equal(elements("udp4_in"), N);
	PASS(out, "192.0.2.20", 20500, in);
	assert_int_equal(direct_commit(direct, v, N - 1, t), PH_OK);
	assert_int_equal(elements("udp4_in"), 1);
	STOP(out, "192.0.2.20", 20500, in);
	free(v);
	close(out);
	close(in);
}

static void
test_many_more_come_back_after_a_flush(void **state)
{
	enum { N = 45000 };
	struct fw_change *v = calloc(N, sizeof(*v));
	int out = out_at(4295), in = in_at(20007);
	enum ph_err err;
	int64_t end;
	int i;

	(void)state;
	assert_non_null(v);
	for (i = 0; i < N; i++) {
		v[i].op = FW_OPEN;
		v[i].hole = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20",
		    (uint16_t)(20000 + i));
	}
	assert_int_equal(direct_commit(direct, v, N, lab_now()), PH_OK);
	lab_load(lab_rules);
	(void)fw_nftables.tick(fw, lab_now(), &err);
	assert_int_equal(err, PH_EGONE);
	assert_int_equal(elements("udp4_in"), N);
	/* So many counters are read between other work. */
	PASS(out, "192.0.2.20", 20007, in);
	assert_int_equal(activity(), 0);
	end = lab_now() + 2000000;
	while (lab_now() < end)
		(void)fw_nftables.tick(fw, lab_now(), &err);
	assert_int_equal(activity(), 1);
	assert_int_equal(seen_ids[0], v[7].hole.id);
	for (i = 0; i < N; i++)
		v[i].op = FW_CLOSE;
	assert_int_equal(direct_commit(direct, v, N, lab_now()), PH_OK);
	assert_int_equal(elements("udp4_in"), 0);
	free(v);
	close(out);
	close(in);
}

static void
test_a_redirected_client_is_asked_where_it_wanted_to_go(void **state)
{
	int out = out_at(69), proxy, in, ends[2];
	struct fw_flow flow;
	struct endpoint to;
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	(void)state;
	lab_load("table ip nat { chain pre {"
		 " type nat hook prerouting priority dstnat;"
		 " iifname fwin udp dport 69 redirect to :6969\n"
		 " iifname fwin tcp dport 21 redirect to :8021\n}\n}\n");
	proxy = netns_socket(FIREWALL, SOCK_DGRAM, "192.0.2.1", 6969);
	in = in_at(50232);
	PASS(in, "198.51.100.7", 69, proxy);
	memset(&flow, 0, sizeof(flow));
	flow.proto = IPPROTO_UDP;
	flow.client = lab_endpoint("192.0.2.20", 50232);
	flow.local = lab_endpoint("192.0.2.1", 6969);
	assert_int_equal(fw_nftables.original(fw, &flow, &to), PH_OK);
	assert_true(
	    addr_eq(&to.addr, &(struct addr) { AF_INET, { 198, 51, 100, 7 } }));
	assert_int_equal(to.port, 69);
	flow.client.port++;
	assert_int_equal(fw_nftables.original(fw, &flow, &to), PH_EMALFORMED);
	close(proxy);

	proxy = netns_socket(FIREWALL, SOCK_STREAM, "192.0.2.1", 8021);
	assert_true(netns_connects(INSIDE, "192.0.2.20", "198.51.100.7", 21,
	    proxy, ends));
	assert_int_equal(getsockname(ends[0], (struct sockaddr *)&sin, &len),
	    0);
	flow.proto = IPPROTO_TCP;
	flow.client.port = ntohs(sin.sin_port);
	flow.local.port = 8021;
	assert_int_equal(fw_nftables.original(fw, &flow, &to), PH_OK);
	assert_int_equal(to.port, 21);
	close(ends[0]);
	close(ends[1]);
	close(proxy);
	close(in);
	close(out);
}

/* As the firewall process is after open(): nobody, nowhere, one capability. */
static void
drop_privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
		0 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	data[0].effective = data[0].permitted = 1u << CAP_NET_ADMIN;
	if (chroot("/proc/self/fdinfo") == -1 || chdir("/") == -1 ||
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 || setgid(65534) == -1 ||
	    setuid(65534) == -1 || syscall(SYS_capset, &head, data) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		_exit(99);
}

static void
test_everything_works_without_privileges(void **state)
{
	int out = out_at(4300), in = in_at(10300), status, go[2], ready[2];
	struct pinhole h, any;
	enum ph_err err;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		drop_privileges();
		h = lab_hole(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10300);
		if (lab_commit(FW_OPEN, &h) != PH_OK ||
		    write(ready[1], "x", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		(void)fw_nftables.tick(fw, lab_now(), &err);
		if (err != PH_EGONE)
			_exit(2);
		any = lab_hole(PINHOLE_IN, "any", "192.0.2.20", 10302);
		if (lab_commit(FW_OPEN, &any) != PH_OK ||
		    fw_nftables.activity(fw, seen, NULL, lab_now()) != PH_OK ||
		    fw_nftables.settle(fw, lab_now()) != PH_OK)
			_exit(3);
		if (write(ready[1], "x", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(4);
		lab_shut(false);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	PASS(out, "192.0.2.20", 10300, in);
	lab_load(lab_rules);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(read(ready[0], &c, 1), 1);
	PASS(out, "192.0.2.20", 10300, in);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(lab_lines("nft list tables | grep pinholed"), 0);
	lab_shut(true);
	close(out);
	close(in);
}

/* Offloaded flows pass our chains by: closing forgets their connections. */
static bool unable;

static void
test_flows_in_a_flowtable_are_closed_too(void **state)
{
	int out = out_at(4310), in = in_at(10310), i;
	struct pinhole a, b;
	int64_t t, end;
	enum ph_err err;

	(void)state;
	if (system("nft -f - 2>/dev/null <<E\n"
		   "table inet user {\n"
		   " flowtable f { hook ingress priority 0;"
		   "  devices = { fwout, fwin }; }\n"
		   " chain forward { type filter hook forward priority 0;"
		   "  policy drop; ct state established flow add @f; }\n"
		   "}\nE\n") != 0) {
		print_message("skipped: no flowtables here\n");
		unable = true;
		return;
	}
	(void)fw_nftables.tick(fw, lab_now(), &err);
	a = opened(PINHOLE_IN, "198.51.100.7", "192.0.2.20", 10310);
	b = opened(PINHOLE_OUT, "192.0.2.20", "198.51.100.7", 4310);
	for (i = 0; i < 5; i++) {
		PASS(out, "192.0.2.20", 10310, in);
		PASS(in, "198.51.100.7", 4310, out);
	}
	assert_int_equal(lab_lines("conntrack -L 2>&- | grep OFFLOAD"), 1);
	closed(&a);
	closed(&b);
	t = lab_now();
	for (end = t + 400 * 1000; t < end; t = lab_now()) {
		(void)fw_nftables.tick(fw, t, &err);
		usleep(10 * 1000);
	}
	STOP(out, "192.0.2.20", 10310, in);
	STOP(in, "198.51.100.7", 4310, out);
	close(out);
	close(in);
}

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(span_of(text), &p), PH_OK);
	return p;
}

static enum ph_err
table(size_t index, enum fw_table_op op, const char *text, uint32_t ttl_s)
{
	struct prefix p = prefix(text);

	return fw_nftables.table(fw, index, op, &p, 1, ttl_s);
}

static int
members(const char *set)
{
	return lab_lines("nft list set inet user %s |"
			 " grep -oE '([0-9]+\\.){3}[0-9]+|[0-9a-f:]+::'",
	    set);
}

static void
test_the_users_sets_are_filled(void **state)
{
	static const char *const names[] = { "spammer", "inet/user/hosts",
		"missing", "twice" };
	struct prefix list[2];

	(void)state;
	lab_close(NULL);
	config.tables = names;
	config.ntables = ROWS(names);
	lab_load("table inet user {\n"
		 " set spammer { type ipv4_addr; flags interval,timeout; }\n"
		 " set spammer6 { type ipv6_addr; flags interval,timeout; }\n"
		 " set hosts { type ipv4_addr; flags timeout; }\n"
		 " set twice { type ipv4_addr; }\n"
		 "}\n"
		 "table ip other { set twice { type ipv4_addr; }\n}\n");
	lab_open();
	/* Hosts, with a timeout that a repetition begins anew. */
	assert_int_equal(table(1, FW_TABLE_ADD, "203.0.113.9", 1), PH_OK);
	assert_int_equal(table(1, FW_TABLE_ADD, "203.0.113.8", 1), PH_OK);
	assert_int_equal(table(1, FW_TABLE_ADD, "203.0.113.8", 60), PH_OK);
	assert_int_equal(members("hosts"), 2);
	usleep(1300 * 1000);
	assert_int_equal(members("hosts"), 1);
	assert_int_equal(table(1, FW_TABLE_DELETE, "203.0.113.9", 0), PH_OK);
	assert_int_equal(table(1, FW_TABLE_DELETE, "203.0.113.8", 0), PH_OK);
	assert_int_equal(members("hosts"), 0);
	assert_int_equal(table(1, FW_TABLE_ADD, "203.0.113.0/24", 0),
	    PH_EUNSUPPORTED);
	/* Prefixes and IPv6. */
	assert_int_equal(table(0, FW_TABLE_ADD, "203.0.113.0/24", 60), PH_OK);
	assert_int_equal(table(0, FW_TABLE_ADD, "203.0.113.0/24", 90), PH_OK);
	assert_int_equal(table(0, FW_TABLE_ADD, "198.51.100.7", 0), PH_OK);
	assert_int_equal(table(0, FW_TABLE_ADD, "255.255.255.255", 0), PH_OK);
	assert_int_equal(table(0, FW_TABLE_ADD, "2001:db8::/32", 60), PH_OK);
	assert_int_equal(table(0, FW_TABLE_ADD, "2001:db8:ffff::1", 60),
	    PH_EEXIST);
	assert_int_equal(lab_lines("nft list set inet user spammer |"
				   " grep -E '203.0.113.0/24 timeout 1m30s'"),
	    1);
	assert_int_equal(lab_lines("nft list set inet user spammer |"
				   " tr , '\\n' | grep -cF 198.51.100.7"),
	    1);
	assert_int_equal(system("nft get element inet user spammer"
				" '{ 203.0.113.200, 198.51.100.7, "
				"255.255.255.255 }'"
				" >/dev/null"),
	    0);
	assert_int_equal(system("nft get element inet user spammer6"
				" '{ 2001:db8:5::1 }' >/dev/null"),
	    0);
	assert_int_not_equal(system("nft get element inet user spammer"
				    " '{ 203.0.114.0 }' >/dev/null 2>&1"),
	    0);
	assert_int_equal(table(0, FW_TABLE_DELETE, "203.0.113.0/24", 0), PH_OK);
	assert_int_not_equal(system("nft get element inet user spammer"
				    " '{ 203.0.113.200 }' >/dev/null 2>&1"),
	    0);
	/* One prefix of a list is in the set already: the other is added. */
	list[0] = prefix("2001:db8:ffff::1");
	list[1] = prefix("2001:db9::1");
	assert_int_equal(fw_nftables.table(fw, 0, FW_TABLE_ADD, list, 2, 60),
	    PH_EEXIST);
	assert_int_equal(system("nft get element inet user spammer6"
				" '{ 2001:db9::1 }' >/dev/null"),
	    0);
	assert_int_equal(fw_nftables.table(fw, 0, FW_TABLE_FLUSH, NULL, 0, 0),
	    PH_OK);
	assert_int_equal(members("spammer"), 0);
	assert_int_equal(members("spammer6"), 0);
	/* Sets that cannot take an element. */
	assert_int_equal(table(2, FW_TABLE_ADD, "203.0.113.9", 1), PH_EGONE);
	assert_int_equal(table(3, FW_TABLE_ADD, "203.0.113.9", 0),
	    PH_EAMBIGUOUS);
	assert_int_equal(table(4, FW_TABLE_ADD, "203.0.113.9", 1), PH_EBAD);
	/* The user loads his ruleset again, with other kinds of sets. */
	lab_load("flush ruleset\ntable ip mine {\n"
		 " set spammer { type ipv4_addr; flags timeout; }\n}\n");
	assert_int_equal(table(0, FW_TABLE_ADD, "203.0.113.9", 5), PH_OK);
	assert_int_equal(system("nft get element ip mine spammer"
				" '{ 203.0.113.9 }' >/dev/null"),
	    0);
}

static void
test_check_says_what_is_missing(void **state)
{
	char text[1024];
	struct strbuf why = strbuf_of(text, sizeof(text));

	(void)state;
	lab_close(NULL);
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_null(strstr(text, "accept"));
	/* check() has changed nothing. */
	assert_int_equal(lab_lines("nft list tables | grep pinholed"), 0);
	config.mark = 0x20000;
	strbuf_reset(&why);
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_non_null(
	    strstr(text, "\n    meta mark & 0x20000 == 0x20000 accept"));
	lab_load("flush ruleset\n");
	strbuf_reset(&why);
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_non_null(strstr(text, "drops"));
	/* Without pinholes, neither is any of our business. */
	config.tables_only = true;
	strbuf_reset(&why);
	assert_int_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_int_equal(why.len, 0);
	config.tables_only = false;
	config.name = "no such name";
	strbuf_reset(&why);
	assert_int_equal(fw_nftables.check(&config, &why), PH_EBAD);
	/* A word of nft's own grammar. */
	config.name = "fwd";
	strbuf_reset(&why);
	assert_int_not_equal(fw_nftables.check(&config, &why), PH_OK);
	assert_non_null(strstr(text, "syntax error"));
	assert_int_not_equal(fw_nftables.open(&fw, &config, lab_now(), &why),
	    PH_OK);
	assert_null(fw);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		LIVE(test_the_kernel_keeps_deadlines_when_we_are_killed),
		LIVE(test_a_refresh_moves_the_deadline),
		LIVE(test_a_commit_survives_flush_ruleset),
		LIVE(test_tick_builds_the_table_again),
		LIVE(test_adopting_keeps_media_and_settling_clears_the_rest),
		LIVE(test_a_strange_layout_is_not_adopted),
		LIVE(test_a_table_of_the_user_is_not_taken_for_ours),
		LIVE(test_closing_leaves_nothing_of_ours_and_all_of_theirs),
		LIVE(test_activity_is_reported_once_and_never_lost),
		LIVE(test_a_connection_that_began_is_activity),
		LIVE(test_a_thousand_pinholes_in_one_commit),
		LIVE(test_many_more_come_back_after_a_flush),
		LIVE(test_a_redirected_client_is_asked_where_it_wanted_to_go),
		LIVE(test_everything_works_without_privileges),
		LIVE(test_the_users_sets_are_filled),
		LIVE(test_check_says_what_is_missing),
	};

	/* Not every kernel has flowtables, so they are a test of their own. */
	const struct CMUnitTest flowtable[] = {
		LIVE(test_flows_in_a_flowtable_are_closed_too),
	};
	int rc;

	(void)argv;
	if (argc == 1)
		return lab_main(tests, ROWS(tests));
	rc = lab_main(flowtable, ROWS(flowtable));
	return rc == 0 && unable ? 77 : rc;
}
