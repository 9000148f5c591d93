//! No room of a crate imports another one that imports it, directly or through others.
//!
//! A room is a file, or a folder with all that is in it, beside others in one folder. The `mod.rs` of a folder is its door,
//! and no room of its own: it may call the rooms, and what it defines serves them. A name that it only re-exports is looked
//! for in the room that has it.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// The names of modules from the root of a crate; the root itself has none.
type ModulePath = Vec<String>;

#[derive(Default)]
struct Module {
    /// Each path that its code names, from the root of the crate.
    named: Vec<ModulePath>,
    /// The paths of what it re-exports, by the name that it gives them; `*` for globs.
    exports: Vec<(String, ModulePath)>,
}

#[derive(Default)]
struct Crate(BTreeMap<ModulePath, Module>);

impl Crate {
    fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        let mut waiting = vec![(ModulePath::new(), root.to_owned())];
        while let Some((path, file)) = waiting.pop() {
            let syntax = syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap();
            let folder = file.parent().unwrap();
            let stem = file.file_stem().unwrap();
            let below = if stem == "mod" || path.is_empty() {
                folder.to_owned()
            } else {
                folder.join(stem)
            };
            let children = syntax.items.iter().filter_map(|item| match item {
                Item::Mod(ItemMod {
                    attrs,
                    ident,
                    content: None,
                    ..
                }) if !is_test(attrs) => Some(ident.to_string()),
                _ => None,
            });
            for child in children {
                let [flat, nested] = [format!("{child}.rs"), format!("{child}/mod.rs")];
                let file = [flat, nested].map(|it| below.join(it));
                let file = file.into_iter().find(|it| it.exists()).unwrap();
                waiting.push(([path.clone(), vec![child]].concat(), file));
            }
            let mut reader = Reader {
                here: &path,
                module: Module::default(),
            };
            reader.visit_file(&syntax);
            modules.insert(path.clone(), reader.module);
        }
        Self(modules)
    }

    /// Returns the module that defines what a path names.
    fn defining(&self, path: &[String]) -> ModulePath {
        let mut depth = (0..=path.len()).rev();
        let depth = depth.find(|&it| self.0.contains_key(&path[..it])).unwrap();
        let (module, rest) = path.split_at(depth);
        let Some(name) = rest.first() else {
            return module.to_vec();
        };
        let mut exports = self.0[module].exports.iter();
        match exports.find(|(exported, _)| exported == name) {
            Some((_, from)) if from != path => self.defining(from),
            _ => module.to_vec(),
        }
    }

    /// The arrows between rooms of one folder, by folder.
    fn arrows(&self) -> BTreeMap<ModulePath, BTreeMap<&str, BTreeSet<String>>> {
        let mut arrows = BTreeMap::<_, BTreeMap<_, BTreeSet<_>>>::new();
        for (from, module) in &self.0 {
            for to in module.named.iter().map(|path| self.defining(path)) {
                let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) {
                    let folder = arrows.entry(from[..shared].to_vec()).or_default();
                    folder.entry(a.as_str()).or_default().insert(b.clone());
                }
            }
        }
        arrows
    }
}

struct Reader<'a> {
    here: &'a [String],
    module: Module,
}

impl Reader<'_> {
    /// Returns a path as seen from the root of the crate; nothing if it may be of another crate.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let supers = path.iter().take_while(|it| *it == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([self.here, &path[1..]].concat()),
            "super" => {
                let above = self.here.len().checked_sub(supers)?;
                Some([&self.here[..above], &path[supers..]].concat())
            }
            _ => None,
        }
    }

    fn read_use(&mut self, tree: &UseTree, before: &[String], is_exported: bool) {
        let (name, alias) = match tree {
            UseTree::Path(path) => {
                let path_so_far = [before, &[path.ident.to_string()]].concat();
                return self.read_use(&path.tree, &path_so_far, is_exported);
            }
            UseTree::Group(group) => {
                let each = group.items.iter();
                return each.for_each(|tree| self.read_use(tree, before, is_exported));
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
            UseTree::Glob(_) => ("*".to_owned(), "*".to_owned()),
        };
        let path = match name.as_str() {
            "self" => before.to_vec(),
            _ => [before, &[name]].concat(),
        };
        // `use child::Name` in a file that declares `mod child`.
        let path = self
            .absolute(&path)
            .unwrap_or_else(|| [self.here, &path].concat());
        if is_exported {
            self.module.exports.push((alias, path));
        } else {
            self.module.named.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(it) => &it.attrs,
            Item::Fn(it) => &it.attrs,
            Item::Use(it) => &it.attrs,
            Item::Impl(it) => &it.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_exported = !matches!(item.vis, syn::Visibility::Inherited);
        self.read_use(&item.tree, &[], is_exported);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        self.module.named.extend(self.absolute(&names));
        visit::visit_path(self, path);
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute
            .path()
            .is_ident("cfg")
            .then(|| attribute.meta.require_list());
        condition.is_some_and(|it| it.unwrap().tokens.to_string().starts_with("test"))
    })
}

/// Returns a way from a room back to itself.
fn circle<'a>(arrows: &'a BTreeMap<&str, BTreeSet<String>>, way: &mut Vec<&'a str>) -> bool {
    let room = way[way.len() - 1];
    for next in arrows.get(room).into_iter().flatten() {
        way.push(next);
        if next == way[0] || !way[..way.len() - 1].contains(&next.as_str()) && circle(arrows, way) {
            return true;
        }
        way.pop();
    }
    false
}

#[test]
fn no_imports_run_in_a_circle() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut rooms = 0;
    let mut circles = Vec::new();
    for entry in fs::read_dir(crates).unwrap() {
        let source = entry.unwrap().path().join("src");
        let roots = ["lib.rs", "main.rs"].map(|it| source.join(it));
        for root in roots.iter().filter(|it| it.exists()) {
            for (folder, arrows) in Crate::read(root).arrows() {
                rooms += arrows.len();
                for room in arrows.keys() {
                    let mut way = vec![*room];
                    if circle(&arrows, &mut way) {
                        let folder: PathBuf = folder.iter().collect();
                        circles.push(format!(
                            "{}: {}",
                            source.join(folder).display(),
                            way.join(" -> ")
                        ));
                    }
                }
            }
        }
    }
    assert!(rooms > 100, "only {rooms} rooms with an arrow were found");
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}
