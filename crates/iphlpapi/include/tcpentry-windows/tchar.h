/*
 * tchar.h: names for narrow or, with UNICODE or _UNICODE, wide characters.
 */
#ifndef TCPENTRY_TCHAR_H
#define TCPENTRY_TCHAR_H

#include "windows.h"

typedef TCHAR _TCHAR;
#define _T(text) TEXT(text)
#define _TEXT(text) TEXT(text)
#ifdef UNICODE
#define _tmain wmain
#define _tprintf wprintf
#define _ftprintf fwprintf
#define _stprintf _swprintf
#define _stprintf_s swprintf_s
#define _sntprintf _snwprintf
#define _tcscpy wcscpy
#define _tcscpy_s wcscpy_s
#define _tcscat wcscat
#define _tcscat_s wcscat_s
#define _tcsncpy wcsncpy
#define _fputts fputws
#define _putts _putws
#define _tcslen wcslen
#define _tcscmp wcscmp
#define _tcsncmp wcsncmp
#define _tcsicmp wcscasecmp
#define _tcschr wcschr
#define _tcsstr wcsstr
#define _tcstol wcstol
#define _tcstoul wcstoul
#define _ttoi(text) ((int)wcstol((text), NULL, 10))
#else
#define _tmain main
#define _tprintf printf
#define _ftprintf fprintf
#define _stprintf sprintf
#define _stprintf_s sprintf_s
#define _sntprintf snprintf
#define _tcslen strlen
#define _tcscmp strcmp
#define _tcsncmp strncmp
#define _tcsicmp strcasecmp
#define _tcscpy strcpy
#define _tcscpy_s strcpy_s
#define _tcscat strcat
#define _tcscat_s strcat_s
#define _tcsncpy strncpy
#define _tcschr strchr
#define _tcsstr strstr
#define _tcstol strtol
#define _tcstoul strtoul
#define _ttoi atoi
#define _fputts fputs
#define _putts puts
#endif
#define _tprintf_s _tprintf

#endif
