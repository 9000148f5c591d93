//! The text of `/proc/PID/cgroup`.

/// A line of `/proc/PID/cgroup`.
pub(super) struct Membership<'a> {
    /// The hierarchy: its controllers, or `name=` and its name; empty for version 2.
    pub(super) controllers: &'a [u8],
    pub(super) path: &'a [u8],
}

impl Membership<'_> {
    pub(super) const fn is_of_version_2(&self) -> bool {
        self.controllers.is_empty()
    }

    pub(super) fn is_of_systemd(&self) -> bool {
        self.controllers == b"name=systemd"
    }
}

/// Parses the lines.
pub(super) fn memberships(text: &[u8]) -> impl Iterator<Item = Membership<'_>> {
    // HIERARCHY:CONTROLLERS:PATH; only the path may hold a colon, and nothing a newline.
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        // Its number says no more.
        fields.next()?;
        Some(Membership {
            controllers: fields.next()?,
            path: fields.next()?,
        })
    })
}
