/* SPDX-License-Identifier: ISC */
/*
 * The grammar of pinholed.conf(5), for byacc, bison and the BSDs' yacc.
 *
 * Only keywords and punctuation matter here: every value is a STRING that
 * set.c reads, so that a wrong value costs one sentence and not the
 * rest of the statement.
 *
 * Where one thing must come next, an empty rule w_... has just noted what
 * (conf_want), so that yyerror() can say so, in the same words under every
 * yacc.  Other surprises are reported where `error` stands.  Behind either,
 * the lexer itself skips to the end of the statement.
 *
 * No yacc promises a pure parser that the others understand, so one
 * file-static pointer to the parse in progress is the only global.
 */
%{
#include <string.h>

#include "src/conf/parse.h"
#include "src/conf/set.h"

struct value {
	struct lexeme lex;
	struct words words;
};
#define YYSTYPE struct value
#define YYSTYPE_IS_DECLARED 1

static struct parse *p;

static int yylex(void);
static void yyerror(const char *);
int yyparse(void);

/* Behind an error: the surprise begins nothing, unless it ends something. */
#define DROP                           \
	do {                           \
		if (!conf_at_end(p))   \
			yyclearin;     \
	} while (0)

static const char *const statements[] = { "buffer", "control", "firewall",
	"ftp", "include", "interface", "on", "protect", "reply-to", "sip",
	"state", "tables", "tftp", "user", NULL };
static const char *const sip_settings[] = { "early", "external", "hold",
	"latch", "limit", "media", "port", "redirect", "remote", "server",
	"timeout", NULL };
static const char *const ftp_settings[] = { "loose", "port", "proxy",
	"timeout", NULL };
static const char *const tftp_settings[] = { "allow", "file", "port", "proxy",
	"timeout", NULL };
static const char *const tables_settings[] = { "allow", "force", "key",
	"listen", "max", "never", "timeout", NULL };
static const char *const hold_words[] = { "keep", "close", NULL };
static const char *const kill_words[] = { "yes", "no", NULL };
static const char *const dialect_words[] = { "freebsd", "openbsd", NULL };
%}

%token STRING NAME
%token ALLOW ANCHOR ANONYMOUS BUFFER CALLS CONTROL DIALECT EARLY EXTERNAL
%token TFILE FIREWALL FOR FORCE FTP HOLD IDLE IFBOUND INCLUDE INTERFACE KEY
%token KILL LATCH LIMIT LISTEN LOG LOOSE MARK MAX MEDIA NEVER ON ONLY PER PORT
%token PROTECT PROXY
%token QUEUE RATE REDIRECT REMOTE REPLYTO REVERSE SERVER SESSIONS SETUP SIP
%token SOURCE SOURCEPORT STATE STREAMS TABLE TABLES TAG TFTP TIMEOUT TO USER

/*
 * Settings of a block need no separator, so an optional word may also begin
 * the next setting: then it belongs to the one before it.
 */
%nonassoc ALONE
%nonassoc STRING PORT TIMEOUT

%%

grammar		: /* empty */
		| grammar nl
		| grammar statement nl
		| grammar INCLUDE path '\n' {
			yyerrok;
			conf_include(p, &$3.lex);
		}
		| grammar error {
			conf_expected(p, "a statement or the end of the line");
			DROP;
		}
		;

nl		: '\n' { yyerrok; }
		;

optnl		: /* empty */
		| optnl '\n'
		;

statement	: NAME '=' value {
			conf_add_macro(p, &$1.lex, &$3.words);
		}
		| INTERFACE interfaces {
			if (conf_once(p, ONCE_INTERFACE, &$1.lex))
				conf_set_interfaces(p, &$2.words);
		}
		| PROTECT prefixes {
			if (conf_once(p, ONCE_PROTECT, &$1.lex))
				conf_set_protect(p, &$2.words);
		}
		| USER name {
			if (conf_once(p, ONCE_USER, &$1.lex))
				conf_set_user(p, &$2.lex);
		}
		| CONTROL path {
			/* struct sockaddr_un holds 104 bytes on BSD. */
			if (conf_once(p, ONCE_CONTROL, &$1.lex))
				conf_set_path(p, &p->conf->control, &$2.lex,
				    103);
		}
		| STATE path {
			if (conf_once(p, ONCE_STATE, &$1.lex))
				conf_set_path(p, &p->conf->state, &$2.lex,
				    CONF_MAX_WORD);
		}
		| BUFFER number {
			if (conf_once(p, ONCE_BUFFER, &$1.lex))
				conf_set_bytes(p, &p->conf->buffer, &$2.lex);
		}
		| firewall
		| uplink
		| sip
		| ftp
		| tftp
		| tables
		| STRING {
			conf_unknown(p, &$1.lex, "a statement", statements);
		}
		;

value		: w_value STRING {
			$$.words.v = NULL;
			conf_add_word(p, &$$.words, &$2.lex);
		}
		| value STRING {
			conf_add_word(p, &$$.words, &$2.lex);
		}
		| value error {
			conf_expected(p, "the end of the value; quote a list: "
			    "name = \"{ a b }\"");
			$$.words.v = NULL;
		}
		;

/*
 * Lists: one word, or several in braces, over as many lines as one likes.
 */
list		: STRING {
			$$.words.v = NULL;
			$$.words.braces = false;
			conf_add_word(p, &$$.words, &$1.lex);
		}
		| '{' optnl items '}' {
			$$.words = $3.words;
			$$.words.braces = true;
		}
		| '{' optnl '}' {
			conf_error(p, &$1.lex.at, "this list is empty");
			$$.words.v = NULL;
		}
		| '{' optnl error {
			conf_expected_more(p);
			$$.words.v = NULL;
		}
		;

items		: item separator
		| items item separator {
			conf_join(&$$.words, &$2.words);
		}
		;

/* A list in a list comes of macros. */
item		: STRING {
			$$.words.v = NULL;
			conf_add_word(p, &$$.words, &$1.lex);
		}
		| '{' optnl items '}' {
			$$ = $3;
		}
		;

separator	: optnl
		| optnl ',' optnl
		;

/*
 * Words, each after a note of what it should be.
 */
prefixes	: w_prefixes list { $$ = $2; }
		;
w_prefixes	: { conf_want(p, "an address or a prefix"); }
		;

ports		: w_ports list { $$ = $2; }
		;
w_ports		: { conf_want(p, "a port number"); }
		;

interfaces	: w_interfaces list { $$ = $2; }
		;
w_interfaces	: { conf_want(p, "an interface (quote a keyword)"); }
		;

tablenames	: w_tablenames list { $$ = $2; }
		;
w_tablenames	: { conf_want(p, "a table (quote a keyword)"); }
		;

patterns	: w_patterns list { $$ = $2; }
		;
w_patterns	: { conf_want(p, "a file name pattern"); }
		;

accesses	: w_accesses list { $$ = $2; }
		;
w_accesses	: { conf_want(p, "\"read\" or \"write\""); }
		;

remotes		: w_remotes list { $$ = $2; }
		;
w_remotes	: { conf_want(p, CONF_REMOTES); }
		;

address		: w_address STRING { $$ = $2; }
		;
w_address	: { conf_want(p, "an address"); }
		;

number		: w_number STRING { $$ = $2; }
		;
w_number	: { conf_want(p, "a number"); }
		;

range		: w_range STRING { $$ = $2; }
		;
w_range		: { conf_want(p, "a range of ports as in 10000:20000"); }
		;

name		: w_name STRING { $$ = $2; }
		;
w_name		: { conf_want(p, "a name (quote a keyword)"); }
		;

path		: w_path STRING { $$ = $2; }
		;
w_path		: { conf_want(p, "a file name in quotes"); }
		;

yesno		: w_yesno STRING { $$ = $2; }
		;
w_yesno		: { conf_want(p, "\"yes\" or \"no\""); }
		;

keep		: w_keep STRING { $$ = $2; }
		;
w_keep		: { conf_want(p, CONF_HOLDS); }
		;

backend		: w_backend STRING { $$ = $2; }
		;
w_backend	: { conf_want(p, CONF_BACKENDS); }
		;

dialect		: w_dialect STRING { $$ = $2; }
		;
w_dialect	: { conf_want(p, CONF_DIALECTS); }
		;

media		: w_media MEDIA
		;
w_media		: { conf_want(p, "\"media\""); }
		;

for		: w_for FOR
		;
w_for		: { conf_want(p, "\"for\""); }
		;

on		: w_on ON
		;
w_on		: { conf_want(p, "\"on\""); }
		;

only		: w_only ONLY
		;
w_only		: { conf_want(p, "\"only\""); }
		;

port		: w_port PORT
		;
w_port		: { conf_want(p, "\"port\""); }
		;

replyto		: w_replyto REPLYTO
		;
w_replyto	: { conf_want(p, "\"reply-to\""); }
		;

sessions	: w_sessions SESSIONS
		;
w_sessions	: { conf_want(p, "\"sessions\""); }
		;

source		: w_source SOURCE
		;
w_source	: { conf_want(p, "\"source\""); }
		;

to		: w_to TO
		;
w_to		: { conf_want(p, "\"to\""); }
		;

begin		: w_begin '{'
		;
w_begin		: { conf_want(p, "\"{\""); }
		;

left		: w_left '('
		;
w_left		: { conf_want(p, "\"(\""); }
		;

right		: w_right ')'
		;
w_right		: { conf_want(p, "\")\""); }
		;
w_limits	: {
			conf_want(p, "\"calls\", \"per source\", \"rate\" "
			    "or \"streams\"");
		}
		;
w_timeouts	: { conf_want(p, "\"setup\", \"idle\" or \"max\""); }
		;
w_value		: { conf_want(p, "a value"); }
		;

/* A flag, for those who like to say yes. */
optyes		: /* empty */ %prec ALONE {
			$$.lex.text = "yes";
			$$.lex.bad = false;
		}
		| STRING
		;

/*
 * sip { ... }
 */
sip		: SIP begin {
			conf_block_begin(p, "sip", ONCE_SIP, &$1.lex);
			p->conf->sip.on = true;
		} sip_settings '}'
		;

sip_settings	: /* empty */
		| sip_settings nl
		| sip_settings sip_setting
		| sip_settings error {
			conf_expected(p, "a setting of \"sip\" or \"}\"");
			DROP;
		}
		;

sip_setting	: PORT ports {
			if (conf_once(p, ONCE_PORT, &$1.lex))
				conf_set_ports(p, &p->conf->sip.port,
				    &$2.words);
		}
		| SERVER prefixes {
			if (conf_once(p, ONCE_SERVER, &$1.lex))
				conf_set_prefixes(p, &p->conf->sip.server,
				    &$2.words);
		}
		| MEDIA prefixes {
			if (conf_once(p, ONCE_MEDIA, &$1.lex))
				conf_set_prefixes(p, &p->conf->sip.media,
				    &$2.words);
		} media_ports
		| REMOTE remotes {
			if (conf_once(p, ONCE_REMOTE, &$1.lex))
				conf_set_remote(p, &$2.words);
		}
		| EARLY media yesno {
			if (conf_once(p, ONCE_EARLY, &$1.lex))
				conf_set_yes(p, &p->conf->sip.early_media,
				    &$3.lex);
		}
		| HOLD keep {
			if (conf_once(p, ONCE_HOLD, &$1.lex))
				p->conf->sip.hold_keep = conf_choose(p,
				    &$2.lex, hold_words, CONF_HOLDS) == 0;
		}
		| LATCH yesno {
			if (conf_once(p, ONCE_LATCH, &$1.lex))
				conf_set_yes(p, &p->conf->sip.latch, &$2.lex);
		}
		| REDIRECT yesno {
			if (conf_once(p, ONCE_REDIRECT, &$1.lex))
				conf_set_yes(p, &p->conf->sip.redirect,
				    &$2.lex);
		}
		| EXTERNAL address for address {
			conf_add_external(p, &$2.lex, &$4.lex);
		}
		| LIMIT limits
		| TIMEOUT timeouts
		| STRING {
			conf_unknown(p, &$1.lex, "a setting of \"sip\"", sip_settings);
		}
		;

media_ports	: /* empty */ %prec ALONE
		| PORT range {
			conf_set_range(p, &p->conf->sip.media_lo,
			    &p->conf->sip.media_hi, &$2.lex);
		}
		;

limits		: w_limits limit
		| limits limit
		;

limit		: CALLS number {
			if (conf_once(p, ONCE_CALLS, &$1.lex))
				conf_set_number(p, &p->conf->sip.limit_calls,
				    &$2.lex, 1, 1000000);
		}
		| PER source number {
			if (conf_once(p, ONCE_PER_SOURCE, &$1.lex))
				conf_set_number(p,
				    &p->conf->sip.limit_per_source, &$3.lex,
				    1, 1000000);
		}
		| RATE number {
			if (conf_once(p, ONCE_RATE, &$1.lex))
				conf_set_number(p, &p->conf->sip.limit_rate,
				    &$2.lex, 0, 1000000);
		}
		| STREAMS number {
			if (conf_once(p, ONCE_STREAMS, &$1.lex))
				conf_set_number(p, &p->conf->sip.limit_streams,
				    &$2.lex, 1, 16);
		}
		;

timeouts	: w_timeouts timeout
		| timeouts timeout
		;

timeout		: SETUP number {
			if (conf_once(p, ONCE_SETUP, &$1.lex))
				conf_set_number(p, &p->conf->sip.timeout_setup,
				    &$2.lex, 1, 86400);
		}
		| IDLE number {
			if (conf_once(p, ONCE_IDLE, &$1.lex))
				conf_set_number(p, &p->conf->sip.timeout_idle,
				    &$2.lex, 1, 86400);
		}
		| MAX number {
			if (conf_once(p, ONCE_MAX, &$1.lex))
				conf_set_number(p, &p->conf->sip.timeout_max,
				    &$2.lex, 1, 2592000);
		}
		;

/*
 * ftp { ... } and tftp { ... }
 */
ftp		: FTP begin {
			conf_block_begin(p, "ftp", ONCE_FTP, &$1.lex);
			p->conf->ftp.on = true;
		} ftp_settings '}'
		;

ftp_settings	: /* empty */
		| ftp_settings nl
		| ftp_settings ftp_setting
		| ftp_settings error {
			conf_expected(p, "a setting of \"ftp\" or \"}\"");
			DROP;
		}
		;

ftp_setting	: PORT ports {
			if (conf_once(p, ONCE_FTP_PORT, &$1.lex))
				conf_set_ports(p, &p->conf->ftp.port,
				    &$2.words);
		}
		| LOOSE optyes {
			if (conf_once(p, ONCE_LOOSE, &$1.lex))
				conf_set_yes(p, &p->conf->ftp.loose, &$2.lex);
		}
		| TIMEOUT number {
			if (conf_once(p, ONCE_FTP_TIMEOUT, &$1.lex))
				conf_set_number(p, &p->conf->ftp.timeout,
				    &$2.lex, 1, 3600);
		}
		| proxy
		| STRING {
			conf_unknown(p, &$1.lex, "a setting of \"ftp\"", ftp_settings);
		}
		;

tftp		: TFTP begin {
			conf_block_begin(p, "tftp", ONCE_TFTP, &$1.lex);
			p->conf->tftp.on = true;
		} tftp_settings '}'
		;

tftp_settings	: /* empty */
		| tftp_settings nl
		| tftp_settings tftp_setting
		| tftp_settings error {
			conf_expected(p, "a setting of \"tftp\" or \"}\"");
			DROP;
		}
		;

tftp_setting	: PORT ports {
			if (conf_once(p, ONCE_TFTP_PORT, &$1.lex))
				conf_set_ports(p, &p->conf->tftp.port,
				    &$2.words);
		}
		| TIMEOUT number {
			if (conf_once(p, ONCE_TFTP_TIMEOUT, &$1.lex))
				conf_set_number(p, &p->conf->tftp.timeout,
				    &$2.lex, 1, 3600);
		}
		| ALLOW accesses {
			if (conf_once(p, ONCE_TFTP_ALLOW, &$1.lex))
				conf_set_access(p, &$2.words);
		}
		| TFILE patterns {
			conf_set_strings(p, &p->conf->tftp.file, &$2.words,
			    conf_set_string);
		}
		| proxy
		| STRING {
			conf_unknown(p, &$1.lex, "a setting of \"tftp\"", tftp_settings);
		}
		;

proxy		: PROXY on address port number {
			conf_add_proxy(p, &$3.lex, &$5.lex);
		} proxy_options %prec ALONE {
			conf_end_proxy(p, &$3.lex);
		}
		;

proxy_options	: /* empty */
		| proxy_options proxy_option
		;

proxy_option	: REVERSE to address {
			conf_ftp_only(p, &$1.lex);
			if (conf_once(p, ONCE_REVERSE, &$1.lex))
				conf_set_addr(p, &conf_proxy(p)->reverse.addr,
				    &$3.lex);
		} reverse_port
		| SOURCE address {
			if (conf_once(p, ONCE_SOURCE, &$1.lex))
				conf_set_addr(p, &conf_proxy(p)->source, &$2.lex);
		}
		| SOURCEPORT number {
			uint32_t n = 0;

			conf_ftp_only(p, &$1.lex);
			if (conf_once(p, ONCE_SOURCE_PORT, &$1.lex))
				conf_set_number(p, &n, &$2.lex, 20, 20);
			conf_proxy(p)->source_port_20 = n == 20;
		}
		| ANONYMOUS only {
			conf_ftp_only(p, &$1.lex);
			if (conf_once(p, ONCE_ANONYMOUS, &$1.lex))
				conf_proxy(p)->anonymous_only = true;
		}
		| MAX sessions number {
			if (conf_once(p, ONCE_SESSIONS, &$1.lex))
				conf_set_number(p, &conf_proxy(p)->max_sessions,
				    &$3.lex, 1, 10000);
		}
		| TIMEOUT number {
			if (conf_once(p, ONCE_PROXY_TIMEOUT, &$1.lex))
				conf_set_number(p, &conf_proxy(p)->timeout, &$2.lex,
				    1, 86400);
		}
		| TAG name {
			if (conf_once(p, ONCE_PROXY_TAG, &$1.lex))
				conf_set_name(p, &conf_proxy(p)->tag, &$2.lex,
				    "a tag");
		}
		| QUEUE name {
			if (conf_once(p, ONCE_PROXY_QUEUE, &$1.lex))
				conf_set_name(p, &conf_proxy(p)->queue, &$2.lex,
				    "the name of a queue");
		}
		;

reverse_port	: /* empty */ %prec ALONE
		| PORT number {
			conf_set_port(p, &conf_proxy(p)->reverse.port, &$2.lex);
		}
		;

/*
 * tables { ... }
 */
tables		: TABLES begin {
			conf_block_begin(p, "tables", ONCE_TABLES, &$1.lex);
			p->conf->tables.on = true;
		} tables_settings '}'
		;

tables_settings	: /* empty */
		| tables_settings nl
		| tables_settings tables_setting
		| tables_settings error {
			conf_expected(p, "a setting of \"tables\" or \"}\"");
			DROP;
		}
		;

tables_setting	: LISTEN on address {
			if (conf_once(p, ONCE_LISTEN, &$1.lex))
				conf_set_addr(p, &p->conf->tables.listen.addr,
				    &$3.lex);
		} listen_port
		| KEY path %prec ALONE {
			conf_add_key(p, NULL, &$2.lex);
		}
		| KEY path STRING {
			conf_add_key(p, &$2.lex, &$3.lex);
		}
		| ALLOW tablenames {
			if (conf_once(p, ONCE_TABLES_ALLOW, &$1.lex))
				conf_set_strings(p, &p->conf->tables.allow,
				    &$2.words, conf_set_table);
		}
		| FORCE name {
			if (conf_once(p, ONCE_FORCE, &$1.lex))
				conf_set_table(p, &p->conf->tables.force,
				    &$2.lex);
		}
		| TIMEOUT number {
			if (conf_once(p, ONCE_TABLES_TIMEOUT, &$1.lex))
				conf_set_number(p, &p->conf->tables.timeout,
				    &$2.lex, 0, 31536000);
		}
		| MAX number {
			if (conf_once(p, ONCE_TABLES_MAX, &$1.lex))
				conf_set_number(p, &p->conf->tables.max,
				    &$2.lex, 1, 10000000);
		}
		| NEVER prefixes {
			if (conf_once(p, ONCE_NEVER, &$1.lex))
				conf_set_prefixes(p, &p->conf->tables.never,
				    &$2.words);
		}
		| STRING {
			conf_unknown(p, &$1.lex, "a setting of \"tables\"",
			    tables_settings);
		}
		;

listen_port	: /* empty */
		| PORT number {
			conf_set_port(p, &p->conf->tables.listen.port,
			    &$2.lex);
		}
		;

/*
 * firewall BACKEND ...
 */
firewall	: FIREWALL backend {
			if (conf_once(p, ONCE_FIREWALL, &$1.lex))
				conf_set_backend(p, &$2.lex);
		} firewall_options
		;

firewall_options: /* empty */
		| firewall_options firewall_option
		;

firewall_option	: TABLE name {
			conf_only_for(p, &$1.lex, "nftables");
			if (conf_once(p, ONCE_NAME, &$1.lex))
				conf_set_nft_table(p, &$2.lex);
		}
		| MARK number {
			conf_only_for(p, &$1.lex, "nftables");
			if (conf_once(p, ONCE_MARK, &$1.lex))
				conf_set_mark(p, &p->conf->mark, &$2.lex);
		}
		| ANCHOR name {
			conf_only_for(p, &$1.lex, "pf");
			if (conf_once(p, ONCE_NAME, &$1.lex))
				conf_set_anchor(p, &p->conf->name, &$2.lex);
		}
		| KILL yesno {
			conf_only_for(p, &$1.lex, "pf");
			if (conf_once(p, ONCE_KILL, &$1.lex) &&
			    conf_choose(p, &$2.lex, kill_words,
				"\"yes\" or \"no\"") != -1)
				conf_set_string(p, &p->conf->kill, &$2.lex);
		}
		| DIALECT dialect {
			conf_only_for(p, &$1.lex, "pf");
			if (conf_once(p, ONCE_DIALECT, &$1.lex) &&
			    conf_choose(p, &$2.lex, dialect_words,
				CONF_DIALECTS) != -1)
				conf_set_string(p, &p->conf->dialect,
				    &$2.lex);
		}
		| LOG {
			conf_only_for(p, &$1.lex, "pf");
			if (conf_once(p, ONCE_LOG, &$1.lex))
				p->conf->log = true;
		}
		| IFBOUND {
			conf_only_for(p, &$1.lex, "pf");
			if (conf_once(p, ONCE_IFBOUND, &$1.lex))
				p->conf->if_bound = true;
		}
		| TAG name {
			conf_only_for(p, &$1.lex, "pf");
			if (conf_once(p, ONCE_TAG, &$1.lex))
				conf_set_name(p, &p->conf->tag, &$2.lex,
				    "a tag");
		}
		| QUEUE name {
			conf_only_for(p, &$1.lex, "pf");
			if (conf_once(p, ONCE_QUEUE, &$1.lex))
				conf_set_name(p, &p->conf->queue, &$2.lex,
				    "the name of a queue");
		}
		| uplink
		| STRING {
			conf_set_mode(p, &$1.lex);
		}
		;

uplink		: REPLYTO left name comma address right {
			conf_add_uplink(p, NULL, &$3.lex, &$5.lex);
		}
		| ON name replyto left name comma address right {
			conf_add_uplink(p, &$2.lex, &$5.lex, &$7.lex);
		}
		;

comma		: /* empty */
		| ','
		;

%%

static const struct {
	const char *text;
	int token;
} keywords[] = {
	{ "allow", ALLOW }, { "anchor", ANCHOR },
	{ "anonymous", ANONYMOUS }, { "buffer", BUFFER },
	{ "calls", CALLS }, { "control", CONTROL },
	{ "dialect", DIALECT }, { "early", EARLY },
	{ "external", EXTERNAL }, { "file", TFILE },
	{ "firewall", FIREWALL }, { "for", FOR },
	{ "force", FORCE }, { "ftp", FTP },
	{ "hold", HOLD }, { "idle", IDLE },
	{ "if-bound", IFBOUND }, { "include", INCLUDE },
	{ "interface", INTERFACE }, { "key", KEY },
	{ "kill", KILL }, { "latch", LATCH },
	{ "limit", LIMIT }, { "listen", LISTEN },
	{ "log", LOG },
	{ "loose", LOOSE }, { "mark", MARK },
	{ "max", MAX }, { "media", MEDIA },
	{ "never", NEVER }, { "on", ON },
	{ "only", ONLY }, { "per", PER },
	{ "port", PORT }, { "protect", PROTECT },
	{ "proxy", PROXY }, { "queue", QUEUE },
	{ "rate", RATE }, { "redirect", REDIRECT },
	{ "remote", REMOTE }, { "reply-to", REPLYTO },
	{ "reverse", REVERSE }, { "server", SERVER },
	{ "sessions", SESSIONS }, { "setup", SETUP },
	{ "sip", SIP }, { "source", SOURCE },
	{ "source-port", SOURCEPORT }, { "state", STATE },
	{ "streams", STREAMS }, { "table", TABLE },
	{ "tables", TABLES }, { "tag", TAG },
	{ "tftp", TFTP }, { "timeout", TIMEOUT },
	{ "to", TO }, { "user", USER },
};

static int
yylex(void)
{
	struct lexeme *lex = &yylval.lex;
	size_t i;

	conf_next(p, lex);
	switch (lex->kind) {
	case LEX_EOF:
		return 0;
	case LEX_NL:
		return '\n';
	case LEX_NAME:
		return NAME;
	case LEX_PUNCT:
		p->in_value = lex->text[0] == '=';
		return lex->text[0];
	case LEX_WORD:
		if (p->in_value || lex->bad)
			break;
		for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
			if (strcmp(keywords[i].text, lex->text) == 0) {
				lex->keyword = p->tok.keyword = true;
				return keywords[i].token;
			}
		break;
	case LEX_STRING:
		break;
	}
	return STRING;
}

static void
yyerror(const char *what)
{
	(void)what; /* "syntax error", in any language but the user's */
	if (p->tok.kind == LEX_EOF && p->depth > 0) {
		if (!p->stop && !p->nomem)
			conf_error(p,
			    &p->open[p->depth <= CONF_MAX_DEPTH ?
				    p->depth - 1 :
				    CONF_MAX_DEPTH - 1],
			    "this \"{\" is never closed");
		return;
	}
	conf_surprise(p);
}

bool
conf_grammar(struct parse *parse)
{
	bool whole;

	p = parse;
	p->depth = p->base = 0;
	p->skipping = p->pending = p->in_value = false;
	whole = yyparse() == 0;
	if (!whole && p->nerrors == 0 && !p->nomem)
		conf_error(p, &p->tok.at, "nested too deeply");
	p = NULL;
	return whole;
}
