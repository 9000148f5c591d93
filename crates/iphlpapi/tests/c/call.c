/*
 * Calls one function with what its words say, and prints the code and the detail behind it:
 *
 *   set STATE LOCAL PORT REMOTE PORT JUNK             identify STATE ...
 *   set6 STATE LOCAL SCOPE PORT REMOTE SCOPE PORT JUNK   identify6 STATE ...
 *   delete-id ID
 *
 * The junk goes into the upper half of both ports.
 */
#include "check.h"

static DWORD number(const char *word) { return (DWORD)strtoul(word, NULL, 0); }

static DWORD port(const char *word, const char *junk) {
    return htons((uint16_t)number(word)) | number(junk) << 16;
}

static MIB_TCPROW row(char **word) {
    MIB_TCPROW row;
    row.dwState = number(word[0]);
    CHECK(inet_pton(AF_INET, word[1], &row.dwLocalAddr) == 1);
    row.dwLocalPort = port(word[2], word[5]);
    CHECK(inet_pton(AF_INET, word[3], &row.dwRemoteAddr) == 1);
    row.dwRemotePort = port(word[4], word[5]);
    return row;
}

static MIB_TCP6ROW row6(char **word) {
    MIB_TCP6ROW row;
    row.State = (MIB_TCP_STATE)number(word[0]);
    CHECK(inet_pton(AF_INET6, word[1], &row.LocalAddr) == 1);
    row.dwLocalScopeId = number(word[2]);
    row.dwLocalPort = port(word[3], word[7]);
    CHECK(inet_pton(AF_INET6, word[4], &row.RemoteAddr) == 1);
    row.dwRemoteScopeId = number(word[5]);
    row.dwRemotePort = port(word[6], word[7]);
    return row;
}

int main(int count, char **words) {
    const char *what = words[1];
    TCPENTRY_DETAIL detail;
    TCPENTRY_ID id;
    DWORD code;
    CHECK(count > 1);
    if (strcmp(what, "set") == 0 && count == 8) {
        MIB_TCPROW asked = row(words + 2);
        code = SetTcpEntry(&asked);
    } else if (strcmp(what, "set6") == 0 && count == 10) {
        MIB_TCP6ROW asked = row6(words + 2);
        code = SetTcp6Entry(&asked);
    } else if (strcmp(what, "identify") == 0 && count == 8) {
        MIB_TCPROW asked = row(words + 2);
        code = tcpentry_identify(&asked, &id);
    } else if (strcmp(what, "identify6") == 0 && count == 10) {
        MIB_TCP6ROW asked = row6(words + 2);
        code = tcpentry_identify6(&asked, &id);
    } else if (strcmp(what, "delete-id") == 0 && count == 3) {
        CHECK(strlen(words[2]) < sizeof id.text);
        strcpy(id.text, words[2]);
        code = tcpentry_delete_id(&id);
    } else {
        fprintf(stderr, "what is %s with %d words?\n", what, count - 2);
        return 2;
    }
    if (strncmp(what, "identify", 8) == 0 && code == NO_ERROR) {
        printf("0 0 0 0 %s\n", id.text);
        return 0;
    }
    detail = last();
    IS(detail.code, code);
    printf("%u %u %u %d %s\n", code, detail.outcome, detail.method, detail.error, detail.text);
    return 0;
}
