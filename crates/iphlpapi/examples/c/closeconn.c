/*
 * closeconn: prints the IPv4 TCP table, or deletes one connection of it.
 *
 *   cc closeconn.c -o closeconn $(pkg-config --cflags --libs iphlpapi)
 *   ./closeconn
 *   ./closeconn LOCALADDR LOCALPORT REMOTEADDR REMOTEPORT
 */
#include <arpa/inet.h>
#include <iphlpapi.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const states[] = {
    "?",         "CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RCVD", "ESTAB",     "FIN_WAIT1",
    "FIN_WAIT2", "CLOSE_WAIT", "CLOSING",    "LAST_ACK", "TIME_WAIT", "DELETE_TCB"};

/* "127.0.0.1:80", in a buffer of the caller's. */
static const char *end(char *buffer, size_t size, DWORD address, DWORD port)
{
    char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &address, text, sizeof text);
    /* The port is in the low 16 bits, in network byte order; the others may hold anything. */
    snprintf(buffer, size, "%s:%d", text, ntohs((uint16_t)port));
    return buffer;
}

static int list(void)
{
    MIB_TCPTABLE_OWNER_PID *table = NULL;
    DWORD size = 0;
    DWORD code;

    /* The table may grow between two calls. */
    while ((code = GetExtendedTcpTable(table, &size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0)) ==
           ERROR_INSUFFICIENT_BUFFER) {
        free(table);
        table = (MIB_TCPTABLE_OWNER_PID *)malloc(size);
        if (table == NULL) {
            code = ERROR_NOT_ENOUGH_MEMORY;
            break;
        }
    }
    if (code != NO_ERROR) {
        fprintf(stderr, "GetExtendedTcpTable: %u\n", code);
        free(table);
        return 1;
    }
    for (DWORD i = 0; i < table->dwNumEntries; i++) {
        const MIB_TCPROW_OWNER_PID *row = &table->table[i];
        const char *state = row->dwState < sizeof states / sizeof *states ? states[row->dwState] : "?";
        char local[32], remote[32];

        printf("%-10s  %-21s  %-21s  %u\n", state,
               end(local, sizeof local, row->dwLocalAddr, row->dwLocalPort),
               end(remote, sizeof remote, row->dwRemoteAddr, row->dwRemotePort), row->dwOwningPid);
    }
    free(table);
    return 0;
}

/* An address and a port as a row holds them; 0 when they are none. */
static int parse(const char *address_word, const char *port_word, DWORD *address, DWORD *port)
{
    char *rest;
    long number = strtol(port_word, &rest, 10);

    if (*port_word == '\0' || *rest != '\0' || number < 0 || number > 65535)
        return 0;
    *port = htons((uint16_t)number);
    return inet_pton(AF_INET, address_word, address) == 1;
}

static int delete(char *const words[4])
{
    MIB_TCPROW row = {.dwState = MIB_TCP_STATE_DELETE_TCB};
    char text[TCPENTRY_TEXT_SIZE];
    DWORD code;

    if (!parse(words[0], words[1], &row.dwLocalAddr, &row.dwLocalPort) ||
        !parse(words[2], words[3], &row.dwRemoteAddr, &row.dwRemotePort)) {
        fprintf(stderr, "not the ends of an IPv4 connection\n");
        return 1;
    }
    code = SetTcpEntry(&row);
    tcpentry_message(code, text, sizeof text);
    printf("%u: %s\n", code, text);
    if (code != NO_ERROR) {
        TCPENTRY_DETAIL detail;

        if (tcpentry_last_detail(&detail) == NO_ERROR)
            fprintf(stderr, "%s\n", detail.text);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    switch (argc) {
    case 1:
        return list();
    case 5:
        return delete(argv + 1);
    default:
        fprintf(stderr, "usage: %s [LOCALADDR LOCALPORT REMOTEADDR REMOTEPORT]\n", argv[0]);
        return 1;
    }
}
