/* Assertions that say what was there, and the connections that the programs of this folder need. */
#ifndef CHECK_H
#define CHECK_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iphlpapi.h>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

/* The number is the expected one. */
#define IS(number, expected)                                                                   \
    do {                                                                                       \
        long long is_ = (long long)(number), expected_ = (long long)(expected);                \
        if (is_ != expected_) {                                                                \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #number, is_, \
                    expected_);                                                                \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

struct connection {
    int client, server;
};

/* A listener on the loopback address of the family. */
static inline int listener(int family) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    if (family == AF_INET)
        CHECK(bind(fd, (struct sockaddr *)&four, sizeof four) == 0);
    else
        CHECK(bind(fd, (struct sockaddr *)&six, sizeof six) == 0);
    CHECK(listen(fd, 64) == 0);
    return fd;
}

/* A connection to it, accepted. */
static inline struct connection connect_to(int listening) {
    struct sockaddr_storage to;
    socklen_t length = sizeof to;
    struct connection made;
    CHECK(getsockname(listening, (struct sockaddr *)&to, &length) == 0);
    made.client = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(made.client >= 0);
    CHECK(connect(made.client, (struct sockaddr *)&to, length) == 0);
    made.server = accept(listening, NULL, NULL);
    CHECK(made.server >= 0);
    return made;
}

static inline void close_both(struct connection pair) {
    close(pair.client);
    close(pair.server);
}

/* The row that asks for the deletion of a socket's connection. */
static inline MIB_TCPROW row_of(int fd) {
    struct sockaddr_in local, peer;
    socklen_t length = sizeof local;
    MIB_TCPROW row;
    CHECK(getsockname(fd, (struct sockaddr *)&local, &length) == 0);
    length = sizeof peer;
    CHECK(getpeername(fd, (struct sockaddr *)&peer, &length) == 0);
    row.dwState = MIB_TCP_STATE_DELETE_TCB;
    row.dwLocalAddr = local.sin_addr.s_addr;
    row.dwLocalPort = local.sin_port;
    row.dwRemoteAddr = peer.sin_addr.s_addr;
    row.dwRemotePort = peer.sin_port;
    return row;
}

/* The row of a listener. */
static inline MIB_TCPROW row_of_listener(int fd) {
    struct sockaddr_in local;
    socklen_t length = sizeof local;
    MIB_TCPROW row;
    CHECK(getsockname(fd, (struct sockaddr *)&local, &length) == 0);
    memset(&row, 0, sizeof row);
    row.dwState = MIB_TCP_STATE_DELETE_TCB;
    row.dwLocalAddr = local.sin_addr.s_addr;
    row.dwLocalPort = local.sin_port;
    return row;
}

static inline MIB_TCP6ROW row6_of(int fd) {
    struct sockaddr_in6 local, peer;
    socklen_t length = sizeof local;
    MIB_TCP6ROW row;
    CHECK(getsockname(fd, (struct sockaddr *)&local, &length) == 0);
    length = sizeof peer;
    CHECK(getpeername(fd, (struct sockaddr *)&peer, &length) == 0);
    row.State = MIB_TCP_STATE_DELETE_TCB;
    row.LocalAddr = local.sin6_addr;
    row.dwLocalScopeId = local.sin6_scope_id;
    row.dwLocalPort = local.sin6_port;
    row.RemoteAddr = peer.sin6_addr;
    row.dwRemoteScopeId = peer.sin6_scope_id;
    row.dwRemotePort = peer.sin6_port;
    return row;
}

/* Returns true if a byte still gets from one end to the other. */
static inline int is_alive(struct connection pair) {
    char byte = 'x';
    return send(pair.client, &byte, 1, MSG_NOSIGNAL) == 1 && recv(pair.server, &byte, 1, 0) == 1;
}

/* Returns true if the peer of a deleted end has been reset. */
static inline int is_reset(int peer) {
    char byte;
    return recv(peer, &byte, 1, 0) == -1 && errno == ECONNRESET;
}

/* The detail of this thread's last deletion. */
static inline TCPENTRY_DETAIL last(void) {
    TCPENTRY_DETAIL detail;
    memset(&detail, 0xaa, sizeof detail);
    IS(tcpentry_last_detail(&detail), NO_ERROR);
    CHECK(memchr(detail.text, 0, sizeof detail.text) != NULL);
    return detail;
}

#endif
