//! The container images: the static program, and nothing else, as archives of the OCI's layout.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::cross::{self, Parts};
use super::release::Release;
use super::tree::Kind;
use super::{stage, sums, tar};
use crate::command;

/// Makes an image for each architecture.
pub(super) fn make(release: &Release) -> Result<()> {
    for &architecture in &release.architectures {
        let built = cross::build(release, architecture.musl(), Parts::Program)?;
        let architecture = architecture.debian();
        let name = format!("tcpentry-{}-oci-{architecture}", release.version);
        let work = release.work(&name)?;
        let root = work.join("root");
        fill(release, &root, &built.program)?;
        let layout = work.join("layout");
        write_layout(release, &work, &layout, architecture)?;
        let archive = release.out.join(format!("{name}.tar"));
        command::run(&mut tar::packed(
            release.date,
            &layout,
            "-cf",
            &archive,
            ".",
        ))?;
    }
    Ok(())
}

/// Lays out the root of the image: the program, the folders that `guard` writes to, and names for root.
fn fill(release: &Release, root: &Path, program: &Path) -> Result<()> {
    for folder in [
        "etc/tcpentry/guard.d",
        "run/tcpentry",
        "tmp",
        "usr/bin",
        "usr/share/doc/tcpentry",
        "var/lib/tcpentry",
    ] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::copy(program, root.join("usr/bin/tcpentry"))?;
    for (path, text) in [
        ("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\n"),
        ("etc/group", "root:x:0:\n"),
        (
            "usr/share/doc/tcpentry/third-party.txt",
            &stage::third_party(release)?,
        ),
    ] {
        fs::write(root.join(path), text)?;
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(licence, root.join("usr/share/doc/tcpentry").join(licence))?;
    }
    Ok(())
}

fn write_layout(release: &Release, work: &Path, layout: &Path, architecture: &str) -> Result<()> {
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let layer = work.join("layer.tar");
    command::run(&mut tar::packed(
        release.date,
        &work.join("root"),
        "-cf",
        &layer,
        ".",
    ))?;
    let content = digest(&layer)?;
    let mut gzip = command::program(["gzip", "-9", "-n"]);
    command::run(gzip.arg(&layer))?;

    let created = release.date_time()?;
    let labels = json!({
        "org.opencontainers.image.title": "tcpentry",
        "org.opencontainers.image.description": "Ends TCP connections from outside their process",
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
    });
    let config = json!({
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/tcpentry"],
            "Env": ["PATH=/usr/bin"],
            "WorkingDir": "/",
            "Labels": labels,
        },
        "rootfs": { "type": "layers", "diff_ids": [content] },
        "history": [{ "created": created, "created_by": "cargo xtask dist oci" }],
    });
    let config = write_json(&blobs, &config, "config.v1")?;
    let layer = blob(&blobs, &work.join("layer.tar.gz"), "layer.v1.tar+gzip")?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media("manifest.v1"),
        "config": config,
        "layers": [layer],
    });
    let mut manifest = write_json(&blobs, &manifest, "manifest.v1")?;
    let name = format!("localhost/tcpentry:{}", release.version);
    manifest["platform"] = json!({ "architecture": architecture, "os": "linux" });
    manifest["annotations"] = json!({
        // What podman and skopeo, and what Docker calls it.
        "org.opencontainers.image.ref.name": name,
        "io.containerd.image.name": name,
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    fs::write(layout.join("index.json"), index.to_string())?;
    fs::write(
        layout.join("oci-layout"),
        json!({ "imageLayoutVersion": "1.0.0" }).to_string(),
    )?;
    Ok(())
}

/// Runs the lines of the image's README beside a connection like theirs.
pub(super) fn test(release: &Release) -> Result<()> {
    let scripts = release.work("oci-trial")?;
    let lines = fs::read_to_string(README).context(README)?;
    let lines = lines
        .lines()
        .filter_map(|line| line.strip_prefix("# podman "));
    let lines: Vec<String> = lines.map(|line| format!("podman {line}\n")).collect();
    fs::write(scripts.join("lines"), lines.concat())?;
    fs::write(scripts.join("oci.sh"), include_str!("oci.sh"))?;
    let folders = [(release.out.as_path(), "/new"), (&scripts, "/test")];
    let tree = release.tree(&PODMAN)?;
    tree.run("oci.sh", &folders, &["bash", "/test/oci.sh"])
}

const README: &str = "packaging/oci/README.md";
const PODMAN: Kind = Kind {
    name: "podman",
    suite: "trixie",
    has_security: false,
    architectures: "amd64",
    packages: "crun,iproute2,netcat-openbsd,podman",
};

fn write_json(blobs: &Path, value: &Value, kind: &str) -> Result<Value> {
    let path = blobs.join("new");
    fs::write(&path, value.to_string())?;
    blob(blobs, &path, kind)
}

/// Moves a file among the blobs, and returns its descriptor.
fn blob(blobs: &Path, path: &Path, kind: &str) -> Result<Value> {
    let digest = digest(path)?;
    let to = blobs.join(digest.trim_start_matches("sha256:"));
    fs::rename(path, &to)?;
    let size = to.metadata()?.len();
    Ok(json!({ "mediaType": media(kind), "digest": digest, "size": size }))
}

fn media(kind: &str) -> String {
    match kind.split_once('+') {
        Some((kind, how)) => format!("application/vnd.oci.image.{kind}+{how}"),
        None => format!("application/vnd.oci.image.{kind}+json"),
    }
}

fn digest(path: &Path) -> Result<String> {
    let folder = path.parent().context("a file is in a folder")?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let line = sums::sums(folder, &[name.into_owned()])?;
    let sum = line.split(' ').next().unwrap_or_default();
    Ok(format!("sha256:{sum}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_name_the_version_of_the_image() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for path in [README, "packaging/kubernetes/tcpentry-guard.yaml"] {
            let text = fs::read_to_string(root.join(path)).unwrap();
            let image = "localhost/tcpentry:";
            let versions = text
                .match_indices(image)
                .map(|(at, _)| &text[at + image.len()..]);
            let version = crate::install::version();
            assert!(
                versions.clone().count() > 0 && versions.clone().all(|it| it.starts_with(&version)),
                "{path}"
            );
        }
    }

    #[test]
    fn media_types_are_those_of_the_specification() {
        assert_eq!(
            media("config.v1"),
            "application/vnd.oci.image.config.v1+json"
        );
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        assert_eq!(media("layer.v1.tar+gzip"), layer);
    }
}
