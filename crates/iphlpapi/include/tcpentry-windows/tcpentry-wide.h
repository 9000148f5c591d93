/*
 * tcpentry-wide.h: wide output and wmain as on Windows, where %s in a wide format is a wide text and one stream takes
 * both kinds. Output is UTF-8. Include <windows.h>, which includes this.
 */
#ifndef TCPENTRY_WIDE_H
#define TCPENTRY_WIDE_H

#include <stdarg.h>

/* Appends one character as UTF-8, and returns its end. Halves of a pair, which are there with -fshort-wchar only, are
 * joined with the help of the one before. */
static inline char *tcpentry_utf8(char *to, uint32_t character, uint32_t *half)
{
    if (character >= 0xD800 && character < 0xDC00) {
        *half = character;
        return to;
    }
    if (character >= 0xDC00 && character < 0xE000)
        character = *half == 0 ? 0xFFFD : 0x10000 + ((*half - 0xD800) << 10) + (character - 0xDC00);
    *half = 0;
    if (character < 0x80) {
        *to++ = (char)character;
    } else if (character < 0x800) {
        *to++ = (char)(0xC0 | (character >> 6));
        *to++ = (char)(0x80 | (character & 0x3F));
    } else if (character < 0x10000) {
        *to++ = (char)(0xE0 | (character >> 12));
        *to++ = (char)(0x80 | ((character >> 6) & 0x3F));
        *to++ = (char)(0x80 | (character & 0x3F));
    } else {
        *to++ = (char)(0xF0 | ((character >> 18) & 0x07));
        *to++ = (char)(0x80 | ((character >> 12) & 0x3F));
        *to++ = (char)(0x80 | ((character >> 6) & 0x3F));
        *to++ = (char)(0x80 | (character & 0x3F));
    }
    return to;
}

/* Returns at most limit characters of a text as UTF-8, in a buffer of malloc's. */
static inline char *tcpentry_narrow(const wchar_t *text, size_t limit)
{
    size_t length = 0, i;
    uint32_t half = 0;
    char *narrow, *end;

    while (length < limit && text[length] != 0)
        length++;
    narrow = end = (char *)malloc(length * 4 + 1);
    if (narrow == NULL)
        return NULL;
    for (i = 0; i < length; i++)
        end = tcpentry_utf8(end, (uint32_t)text[i], &half);
    *end = '\0';
    return narrow;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* The size of an argument. */
enum tcpentry_length { TCPENTRY_NONE, TCPENTRY_HALF, TCPENTRY_LONG, TCPENTRY_LONG_LONG, TCPENTRY_WORD };

static inline int tcpentry_vfwprintf(FILE *stream, const wchar_t *format, va_list arguments)
{
    int written = 0;
    uint32_t half = 0;

    while (*format != 0) {
        /* The conversion for printf: flags, width and precision are copied. */
        char conversion[64];
        size_t used = 0;
        size_t limit = (size_t)-1;
        enum tcpentry_length length = TCPENTRY_NONE;
        wchar_t kind;
        int count = 0;

        if (*format != L'%') {
            char letter[8];
            char *end = tcpentry_utf8(letter, (uint32_t)*format++, &half);

            fwrite(letter, 1, (size_t)(end - letter), stream);
            written++;
            continue;
        }
        conversion[used++] = (char)*format++;
        while (*format != 0 && *format < 0x80 && strchr("-+ #0123456789.*", (char)*format) != NULL && used < 40) {
            if (*format == L'.')
                limit = 0;
            if (*format == L'*') {
                int number = va_arg(arguments, int);

                if (limit != (size_t)-1)
                    limit = number < 0 ? (size_t)-1 : (size_t)number;
                used += (size_t)snprintf(conversion + used, 12, "%d", number);
                format++;
                continue;
            }
            if (limit != (size_t)-1 && *format >= L'0' && *format <= L'9')
                limit = limit * 10 + (size_t)(*format - L'0');
            conversion[used++] = (char)*format++;
        }
        for (;; format++) {
            if (*format == L'h') {
                length = TCPENTRY_HALF;
            } else if (*format == L'l' || *format == L'w') {
                length = length == TCPENTRY_LONG ? TCPENTRY_LONG_LONG : TCPENTRY_LONG;
            } else if (*format == L'z' || *format == L't' || *format == L'j') {
                length = TCPENTRY_WORD;
            } else if (*format == L'I' && format[1] == L'6' && format[2] == L'4') {
                length = TCPENTRY_LONG_LONG;
                format += 2;
            } else if (*format == L'I' && format[1] == L'3' && format[2] == L'2') {
                format += 2;
            } else if (*format == L'I') {
                length = TCPENTRY_WORD;
            } else {
                break;
            }
        }
        kind = *format;
        if (kind == 0)
            break;
        format++;
        conversion[used] = '\0';
        switch (kind) {
        case L's':
        case L'S':
            if ((kind == L's' && length != TCPENTRY_HALF) || (kind == L'S' && length == TCPENTRY_LONG)) {
                const wchar_t *text = va_arg(arguments, const wchar_t *);
                char *narrow = tcpentry_narrow(text == NULL ? L"(null)" : text, limit);

                /* What is counted in characters is cut already. */
                if (strchr(conversion, '.') != NULL)
                    *strchr(conversion, '.') = '\0';
                strcat(conversion, "s");
                count = fprintf(stream, conversion, narrow == NULL ? "" : narrow);
                free(narrow);
            } else {
                const char *text = va_arg(arguments, const char *);

                strcat(conversion, "s");
                count = fprintf(stream, conversion, text == NULL ? "(null)" : text);
            }
            break;
        case L'c':
        case L'C': {
            char letter[8];
            uint32_t no_half = 0;

            *tcpentry_utf8(letter, (uint32_t)va_arg(arguments, int), &no_half) = '\0';
            strcat(conversion, "s");
            count = fprintf(stream, conversion, letter);
            break;
        }
        case L'd':
        case L'i':
        case L'u':
        case L'o':
        case L'x':
        case L'X': {
            char letter[2] = {(char)kind, '\0'};

            /* A long of Windows has 32 bits. */
            if (length == TCPENTRY_LONG_LONG || (length == TCPENTRY_WORD && sizeof(void *) == 8)) {
                strcat(strcat(conversion, "ll"), letter);
                count = fprintf(stream, conversion, va_arg(arguments, long long));
            } else {
                strcat(length == TCPENTRY_HALF ? strcat(conversion, "h") : conversion, letter);
                count = fprintf(stream, conversion, va_arg(arguments, int));
            }
            break;
        }
        case L'e':
        case L'E':
        case L'f':
        case L'F':
        case L'g':
        case L'G': {
            char letter[2] = {(char)kind, '\0'};

            strcat(conversion, letter);
            count = fprintf(stream, conversion, va_arg(arguments, double));
            break;
        }
        case L'p':
            count = fprintf(stream, "%p", va_arg(arguments, void *));
            break;
        default:
            fputc((int)kind, stream);
            count = 1;
        }
        if (count < 0)
            return -1;
        written += count;
    }
    return written;
}

#pragma GCC diagnostic pop

static inline int tcpentry_fwprintf(FILE *stream, const wchar_t *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = tcpentry_vfwprintf(stream, format, arguments);
    va_end(arguments);
    return written;
}

static inline int tcpentry_wprintf(const wchar_t *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = tcpentry_vfwprintf(stdout, format, arguments);
    va_end(arguments);
    return written;
}

static inline int tcpentry_fputws(const wchar_t *text, FILE *stream)
{
    return tcpentry_fwprintf(stream, L"%s", text) < 0 ? -1 : 0;
}

static inline int tcpentry_putws(const wchar_t *text)
{
    return tcpentry_fwprintf(stdout, L"%s\n", text) < 0 ? -1 : 0;
}

#define wprintf tcpentry_wprintf
#define fwprintf tcpentry_fwprintf
#define fputws tcpentry_fputws
#define _putws tcpentry_putws

/* Stores a UTF-8 text as a wide one in a buffer that has room for as many characters as the text has bytes. Bytes that are
 * no UTF-8 stand for themselves. */
static inline void tcpentry_widen(const char *text, wchar_t *to)
{
    const unsigned char *from = (const unsigned char *)text;

    while (*from != 0) {
        int more = *from >= 0xF0 ? 3 : *from >= 0xE0 ? 2 : *from >= 0xC0 ? 1 : 0;
        uint32_t character = *from;
        int i;

        for (i = 1; i <= more && (from[i] & 0xC0) == 0x80; i++)
            continue;
        if (more > 0 && i > more) {
            character &= 0x3Fu >> more;
            for (i = 1; i <= more; i++)
                character = (character << 6) | (from[i] & 0x3Fu);
            from += more;
        }
        from++;
        if (sizeof(wchar_t) == 2 && character >= 0x10000) {
            *to++ = (wchar_t)(0xD800 + ((character - 0x10000) >> 10));
            character = 0xDC00 + (character & 0x3FF);
        }
        *to++ = (wchar_t)character;
    }
    *to = 0;
}

/* Stores a text as wprintf writes it; returns its length, or -1 with an empty text if it does not fit. */
static inline int tcpentry_vswprintf(wchar_t *to, size_t size, const wchar_t *format, va_list arguments)
{
    char *narrow = NULL;
    wchar_t *wide = NULL;
    size_t bytes = 0, length = 0;
    FILE *stream = open_memstream(&narrow, &bytes);
    int is_written = stream != NULL && tcpentry_vfwprintf(stream, format, arguments) >= 0;

    if (stream != NULL && fclose(stream) != 0)
        is_written = 0;
    if (is_written)
        wide = (wchar_t *)malloc((bytes + 1) * sizeof *wide);
    if (wide != NULL) {
        tcpentry_widen(narrow, wide);
        while (wide[length] != 0)
            length++;
        if (length < size)
            memcpy(to, wide, (length + 1) * sizeof *to);
        else
            is_written = 0;
    }
    is_written = is_written && wide != NULL;
    free(wide);
    free(narrow);
    if (is_written)
        return (int)length;
    if (size > 0)
        to[0] = 0;
    return -1;
}

static inline int tcpentry_swprintf(wchar_t *to, size_t size, const wchar_t *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = tcpentry_vswprintf(to, size, format, arguments);
    va_end(arguments);
    return length;
}

/* The one that trusts its caller. */
static inline int _swprintf(wchar_t *to, const wchar_t *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = tcpentry_vswprintf(to, (size_t)-1, format, arguments);
    va_end(arguments);
    return length;
}

#define swprintf tcpentry_swprintf
#define _snwprintf tcpentry_swprintf
#define swprintf_s tcpentry_swprintf

/* A text that does not fit is an error, with an empty text. */
static inline errno_t wcscpy_s(wchar_t *to, size_t size, const wchar_t *from)
{
    size_t length = 0;

    if (to == NULL || size == 0)
        return EINVAL;
    to[0] = 0;
    if (from == NULL)
        return EINVAL;
    while (from[length] != 0)
        length++;
    if (length >= size)
        return ERANGE;
    memcpy(to, from, (length + 1) * sizeof *to);
    return 0;
}

static inline errno_t wcscat_s(wchar_t *to, size_t size, const wchar_t *from)
{
    size_t length = 0;

    while (to != NULL && length < size && to[length] != 0)
        length++;
    if (to == NULL || length >= size)
        return EINVAL;
    if (wcscpy_s(to + length, size - length, from) == 0)
        return 0;
    to[0] = 0;
    return ERANGE;
}

#ifdef __cplusplus
template <size_t Size> inline errno_t wcscpy_s(wchar_t (&to)[Size], const wchar_t *from)
{
    return wcscpy_s(to, Size, from);
}

template <size_t Size> inline errno_t wcscat_s(wchar_t (&to)[Size], const wchar_t *from)
{
    return wcscat_s(to, Size, from);
}
#endif

/* Libraries. */

static inline HMODULE LoadLibraryW(const wchar_t *name)
{
    char *narrow = tcpentry_narrow(name, (size_t)-1);
    HMODULE library = narrow == NULL ? NULL : LoadLibraryA(narrow);

    if (narrow == NULL)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    free(narrow);
    return library;
}

static inline HMODULE GetModuleHandleW(const wchar_t *name)
{
    char *narrow = name == NULL ? NULL : tcpentry_narrow(name, (size_t)-1);
    HMODULE library = name != NULL && narrow == NULL ? NULL : GetModuleHandleA(narrow);

    if (name != NULL && narrow == NULL)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    free(narrow);
    return library;
}

#ifdef UNICODE
#define LoadLibrary LoadLibraryW
#define GetModuleHandle GetModuleHandleW
#endif

#ifdef __cplusplus
extern "C" {
#endif
/* Not by <unistd.h>: a source for Windows may have functions of its own with the names in there. */
extern char **tcpentry_environ __asm__("environ");
#ifdef __cplusplus
}
#endif

/* Returns a list of texts, which ends with NULL, as one of wide texts that lasts as long as the process. */
static inline wchar_t **tcpentry_widen_all(char **texts)
{
    size_t count = 0, i;
    wchar_t **wide;

    while (texts[count] != NULL)
        count++;
    wide = (wchar_t **)calloc(count + 1, sizeof *wide);
    if (wide == NULL)
        return NULL;
    for (i = 0; i < count; i++) {
        wide[i] = (wchar_t *)calloc(strlen(texts[i]) + 1, sizeof **wide);
        if (wide[i] == NULL)
            return NULL;
        tcpentry_widen(texts[i], wide[i]);
    }
    return wide;
}

/* Calls a wmain, of up to three parameters, with wide arguments and the wide environment. */
static inline int tcpentry_run_wmain(void (*function)(void), int count, char **words)
{
    wchar_t **arguments = tcpentry_widen_all(words);
    wchar_t **environment = tcpentry_widen_all(tcpentry_environ);
    int (*wmain_)(int, wchar_t **, wchar_t **);

    if (arguments == NULL || environment == NULL)
        return 1;
    memcpy(&wmain_, &function, sizeof wmain_);
    return wmain_(count, arguments, environment);
}

/* The definition of wmain becomes that of another function, after a main that calls it. */
#define wmain(...)                                                                       \
    tcpentry_wmain(__VA_ARGS__);                                                         \
    int main(int tcpentry_count, char **tcpentry_words)                                  \
    {                                                                                    \
        return tcpentry_run_wmain((void (*)(void))tcpentry_wmain, tcpentry_count, tcpentry_words); \
    }                                                                                    \
    int tcpentry_wmain(__VA_ARGS__)

#endif
