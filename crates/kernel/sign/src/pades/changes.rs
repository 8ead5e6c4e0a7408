//! What revisions after a signature may change: further signatures, validation data, a page's list of widgets for them.
//! Everything else is an edit, whether it shows or not: attacks on PDF signatures (shadow, incremental saving, wrapping)
//! all need some object to become another one.

use crate::Result;
use crate::pdf::{Dictionary, Object, Pdf, View};
use std::collections::{BTreeMap, BTreeSet};

/// A signature's widget that is larger than this part of its page could cover what others have signed.
const LARGEST_WIDGET: f64 = 0.2;

/// The level of changes that a first signature allows: 1 nothing, 2 forms and signatures, 3 also notes.
pub(crate) fn level(view: &View<'_, '_>, signature: &Dictionary) -> Result<Option<i64>> {
    for reference in view.entry(signature, "Reference")?.array().unwrap_or_default() {
        let reference = view.resolve(reference)?;
        if let Some(d) = reference.dictionary()
            && d.is("TransformMethod", "DocMDP")
        {
            let parameters = view.entry(d, "TransformParams")?;
            return Ok(Some(parameters.dictionary().and_then(|p| p.get("P")).and_then(Object::int).unwrap_or(2)));
        }
    }
    Ok(None)
}

/// The edits in all revisions after `signed`, told for people; empty where there are none.
pub(crate) fn after(pdf: &Pdf<'_>, signed: usize, level: Option<i64>) -> Result<Vec<String>> {
    let mut edits = Vec::new();
    for revision in signed + 1..pdf.revisions().len() {
        let step = Step::new(pdf.view(revision - 1), pdf.view(revision), level)?;
        for number in pdf.revisions()[revision].entries.keys() {
            if let Some(what) = step.object(*number)? {
                edits.push(what);
            }
        }
        if step.old.trailer().get("Root") != step.new.trailer().get("Root") {
            edits.push("the catalogue of the file was exchanged".to_owned());
        }
    }
    Ok(edits)
}

/// What a file says beyond `before`, of which it must be a longer form, besides further signatures and validation data: told for
/// people, empty where that is nothing. Whether those signatures count is not asked.
///
/// # Errors
/// `Malformed` where one of them cannot be understood in one way only.
pub fn edits_since(before: &[u8], after: &[u8]) -> Result<Vec<String>> {
    let known = Pdf::parse(before)?.revisions().last().map_or(0, |r| r.end);
    let pdf = Pdf::parse(after)?;
    match pdf.revisions().iter().position(|r| r.end == known).filter(|_| after.starts_with(before)) {
        Some(revision) => self::after(&pdf, revision, None),
        None => Ok(vec!["it does not begin with the other file".to_owned()]),
    }
}

struct Step<'f, 'a> {
    old: View<'f, 'a>,
    new: View<'f, 'a>,
    level: Option<i64>,
    root: u32,
    form: Option<u32>,
    fields: Option<u32>,
    pages: BTreeSet<u32>,
    /// Lists of annotations that are objects of their own, with the page of each.
    lists: BTreeMap<u32, u32>,
    /// Fields for signatures that nobody has signed in yet.
    unsigned: BTreeSet<u32>,
    /// What the signed content names, whether it is there or not.
    seen: BTreeSet<u32>,
    /// Reached only through validation data, metadata and the like: nothing of it is seen.
    unseen: BTreeSet<u32>,
}

impl<'f, 'a> Step<'f, 'a> {
    fn new(old: View<'f, 'a>, new: View<'f, 'a>, level: Option<i64>) -> Result<Self> {
        let (root, catalog) = old.catalog()?;
        let form_object = old.entry(&catalog, "AcroForm")?;
        let form_dictionary = form_object.dictionary().cloned().unwrap_or_default();
        let mut unsigned = BTreeSet::new();
        for field in old.entry(&form_dictionary, "Fields")?.array().unwrap_or_default() {
            let object = old.resolve(field)?;
            if let (Some(n), Some(d)) = (field.reference(), object.dictionary())
                && d.is("FT", "Sig")
                && d.get("V").is_none()
            {
                unsigned.insert(n);
            }
        }
        let pages: BTreeSet<u32> = old.pages()?.into_iter().collect();
        let mut lists = BTreeMap::new();
        for page in &pages {
            let list = old.get(*page)?.dictionary().and_then(|d| d.get("Annots")).and_then(Object::reference);
            lists.extend(list.map(|list| (list, *page)));
        }
        let hidden = ["DSS", "Metadata", "Extensions"];
        let mut aside = BTreeSet::new();
        for key in hidden {
            if let Some(value) = catalog.get(key) {
                reach(&old, value, &mut aside)?;
            }
        }
        if let Some(info) = old.trailer().get("Info") {
            reach(&old, info, &mut aside)?;
        }
        let mut seen = BTreeSet::from([root]);
        for (key, value) in catalog.iter() {
            if !hidden.iter().any(|h| h.as_bytes() == key) {
                reach(&old, value, &mut seen)?;
            }
        }
        let unseen = aside.difference(&seen).copied().collect();
        let form = catalog.get("AcroForm").and_then(Object::reference);
        let fields = form_dictionary.get("Fields").and_then(Object::reference);
        Ok(Self { old, new, level, root, form, fields, pages, lists, unsigned, seen, unseen })
    }

    /// What is wrong with what became of an object.
    fn object(&self, number: u32) -> Result<Option<String>> {
        let (old, new) = (self.old.get(number)?, self.new.get(number)?);
        if old == new {
            return Ok(None);
        }
        if old == Object::Null {
            // New objects are what a revision is made of; one that was named and lacking fills a gap in what was signed.
            let gap = || format!("what the signed content names and lacked was put in (object {number})");
            return Ok(self.seen.contains(&number).then(gap));
        }
        // Tables of cross references and packs of objects are how a file is written, not what it says.
        let is_packing = |o: &Object| o.dictionary().is_some_and(|d| d.is("Type", "XRef") || d.is("Type", "ObjStm"));
        if is_packing(&old) && is_packing(&new) {
            return Ok(None);
        }
        let edit = |what: &str| Ok(Some(format!("{what} (object {number})")));
        match (&old, &new) {
            (_, Object::Null) => edit("an object was taken out"),
            (Object::Dictionary(a), Object::Dictionary(b)) if number == self.root => self.catalog(a, b),
            (Object::Dictionary(a), Object::Dictionary(b)) if Some(number) == self.form => self.form(a, b),
            (Object::Array(a), Object::Array(b)) if Some(number) == self.fields => self.widgets(a, b, None),
            (Object::Dictionary(a), Object::Dictionary(b)) if self.pages.contains(&number) => self.page(a, b, number),
            (Object::Array(a), Object::Array(b)) if self.lists.contains_key(&number) => {
                let page = self.lists.get(&number).map(|page| self.new.get(*page)).transpose()?;
                self.widgets(a, b, page.as_ref().and_then(Object::dictionary))
            }
            (Object::Dictionary(a), Object::Dictionary(b)) if self.unsigned.contains(&number) => {
                let may = ["V", "AP", "F", "M", "MK", "DA", "Lock"];
                let fits = same_but(a, b, &may) && self.is_new_signature(b)?;
                if fits { Ok(None) } else { edit("a signature field was changed") }
            }
            _ if self.unseen.contains(&number) => Ok(None),
            _ => edit("an object of the signed content was changed"),
        }
    }

    fn catalog(&self, a: &Dictionary, b: &Dictionary) -> Result<Option<String>> {
        let form =
            self.form(&self.dictionary(&self.old, a, "AcroForm")?, &self.dictionary(&self.new, b, "AcroForm")?)?;
        if form.is_some() {
            return Ok(form);
        }
        let may = ["AcroForm", "DSS", "Extensions", "Metadata", "Version"];
        Ok((!same_but(a, b, &may)).then(|| "the catalogue of the file was changed".to_owned()))
    }

    fn dictionary(&self, view: &View<'_, '_>, d: &Dictionary, key: &str) -> Result<Dictionary> {
        Ok(view.entry(d, key)?.dictionary().cloned().unwrap_or_default())
    }

    fn form(&self, a: &Dictionary, b: &Dictionary) -> Result<Option<String>> {
        let added = |key| if a.get(key).is_none() { key } else { "" };
        if !same_but(a, b, &["Fields", "SigFlags", added("DR"), added("DA")]) {
            return Ok(Some("the file's form was changed".to_owned()));
        }
        let list = |view: &View<'_, '_>, d| Ok(view.entry(d, "Fields")?.array().unwrap_or_default().to_vec());
        self.widgets(&list(&self.old, a)?, &list(&self.new, b)?, None)
    }

    fn page(&self, a: &Dictionary, b: &Dictionary, number: u32) -> Result<Option<String>> {
        if !same_but(a, b, &["Annots"]) {
            return Ok(Some(format!("a page was changed (object {number})")));
        }
        let list = |view: &View<'_, '_>, d| Ok(view.entry(d, "Annots")?.array().unwrap_or_default().to_vec());
        self.widgets(&list(&self.old, a)?, &list(&self.new, b)?, Some(b))
    }

    /// Whether a field holds a signature that was not there before: then it is judged with the others, and what it draws is its
    /// signer's.
    fn is_new_signature(&self, field: &Dictionary) -> Result<bool> {
        let Some(number) = field.get("V").and_then(Object::reference) else { return Ok(false) };
        let is_signed = self.new.get(number)?.dictionary().is_some_and(|v| v.get("ByteRange").is_some());
        let is_widget = field.get("Subtype").is_none() || field.is("Subtype", "Widget");
        Ok(self.old.get(number)? == Object::Null && is_signed && is_widget)
    }

    /// That a list only grew, by fields of signatures.
    fn widgets(&self, a: &[Object], b: &[Object], page: Option<&Dictionary>) -> Result<Option<String>> {
        if !b.starts_with(a) {
            return Ok(Some("fields or notes were taken out or put in another order".to_owned()));
        }
        let (_, catalog) = self.new.catalog()?;
        let form = self.dictionary(&self.new, &catalog, "AcroForm")?;
        let fields = self.new.entry(&form, "Fields")?;
        for added in &b[a.len()..] {
            let field = self.new.resolve(added)?;
            let Some(d) = field.dictionary().filter(|d| d.is("FT", "Sig")) else {
                return Ok(Some("something other than a signature was added to a page or form".to_owned()));
            };
            // Only what the form lists is looked at as a signature.
            let is_listed = fields.array().is_some_and(|fields| fields.contains(added));
            if !is_listed || !self.is_new_signature(d)? {
                return Ok(Some("a field that holds no signature was added to a page or form".to_owned()));
            }
            let fresh = added.reference().is_some_and(|n| self.old.get(n) == Ok(Object::Null));
            if !fresh && !added.reference().is_some_and(|n| self.unsigned.contains(&n)) {
                return Ok(Some("an object of the signed content became a signature field".to_owned()));
            }
            if self.level == Some(1) {
                let value = self.new.entry(d, "V")?;
                if !value.dictionary().is_some_and(|v| v.is("SubFilter", "ETSI.RFC3161")) {
                    return Ok(Some("a signature was added although the first signer allowed none".to_owned()));
                }
            }
            // A list of the form's own knows no page: A4 is assumed.
            if covers(&self.new, page.unwrap_or(&Dictionary::new()), d)? {
                return Ok(Some("a later signature is drawn over the page".to_owned()));
            }
        }
        Ok(None)
    }
}

/// Whether two dictionaries differ at most in these keys.
fn same_but(a: &Dictionary, b: &Dictionary, may: &[&str]) -> bool {
    let keep = |d: &Dictionary| {
        let mut out = d.clone();
        may.iter().for_each(|key| out.remove(key));
        out
    };
    keep(a) == keep(b)
}

/// Whether a widget takes so much of its page that it could hide what is there.
fn covers(view: &View<'_, '_>, page: &Dictionary, widget: &Dictionary) -> Result<bool> {
    let area = |d: &Dictionary, key| -> Result<Option<f64>> {
        let list = view.entry(d, key)?;
        let n: Vec<f64> = list.array().unwrap_or_default().iter().filter_map(Object::number).collect();
        Ok(if let [a, b, c, d] = n[..] { Some(((c - a) * (d - b)).abs()) } else { None })
    };
    // A page may inherit its box; A4 is then assumed.
    let page = area(page, "MediaBox")?.unwrap_or(595.0 * 842.0);
    Ok(area(widget, "Rect")?.is_some_and(|w| w > page * LARGEST_WIDGET))
}

/// The numbers of all objects that a value leads to.
fn reach(view: &View<'_, '_>, value: &Object, out: &mut BTreeSet<u32>) -> Result<()> {
    let mut todo = vec![value.clone()];
    while let Some(value) = todo.pop() {
        match value {
            Object::Reference(n, _) if out.insert(n) => todo.push(view.get(n)?),
            Object::Array(list) => todo.extend(list),
            Object::Dictionary(d) | Object::Stream(d, _) => todo.extend(d.iter().map(|(_, v)| v.clone())),
            _ => {}
        }
    }
    Ok(())
}
