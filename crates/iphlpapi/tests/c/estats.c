/* The extended statistics of connections: against TCP_INFO of the same socket, and every code. */
#include "check.h"

#include <sys/ioctl.h>

#define GET(row, type, rw, ros, rod)                                                             \
    GetPerTcpConnectionEStats(row, type, (UCHAR *)(rw), 0, sizeof *(rw), (UCHAR *)(ros), 0,      \
                              sizeof *(ros), (UCHAR *)(rod), 0, sizeof *(rod))
#define ROD(row, type, rod) \
    GetPerTcpConnectionEStats(row, type, NULL, 0, 0, NULL, 0, 0, (UCHAR *)(rod), 0, sizeof *(rod))
#define ROD6(row, type, rod) \
    GetPerTcp6ConnectionEStats(row, type, NULL, 0, 0, NULL, 0, 0, (UCHAR *)(rod), 0, sizeof *(rod))

enum { SENT = 5000 };

static struct tcp_info info_of(int fd) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
    return info;
}

/* The client sends so much, and the server reads a part of it. */
static void exchange(struct connection pair) {
    static char bytes[SENT];
    int unread = 0, unsent = 1;
    IS(send(pair.client, bytes, SENT, 0), SENT);
    while (unread < SENT || unsent > 0) {
        CHECK(ioctl(pair.server, FIONREAD, &unread) == 0);
        CHECK(ioctl(pair.client, TIOCOUTQ, &unsent) == 0);
        usleep(1000);
    }
    IS(recv(pair.server, bytes, 1000, 0), 1000);
    /* What an acknowledgement that comes later would change is at rest then. */
    usleep(300000);
}

static void the_numbers_of(struct connection pair) {
    MIB_TCPROW row = row_of(pair.client), peer = row_of(pair.server);
    struct tcp_info info = info_of(pair.client);
    TCP_ESTATS_DATA_RW_v0 rw;
    TCP_ESTATS_DATA_ROD_v0 data, other;
    TCP_ESTATS_SND_CONG_ROS_v0 limits;
    TCP_ESTATS_SND_CONG_ROD_v0 congestion;
    TCP_ESTATS_PATH_ROD_v0 path;
    TCP_ESTATS_SEND_BUFF_ROD_v0 buffer;
    TCP_ESTATS_REC_ROD_v0 receiver;
    TCP_ESTATS_OBS_REC_ROD_v0 observed;
    TCP_ESTATS_BANDWIDTH_RW_v0 switches;
    TCP_ESTATS_BANDWIDTH_ROD_v0 bandwidth;
    TCP_ESTATS_FINE_RTT_ROD_v0 fine;
    TCP_ESTATS_SYN_OPTS_ROS_v0 syn;

    IS(GetPerTcpConnectionEStats(&row, TcpConnectionEstatsData, &rw.EnableCollection, 0, sizeof rw, NULL, 0, 0,
                                 (UCHAR *)&data, 0, sizeof data),
       NO_ERROR);
    IS(rw.EnableCollection, 1);
    /* The SYN counts as one. */
    IS(data.ThruBytesAcked, SENT + 1);
    IS(data.ThruBytesReceived, 0);
    IS(ROD(&peer, TcpConnectionEstatsData, &other), NO_ERROR);
    IS(other.ThruBytesReceived, SENT);
    IS(other.DataBytesIn, SENT);
    IS(other.ThruBytesAcked, 0);
    CHECK(data.SegsOut >= 2 && data.SegsIn >= 2 && other.SegsIn >= 2);
    if (data.DataBytesOut != 0) { /* Linux 4.19 */
        CHECK(data.DataBytesOut >= SENT);
        CHECK(data.DataSegsOut >= 1 && other.DataSegsIn >= 1);
    }

    IS(GET(&row, TcpConnectionEstatsSndCong, &rw, &limits, &congestion), NO_ERROR);
    IS(limits.LimCwnd, 0);
    IS(congestion.CurCwnd, info.tcpi_snd_cwnd * info.tcpi_snd_mss);
    IS(congestion.CurSsthresh, 0xffffffff);

    IS(ROD(&row, TcpConnectionEstatsPath, &path), NO_ERROR);
    IS(path.CurMss, info.tcpi_snd_mss);
    IS(path.PktsRetrans, info.tcpi_total_retrans);
    IS(path.RetranThresh, info.tcpi_reordering);
    IS(path.CurRto, info.tcpi_rto / 1000);
    IS(path.SmoothedRtt, info.tcpi_rtt / 1000);

    IS(ROD(&row, TcpConnectionEstatsSendBuff, &buffer), NO_ERROR);
    IS(buffer.CurRetxQueue, 0);
    IS(buffer.CurAppWQueue, 0);

    IS(ROD(&peer, TcpConnectionEstatsRec, &receiver), NO_ERROR);
    IS(receiver.CurAppRQueue, SENT - 1000);
    IS(receiver.WinScaleSent, info_of(pair.server).tcpi_rcv_wscale);
    IS(ROD(&row, TcpConnectionEstatsObsRec, &observed), NO_ERROR);
    IS(observed.WinScaleRcvd, info.tcpi_snd_wscale);

    IS(GetPerTcpConnectionEStats(&row, TcpConnectionEstatsBandwidth, (UCHAR *)&switches, 0, sizeof switches, NULL, 0, 0,
                                 (UCHAR *)&bandwidth, 0, sizeof bandwidth),
       NO_ERROR);
    IS(switches.EnableCollectionOutbound, TcpBoolOptEnabled);
    IS(switches.EnableCollectionInbound, TcpBoolOptEnabled);
    IS(bandwidth.InboundBandwidth, 0);

    IS(ROD(&row, TcpConnectionEstatsFineRtt, &fine), NO_ERROR);
    IS(fine.RttVar, info.tcpi_rttvar);
    CHECK(fine.MinRtt < 60000000);

    IS(GetPerTcpConnectionEStats(&row, TcpConnectionEstatsSynOpts, NULL, 0, 0, (UCHAR *)&syn, 0, sizeof syn, NULL, 0, 0),
       NO_ERROR);
    IS(syn.MssSent, info.tcpi_advmss);
}

static void what_waits_to_be_sent(int listening) {
    struct connection pair = connect_to(listening);
    MIB_TCPROW row = row_of(pair.client);
    TCP_ESTATS_SEND_BUFF_ROD_v0 buffer;
    static char bytes[1 << 16];
    int queue;
    /* Until neither end takes any more. */
    while (send(pair.client, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    IS(errno, EAGAIN);
    CHECK(ioctl(pair.client, TIOCOUTQ, &queue) == 0);
    IS(ROD(&row, TcpConnectionEstatsSendBuff, &buffer), NO_ERROR);
    CHECK(buffer.CurAppWQueue > 0);
    IS(buffer.CurAppWQueue + buffer.CurRetxQueue, queue);
    close_both(pair);
}

static void ipv6(struct connection pair) {
    MIB_TCP6ROW row = row6_of(pair.server);
    TCP_ESTATS_DATA_ROD_v0 data;
    TCP_ESTATS_DATA_RW_v0 on = {1};
    IS(ROD6(&row, TcpConnectionEstatsData, &data), NO_ERROR);
    IS(data.ThruBytesReceived, SENT);
    IS(SetPerTcp6ConnectionEStats(&row, TcpConnectionEstatsData, &on.EnableCollection, 0, sizeof on, 0), NO_ERROR);
    row.dwRemotePort = htons(1);
    IS(ROD6(&row, TcpConnectionEstatsData, &data), ERROR_NOT_FOUND);
    IS(SetPerTcp6ConnectionEStats(&row, TcpConnectionEstatsData, &on.EnableCollection, 0, sizeof on, 0), ERROR_NOT_FOUND);
    IS(ROD6(NULL, TcpConnectionEstatsData, &data), ERROR_INVALID_PARAMETER);
}

static void codes_of_reading(struct connection pair, int listening) {
    ULONG (*raw)(const void *, int, void *, DWORD, DWORD, void *, DWORD, DWORD, void *, DWORD, DWORD);
    MIB_TCPROW row = row_of(pair.client), none = row, listens = row_of_listener(listening);
    TCP_ESTATS_DATA_ROD_v0 data;
    UCHAR room[512], before[512];
    DWORD size = sizeof data;
    *(void **)&raw = (void *)GetPerTcpConnectionEStats;
    none.dwRemotePort = htons(1);
    IS(ROD(NULL, TcpConnectionEstatsData, &data), ERROR_INVALID_PARAMETER);
    IS(raw(&row, 9, NULL, 0, 0, NULL, 0, 0, NULL, 0, 0), ERROR_INVALID_PARAMETER);
    IS(raw(&row, -1, NULL, 0, 0, NULL, 0, 0, NULL, 0, 0), ERROR_INVALID_PARAMETER);
    for (int i = 0; i < 3; i++) {
        DWORD versions[3] = {0, 0, 0}, sizes[3] = {0, 0, 0};
        versions[i] = 1;
        IS(raw(&row, 1, NULL, versions[0], 0, NULL, versions[1], 0, NULL, versions[2], 0), ERROR_NOT_SUPPORTED);
        sizes[i] = 1;
        IS(raw(&row, 1, NULL, 0, sizes[0], NULL, 0, sizes[1], NULL, 0, sizes[2]), ERROR_INVALID_USER_BUFFER);
    }
    IS(ROD(&none, TcpConnectionEstatsData, &data), ERROR_NOT_FOUND);
    IS(ROD(&listens, TcpConnectionEstatsData, &data), ERROR_NOT_FOUND);
    /* Nothing is wanted. */
    IS(raw(&row, 1, NULL, 0, 0, NULL, 0, 0, NULL, 0, 0), NO_ERROR);
    memset(room, 0x5a, sizeof room);
    memcpy(before, room, sizeof room);
    for (DWORD less = 0; less < size; less += 5)
        IS(raw(&row, 1, room, 0, 1, NULL, 0, 0, room + 256, 0, less), ERROR_INSUFFICIENT_BUFFER);
    CHECK(memcmp(room, before, sizeof room) == 0);
    /* Misaligned, and no byte behind it. */
    IS(raw(&row, 1, NULL, 0, 0, NULL, 0, 0, room + 3, 0, size + 9), NO_ERROR);
    IS(room[2], 0x5a);
    IS(room[3 + size], 0x5a);
    IS(memcmp(room + 3, before, size) == 0, 0);
}

static void codes_of_setting(struct connection pair) {
    ULONG (*raw)(const void *, int, const void *, DWORD, DWORD, DWORD);
    MIB_TCPROW row = row_of(pair.client), none = row;
    TCP_ESTATS_PATH_RW_v0 on = {1}, off = {0};
    TCP_ESTATS_BANDWIDTH_RW_v0 both = {TcpBoolOptEnabled, TcpBoolOptUnchanged};
    *(void **)&raw = (void *)SetPerTcpConnectionEStats;
    none.dwRemotePort = htons(1);
    IS(raw(&row, TcpConnectionEstatsPath, &on, 0, sizeof on, 0), NO_ERROR);
    IS(raw(&row, TcpConnectionEstatsBandwidth, &both, 0, sizeof both, 0), NO_ERROR);
    IS(raw(NULL, TcpConnectionEstatsPath, &on, 0, sizeof on, 0), ERROR_INVALID_USER_BUFFER);
    IS(raw(NULL, TcpConnectionEstatsPath, NULL, 0, 0, 0), ERROR_INVALID_PARAMETER);
    IS(raw(&row, TcpConnectionEstatsPath, NULL, 0, 0, 0), ERROR_INVALID_PARAMETER);
    IS(raw(&row, TcpConnectionEstatsPath, NULL, 0, 1, 0), ERROR_INVALID_USER_BUFFER);
    IS(raw(&row, TcpConnectionEstatsBandwidth, &both, 0, sizeof both - 1, 0), ERROR_INVALID_USER_BUFFER);
    IS(raw(&row, TcpConnectionEstatsSynOpts, &on, 0, sizeof on, 0), ERROR_INVALID_PARAMETER);
    IS(raw(&row, 9, &on, 0, sizeof on, 0), ERROR_INVALID_PARAMETER);
    IS(raw(&row, TcpConnectionEstatsPath, &on, 1, sizeof on, 0), ERROR_NOT_SUPPORTED);
    IS(raw(&row, TcpConnectionEstatsPath, &on, 0, sizeof on, 1), ERROR_NOT_SUPPORTED);
    IS(raw(&row, TcpConnectionEstatsPath, &off, 0, sizeof off, 0), ERROR_NOT_SUPPORTED);
    IS(raw(&none, TcpConnectionEstatsPath, &on, 0, sizeof on, 0), ERROR_NOT_FOUND);
}

int main(void) {
    int four = listener(AF_INET), six = listener(AF_INET6);
    struct connection pair = connect_to(four), pair6 = connect_to(six);
    exchange(pair);
    exchange(pair6);
    the_numbers_of(pair);
    what_waits_to_be_sent(four);
    ipv6(pair6);
    codes_of_reading(pair, four);
    codes_of_setting(pair);
    close_both(pair);
    close_both(pair6);
    puts("done");
    return 0;
}
