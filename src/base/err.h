/* SPDX-License-Identifier: ISC */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * The one error set of the project: zero or negative, small enough to test with
 * a switch.  Functions that can fail are marked PH_NODISCARD.  Lower layers
 * return these and never log; the layer that knows what was attempted logs the
 * failure, once.
 */
enum ph_err {
	PH_OK = 0,
	PH_EMALFORMED = -1,   /* input breaks its grammar: drop and count */
	PH_ETRUNC = -2,	      /* input is a prefix of something valid */
	PH_EUNSUPPORTED = -3, /* well formed, but not ours */
	PH_ELIMIT = -4,	      /* a configured bound was hit */
	PH_ENOMEM = -5,
	PH_EAMBIGUOUS = -6, /* two readings are possible: take neither */
	PH_EIO = -7,	    /* the operating system refused; errno says why */
	/* Answers of a packet filter; see src/fw/fw.h. */
	PH_EAGAIN = -8,	  /* busy: retry with jitter */
	PH_EEXIST = -9,	  /* already so: counts as success */
	PH_EGONE = -10,	  /* the filter, or what was ours in it, went away */
	PH_EBAD = -11,	  /* the request makes no sense: a bug above */
	PH_EDENIED = -12, /* policy or privilege forbids it */
};

#define PH_NODISCARD __attribute__((warn_unused_result))

/* A sentence fragment for `e`, never NULL. */
const char *ph_strerror(enum ph_err e);

#endif
