/*
 * policies/url.h - a URL in its parts, as a policy compares them and as the one who fetches it must use them.
 *
 * Stricter than RFC 3986 and the WHATWG's standard on purpose: what two parsers could read in two ways is refused, so that the
 * host decided on is the host dialled.  Refused are: schemes but http and https, user names, bytes that are not printable ASCII,
 * backslashes, a percent sign in the host, hosts that are not letters, digits, - and . or an IPv6 address in brackets, IPv4
 * addresses in any form but four plain decimal numbers, and path segments that are . or .. in any spelling, also before a semicolon, and in a
 * path %-escapes of a slash, a backslash or a control character.
 */
#ifndef POLICIES_URL_H
#define POLICIES_URL_H

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX_HOST 253 /* RFC 1035 */

struct url {
    bool https;
    char host[URL_MAX_HOST + 1]; /* lower case, without a final dot; an IPv6 address without brackets */
    bool is_address;             /* the host is an IP address */
    bool is_private;             /* not for the whole world: a loopback, private, link-local ... address, localhost, a name without a dot,
                                  * or one under .localhost, .local, .internal, .home.arpa */
    int port;
    const char *path; /* points into the text; begins with a slash, or is empty */
    size_t path_len;
    bool is_plain; /* the path has one spelling: no empty segment but the last, and of the characters that can be written without %
                    * none is; what is, is in capitals */
    size_t query_len; /* bytes behind the question mark, and behind a # too */
};

/* false: *why says what is wrong, in a few words. */
bool url_parse(const char *text, size_t len, struct url *, const char **why);

/* Whether an address, in network order, is not for the whole world (RFC 6890). */
bool url_is_private4(const unsigned char address[4]);
bool url_is_private6(const unsigned char address[16]);

#endif
