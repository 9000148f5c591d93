/* sal.h: for sources that include it on Windows; it is a part of <windows.h> here. */
#include "windows.h"
