//! Processes, as far as a connection's owner or the operator's session is concerned: `/proc`, and cgroups.

mod arguments;
pub(crate) mod cgroup;
pub(crate) mod cgroup_file;
pub(crate) mod cgroup_path;
pub(crate) mod container;
pub(crate) mod descriptors;
mod directory;
pub(crate) mod holder;
mod inspect;
pub(crate) mod mounts;
pub(crate) mod owners;
mod pid;
pub(crate) mod proc;
pub(crate) mod search;
mod unescape;
pub(crate) mod unit;

pub use cgroup::Cgroups;
pub use cgroup_path::CgroupPath;
pub use container::{Container, Pod, QosClass, Runtime};
pub use owners::{Owner, Owners};
pub use pid::Process;
pub use search::OwnerSearch;
pub use unit::Unit;
