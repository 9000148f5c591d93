/* in6addr.h: for sources that include it on Windows; it is a part of <winsock2.h> here. */
#include "winsock2.h"
