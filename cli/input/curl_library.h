#ifndef CURL_LIBRARY_H
#define CURL_LIBRARY_H
/* libcurl, loaded when --fetch is given: it brings some thirty libraries (TLS, Kerberos, LDAP),
 * whose pages would count against every run's memory. The functions that fetching calls. */

#ifdef HAVE_LIBCURL

#include "base/error.h"

#include <curl/curl.h>

struct curl_library {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_perform) *easy_perform;
    __typeof__(curl_easy_getinfo) *easy_getinfo;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
};

/* Loaded and initialised by the first call, for as long as the program runs. One thread. NULL where
 * it is not installed, or too old to have one of these. */
const struct curl_library *curl_library(struct error *err) MUST_CHECK;

#endif
#endif
