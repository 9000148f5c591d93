//! `cargo xtask install`: program, service, C library, headers, manuals and what Wine loads in a prefix of the user's choice.
//!
//! One list says what goes where; the same files are written by every run. Each is written beside its place and moved
//! there, so that a program which runs, or has the library loaded, keeps the file it has.

pub(crate) mod build;
pub(crate) mod dll;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command;
use crate::generate;
use build::{Built, Library, Recipe};

/// The destination of an installation.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Options {
    /// The prefix under which the files are used.
    prefix: PathBuf,
    /// The folder before the prefix when writing: the root of a package.
    destdir: Option<PathBuf>,
    /// The folder of the C library, if not `lib` in the prefix.
    libdir: Option<PathBuf>,
}

impl Options {
    /// Parses the arguments of `install`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut prefix = None;
        let mut destdir = None;
        let mut libdir = None;
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            let place = match name {
                "--prefix" => &mut prefix,
                "--destdir" => &mut destdir,
                "--libdir" => &mut libdir,
                _ => bail!("install: {word} is not one of its options"),
            };
            let Some(value) = value.or_else(|| words.next()) else {
                bail!("install: {name} takes a path");
            };
            if place.replace(path(name, value)?).is_some() {
                bail!("install: {name} is given twice");
            }
        }
        let Some(prefix) = prefix else {
            bail!("install: --prefix is missing; for example --prefix /usr/local");
        };
        Ok(Self {
            prefix,
            destdir,
            libdir,
        })
    }

    /// Returns the destination at this prefix, without a package.
    pub(crate) fn at(prefix: &Path) -> Self {
        Self {
            prefix: prefix.to_owned(),
            destdir: None,
            libdir: None,
        }
    }

    /// Returns the destination below a folder, from which a package is made that will be unpacked at this prefix.
    pub(crate) fn below(folder: &Path, prefix: &Path) -> Self {
        Self {
            prefix: prefix.to_owned(),
            destdir: Some(folder.to_owned()),
            libdir: None,
        }
    }

    /// Puts the C library into this folder.
    pub(crate) fn with_libdir(self, libdir: &Path) -> Self {
        Self {
            libdir: Some(libdir.to_owned()),
            ..self
        }
    }

    /// Returns the path to write for a file that is used at this path.
    fn destination(&self, path: &Path) -> PathBuf {
        match &self.destdir {
            None => path.to_owned(),
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        }
    }

    fn library_folder(&self) -> PathBuf {
        let libdir = self.libdir.clone();
        libdir.unwrap_or_else(|| self.prefix.join("lib"))
    }
}

/// Checks that a path is absolute and that a pkg-config file can hold it.
fn path(name: &str, value: &str) -> Result<PathBuf> {
    let is_plain = |c: char| c.is_alphanumeric() || "/-_.+,:@~".contains(c);
    if !value.starts_with('/') {
        bail!("install: {name} takes an absolute path, not '{value}'");
    }
    if let Some(odd) = value.chars().find(|&c| !is_plain(c)) {
        bail!("install: a pkg-config file can't hold the {odd:?} in '{value}'");
    }
    if value.split('/').any(|part| part == "..") {
        bail!("install: '..' in '{value}' may lead elsewhere; name the folder itself");
    }
    // Without what means nothing: `//`, `/./` and a slash at the end.
    Ok(Path::new(value).components().collect())
}

/// Builds as the recipe says, and installs every file.
pub(crate) fn run(options: &Options, recipe: &Recipe) -> Result<()> {
    let built = build::run(recipe)?;
    place(&built, options)?;
    if built.wine_dlls.is_empty() {
        println!(
            "\nWithout mingw-w64 there is no tcpentry.dll, and `tcpentry wine` has nothing to install"
        );
    }
    print!("{}", hints(options, is_searched_by_the_loader));
    Ok(())
}

/// Installs every file of a build.
pub(crate) fn place(built: &Built, options: &Options) -> Result<()> {
    let files = files(built, options)?;
    for (path, file) in &files {
        let to = options.destination(&options.prefix.join(path));
        write(&to, file).with_context(|| format!("cannot install {}", to.display()))?;
        match file {
            File::Link(target) => println!("{} -> {target}", to.display()),
            _ => println!("{}", to.display()),
        }
    }
    Ok(())
}

/// Returns the manual pages of the C library, from the repository's root.
pub(crate) fn manual_pages() -> Result<Vec<PathBuf>> {
    let mut pages = sorted_files(MANUALS, "3")?;
    pages.extend(sorted_files(MANUALS, "7")?);
    Ok(pages)
}

/// Returns the files of a folder with this extension, in the order of their names.
fn sorted_files(folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.to_owned())? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new(extension)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// One file to be installed.
#[derive(Debug, Eq, PartialEq)]
enum File {
    Program(PathBuf),
    Copy(PathBuf),
    Text(String),
    /// A link to a name in the same folder.
    Link(&'static str),
}

/// Returns everything that is installed, with paths from the prefix, or absolute ones.
fn files(built: &Built, options: &Options) -> Result<Vec<(PathBuf, File)>> {
    let mut files = match &built.library {
        Some(library) => library_files(library, options)?,
        None => Vec::new(),
    };
    let mut add = |path: &str, file| files.push((path.into(), file));

    add("bin/tcpentry", File::Program(built.program.clone()));
    add(
        "libexec/tcpentry/tcpentry-wine",
        File::Program(built.wine_program.clone()),
    );
    for (processor, dll) in &built.wine_dlls {
        let place = format!("lib/tcpentry/wine/{processor}/tcpentry.dll");
        add(&place, File::Copy(dll.clone()));
    }
    add(
        "share/man/man1/tcpentry.1",
        File::Copy(generate::MANUAL.into()),
    );
    for page in tcpentry_cli::manual_pages() {
        let (name, number) = (page.name, page.section.0);
        add(
            &format!("share/man/man{number}/{name}.{number}"),
            File::Copy(generate::prose_path(&page).into()),
        );
    }
    let unit = fs::read_to_string(UNIT).context(UNIT)?;
    let program = options.prefix.join("bin/tcpentry").display().to_string();
    add(
        "lib/systemd/system/tcpentry-guard.service",
        File::Text(unit.replace("/usr/bin/tcpentry", &program)),
    );
    add("lib/sysusers.d/tcpentry.conf", File::Copy(USER.into()));
    // Examples: what is used of them is copied to /etc.
    add(
        &format!("{EXAMPLES}/tcpentry-guard-netns.conf"),
        File::Copy(NETNS_DROP_IN.into()),
    );
    for rules in sorted_files(RULES, "toml")? {
        let name = rules.file_name().unwrap_or_default().to_string_lossy();
        let place = format!("{EXAMPLES}/guard.d/{name}");
        add(&place, File::Copy(rules.clone()));
    }
    add(
        &format!("{EXAMPLES}/apparmor/tcpentry-guard"),
        File::Copy(APPARMOR.into()),
    );
    for (path, from) in integrations()? {
        // Other programs run the scripts among them.
        let file = if command::is_executable(&from) {
            File::Program(from)
        } else {
            File::Copy(from)
        };
        add(&path, file);
    }
    for (name, place) in COMPLETIONS {
        let from = Path::new("crates/tcpentry-cli/completions").join(name);
        add(place, File::Copy(from));
    }
    Ok(files)
}

/// Returns the C library with its links, headers and manual pages, and the file that pkg-config reads.
fn library_files(library: &Library, options: &Options) -> Result<Vec<(PathBuf, File)>> {
    let pkg_config = pkg_config(options, &library.native_libraries);
    let mut files: Vec<(PathBuf, File)> = [
        (LIBRARY, File::Copy(library.shared.clone())),
        ("libiphlpapi.so.1", File::Link(LIBRARY)),
        ("libiphlpapi.so", File::Link("libiphlpapi.so.1")),
        ("libiphlpapi.a", File::Copy(library.archive.clone())),
        ("pkgconfig/iphlpapi.pc", File::Text(pkg_config)),
    ]
    .map(|(name, file)| (options.library_folder().join(name), file))
    .into();
    for name in spellings(LIBRARY_SPELLINGS) {
        let link = File::Link("libiphlpapi.so.1");
        files.push((options.library_folder().join(name), link));
    }
    let mut add = |path: &str, file| files.push((path.into(), file));
    for folder in ["", "/tcpentry-windows"] {
        for header in sorted_files(&format!("{HEADERS}{folder}"), "h")? {
            let name = header.file_name().unwrap_or_default().to_string_lossy();
            let place = format!("include{folder}/{name}");
            add(&place, File::Copy(header.clone()));
        }
    }
    for line in spellings(HEADER_SPELLINGS) {
        let mut words = line.split(' ');
        let header = words.next().unwrap_or_default();
        for spelling in words {
            add(
                &format!("include/tcpentry-windows/{spelling}"),
                File::Link(header),
            );
        }
    }
    for page in manual_pages()? {
        let text = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        let stem = page.file_stem().unwrap_or_default().to_string_lossy();
        let section = page.extension().unwrap_or_default().to_string_lossy();
        let place = |name: &str| format!("share/man/man{section}/{name}.{section}");
        add(&place(&stem), File::Copy(page.clone()));
        for name in names(&text).filter(|&name| *name != stem) {
            let text = format!(".so man{section}/{stem}.{section}\n");
            add(&place(name), File::Text(text));
        }
    }
    Ok(files)
}

/// Returns the lines of a list of spellings.
fn spellings(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

/// Returns the files of the integrations without their tests and the simulation of a fleet, each with its path from the prefix.
fn integrations() -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut waiting = vec![PathBuf::from(INTEGRATIONS)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if ["test", "tests", "test.sh", "fleet"]
                .iter()
                .any(|it| path.ends_with(it))
            {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else {
                files.push((format!("share/tcpentry/{}", path.display()), path));
            }
        }
    }
    files.sort();
    Ok(files)
}

const INTEGRATIONS: &str = "integrations";
/// The service, its drop-in for other namespaces, and its user.
const UNIT: &str = "packaging/systemd/tcpentry-guard.service";
const NETNS_DROP_IN: &str = "packaging/systemd/tcpentry-guard-netns.conf";
const USER: &str = "packaging/sysusers.d/tcpentry.conf";
const APPARMOR: &str = "packaging/apparmor/tcpentry-guard";
/// The folder of the examples in the prefix, and that of the rules in the repository.
const EXAMPLES: &str = "share/doc/tcpentry/examples";
const RULES: &str = "crates/tcpentry-cli/examples/guard.d";
/// The completions, and where each shell finds its own.
const COMPLETIONS: [(&str, &str); 3] = [
    (
        "tcpentry.bash",
        "share/bash-completion/completions/tcpentry",
    ),
    ("_tcpentry", "share/zsh/site-functions/_tcpentry"),
    (
        "tcpentry.fish",
        "share/fish/vendor_completions.d/tcpentry.fish",
    ),
];

/// Returns the functions of a manual page: those that its section NAME lists before the dash.
fn names(page: &str) -> impl Iterator<Item = &str> {
    let section = page.split_once("\n.SH NAME\n").map_or("", |(_, rest)| rest);
    let list = section.split_once(" \\- ").map_or("", |(list, _)| list);
    list.split([',', '\n', ' ']).filter(|name| !name.is_empty())
}

fn pkg_config(options: &Options, native_libraries: &str) -> String {
    let prefix = &options.prefix;
    let folder = options.library_folder();
    let libdir = match folder.strip_prefix(prefix) {
        Ok(inside) => format!("${{prefix}}/{}", inside.display()),
        Err(_) => folder.display().to_string(),
    };
    format!(
        "\
prefix={}
libdir={libdir}
includedir=${{prefix}}/include

Name: iphlpapi
Description: SetTcpEntry and the TCP functions around it, for Linux, with the layouts of Windows
Version: {}
Libs: -L${{libdir}} -liphlpapi
Libs.private: {native_libraries}
Cflags: -I${{includedir}}
",
        prefix.display(),
        version()
    )
}

/// Returns the version of the program, which is that of all packages.
pub(crate) fn version() -> String {
    let command = tcpentry_cli::command();
    let version = command.get_version();
    version.expect("the program has a version").to_owned()
}

fn write(to: &Path, file: &File) -> Result<()> {
    let folder = to.parent().context("it has no folder")?;
    make_folder(folder)?;
    let mut name = to.file_name().context("it has no name")?.to_owned();
    name.push(".new");
    let new = folder.join(name);
    // Left behind by a run that was interrupted.
    let _ = fs::remove_file(&new);
    match file {
        File::Program(from) | File::Copy(from) => {
            fs::copy(from, &new).with_context(|| from.display().to_string())?;
        }
        File::Text(text) => fs::write(&new, text)?,
        File::Link(target) => symlink(target, &new)?,
    }
    match file {
        File::Program(_) => fs::set_permissions(&new, Permissions::from_mode(0o755))?,
        File::Copy(_) | File::Text(_) => fs::set_permissions(&new, Permissions::from_mode(0o644))?,
        File::Link(_) => {}
    }
    fs::rename(&new, to)?;
    Ok(())
}

/// Creates a folder that everybody may enter, whatever the umask.
fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    Ok(())
}

/// Prints what is left to do until compilers, loader and `man` find the files.
fn hints(options: &Options, is_searched: impl Fn(&Path) -> bool) -> String {
    if options.destdir.is_some() {
        return String::new();
    }
    let library = options.library_folder();
    if is_searched(&library) {
        let folder = library.display();
        // The loader's cache has no names but those that begin with the library's own.
        let others = if BUILT_IN.iter().any(|it| library.starts_with(it)) {
            String::new()
        } else {
            format!("Programs that load iphlpapi.dll find it there with LD_LIBRARY_PATH={folder}\n")
        };
        return format!(
            "\nThe loader knows {folder} once its cache is renewed: sudo ldconfig\n{others}"
        );
    }
    format!(
        "\nNothing looks into {prefix} by itself. For programs started from this shell:\n  \
         export LD_LIBRARY_PATH={library} PKG_CONFIG_PATH={library}/pkgconfig\n  \
         export PATH={prefix}/bin:$PATH MANPATH={prefix}/share/man:\n",
        library = library.display(),
        prefix = options.prefix.display(),
    )
}

fn is_searched_by_the_loader(folder: &Path) -> bool {
    let mut configurations = vec![PathBuf::from("/etc/ld.so.conf")];
    if let Ok(entries) = fs::read_dir("/etc/ld.so.conf.d") {
        configurations.extend(entries.flatten().map(|entry| entry.path()));
    }
    let is_configured = configurations.iter().any(|path| {
        fs::read_to_string(path)
            .is_ok_and(|text| text.lines().any(|line| Path::new(line.trim()) == folder))
    });
    BUILT_IN.iter().any(|known| Path::new(known) == folder) || is_configured
}

/// The folders in which the loader looks for a file of any name.
const BUILT_IN: [&str; 4] = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];

/// The library's real name: its soname, and the version of all packages behind it. The number of the soname changes when a
/// program would have to be compiled anew.
const LIBRARY: &str = "libiphlpapi.so.1.0.1.0";
const HEADERS: &str = "crates/iphlpapi/include";
const MANUALS: &str = "crates/iphlpapi/man";
/// The other names of the library and of the headers for sources that were written for Windows.
const LIBRARY_SPELLINGS: &str = include_str!("../../../crates/iphlpapi/spellings/library");
const HEADER_SPELLINGS: &str = include_str!("../../../crates/iphlpapi/spellings/headers");

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(words: &[&str]) -> String {
        Options::parse(words).unwrap_err().to_string()
    }

    #[test]
    fn options_in_both_notations() {
        let options = Options::below(Path::new("/tmp/root"), Path::new("/opt/x"));
        let words = ["--prefix", "/opt//x/", "--destdir=/tmp/root"];
        assert_eq!(Options::parse(&words).unwrap(), options);
        let library = options.destination(&options.library_folder());
        assert_eq!(library, Path::new("/tmp/root/opt/x/lib"));
    }

    #[test]
    fn nonsense_is_refused_before_anything_is_built() {
        assert!(refusal(&[]).contains("--prefix is missing"));
        assert!(refusal(&["--destdir", "/tmp"]).contains("--prefix is missing"));
        assert!(refusal(&["--prefix"]).contains("takes a path"));
        assert!(refusal(&["--prefix", "opt"]).contains("absolute path"));
        assert!(refusal(&["--prefix="]).contains("absolute path"));
        assert!(refusal(&["--prefix", "--destdir"]).contains("absolute path"));
        assert!(refusal(&["--prefix", "/a b"]).contains("' '"));
        assert!(refusal(&["--prefix", "/a/../b"]).contains(".."));
        assert!(refusal(&["--prefix=/a", "--prefix=/b"]).contains("twice"));
        assert!(refusal(&["/usr/local"]).contains("not one of its options"));
    }

    #[test]
    fn every_spelling_is_a_name_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for line in spellings(LIBRARY_SPELLINGS).chain(spellings(HEADER_SPELLINGS)) {
            for name in line.split(' ') {
                assert!(!name.is_empty() && seen.insert(name), "{name:?}");
            }
        }
        assert!(seen.contains("libiphlpapi.dll.so") && seen.contains("Windows.h"));
        assert!(!seen.contains("libiphlpapi.so"));
    }

    #[test]
    fn every_name_of_a_page_is_found() {
        let page = ".TH A 3\n.SH NAME\nA, B,\nC_d \\- do it\n.SH SYNOPSIS\nx \\- y\n";
        assert_eq!(names(page).collect::<Vec<_>>(), ["A", "B", "C_d"]);
        assert_eq!(names("no page").count(), 0);
    }

    #[test]
    fn the_library_goes_into_its_own_folder() {
        let words = ["--prefix=/usr", "--libdir=/usr/lib/x86_64-linux-gnu"];
        let options = Options::parse(&words).unwrap();
        assert_eq!(
            options.library_folder(),
            Path::new("/usr/lib/x86_64-linux-gnu")
        );
        let text = pkg_config(&options, "");
        assert!(text.contains("\nlibdir=${prefix}/lib/x86_64-linux-gnu\n"));
        let elsewhere = Options::at(Path::new("/opt/x")).with_libdir(Path::new("/srv/lib"));
        assert!(pkg_config(&elsewhere, "").contains("\nlibdir=/srv/lib\n"));
    }

    #[test]
    fn the_versions_of_the_library_agree() {
        let version = version();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("crates/iphlpapi");
        let build = fs::read_to_string(folder.join("build.rs")).unwrap();
        let soname = LIBRARY.strip_suffix(&format!(".{version}"));
        let soname = soname.expect("the file's name ends with the version");
        assert!(
            build.contains(&format!("-Wl,-soname,{soname}\"")),
            "{soname}"
        );
        let options = Options::at(Path::new("/opt/x"));
        assert!(pkg_config(&options, "").contains(&format!("\nVersion: {version}\n")));
        let rpm = include_str!("../../../packaging/rpm/tcpentry.spec");
        assert!(rpm.contains(&format!("/{soname}.%{{upstream_version}}\n")));
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("\nversion.workspace = true\n"));
    }

    #[test]
    fn a_prefix_that_nobody_searches_gets_hints() {
        let options = Options::at(Path::new("/opt/x"));
        let text = hints(&options, |_| false);
        assert!(text.contains("LD_LIBRARY_PATH=/opt/x/lib"), "{text}");
        let configured = hints(&options, |_| true);
        assert!(configured.contains("ldconfig"), "{configured}");
        assert!(configured.contains("iphlpapi.dll"), "{configured}");
        let usr = hints(&Options::at(Path::new("/usr")), |_| true);
        assert!(!usr.contains("iphlpapi.dll"), "{usr}");
        let packaged = Options {
            destdir: Some("/tmp/root".into()),
            ..options
        };
        assert_eq!(hints(&packaged, |_| false), "");
    }

    #[test]
    fn a_file_is_replaced_and_not_written_into() {
        let folder = std::env::temp_dir().join(format!("tcpentry-install-{}", std::process::id()));
        let path = folder.join("lib/x");
        for text in ["one", "two"] {
            let old = fs::File::open(&path).ok();
            write(&path, &File::Text(text.into())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            if let Some(mut old) = old {
                let mut kept = String::new();
                std::io::Read::read_to_string(&mut old, &mut kept).unwrap();
                assert_eq!(kept, "one");
            }
            write(&folder.join("lib/y"), &File::Link("x")).unwrap();
        }
        assert_eq!(fs::read_dir(folder.join("lib")).unwrap().count(), 2);
        fs::remove_dir_all(folder).unwrap();
    }
}
