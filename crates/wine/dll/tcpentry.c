/* tcpentry.dll: the functions to which a patched copy of Wine's iphlpapi.dll forwards.
 *
 * Each asks tcpentry-wine, a Linux program that this process starts at the first call and keeps. Wine gives a Linux
 * program a socket as its standard output, and nothing else of Winsock's: so it gets a listening one on loopback, takes the
 * one connection of this process that waits there, and the listener is closed. The connection is thus held by the two alone,
 * and ends with either.
 *
 * No path returns 0 from SetTcpEntry but the one on which tcpentry-wine has answered 0 to this very request.
 */

#define WIN32_LEAN_AND_MEAN
#define IPHLPAPI_DLL_LINKAGE
#include <winsock2.h>
#include <windows.h>
#include <iphlpapi.h>

#include "channel.h"

DWORD WINAPI SetTcpEntry(PMIB_TCPROW row)
{
    DWORD last = GetLastError(), code, length = 0;
    MIB_TCPROW asked;
    struct request request;

    if (!row)
        return ERROR_INVALID_PARAMETER;
    asked = *row;
    if (asked.dwState != MIB_TCP_STATE_DELETE_TCB)
        return ERROR_INVALID_PARAMETER;
    request.what = REQUEST_SET;
    request.words[0] = asked.dwState;
    request.words[1] = asked.dwLocalAddr;
    request.words[2] = asked.dwLocalPort & 0xffff;
    request.words[3] = asked.dwRemoteAddr;
    request.words[4] = asked.dwRemotePort & 0xffff;
    code = channel_ask(&request, NULL, &length);
    SetLastError(last);
    return code;
}

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        DisableThreadLibraryCalls(self);
    return TRUE;
}
