/*
 * egress_net-t - which addresses and URLs corax-egress may reach.  That it asks this of each socket is seen by foreign_http.bats.
 */
#include "daemon/egress_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/tap.h"

static bool may(const char *text, enum net_reach reach)
{
    struct sockaddr_in a4 = { .sin_family = AF_INET };
    struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, text, &a4.sin_addr) == 1)
        return net_may_reach((struct sockaddr *)&a4, reach);
    if (inet_pton(AF_INET6, text, &a6.sin6_addr) == 1)
        return net_may_reach((struct sockaddr *)&a6, reach);
    ok(false, "%s is no address", text);
    return false;
}

static void test_addresses(void)
{
    static const char *const public[] = { "1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.0.1.1", "223.255.255.255",
                                          "2606:4700::1", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1" };
    static const char *const loopback[] = { "127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::1" };
    static const char *const private[] = { "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
                                           "192.0.0.1", "192.0.2.1", "192.88.99.1", "100::1", "4000::1", "64:ff9b:1::a00:1", "2001:1ff::1", "198.18.0.1", "198.19.0.1", "198.51.100.1", "203.0.113.1", "fc00::1", "fdff::1",
                                           "fe80::1", "fec0::1", "2001:db8::1", "2001::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1" };
    static const char *const nobody[] = { "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::2", "::7f00:1",
                                          "ff02::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1" };
    struct sockaddr unix_one = { .sa_family = AF_UNIX };

    for (size_t i = 0; i < sizeof(public) / sizeof(*public); i++)
        ok(may(public[i], NET_PUBLIC), "%s is for all", public[i]);
    for (size_t i = 0; i < sizeof(loopback) / sizeof(*loopback); i++)
        ok(!may(loopback[i], NET_PUBLIC) && may(loopback[i], NET_LOOPBACK) && may(loopback[i], NET_PRIVATE), "%s is this machine's", loopback[i]);
    for (size_t i = 0; i < sizeof(private) / sizeof(*private); i++)
        ok(!may(private[i], NET_PUBLIC) && !may(private[i], NET_LOOPBACK) && may(private[i], NET_PRIVATE), "%s is private", private[i]);
    for (size_t i = 0; i < sizeof(nobody) / sizeof(*nobody); i++)
        ok(!may(nobody[i], NET_PUBLIC) && !may(nobody[i], NET_PRIVATE), "%s is nobody's", nobody[i]);
    ok(!net_may_reach(&unix_one, NET_PRIVATE), "a Unix socket is none");
}

static void test_urls(void)
{
    static const char *const never[] = { "ftp://a.example/", "file:///etc/passwd", "https://u:p@a.example/", "https://0x7f.1/", "https://2130706433/",
                                         "https://127.1/", "https://a.example\\@b/", "//a.example", "", "https://a.example/%2e%2e/x", "gopher://a.example" };
    struct err err = { 0 };

    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
        ok(!net_is_good_url(never[i], NET_PRIVATE, &err), "never: %s", never[i]);
    ok(net_is_good_url("https://a.example/x?y=z", NET_PUBLIC, &err), "https");
    ok(!net_is_good_url("http://a.example/", NET_PUBLIC, &err) && !net_is_good_url("http://localhost/", NET_PUBLIC, &err), "http is not for all the world");
    ok(net_is_good_url("http://localhost:1/", NET_LOOPBACK, &err) && net_is_good_url("http://127.0.0.1/", NET_LOOPBACK, &err) &&
           net_is_good_url("http://[::1]/", NET_LOOPBACK, &err),
       "but for this machine");
    ok(!net_is_good_url("http://10.0.0.1/", NET_LOOPBACK, &err) && !net_is_good_url("http://localhost.example/", NET_LOOPBACK, &err), "and no other");
    ok(net_is_good_url("http://10.0.0.1/", NET_PRIVATE, &err), "unless that is meant");
}

int main(void)
{
    plan_later();
    test_addresses();
    test_urls();
    done();
    return tap_status();
}
