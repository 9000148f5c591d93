//! The sockets that rows name are deleted, so this runs in a network namespace of its own, with some listeners and no
//! connection, or not at all.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: leave_the_network(),
    |data: &[u8]| iphlpapi::fuzz::c_rows(data)
);

/// Enters it before any thread is started, so that none stays outside.
fn leave_the_network() {
    // SAFETY: it touches no memory, and this process has a single thread.
    let left = unsafe {
        libc::unshare(libc::CLONE_NEWNET) == 0
            || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) == 0
    };
    assert!(left, "no network namespace can be made here");
    // Another one inside, with a small hash table of its own: every dump goes through all of it. Where that is refused it is
    // slower (30 inputs a second with the table of a machine).
    if std::fs::write("/proc/sys/net/ipv4/tcp_child_ehash_entries", "1024").is_ok() {
        // SAFETY: as above.
        let left = unsafe { libc::unshare(libc::CLONE_NEWNET) == 0 };
        assert!(left, "no second network namespace can be made here");
    }
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("proc");
    assert_eq!(table.lines().count(), 1, "it is empty");
    // They listen as long as the process lives.
    std::mem::forget(iphlpapi::fuzz::listeners().expect("listeners"));
}
