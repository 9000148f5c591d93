/*
 * windows.h: the part of Windows's <windows.h> that programs around the TCP table use, for Linux.
 *
 * An opt-in folder for sources that were written for Windows: cc -I.../include/tcpentry-windows program.c -liphlpapi.
 * tcpentry-windows(7) says what it has and what is left out. Include it, or another header of the folder, before
 * <netinet/in.h>, <arpa/inet.h> and <netdb.h>, which it includes itself where they are needed.
 */
#ifndef TCPENTRY_WINDOWS_H
#define TCPENTRY_WINDOWS_H

/* One without the other is a slip: the names of <tchar.h> and of the functions would not go together. */
#if defined(_UNICODE) && !defined(UNICODE)
#define UNICODE
#endif

#ifdef __cplusplus
/* What undefines names of the standard library does so before they are defined below. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#endif
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <wchar.h>

#include <dlfcn.h>
#include <errno.h>
#include <sys/types.h>

/* Such as #pragma comment(lib, ...). In C++ it takes g++ 13. */
#pragma GCC diagnostic ignored "-Wunknown-pragmas"

/* Types. Those of 32 bits have 32 bits everywhere: print DWORD and ULONG with %u. */

#if !defined(TCPENTRY_TCPMIB_H) || defined(TCPENTRY_NO_WINDOWS_TYPES)
#define TCPENTRY_NO_WINDOWS_TYPES
typedef char CHAR, *PCHAR, *PSTR, *LPSTR;
typedef const char *PCSTR, *LPCSTR;
typedef uint8_t BYTE, UCHAR, *PBYTE, *PUCHAR, BOOLEAN, *PBOOLEAN;
typedef uint16_t WORD, USHORT, *PWORD, *PUSHORT;
typedef int16_t SHORT, *PSHORT;
typedef uint32_t DWORD, *PDWORD, *LPDWORD;
typedef uint32_t ULONG, *PULONG;
typedef int32_t LONG, *PLONG;
typedef uint32_t UINT, *PUINT;
typedef int32_t INT, *PINT;
typedef int32_t BOOL, *PBOOL, *LPBOOL;
typedef int64_t LONGLONG, *PLONGLONG;
typedef uint64_t ULONGLONG, DWORDLONG, *PULONGLONG;
typedef uintptr_t ULONG_PTR, DWORD_PTR, UINT_PTR;
typedef size_t SIZE_T, *PSIZE_T;
#if __SIZEOF_WCHAR_T__ == 2 /* -fshort-wchar */
typedef wchar_t WCHAR;
#else
typedef uint16_t WCHAR;
#endif
typedef WCHAR *PWCHAR, *PWSTR, *LPWSTR;
typedef const WCHAR *PCWSTR, *LPCWSTR;
typedef void VOID, *PVOID, *LPVOID;
typedef void *HANDLE;
typedef union _LARGE_INTEGER {
    __extension__ struct {
        DWORD LowPart;
        LONG HighPart;
    };
    struct {
        DWORD LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;
#endif

typedef const void *PCVOID, *LPCVOID;
typedef BYTE *LPBYTE;
typedef WORD *LPWORD;
typedef LONG *LPLONG;
typedef INT *LPINT;
typedef float FLOAT;
typedef double DOUBLE;
typedef int8_t INT8;
typedef uint8_t UINT8;
typedef int16_t INT16;
typedef uint16_t UINT16;
typedef int32_t INT32, LONG32;
typedef uint32_t UINT32, ULONG32, DWORD32;
typedef int64_t INT64, LONG64;
typedef uint64_t UINT64, ULONG64, DWORD64, *PULONG64, *PDWORD64;
typedef intptr_t INT_PTR, LONG_PTR;
typedef ULONG_PTR *PULONG_PTR;
typedef LONG_PTR SSIZE_T;
typedef LONG HRESULT, NTSTATUS;
typedef HANDLE *PHANDLE, *LPHANDLE;
typedef HANDLE HLOCAL, HGLOBAL, HINSTANCE, HMODULE;
typedef void (*FARPROC)(void);
typedef wchar_t TCPENTRY_WIDE; /* what L"..." is made of; WCHAR where -fshort-wchar makes them one */
typedef union _ULARGE_INTEGER {
    __extension__ struct {
        DWORD LowPart;
        DWORD HighPart;
    };
    struct {
        DWORD LowPart;
        DWORD HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;
typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;

#ifdef UNICODE
typedef wchar_t TCHAR;
#define TEXT(text) TCPENTRY_WIDE_TEXT(text)
#define TCPENTRY_WIDE_TEXT(text) L##text
#else
typedef char TCHAR;
#define TEXT(text) text
#endif
typedef TCHAR *PTCHAR, *PTSTR, *LPTSTR;
typedef const TCHAR *PCTSTR, *LPCTSTR;

#define __int8 char
#define __int16 short
#define __int32 int
#define __int64 long long

/* Words of Windows's compilers. */

#define WINAPI
#define WINAPIV
#define APIENTRY
#define CALLBACK
#define NTAPI
#define WSAAPI
#define PASCAL
#define CONST const
#define FAR
#define NEAR
#define IN
#define OUT
#define OPTIONAL
#define __cdecl
#define _cdecl
#define __stdcall
#define _stdcall
#define __fastcall
#define __forceinline inline __attribute__((always_inline))
#define __declspec(word)
#define DECLSPEC_IMPORT
#define UNALIGNED
#ifdef __cplusplus
#define EXTERN_C extern "C"
#else
#define EXTERN_C extern
#endif
#ifndef UNREFERENCED_PARAMETER
#define UNREFERENCED_PARAMETER(name) ((void)(name))
#endif

/* Annotations. */

#define _In_
#define _In_opt_
#define _In_z_
#define _In_reads_(count)
#define _In_reads_bytes_(count)
#define _In_reads_bytes_opt_(count)
#define _Inout_
#define _Inout_opt_
#define _Out_
#define _Out_opt_
#define _Out_writes_(count)
#define _Out_writes_bytes_(count)
#define _Out_writes_bytes_opt_(count)
#define _Out_writes_bytes_to_opt_(count, filled)
#define _Outptr_
#define _Ret_maybenull_
#define _Reserved_
#define _Success_(condition)
#define _Check_return_

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#define MAX_PATH 260
#define INFINITE 0xFFFFFFFF
#define MAXDWORD 0xFFFFFFFF
#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)

#define LOBYTE(word) ((BYTE)((DWORD_PTR)(word) & 0xFF))
#define HIBYTE(word) ((BYTE)(((DWORD_PTR)(word) >> 8) & 0xFF))
#define LOWORD(number) ((WORD)((DWORD_PTR)(number) & 0xFFFF))
#define HIWORD(number) ((WORD)(((DWORD_PTR)(number) >> 16) & 0xFFFF))
#define MAKEWORD(low, high) ((WORD)(((BYTE)(low)) | ((WORD)((BYTE)(high)) << 8)))
#define MAKELONG(low, high) ((LONG)(((WORD)(low)) | ((DWORD)((WORD)(high)) << 16)))
#define MAKELANGID(primary, sub) ((WORD)(((WORD)(sub) << 10) | (WORD)(primary)))
#define LANG_NEUTRAL 0
#define LANG_ENGLISH 9
#define SUBLANG_DEFAULT 1
#define SUBLANG_ENGLISH_US 1
#define ARRAYSIZE(array) (sizeof(array) / sizeof((array)[0]))
#ifndef _countof
#define _countof(array) (sizeof(array) / sizeof((array)[0]))
#endif
#define FIELD_OFFSET(type, field) ((LONG)offsetof(type, field))
#define CONTAINING_RECORD(address, type, field) ((type *)((char *)(address) - offsetof(type, field)))
/* In C++ they would be in the way of std::min and std::max. */
#if !defined(NOMINMAX) && !defined(__cplusplus)
#ifndef min
#define min(a, b) (((a) < (b)) ? (a) : (b))
#endif
#ifndef max
#define max(a, b) (((a) > (b)) ? (a) : (b))
#endif
#endif

/* Codes beside those that <iphlpapi.h> defines, which a source may use without it. */

#define NO_ERROR 0L
#define ERROR_SUCCESS 0L
#define ERROR_INVALID_FUNCTION 1L
#define ERROR_FILE_NOT_FOUND 2L
#define ERROR_TOO_MANY_OPEN_FILES 4L
#define ERROR_ACCESS_DENIED 5L
#define ERROR_INVALID_HANDLE 6L
#define ERROR_NOT_ENOUGH_MEMORY 8L
#define ERROR_INVALID_DATA 13L
#define ERROR_OUTOFMEMORY 14L
#define ERROR_NO_MORE_FILES 18L
#define ERROR_BAD_LENGTH 24L
#define ERROR_GEN_FAILURE 31L
#define ERROR_NOT_SUPPORTED 50L
#define ERROR_INVALID_PARAMETER 87L
#define ERROR_CALL_NOT_IMPLEMENTED 120L
#define ERROR_INSUFFICIENT_BUFFER 122L
#define ERROR_MOD_NOT_FOUND 126L
#define ERROR_PROC_NOT_FOUND 127L
#define ERROR_BUSY 170L
#define ERROR_NO_DATA 232L
#define ERROR_MORE_DATA 234L
#define ERROR_PARTIAL_COPY 299L
#define ERROR_MR_MID_NOT_FOUND 317L
#define ERROR_NOT_FOUND 1168L
#define ERROR_INVALID_USER_BUFFER 1784L
#define S_OK 0
#define STATUS_SUCCESS 0
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xC0000001)

/* The last error of this thread. The functions of iphlpapi return theirs and leave it alone. */

#ifdef __cplusplus
extern "C" {
#endif
/* One for the whole program, whatever the number of sources that include this. */
__attribute__((weak)) __thread DWORD tcpentry_windows_last_error;
#ifdef __cplusplus
}
#endif

static inline DWORD GetLastError(void)
{
    return tcpentry_windows_last_error;
}

static inline void SetLastError(DWORD code)
{
    tcpentry_windows_last_error = code;
}

/* Memory. There is one heap, that of malloc. */

#define HEAP_NO_SERIALIZE 0x1
#define HEAP_GENERATE_EXCEPTIONS 0x4
#define HEAP_ZERO_MEMORY 0x8
#define LMEM_FIXED 0x0
#define LMEM_ZEROINIT 0x40
#define LPTR 0x40
#define GMEM_FIXED 0x0
#define GMEM_ZEROINIT 0x40
#define GPTR 0x40

static inline HANDLE GetProcessHeap(void)
{
    return (HANDLE)(UINT_PTR)1;
}

static inline LPVOID HeapAlloc(HANDLE heap, DWORD flags, SIZE_T size)
{
    (void)heap;
    /* An allocation of no bytes succeeds. */
    if (size == 0)
        size = 1;
    return flags & HEAP_ZERO_MEMORY ? calloc(1, size) : malloc(size);
}

/* Without HEAP_ZERO_MEMORY, for which malloc does not know enough: NULL. */
static inline LPVOID HeapReAlloc(HANDLE heap, DWORD flags, LPVOID memory, SIZE_T size)
{
    (void)heap;
    return flags & HEAP_ZERO_MEMORY ? NULL : realloc(memory, size == 0 ? 1 : size);
}

static inline BOOL HeapFree(HANDLE heap, DWORD flags, LPVOID memory)
{
    (void)heap;
    (void)flags;
    free(memory);
    return TRUE;
}

static inline HLOCAL LocalAlloc(UINT flags, SIZE_T size)
{
    return HeapAlloc(NULL, flags & LMEM_ZEROINIT ? HEAP_ZERO_MEMORY : 0, size);
}

static inline HLOCAL LocalFree(HLOCAL memory)
{
    free(memory);
    return NULL;
}

static inline HGLOBAL GlobalAlloc(UINT flags, SIZE_T size)
{
    return LocalAlloc(flags, size);
}

static inline HGLOBAL GlobalFree(HGLOBAL memory)
{
    return LocalFree(memory);
}

#define ZeroMemory(memory, size) memset((memory), 0, (size))
#define SecureZeroMemory ZeroMemory
#define RtlZeroMemory ZeroMemory
#define FillMemory(memory, size, value) memset((memory), (value), (size))
#define CopyMemory(to, from, size) memcpy((to), (from), (size))
#define MoveMemory(to, from, size) memmove((to), (from), (size))

/* Messages. */

#define FORMAT_MESSAGE_ALLOCATE_BUFFER 0x100
#define FORMAT_MESSAGE_IGNORE_INSERTS 0x200
#define FORMAT_MESSAGE_FROM_STRING 0x400
#define FORMAT_MESSAGE_FROM_HMODULE 0x800
#define FORMAT_MESSAGE_FROM_SYSTEM 0x1000
#define FORMAT_MESSAGE_ARGUMENT_ARRAY 0x2000
#define FORMAT_MESSAGE_MAX_WIDTH_MASK 0xFF

#ifdef __cplusplus
extern "C" {
#endif
DWORD tcpentry_message(DWORD code, char *buffer, DWORD size);
#ifdef __cplusplus
}
#endif

/* The text of a code that these headers set or define and iphlpapi does not return; NULL for other codes. */
static inline const char *tcpentry_windows_text(DWORD code)
{
    switch (code) {
    case ERROR_INVALID_FUNCTION:
        return "The function is incorrect.";
    case ERROR_FILE_NOT_FOUND:
        return "The file cannot be found.";
    case ERROR_INVALID_HANDLE:
        return "The handle is invalid.";
    case ERROR_INVALID_DATA:
        return "The data is invalid.";
    case ERROR_OUTOFMEMORY:
        return "Not enough memory.";
    case ERROR_NO_MORE_FILES:
        return "There are no more files.";
    case ERROR_BAD_LENGTH:
        return "The length is incorrect.";
    case ERROR_CALL_NOT_IMPLEMENTED:
        return "This function is not supported on this system.";
    case ERROR_MOD_NOT_FOUND:
        return "The library cannot be found.";
    case ERROR_PROC_NOT_FOUND:
        return "The function cannot be found in the library.";
    case ERROR_NO_DATA:
        return "There is no data.";
    case ERROR_MORE_DATA:
        return "More data is available.";
    default:
        return NULL;
    }
}

/* The text of a code with its end of line, in a buffer of malloc's; NULL for codes without a text. */
static inline char *tcpentry_windows_message(DWORD flags, DWORD code)
{
    const char *own = tcpentry_windows_text(code);
    DWORD length = own == NULL ? tcpentry_message(code, NULL, 0) : (DWORD)strlen(own);
    char *text;

    if (length == 0 || !(flags & FORMAT_MESSAGE_FROM_SYSTEM)) {
        SetLastError(ERROR_MR_MID_NOT_FOUND);
        return NULL;
    }
    text = (char *)malloc((size_t)length + 3);
    if (text == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    if (own == NULL)
        tcpentry_message(code, text, length + 1);
    else
        strcpy(text, own);
    strcpy(text + length, flags & FORMAT_MESSAGE_MAX_WIDTH_MASK ? " " : "\r\n");
    return text;
}

/* The source must be the system, the arguments are ignored: no text has any. */
static inline DWORD FormatMessageA(DWORD flags, LPCVOID source, DWORD code, DWORD language, LPSTR buffer, DWORD size,
                                   va_list *arguments)
{
    char *text = tcpentry_windows_message(flags, code);
    DWORD length;

    (void)source;
    (void)language;
    (void)arguments;
    /* The caller's pointer is stored even on failure: programs free it without a look at the result. */
    if (flags & FORMAT_MESSAGE_ALLOCATE_BUFFER)
        memcpy((void *)buffer, &text, sizeof text);
    if (text == NULL)
        return 0;
    length = (DWORD)strlen(text);
    if (flags & FORMAT_MESSAGE_ALLOCATE_BUFFER)
        return length;
    if (length < size)
        memcpy(buffer, text, (size_t)length + 1);
    free(text);
    if (length < size)
        return length;
    SetLastError(ERROR_INSUFFICIENT_BUFFER);
    return 0;
}

static inline DWORD FormatMessageW(DWORD flags, LPCVOID source, DWORD code, DWORD language, TCPENTRY_WIDE *buffer,
                                   DWORD size, va_list *arguments)
{
    char *text = tcpentry_windows_message(flags, code);
    TCPENTRY_WIDE *wide = flags & FORMAT_MESSAGE_ALLOCATE_BUFFER ? NULL : buffer;
    DWORD length, i;

    (void)source;
    (void)language;
    (void)arguments;
    if (flags & FORMAT_MESSAGE_ALLOCATE_BUFFER)
        memcpy((void *)buffer, &wide, sizeof wide);
    if (text == NULL)
        return 0;
    length = (DWORD)strlen(text);
    if (flags & FORMAT_MESSAGE_ALLOCATE_BUFFER) {
        wide = (TCPENTRY_WIDE *)malloc(((size_t)length + 1) * sizeof *wide);
        memcpy((void *)buffer, &wide, sizeof wide);
    } else if (length >= size) {
        wide = NULL;
    }
    /* The texts are ASCII. */
    for (i = 0; wide != NULL && i <= length; i++)
        wide[i] = (TCPENTRY_WIDE)(unsigned char)text[i];
    free(text);
    if (wide != NULL)
        return length;
    SetLastError(flags & FORMAT_MESSAGE_ALLOCATE_BUFFER ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INSUFFICIENT_BUFFER);
    return 0;
}

#ifdef UNICODE
#define FormatMessage FormatMessageW
#else
#define FormatMessage FormatMessageA
#endif

/* Time. */

static inline void Sleep(DWORD milliseconds)
{
    struct timespec left;

    left.tv_sec = (time_t)(milliseconds / 1000);
    left.tv_nsec = (long)(milliseconds % 1000) * 1000000L;
    while (nanosleep(&left, &left) != 0 && left.tv_sec + left.tv_nsec > 0)
        continue;
}

static inline ULONGLONG GetTickCount64(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (ULONGLONG)now.tv_sec * 1000 + (ULONGLONG)now.tv_nsec / 1000000;
}

static inline DWORD GetTickCount(void)
{
    return (DWORD)GetTickCount64();
}

/* Libraries. */

/* Finds iphlpapi.dll where its names are installed, in the spellings that tcpentry-windows(7) lists. */
static inline HMODULE LoadLibraryA(LPCSTR name)
{
    HMODULE library = dlopen(name, RTLD_NOW);

    if (library == NULL)
        SetLastError(ERROR_MOD_NOT_FOUND);
    return library;
}

/* Returns a library that is loaded already, without a reference of its own; for NULL, the program. */
static inline HMODULE GetModuleHandleA(LPCSTR name)
{
    HMODULE library = dlopen(name, name == NULL ? RTLD_NOW : RTLD_NOW | RTLD_NOLOAD);

    if (library == NULL)
        SetLastError(ERROR_MOD_NOT_FOUND);
    else
        dlclose(library);
    return library;
}

static inline BOOL FreeLibrary(HMODULE library)
{
    return dlclose(library) == 0;
}

static inline FARPROC GetProcAddress(HMODULE library, LPCSTR name)
{
    void *symbol = dlsym(library, name);
    FARPROC function;

    if (symbol == NULL)
        SetLastError(ERROR_PROC_NOT_FOUND);
    memcpy(&function, &symbol, sizeof function);
    return function;
}

#ifndef UNICODE
#define LoadLibrary LoadLibraryA
#define GetModuleHandle GetModuleHandleA
#endif

/* Functions of Microsoft's C library that programs use with these. */

#define _stricmp strcasecmp
#define stricmp strcasecmp
#define _strnicmp strncasecmp
#define _strdup strdup
#define _wcsicmp wcscasecmp
#define _wcsnicmp wcsncasecmp
#define _snprintf snprintf
#define _vsnprintf vsnprintf
#define printf_s printf
#define fprintf_s fprintf
#define wprintf_s wprintf
#define fwprintf_s fwprintf
#define _TRUNCATE ((size_t)-1)
#define STRUNCATE 80

typedef int errno_t;

/* A text that does not fit is an error, with an empty text. */
static inline errno_t strncpy_s(char *to, size_t size, const char *from, size_t count)
{
    size_t length;

    if (to == NULL || size == 0)
        return EINVAL;
    to[0] = '\0';
    if (from == NULL)
        return EINVAL;
    for (length = 0; length < count && from[length] != '\0'; length++) {
        if (length + 1 == size) {
            to[count == _TRUNCATE ? length : 0] = '\0';
            return count == _TRUNCATE ? STRUNCATE : ERANGE;
        }
        to[length] = from[length];
    }
    to[length] = '\0';
    return 0;
}

static inline errno_t strcpy_s(char *to, size_t size, const char *from)
{
    return strncpy_s(to, size, from, _TRUNCATE - 1);
}

static inline errno_t strcat_s(char *to, size_t size, const char *from)
{
    size_t length = to == NULL ? size : strnlen(to, size);

    if (length >= size)
        return EINVAL;
    if (strcpy_s(to + length, size - length, from) == 0)
        return 0;
    to[0] = '\0';
    return ERANGE;
}

static inline errno_t memcpy_s(void *to, size_t size, const void *from, size_t count)
{
    if (count > size)
        return ERANGE;
    memcpy(to, from, count);
    return 0;
}

__attribute__((format(printf, 3, 0))) static inline int vsprintf_s(char *to, size_t size, const char *format,
                                                                   va_list arguments)
{
    int length = vsnprintf(to, size, format, arguments);

    if (length >= 0 && (size_t)length < size)
        return length;
    if (size > 0)
        to[0] = '\0';
    return -1;
}

__attribute__((format(printf, 3, 4))) static inline int sprintf_s(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsprintf_s(to, size, format, arguments);
    va_end(arguments);
    return length;
}

#ifdef __cplusplus
template <size_t Size> inline errno_t strcpy_s(char (&to)[Size], const char *from)
{
    return strcpy_s(to, Size, from);
}

template <size_t Size> inline errno_t strcat_s(char (&to)[Size], const char *from)
{
    return strcat_s(to, Size, from);
}

template <size_t Size>
__attribute__((format(printf, 2, 3))) inline int sprintf_s(char (&to)[Size], const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsprintf_s(to, Size, format, arguments);
    va_end(arguments);
    return length;
}
#endif

#include "tcpentry-wide.h"

#include "tcpentry-process.h"

#ifndef WIN32_LEAN_AND_MEAN
#include "winsock2.h"
#endif

#endif
