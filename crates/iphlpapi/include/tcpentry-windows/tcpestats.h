/* tcpestats.h: the statistics of a connection; they are a part of <iphlpapi.h> here where there are any. */
#ifndef TCPENTRY_WINDOWS_TCPESTATS_H
#define TCPENTRY_WINDOWS_TCPESTATS_H

#include "winsock2.h"

#if __has_include("../tcpestats.h")
#include "../tcpestats.h"
#endif

#include "iphlpapi.h"

#endif
