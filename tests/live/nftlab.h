/* SPDX-License-Identifier: ISC */
#ifndef TESTS_NFTLAB_H
#define TESTS_NFTLAB_H

#include "src/fw/direct.h"
#include "tests/live/netns.h"
#include "tests/unit/unit.h"

/*
 * The nftables backend on the firewall of tests/live/netns.h, where the user's
 * ruleset accepts `established` and our mark, and drops the rest.  What fails
 * here fails the test.
 */
extern const char lab_rules[]; /* the user's; begins with flush ruleset */
extern struct fw_config config;
extern struct fw *fw;
extern struct direct *direct; /* to `fw` */

int64_t lab_now(void);
void lab_load(const char *rules); /* nft -f - */
int lab_fresh(void **state);	  /* the user's rules, and `fw` open */
int lab_close(void **state);	  /* `fw` closed, if it is open */
void lab_open(void);		  /* by `config` */
void lab_shut(bool keep);

/* UDP, one port, good for a minute; `from` may be "any" or a prefix. */
struct pinhole lab_hole(enum pinhole_dir dir, const char *from, const char *to,
    uint16_t port);
enum ph_err lab_commit(enum fw_op op, const struct pinhole *h);
void lab_do(enum fw_op op, const struct pinhole *h); /* must succeed */
struct pinhole opened(enum pinhole_dir dir, const char *from, const char *to,
    uint16_t port);
void closed(const struct pinhole *h);
struct addr lab_addr(const char *text);
struct endpoint lab_endpoint(const char *addr, uint16_t port);

/* The lines of a command's output, on FIREWALL. */
int lab_lines(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* UDP sockets on 198.51.100.7, 198.51.100.66 and 192.0.2.20. */
int out_at(uint16_t port);
int third_at(uint16_t port);
int in_at(uint16_t port);

#define PASS(from, addr, port, to)                                             \
	assert_true(netns_passes(from, addr, port, to))
#define STOP(from, addr, port, to)                                             \
	assert_false(netns_passes(from, addr, port, to))

/* 77 for ctest, with the reason printed, where there can be no lab. */
int lab_main(const struct CMUnitTest *tests, size_t n);
#define LIVE(f) cmocka_unit_test_setup_teardown(f, lab_fresh, lab_close)

#endif
