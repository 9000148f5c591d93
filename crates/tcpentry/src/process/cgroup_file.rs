//! The text of `/proc/PID/cgroup`.

/// Returns the cgroup of a process, from `/proc/PID/cgroup`: its path in version 2; where nothing is managed in
/// that, the one in the hierarchy of systemd; else the longest.
pub(crate) fn of_process(text: &[u8]) -> Option<String> {
    let rank = |member: &Membership<'_>| {
        let is_managed = member.path != b"/";
        (
            is_managed && member.is_of_version_2,
            is_managed && member.is_of_systemd,
            member.path.len(),
        )
    };
    let member = memberships(text).max_by_key(rank)?;
    Some(String::from_utf8_lossy(member.path).into_owned())
}

/// A line of `/proc/PID/cgroup`.
pub(super) struct Membership<'a> {
    pub(super) is_of_version_2: bool,
    pub(super) is_of_systemd: bool,
    pub(super) path: &'a [u8],
}

/// Parses the lines.
pub(super) fn memberships(text: &[u8]) -> impl Iterator<Item = Membership<'_>> {
    // HIERARCHY:CONTROLLERS:PATH; only the path may hold a colon, and nothing a newline.
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let hierarchy = fields.next()?;
        let controllers = fields.next()?;
        Some(Membership {
            is_of_version_2: hierarchy == b"0" && controllers.is_empty(),
            is_of_systemd: controllers == b"name=systemd",
            path: fields.next()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_of_a_process() {
        for (text, cgroup) in [
            // Version 2 alone: systemd, a container with a namespace of its own.
            (
                "0::/system.slice/nginx.service\n",
                "/system.slice/nginx.service",
            ),
            ("0::/\n", "/"),
            ("0::/../other\n", "/../other"),
            // Side by side, both managed by systemd.
            (
                "5:memory:/a/very/long/path/of/memory\n1:name=systemd:/init.scope\n0::/init.scope\n",
                "/init.scope",
            ),
            // Version 2 mounted, but nothing managed in it.
            (
                "12:pids:/docker/0123456789\n1:name=systemd:/docker/0123\n0::/\n",
                "/docker/0123",
            ),
            (
                "1:name=systemd:/system.slice/ssh.service\n",
                "/system.slice/ssh.service",
            ),
            // Without systemd.
            (
                "9:name=systemd:/\n4:memory:/lxc/web\n3:cpu:/\n0::/\n",
                "/lxc/web",
            ),
            ("0::/a:b:c\n", "/a:b:c"),
        ] {
            assert_eq!(
                of_process(text.as_bytes()).as_deref(),
                Some(cgroup),
                "{text}"
            );
        }
        assert_eq!(of_process(b""), None);
        assert_eq!(of_process(b"nonsense\n"), None);
        assert_eq!(of_process(b"0::/\xff").as_deref(), Some("/\u{fffd}"));
    }
}
