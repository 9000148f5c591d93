/* Deletes a connection of this very process, and prints by which method. */
#include "check.h"

int main(void) {
    struct connection four = connect_to(listener(AF_INET));
    struct connection six = connect_to(listener(AF_INET6));
    MIB_TCPROW row = row_of(four.server);
    MIB_TCP6ROW row6 = row6_of(six.server);
    IS(SetTcpEntry(&row), NO_ERROR);
    IS(last().outcome, TCPENTRY_DELETED);
    CHECK(is_reset(four.client));
    printf("%u", last().method);
    IS(SetTcp6Entry(&row6), NO_ERROR);
    CHECK(is_reset(six.client));
    printf(" %u\n", last().method);
    IS(SetTcpEntry(&row), ERROR_MR_MID_NOT_FOUND);
    IS(last().outcome, TCPENTRY_GONE);
    return 0;
}
