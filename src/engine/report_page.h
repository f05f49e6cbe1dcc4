/* SPDX-License-Identifier: ISC */
#ifndef ENGINE_REPORT_PAGE_H
#define ENGINE_REPORT_PAGE_H

/*
 * report.html as a string; made by embed.cmake, which also fills in the digests
 * of its script and its style for the Content-Security-Policy.
 */
extern const unsigned char report_page[];

#endif
