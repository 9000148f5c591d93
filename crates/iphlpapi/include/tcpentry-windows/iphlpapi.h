/* iphlpapi.h: the functions of IP Helper, with the types of this folder. */
#ifndef TCPENTRY_WINDOWS_IPHLPAPI_H
#define TCPENTRY_WINDOWS_IPHLPAPI_H

#include "winsock2.h"

#include "../iphlpapi.h"

#endif
