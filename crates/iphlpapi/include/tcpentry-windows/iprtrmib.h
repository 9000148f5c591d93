/* iprtrmib.h: for sources that include it on Windows; it is a part of <iphlpapi.h> here. */
#include "iphlpapi.h"
