/* Our own functions: identities, batches, the detail and the message. */
#include "check.h"

#include <pthread.h>

static void *before_the_first(void *unused) {
    TCPENTRY_DETAIL detail;
    (void)unused;
    IS(tcpentry_last_detail(&detail), ERROR_NOT_FOUND);
    IS(SetTcpEntry(NULL), ERROR_INVALID_PARAMETER);
    IS(last().outcome, TCPENTRY_INVALID);
    return NULL;
}

static void the_detail_is_the_threads_own(void) {
    MIB_TCPROW row;
    TCPENTRY_DETAIL kept;
    pthread_t thread;
    DWORD size = 0;
    IS(tcpentry_last_detail(NULL), ERROR_INVALID_PARAMETER);
    IS(tcpentry_last_detail(&kept), ERROR_NOT_FOUND);
    memset(&row, 0, sizeof row);
    row.dwState = MIB_TCP_STATE_DELETE_TCB;
    IS(SetTcpEntry(&row), ERROR_MR_MID_NOT_FOUND);
    kept = last();
    IS(kept.code, ERROR_MR_MID_NOT_FOUND);
    IS(kept.outcome, TCPENTRY_GONE);
    IS(kept.method, TCPENTRY_METHOD_NONE);
    IS(kept.error, ENOENT);
    CHECK(strstr(kept.text, "0.0.0.0") != NULL);
    CHECK(pthread_create(&thread, NULL, before_the_first, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    /* Neither another thread nor the tables touch it. */
    IS(GetTcpTable(NULL, &size, FALSE), ERROR_INSUFFICIENT_BUFFER);
    IS(last().code, kept.code);
    CHECK(strcmp(last().text, kept.text) == 0);
}

static pthread_key_t at_the_end;

static void delete_at_the_end(void *row) { IS(SetTcpEntry(row), NO_ERROR); }

static void *ends_with_a_deletion(void *row) {
    /* Used before, so that what the thread keeps is destroyed before the destructor runs. */
    IS(SetTcpEntry(NULL), ERROR_INVALID_PARAMETER);
    CHECK(pthread_setspecific(at_the_end, row) == 0);
    return NULL;
}

static void in_a_thread_that_is_ending(int listening) {
    struct connection pair = connect_to(listening);
    MIB_TCPROW row = row_of(pair.server);
    pthread_t thread;
    CHECK(pthread_key_create(&at_the_end, delete_at_the_end) == 0);
    CHECK(pthread_create(&thread, NULL, ends_with_a_deletion, &row) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(is_reset(pair.client));
    close_both(pair);
}

static void nothing_given(void) {
    MIB_TCPROW row;
    MIB_TCP6ROW row6;
    TCPENTRY_ID id;
    TCPENTRY_RESULT result = {0xa5a5a5a5, 0, 0, 0};
    memset(&row, 0, sizeof row);
    memset(&row6, 0, sizeof row6);
    IS(SetTcpEntry(NULL), ERROR_INVALID_PARAMETER);
    IS(last().outcome, TCPENTRY_INVALID);
    IS(last().error, EINVAL);
    IS(SetTcp6Entry(NULL), ERROR_INVALID_PARAMETER);
    IS(tcpentry_identify(NULL, &id), ERROR_INVALID_PARAMETER);
    IS(tcpentry_identify(&row, NULL), ERROR_INVALID_PARAMETER);
    IS(tcpentry_identify6(NULL, &id), ERROR_INVALID_PARAMETER);
    IS(tcpentry_identify6(&row6, NULL), ERROR_INVALID_PARAMETER);
    IS(tcpentry_delete_id(NULL), ERROR_INVALID_PARAMETER);
    IS(last().outcome, TCPENTRY_INVALID);
    IS(tcpentry_delete_batch(TCPENTRY_ROWS, NULL, 1, &result), ERROR_INVALID_PARAMETER);
    IS(tcpentry_delete_batch(TCPENTRY_ROWS, &row, 1, NULL), ERROR_INVALID_PARAMETER);
    IS(result.code, 0xa5a5a5a5);
    IS(tcpentry_delete_batch(TCPENTRY_ROWS, NULL, 0, NULL), NO_ERROR);
    IS(tcpentry_delete_batch(TCPENTRY_IDS, &row, 0, &result), NO_ERROR);
    IS(result.code, 0xa5a5a5a5);
}

static void a_kind_that_is_none(void) {
    DWORD (*raw)(int, const void *, DWORD, TCPENTRY_RESULT *);
    MIB_TCPROW row;
    TCPENTRY_RESULT result = {0xa5a5a5a5, 0, 0, 0};
    static const int kinds[] = {-1, 3, 0x7fffffff};
    memset(&row, 0, sizeof row);
    *(void **)&raw = (void *)tcpentry_delete_batch;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        IS(raw(kinds[i], &row, 1, &result), ERROR_INVALID_PARAMETER);
    IS(result.code, 0xa5a5a5a5);
}

static void an_identity_dies_with_its_socket(int listening) {
    struct connection pair = connect_to(listening), other;
    MIB_TCPROW row = row_of(pair.server), twin;
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    struct linger hard = {1, 0};
    TCPENTRY_ID id, again;
    int one = 1;

    row.dwState = 77; /* whatever the state in the row */
    memset(&id, 0xa5, sizeof id);
    IS(tcpentry_identify(&row, &id), NO_ERROR);
    IS(strspn(id.text, "0123456789abcdefghijklmnopqrstuvwxyz/.,:"), strlen(id.text));
    IS(tcpentry_identify(&row, &again), NO_ERROR);
    CHECK(strcmp(id.text, again.text) == 0);

    /* Another connection with the same ends: the identity is not its own. */
    CHECK(getsockname(pair.client, (struct sockaddr *)&address, &length) == 0);
    CHECK(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
    close_both(pair);
    other.client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(setsockopt(other.client, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
    CHECK(bind(other.client, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(listening, (struct sockaddr *)&address, &length) == 0);
    CHECK(connect(other.client, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK((other.server = accept(listening, NULL, NULL)) >= 0);
    twin = row_of(other.server);
    twin.dwState = row.dwState;
    CHECK(memcmp(&twin, &row, sizeof row) == 0);

    IS(tcpentry_delete_id(&id), ERROR_MR_MID_NOT_FOUND);
    IS(last().outcome, TCPENTRY_GONE);
    CHECK(is_alive(other));
    IS(tcpentry_identify(&twin, &id), NO_ERROR);
    CHECK(strcmp(id.text, again.text) != 0);
    IS(tcpentry_delete_id(&id), NO_ERROR);
    IS(last().outcome, TCPENTRY_DELETED);
    IS(last().method, TCPENTRY_METHOD_SOCK_DIAG);
    CHECK(is_reset(other.client));
    IS(tcpentry_delete_id(&id), ERROR_MR_MID_NOT_FOUND);
    IS(tcpentry_identify(&twin, &id), ERROR_MR_MID_NOT_FOUND);
    IS(last().outcome, TCPENTRY_GONE);
    close_both(other);
}

static void a_listener_has_an_identity_and_keeps_its_life(int listening) {
    MIB_TCPROW row = row_of_listener(listening);
    TCPENTRY_ID id;
    IS(tcpentry_identify(&row, &id), NO_ERROR);
    IS(tcpentry_delete_id(&id), ERROR_MR_MID_NOT_FOUND);
    IS(last().outcome, TCPENTRY_LISTENER);
    close_both(connect_to(listening));
}

static void text_that_is_no_identity(int listening) {
    struct connection pair = connect_to(listening);
    MIB_TCPROW row = row_of(pair.server);
    static const char *const texts[] = {
        "",
        "/",
        "1/0/c1/0/0/127.0.0.1,1/127.0.0.1,2",
        "1/00000000000000000000000000000000/c1/ffffffffffffffff/0/127.0.0.1,1/127.0.0.1,2",
        "1/0000/../../../etc/passwd",
        "%s%s%n%n%n",
        "\x1b[2J\x9b\xff\xfe",
        "\xc3\xa4\xe2\x80\xae",
        "; rm -rf /",
    };
    TCPENTRY_ID id, good;
    IS(tcpentry_identify(&row, &good), NO_ERROR);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        memset(&id, 0, sizeof id);
        strcpy(id.text, texts[i]);
        IS(tcpentry_delete_id(&id), ERROR_INVALID_PARAMETER);
        IS(last().outcome, TCPENTRY_INVALID);
        CHECK(strchr(last().text, 0x1b) == NULL);
    }
    /* Every byte of a good one changed in turn: no socket but that one may ever go. */
    for (size_t i = 0; i < strlen(good.text); i++) {
        DWORD code;
        /* But for the interface: that of a socket bound to none does not matter. */
        if (strncmp(good.text + i - (i > 0), "/0/", 3) == 0)
            continue;
        id = good;
        id.text[i] = (char)(id.text[i] == '9' ? '8' : '9');
        code = tcpentry_delete_id(&id);
        CHECK(code == ERROR_INVALID_PARAMETER || code == ERROR_MR_MID_NOT_FOUND ||
              code == ERROR_NOT_FOUND);
        CHECK(is_alive(pair));
    }
    /* No end of the text. */
    memset(&id, '1', sizeof id);
    IS(tcpentry_delete_id(&id), ERROR_INVALID_PARAMETER);
    id = good;
    memset(id.text + strlen(id.text), '/', sizeof id.text - strlen(good.text));
    IS(tcpentry_delete_id(&id), ERROR_INVALID_PARAMETER);
    CHECK(is_alive(pair));
    /* What lies behind the end does not matter. */
    id = good;
    memset(id.text + strlen(good.text) + 1, 0xff, sizeof id.text - strlen(good.text) - 1);
    IS(tcpentry_delete_id(&id), NO_ERROR);
    CHECK(is_reset(pair.client));
    close_both(pair);
}

static void batches(int listening, int listening6) {
    struct connection pairs[4], pairs6[2];
    MIB_TCPROW rows[6];
    MIB_TCP6ROW rows6[3];
    TCPENTRY_ID ids[4];
    TCPENTRY_RESULT results[6];
    unsigned char odd[sizeof rows + 1], odd_results[sizeof results + 1];

    for (int i = 0; i < 4; i++)
        pairs[i] = connect_to(listening);
    for (int i = 0; i < 2; i++)
        pairs6[i] = connect_to(listening6);

    rows[0] = row_of(pairs[0].server);
    rows[1] = rows[0]; /* once more: gone by then */
    rows[2] = row_of_listener(listening);
    rows[3] = row_of(pairs[1].server);
    rows[4] = rows[3];
    rows[4].dwState = MIB_TCP_STATE_CLOSED;
    rows[5] = row_of(pairs[2].server);
    memset(results, 0xa5, sizeof results);
    IS(tcpentry_delete_batch(TCPENTRY_ROWS, rows, 5, results), ERROR_MR_MID_NOT_FOUND);
    IS(results[0].code, NO_ERROR);
    IS(results[1].code, ERROR_MR_MID_NOT_FOUND);
    IS(results[2].code, ERROR_MR_MID_NOT_FOUND);
    IS(results[3].code, NO_ERROR);
    IS(results[4].code, ERROR_INVALID_PARAMETER);
    IS(results[5].code, 0xa5a5a5a5);
    /* One code, two outcomes. */
    IS(results[0].outcome, TCPENTRY_DELETED);
    IS(results[0].method, TCPENTRY_METHOD_SOCK_DIAG);
    IS(results[1].outcome, TCPENTRY_GONE);
    IS(results[1].error, ENOENT);
    IS(results[2].outcome, TCPENTRY_LISTENER);
    IS(results[4].outcome, TCPENTRY_INVALID);
    /* The detail is that of the first that was not deleted. */
    IS(last().code, ERROR_MR_MID_NOT_FOUND);
    IS(last().outcome, TCPENTRY_GONE);
    CHECK(is_reset(pairs[0].client) && is_reset(pairs[1].client) && is_alive(pairs[2]));

    /* Misaligned items and codes. */
    memcpy(odd + 1, rows + 5, sizeof *rows);
    IS(tcpentry_delete_batch(TCPENTRY_ROWS, odd + 1, 1, (TCPENTRY_RESULT *)(void *)(odd_results + 1)), NO_ERROR);
    memcpy(results, odd_results + 1, sizeof *results);
    IS(results[0].code, NO_ERROR);
    CHECK(is_reset(pairs[2].client));

    rows6[0] = row6_of(pairs6[0].server);
    rows6[1] = rows6[0];
    rows6[1].dwLocalPort ^= 1; /* nobody there */
    rows6[2] = row6_of(pairs6[1].server);
    IS(tcpentry_identify6(&rows6[2], &ids[3]), NO_ERROR);
    IS(tcpentry_delete_batch(TCPENTRY_ROWS6, rows6, 2, results), ERROR_MR_MID_NOT_FOUND);
    IS(results[0].code, NO_ERROR);
    IS(results[1].code, ERROR_MR_MID_NOT_FOUND);
    CHECK(is_reset(pairs6[0].client) && is_alive(pairs6[1]));

    rows[0] = row_of(pairs[3].server);
    IS(tcpentry_identify(&rows[0], &ids[0]), NO_ERROR);
    ids[1] = ids[0];
    memset(&ids[2], '/', sizeof ids[2]);
    IS(tcpentry_delete_batch(TCPENTRY_IDS, ids, 4, results), ERROR_MR_MID_NOT_FOUND);
    IS(results[0].code, NO_ERROR);
    IS(results[1].code, ERROR_MR_MID_NOT_FOUND);
    IS(results[2].code, ERROR_INVALID_PARAMETER);
    IS(results[3].code, NO_ERROR);
    CHECK(is_reset(pairs[3].client) && is_reset(pairs6[1].client));
    for (int i = 0; i < 4; i++)
        close_both(pairs[i]);
    for (int i = 0; i < 2; i++)
        close_both(pairs6[i]);
    close_both(connect_to(listening));
    close_both(connect_to(listening6));
}

static void messages(void) {
    static const DWORD known[] = {
        NO_ERROR,
        ERROR_TOO_MANY_OPEN_FILES,
        ERROR_ACCESS_DENIED,
        ERROR_NOT_ENOUGH_MEMORY,
        ERROR_GEN_FAILURE,
        ERROR_NOT_SUPPORTED,
        ERROR_INVALID_PARAMETER,
        ERROR_INSUFFICIENT_BUFFER,
        ERROR_BUSY,
        ERROR_PARTIAL_COPY,
        ERROR_INVALID_USER_BUFFER,
        ERROR_MR_MID_NOT_FOUND,
        ERROR_NOT_FOUND,
    };
    char whole[512], cut[512];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        DWORD length = tcpentry_message(known[i], NULL, 0);
        CHECK(length > 0 && length < sizeof whole);
        IS(tcpentry_message(known[i], NULL, 512), length);
        IS(tcpentry_message(known[i], whole, sizeof whole), length);
        IS(strlen(whole), length);
        /* Exactly the room it takes, one less, and every other size. */
        for (DWORD size = 0; size <= length + 2; size++) {
            DWORD kept = size == 0 ? 0 : size - 1 < length ? size - 1 : length;
            memset(cut, 0x5a, sizeof cut);
            IS(tcpentry_message(known[i], cut, size), length);
            CHECK(memcmp(cut, whole, kept) == 0);
            if (size > 0)
                IS(cut[kept], 0);
            IS(cut[size > 0 ? kept + 1 : 0], 0x5a);
        }
        {
            char *exact = malloc(length + 1);
            IS(tcpentry_message(known[i], exact, length + 1), length);
            CHECK(strcmp(exact, whole) == 0);
            free(exact);
        }
    }
    IS(tcpentry_message(4711, whole, sizeof whole), 0);
    IS(whole[0], 0);
}

int main(void) {
    int listening = listener(AF_INET), listening6 = listener(AF_INET6);
    the_detail_is_the_threads_own();
    in_a_thread_that_is_ending(listening);
    nothing_given();
    a_kind_that_is_none();
    an_identity_dies_with_its_socket(listening);
    a_listener_has_an_identity_and_keeps_its_life(listening);
    text_that_is_no_identity(listening);
    batches(listening, listening6);
    messages();
    puts("done");
    return 0;
}
