//! The RPM packages: one spec file over the staged installation.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::architecture::{Architecture, Place};
use super::deb::TOOLS;
use super::release::Release;
use super::{stage, trial};

/// Makes the packages.
pub(super) fn make(release: &Release) -> Result<()> {
    for &architecture in &release.architectures {
        build(release, architecture)?;
    }
    Ok(())
}

fn build(release: &Release, architecture: Architecture) -> Result<()> {
    let work = release.work(&format!("rpm-{}", architecture.debian()))?;
    let built = stage::build(release, architecture)?;
    stage::install(release, &built, &work.join("stage"), PLACE)?;
    fs::copy(SPEC, work.join("tcpentry.spec"))?;
    let tree = release.tree(&TOOLS)?;
    let date = release.date.to_string();
    let words = [
        "sh",
        "-ec",
        BUILD,
        "sh",
        &release.version,
        &date,
        architecture.kernel(),
    ];
    tree.run("rpmbuild", &[(&work, "/build")], &words)?;
    for package in files(&work.join("out"))? {
        fs::copy(
            &package,
            release.out.join(package.file_name().unwrap_or_default()),
        )?;
    }
    Ok(())
}

/// Installs, uses and removes the packages; those of another architecture as far as an emulator goes.
pub(super) fn test(release: &Release) -> Result<()> {
    if release.makes(Architecture::Amd64) {
        let tree = release.tree(&TOOLS)?;
        let words = ["bash", "-euxc", TRIAL];
        tree.run("rpm", &[(&release.out, "/new")], &words)?;
    }
    trial::emulated_rpms(release)
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

const SPEC: &str = "packaging/rpm/tcpentry.spec";
const PLACE: Place = Place {
    prefix: "/usr",
    libdir: "/usr/lib64",
};

/// The script that builds; its arguments are version, date and architecture.
const BUILD: &str = r#"cd /build
released=$(LC_ALL=C date -u -d "@$2" '+%a %b %d %Y')
SOURCE_DATE_EPOCH=$2 rpmbuild -bb --quiet --define "_topdir /build/top" --define "_rpmdir /build/out" \
  --define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" --define "_libdir /usr/lib64" \
  --define "_buildhost tcpentry" --define "use_source_date_epoch_as_buildtime 1" --define "build_mtime_policy clamp_to_source_date_epoch" \
  --define "_binary_payload w7.xzdio" --define "stage /build/stage" --define "released $released" \
  --define "upstream_version $1" --target "$3" tcpentry.spec
for package in out/*.rpm; do rpm -qp --queryformat '%{NAME} needs: [%{REQUIRENAME} ]\n' "$package"; done
rpmlint out/*.rpm || :"#;

/// The script of the test. The tree is Debian's: what the packages depend on is not looked up.
const TRIAL: &str = r#"
rpm="rpm --nodeps"
$rpm -ivh /new/*.x86_64.rpm
$rpm -V tcpentry libiphlpapi libiphlpapi-dll libiphlpapi-devel
tcpentry --version
tcpentry demo
$rpm -Uvh --replacepkgs /new/*.x86_64.rpm
$rpm -e tcpentry libiphlpapi libiphlpapi-dll libiphlpapi-devel
left=$(find /usr /etc -name '*tcpentry*' -o -iname '*iphlpapi*'); [ -z "$left" ]"#;
