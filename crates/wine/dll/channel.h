/* The one connection of this process to its tcpentry-wine. The protocol is that of crates/wine/src/protocol.rs. */

#define REQUEST_SET 1
#define REQUEST_TABLE 2

struct request
{
    DWORD sequence; /* set by channel_ask */
    DWORD what;
    DWORD words[5];
};

/* Asks, and returns the code that tcpentry-wine answers, or that of the failure to ask. The answer's bytes are put into
 * `buffer`, which has room for *length of them; *length becomes their number. An answer that does not fit is a failure. */
DWORD channel_ask(struct request *request, BYTE *buffer, DWORD *length);
