//! The container in the path of a cgroup. Pure text.

use std::fmt;

use super::cgroup_path::{CgroupPath, is_believed, write_user};
use super::unescape::unescape_hex;
use super::unit::{SCOPE, SERVICE};
use crate::escape::escape_for_terminal;

/// A container, as far as the path of its cgroup names it.
///
/// ```
/// use tcpentry::process::{Container, Runtime};
/// let id = "3f4e".repeat(16);
/// let container = Container::from_cgroup(&format!("/system.slice/docker-{id}.scope")).unwrap();
/// assert_eq!(container.runtime, Runtime::Docker);
/// assert_eq!(container.to_string(), "docker:3f4e3f4e3f4e");
/// assert!(container.matches_name("3f4e") && container.matches_name("docker:3f4e3f4e3f4e"));
/// assert!(!container.matches_name("3f4"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Container {
    /// The runtime.
    pub runtime: Runtime,
    /// Its id, as a rule 64 hexadecimal digits. Some runtimes have only names.
    pub id: Option<String>,
    /// Its name, where the path has one: the other runtimes keep it to themselves.
    pub name: Option<String>,
    /// The pod of Kubernetes that it is part of.
    pub pod: Option<Pod>,
    /// The number of the user below whose delegated tree it is, and who could give it any name; `None` for one that
    /// root made.
    pub user: Option<u32>,
}

/// A pod of Kubernetes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Pod {
    /// Its UID, as `kubectl get pod -o yaml` shows it; of a static pod the hash that the kubelet made.
    pub uid: String,
    /// Its class of service.
    pub qos: QosClass,
}

/// The class of service that Kubernetes gives a pod.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum QosClass {
    /// Requests equal limits.
    Guaranteed,
    /// Some requests, below the limits.
    Burstable,
    /// No requests.
    BestEffort,
}

/// The runtime of a container.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd, by itself or for Kubernetes.
    Containerd,
    /// CRI-O.
    CriO,
    /// Kubernetes, where the path does not say which runtime it uses.
    Kubernetes,
    /// Podman.
    Podman,
    /// systemd-nspawn, or another machine of systemd-machined.
    Nspawn,
    /// LXC, LXD, Incus.
    Lxc,
    /// The agent of Amazon ECS.
    Ecs,
    /// BuildKit, for a step of a build.
    BuildKit,
    /// Another one, which leaves no trace but an id.
    Other,
}

impl Container {
    /// Returns the innermost container that this cgroup belongs to: of those that root made, where there is one, else of
    /// those in the tree that was left to a user.
    pub fn from_cgroup<'p>(path: impl Into<CgroupPath<'p>>) -> Option<Self> {
        let mut above = Above::default();
        let mut pod = None;
        let mut innermost: Option<Self> = None;
        for (part, user) in path.into().names() {
            if user.is_some() && innermost.as_ref().is_some_and(|it| it.user.is_none()) {
                // Whoever has a part of the container's tree can't make the container another one.
                break;
            }
            let here = Pod::of_part(above.name, part);
            if let Some(container) = Self::of_part(&above, part, pod.is_some()) {
                // What it runs in turn is of no pod, or of one of its own.
                let pod = here.or(pod.take());
                innermost = Some(Self {
                    pod,
                    user,
                    ..container
                });
            } else {
                pod = here.or(pod);
            }
            above.is_ecs |= part == "ecs";
            above.name = part;
        }
        innermost
    }

    /// Returns true when this names it: its name, also with the slash of `docker inspect`; its id, or the first 4 or more
    /// hexadecimal digits of that, also as `kubectl` has it (`containerd://ID`); the UID of its pod; or the text that is shown, whose id may be cut, too. Of a container in another user's tree only the text
    /// that is shown counts.
    pub fn matches_name(&self, name: &str) -> bool {
        self.matches(name, |it| it == name)
    }

    /// Compares it with a text, and with `is` where that is a pattern.
    pub(crate) fn matches(&self, text: &str, is: impl Fn(&str) -> bool) -> bool {
        let shown = self.to_string();
        let begins_id = |text: &str| {
            let id = self.id.as_deref().unwrap_or_default();
            let text = text.to_ascii_lowercase();
            text.len() >= SHORTEST_PREFIX && text.bytes().all(is_hex) && id.starts_with(&text)
        };
        let of_id = text.strip_prefix(&*self.qualifier());
        if is(&shown) || is(&escape_for_terminal(shown.as_bytes())) || of_id.is_some_and(begins_id)
        {
            return true;
        }
        let is_named = || {
            [&self.id, &self.name]
                .into_iter()
                .flatten()
                .any(|it| is(it))
        };
        // `docker inspect` prints a name with a slash before it.
        let is_inspected = || self.name.as_ref().is_some_and(|it| is(&format!("/{it}")));
        is_believed(self.user)
            && (begins_id(without_scheme(text))
                || is_named()
                || is_inspected()
                || self.is_of_pod(text))
    }

    /// Returns true when this is the UID of its pod.
    pub fn is_of_pod(&self, uid: &str) -> bool {
        self.pod.as_ref().is_some_and(|pod| pod.uid == uid)
    }

    /// Returns what is shown before its name or id.
    fn qualifier(&self) -> String {
        let user = self.user.map(|uid| format!("user:{uid}:"));
        format!("{}{}:", user.unwrap_or_default(), self.runtime)
    }

    /// Reads one part of a path, with what is above it.
    fn of_part(above: &Above<'_>, part: &str, in_pod: bool) -> Option<Self> {
        let scope = part.strip_suffix(SCOPE);
        let plain = scope.unwrap_or(part);
        // A cgroup that was to be a unit of systemd, made by a runtime that does not speak to it: SLICE:RUNTIME:ID.
        if let Some((before, id)) = plain.rsplit_once(':') {
            let runtime = before.rsplit(':').next().unwrap_or_default();
            let known = Self::of_runtime(runtime, id);
            if let Some(container) = known.or_else(|| Self::with_id(Runtime::Other, id)) {
                return Some(container);
            }
        }
        if let Some((runtime, id)) = plain.rsplit_once('-') {
            let known = Self::of_runtime(runtime, id);
            // The monitor of a container has its id, too.
            let may_be_other = scope.is_some() && !runtime.ends_with("conmon");
            let other = || Self::with_id(Runtime::Other, id).filter(|_| may_be_other);
            if let Some(container) = known.or_else(other) {
                return Some(container);
            }
        }
        if above.is_ecs && (is_id(part) || is_of_fargate(part)) {
            return Some(Self::new(Runtime::Ecs, Some(part), None));
        }
        match above.name {
            "lxc" | "lxc.payload" => return Self::with_name(Runtime::Lxc, part),
            "buildkit" if is_of_buildkit(part) => {
                return Some(Self::new(Runtime::BuildKit, Some(part), None));
            }
            _ => {}
        }
        if is_id(part) {
            let runtime = match above.name {
                _ if in_pod => Runtime::Kubernetes,
                "docker" => Runtime::Docker,
                "default" | "k8s.io" | "nerdctl" => Runtime::Containerd,
                "crio" => Runtime::CriO,
                "libpod" | "libpod_parent" => Runtime::Podman,
                _ => Runtime::Other,
            };
            return Self::with_id(runtime, part);
        }
        if let Some(name) = part.strip_prefix("lxc.payload.") {
            return Self::with_name(Runtime::Lxc, name);
        }
        let service = part.strip_suffix(SERVICE);
        let machine = service
            .and_then(|unit| unit.strip_prefix("systemd-nspawn@"))
            .or_else(|| scope?.strip_prefix("machine-"))
            .map(unescape_hex)?;
        // A virtual machine of libvirt is not a container.
        if machine.starts_with("qemu-") {
            return None;
        }
        Self::with_name(Runtime::Nspawn, &machine)
    }

    /// Reads an id behind the name of a runtime.
    fn of_runtime(name: &str, id: &str) -> Option<Self> {
        let runtime = match name {
            "docker" => Runtime::Docker,
            "cri-containerd" | "nerdctl" => Runtime::Containerd,
            "crio" => Runtime::CriO,
            "libpod" | "libpod-payload" => Runtime::Podman,
            "buildkit" => Runtime::BuildKit,
            _ => return None,
        };
        // Docker builds with BuildKit, below its own name.
        if matches!(runtime, Runtime::Docker | Runtime::BuildKit) && is_of_buildkit(id) {
            return Some(Self::new(Runtime::BuildKit, Some(id), None));
        }
        Self::with_id(runtime, id)
    }

    fn with_id(runtime: Runtime, id: &str) -> Option<Self> {
        is_id(id).then(|| Self::new(runtime, Some(id), None))
    }

    fn with_name(runtime: Runtime, name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self::new(runtime, None, Some(name)))
    }

    fn new(runtime: Runtime, id: Option<&str>, name: Option<&str>) -> Self {
        Self {
            runtime,
            id: id.map(str::to_owned),
            name: name.map(str::to_owned),
            pod: None,
            user: None,
        }
    }
}

/// The parts of a path above this one.
#[derive(Default)]
struct Above<'p> {
    name: &'p str,
    /// Set below the cgroup of the agent of ECS.
    is_ecs: bool,
}

/// Returns the id in `containerd://ID`, as kubectl has it.
fn without_scheme(text: &str) -> &str {
    match text.split_once("://") {
        Some(("docker" | "containerd" | "cri-o" | "podman", id)) => id,
        _ => text,
    }
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Returns true for an id as almost all runtimes make it.
fn is_id(id: &str) -> bool {
    id.len() == ID && id.bytes().all(is_hex)
}

/// Returns true for an id of Fargate: that of the task, and a number.
fn is_of_fargate(id: &str) -> bool {
    id.split_once('-').is_some_and(|(task, number)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        task.len() == 32 && task.bytes().all(is_hex) && is_number
    })
}

/// Returns true for an id of BuildKit: 25 digits to the base of 36.
fn is_of_buildkit(id: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z');
    id.len() == 25 && id.bytes().all(is_digit)
}

impl Pod {
    /// Reads one part of a path, with the part above it: `/kubepods/burstable/podUID`, or with systemd
    /// `kubepods-burstable-podUID.slice`.
    fn of_part(above: &str, part: &str) -> Option<Self> {
        if let Some((before, after)) = part.split_once("kubepods-") {
            // k3d and kind put a kubelet's before it; containerd its own name behind.
            let ran_out = before.is_empty() || before.ends_with('-');
            let (slice, _) = after.split_once(".slice")?;
            let (class, uid) = match slice.split_once("-pod") {
                Some((class, uid)) => (class, uid),
                None => ("", slice.strip_prefix("pod")?),
            };
            // A hyphen would be a level of slices.
            let uid = uid.replace('_', "-");
            return ran_out.then(|| Self::new(class, &uid))?;
        }
        let uid = part.strip_prefix("pod")?;
        match above {
            "kubepods" => Self::new("", uid),
            "burstable" | "besteffort" => Self::new(above, uid),
            _ => None,
        }
    }

    fn new(class: &str, uid: &str) -> Option<Self> {
        let qos = match class {
            "" => QosClass::Guaranteed,
            "burstable" => QosClass::Burstable,
            "besteffort" => QosClass::BestEffort,
            _ => return None,
        };
        let is_uid = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        (!uid.is_empty() && uid.bytes().all(is_uid)).then(|| Self {
            uid: uid.to_owned(),
            qos,
        })
    }
}

impl fmt::Display for Container {
    /// Writes whose it is, where it is a user's; the runtime; and the name or as much of the id as the runtimes
    /// themselves print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_user(f, self.user)?;
        let is_cut = |id: &&String| id.len() == ID;
        let short = self
            .id
            .as_ref()
            .filter(is_cut)
            .and_then(|id| id.get(..SHORT_ID));
        let id = short.or(self.id.as_deref());
        let name = self.name.as_deref().or(id).unwrap_or_default();
        write!(f, "{}:{name}", self.runtime)
    }
}

impl fmt::Display for QosClass {
    /// Writes it as Kubernetes does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        })
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Kubernetes => "kubernetes",
            Self::Podman => "podman",
            Self::Nspawn => "nspawn",
            Self::Lxc => "lxc",
            Self::Ecs => "ecs",
            Self::BuildKit => "buildkit",
            Self::Other => "container",
        })
    }
}

/// The length of an id.
const ID: usize = 64;
/// The fewest digits that are taken for the beginning of an id.
const SHORTEST_PREFIX: usize = 4;
/// The length of an id as `docker ps` prints it.
const SHORT_ID: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3c6d1e0b9f8a7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d";
    const B: &str = "f00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeed";
    const POD: &str = "pod9a1b2c3d-1111-2222-3333-444455556666";

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn containers_of_real_hosts() {
        let burstable = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice";
        let user = "/user.slice/user-1000.slice/user@1000.service";
        let with_id = [
            (format!("/docker/{A}"), Runtime::Docker),
            (format!("/system.slice/docker-{A}.scope"), Runtime::Docker),
            (
                format!("{user}/app.slice/docker-{A}.scope"),
                Runtime::Docker,
            ),
            (format!("/docker/{A}/init.scope"), Runtime::Docker),
            (format!("/docker/{B}/docker/{A}"), Runtime::Docker),
            (format!("{burstable}/docker-{A}.scope"), Runtime::Docker),
            (
                format!("{burstable}/cri-containerd-{A}.scope"),
                Runtime::Containerd,
            ),
            (
                format!("/docker/{B}/kubelet.slice{burstable}/cri-containerd-{A}.scope"),
                Runtime::Containerd,
            ),
            (
                format!(
                    "/system.slice/containerd.service/kubepods-burstable-{POD}.slice:cri-containerd:{A}"
                ),
                Runtime::Containerd,
            ),
            (
                format!("/system.slice/nerdctl-{A}.scope"),
                Runtime::Containerd,
            ),
            (
                format!("/kubepods/burstable/{POD}/{A}"),
                Runtime::Kubernetes,
            ),
            (format!("/kubepods/{POD}/{A}"), Runtime::Kubernetes),
            (format!("{burstable}/{A}"), Runtime::Kubernetes),
            (format!("{burstable}/crio-{A}.scope"), Runtime::CriO),
            (format!("/machine.slice/libpod-{A}.scope"), Runtime::Podman),
            (
                format!("/machine.slice/libpod-{A}.scope/container"),
                Runtime::Podman,
            ),
            (format!("/libpod_parent/libpod-{A}"), Runtime::Podman),
            (
                format!("{user}/user.slice/libpod-{A}.scope/container"),
                Runtime::Podman,
            ),
            (
                format!("/system.slice/web.service/libpod-payload-{A}"),
                Runtime::Podman,
            ),
            // The agent of ECS on EC2, with and without the cluster's name.
            (
                format!("/ecs/55091c13-b8cf-4801-b527-f4601742204d/{A}"),
                Runtime::Ecs,
            ),
            (
                format!("/ecs/web/55091c13b8cf4801b527f4601742204d/{A}"),
                Runtime::Ecs,
            ),
            (
                format!(
                    "/ecstasks.slice/ecstasks-55091c13b8cf4801b527f4601742204d.slice/docker-{A}.scope"
                ),
                Runtime::Docker,
            ),
            // A path for systemd, given to a runtime that makes cgroups by itself.
            (format!("/system.slice:docker:{A}"), Runtime::Docker),
            (format!("/docker.slice:docker:{A}"), Runtime::Docker),
            (format!("/system.slice:nerdctl:{A}"), Runtime::Containerd),
            (format!("/machine.slice:libpod:{A}"), Runtime::Podman),
            (
                format!("/kubepods-burstable-{POD}.slice:crio:{A}"),
                Runtime::CriO,
            ),
            (
                format!("{burstable}:cri-containerd:{A}"),
                Runtime::Containerd,
            ),
            (format!("/my.slice:mine:{A}"), Runtime::Other),
            // `docker run --cgroup-parent`, with cgroupfs and with systemd.
            (format!("/tenants/blue/{A}"), Runtime::Other),
            (format!("/tenants.slice/docker-{A}.scope"), Runtime::Docker),
            // `ctr run`, nerdctl without systemd, and a namespace of containerd's.
            (format!("/default/{A}"), Runtime::Containerd),
            (format!("/k8s.io/{A}"), Runtime::Containerd),
            (format!("/system.slice/runc-{A}.scope"), Runtime::Other),
            // Whoever made it.
            (format!("/{A}"), Runtime::Other),
            (format!("/{A}/init.scope"), Runtime::Other),
        ];
        for (path, runtime) in with_id {
            let found = Container::from_cgroup(&*path);
            let found = found.map(|container| Container {
                pod: None,
                user: None,
                ..container
            });
            assert_eq!(found, Container::with_id(runtime, A), "{path}");
        }
        for (path, runtime, name) in [
            (
                "/machine.slice/systemd-nspawn@web\\x2d1.service/payload/system.slice/x.service",
                Runtime::Nspawn,
                "web-1",
            ),
            (
                "/machine.slice/machine-web\\x2d1.scope",
                Runtime::Nspawn,
                "web-1",
            ),
            (
                "/machine.slice/machine-deb.scope/payload",
                Runtime::Nspawn,
                "deb",
            ),
            ("/lxc.payload.web", Runtime::Lxc, "web"),
            (
                "/lxc.payload.web/system.slice/nginx.service",
                Runtime::Lxc,
                "web",
            ),
            ("/lxc/web", Runtime::Lxc, "web"),
            ("/lxc.payload.a:b", Runtime::Lxc, "a:b"),
            ("/lxc/101/ns/system.slice/ssh.service", Runtime::Lxc, "101"),
            ("/lxc.payload/web/init.scope", Runtime::Lxc, "web"),
            // LXD of a snap, and a guest of Proxmox.
            ("/lxc.payload.u1/snap.x.slice", Runtime::Lxc, "u1"),
            ("/lxc/101/ns", Runtime::Lxc, "101"),
        ] {
            let found = Container::from_cgroup(path);
            assert_eq!(found, Container::with_name(runtime, name), "{path}");
        }
        // Ids of other kinds.
        let fargate = "34dc0b5e626f2c5c4c5170e34b10e765-1234567890";
        let build = "umbzwfyk5cpqbgwe9tc6q0s7x";
        for (path, shown) in [
            (
                format!("/ecs/34dc0b5e626f2c5c4c5170e34b10e765/{fargate}"),
                format!("ecs:{fargate}"),
            ),
            (
                format!("/docker/buildkit/{build}"),
                format!("buildkit:{build}"),
            ),
            (format!("/buildkit/{build}"), format!("buildkit:{build}")),
            (
                format!("/system.slice/docker-{build}.scope"),
                format!("buildkit:{build}"),
            ),
            (
                format!("/system.slice:docker:{build}"),
                format!("buildkit:{build}"),
            ),
        ] {
            let container = Container::from_cgroup(&*path).unwrap();
            assert_eq!(container.to_string(), shown, "{path}");
            assert!(container.matches_name(&shown), "{path}");
        }
    }

    #[test]
    fn pods_of_real_hosts() {
        const UID: &str = "9a1b2c3d-1111-2222-3333-444455556666";
        const HASH: &str = "5f1e0a9b8c7d6e5f4a3b2c1d0e9f8a7b";
        let escaped = UID.replace('-', "_");
        let slices = "/kubepods.slice/kubepods-burstable.slice";
        for (path, uid, qos) in [
            (
                format!("{slices}/kubepods-burstable-pod{escaped}.slice/cri-containerd-{A}.scope"),
                UID,
                QosClass::Burstable,
            ),
            (
                format!(
                    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{escaped}.slice/crio-{A}.scope"
                ),
                UID,
                QosClass::BestEffort,
            ),
            (
                format!("/kubepods.slice/kubepods-pod{escaped}.slice/docker-{A}.scope"),
                UID,
                QosClass::Guaranteed,
            ),
            (
                format!("{slices}/kubepods-burstable-pod{HASH}.slice/cri-containerd-{A}.scope"),
                HASH,
                QosClass::Burstable,
            ),
            // kind: a kubelet in a container of Docker.
            (
                format!(
                    "/docker/{B}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{escaped}.slice/cri-containerd-{A}.scope"
                ),
                UID,
                QosClass::BestEffort,
            ),
            (
                format!(
                    "/system.slice/containerd.service/kubepods-burstable-pod{escaped}.slice:cri-containerd:{A}"
                ),
                UID,
                QosClass::Burstable,
            ),
            // By cgroupfs.
            (
                format!("/kubepods/burstable/pod{UID}/{A}"),
                UID,
                QosClass::Burstable,
            ),
            (
                format!("/kubepods/besteffort/pod{UID}/{A}"),
                UID,
                QosClass::BestEffort,
            ),
            (format!("/kubepods/pod{UID}/{A}"), UID, QosClass::Guaranteed),
            (
                format!("/k8s.io/kubepods/burstable/pod{HASH}/{A}"),
                HASH,
                QosClass::Burstable,
            ),
        ] {
            let container = Container::from_cgroup(&*path).unwrap();
            let pod = container.pod.clone().unwrap();
            assert_eq!((pod.uid.as_str(), pod.qos), (uid, qos), "{path}");
            assert!(container.matches_name(uid) && !container.matches_name(&uid[..20]));
            assert!(container.matches_name(&A[..12]), "{path}");
        }
        for path in [
            format!("/docker/{A}"),
            format!("/kubepods/burstable/pod{UID}/{B}/docker/{A}"),
            format!("/kubepods/burstable/podman/libpod-{A}.scope"),
            format!("/burst/pod{UID}/docker-{A}.scope"),
        ] {
            assert_eq!(Container::from_cgroup(&*path).unwrap().pod, None, "{path}");
        }
    }

    #[test]
    fn other_cgroups_are_no_containers() {
        for path in [
            "/".to_owned(),
            String::new(),
            "/system.slice/docker.service".to_owned(),
            "/system.slice/docker-abc.scope".to_owned(),
            format!("/system.slice/docker-{}.scope", A.to_uppercase()),
            "/docker".to_owned(),
            "/docker/buildx".to_owned(),
            // The monitor of a container.
            format!("/machine.slice/libpod-conmon-{A}.scope"),
            format!("/kubepods.slice/crio-conmon-{A}.scope"),
            "/libpod_parent/conmon".to_owned(),
            "/lxc.monitor.web".to_owned(),
            "/lxc.monitor/web".to_owned(),
            // Like any other cgroup: crun without a manager.
            "/web".to_owned(),
            "/ecs/web/34dc0b5e626f2c5c4c5170e34b10e765".to_owned(),
            "/buildkit/x".to_owned(),
            format!("/x-{A}"),
            format!("/{}", &A[1..]),
            format!("/kubepods/burstable/{POD}"),
            "/machine.slice/machine-qemu\\x2d1\\x2ddebian.scope/libvirt/emulator".to_owned(),
            "/machine.slice/machine-.scope".to_owned(),
        ] {
            assert_eq!(Container::from_cgroup(&*path), None, "{path}");
        }
    }

    #[test]
    fn a_name_is_exact_and_an_id_may_be_cut() {
        let docker = Container::with_id(Runtime::Docker, A).unwrap();
        for name in [
            "3c6d",
            "3c6d1e0b9f8a",
            A,
            "docker:3c6d1e0b9f8a",
            "docker:3c6d",
            "3C6D1E0B9F8A",
            &format!("docker://{A}"),
            &format!("containerd://{A}"),
        ] {
            assert!(docker.matches_name(name), "{name}");
        }
        let longer = format!("{A}0");
        for name in [
            "",
            "3",
            "3c6",
            "6d1e",
            "docker",
            "docker:",
            "docker:3c6",
            "podman:3c6d",
            "http://3c6d",
            "/3c6d",
            &longer,
        ] {
            assert!(!docker.matches_name(name), "{name}");
        }
        let lxc = |name| Container::with_name(Runtime::Lxc, name).unwrap();
        for other in ["c10", "c1-staging", "C1", "lxc:c1", ""] {
            assert!(
                !lxc("c1").matches_name(other) || other == "lxc:c1",
                "{other}"
            );
        }
        assert!(lxc("c1").matches_name("c1") && lxc("c1").matches_name("lxc:c1"));
        assert!(lxc("c1").matches_name("/c1") && !lxc("c1").matches_name("//c1"));
        assert!(!lxc("c10").matches_name("c1") && !lxc("101").matches_name("10"));
        assert!(!lxc("abcdef").matches_name("abcd"), "that is not an id");
        // As it is shown on a terminal.
        assert!(lxc("\u{1b}").matches_name(r"lxc:\u{1b}"));
    }

    /// A user can make any cgroup below the tree that was left to them.
    #[test]
    fn a_container_in_a_users_tree_is_that_users() {
        let uid = rustix::process::geteuid().as_raw() + 1000;
        let user = format!("/user.slice/user-{uid}.slice/user@{uid}.service");
        let path = format!("{user}/app.slice/docker-{A}.scope");
        let container = Container::from_cgroup(&*path).unwrap();
        assert_eq!(container.user, Some(uid));
        assert_eq!(
            container.to_string(),
            format!("user:{uid}:docker:3c6d1e0b9f8a")
        );
        for name in ["3c6d", A, "docker:3c6d1e0b9f8a"] {
            assert!(!container.matches_name(name), "{name}");
            let own = Container {
                user: Some(rustix::process::geteuid().as_raw()),
                ..container.clone()
            };
            let is_own = !name.contains(':');
            assert_eq!(own.matches_name(name), is_own, "{name}");
        }
        for name in ["user:U:docker:3c6d1e0b9f8a", "user:U:docker:3c6d"] {
            assert!(
                container.matches_name(&name.replace('U', &uid.to_string())),
                "{name}"
            );
        }
        let nested = format!("/docker/{B}{user}/docker-{A}.scope");
        assert_eq!(Container::from_cgroup(&*nested).unwrap().user, None);
    }
}
