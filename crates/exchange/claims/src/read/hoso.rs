//! One claim being put together: its tables decoded, its layout chosen, its rows filled.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use mach_base::limits::FINDINGS_PER_CLAIM;

use super::inner::{self, Found, Token};
use super::sniff::{self, Content};
use super::{Broken, Item, Limits};
use crate::layout::{Family, Layout, Layouts, table_number};
use crate::raw::{Cells, Extra, Problem, RawClaim, Span, Texts, layout_day, trim};

/// `FILEHOSO` of one `HOSO`: there are fifteen tables; more than twice that is no claim.
const FILES: usize = 32;

/// A claim while its `FILEHOSO` come in.
pub(super) struct Hoso {
    index: u64,
    facility: String,
    written_on: String,
    limits: Limits,
    texts: Texts,
    /// Name and place of every table that could be decoded.
    sources: Vec<(String, Range<usize>)>,
    /// Name and bytes of those that could not.
    undecoded: Vec<(String, Vec<u8>)>,
    problems: Vec<Problem>,
    /// Whether a claim can no longer be made of it.
    broken: bool,
}

impl Hoso {
    pub(super) fn new(index: u64, facility: &str, written_on: &str, limits: Limits) -> Self {
        Self {
            index,
            facility: facility.to_owned(),
            written_on: written_on.to_owned(),
            limits,
            texts: Texts::default(),
            sources: Vec::new(),
            undecoded: Vec::new(),
            problems: Vec::new(),
            broken: false,
        }
    }

    /// Takes one table: its `LOAIHOSO` and what stood in `NOIDUNGFILE`.
    pub(super) fn add_file(&mut self, name: &str, raw: &str, scratch: &mut Scratch) {
        if self.sources.len() + self.undecoded.len() >= FILES {
            return self.fail(Problem::new("XML-LIMIT", ["FILEHOSO".to_owned(), FILES.to_string()]));
        }
        match self.decode(raw, scratch) {
            Ok(at) => self.sources.push((name.to_owned(), at)),
            Err(problem) => {
                // The bytes are evidence as far as they were decoded; what is too large is not kept.
                let bytes = std::mem::take(&mut scratch.decoded);
                if problem.rule != "XML-LIMIT" {
                    self.undecoded.push((name.to_owned(), if bytes.is_empty() { raw.into() } else { bytes }));
                }
                self.fail(Problem { table: table_number(name), ..problem });
            }
        }
    }

    /// Takes a check-in row, which stands in the outer file as it is.
    pub(super) fn add_check_in(&mut self, row: &str) {
        let start = self.texts.source.len();
        self.texts.source.push_str("<TRANG_THAI_KCB>");
        self.texts.source.push_str(row);
        self.texts.source.push_str("</TRANG_THAI_KCB>");
        self.sources.push(("XML0".to_owned(), start..self.texts.source.len()));
        if self.texts.source.len() > self.limits.decoded_bytes {
            self.fail(
                Problem::new("XML-LIMIT", ["XML0".to_owned(), self.limits.decoded_bytes.to_string()]).in_table(0),
            );
        }
    }

    fn decode(&mut self, raw: &str, scratch: &mut Scratch) -> Result<Range<usize>, Problem> {
        scratch.decoded.clear();
        let content = sniff::content(raw)?;
        let text = match &content {
            Content::Xml(xml) => sniff::text(xml.as_bytes())?,
            Content::Base64(text) => sniff::text(scratch.decode(text)?)?,
        };
        if self.texts.source.len() + text.len() > self.limits.decoded_bytes {
            scratch.decoded.clear();
            return Err(Problem::new("XML-LIMIT", ["HOSO".to_owned(), self.limits.decoded_bytes.to_string()]));
        }
        let start = self.texts.source.len();
        self.texts.source.push_str(text);
        Ok(start..self.texts.source.len())
    }

    fn note(&mut self, problem: Problem) {
        if self.problems.len() < FINDINGS_PER_CLAIM {
            self.problems.push(problem);
        }
    }

    /// Notes a problem that no claim survives.
    pub(super) fn fail(&mut self, problem: Problem) {
        self.broken = true;
        self.note(problem);
    }

    /// The claim, or what is known of it.
    pub(super) fn finish(mut self, tokens: &mut Vec<Token>) -> Item {
        if self.facility.is_empty() && !self.is_check_in() {
            self.note(Problem::new("XML-FACILITY-MISSING", ["MACSKCB"]));
        }
        if !self.broken && !self.is_check_in() && self.source_of(1).is_none() {
            self.fail(Problem::new("XML-NO-XML1", ["XML1"]));
        }
        let head = self.head(tokens);
        let mut claim = self.claim(&head);
        if !self.broken {
            self.tables(&mut claim, tokens);
        }
        if self.broken {
            return Item::Broken(Box::new(self.into_broken(&head)));
        }
        claim.texts = self.texts;
        claim.sources = self.sources;
        claim.problems = self.problems;
        finish_claim(claim)
    }

    fn is_check_in(&self) -> bool {
        self.source_of(0).is_some()
    }

    /// The first table `number` that could be decoded.
    fn source_of(&self, number: u8) -> Option<Range<usize>> {
        self.sources.iter().find(|(name, _)| table_number(name) == Some(number)).map(|(_, at)| at.clone())
    }

    fn read_table(&mut self, number: u8, at: Range<usize>, tokens: &mut Vec<Token>) -> Option<Found> {
        tokens.clear();
        match inner::read(&mut self.texts, at, Layouts::shared().paths(number), &self.limits, tokens) {
            Ok(found) => Some(found),
            Err(problem) => {
                tokens.clear();
                self.fail(problem.in_table(number));
                None
            }
        }
    }

    /// What chooses the layout and names the claim; read before anything else, also of a broken claim.
    fn head(&mut self, tokens: &mut Vec<Token>) -> Head {
        let mut head = Head::default();
        let number = if self.is_check_in() { 0 } else { 1 };
        let Some(at) = self.source_of(number) else { return head };
        if self.read_table(number, at, tokens).is_none() {
            return head;
        }
        let mut old_minus_new = 0;
        for token in tokens.iter().filter(|t| t.line == 1) {
            let tag = &self.texts.source[token.tag.clone()];
            old_minus_new += Layouts::shared().lean(tag);
            let slot = match tag {
                "MA_LK" => &mut head.link,
                "NGAY_RA" => &mut head.left,
                "NGAY_VAO" => &mut head.arrived,
                "MA_CSKCB" => &mut head.facility,
                _ => continue,
            };
            if slot.is_empty() {
                *slot = trim(self.texts.get(token.text).unwrap_or("")).to_owned();
            }
        }
        head.family = match old_minus_new {
            _ if number == 0 => Family::Q130,
            1.. => Family::Q4210,
            0 => self.family_of_lists(tokens),
            _ => Family::Q130,
        };
        head
    }

    /// The shape told by the roots of the other tables, where XML1 leaves it open.
    fn family_of_lists(&mut self, tokens: &mut Vec<Token>) -> Family {
        for (name, at) in self.sources.clone() {
            let Some(number) = table_number(&name) else { continue };
            let found = inner::read(&mut self.texts, at, Layouts::shared().paths(number), &self.limits, tokens);
            if let Some(family) = found.ok().and_then(|f| f.family) {
                return family;
            }
        }
        Family::default()
    }

    /// The claim without rows, its layout chosen by its day.
    fn claim(&mut self, head: &Head) -> RawClaim {
        let layouts = Layouts::shared();
        let day = layout_day(&head.left, &head.arrived);
        let legal = day.and_then(|d| layouts.on(d, head.family));
        let read_as = legal.filter(|l| l.family == head.family && self.fits(l));
        let read_as = read_as.unwrap_or_else(|| layouts.nearest(day, head.family));
        let layout = legal.unwrap_or(read_as);
        if !self.broken {
            match day {
                None => self.note(Problem::new("XML-DATE", [head.left.clone(), head.arrived.clone()])),
                Some(day) if legal.is_none_or(|l| l.decision != read_as.decision) => {
                    let legal = legal.map_or(String::new(), |l| l.decision.clone());
                    self.note(Problem::new("XML-LAYOUT", [day.to_string(), legal, read_as.decision.clone()]));
                }
                Some(_) => {}
            }
        }
        let facility = if self.facility.is_empty() { &head.facility } else { &self.facility };
        let mut claim = RawClaim::new(read_as, facility, &self.written_on);
        claim.layout = layout;
        claim.family = head.family;
        claim.index = self.index;
        claim
    }

    /// A check-in needs a layout that has check-ins.
    fn fits(&self, layout: &Layout) -> bool {
        !self.is_check_in() || layout.table(0).is_some()
    }

    fn tables(&mut self, claim: &mut RawClaim, tokens: &mut Vec<Token>) {
        for (name, at) in self.sources.clone() {
            let Some(layout) = table_number(&name).and_then(|n| claim.read_as.table(n)) else {
                self.note(Problem {
                    table: table_number(&name),
                    ..Problem::new("XML-TABLE-UNKNOWN", [sniff::shown(name.as_bytes())])
                });
                continue;
            };
            let number = layout.table;
            if claim.tables.iter().any(|t| t.layout.table == number) {
                self.note(Problem::new("XML-TABLE-TWICE", [name]).in_table(number));
                continue;
            }
            let Some(found) = self.read_table(number, at, tokens) else { continue };
            if found.family.is_some_and(|f| f != claim.family) {
                let path = layout.path.join("/");
                self.note(Problem::new("XML-INNER", [path, claim.read_as.decision.clone()]).in_table(number));
            }
            for stray in found.strays {
                self.note(Problem { tag: stray.clone(), ..Problem::new("XML-TAG-UNKNOWN", [stray]).in_table(number) });
            }
            let mut cells = Cells::new(layout);
            cells.add_rows(found.rows);
            self.fill(&mut cells, claim, tokens);
            let place = claim.tables.partition_point(|t| t.layout.table < number);
            claim.tables.insert(place, cells);
        }
    }

    /// Puts the fields of one table where its layout has them.
    fn fill(&mut self, cells: &mut Cells, claim: &mut RawClaim, tokens: &[Token]) {
        let layout = cells.layout;
        let number = layout.table;
        let width = layout.fields.len();
        let mut expected = 0;
        for token in tokens {
            let tag = &self.texts.source[token.tag.clone()];
            let Some(field) = layout.index_near(tag, expected) else {
                let tag: String = tag.chars().take(64).collect();
                claim.keep_extra(Extra { table: number, line: token.line, tag: tag.clone(), text: token.text });
                let known = |p: &Problem| p.rule == "XML-TAG-UNKNOWN" && p.table == Some(number) && p.tag == tag;
                if self.problems.len() < FINDINGS_PER_CLAIM && !self.problems.iter().any(known) {
                    self.note(Problem::new("XML-TAG-UNKNOWN", [&*tag]).in_table(number).at(token.line, &tag));
                }
                continue;
            };
            expected = (field + 1) % width;
            let cell = &mut cells.cells[(token.line as usize - 1) * width + field];
            if *cell == Span::ABSENT {
                *cell = token.text;
            } else {
                let tag = layout.fields[field].tag.as_str();
                self.note(Problem::new("XML-TAG-TWICE", [tag]).in_table(number).at(token.line, tag));
            }
        }
    }

    fn into_broken(self, head: &Head) -> Broken {
        let decoded = self.sources.iter().map(|(name, at)| (name.clone(), self.texts.source[at.clone()].into()));
        let sources = decoded.chain(self.undecoded).collect();
        let facility = if self.facility.is_empty() { head.facility.clone() } else { self.facility };
        Broken {
            index: self.index,
            facility,
            written_on: self.written_on,
            link: head.link.clone(),
            left: head.left.clone(),
            problems: self.problems,
            sources,
        }
    }
}

/// What XML1 (or the check-in row) says about the claim as a whole.
#[derive(Default)]
struct Head {
    link: String,
    left: String,
    arrived: String,
    facility: String,
    family: Family,
}

/// Looks at the claim as a whole: one `MA_LK` everywhere.
fn finish_claim(mut claim: RawClaim) -> Item {
    if claim.is_check_in() {
        if claim.facility.is_empty() {
            claim.problems.push(Problem::new("XML-FACILITY-MISSING", ["MA_CSKCB"]).in_table(0));
        }
        if claim.link().is_empty() {
            claim.problems.push(Problem::new("XML-LINK-MISSING", ["MA_LK"]).in_table(0).at(1, "MA_LK"));
        }
        return Item::CheckIn(Box::new(claim));
    }
    let link = claim.link();
    if link.is_empty() {
        claim.problems.push(Problem::new("XML-LINK-MISSING", ["MA_LK"]).in_table(1).at(1, "MA_LK"));
        return Item::Claim(Box::new(claim));
    }
    let other = |row: &crate::raw::RawRow| !row.get("MA_LK").is_empty() && row.get("MA_LK") != link;
    // One finding per table: a claim that was glued together differs in every row.
    let differs = claim.tables().filter_map(|t| t.rows().find(other)).map(|row| {
        Problem::new("XML-LINK-DIFFERS", [link, row.get("MA_LK")]).in_table(row.table()).at(row.line(), "MA_LK")
    });
    let differs: Vec<Problem> = differs.collect();
    claim.problems.extend(differs);
    Item::Claim(Box::new(claim))
}

/// Buffers that outlive a claim.
#[derive(Default)]
pub(super) struct Scratch {
    /// What the last base64 decoded to.
    decoded: Vec<u8>,
    compact: Vec<u8>,
}

impl Scratch {
    /// Decodes base64; white space may stand anywhere, padding may be missing.
    ///
    /// Problem: `XML-BASE64` [what the decoder says].
    fn decode(&mut self, text: &str) -> Result<&[u8], Problem> {
        let mut bytes = text.trim_ascii().as_bytes();
        if bytes.iter().any(u8::is_ascii_whitespace) {
            self.compact.clear();
            self.compact.extend(bytes.iter().filter(|b| !b.is_ascii_whitespace()));
            bytes = &self.compact;
        }
        let decoded = STANDARD_PAD_INDIFFERENT.decode_vec(bytes, &mut self.decoded);
        if let Err(e) = decoded {
            self.decoded.clear();
            return Err(Problem::new("XML-BASE64", [e.to_string()]));
        }
        Ok(&self.decoded)
    }
}
