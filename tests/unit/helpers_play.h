/* SPDX-License-Identifier: ISC */
#ifndef TESTS_HELPERS_PLAY_H
#define TESTS_HELPERS_PLAY_H

#include "src/base/timers.h"
#include "src/engine/engine.h"
#include "src/engine/helpers.h"
#include "tests/unit/unit.h"

#define NOW   (1700000000 * USEC_PER_SEC)
#define FTP   "protect { 192.0.2.0/24 }\nftp { port 21 }\n"
#define TFTP  "protect { 192.0.2.0/24 }\ntftp { port 69 }\n"
#define RRQ   "\0\1file\0octet\0"
#define INNER 3 /* interfaces */
#define OTHER 4
#define OUTER 9

#define ALL                                                                    \
	"protect { 192.0.2.0/24 }\nsip { port { 5060 5080 } }\n"               \
	"ftp { port 21 }\ntftp { port 69 }\n"

/* An engine, and all that came out of it. */
struct world {
	struct conf *conf;
	struct engine *e;
	char events[65536];
	struct strbuf out;
	uint64_t key; /* the last record */
	uint8_t record[512];
	size_t len;
	unsigned int records, forgotten;
	uint64_t fw_id; /* of the last pinhole opened */
	int64_t deadline;
	bool once; /* good for one connection */
};

struct world *world_new(const char *text);
void world_free(struct world *w);
/* The value of a counter, which there must be. */
uint64_t world_counted(const struct world *w, const char *name);
struct datagram packet(uint8_t proto, uint32_t ifindex, enum pkt_dir dir,
    const char *src, uint16_t sport, const char *dst, uint16_t dport);
/* A client's line, or a server's, at an interface. */
void ftp(struct world *w, void **user, uint32_t ifindex, enum pkt_dir dir,
    const char *src, const char *dst, bool client, const char *text);
/* A request from inside. */
void tftp(struct world *w, int64_t now, const char *src, uint16_t sport,
    const char *dst);

/* The events since the last time. */
#define assert_events(w, want)                                                 \
	do {                                                                   \
		assert_string_equal((w)->events, want);                        \
		strbuf_reset(&(w)->out);                                       \
	} while (0)

#endif
