//! A container as JSON has it, for those who read that.

use std::fmt;

use serde::Deserialize;

/// The fields of a container that its label is made of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContainerLabel {
    pub(crate) runtime: String,
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) user: Option<u32>,
}

impl fmt::Display for ContainerLabel {
    /// Writes it as `list` shows it, unescaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_deref().map(|id| match id.get(..SHORT_ID) {
            Some(short) if id.len() == WHOLE_ID => short,
            _ => id,
        });
        let name = self.name.as_deref().or(id).unwrap_or_default();
        if let Some(uid) = self.user {
            write!(f, "user:{uid}:")?;
        }
        write!(f, "{}:{name}", self.runtime)
    }
}

/// The digits of a container's id, and those of them that runtimes print.
const WHOLE_ID: usize = 64;
const SHORT_ID: usize = 12;
