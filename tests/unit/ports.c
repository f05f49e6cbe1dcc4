/* SPDX-License-Identifier: ISC */
/* What the engine listens to: which ports, and what a capture is told. */
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/compat/process.h"
#include "src/engine/ports.h"
#include "tests/unit/starve.h"
#include "tests/unit/unit.h"

enum ph_err __wrap_iface_find(struct iface *out, const struct conf *conf,
    struct strbuf *why);
enum ph_err __wrap_capture_open_live(struct capture **out,
    const struct capture_config *config, struct strbuf *why);
void __wrap_capture_close(struct capture *c, const struct capture_sink *sink);

static struct conf *conf;
static struct strbuf said;
static char text[2048];
static char opened; /* the address of the capture */
static enum ph_err find_err, open_err;

static int
teardown(void **state)
{
	(void)state;
	conf_free(conf);
	conf = NULL;
	return 0;
}

static void
configure(const char *statements)
{
	char all[512];

	conf_free(conf);
	snprintf(all, sizeof(all),
	    "protect { 192.0.2.0/24 198.51.100.0/24 }\n"
	    "buffer 5000000\n%s\n",
	    statements);
	assert_int_equal(conf_parse(&conf, span_of(all), "test", NULL, 0,
			     stderr),
	    PH_OK);
	said = strbuf_of(text, sizeof(text));
	find_err = open_err = PH_OK;
}

static void
put_ports(const struct capture_port *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		strbuf_fmt(&said, "%s%s%u", i > 0 ? " " : "",
		    v[i].proto == IPPROTO_UDP	    ? "u"
			: v[i].proto == IPPROTO_TCP ? "t"
						    : "?",
		    v[i].port);
}

/* Two interfaces, three addresses of ours, two of them protected. */
enum ph_err
__wrap_iface_find(struct iface *out, const struct conf *c, struct strbuf *why)
{
	assert_ptr_equal(c, conf);
	if (find_err != PH_OK) {
		strbuf_str(why, "no interface");
		return find_err;
	}
	assert_int_equal(out->n, 0);
	strlcpy(out->name[0], "in0", sizeof(out->name[0]));
	strlcpy(out->name[1], "in1", sizeof(out->name[1]));
	out->n = 2;
	out->own[0] = addr_v4(203, 0, 113, 1);
	out->ownprotected[0] = out->own[1] = addr_v4(192, 0, 2, 1);
	out->ownprotected[1] = out->own[2] = addr_v4(198, 51, 100, 1);
	out->nown = 3;
	out->nownprotected = 2;
	return PH_OK;
}

enum ph_err
__wrap_capture_open_live(struct capture **out, const struct capture_config *c,
    struct strbuf *why)
{
	size_t i;

	strbuf_str(&said, "open");
	for (i = 0; i < c->ninterfaces; i++)
		strbuf_fmt(&said, " %s", c->interfaces[i]);
	strbuf_fmt(&said, ", buffer %u, own", c->buffer);
	for (i = 0; i < c->nown; i++)
		strbuf_fmt(&said, " .%u", c->own[i].b[3]);
	strbuf_str(&said, ", inside");
	for (i = 0; i < c->ninside; i++)
		strbuf_fmt(&said, " %u", c->inside[i].addr.b[0]);
	strbuf_fmt(&said, "%s, ports ",
	    c->here == process_has_interface ? ", here" : "");
	put_ports(c->ports, c->nports);
	if (open_err != PH_OK) {
		strbuf_str(why, "no right");
		return open_err;
	}
	*out = (struct capture *)(void *)&opened;
	return PH_OK;
}

void
__wrap_capture_close(struct capture *c, const struct capture_sink *sink)
{
	static const struct capture_sink none;

	assert_ptr_equal(c, &opened);
	assert_memory_equal(sink, &none, sizeof(none));
	strbuf_str(&said, "; close");
}

/* Those where SIP is often found, too, each once. */
static void
ports_are_those_of_the_protocols(void **state)
{
	static const struct {
		const char *conf, *want;
	} rows[] = {
		{ "sip { }", "u5060 t5060 u5062 u5070 u5080 u5090 u5160" },
		{ "sip { port { 5070 6000 5070 } }",
		    "u5070 t5070 u6000 t6000 u5060 u5062 u5080 u5090 u5160" },
		{ "ftp { port { 21 2121 } }", "t21 t2121" },
		{ "tftp { port { 69 6969 } }", "u69 u6969" },
		/* A port of two protocols is one. */
		{ "sip { port 6000 }\nftp { port { 6000 21 } }\n"
		  "tftp { port { 69 6000 } }",
		    "u6000 t6000 t21 u69 u5060 u5062 u5070 u5080 u5090 "
		    "u5160" },
		{ "ftp { port 69 }\ntftp { port 69 }", "t69 u69" },
		{ "ftp { proxy on 127.0.0.1 port 8021 }", "" },
	};
	struct capture_port *v;
	size_t i, n;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].conf);
		configure(rows[i].conf);
		assert_int_equal(engine_ports(conf, &v, &n), PH_OK);
		put_ports(v, n);
		free(v);
		assert_string_equal(text, rows[i].want);
	}
	starve(1);
	assert_int_equal(engine_ports(conf, &v, &n), PH_ENOMEM);
	(void)starve_end();
}

#define OPENED                                                                 \
	"open in0 in1, buffer 5000000, own .1 .1, inside, here, ports t21"

static void
a_capture_is_told_everything(void **state)
{
	struct capture *c = NULL;
	struct iface iface;

	(void)state;
	configure("ftp { port 21 }");
	memset(&iface, 7, sizeof(iface));
	assert_int_equal(engine_capture(&c, &iface, conf, &said), PH_OK);
	assert_ptr_equal(c, &opened);
	assert_int_equal(iface.n, 2);
	assert_int_equal(iface.nown, 3);
	assert_string_equal(text, OPENED);
	/* Packets that wait: which of them come from the inside. */
	configure("sip { port 5060\ninline yes }\n"
		  "inline { queue 1 hold 20 fail open }");
	assert_int_equal(engine_capture(&c, &iface, conf, &said), PH_OK);
	assert_string_equal(text,
	    "open in0 in1, buffer 5000000, own .1 .1, inside 192 198, here, "
	    "ports u5060 t5060 u5062 u5070 u5080 u5090 u5160");
	/* Proxies alone have sockets. */
	configure("ftp { proxy on 127.0.0.1 port 8021 }");
	assert_int_equal(engine_capture(&c, &iface, conf, &said), PH_OK);
	assert_null(c);
	assert_int_equal(iface.n, 0);
	assert_string_equal(text, "");
}

static void
without_an_interface_nothing_is_opened(void **state)
{
	struct capture *c = NULL;
	struct iface iface;

	(void)state;
	configure("ftp { port 21 }");
	find_err = PH_EBAD;
	assert_int_equal(engine_capture(&c, &iface, conf, &said), PH_EBAD);
	assert_null(c);
	assert_string_equal(text, "no interface");
	configure("ftp { port 21 }");
	open_err = PH_EDENIED;
	assert_int_equal(engine_capture(&c, &iface, conf, &said), PH_EDENIED);
	assert_null(c);
	assert_string_equal(text, OPENED "no right");
	starve(1);
	assert_int_equal(engine_capture(&c, &iface, conf, &said), PH_ENOMEM);
	(void)starve_end();
	assert_string_equal(text, OPENED "no rightout of memory");
}

/* Of -n: what can be opened is closed again. */
static void
a_trial_leaves_nothing_open(void **state)
{
	(void)state;
	configure("ftp { port 21 }");
	assert_int_equal(engine_capture_try(conf, true, &said), PH_OK);
	assert_string_equal(text, OPENED "; closelistening on in0, in1");
	configure("ftp { port 21 }");
	assert_int_equal(engine_capture_try(conf, false, &said), PH_OK);
	assert_string_equal(text, "listening on in0, in1");
	configure("ftp { port 21 }");
	find_err = PH_EBAD;
	assert_int_equal(engine_capture_try(conf, true, &said), PH_EBAD);
	assert_string_equal(text, "no interface");
	configure("ftp { port 21 }");
	open_err = PH_EDENIED;
	assert_int_equal(engine_capture_try(conf, true, &said), PH_EDENIED);
	assert_string_equal(text, OPENED "no right");
	configure("ftp { proxy on 127.0.0.1 port 8021 }");
	assert_int_equal(engine_capture_try(conf, true, &said), PH_OK);
	assert_string_equal(text, "");
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		CASE(ports_are_those_of_the_protocols),
		CASE(a_capture_is_told_everything),
		CASE(without_an_interface_nothing_is_opened),
		CASE(a_trial_leaves_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
