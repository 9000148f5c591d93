/* tcpmib.h: the rows and tables of TCP, with the types of this folder. */
#ifndef TCPENTRY_WINDOWS_TCPMIB_H
#define TCPENTRY_WINDOWS_TCPMIB_H

#include "winsock2.h"

#include "../tcpmib.h"

#endif
