//! The service's own user: it can do what its rules ask for with exactly the rights that `guard check` names.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, kill_process};
use tcpentry_testkit::user::others;
use tcpentry_testkit::{skip, until};

use super::{Service, ServiceFolder, alone};
use crate::lab::{CLIENT, HERE, OTHER, RESET, Stage, nft, on_a_stage, told};
use crate::util::{Run, connections, is_alive, run};

/// Returns the rights that `guard check` names for the unit, as setpriv(1) takes them.
fn named(checked: &Run) -> String {
    let mut lines = checked.out.lines();
    let unit = lines.find_map(|it| it.split_once("AmbientCapabilities="));
    let (_, named) = unit.unwrap_or_else(|| panic!("{}{}", checked.out, checked.err));
    let names = named.split_whitespace().map(str::to_lowercase);
    let rights = names.map(|it| format!(",+{}", it.strip_prefix("cap_").unwrap()));
    rights.collect()
}

/// Makes `setpriv` start a copy of the program as the service's user with these rights.
fn as_user(mut setpriv: Command, rights: &str) -> Command {
    setpriv
        .args(["--reuid=4005", "--regid=4005", "--clear-groups"])
        .args([
            format!("--inh-caps=-all{rights}"),
            format!("--ambient-caps=-all{rights}"),
        ])
        .arg("/run/program")
        .env("RUNTIME_DIRECTORY", "/run/of-the-service");
    setpriv
}

/// Gives the user what systemd would: a folder for its socket, one for its state; and a program that it may run.
fn prepare(run: &Path, folder: &ServiceFolder) {
    fs::copy(env!("CARGO_BIN_EXE_tcpentry"), run.join("program")).unwrap();
    fs::set_permissions(run.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(run.join("of-the-service")).unwrap();
    for path in [folder.0.clone(), run.join("of-the-service")] {
        chown(path, Some(4005), Some(4005)).unwrap();
    }
}

/// Runs a test with a `/run` of its own in which there are other users, or skips it.
fn with_other_users(body: impl FnOnce() + Send + 'static) {
    alone(|| {
        if !others() {
            skip!("only one user is mapped here");
        }
        body();
    });
}

fn check(folder: &ServiceFolder) -> String {
    format!(
        "guard check --config {}",
        folder.path("rules.toml").display()
    )
}

#[test]
fn a_rule_that_looks_takes_what_check_names_and_says_what_fails_without() {
    with_other_users(|| {
        let (all, _listener, port) = connections(2);
        let rules = format!("[rule.one]\nevery = \"200ms\"\ndelete = \"dport = :{port}\"\n");
        let folder = ServiceFolder::new(&rules);
        let rights = named(&run(&check(&folder)));
        assert_eq!(rights, ",+net_admin,+sys_ptrace,+dac_read_search");
        prepare(Path::new("/run"), &folder);
        let service = Service::start_in(folder, as_user(Command::new("setpriv"), &rights));
        service.logs_times("rule one: deleted: ", 2);
        assert!(all.iter().all(|it| !is_alive(it)));
        assert!(!service.log().contains("can't"), "{}", service.log());
        let folder = service.end_for_another();
        // Without them it says what fails, and goes on.
        let (all, _listener, port) = connections(1);
        let rules = format!(
            "[rule.one]\nevery = \"200ms\"\ndelete = \"dport = :{port}\"\nssh-sessions = true\n"
        );
        fs::write(folder.path("rules.toml"), rules).unwrap();
        let service = Service::start_in(folder, as_user(Command::new("setpriv"), ""));
        service.logs("rule one: whoever runs this lacks CAP_NET_ADMIN: ");
        service.logs("rule one: denied: ");
        assert!(all.iter().all(is_alive));
    });
}

#[test]
fn a_rule_of_all_namespaces_takes_what_check_names_and_says_what_fails_without() {
    on_a_stage(|stage| {
        if !others() {
            skip!("only one user is mapped here");
        }
        Stage::publish(8080, 80);
        let listener = stage.listen_in_container(80);
        let banned = stage.connect(CLIENT, HERE, 8080, &listener);
        let kept = stage.connect(OTHER, HERE, 8080, &listener);
        let rules =
            "[rule.banned]\nwhen = \"set ip t s\"\ndelete = \"dst $elements\"\nnetns = \"all\"\n";
        let folder = ServiceFolder::new(rules);
        let rights = named(&stage.run(&check(&folder)));
        prepare(&stage.world.path("/run"), &folder);
        nft("add table ip t");
        nft("add set ip t s { type ipv4_addr ; }");
        nft(&format!("add element ip t s {{ {CLIENT} }}"));
        let setpriv = || stage.world.command("setpriv");
        // The first right that is missing is that of the sets themselves.
        let service = Service::start_in(folder, as_user(setpriv(), ""));
        service.logs("rules about what it announces do nothing");
        let folder = service.end_for_another();
        assert!(is_alive(&banned));
        let lacking = rights.replace(",+sys_admin", "");
        assert_ne!(lacking, rights);
        let service = Service::start_in(folder, as_user(setpriv(), &lacking));
        service.logs("rule banned: ");
        let folder = service.end_for_another();
        assert!(is_alive(&banned), "{}", folder.log());
        let service = Service::start_in(folder, as_user(setpriv(), &rights));
        until("it has ended", || told(&banned) == RESET);
        service.logs("deleted: ");
        assert!(is_alive(&kept));
    });
}

#[test]
fn the_right_to_enter_namespaces_is_dropped_where_no_rule_needs_it() {
    with_other_users(|| {
        let rules = "[rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n";
        let folder = ServiceFolder::new(rules);
        prepare(Path::new("/run"), &folder);
        let rights = ",+net_admin,+sys_ptrace,+dac_read_search,+sys_admin";
        let service = Service::start_in(folder, as_user(Command::new("setpriv"), rights));
        for task in fs::read_dir(format!("/proc/{}/task", service.pid())).unwrap() {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            for set in ["CapPrm", "CapEff", "CapAmb"] {
                let expected = if set == "CapAmb" { 0 } else { 0x81004 };
                assert!(
                    status.contains(&format!("{set}:\t{expected:016x}\n")),
                    "{status}"
                );
            }
        }
        assert!(!service.log().contains("namespaces"), "{}", service.log());
        fs::write(
            service.path("rules.toml"),
            format!("{rules}netns = \"all\"\n"),
        )
        .unwrap();
        kill_process(service.pid(), Signal::HUP).unwrap();
        service.logs("rule bans: it can't enter other network namespaces: ");
        service.logs("restart the service");
    });
}

#[test]
fn root_may_ask_a_service_that_runs_as_another_user() {
    with_other_users(|| {
        let folder =
            ServiceFolder::new("[rule.bans]\nwhen = \"ban\"\ndelete = \"dst $elements\"\n");
        prepare(Path::new("/run"), &folder);
        fs::create_dir("/run/tcpentry").unwrap();
        chown("/run/tcpentry", Some(4005), Some(4005)).unwrap();
        let mut setpriv = as_user(Command::new("setpriv"), ",+net_admin");
        setpriv.env_remove("RUNTIME_DIRECTORY");
        let service = Service::start_in(folder, setpriv);
        for request in ["guard status", "guard pause bans", "guard resume bans"] {
            let asked = run(request);
            assert_eq!(asked.code, 0, "{request}: {}", asked.err);
        }
        let listed = service.path("list");
        fs::write(&listed, "192.0.2.0/24\n").unwrap();
        let banned = run(&format!("ban --file {}", listed.display()));
        assert!(banned.err.contains("handed over"), "{}", banned.err);
        let status = run("guard status --json").out;
        assert!(status.contains("\"bans\":1"), "{status}");
    });
}
