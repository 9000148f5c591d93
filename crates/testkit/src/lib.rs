//! Fixtures of the tests against the real kernel: network namespaces of their own, TCP
//! sockets in every state, other users, and skips that are seen.
//!
//! No test may touch a connection of the machine it runs on, or share a descriptor with another test: each runs inside
//! [`isolated`].
//!
//! ```no_run
//! use tcpentry_testkit::{isolated, skip, tcp};
//!
//! fn a_connection_has_two_ends() {
//!     isolated(|| {
//!         if !tcpentry_testkit::user::others() {
//!             skip!("only one user is mapped here");
//!         }
//!         let ends = tcp::connected();
//!         assert_eq!(ends.client.peer_addr().unwrap(), ends.server.local_addr().unwrap());
//!     });
//! }
//! ```
#![allow(
    clippy::missing_panics_doc,
    reason = "a fixture that can't be made fails its test"
)]

mod alone;
pub mod cgroup;
pub mod corpus;
pub mod fuse;
pub mod hands;
pub mod holder;
pub mod hostile;
pub mod in_flight;
pub mod kernel;
pub mod link;
pub mod mptcp;
pub mod named;
pub mod netns;
pub mod proc_net;
pub mod pty;
pub mod random;
pub mod ring;
pub mod rootless;
pub mod seccomp;
pub mod signals;
pub mod skip;
pub mod sshd;
pub mod stage;
mod sys;
pub mod tcp;
pub mod tmux;
pub mod user;
pub mod varied;
pub mod wait;
pub mod wine_dll;
pub mod world;

pub use netns::{Namespace, isolated};
pub use wait::{Raised, until};
