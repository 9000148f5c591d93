//! `cargo xtask dist`: the files of a release, all of them made from one build and its installation.
//!
//! Debian's tools come from trees of their own below the target folder: nothing is installed on this machine, and each of
//! its Debian releases gives the same packages. Only root can enter such a tree.

mod architecture;
mod cross;
mod deb;
mod licences;
mod oci;
mod release;
mod reproduce;
mod rpm;
mod sbom;
mod stage;
mod sums;
mod tar;
mod tree;
mod trial;
mod wheel;

use anyhow::{Result, bail};

use crate::{command, debian};
use architecture::Architecture;
use release::Release;

/// The words of the command line.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Options {
    artefacts: Vec<Artefact>,
    /// Set if each is installed and used afterwards, in trees that have nothing of ours.
    tests: bool,
    /// Set if each is made again elsewhere, and compared.
    reproduces: bool,
    /// The architectures to make them for.
    architectures: Vec<Architecture>,
    /// The mirror of Debian's packages, if not that of this machine.
    mirror: Option<String>,
}

/// A kind of file that a release has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Artefact {
    Deb,
    Rpm,
    Tar,
    Oci,
    Sbom,
    Wheel,
}

impl Artefact {
    const ALL: [Self; 6] = [
        Self::Deb,
        Self::Rpm,
        Self::Tar,
        Self::Oci,
        Self::Sbom,
        Self::Wheel,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Tar => "tar",
            Self::Oci => "oci",
            Self::Sbom => "sbom",
            Self::Wheel => "wheel",
        }
    }

    /// Returns true if it is made of an installation, which has all that is built.
    fn is_staged(self) -> bool {
        matches!(self, Self::Deb | Self::Rpm | Self::Tar)
    }

    fn make(self, release: &Release) -> Result<()> {
        match self {
            Self::Deb => deb::make(release),
            Self::Rpm => rpm::make(release),
            Self::Tar => tar::make(release),
            Self::Oci => oci::make(release),
            Self::Sbom => sbom::make(release),
            Self::Wheel => wheel::make(release),
        }
    }

    fn test(self, release: &Release) -> Result<()> {
        match self {
            Self::Deb => trial::debs(release),
            Self::Rpm => rpm::test(release),
            Self::Tar => trial::tars(release),
            Self::Oci => oci::test(release),
            Self::Wheel => trial::wheel(release),
            // It is data.
            Self::Sbom => Ok(()),
        }
    }
}

impl Options {
    /// Parses the words: artefacts, all if there is none, and options.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            artefacts: Vec::new(),
            tests: false,
            reproduces: false,
            architectures: Vec::new(),
            mirror: None,
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--test" => options.tests = true,
                "--reproduce" => options.reproduces = true,
                "--arch" => {
                    let word = words.next().copied().unwrap_or_default();
                    let found = Architecture::ALL.into_iter().find(|it| it.debian() == word);
                    let Some(architecture) = found else {
                        bail!("dist: --arch takes amd64 or arm64");
                    };
                    options.architectures.push(architecture);
                }
                "--mirror" => match words.next() {
                    Some(&mirror) => options.mirror = Some(mirror.to_owned()),
                    None => bail!("dist: --mirror takes a URI"),
                },
                _ => {
                    let found = Artefact::ALL.into_iter().find(|it| it.name() == word);
                    let Some(artefact) = found else {
                        let names = Artefact::ALL.map(Artefact::name).join(", ");
                        bail!("dist: {word} is none of {names}");
                    };
                    options.artefacts.push(artefact);
                }
            }
        }
        if options.architectures.is_empty() {
            options.architectures = Architecture::ALL.into();
        }
        if options.artefacts.is_empty() {
            options.artefacts = Artefact::ALL.into();
        }
        Ok(options)
    }
}

/// Makes the artefacts, then tests them and makes them again if that is asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        bail!("dist: only x86-64 is supported so far as the machine that builds");
    }
    if !debian::is_root() {
        bail!("dist: only root can make Debian trees and work in them");
    }
    let mut needs = vec![
        ("mmdebstrap", "mmdebstrap"),
        ("unshare", "util-linux"),
        ("git", "git"),
    ];
    if options.artefacts.iter().any(|it| it.is_staged()) {
        needs.extend(stage::COMPILERS);
    }
    command::require(&needs)?;
    let release = Release::open(options.architectures.clone(), options.mirror.clone())?;
    for artefact in &options.artefacts {
        println!("\n{}", artefact.name());
        artefact.make(&release)?;
    }
    sums::write(&release)?;
    if options.tests {
        for artefact in &options.artefacts {
            println!("\ntest of {}", artefact.name());
            artefact.test(&release)?;
        }
    }
    if options.reproduces {
        println!("\nthe same again");
        let kinds: Vec<&str> = options.artefacts.iter().map(|it| it.name()).collect();
        reproduce::check(&release, &kinds)?;
    }
    println!("\n{}", release.out.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_words_all_is_made() {
        let options = Options::parse(&[]).unwrap();
        assert_eq!(options.artefacts, Artefact::ALL);
        assert_eq!(options.architectures, Architecture::ALL);
        assert!(!options.tests && !options.reproduces);
    }

    #[test]
    fn words_are_artefacts_and_options() {
        let words = "deb --test --reproduce --mirror m:/ --arch arm64";
        let words: Vec<&str> = words.split(' ').collect();
        let options = Options::parse(&words).unwrap();
        assert_eq!(options.artefacts, [Artefact::Deb]);
        assert!(options.tests && options.reproduces);
        assert_eq!(options.mirror.as_deref(), Some("m:/"));
        let error = Options::parse(&["msi"]).unwrap_err().to_string();
        assert!(error.contains("none of deb"), "{error}");
        assert_eq!(options.architectures, [Architecture::Arm64]);
        assert!(Options::parse(&["--mirror"]).is_err());
        assert!(Options::parse(&["--arch", "mips"]).is_err());
    }
}
