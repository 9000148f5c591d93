//! The program where the system is shown to it in part, or refused: a container's boot id, `/proc` in part or not at all, a
//! filter of system calls.

use tcpentry_testkit::{isolated, skip, stage, tcp};

use crate::util::{is_alive, run};

/// Changes what is mounted for the rest of a test, or skips it.
macro_rules! mount {
    ($mounted:expr) => {
        if let Err(reason) = $mounted {
            skip!("no mount namespace: {reason}");
        }
    };
}

#[test]
fn an_identity_of_another_boot_id_is_guarded_while_its_connection_lives() {
    isolated(|| {
        let doomed = tcp::connected();
        let id = || {
            let listed = run(&format!(
                "list --json src {}",
                doomed.client.local_addr().unwrap()
            ));
            listed.objects()[0]["id"].as_str().unwrap().to_owned()
        };
        let of_the_host = id();
        mount!(stage::with_boot_id("01234567-89ab-cdef-0123-456789abcdef"));
        let of_the_container = id();
        assert_ne!(of_the_host, of_the_container);
        for words in ["delete -n --json --id", "delete --json --id"] {
            let refused = run(&format!("{words} {of_the_host}"));
            assert_eq!(refused.code, 3, "{}", refused.err);
            let object = &refused.objects()[0];
            assert_eq!(object["outcome"], "guarded");
            assert_eq!(object["guard"], "other-boot");
            assert_eq!(object["win32"], 1168);
        }
        let refused = run(&format!("delete --id {of_the_host}"));
        assert!(refused.err.contains("boot id"), "{}", refused.err);
        assert!(
            refused.err.contains("\nhint: list it here (list --id)"),
            "{}",
            refused.err
        );
        assert!(is_alive(&doomed));
        let deleted = run(&format!("delete --id {of_the_container}"));
        assert_eq!(deleted.code, 0, "{}", deleted.err);
        assert!(!is_alive(&doomed));
        let gone = run(&format!("delete --id {of_the_host}"));
        assert_eq!(gone.code, 1, "{}", gone.err);
    });
}
