/* SPDX-License-Identifier: ISC */
#ifndef STATUS_PAGE_HTML_H
#define STATUS_PAGE_HTML_H

/* page.html, and what a Content-Security-Policy calls its script and style. */
extern const unsigned char page_html[];
extern const char page_html_script_sha256[];
extern const char page_html_style_sha256[];

#endif
