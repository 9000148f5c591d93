/*
 * winsock2.h: the names of Windows's sockets for Linux's own, with the members that addresses have on Windows.
 *
 * AF_INET6 and all other numbers are those of Linux, so that socket() and its relatives work.
 */
#ifndef TCPENTRY_WINSOCK2_H
#define TCPENTRY_WINSOCK2_H

#include "windows.h"

/*
 * IPv6 addresses have u.Byte and u.Word: the system's structure gets these names for its members. They are its
 * internal ones, which programs don't use. IPv4 addresses get the union S_un in place of their one member, and s_addr
 * becomes what it is on Windows, a name for S_un.S_addr. Sizes and places stay what they are.
 */
#ifndef _NETINET_IN_H
#define __in6_u u
#define __u6_addr8 Byte
#define __u6_addr16 Word
#define __u6_addr32 Dword
/* musl */
#define __in6_union u
#define __s6_addr Byte
#define __s6_addr16 Word
#define __s6_addr32 Dword
struct tcpentry_un_b {
    uint8_t s_b1, s_b2, s_b3, s_b4;
};
struct tcpentry_un_w {
    uint16_t s_w1, s_w2;
};
union tcpentry_un {
    struct tcpentry_un_b S_un_b;
    struct tcpentry_un_w S_un_w;
    uint32_t S_addr;
};
/* `in_addr_t s_addr;` declares nothing but the alignment, and then the union. */
#define s_addr : 0; union tcpentry_un S_un
#include <netinet/in.h>
#undef s_addr
#define s_addr S_un.S_addr
#define s_host S_un.S_un_b.s_b2
#define s_net S_un.S_un_b.s_b1
#define s_lh S_un.S_un_b.s_b3
#define s_impno S_un.S_un_b.s_b4
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

typedef struct in_addr IN_ADDR, *PIN_ADDR, *LPIN_ADDR;
#ifndef TCPENTRY_TCPMIB_H /* which has it, too, for programs without this folder */
typedef struct in6_addr IN6_ADDR, *PIN6_ADDR;
#endif
typedef IN6_ADDR *LPIN6_ADDR;
typedef struct sockaddr SOCKADDR, *PSOCKADDR, *LPSOCKADDR;
typedef struct sockaddr_in SOCKADDR_IN, *PSOCKADDR_IN, *LPSOCKADDR_IN;
typedef struct sockaddr_in6 SOCKADDR_IN6, *PSOCKADDR_IN6, *LPSOCKADDR_IN6;
typedef struct sockaddr_storage SOCKADDR_STORAGE, *PSOCKADDR_STORAGE;
typedef struct addrinfo ADDRINFOA, *PADDRINFOA;
typedef sa_family_t ADDRESS_FAMILY;
typedef int SOCKET;
#define INVALID_SOCKET ((SOCKET)-1)
#define SOCKET_ERROR (-1)
#define SD_RECEIVE 0
#define SD_SEND 1
#define SD_BOTH 2
#ifndef ADDR_ANY
#define ADDR_ANY INADDR_ANY
#endif

#define WSADESCRIPTION_LEN 256
#define WSASYS_STATUS_LEN 128
typedef struct WSAData {
    WORD wVersion;
    WORD wHighVersion;
    unsigned short iMaxSockets;
    unsigned short iMaxUdpDg;
    char *lpVendorInfo;
    char szDescription[WSADESCRIPTION_LEN + 1];
    char szSystemStatus[WSASYS_STATUS_LEN + 1];
} WSADATA, *LPWSADATA;

/* There is nothing to start. */
static inline int WSAStartup(WORD version, LPWSADATA data)
{
    if (data == NULL)
        return 10014; /* WSAEFAULT */
    memset(data, 0, sizeof *data);
    data->wVersion = version;
    data->wHighVersion = MAKEWORD(2, 2);
    strcpy(data->szDescription, "Linux");
    strcpy(data->szSystemStatus, "Running");
    return 0;
}

static inline int WSACleanup(void)
{
    return 0;
}

/* The error of the last call of a socket function: an errno, with the names below. */
static inline int WSAGetLastError(void)
{
    return errno;
}

static inline void WSASetLastError(int code)
{
    errno = code;
}

#define WSAEINTR EINTR
#define WSAEACCES EACCES
#define WSAEINVAL EINVAL
#define WSAEMFILE EMFILE
#define WSAEWOULDBLOCK EWOULDBLOCK
#define WSAEADDRINUSE EADDRINUSE
#define WSAEADDRNOTAVAIL EADDRNOTAVAIL
#define WSAEAFNOSUPPORT EAFNOSUPPORT
#define WSAENETUNREACH ENETUNREACH
#define WSAECONNABORTED ECONNABORTED
#define WSAECONNRESET ECONNRESET
#define WSAENOTCONN ENOTCONN
#define WSAETIMEDOUT ETIMEDOUT
#define WSAECONNREFUSED ECONNREFUSED

#ifdef __cplusplus
extern "C" {
#endif
int tcpentry_close(int descriptor) __asm__("close");
int tcpentry_ioctl(int descriptor, unsigned long command, ...) __asm__("ioctl");
#ifdef __cplusplus
}
#endif

static inline int closesocket(SOCKET socket)
{
    return tcpentry_close(socket);
}

/* FIONBIO and FIONREAD, whose argument has 32 bits for the system. */
static inline int ioctlsocket(SOCKET socket, long command, u_long *argument)
{
    int number = *argument != 0;
    int result;

    if ((unsigned long)command != FIONBIO && (unsigned long)command != FIONREAD) {
        errno = EINVAL;
        return SOCKET_ERROR;
    }
    result = tcpentry_ioctl(socket, (unsigned long)command, &number);
    if (result == 0 && (unsigned long)command == FIONREAD)
        *argument = (u_long)number;
    return result;
}

#ifdef __cplusplus
/*
 * The length of an address is an int on Windows. These are chosen for a pointer to one only: a socklen_t and NULL go to
 * the system's functions as ever.
 */
template <typename Length> struct tcpentry_int;
template <> struct tcpentry_int<int> {
    typedef int type;
};

template <typename Length>
inline typename tcpentry_int<Length>::type getsockname(int socket, struct sockaddr *address, Length *length)
{
    return getsockname(socket, address, (socklen_t *)length);
}

template <typename Length>
inline typename tcpentry_int<Length>::type getpeername(int socket, struct sockaddr *address, Length *length)
{
    return getpeername(socket, address, (socklen_t *)length);
}

template <typename Length>
inline typename tcpentry_int<Length>::type accept(int socket, struct sockaddr *address, Length *length)
{
    return accept(socket, address, (socklen_t *)length);
}

template <typename Length>
inline typename tcpentry_int<Length>::type getsockopt(int socket, int level, int name, void *value, Length *length)
{
    return getsockopt(socket, level, name, value, (socklen_t *)length);
}

template <typename Length>
inline typename tcpentry_int<Length>::type recvfrom(int socket, void *buffer, size_t size, int flags,
                                                    struct sockaddr *address, Length *length)
{
    return (int)recvfrom(socket, buffer, size, flags, address, (socklen_t *)length);
}
#endif

/* Addresses as text. The family may also be Windows's number of AF_INET6. */

static inline int tcpentry_family(int family)
{
    return family == 23 ? AF_INET6 : family;
}

static inline PCSTR InetNtopA(INT family, const void *address, PSTR text, size_t size)
{
    return inet_ntop(tcpentry_family(family), address, text, (socklen_t)size);
}

static inline INT InetPtonA(INT family, PCSTR text, void *address)
{
    return inet_pton(tcpentry_family(family), text, address);
}

static inline const wchar_t *InetNtopW(INT family, const void *address, wchar_t *text, size_t size)
{
    char narrow[INET6_ADDRSTRLEN];
    size_t i;

    if (inet_ntop(tcpentry_family(family), address, narrow, sizeof narrow) == NULL)
        return NULL;
    if (strlen(narrow) >= size) {
        errno = ENOSPC;
        return NULL;
    }
    for (i = 0; i <= strlen(narrow); i++)
        text[i] = (wchar_t)narrow[i];
    return text;
}

static inline INT InetPtonW(INT family, const wchar_t *text, void *address)
{
    char narrow[INET6_ADDRSTRLEN];
    size_t i = 0;

    do {
        if (i == sizeof narrow || (uint32_t)text[i] > 0x7F)
            return 0;
        narrow[i] = (char)text[i];
    } while (text[i++] != 0);
    return inet_pton(tcpentry_family(family), narrow, address);
}

#ifdef UNICODE
#define InetNtop InetNtopW
#define InetPton InetPtonW
#else
#define InetNtop InetNtopA
#define InetPton InetPtonA
#endif

/* They return the end of the text, which has room for 16 and 46 characters. */

static inline PSTR RtlIpv4AddressToStringA(const struct in_addr *address, PSTR text)
{
    InetNtopA(AF_INET, address, text, 16);
    return text + strlen(text);
}

static inline PSTR RtlIpv6AddressToStringA(const struct in6_addr *address, PSTR text)
{
    InetNtopA(AF_INET6, address, text, 46);
    return text + strlen(text);
}

#ifndef UNICODE
#define RtlIpv4AddressToString RtlIpv4AddressToStringA
#define RtlIpv6AddressToString RtlIpv6AddressToStringA
#endif

#endif
