/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>

#include <string.h>

#include "ftp/line.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static enum ftp_verb
verb_find(struct span name)
{
	static const struct {
		const char *name;
		enum ftp_verb verb;
	} verbs[] = {
		{ "USER", FTP_USER },
		{ "PORT", FTP_PORT },
		{ "EPRT", FTP_EPRT },
		{ "PASV", FTP_PASV },
		{ "EPSV", FTP_EPSV },
		{ "LPRT", FTP_LPRT },
		{ "LPSV", FTP_LPSV },
		{ "AUTH", FTP_AUTH },
		{ "CCC", FTP_CCC },
		{ "RETR", FTP_TRANSFER },
		{ "STOR", FTP_TRANSFER },
		{ "STOU", FTP_TRANSFER },
		{ "APPE", FTP_TRANSFER },
		{ "LIST", FTP_TRANSFER },
		{ "NLST", FTP_TRANSFER },
		{ "MLSD", FTP_TRANSFER },
		{ "REIN", FTP_REIN },
		{ "QUIT", FTP_QUIT },
	};
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (span_caseeq_str(name, verbs[i].name))
			return verbs[i].verb;
	return FTP_OTHER;
}

enum ph_err
ftp_command_parse(struct ftp_command *out, struct span line)
{
	size_t n;

	memset(out, 0, sizeof(*out));
	for (n = 0; n < line.len && is_letter(line.p[n]); n++)
		continue;
	if (n == 0 || n > FTP_VERB_MAX || (n < line.len && line.p[n] != ' '))
		return PH_EMALFORMED;
	out->name = span_sub(line, 0, n);
	out->arg = span_sub(line, n + 1, line.len);
	out->verb = verb_find(out->name);
	return PH_OK;
}

enum ph_err
ftp_reply_parse(struct ftp_reply *out, struct span line)
{
	uint64_t code;

	memset(out, 0, sizeof(*out));
	if (line.len < 3 || !span_number(span_sub(line, 0, 3), 699, &code) ||
	    code < 100 ||
	    (line.len > 3 && line.p[3] != ' ' && line.p[3] != '-'))
		return PH_EMALFORMED;
	out->code = (uint16_t)code;
	out->more = line.len > 3 && line.p[3] == '-';
	out->text = span_sub(line, 4, line.len);
	return PH_OK;
}

/* Methods of HTTP; none of them is a command of FTP. */
static bool
method_is_http(struct span verb)
{
	static const char *const methods[] = { "CONNECT", "DELETE", "GET",
		"HEAD", "OPTIONS", "PATCH", "POST", "PRI", "PUT", "TRACE" };
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (span_caseeq_str(verb, methods[i]))
			return true;
	return false;
}

bool
ftp_line_ends_in_version(struct span line)
{
	struct span end = span_sub(line, line.len - 9, line.len);

	return line.len >= 9 && is_digit(end.p[8]) && end.p[7] == '.' &&
	    is_digit(end.p[6]) &&
	    span_caseeq_str(span_sub(end, 0, 6), " HTTP/");
}

bool
ftp_line_foreign(struct span line)
{
	struct span rest;

	return method_is_http(span_cut(line, ' ', &rest)) ||
	    span_caseeq_str(span_sub(line, 0, 5), "HTTP/") ||
	    ftp_line_ends_in_version(line);
}

bool
ftp_line_clean(struct span line)
{
	return span_find(line, '\0') == line.len &&
	    span_find(line, '\r') == line.len &&
	    span_find(line, '\n') == line.len;
}

/* "10,0,0,1,4,1" and nothing else: numbers of at most three digits. */
static bool
six_numbers_parse(struct span text, struct endpoint *out)
{
	uint8_t v[6];
	struct span one;
	uint64_t number;
	size_t i;

	for (i = 0; i < 6; i++) {
		/* Five of them end in a comma, the last one does not. */
		if ((span_find(text, ',') == text.len) != (i == 5))
			return false;
		one = span_cut(text, ',', &text);
		if (one.len > 3 || !span_number(one, 255, &number))
			return false;
		v[i] = (uint8_t)number;
	}
	out->addr = addr_v4(v[0], v[1], v[2], v[3]);
	out->port = (uint16_t)(v[4] << 8 | v[5]);
	return true;
}

enum ph_err
ftp_port_parse(struct span arg, struct endpoint *out)
{
	memset(out, 0, sizeof(*out));
	return six_numbers_parse(span_trim(arg), out) ? PH_OK : PH_EMALFORMED;
}

static bool
is_delimiter(char c)
{
	return c >= 33 && c <= 126;
}

/* Cut off all before the next delimiter; false if there is none. */
static bool
field_next(struct span *rest, char delimiter, struct span *out)
{
	if (span_find(*rest, delimiter) == rest->len)
		return false;
	*out = span_cut(*rest, delimiter, rest);
	return true;
}

static enum ph_err
protocol_parse(struct span text, uint8_t *af)
{
	uint64_t v;

	if (!span_number(text, UINT32_MAX, &v))
		return PH_EMALFORMED;
	if (v != 1 && v != 2)
		return PH_EUNSUPPORTED;
	*af = v == 1 ? AF_INET : AF_INET6;
	return PH_OK;
}

enum ph_err
ftp_eprt_parse(struct span arg, struct endpoint *out)
{
	struct span rest, protocol, addr, port;
	uint8_t af;
	uint64_t number;
	enum ph_err rc;

	memset(out, 0, sizeof(*out));
	arg = span_trim(arg);
	if (arg.len == 0 || !is_delimiter(arg.p[0]))
		return PH_EMALFORMED;
	rest = span_sub(arg, 1, arg.len);
	if (!field_next(&rest, arg.p[0], &protocol) ||
	    !field_next(&rest, arg.p[0], &addr) ||
	    !field_next(&rest, arg.p[0], &port) || rest.len > 0)
		return PH_EMALFORMED;
	if ((rc = protocol_parse(protocol, &af)) != PH_OK)
		return rc;
	if (addr_parse(addr, &out->addr) != PH_OK || out->addr.af != af ||
	    !span_number(port, UINT16_MAX, &number)) {
		memset(out, 0, sizeof(*out));
		return PH_EMALFORMED;
	}
	out->port = (uint16_t)number;
	return PH_OK;
}

enum ph_err
ftp_epsv_parse(struct span arg, bool *all, uint8_t *af)
{
	arg = span_trim(arg);
	*all = span_caseeq_str(arg, "ALL");
	*af = AF_UNSPEC;
	return *all || arg.len == 0 ? PH_OK : protocol_parse(arg, af);
}

enum ph_err
ftp_227_parse(struct span text, struct endpoint *out)
{
	struct endpoint found = { 0 };
	size_t i = 0, n;
	unsigned int times = 0;

	memset(out, 0, sizeof(*out));
	while (i < text.len) {
		/* The whole run of digits and commas. */
		for (n = 0; i + n < text.len &&
		     (is_digit(text.p[i + n]) || text.p[i + n] == ',');
		     n++)
			continue;
		if (n > 0 && six_numbers_parse(span_sub(text, i, n), &found)) {
			*out = found;
			times++;
		}
		i += n > 0 ? n : 1;
	}
	if (times == 1)
		return PH_OK;
	memset(out, 0, sizeof(*out));
	return times > 1 ? PH_EAMBIGUOUS : PH_EMALFORMED;
}

/* "|||1025|)" */
static bool
port_field_parse(struct span text, uint16_t *port)
{
	struct span digits;
	uint64_t number;

	if (text.len < 3 || !is_delimiter(text.p[0]) || is_digit(text.p[0]) ||
	    text.p[1] != text.p[0] || text.p[2] != text.p[0])
		return false;
	digits = span_cut(span_sub(text, 3, text.len), text.p[0], &text);
	if (!span_number(digits, UINT16_MAX, &number) || text.len == 0 ||
	    text.p[0] != ')')
		return false;
	*port = (uint16_t)number;
	return true;
}

enum ph_err
ftp_229_parse(struct span text, uint16_t *port)
{
	unsigned int times = 0;

	*port = 0;
	while (span_find(text, '(') < text.len) {
		(void)span_cut(text, '(', &text);
		times += port_field_parse(text, port);
	}
	if (times == 1)
		return PH_OK;
	*port = 0;
	return times > 1 ? PH_EAMBIGUOUS : PH_EMALFORMED;
}

static void
six_numbers_put(struct strbuf *out, const struct endpoint *e)
{
	const uint8_t *b = e->addr.b;

	strbuf_fmt(out, "%u,%u,%u,%u,%u,%u", b[0], b[1], b[2], b[3],
	    e->port >> 8, e->port & 0xffu);
}

void
ftp_port_format(struct strbuf *out, const struct endpoint *e)
{
	strbuf_str(out, "PORT ");
	six_numbers_put(out, e);
}

void
ftp_eprt_format(struct strbuf *out, const struct endpoint *e)
{
	char addr[ADDR_STRLEN];

	strbuf_fmt(out, "EPRT |%d|%s|%u|", e->addr.af == AF_INET6 ? 2 : 1,
	    addr_format(&e->addr, addr), e->port);
}

void
ftp_227_format(struct strbuf *out, const struct endpoint *e)
{
	strbuf_str(out, "227 Entering Passive Mode (");
	six_numbers_put(out, e);
	strbuf_str(out, ")");
}

void
ftp_229_format(struct strbuf *out, uint16_t port)
{
	strbuf_fmt(out, "229 Entering Extended Passive Mode (|||%u|)", port);
}
