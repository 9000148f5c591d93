//! `tcpentry why`: a connection that is really in that condition, and the sentence.

use tcpentry_testkit::{isolated, tcp, until};

use crate::util::{ends, fill, identity, run, run_with_input};

/// Makes a connection whose server does not read, and whose client has filled it.
fn stuck() -> tcp::Ends {
    let ends = tcp::connected();
    fill(&ends.client);
    let words = self::ends(&ends.client);
    // The peer's kernel takes a little more at first.
    until("nothing is taken any more", || {
        let said = run(&format!("why --watch 500ms {words}"));
        said.out.contains("its window is closed")
    });
    ends
}

#[test]
fn a_stuck_connection_is_explained_at_both_ends() {
    isolated(|| {
        let connection = stuck();
        let (local, peer) = tcp::addresses(&connection.client);
        let said = run(&format!("why {}", ends(&connection.client)));
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        assert_eq!(said.out.lines().next(), Some("LOCAL\tPEER\tCAUSE\tWHY"));
        let rows = said.rows();
        let [row] = &rows[..] else {
            panic!("{}", said.out);
        };
        assert_eq!(
            row[..3],
            [&local.to_string(), &peer.to_string(), "peer-not-reading"]
        );
        assert!(row[3].starts_with("the peer is not reading: "), "{row:?}");
        assert!(
            row[3].ends_with(" wait, its window is closed (for 1 s that were watched)"),
            "{row:?}"
        );

        let server = run(&format!("why --json {}", ends(&connection.server)));
        let object = &server.objects()[0];
        assert_eq!(object["cause"], "not-read");
        let sentence = object["sentence"].as_str().unwrap();
        assert!(
            sentence.starts_with("the application here has not read "),
            "{sentence}"
        );
        assert!(object["watched_ms"].as_u64().unwrap() >= 1000);
        assert_eq!(object["local"], peer.to_string());
        assert!(object["rtt_us"].is_u64(), "the counters are there");
    });
}

#[test]
fn one_reading_knows_no_time() {
    isolated(|| {
        let connection = stuck();
        let said = run(&format!(
            "why --watch 0s --no-header {}",
            ends(&connection.client)
        ));
        assert!(said.out.ends_with("its window is closed\n"), "{}", said.out);
    });
}

#[test]
fn json_has_the_next_retry_and_its_end() {
    isolated(|| {
        let (listener, _first) = tcp::full_listener();
        let to = listener.local_addr().unwrap();
        let client = tcp::socket(to);
        client.set_nonblocking(true).unwrap();
        assert!(client.connect(&to.into()).is_err(), "it is under way");
        let said = run("why --json --watch 0s state syn-sent");
        let object = &said.objects()[0];
        assert_eq!(object["cause"], "connecting", "{}", said.out);
        let (next, end) = (&object["next_ms"], &object["given_up_ms"]);
        assert!(next.as_u64().unwrap() <= 1000, "{next}");
        assert!(end.as_u64() > next.as_u64(), "{end}");
        assert_eq!(object["given_up_by"], "net.ipv4.tcp_syn_retries");
        let others = run("why --json --watch 0s state established").objects();
        assert!(others[0]["next_ms"].is_null() && others[0]["given_up_ms"].is_null());
    });
}

#[test]
fn connections_are_named_as_for_delete() {
    isolated(|| {
        let connection = tcp::connected();
        let (local, peer) = tcp::addresses(&connection.client);
        let id = identity(local);
        let port = peer.port();
        for words in [
            format!("{local} {peer}"),
            format!("--id {id}"),
            format!("dport = :{port}"),
            format!(
                "{} {} {} {}",
                local.ip(),
                local.port(),
                peer.ip(),
                peer.port()
            ),
        ] {
            let said = run(&format!("why --watch 0s --no-header {words}"));
            assert_eq!((said.code, said.err.as_str()), (0, ""), "{words}");
            assert!(
                said.out.starts_with(&format!("{local}\t{peer}\t")),
                "{words}: {}",
                said.out
            );
        }
        let input = run("list --json").out;
        let said = run_with_input("why --watch 0s --id -", &input);
        assert_eq!(said.rows().len(), 2);
    });
}

#[test]
fn what_is_not_there_and_what_makes_no_sense() {
    isolated(|| {
        let gone = run("why 127.0.0.1:1 127.0.0.1:2");
        assert_eq!((gone.code, gone.out.as_str()), (1, ""));
        assert!(gone.err.contains("no such connection"), "{}", gone.err);
        let none = run("why dst 192.0.2.1");
        assert_eq!((none.code, none.out.as_str()), (0, ""));
        for (words, said) in [
            ("why", "tcpentry: which connection?"),
            (
                "why 127.0.0.1:1",
                "tcpentry: `127.0.0.1:1` names one end; a connection has two",
            ),
            (
                "why -a 127.0.0.1:1 127.0.0.1:2",
                "tcpentry: --all needs a filter, but the words name connections exactly",
            ),
            (
                "why --on host state established",
                "tcpentry: --on is an option of `list`, not of `why`",
            ),
            (
                "why --watch 1x state established",
                "tcpentry: --watch: `x` is not a unit of time",
            ),
        ] {
            let refused = run(words);
            assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{words}");
            assert!(refused.err.starts_with(said), "{words}: {}", refused.err);
            assert!(
                !refused.err.contains("tcpentry delete"),
                "{words}: {}",
                refused.err
            );
        }
    });
}
