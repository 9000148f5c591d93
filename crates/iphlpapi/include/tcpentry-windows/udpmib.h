/* udpmib.h: the rows and tables of UDP, with the types of this folder. */
#ifndef TCPENTRY_WINDOWS_UDPMIB_H
#define TCPENTRY_WINDOWS_UDPMIB_H

#include "winsock2.h"

#if __has_include("../udpmib.h")
#include "../udpmib.h"
#endif

#endif
