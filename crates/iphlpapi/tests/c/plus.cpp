// The functions from C++.
#include <iphlpapi.h>

#include <cstdio>
#include <vector>

int main() {
    MIB_TCPROW row = {};
    if (SetTcpEntry(&row) != ERROR_INVALID_PARAMETER)
        return 1;
    row.State = MIB_TCP_STATE_DELETE_TCB;
    if (SetTcpEntry(&row) != ERROR_MR_MID_NOT_FOUND)
        return 2;
    TCPENTRY_DETAIL detail;
    if (tcpentry_last_detail(&detail) != NO_ERROR || detail.outcome != TCPENTRY_GONE)
        return 3;
    DWORD size = 0;
    std::vector<unsigned char> buffer;
    DWORD code;
    while ((code = GetExtendedTcpTable(buffer.data(), &size, TRUE, 2, TCP_TABLE_OWNER_MODULE_ALL, 0)) ==
           ERROR_INSUFFICIENT_BUFFER)
        buffer.resize(size);
    if (code != NO_ERROR)
        return 4;
    std::puts("done");
}
