/* SPDX-License-Identifier: ISC */
#ifndef TESTS_PF_NEWER_H
#define TESTS_PF_NEWER_H

/*
 * Make this kernel look like FreeBSD 15: the ioctls that it has dropped
 * answer ENODEV, and a child answers for its netlink family by means of
 * those of the real kernel.  To be called once, before /dev/pf is opened.
 */
void newer_kernel(void);

#endif
