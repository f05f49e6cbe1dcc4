/* SPDX-License-Identifier: ISC */
#ifndef BASE_DIALECT_H
#define BASE_DIALECT_H

/* The grammars of pf rules: the values of `dialect` in pinholed.conf(5). */
enum p_dialect {
	P_FREEBSD,
	P_OPENBSD,
};

#endif
