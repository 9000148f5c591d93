//! Imports run one way: none runs in a circle, and none runs back up to the root of a crate.
//!
//! A room is a file, or a folder with all that is in it, beside others in one folder. The `mod.rs` of a folder is a room
//! of it, too: it uses the others, or defines what they use. The root of a crate (`lib.rs`, `main.rs`) defines nothing
//! that other files use. A name that a file only imports or re-exports is looked for in the room that defines it.
#![allow(clippy::unwrap_used, reason = "in a test, unwrap is an assertion")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree};

/// The names of modules from the root of a crate; the root itself has none.
type ModulePath = Vec<String>;

/// The rooms that each room of a folder imports, each with a name that it imports from there.
type Arrows = BTreeMap<String, BTreeMap<String, String>>;

/// The room of a folder that is its `mod.rs`.
const DOOR: &str = "mod.rs";

#[derive(Default)]
struct Module {
    /// Each path that its code names, from the root of the crate.
    named: Vec<ModulePath>,
    /// The paths of what it imports and re-exports, by the name that it gives them.
    imports: BTreeMap<String, ModulePath>,
}

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
                here: path.clone(),
                module: Module::default(),
            };
            reader.visit_file(&syntax);
            modules.insert(path, reader.module);
        }
        Self(modules)
    }

    /// Returns the module that defines what a path names.
    fn defining(&self, path: &[String]) -> ModulePath {
        let mut depth = (0..=path.len()).rev();
        let depth = depth.find(|&it| self.0.contains_key(&path[..it])).unwrap();
        let (module, rest) = path.split_at(depth);
        let imported = rest.first().and_then(|it| self.0[module].imports.get(it));
        match imported {
            Some(from) if !from.starts_with(path) => self.defining(from),
            _ => module.to_vec(),
        }
    }

    /// Returns the arrows between the rooms of each folder.
    fn arrows(&self) -> BTreeMap<ModulePath, Arrows> {
        let mut arrows = BTreeMap::<_, Arrows>::new();
        for (from, module) in &self.0 {
            for name in &module.named {
                let to = self.defining(name);
                let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if *from != to {
                    let room = |path: &ModulePath| {
                        path.get(shared).map_or(DOOR, String::as_str).to_owned()
                    };
                    let folder = arrows.entry(from[..shared].to_vec()).or_default();
                    let rooms = folder.entry(room(from)).or_default();
                    rooms.insert(room(&to), name.join("::"));
                }
            }
        }
        arrows
    }
}

struct Reader {
    here: ModulePath,
    module: Module,
}

impl Reader {
    /// Returns a path as seen from the root of the crate, as if a relative one began in this file.
    fn absolute(&self, path: &[String]) -> ModulePath {
        let supers = path.iter().take_while(|it| *it == "super").count();
        let (above, below) = match path[0].as_str() {
            "crate" => (0, 1),
            "self" => (self.here.len(), 1),
            _ => (self.here.len() - supers, supers),
        };
        [&self.here[..above], &path[below..]].concat()
    }

    /// Reads the paths in the call of a macro.
    fn read_tokens(&mut self, tokens: &str) {
        let text = tokens.replace(" :: ", "::");
        let words = text.split(|it: char| !(it.is_alphanumeric() || "_:".contains(it)));
        for path in words.filter_map(|it| syn::parse_str::<syn::Path>(it).ok()) {
            self.visit_path(&path);
        }
    }

    fn read_use(&mut self, tree: &UseTree, before: &[String]) {
        let (name, alias) = match tree {
            UseTree::Path(path) => {
                let path_so_far = [before, &[path.ident.to_string()]].concat();
                return self.read_use(&path.tree, &path_so_far);
            }
            UseTree::Group(group) => {
                let each = group.items.iter();
                return each.for_each(|tree| self.read_use(tree, before));
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
            UseTree::Glob(_) => ("*".to_owned(), "*".to_owned()),
        };
        let path = match name.as_str() {
            "self" => self.absolute(before),
            _ => self.absolute(&[before, &[name]].concat()),
        };
        let alias = match alias.as_str() {
            "self" => before[before.len() - 1].clone(),
            _ => alias,
        };
        self.module.imports.insert(alias, path);
    }
}

impl<'ast> Visit<'ast> for Reader {
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

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.here.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.here.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.read_use(&item.tree, &[]);
        if matches!(item.vis, syn::Visibility::Inherited) {
            let mut named = Reader {
                here: self.here.clone(),
                module: Module::default(),
            };
            named.read_use(&item.tree, &[]);
            self.module.named.extend(named.module.imports.into_values());
        }
    }

    /// Passes by `pub(super)`, which imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        let names: Vec<_> = names.collect();
        self.module.named.push(self.absolute(&names));
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.read_tokens(&list.tokens.to_string());
        }
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.read_tokens(&call.tokens.to_string());
        visit::visit_macro(self, call);
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

/// Finds a way from a room back to itself.
fn circle<'a>(arrows: &'a Arrows, way: &mut Vec<&'a str>) -> bool {
    let room = way[way.len() - 1];
    for next in arrows.get(room).into_iter().flat_map(BTreeMap::keys) {
        way.push(next);
        if next == way[0] || !way[..way.len() - 1].contains(&next.as_str()) && circle(arrows, way) {
            return true;
        }
        way.pop();
    }
    false
}

/// Counts the imports between rooms of all crates, and fails with a table of those that a check finds in a folder.
fn none(fault: &str, find: impl Fn(&ModulePath, &Arrows) -> Vec<[String; 2]>) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let crates = fs::read_dir(workspace.join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().path());
    let (mut count, mut table) = (0, String::new());
    for place in crates.chain([workspace.join("xtask")]) {
        let roots = ["src/lib.rs", "src/main.rs"].map(|it| place.join(it));
        for root in roots.iter().filter(|it| it.exists()) {
            for (folder, arrows) in Crate::read(root).arrows() {
                count += arrows.values().map(BTreeMap::len).sum::<usize>();
                let name = place.strip_prefix(workspace).unwrap();
                let name = name.join(folder.join("/")).display().to_string();
                for [from, to] in find(&folder, &arrows) {
                    let why = &arrows[&from][&to];
                    writeln!(table, "{name:<36} {from:<14} -> {to:<14} {why}").unwrap();
                }
            }
        }
    }
    let faults = table.lines().count();
    println!("{count} imports between rooms; {faults} {fault}");
    assert!(count > 500, "only {count} imports were found");
    assert!(table.is_empty(), "these {fault}:\n{table}");
}

#[test]
fn no_imports_run_in_a_circle() {
    none("run in a circle", |_, arrows| {
        let mut steps = Vec::new();
        for room in arrows.keys() {
            let mut way = vec![room.as_str()];
            // Each circle once: from its first room.
            if circle(arrows, &mut way) && way.iter().min() == way.first() {
                let pairs = way.windows(2);
                steps.extend(pairs.map(|it| [it[0].to_owned(), it[1].to_owned()]));
            }
        }
        steps
    });
}

#[test]
fn no_import_runs_back_up() {
    none("run back up", |folder, arrows| {
        let upward = |(from, to): (&String, &BTreeMap<_, _>)| {
            let is_upward = folder.is_empty() && to.contains_key(DOOR);
            is_upward.then(|| [from.clone(), DOOR.to_owned()])
        };
        arrows.iter().filter_map(upward).collect()
    });
}
