/* The protocol of sizes, and every way to hold the functions wrong. */
#include "getters.h"

static void one(getter *get, DWORD first, DWORD row, DWORD rows) {
    DWORD need = first + rows * row, size;
    /* The answer has room for eight rows and an eighth more. */
    DWORD answered = first + (rows + 8 + rows / 8) * row;
    unsigned char *exact, *wrong;

    IS(get(NULL, NULL), ERROR_INVALID_PARAMETER);
    size = 0;
    IS(get(NULL, &size), ERROR_INSUFFICIENT_BUFFER);
    IS(size, answered);
    /* No buffer is no buffer, whatever the size says. */
    size = 0xffffffff;
    IS(get(NULL, &size), ERROR_INSUFFICIENT_BUFFER);
    IS(size, answered);

    CHECK((exact = malloc(need)) != NULL);
    IS(get(exact, NULL), ERROR_INVALID_PARAMETER);
    const DWORD less[] = {0, 3, first, need - 1};
    for (size_t j = 0; j < sizeof less / sizeof *less; j++) {
        memset(exact, 0xa5, need);
        size = less[j];
        IS(get(exact, &size), ERROR_INSUFFICIENT_BUFFER);
        IS(size, answered);
        for (DWORD i = 0; i < need; i++)
            IS(exact[i], 0xa5);
    }
    size = need;
    IS(get(exact, &size), NO_ERROR);
    IS(size, need);
    IS(*(DWORD *)exact, rows);

    /* More than needed: the exact need comes back, and nothing is written behind it. */
    CHECK((wrong = malloc(need + 64)) != NULL);
    memset(wrong, 0x5a, need + 64);
    size = 0xffffffff;
    IS(get(wrong, &size), NO_ERROR);
    IS(size, need);
    CHECK(memcmp(wrong, exact, need) == 0);
    for (DWORD i = need; i < need + 64; i++)
        IS(wrong[i], 0x5a);

    /* Misaligned, table and size. */
    for (int odd = 1; odd < 8; odd += 3) {
        unsigned char odd_size[16];
        memset(wrong, 0x5a, need + 64);
        memcpy(odd_size + odd, &need, sizeof need);
        IS(get(wrong + odd, (DWORD *)(void *)(odd_size + odd)), NO_ERROR);
        CHECK(memcmp(wrong + odd, exact, need) == 0);
        IS(wrong[odd - 1], 0x5a);
        IS(wrong[odd + need], 0x5a);
    }
    free(exact);
    free(wrong);
}

static void parameters(void) {
    static const ULONG families[] = {0, 1, 3, 11, 22, 24, 0x10002, 0xffffffff};
    DWORD size = 0;
    void *memory = NULL;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        IS(GetExtendedTcpTable(NULL, &size, FALSE, families[i], TCP_TABLE_OWNER_PID_ALL, 0),
           ERROR_INVALID_PARAMETER);
        IS(GetExtendedTcpTable(NULL, &size, FALSE, families[i], TCP_TABLE_BASIC_ALL, 0),
           ERROR_INVALID_PARAMETER);
        IS(AllocateAndGetTcpExTableFromStack(&memory, FALSE, NULL, 0, families[i]),
           ERROR_INVALID_PARAMETER);
    }
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        IS(GetExtendedUdpTable(NULL, &size, FALSE, families[i], UDP_TABLE_BASIC, 0),
           ERROR_INVALID_PARAMETER);
    for (int class = TCP_TABLE_BASIC_LISTENER; class <= TCP_TABLE_BASIC_ALL; class++) {
        IS(GetExtendedTcpTable(NULL, &size, FALSE, AF_INET6, (TCP_TABLE_CLASS)class, 0),
           ERROR_NOT_SUPPORTED);
        IS(GetExtendedTcpTable(NULL, &size, FALSE, WINDOWS_AF_INET6, (TCP_TABLE_CLASS)class, 0),
           ERROR_NOT_SUPPORTED);
    }
    IS(size, 0);
    CHECK(memory == NULL);
    /* The last parameter is reserved, and ignored. */
    IS(GetExtendedTcpTable(NULL, &size, FALSE, AF_INET, TCP_TABLE_BASIC_ALL, 7),
       ERROR_INSUFFICIENT_BUFFER);
}

/* Numbers that no compiler would let an enumeration have: as another language passes them. */
static void classes_out_of_range(void) {
    DWORD (*raw)(void *, DWORD *, int, DWORD, int, DWORD);
    static const int classes[] = {9, 10, -1, 100, 0x7fffffff, -2147483647 - 1};
    DWORD size = 0;
    *(void **)&raw = (void *)GetExtendedTcpTable;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        IS(raw(NULL, &size, 0, AF_INET, classes[i], 0), ERROR_INVALID_PARAMETER);
        IS(raw(NULL, &size, 0, AF_INET6, classes[i], 0), ERROR_INVALID_PARAMETER);
    }
    *(void **)&raw = (void *)GetExtendedUdpTable;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        IS(raw(NULL, &size, 0, AF_INET, classes[i], 0), ERROR_INVALID_PARAMETER);
    IS(raw(NULL, &size, 0, AF_INET, 3, 0), ERROR_INVALID_PARAMETER);
    IS(size, 0);
}

static void statistics_anywhere(void) {
    unsigned char room[sizeof(MIB_TCPSTATS) + 16];
    MIB_TCPSTATS straight;
    memset(room, 0x5a, sizeof room);
    IS(GetTcpStatistics(&straight), NO_ERROR);
    IS(GetTcpStatistics((MIB_TCPSTATS *)(void *)(room + 3)), NO_ERROR);
    CHECK(memcmp(room + 3, &straight, sizeof straight) == 0);
    IS(room[2], 0x5a);
    IS(room[3 + sizeof straight], 0x5a);
}

static void misaligned_rows(struct connection four, struct connection six) {
    unsigned char room[sizeof(MIB_TCP6ROW) + 1];
    MIB_TCPROW row = row_of(four.server);
    MIB_TCP6ROW row6 = row6_of(six.server);
    memcpy(room + 1, &row, sizeof row);
    IS(SetTcpEntry((MIB_TCPROW *)(void *)(room + 1)), NO_ERROR);
    memcpy(room + 1, &row6, sizeof row6);
    IS(SetTcp6Entry((MIB_TCP6ROW *)(void *)(room + 1)), NO_ERROR);
    CHECK(is_reset(four.client) && is_reset(six.client));
}

int main(void) {
    int four = listener(AF_INET), six = listener(AF_INET6);
    struct connection pair = connect_to(four), pair6 = connect_to(six);
    datagrams(AF_INET);
    datagrams(AF_INET6);
    for (size_t i = 0; i < sizeof GETTERS / sizeof *GETTERS; i++)
        one(GETTERS[i].get, GETTERS[i].first, GETTERS[i].row, GETTERS[i].rows);
    parameters();
    classes_out_of_range();
    statistics_anywhere();
    misaligned_rows(pair, pair6);
    puts("done");
    return 0;
}
