/* SPDX-License-Identifier: ISC */
#ifndef TESTS_NFT_PLAY_H
#define TESTS_NFT_PLAY_H

#include "src/fw/direct.h"
#include "tests/unit/fake_nft.h"
#include "tests/unit/unit.h"

/* The nftables backend, opened on a kernel of paper at time `now`. */
#define SECOND INT64_C(1000000)

extern struct fw_config config;
extern struct fw *fw;
extern struct direct *direct; /* commits to fw */
extern int64_t now;	      /* us */

enum ph_err play_open(void);
void play_close(bool keep);
int play_setup(void **state);
int play_teardown(void **state);

/*
 * One of thirty pinholes that overlap as much as possible: three hosts, a few
 * ports, ranges, all kinds.
 */
#define NHOLES 30
struct pinhole play_hole(unsigned int i);
enum ph_err play_commit(enum fw_op op, const struct pinhole *h);
/* 198.51.100.7:4000 -> 192.0.2.0:port */
struct fake_connection play_connection(uint32_t id, uint32_t status,
    uint16_t port);
/* The ids of the pinholes with news, two digits each. */
uint64_t play_activity(void);
/* Ticks of the backend for so many seconds. */
void play_run(int64_t seconds);

#define CASE(f) cmocka_unit_test_setup_teardown(f, play_setup, play_teardown)

#endif
