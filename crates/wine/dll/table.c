/* The tables of TCP, of this machine and not of Wine's processes alone. The rows have no owner: a process of Linux has no number
 * that means anything in Wine, or one that means another process there. */

#define WIN32_LEAN_AND_MEAN
#define IPHLPAPI_DLL_LINKAGE
#include <winsock2.h>
#include <windows.h>
#include <iphlpapi.h>

#include "channel.h"

/* The class of GetTcpTable2 and GetTcp6Table2, beside those of TCP_TABLE_CLASS. */
#define CLASS_TABLE2 9

static DWORD get(void *table, DWORD *size, BOOL order, DWORD family, DWORD class)
{
    DWORD last = GetLastError(), room = table ? *size : 0, length, code, index, stored;
    struct request request;
    BYTE *answer;

    if (room > 0x7ffffff0)
        room = 0x7ffffff0;
    request.what = REQUEST_TABLE;
    request.words[0] = family;
    request.words[1] = class;
    request.words[2] = order != 0;
    request.words[3] = room;
    request.words[4] = 0;
    length = room + sizeof stored;
    answer = HeapAlloc(GetProcessHeap(), 0, length);
    if (!answer)
        return ERROR_NOT_ENOUGH_MEMORY;
    code = channel_ask(&request, answer, &length);
    if (code == NO_ERROR && (length < sizeof stored || !room))
        code = ERROR_GEN_FAILURE;
    if ((code == NO_ERROR || code == ERROR_INSUFFICIENT_BUFFER) && length >= sizeof stored)
    {
        stored = answer[0] | answer[1] << 8 | answer[2] << 16 | (DWORD)answer[3] << 24;
        *size = stored;
        /* Only a table follows. */
        for (index = sizeof stored; index < length; index++)
            ((BYTE *)table)[index - sizeof stored] = answer[index];
    }
    HeapFree(GetProcessHeap(), 0, answer);
    SetLastError(last);
    return code;
}

DWORD WINAPI GetTcpTable(PMIB_TCPTABLE table, PDWORD size, WINBOOL order)
{
    return size ? get(table, size, order, AF_INET, TCP_TABLE_BASIC_ALL) : ERROR_INVALID_PARAMETER;
}

ULONG WINAPI GetTcpTable2(PMIB_TCPTABLE2 table, PULONG size, WINBOOL order)
{
    return size ? get(table, size, order, AF_INET, CLASS_TABLE2) : ERROR_INVALID_PARAMETER;
}

ULONG WINAPI GetTcp6Table(PMIB_TCP6TABLE table, PULONG size, WINBOOL order)
{
    return size ? get(table, size, order, AF_INET6, TCP_TABLE_BASIC_ALL) : ERROR_INVALID_PARAMETER;
}

ULONG WINAPI GetTcp6Table2(PMIB_TCP6TABLE2 table, PULONG size, WINBOOL order)
{
    return size ? get(table, size, order, AF_INET6, CLASS_TABLE2) : ERROR_INVALID_PARAMETER;
}

DWORD WINAPI GetExtendedTcpTable(PVOID table, PDWORD size, WINBOOL order, ULONG family, TCP_TABLE_CLASS class, ULONG reserved)
{
    (void)reserved;
    if (!size || (family != AF_INET && family != AF_INET6) || (DWORD)class > TCP_TABLE_OWNER_MODULE_ALL)
        return ERROR_INVALID_PARAMETER;
    if (family == AF_INET6 && class <= TCP_TABLE_BASIC_ALL)
        return ERROR_NOT_SUPPORTED;
    return get(table, size, order, family, class);
}
