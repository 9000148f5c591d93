//! Real containers, by a runtime that needs no daemon (crun), in a world of their own.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tcpentry_testkit::cgroup::Cgroup;
use tcpentry_testkit::user;
use tcpentry_testkit::world::{Inhabitant, World};
use tcpentry_testkit::{isolated, skip, until};

use crate::util::{ELSEWHERE, Run};

#[test]
fn of_three_that_serve_one_address_the_right_one_loses_a_connection() {
    isolated(|| {
        let (_cgroup, world) = match world() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let engine = Engine {
            world: &world,
            as_user: "",
            manager: "",
        };
        let ids = ['a', 'b', 'c'].map(|digit| digit.to_string().repeat(64));
        let containers: Vec<_> = ids
            .iter()
            .map(|id| engine.run(&id[..12], &format!("/docker/{id}")))
            .collect();

        let listed = program(&world, "", "--all-netns -p -c dport = :8080");
        assert_eq!((listed.code, listed.err.as_str()), (0, ""));
        let mut shown: Vec<_> = listed
            .rows()
            .iter()
            .map(|row| (row[4].to_owned(), row[5].to_owned(), row[7].to_owned()))
            .collect();
        shown.sort();
        let expected = ids.each_ref().map(|id| {
            let name = format!("docker:{}", &id[..12]);
            ("127.0.0.1:8080".to_owned(), name.clone(), name)
        });
        assert_eq!(shown, expected, "{}", listed.out);
        assert!(
            listed.rows().iter().all(|row| row[6].ends_with(" wget")),
            "{}",
            listed.out
        );

        let deleted = program(
            &world,
            "",
            "delete --json -c --all-netns container bbbbbbbbbbbb dport = :8080",
        );
        assert_eq!(deleted.code, 0, "{}{}", deleted.out, deleted.err);
        let [object] = &deleted.objects()[..] else {
            panic!("{}", deleted.out);
        };
        assert_eq!(object["netns_name"], "docker:bbbbbbbbbbbb");
        assert_eq!(
            object["container"],
            json!({"runtime": "docker", "id": ids[1], "name": null, "pod": null, "user": null})
        );
        containers[1].assert_aborted();
        for other in [0, 2] {
            assert_eq!(containers[other].said(), "");
        }
        let rest = program(&world, "", "--all-netns dport = :8080");
        assert_eq!(rest.rows().len(), 2, "{}", rest.out);

        // As it is shown.
        for name in ["docker:aaaaaaaaaaaa", "aaaa", &ids[0]] {
            let named = program(&world, "", &format!("-N {name} dport = :8080"));
            assert_eq!(named.rows().len(), 1, "{}{}", named.out, named.err);
        }
        let named = program(
            &world,
            "",
            "--all-netns netns docker:aaaaaaaaaaaa dport = :8080",
        );
        assert_eq!(named.rows().len(), 1, "{}{}", named.out, named.err);

        // By the pid of a process in it.
        let pid = containers[2].pid;
        let deleted = program(&world, "", &format!("delete -N {pid} dport = :8080"));
        assert_eq!(deleted.code, 0, "{}{}", deleted.out, deleted.err);
        containers[2].assert_aborted();
        assert_eq!(containers[0].said(), "");
    });
}

#[test]
fn a_pod_is_named_by_its_uid_and_class() {
    isolated(|| {
        let (_cgroup, world) = match world() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let engine = Engine {
            world: &world,
            as_user: "",
            manager: "",
        };
        let uid = "9a1b2c3d-1111-2222-3333-444455556666";
        let id = "d".repeat(64);
        let container = engine.run("pod", &format!("/kubepods/burstable/pod{uid}/{id}"));
        let listed = program(
            &world,
            "",
            &format!("--json -c --all-netns container {uid} dport = :8080"),
        );
        assert_eq!(listed.objects().len(), 1, "{}{}", listed.out, listed.err);
        assert_eq!(
            listed.objects()[0]["container"],
            json!({"runtime": "kubernetes", "id": id, "name": null, "pod": {"uid": uid, "qos": "Burstable"}, "user": null})
        );
        drop(container);
    });
}

#[test]
fn a_rootless_one_is_its_users_to_list_and_delete_in() {
    isolated(|| {
        let (_cgroup, world) = match world() {
            Ok(made) => made,
            Err(reason) => skip!("{reason}"),
        };
        let as_user = "setpriv --reuid 4033 --regid 4033 --clear-groups ";
        if !world
            .shell(&format!("{as_user} unshare -Urn true"))
            .status
            .success()
        {
            skip!("users may not make user namespaces here");
        }
        let rootless = Engine {
            world: &world,
            as_user,
            manager: "--cgroup-manager=disabled",
        };
        let rooted = Engine {
            world: &world,
            as_user: "",
            manager: "",
        };
        let container = rootless.run("theirs", "");
        let other = rooted.run("other", &format!("/docker/{}", "e".repeat(64)));

        let listed = program(&world, as_user, "--all-netns --json dport = :8080");
        let [object] = &listed.objects()[..] else {
            panic!("{}{}", listed.out, listed.err);
        };
        assert_eq!(object["netns_name"], format!("pid:{}", container.pid));
        assert!(listed.err.contains("are hidden from you"), "{}", listed.err);
        let refused = program(&world, as_user, &format!("-N {}", other.pid));
        assert_eq!(refused.code, 4, "{}", refused.err);
        let deleted = program(&world, as_user, "delete --all-netns dport = :8080");
        assert_eq!(deleted.code, 0, "{}{}", deleted.out, deleted.err);
        assert_eq!(deleted.rows()[0][4], "sock-diag");
        container.assert_aborted();
        assert_eq!(other.said(), "");
    });
}

#[test]
fn of_version_1_the_owner_tells_the_container_and_the_unit() {
    isolated(|| {
        let id = format!("{:064x}", std::process::id());
        let web = format!("system.slice/web-{}.service", std::process::id());
        let cgroups = [&format!("docker/{id}"), &web].map(|path| V1::make(path));
        let [Some(docker), Some(service)] = cgroups else {
            skip!("no hierarchy of version 1 to make cgroups in");
        };
        let world = match World::fresh() {
            Ok(world) => world,
            Err(reason) => skip!("{reason}"),
        };
        let start = |cgroup: &V1| {
            let process = world.start_shell(&format!(
                "echo $$ >{}/cgroup.procs && exec unshare --net sleep 1000",
                cgroup.0.display()
            ));
            until("it has a namespace of its own", || {
                world.must(&format!("readlink /proc/{}/ns/net", process.pid))
                    != world.must("readlink /proc/self/ns/net")
            });
            process
        };
        let processes = [start(&docker), start(&service)];
        // The sockets are held by processes of the cgroups.
        let mut clients = Vec::new();
        for (process, cgroup) in processes.iter().zip([&docker, &service]) {
            drop(world.of_process(process.pid));
            clients.push(world.start_shell(&format!(
                "echo $$ >{}/cgroup.procs && exec nsenter --net=/proc/{}/ns/net bash -c '
                    nc -l 127.0.0.1 8080 >/dev/null & sleep 0.3
                    exec 3<>/dev/tcp/127.0.0.1/8080; exec sleep 1000'",
                cgroup.0.display(),
                process.pid
            )));
        }
        let listed = |words: &str| run_program(&world, words);
        until("both are connected", || {
            listed("--all-netns dport = :8080").rows().len() == 2
        });
        let shown = listed("--all-netns -c dport = :8080");
        let mut names: Vec<_> = shown
            .rows()
            .iter()
            .map(|row| (row[6].to_owned(), row[7].to_owned()))
            .collect();
        names.sort();
        let unit = web.rsplit('/').next().unwrap();
        assert_eq!(
            names,
            [
                ("-".to_owned(), unit.to_owned()),
                (format!("docker:{}", &id[..12]), "-".to_owned())
            ],
            "{}",
            shown.out
        );
        assert_eq!(
            listed(&format!("--all-netns container {id}")).rows().len(),
            2
        );
        let deleted = listed(&format!(
            "delete --json --all-netns unit {unit} dport = :8080"
        ));
        assert_eq!(
            (deleted.code, deleted.objects().len()),
            (0, 1),
            "{}{}",
            deleted.out,
            deleted.err
        );
        assert_eq!(listed("--all-netns dport = :8080").rows().len(), 1);
        let deleted = listed(&format!("delete --all-netns container {id} dport = :8080"));
        assert_eq!(deleted.code, 0, "{}{}", deleted.out, deleted.err);
    });
}

/// A cgroup that an ordinary user owns, and what that user makes below it.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "what is made takes long, and is looked at from all sides"
)]
fn of_version_1_a_name_below_a_users_directory_is_that_users() {
    isolated(|| {
        if !user::others() {
            skip!("only one user is mapped here");
        }
        let own = std::process::id();
        let id = format!("{own:064x}");
        let tree = format!("left-{own}");
        let names = [
            format!("{tree}/docker-{id}.scope"),
            format!("{tree}/nginx-{own}.service"),
            format!("real-{own}/docker-{id}.scope"),
        ];
        let Some([docker, service, real]) = V1::make_all(&names.each_ref().map(String::as_str))
        else {
            skip!("no hierarchy of version 1 to make cgroups in");
        };
        for folder in [docker.0.parent().unwrap(), &docker.0, &service.0] {
            std::os::unix::fs::chown(folder, Some(4021), Some(4021)).unwrap();
        }
        let world = match World::fresh() {
            Ok(world) => world,
            Err(reason) => skip!("{reason}"),
        };
        let _clients = [&docker, &service, &real].map(|cgroup| hold_in(&world, cgroup));
        let listed = |words: &str| run_program(&world, words);
        until("all are connected", || {
            listed("dport = :8080").rows().len() == 3
        });
        let shown = listed("-c dport = :8080");
        let mut names: Vec<_> = shown
            .rows()
            .iter()
            .map(|row| (row[5].to_owned(), row[6].to_owned()))
            .collect();
        names.sort();
        let short = &id[..12];
        assert_eq!(
            names,
            [
                ("-".to_owned(), format!("user:4021:nginx-{own}.service")),
                (format!("docker:{short}"), format!("docker-{id}.scope")),
                (
                    format!("user:4021:docker:{short}"),
                    format!("user:4021:docker-{id}.scope")
                ),
            ],
            "{}",
            shown.out
        );
        // As root, what the first process sees will do.
        let unmounted = |as_user: &str, words: &str| -> Run {
            let script = format!(
                "export SSH_CONNECTION='{ELSEWHERE}'; unshare --mount sh -c 'umount -l /sys/fs/cgroup; {as_user} /run/tcpentry {words}'"
            );
            world.shell(&script).into()
        };
        fs::copy(env!("CARGO_BIN_EXE_tcpentry"), world.path("/run/tcpentry")).unwrap();
        let still = unmounted("", "-c dport = :8080");
        assert_eq!(still.rows().len(), 3, "{}", still.err);
        assert!(
            still.out.contains(&format!("user:4021:docker:{short}")),
            "{}",
            still.out
        );
        // Where the owners of the directories can't be seen, nothing is believed, and that is said.
        let as_user = "setpriv --reuid 4021 --regid 4021 --clear-groups";
        let theirs = world.start_shell(&format!(
            "echo $$ >{}/cgroup.procs && exec {as_user} bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080; exec sleep 1000'",
            real.0.display()
        ));
        let of_theirs = format!("user 4021 dport = :8080 container {id}");
        until("it is connected", || listed(&of_theirs).rows().len() == 1);
        let seen = unmounted("", &of_theirs);
        assert_eq!((seen.code, seen.rows().len()), (0, 1), "{}", seen.err);
        for not in ["", "not "] {
            let words = format!("delete --own-session user 4021 dport = :8080 {not}container {id}");
            let refused = unmounted(as_user, &words);
            assert_eq!(refused.code, 4, "{}{}", refused.out, refused.err);
            assert!(
                refused.err.contains("are not mounted here"),
                "{}",
                refused.err
            );
        }
        drop(theirs);
        until("it has ended", || {
            listed("dport = :8080 user 4021").rows().is_empty()
        });
        for (words, count) in [
            (format!("unit nginx-{own}"), 0),
            (format!("unit user:4021:nginx-{own}"), 1),
            (format!("container {id}"), 1),
            (format!("container user:4021:docker:{short}"), 1),
            (format!("not container {id}"), 2),
        ] {
            let listed = listed(&format!("dport = :8080 {words}"));
            assert_eq!(
                listed.rows().len(),
                count,
                "{words}: {}{}",
                listed.out,
                listed.err
            );
        }
        let deleted = listed(&format!(
            "delete --own-session container {id} dport = :8080"
        ));
        assert_eq!(
            (deleted.code, deleted.rows().len()),
            (0, 1),
            "{}{}",
            deleted.out,
            deleted.err
        );
        // What has ended before may still wait for its peer.
        let left = listed("state established dport = :8080");
        assert_eq!(left.rows().len(), 2, "{}", left.out);
    });
}

/// A socket that was passed to a process of another unit is held in both.
#[test]
fn a_socket_of_two_units_is_in_both() {
    isolated(|| {
        let own = std::process::id();
        let names = ["first", "second"].map(|name| format!("two-{own}/{name}-{own}.service"));
        let Some([first, second]) = V1::make_all(&names.each_ref().map(String::as_str)) else {
            skip!("no hierarchy of version 1 to make cgroups in");
        };
        let world = match World::fresh() {
            Ok(world) => world,
            Err(reason) => skip!("{reason}"),
        };
        // The child has the descriptors of its parent, and the lower or the higher pid.
        let _client = world.start_shell(&format!(
            "nc -lk 127.0.0.1 8080 >/dev/null & sleep 0.3
             echo $$ >{}/cgroup.procs && exec bash -c '
                exec 3<>/dev/tcp/127.0.0.1/8080
                (echo $BASHPID >{}/cgroup.procs; exec sleep 1000) & exec sleep 1000'",
            first.0.display(),
            second.0.display(),
        ));
        let listed = |words: &str| run_program(&world, words);
        let procs = second.0.join("cgroup.procs");
        until("both hold it", || {
            listed("dport = :8080").rows().len() == 1
                && fs::read_to_string(&procs).is_ok_and(|it| !it.is_empty())
        });
        for (unit, not) in [("first", "second"), ("second", "first")] {
            let rows = |words: &str| {
                let listed = listed(&format!("dport = :8080 {words}"));
                assert_eq!(listed.code, 0, "{}", listed.err);
                listed.rows().len()
            };
            assert_eq!(rows(&format!("unit {unit}-{own}")), 1);
            assert_eq!(rows(&format!("not unit {unit}-{own}")), 0);
            assert_eq!(rows(&format!("unit {unit}-{own} unit {not}-{own}")), 1);
            let spared = listed(&format!(
                "delete --own-session --yes dport = :8080 not unit {unit}-{own}"
            ));
            assert_eq!(spared.code, 1, "{}{}", spared.out, spared.err);
            let spared = listed(&format!(
                "delete --own-session --yes dport = :8080 unit {unit}-{own} not unit {not}-{own}"
            ));
            assert_eq!(spared.code, 1, "{}{}", spared.out, spared.err);
        }
        let deleted = listed(&format!(
            "delete --own-session dport = :8080 unit second-{own}"
        ));
        assert_eq!(deleted.code, 0, "{}{}", deleted.out, deleted.err);
    });
}

/// Starts a client of a server of its own on port 8080, in that cgroup.
fn hold_in(world: &World, cgroup: &V1) -> Inhabitant {
    world.start_shell(&format!(
        "nc -lk 127.0.0.1 8080 >/dev/null 2>&1 & sleep 0.3
         echo $$ >{}/cgroup.procs && exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080; exec sleep 1000'",
        cgroup.0.display()
    ))
}

/// A cgroup of version 1, gone when dropped.
struct V1(PathBuf);

impl V1 {
    fn make(path: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let systemd = mounts.lines().find(|line| line.contains("name=systemd"))?;
        let folder = PathBuf::from(systemd.split(' ').nth(1)?).join(path);
        fs::create_dir_all(&folder).ok()?;
        Some(Self(folder))
    }

    fn make_all<const N: usize>(paths: &[&str; N]) -> Option<[Self; N]> {
        let all: Vec<_> = paths.iter().filter_map(|path| Self::make(path)).collect();
        all.try_into().ok()
    }
}

impl Drop for V1 {
    fn drop(&mut self) {
        // Whoever was in it has just ended.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let _ = self.0.parent().map(fs::remove_dir);
    }
}

fn run_program(world: &World, words: &str) -> Run {
    let script = format!(
        "export SSH_CONNECTION='{ELSEWHERE}'; {} {words}",
        env!("CARGO_BIN_EXE_tcpentry")
    );
    world.shell(&script).into()
}

/// Creates a world whose cgroups begin at a fresh one, with the program in `/run`; the error says why there is none. The
/// cgroup has to outlive it.
fn world() -> Result<(Cgroup, World), String> {
    if !user::others() {
        return Err("only one user is mapped here".to_owned());
    }
    let cgroup = Cgroup::fresh("world").map_err(|error| format!("no cgroup: {error}"))?;
    let world = World::in_cgroup(&cgroup)?;
    if !world.shell("command -v crun busybox").status.success() {
        return Err("crun or busybox is missing".to_owned());
    }
    fs::copy(env!("CARGO_BIN_EXE_tcpentry"), world.path("/run/tcpentry")).unwrap();
    Ok((cgroup, world))
}

/// A container engine.
struct Engine<'w> {
    world: &'w World,
    as_user: &'static str,
    manager: &'static str,
}

impl<'w> Engine<'w> {
    /// Starts one whose client waits for an answer of a server on 127.0.0.1:8080.
    fn run(&self, name: &str, cgroup: &str) -> Container<'w> {
        let (
            world,
            Self {
                as_user, manager, ..
            },
        ) = (self.world, self);
        let bundle = format!("/run/{name}");
        let rootless = if as_user.is_empty() { "" } else { "--rootless" };
        world.must(&format!(
            "mkdir -p {bundle}/rootfs/bin {bundle}/state && cd {bundle} && crun spec {rootless} \
             && cp $(command -v busybox) rootfs/bin \
             && for lib in $(ldd rootfs/bin/busybox 2>/dev/null | grep -o '/[^ )]*'); do \
                    mkdir -p rootfs$(dirname $lib) && cp $lib rootfs$lib; done \
             && for name in sh sleep nc wget grep ifconfig; do ln -s busybox rootfs/bin/$name; done"
        ));
        let file = world.path(&format!("{bundle}/config.json"));
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        config["linux"]["resources"] = json!({});
        if !cgroup.is_empty() {
            config["linux"]["cgroupsPath"] = cgroup.into();
        }
        if !rootless.is_empty() {
            for map in ["uidMappings", "gidMappings"] {
                config["linux"][map] = json!([{"containerID": 0, "hostID": 4033, "size": 1}]);
            }
        }
        config["root"]["readonly"] = false.into();
        config["process"]["terminal"] = false.into();
        config["process"]["args"] = json!(["sh", "-c", SCRIPT]);
        config["process"].as_object_mut().unwrap().remove("rlimits");
        fs::write(&file, config.to_string()).unwrap();
        if !rootless.is_empty() {
            world.must(&format!("chown -R 4033:4033 {bundle}"));
        }
        world.must(&format!(
            "cd {bundle} && {as_user} crun --root {bundle}/state {manager} run -d {name} </dev/null >said 2>&1 || {{ cat said >&2; false; }}"
        ));
        let state = world.must(&format!(
            "{as_user} crun --root {bundle}/state {manager} state {name}"
        ));
        let state: Value = serde_json::from_str(&state).unwrap();
        let pid = u32::try_from(state["pid"].as_u64().unwrap()).unwrap();
        // With `lo` up, which the container waits for.
        let there = world.of_process(pid);
        let rows = || {
            let listed = program(world, "", &format!("list -N {pid} dport = :8080"));
            listed.rows().len()
        };
        until("its client is connected", || rows() == 1);
        drop(there);
        Container {
            world,
            pid,
            said: world.path(&format!("{bundle}/rootfs/said")),
            end: format!("{as_user} crun --root {bundle}/state {manager} delete -f {name}"),
        }
    }
}

struct Container<'w> {
    world: &'w World,
    pid: u32,
    said: PathBuf,
    end: String,
}

impl Container<'_> {
    /// Returns the output of its client.
    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    fn assert_aborted(&self) {
        let aborted = "Software caused connection abort";
        until("its client is told", || self.said().contains(aborted));
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.world.shell(&self.end);
    }
}

fn program(world: &World, as_user: &str, words: &str) -> Run {
    world
        .shell(&format!(
            "export SSH_CONNECTION='{ELSEWHERE}'; {as_user} /run/tcpentry {words}"
        ))
        .into()
}

/// The client tries until the server is there.
const SCRIPT: &str = "
until ifconfig lo | grep -q UP; do sleep 0.1; done
(sleep 1000 | nc -l -p 8080 >/dev/null) &
while true; do
    wget -q -O /dev/null http://127.0.0.1:8080/ 2>/said
    grep -q refused /said || break
    sleep 0.1
done
exec sleep 1000";
