//! The layouts against those of mingw-w64: one list of types, fields and constants, compiled against their
//! headers and against ours, has to give the same numbers.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use tcpentry_testkit::skip;

use crate::compiler::{Run, compile, folder, include};

#[test]
fn they_are_those_of_mingw() {
    if !Path::new(MINGW).join("iphlpapi.h").exists() {
        skip!("no headers of mingw-w64 (Debian package mingw-w64-common)");
    }
    let mut theirs = Command::new("gcc");
    theirs.args(["-w", "-isystem", MINGW]).args(WINDOWS);
    let theirs = numbers(
        "theirs",
        theirs,
        "#include <winsock2.h>\n#include <ws2tcpip.h>",
    );
    let mut ours = Command::new("gcc");
    ours.arg(include());
    let ours = numbers("ours", ours, "");
    assert_eq!(ours.lines().count(), theirs.lines().count());
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs);
    }
}

/// Every type that the published pages name is in the list, and so is each of its fields.
#[test]
fn the_list_is_whole() {
    let header = concat!(
        include_str!("../../include/tcpmib.h"),
        include_str!("../../include/udpmib.h"),
        include_str!("../../include/tcpestats.h"),
    );
    for (name, fields) in TYPES {
        // These hold a union without a name.
        let has_union = matches!(*name, "MIB_TCPROW" | "MIB_TCPSTATS")
            || (name.starts_with("MIB_UDP") && name.ends_with("ROW_OWNER_MODULE"));
        let is_listed = ["MIB_TCP", "MIB_UDP", "TCP_ESTATS_"].iter();
        if has_union || !is_listed.clone().any(|start| name.starts_with(start)) || fields.is_empty()
        {
            continue;
        }
        let start = header.find(&format!("typedef struct _{name} {{")).unwrap();
        let body = &header[start..start + header[start..].find("\n}").unwrap()];
        let declared = body.lines().skip(1).filter_map(|line| {
            let line = line.split("/*").next()?.trim();
            let name = line.strip_suffix(';')?.split('[').next()?;
            name.rsplit(' ').next().map(str::to_owned)
        });
        assert_eq!(declared.collect::<Vec<_>>(), *fields, "{name}");
    }
}

fn numbers(name: &str, mut compiler: Command, includes: &str) -> String {
    let mut text = format!("{includes}\n#include <iphlpapi.h>\nint printf(const char *, ...);\n");
    text += "#define PRINT(what, number) printf(\"%s %lld\\n\", what, (long long)(number))\n";
    text += "int main(void) {\n";
    for (name, fields) in TYPES {
        let _ = writeln!(text, "PRINT(\"sizeof {name}\", sizeof({name}));");
        // Ours is the system's, which is aligned to 4; it stands at such offsets everywhere.
        if *name != "IN6_ADDR" {
            let _ = writeln!(text, "PRINT(\"alignof {name}\", _Alignof({name}));");
        }
        for field in *fields {
            let _ = writeln!(
                text,
                "PRINT(\"offsetof {name}.{field}\", __builtin_offsetof({name}, {field}));\n\
                 PRINT(\"sizeof {name}.{field}\", sizeof((({name} *)0)->{field}));"
            );
        }
    }
    for constant in CONSTANTS {
        let _ = writeln!(text, "PRINT(\"{constant}\", {constant});");
    }
    text += "return 0;\n}\n";
    let folder = folder().join("layouts");
    fs::create_dir_all(&folder).unwrap();
    let source = folder.join(format!("{name}.{}.c", std::process::id()));
    fs::write(&source, text).unwrap();
    let target = folder.join(name);
    compiler.arg("-std=gnu11").arg(&source);
    compile(compiler, &target);
    fs::remove_file(source).unwrap();
    Run::of(&mut Command::new(target)).success()
}

const MINGW: &str = "/usr/share/mingw-w64/include";

/// The definitions built into a compiler for Windows. `long` has 32 bits there, which the headers handle.
/// ALIGN_SIZE is used by these headers without a definition.
const WINDOWS: [&str; 10] = [
    "-DALIGN_SIZE=8",
    "-D_WIN32",
    "-D_WIN64",
    "-D_WIN32_WINNT=0x0600",
    "-D__int64=long long",
    "-D__cdecl=",
    "-D_cdecl=",
    "-D__stdcall=",
    "-D__fastcall=",
    "-D__declspec(x)=__attribute__((x))",
];

const ENDS: [&str; 5] = [
    "dwState",
    "dwLocalAddr",
    "dwLocalPort",
    "dwRemoteAddr",
    "dwRemotePort",
];
const TABLE: &[&str] = &["dwNumEntries", "table"];

/// The types and their fields, in their order.
const TYPES: &[(&str, &[&str])] = &[
    ("DWORD", &[]),
    ("ULONG", &[]),
    ("BOOL", &[]),
    ("WCHAR", &[]),
    ("LARGE_INTEGER", &["QuadPart"]),
    ("MIB_TCP_STATE", &[]),
    ("TCP_TABLE_CLASS", &[]),
    ("TCPIP_OWNER_MODULE_INFO_CLASS", &[]),
    ("TCP_CONNECTION_OFFLOAD_STATE", &[]),
    ("IN6_ADDR", &[]),
    ("MIB_TCPROW", &ENDS),
    ("MIB_TCPTABLE", TABLE),
    (
        "MIB_TCPROW2",
        &[
            ENDS[0],
            ENDS[1],
            ENDS[2],
            ENDS[3],
            ENDS[4],
            "dwOwningPid",
            "dwOffloadState",
        ],
    ),
    ("MIB_TCPTABLE2", TABLE),
    (
        "MIB_TCPROW_OWNER_PID",
        &[ENDS[0], ENDS[1], ENDS[2], ENDS[3], ENDS[4], "dwOwningPid"],
    ),
    ("MIB_TCPTABLE_OWNER_PID", TABLE),
    (
        "MIB_TCPROW_OWNER_MODULE",
        &[
            ENDS[0],
            ENDS[1],
            ENDS[2],
            ENDS[3],
            ENDS[4],
            "dwOwningPid",
            "liCreateTimestamp",
            "OwningModuleInfo",
        ],
    ),
    ("MIB_TCPTABLE_OWNER_MODULE", TABLE),
    (
        "MIB_TCP6ROW",
        &[
            "State",
            "LocalAddr",
            "dwLocalScopeId",
            "dwLocalPort",
            "RemoteAddr",
            "dwRemoteScopeId",
            "dwRemotePort",
        ],
    ),
    ("MIB_TCP6TABLE", TABLE),
    (
        "MIB_TCP6ROW2",
        &[
            "LocalAddr",
            "dwLocalScopeId",
            "dwLocalPort",
            "RemoteAddr",
            "dwRemoteScopeId",
            "dwRemotePort",
            "State",
            "dwOwningPid",
            "dwOffloadState",
        ],
    ),
    ("MIB_TCP6TABLE2", TABLE),
    (
        "MIB_TCP6ROW_OWNER_PID",
        &[
            "ucLocalAddr",
            "dwLocalScopeId",
            "dwLocalPort",
            "ucRemoteAddr",
            "dwRemoteScopeId",
            "dwRemotePort",
            "dwState",
            "dwOwningPid",
        ],
    ),
    ("MIB_TCP6TABLE_OWNER_PID", TABLE),
    (
        "MIB_TCP6ROW_OWNER_MODULE",
        &[
            "ucLocalAddr",
            "dwLocalScopeId",
            "dwLocalPort",
            "ucRemoteAddr",
            "dwRemoteScopeId",
            "dwRemotePort",
            "dwState",
            "dwOwningPid",
            "liCreateTimestamp",
            "OwningModuleInfo",
        ],
    ),
    ("MIB_TCP6TABLE_OWNER_MODULE", TABLE),
    (
        "MIB_TCPSTATS",
        &[
            "dwRtoAlgorithm",
            "dwRtoMin",
            "dwRtoMax",
            "dwMaxConn",
            "dwActiveOpens",
            "dwPassiveOpens",
            "dwAttemptFails",
            "dwEstabResets",
            "dwCurrEstab",
            "dwInSegs",
            "dwOutSegs",
            "dwRetransSegs",
            "dwInErrs",
            "dwOutRsts",
            "dwNumConns",
        ],
    ),
    ("MIB_UDPROW", &["dwLocalAddr", "dwLocalPort"]),
    ("MIB_UDPTABLE", &["dwNumEntries", "table"]),
    (
        "MIB_UDPROW_OWNER_PID",
        &["dwLocalAddr", "dwLocalPort", "dwOwningPid"],
    ),
    ("MIB_UDPTABLE_OWNER_PID", &["dwNumEntries", "table"]),
    (
        "MIB_UDPROW_OWNER_MODULE",
        &[
            "dwLocalAddr",
            "dwLocalPort",
            "dwOwningPid",
            "liCreateTimestamp",
            "dwFlags",
            "OwningModuleInfo",
        ],
    ),
    ("MIB_UDPTABLE_OWNER_MODULE", &["dwNumEntries", "table"]),
    (
        "MIB_UDP6ROW",
        &["dwLocalAddr", "dwLocalScopeId", "dwLocalPort"],
    ),
    ("MIB_UDP6TABLE", &["dwNumEntries", "table"]),
    (
        "MIB_UDP6ROW_OWNER_PID",
        &[
            "ucLocalAddr",
            "dwLocalScopeId",
            "dwLocalPort",
            "dwOwningPid",
        ],
    ),
    ("MIB_UDP6TABLE_OWNER_PID", &["dwNumEntries", "table"]),
    (
        "MIB_UDP6ROW_OWNER_MODULE",
        &[
            "ucLocalAddr",
            "dwLocalScopeId",
            "dwLocalPort",
            "dwOwningPid",
            "liCreateTimestamp",
            "dwFlags",
            "OwningModuleInfo",
        ],
    ),
    ("MIB_UDP6TABLE_OWNER_MODULE", &["dwNumEntries", "table"]),
    (
        "MIB_UDPSTATS",
        &[
            "dwInDatagrams",
            "dwNoPorts",
            "dwInErrors",
            "dwOutDatagrams",
            "dwNumAddrs",
        ],
    ),
    (
        "TCP_ESTATS_SYN_OPTS_ROS_v0",
        &["ActiveOpen", "MssRcvd", "MssSent"],
    ),
    ("TCP_ESTATS_DATA_RW_v0", &["EnableCollection"]),
    (
        "TCP_ESTATS_DATA_ROD_v0",
        &[
            "DataBytesOut",
            "DataSegsOut",
            "DataBytesIn",
            "DataSegsIn",
            "SegsOut",
            "SegsIn",
            "SoftErrors",
            "SoftErrorReason",
            "SndUna",
            "SndNxt",
            "SndMax",
            "ThruBytesAcked",
            "RcvNxt",
            "ThruBytesReceived",
        ],
    ),
    ("TCP_ESTATS_SND_CONG_RW_v0", &["EnableCollection"]),
    ("TCP_ESTATS_SND_CONG_ROS_v0", &["LimCwnd"]),
    (
        "TCP_ESTATS_SND_CONG_ROD_v0",
        &[
            "SndLimTransRwin",
            "SndLimTimeRwin",
            "SndLimBytesRwin",
            "SndLimTransCwnd",
            "SndLimTimeCwnd",
            "SndLimBytesCwnd",
            "SndLimTransSnd",
            "SndLimTimeSnd",
            "SndLimBytesSnd",
            "SlowStart",
            "CongAvoid",
            "OtherReductions",
            "CurCwnd",
            "MaxSsCwnd",
            "MaxCaCwnd",
            "CurSsthresh",
            "MaxSsthresh",
            "MinSsthresh",
        ],
    ),
    ("TCP_ESTATS_PATH_RW_v0", &["EnableCollection"]),
    (
        "TCP_ESTATS_PATH_ROD_v0",
        &[
            "FastRetran",
            "Timeouts",
            "SubsequentTimeouts",
            "CurTimeoutCount",
            "AbruptTimeouts",
            "PktsRetrans",
            "BytesRetrans",
            "DupAcksIn",
            "SacksRcvd",
            "SackBlocksRcvd",
            "CongSignals",
            "PreCongSumCwnd",
            "PreCongSumRtt",
            "PostCongSumRtt",
            "PostCongCountRtt",
            "EcnSignals",
            "EceRcvd",
            "SendStall",
            "QuenchRcvd",
            "RetranThresh",
            "SndDupAckEpisodes",
            "SumBytesReordered",
            "NonRecovDa",
            "NonRecovDaEpisodes",
            "AckAfterFr",
            "DsackDups",
            "SampleRtt",
            "SmoothedRtt",
            "RttVar",
            "MaxRtt",
            "MinRtt",
            "SumRtt",
            "CountRtt",
            "CurRto",
            "MaxRto",
            "MinRto",
            "CurMss",
            "MaxMss",
            "MinMss",
            "SpuriousRtoDetections",
        ],
    ),
    ("TCP_ESTATS_SEND_BUFF_RW_v0", &["EnableCollection"]),
    (
        "TCP_ESTATS_SEND_BUFF_ROD_v0",
        &[
            "CurRetxQueue",
            "MaxRetxQueue",
            "CurAppWQueue",
            "MaxAppWQueue",
        ],
    ),
    ("TCP_ESTATS_REC_RW_v0", &["EnableCollection"]),
    (
        "TCP_ESTATS_REC_ROD_v0",
        &[
            "CurRwinSent",
            "MaxRwinSent",
            "MinRwinSent",
            "LimRwin",
            "DupAckEpisodes",
            "DupAcksOut",
            "CeRcvd",
            "EcnSent",
            "EcnNoncesRcvd",
            "CurReasmQueue",
            "MaxReasmQueue",
            "CurAppRQueue",
            "MaxAppRQueue",
            "WinScaleSent",
        ],
    ),
    ("TCP_ESTATS_OBS_REC_RW_v0", &["EnableCollection"]),
    (
        "TCP_ESTATS_OBS_REC_ROD_v0",
        &["CurRwinRcvd", "MaxRwinRcvd", "MinRwinRcvd", "WinScaleRcvd"],
    ),
    (
        "TCP_ESTATS_BANDWIDTH_RW_v0",
        &["EnableCollectionOutbound", "EnableCollectionInbound"],
    ),
    (
        "TCP_ESTATS_BANDWIDTH_ROD_v0",
        &[
            "OutboundBandwidth",
            "InboundBandwidth",
            "OutboundInstability",
            "InboundInstability",
            "OutboundBandwidthPeaked",
            "InboundBandwidthPeaked",
        ],
    ),
    ("TCP_ESTATS_FINE_RTT_RW_v0", &["EnableCollection"]),
    (
        "TCP_ESTATS_FINE_RTT_ROD_v0",
        &["RttVar", "MaxRtt", "MinRtt", "SumRtt"],
    ),
    (
        "TCPIP_OWNER_MODULE_BASIC_INFO",
        &["pModuleName", "pModulePath"],
    ),
];

/// The constants of both, except `SIZEOF_TCP6TABLE_OWNER_MODULE`, which multiplies by the wrong row there.
const CONSTANTS: &[&str] = &[
    "MIB_TCP_STATE_CLOSED",
    "MIB_TCP_STATE_LISTEN",
    "MIB_TCP_STATE_SYN_SENT",
    "MIB_TCP_STATE_SYN_RCVD",
    "MIB_TCP_STATE_ESTAB",
    "MIB_TCP_STATE_FIN_WAIT1",
    "MIB_TCP_STATE_FIN_WAIT2",
    "MIB_TCP_STATE_CLOSE_WAIT",
    "MIB_TCP_STATE_CLOSING",
    "MIB_TCP_STATE_LAST_ACK",
    "MIB_TCP_STATE_TIME_WAIT",
    "MIB_TCP_STATE_DELETE_TCB",
    "TcpConnectionOffloadStateInHost",
    "TcpConnectionOffloadStateOffloading",
    "TcpConnectionOffloadStateOffloaded",
    "TcpConnectionOffloadStateUploading",
    "TcpConnectionOffloadStateMax",
    "TCP_TABLE_BASIC_LISTENER",
    "TCP_TABLE_BASIC_CONNECTIONS",
    "TCP_TABLE_BASIC_ALL",
    "TCP_TABLE_OWNER_PID_LISTENER",
    "TCP_TABLE_OWNER_PID_CONNECTIONS",
    "TCP_TABLE_OWNER_PID_ALL",
    "TCP_TABLE_OWNER_MODULE_LISTENER",
    "TCP_TABLE_OWNER_MODULE_CONNECTIONS",
    "TCP_TABLE_OWNER_MODULE_ALL",
    "TCPIP_OWNER_MODULE_INFO_BASIC",
    "UDP_TABLE_BASIC",
    "UDP_TABLE_OWNER_PID",
    "UDP_TABLE_OWNER_MODULE",
    "TcpConnectionEstatsSynOpts",
    "TcpConnectionEstatsData",
    "TcpConnectionEstatsSndCong",
    "TcpConnectionEstatsPath",
    "TcpConnectionEstatsSendBuff",
    "TcpConnectionEstatsRec",
    "TcpConnectionEstatsObsRec",
    "TcpConnectionEstatsBandwidth",
    "TcpConnectionEstatsFineRtt",
    "TcpConnectionEstatsMaximum",
    "TcpBoolOptDisabled",
    "TcpBoolOptEnabled",
    "TcpBoolOptUnchanged",
    "TCPIP_OWNING_MODULE_SIZE",
    "MIB_TCP_RTO_OTHER",
    "MIB_TCP_RTO_CONSTANT",
    "MIB_TCP_RTO_RSRE",
    "MIB_TCP_RTO_VANJ",
    "ANY_SIZE",
    "TRUE",
    "FALSE",
    "NO_ERROR",
    "ERROR_SUCCESS",
    "ERROR_TOO_MANY_OPEN_FILES",
    "ERROR_ACCESS_DENIED",
    "ERROR_NOT_ENOUGH_MEMORY",
    "ERROR_GEN_FAILURE",
    "ERROR_NOT_SUPPORTED",
    "ERROR_INVALID_PARAMETER",
    "ERROR_INSUFFICIENT_BUFFER",
    "ERROR_BUSY",
    "ERROR_MR_MID_NOT_FOUND",
    "ERROR_NOT_FOUND",
    "ERROR_PARTIAL_COPY",
    "ERROR_INVALID_USER_BUFFER",
    "SIZEOF_TCPTABLE(3)",
    "SIZEOF_TCPTABLE_OWNER_PID(3)",
    "SIZEOF_TCPTABLE_OWNER_MODULE(3)",
    "SIZEOF_TCP6TABLE_OWNER_PID(3)",
    "SIZEOF_UDPTABLE(3)",
    "SIZEOF_UDPTABLE_OWNER_PID(3)",
    "SIZEOF_UDPTABLE_OWNER_MODULE(3)",
    "SIZEOF_UDP6TABLE_OWNER_PID(3)",
    "SIZEOF_UDP6TABLE_OWNER_MODULE(3)",
];
