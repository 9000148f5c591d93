//! What the path of a cgroup tells of the container. Pure text.

use std::fmt;

use super::unescape::unescape_hex;
use super::unit::{SCOPE, SERVICE};

/// A container, as far as the path of its cgroup names it.
///
/// ```
/// use tcpentry::process::{Container, Runtime};
/// let id = "3f4e".repeat(16);
/// let container = Container::from_cgroup(&format!("/system.slice/docker-{id}.scope")).unwrap();
/// assert_eq!(container.runtime, Runtime::Docker);
/// assert!(container.matches_name("3f4e"));
/// assert_eq!(container.to_string(), "docker:3f4e3f4e3f4e");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Container {
    /// What runs it.
    pub runtime: Runtime,
    /// Its id: 64 hexadecimal digits. Some runtimes have only names.
    pub id: Option<String>,
    /// Its name, where the path has one: the other runtimes keep it to themselves.
    pub name: Option<String>,
    /// The pod of Kubernetes that it is part of.
    pub pod: Option<Pod>,
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
    /// It has what it asked for, and no more.
    Guaranteed,
    /// It has what it asked for, and may take more.
    Burstable,
    /// It asked for nothing.
    BestEffort,
}

/// What runs a container.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd, by itself or for Kubernetes.
    Containerd,
    /// CRI-O.
    CriO,
    /// Kubernetes, where the path does not tell which runtime it uses.
    Kubernetes,
    /// Podman.
    Podman,
    /// systemd-nspawn, or another machine of systemd-machined.
    Nspawn,
    /// LXC, LXD, Incus.
    Lxc,
}

impl Container {
    /// The innermost container that this cgroup belongs to.
    pub fn from_cgroup(path: &str) -> Option<Self> {
        let mut above = "";
        let mut pod = None;
        let mut innermost = None;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let here = Pod::of_part(above, part);
            if let Some(container) = Self::of_part(above, part, pod.is_some()) {
                // What it runs in turn is of no pod, or of one of its own.
                let pod = here.or(pod.take());
                innermost = Some(Self { pod, ..container });
            } else {
                pod = here.or(pod);
            }
            above = part;
        }
        innermost
    }

    /// Whether its id or its name begins with this, or it is the UID of its pod.
    pub fn matches_name(&self, prefix: &str) -> bool {
        let mut names = [&self.id, &self.name].into_iter().flatten();
        let is_of_pod = self.pod.as_ref().is_some_and(|pod| pod.uid == prefix);
        is_of_pod || (!prefix.is_empty() && names.any(|name| name.starts_with(prefix)))
    }

    /// From one part of a path and the one above it.
    fn of_part(above: &str, part: &str, in_pod: bool) -> Option<Self> {
        if let Some((_, id)) = part.split_once(":cri-containerd:") {
            return Self::with_id(Runtime::Containerd, id);
        }
        let scope = part.strip_suffix(SCOPE);
        if let Some((runtime, id)) = scope.unwrap_or(part).rsplit_once('-') {
            let runtime = match runtime {
                "docker" => Some(Runtime::Docker),
                "cri-containerd" | "nerdctl" => Some(Runtime::Containerd),
                "crio" => Some(Runtime::CriO),
                "libpod" | "libpod-payload" => Some(Runtime::Podman),
                _ => None,
            };
            if let Some(container) = runtime.and_then(|runtime| Self::with_id(runtime, id)) {
                return Some(container);
            }
        }
        match above {
            "docker" => return Self::with_id(Runtime::Docker, part),
            "lxc" | "lxc.payload" => return Self::with_name(Runtime::Lxc, part),
            _ if in_pod => return Self::with_id(Runtime::Kubernetes, part),
            _ => {}
        }
        if let Some(name) = part.strip_prefix("lxc.payload.") {
            return Self::with_name(Runtime::Lxc, name);
        }
        let service = part.strip_suffix(SERVICE);
        let machine = service
            .and_then(|unit| unit.strip_prefix("systemd-nspawn@"))
            .or_else(|| scope?.strip_prefix("machine-"))
            .map(unescape_hex)?;
        // A virtual machine of libvirt is no container.
        if machine.starts_with("qemu-") {
            return None;
        }
        Self::with_name(Runtime::Nspawn, &machine)
    }

    fn with_id(runtime: Runtime, id: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (id.len() == ID && id.bytes().all(is_digit)).then(|| Self {
            runtime,
            id: Some(id.to_owned()),
            name: None,
            pod: None,
        })
    }

    fn with_name(runtime: Runtime, name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self {
            runtime,
            id: None,
            name: Some(name.to_owned()),
            pod: None,
        })
    }
}

impl Pod {
    /// From one part of a path and the one above it: `/kubepods/burstable/podUID`, or with systemd
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
    /// The runtime, and the name or as much of the id as the runtimes themselves print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_ref().and_then(|id| id.get(..SHORT_ID));
        let name = self.name.as_deref().or(id).unwrap_or_default();
        write!(f, "{}:{name}", self.runtime)
    }
}

impl fmt::Display for QosClass {
    /// As Kubernetes writes it.
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
        })
    }
}

/// The length of an id.
const ID: usize = 64;
/// As `docker ps` prints it.
const SHORT_ID: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3c6d1e0b9f8a7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d";
    const B: &str = "f00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeed";
    const POD: &str = "pod9a1b2c3d-1111-2222-3333-444455556666";

    #[test]
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
        ];
        for (path, runtime) in with_id {
            let found = Container::from_cgroup(&path);
            let found = found.map(|container| Container {
                pod: None,
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
            ("/lxc/101/ns/system.slice/ssh.service", Runtime::Lxc, "101"),
            ("/lxc.payload/web/init.scope", Runtime::Lxc, "web"),
            // LXD of a snap, and a guest of Proxmox.
            ("/lxc.payload.u1/snap.x.slice", Runtime::Lxc, "u1"),
            ("/lxc/101/ns", Runtime::Lxc, "101"),
        ] {
            let found = Container::from_cgroup(path);
            assert_eq!(found, Container::with_name(runtime, name), "{path}");
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
            let container = Container::from_cgroup(&path).unwrap();
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
            assert_eq!(Container::from_cgroup(&path).unwrap().pod, None, "{path}");
        }
    }

    #[test]
    fn what_is_no_container() {
        for path in [
            "/".to_owned(),
            String::new(),
            "/system.slice/docker.service".to_owned(),
            "/system.slice/docker-abc.scope".to_owned(),
            format!("/system.slice/docker-{}.scope", A.to_uppercase()),
            "/docker".to_owned(),
            "/docker/buildx".to_owned(),
            // What watches over a container.
            format!("/machine.slice/libpod-conmon-{A}.scope"),
            format!("/kubepods.slice/crio-conmon-{A}.scope"),
            "/libpod_parent/conmon".to_owned(),
            "/lxc.monitor.web".to_owned(),
            "/lxc.monitor/web".to_owned(),
            // Not told from any other cgroup: crun without a manager.
            "/web".to_owned(),
            format!("/{A}"),
            format!("/kubepods/burstable/{POD}"),
            "/machine.slice/machine-qemu\\x2d1\\x2ddebian.scope/libvirt/emulator".to_owned(),
            "/machine.slice/machine-.scope".to_owned(),
        ] {
            assert_eq!(Container::from_cgroup(&path), None, "{path}");
        }
    }

    #[test]
    fn a_container_is_called_by_the_beginning_of_its_id_or_name() {
        let docker = Container::with_id(Runtime::Docker, A).unwrap();
        assert!(
            docker.matches_name("3c6d1e0b9f8a")
                && docker.matches_name(A)
                && docker.matches_name("3")
        );
        assert!(
            !docker.matches_name("")
                && !docker.matches_name("6d")
                && !docker.matches_name("docker")
        );
        let lxc = Container::with_name(Runtime::Lxc, "web").unwrap();
        assert!(lxc.matches_name("we") && !lxc.matches_name("webs"));
        assert_eq!(lxc.to_string(), "lxc:web");
    }
}
