//! Sets of nftables: whoever fills them, and whatever they hold, what their elements name ends once.

use std::time::Duration;

use tcpentry_testkit::link::ip;
use tcpentry_testkit::until;

use super::{Service, rule, wake_ups};
use crate::lab::{
    CLIENT, CLIENT_V6, HERE, HERE_V6, OTHER, RESET, Stage, listen, nft, nft_file, on_a_stage, told,
};
use crate::util::is_alive;

const RULE: &str =
    "[rule.banned]\nwhen = \"set inet f2b-table addr*-set-*\"\ndelete = \"dst $elements\"\n";

fn start(stage: &Stage, rules: &str) -> Service {
    Service::start(stage.command(&[]), rules)
}

fn add_set(name: &str, rest: &str) {
    nft("add table inet f2b-table");
    nft(&format!("add set inet f2b-table {name} {{ {rest} ; }}"));
}

#[test]
fn plain_prefix_and_timed_elements_end_what_they_name_also_in_sets_made_later() {
    on_a_stage(|stage| {
        let (ssh, v6) = (listen(HERE, 22), listen(HERE_V6, 22));
        let first = stage.connect(CLIENT, HERE, 22, &ssh);
        let kept = stage.connect(OTHER, HERE, 22, &ssh);
        add_set("addr-set-sshd", "type ipv4_addr");
        add_set("other", "type ipv4_addr");
        nft("add element inet f2b-table addr-set-sshd { 10.98.0.2 }");
        let service = start(stage, RULE);
        until("what was there is taken", || told(&first) == RESET);
        // An element after the start, of a set that is not meant, and of sets that come later.
        nft("add element inet f2b-table other { 10.98.0.3 }");
        add_set("addr-set-long", "type ipv4_addr ; flags interval, timeout");
        let second = stage.connect(CLIENT, HERE, 22, &ssh);
        nft("add element inet f2b-table addr-set-long { 10.98.0.2/32 timeout 1h }");
        until("the prefix with a timeout is taken", || {
            told(&second) == RESET
        });
        add_set("addr6-set-sshd", "type ipv6_addr ; flags interval");
        let third = stage.connect(CLIENT_V6, HERE_V6, 22, &v6);
        nft("add element inet f2b-table addr6-set-sshd { fd98::2-fd98::5 }");
        until("the range is taken", || told(&third) == RESET);
        service.logs_times("deleted: ", 3);
        assert!(is_alive(&kept));
    });
}

#[test]
fn what_is_announced_again_is_nothing_new() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        add_set("addr-set-sshd", "type ipv4_addr");
        nft("add element inet f2b-table addr-set-sshd { 10.98.0.2 }");
        let service = start(stage, RULE);
        let looks = || {
            let status = stage.run("guard status --json").objects().remove(0);
            rule(&status, "banned")["looks"].as_u64().unwrap()
        };
        until("it has looked for what was there", || looks() == 1);
        let later = stage.connect(CLIENT, HERE, 22, &ssh);
        let witness = stage.connect(OTHER, HERE, 22, &ssh);
        nft("add element inet f2b-table addr-set-sshd { 10.98.0.2 }");
        // A firewall that is loaded again: as one transaction, with the set, and with the whole table.
        nft_file(
            "flush set inet f2b-table addr-set-sshd\n\
             add element inet f2b-table addr-set-sshd { 10.98.0.2 }\n",
        );
        nft_file(
            "delete table inet f2b-table\n\
             add table inet f2b-table\n\
             add set inet f2b-table addr-set-sshd { type ipv4_addr; }\n\
             add element inet f2b-table addr-set-sshd { 10.98.0.2 }\n",
        );
        nft("add element inet f2b-table addr-set-sshd { 10.98.0.3 }");
        until("the witness is taken", || told(&witness) == RESET);
        service.logs("deleted: ");
        assert!(is_alive(&later), "{}", service.log());
        assert_eq!(service.counts("deleted: "), 1, "{}", service.log());
        // One that was away is new when it comes back.
        nft("delete element inet f2b-table addr-set-sshd { 10.98.0.2 }");
        let before = looks();
        nft("add element inet f2b-table addr-set-sshd { 10.98.0.2 }");
        until("it is taken", || told(&later) == RESET);
        assert!(looks() > before);
    });
}

#[test]
fn a_set_that_packets_fill_is_looked_at_again_and_again() {
    on_a_stage(|stage| {
        let ssh = listen(HERE, 22);
        add_set(
            "addr-set-dyn",
            "type ipv4_addr ; flags dynamic, timeout ; timeout 1h ; size 100",
        );
        nft("add chain inet f2b-table in { type filter hook input priority 0 ; }");
        nft("add rule inet f2b-table in tcp dport 23 add @addr-set-dyn { ip saddr }");
        let service = start(stage, RULE);
        let caught = stage.connect(CLIENT, HERE, 22, &ssh);
        let kept = stage.connect(OTHER, HERE, 22, &ssh);
        let trap = listen(HERE, 23);
        let _trapped = stage.connect(CLIENT, HERE, 23, &trap);
        until("the packet's address is taken", || told(&caught) == RESET);
        assert!(is_alive(&kept));
        service.logs("deleted: ");
    });
}

#[test]
fn this_host_its_gateways_never_and_except_end_nothing() {
    on_a_stage(|stage| {
        ip(&["route add default via 10.98.0.3"]);
        let (ssh, web) = (listen(HERE, 22), listen(HERE, 80));
        let by_gateway = stage.connect(OTHER, HERE, 22, &ssh);
        let by_exception = stage.connect(CLIENT, HERE, 22, &ssh);
        let ends = stage.connect(CLIENT, HERE, 80, &web);
        add_set("addr-set-sshd", "type ipv4_addr");
        add_set("addr-set-wide", "type ipv4_addr ; flags interval");
        let rules =
            format!("[guard]\nnever = [\"192.0.2.0/24\"]\n{RULE}except = \"sport = :22\"\n");
        let service = start(stage, &rules);
        nft("add element inet f2b-table addr-set-sshd { 10.98.0.1, 10.98.0.3, 192.0.2.7 }");
        for reason in [
            "not taken: 10.98.0.1 is an address of this host",
            "not taken: 10.98.0.3 is a default gateway of this host",
            "not taken: 192.0.2.7 is in 192.0.2.0/24, which is never taken from an event",
        ] {
            service.logs(reason);
        }
        // What holds one of them is taken without it.
        nft("add element inet f2b-table addr-set-wide { 10.98.0.0/24 }");
        until("the rest of the prefix is taken", || told(&ends) == RESET);
        service.logs("deleted: ");
        assert!(is_alive(&by_gateway) && is_alive(&by_exception));
        assert_eq!(service.counts("deleted: "), 1, "{}", service.log());
    });
}

#[test]
fn behind_a_published_port_only_a_rule_of_all_namespaces_finds_it() {
    on_a_stage(|stage| {
        Stage::publish(8080, 80);
        let listener = stage.listen_in_container(80);
        let banned = stage.connect(CLIENT, HERE, 8080, &listener);
        let kept = stage.connect(OTHER, HERE, 8080, &listener);
        add_set("addr-set-web", "type ipv4_addr");
        let service = start(stage, RULE);
        nft("add element inet f2b-table addr-set-web { 10.98.0.2 }");
        let own = || stage.run("guard status --json").objects().remove(0);
        until("the rule has looked", || {
            rule(&own(), "banned")["looks"] == 1
        });
        assert_eq!(rule(&own(), "banned")["matched"], 0);
        assert!(is_alive(&banned));
        service.end().0.success().then_some(()).unwrap();
        let service = start(stage, &format!("{RULE}netns = \"all\"\n"));
        until("it has ended", || told(&banned) == RESET);
        assert!(is_alive(&kept));
        service.logs(" in container");
    });
}

#[test]
fn a_rule_that_a_reload_takes_away_costs_nothing_more() {
    on_a_stage(|stage| {
        add_set("addr-set-dyn", "type ipv4_addr ; flags dynamic ; size 100");
        let left = "[rule.left]\nwhen = \"address-removed\"\ndelete = \"src $address\"\n";
        let service = start(stage, &format!("{RULE}{left}"));
        ip(&["addr del 10.97.0.1/24 dev h1"]);
        service.reload("[rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n");
        // Longer than the time between two looks at the set.
        std::thread::sleep(Duration::from_secs(6));
        let before = wake_ups(service.pid);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(wake_ups(service.pid), before);
    });
}
