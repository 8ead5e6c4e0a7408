//! Value sets, expanded as far as the package's own code systems go.

use super::{entries, list, read, text};
use mach_fhir::tree::{Tree, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// A value set with more codes than this is asked of the terminology service, not of this file.
const MOST_CODES: usize = 1500;

pub(super) struct Codes {
    files: Vec<Tree<'static>>,
}

/// Codes by system; `None` for a system whose codes are not all known here (`*`).
type Expansion = BTreeMap<String, Option<Vec<String>>>;

impl Codes {
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let files = ["valuesets.json", "v3-codesystems.json", "v2-tables.json"];
        Ok(Self { files: files.iter().map(|f| read(folder, f)).collect::<Result<_, _>>()? })
    }

    fn find(&self, kind: &str, url: &str) -> Option<Value<'_>> {
        self.files.iter().flat_map(entries).find(|r| text(*r, "resourceType") == kind && text(*r, "url") == url)
    }

    /// `V url state system|code,code system|*`; state `?` where the value set is not known.
    pub(super) fn line(&self, url: &str) -> String {
        let expansion = self.expand(url, 0);
        let mut line = format!("V\t{url}\t{}", if expansion.is_some() { "" } else { "?" });
        let known: usize = expansion.iter().flatten().filter_map(|(_, c)| c.as_ref()).map(Vec::len).sum();
        for (system, codes) in expansion.into_iter().flatten() {
            let codes = match codes {
                Some(codes) if known <= MOST_CODES => codes.join(" "),
                _ => "*".to_owned(),
            };
            let _ = write!(line, "\t{system}|{codes}");
        }
        line.push('\n');
        line
    }

    fn expand(&self, url: &str, depth: usize) -> Option<Expansion> {
        let set = self.find("ValueSet", url).filter(|_| depth < 8)?;
        let compose = set.get("compose")?;
        let mut all = Expansion::new();
        for include in list(compose, "include") {
            self.include(include, depth, &mut all);
        }
        for exclude in list(compose, "exclude") {
            let mut without = Expansion::new();
            self.include(exclude, depth, &mut without);
            for (system, codes) in without {
                if let (Some(Some(kept)), Some(gone)) = (all.get_mut(&system), codes) {
                    kept.retain(|c| !gone.contains(c));
                }
            }
        }
        Some(all)
    }

    fn include(&self, include: Value<'_>, depth: usize, all: &mut Expansion) {
        for import in list(include, "valueSet").filter_map(Value::text) {
            match self.expand(&import, depth + 1) {
                Some(more) => more.into_iter().for_each(|(system, codes)| add(all, system, codes)),
                // Nobody here knows what it holds: any code of any system may be in it.
                None => add(all, "*".to_owned(), None),
            }
        }
        let system = text(include, "system");
        if system.is_empty() {
            return;
        }
        let listed: Vec<_> = list(include, "concept").map(|c| text(c, "code")).collect();
        let codes = if listed.is_empty() { self.of_system(&system, include) } else { Some(listed) };
        // A code with a blank cannot stand in a list parted by blanks.
        add(all, system, codes.filter(|c| c.iter().all(|code| !code.contains(' '))));
    }

    fn of_system(&self, system: &str, include: Value<'_>) -> Option<Vec<String>> {
        let codes = self.find("CodeSystem", system).filter(|s| text(*s, "content") == "complete")?;
        let filters: Vec<_> = list(include, "filter").collect();
        let mut out = Vec::new();
        match filters.as_slice() {
            [] => below(codes, None, true, &mut out),
            [filter] if text(*filter, "property") == "concept" && text(*filter, "op") == "is-a" => {
                below(codes, Some(&text(*filter, "value")), false, &mut out);
            }
            _ => return None,
        }
        Some(out)
    }
}

fn add(all: &mut Expansion, system: String, codes: Option<Vec<String>>) {
    match (all.entry(system).or_insert_with(|| Some(Vec::new())), codes) {
        (Some(known), Some(more)) => {
            for code in more {
                if !known.contains(&code) {
                    known.push(code);
                }
            }
        }
        (slot, _) => *slot = None,
    }
}

/// The codes of a system, or those at and under `root`, also where a hierarchy is told by `subsumedBy` properties.
fn below(holder: Value<'_>, root: Option<&str>, mut inside: bool, out: &mut Vec<String>) {
    for concept in list(holder, "concept") {
        let code = text(concept, "code");
        let parent = list(concept, "property").filter(|p| text(*p, "code") == "subsumedBy").any(|p| {
            p.get_text("valueCode")
                .is_some_and(|v| Some(&*v) == root || (root.is_some() && out.contains(&v.into_owned())))
        });
        let here = inside || Some(code.as_str()) == root || parent;
        if here {
            out.push(code);
        }
        below(concept, root, here, out);
        inside = inside && root.is_none();
    }
}
