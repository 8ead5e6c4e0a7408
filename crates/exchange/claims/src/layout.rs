//! Layouts of claim files as dated data: which tables, which fields, in which order, from which day.
//!
//! Source: `content/claims/4210.csv`, `130.csv` (layers 130, 4750, 3176) and `layouts.csv` (from when to when each is
//! legal). A layout is chosen by the claim's dates, never by what happens to parse; only while two are legal on the same
//! day (the 130 pilot beside 4210) the structure tells them apart.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

use mach_base::{Day, content};

/// Name of the layout list and its shipped text.
const LAYOUTS: (&str, &str) = ("claims/layouts.csv", include_str!("../../../../content/claims/layouts.csv"));
/// Field lists, and which decisions each may hold.
const FIELDS: [(&str, &str); 2] = [
    ("claims/4210.csv", include_str!("../../../../content/claims/4210.csv")),
    ("claims/130.csv", include_str!("../../../../content/claims/130.csv")),
];

/// Why the layouts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Not CSV, or a column is missing.
    #[error("{file}: {error}")]
    Csv {
        /// Content file.
        file: &'static str,
        /// What the CSV reader found.
        error: csv::Error,
    },
    /// A value that means nothing.
    #[error("{file} line {line}: column `{column}` cannot be `{value}`")]
    Value {
        /// Content file.
        file: &'static str,
        /// Line of the file, from 1.
        line: u64,
        /// Its column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// A decision without a table or without where its rows stand.
    #[error("layout {decision}: table XML{table} has no fields or no INNER_ROOT")]
    Incomplete {
        /// The decision.
        decision: String,
        /// The table.
        table: u8,
    },
}

/// The two shapes of claim files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// QĐ 4210: five tables, lists without outer wrapper, `MA_THE`.
    Q4210,
    /// QĐ 130 and its amendments 4750 and 3176: fifteen tables, lists wrapped, `MA_THE_BHYT`.
    #[default]
    Q130,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Chuỗi`.
    Text,
    /// `Số`.
    Number,
}

/// Whether a field must be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `R`: always.
    Required,
    /// `C`: under the condition in `notes`.
    Conditional,
    /// `O`: never.
    Optional,
}

/// One field of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// XML tag.
    pub tag: String,
    /// Place in the official order, from 1.
    pub position: u32,
    /// Text or number.
    pub kind: Kind,
    /// Most characters; `None` is unlimited.
    pub max_length: Option<u32>,
    /// Whether it must be filled.
    pub required: Need,
    /// What it means, in Vietnamese.
    pub meaning_vi: String,
    /// Name of its list in `codes.csv`, or `EXT:` and the name of a list kept elsewhere.
    pub code_list: Option<String>,
    /// Format, condition, source.
    pub notes: String,
}

/// One table (XML0–XML15) of a layout.
#[derive(Clone, Debug)]
pub struct TableLayout {
    /// Number: 0 is check-in, 1 the claim's head.
    pub table: u8,
    /// Element names from the root of the inner XML to the element that holds the fields of one row.
    pub path: Vec<String>,
    /// Whether it holds several rows.
    pub repeats: bool,
    /// Fields in official order.
    pub fields: Vec<Field>,
    by_tag: HashMap<String, usize, BuildHasherDefault<TagHasher>>,
}

impl TableLayout {
    /// Index in `fields` of `tag`.
    pub fn index(&self, tag: &str) -> Option<usize> {
        self.by_tag.get(tag).copied()
    }

    /// As `index`, looking first at `hint`: files mostly keep the official order.
    pub(crate) fn index_near(&self, tag: &str, hint: usize) -> Option<usize> {
        if self.fields.get(hint).is_some_and(|f| f.tag == tag) { Some(hint) } else { self.index(tag) }
    }

    /// The field of `tag`.
    pub fn field(&self, tag: &str) -> Option<&Field> {
        self.index(tag).map(|i| &self.fields[i])
    }
}

/// One decision's layout.
#[derive(Clone, Debug)]
pub struct Layout {
    /// `4210`, `130`, `4750` or `3176`.
    pub decision: String,
    /// First day on which a claim may end under it; `None` is open.
    pub valid_from: Option<Day>,
    /// Last day; `None` is open.
    pub valid_to: Option<Day>,
    /// Its shape.
    pub family: Family,
    /// Tables by number.
    pub tables: Vec<TableLayout>,
}

impl Layout {
    /// Table `number`, where the layout has it and facilities send it (XML12 is typed on the portal: never sent).
    pub fn table(&self, number: u8) -> Option<&TableLayout> {
        self.tables.iter().find(|t| t.table == number)
    }

    /// Whether it is legal on `day`.
    pub fn valid_on(&self, day: Day) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_to.is_none_or(|to| day <= to)
    }
}

/// All layouts, in the order of `layouts.csv`.
#[derive(Clone, Debug)]
pub struct Layouts {
    all: Vec<Layout>,
    /// Tags of XML1 that only one family has.
    told_by: HashMap<String, Family, BuildHasherDefault<TagHasher>>,
}

impl Layouts {
    /// Reads the layouts, the administrator's where there are any.
    ///
    /// # Errors
    /// A list that is no CSV, lacks a column or holds a value without meaning, or a layout without XML1.
    pub fn load() -> Result<Self, LayoutError> {
        let mut layouts = Self { all: Vec::new(), told_by: HashMap::default() };
        layouts.read_decisions(LAYOUTS.0, &content::text(LAYOUTS.0, LAYOUTS.1))?;
        for (name, embedded) in FIELDS {
            layouts.read_fields(name, &content::text(name, embedded))?;
        }
        for layout in &mut layouts.all {
            finish(layout)?;
        }
        layouts.told_by = layouts.telling_tags();
        Ok(layouts)
    }

    fn telling_tags(&self) -> HashMap<String, Family, BuildHasherDefault<TagHasher>> {
        let heads = || self.paths(1).flat_map(|(family, t)| t.fields.iter().map(move |f| (family, f)));
        let in_both = |tag: &str, family| heads().any(|(f, field)| f != family && field.tag == tag);
        heads().filter(|(family, f)| !in_both(&f.tag, *family)).map(|(family, f)| (f.tag.clone(), family)).collect()
    }

    /// 1 for a tag that only 4210's XML1 has, -1 for one that only the 130 family's has, 0 for others.
    pub(crate) fn lean(&self, tag: &str) -> i32 {
        match self.told_by.get(tag) {
            Some(Family::Q4210) => 1,
            Some(Family::Q130) => -1,
            None => 0,
        }
    }

    /// The layouts of this process.
    ///
    /// # Panics
    /// Where the content cannot be read: call [`Layouts::load`] at start to report that in words.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Layouts> = OnceLock::new();
        SHARED.get_or_init(|| Self::load().unwrap_or_else(|e| panic!("claim layouts: {e}")))
    }

    /// Every layout.
    pub fn all(&self) -> &[Layout] {
        &self.all
    }

    /// The layout of `decision`.
    pub fn get(&self, decision: &str) -> Option<&Layout> {
        self.all.iter().find(|l| l.decision == decision)
    }

    /// The layout a claim of `day` must have; where several are legal that day, the one of the shape that was `seen`.
    /// `None` where no layout is legal that day.
    pub fn on(&self, day: Day, seen: Family) -> Option<&Layout> {
        let legal = || self.all.iter().filter(|l| l.valid_on(day));
        legal().find(|l| l.family == seen).or_else(|| legal().next())
    }

    /// The layout of shape `seen` nearest to `day`: what a claim of the wrong shape for its day is read with.
    pub(crate) fn nearest(&self, day: Option<Day>, seen: Family) -> &Layout {
        let same = || self.all.iter().filter(|l| l.family == seen);
        let begun = |l: &&Layout| day.is_none_or(|d| l.valid_from.is_none_or(|from| from <= d));
        let found = same().rfind(begun).or_else(|| same().next()).or(self.all.first());
        found.expect("`load` refuses an empty list of layouts")
    }

    /// Every path at which rows of table `number` may stand, with its shape, in the order of the layouts.
    pub(crate) fn paths(&self, number: u8) -> impl Iterator<Item = (Family, &TableLayout)> + Clone {
        self.all.iter().filter_map(move |l| l.table(number).map(|t| (l.family, t)))
    }

    fn read_decisions(&mut self, file: &'static str, text: &str) -> Result<(), LayoutError> {
        for record in Records::new(file, text)? {
            let record = record?;
            let day = |column| match record.get(column) {
                "" => Ok(None),
                d => Day::parse_iso(d).map(Some).ok_or_else(|| record.wrong(column)),
            };
            let family = match record.get("family") {
                "4210" => Family::Q4210,
                "130" => Family::Q130,
                _ => return Err(record.wrong("family")),
            };
            self.all.push(Layout {
                decision: record.get("decision").to_owned(),
                valid_from: day("valid_from")?,
                valid_to: day("valid_to")?,
                family,
                tables: Vec::new(),
            });
        }
        if self.all.is_empty() {
            return Err(LayoutError::Value { file, line: 1, column: "decision", value: String::new() });
        }
        Ok(())
    }

    fn read_fields(&mut self, file: &'static str, text: &str) -> Result<(), LayoutError> {
        for record in Records::new(file, text)? {
            let record = record?;
            let Some(layout) = self.all.iter_mut().find(|l| l.decision == record.get("decision")) else {
                continue; // A decision taken out of `layouts.csv` is no longer read.
            };
            match record.get("table") {
                "ENVELOPE" => {}
                "INNER_ROOT" => read_path(layout, &record)?,
                "ENVELOPE_XML0" => {
                    // The third row names where check-ins stand; the others are its parents and the signature.
                    let path = record.get("tag");
                    if path.split('/').count() == 3 {
                        let table = table_mut(layout, 0);
                        table.path = path.split('/').map(str::to_owned).collect();
                        table.repeats = true;
                    }
                }
                _ => read_field(layout, &record)?,
            }
        }
        Ok(())
    }
}

fn read_path(layout: &mut Layout, record: &Record) -> Result<(), LayoutError> {
    let (number, rest) = record
        .get("notes")
        .strip_prefix("table ")
        .and_then(|n| n.split_once(';'))
        .ok_or_else(|| record.wrong("notes"))?;
    let number = table_number(number).ok_or_else(|| record.wrong("notes"))?;
    let table = table_mut(layout, number);
    table.path = record.get("tag").split('/').map(str::to_owned).collect();
    table.repeats = rest.trim_start().starts_with("repeats");
    Ok(())
}

fn read_field(layout: &mut Layout, record: &Record) -> Result<(), LayoutError> {
    let number = table_number(record.get("table")).ok_or_else(|| record.wrong("table"))?;
    let field = Field {
        tag: record.get("tag").to_owned(),
        position: record.get("position").parse().map_err(|_| record.wrong("position"))?,
        kind: match record.get("type") {
            "Chuỗi" => Kind::Text,
            "Số" => Kind::Number,
            _ => return Err(record.wrong("type")),
        },
        max_length: match record.get("max_length") {
            "n" | "" => None,
            n => Some(n.parse().map_err(|_| record.wrong("max_length"))?),
        },
        required: match record.get("required") {
            "R" => Need::Required,
            "C" => Need::Conditional,
            "O" => Need::Optional,
            _ => return Err(record.wrong("required")),
        },
        meaning_vi: record.get("meaning_vi").to_owned(),
        code_list: Some(record.get("code_list")).filter(|l| !l.is_empty()).map(str::to_owned),
        notes: record.get("notes").to_owned(),
    };
    if field.tag.is_empty() || table_mut(layout, number).fields.iter().any(|f| f.tag == field.tag) {
        return Err(record.wrong("tag"));
    }
    table_mut(layout, number).fields.push(field);
    Ok(())
}

/// Orders tables and fields and builds the tag index; drops tables that are described but never sent (XML12).
fn finish(layout: &mut Layout) -> Result<(), LayoutError> {
    let incomplete = |table| LayoutError::Incomplete { decision: layout.decision.clone(), table };
    if let Some(t) = layout.tables.iter().find(|t| t.fields.is_empty()) {
        return Err(incomplete(t.table));
    }
    if !layout.tables.iter().any(|t| t.table == 1 && !t.path.is_empty()) {
        return Err(incomplete(1));
    }
    layout.tables.retain(|t| !t.path.is_empty());
    layout.tables.sort_by_key(|t| t.table);
    for table in &mut layout.tables {
        table.fields.sort_by_key(|f| f.position);
        table.by_tag = table.fields.iter().enumerate().map(|(i, f)| (f.tag.clone(), i)).collect();
    }
    Ok(())
}

fn table_mut(layout: &mut Layout, number: u8) -> &mut TableLayout {
    let at = layout.tables.iter().position(|t| t.table == number).unwrap_or_else(|| {
        layout.tables.push(TableLayout {
            table: number,
            path: Vec::new(),
            repeats: false,
            fields: Vec::new(),
            by_tag: HashMap::default(),
        });
        layout.tables.len() - 1
    });
    &mut layout.tables[at]
}

/// `XML0`–`XML15` as a number.
pub(crate) fn table_number(name: &str) -> Option<u8> {
    let digits = name.strip_prefix("XML")?;
    let number: u8 = digits.parse().ok()?;
    (number <= 15 && digits == number.to_string()).then_some(number)
}

/// Rows of a content file, by column name.
struct Records<'a> {
    file: &'static str,
    columns: csv::StringRecord,
    rows: csv::StringRecordsIntoIter<&'a [u8]>,
}

impl<'a> Records<'a> {
    fn new(file: &'static str, text: &'a str) -> Result<Self, LayoutError> {
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let columns = reader.headers().map_err(|error| LayoutError::Csv { file, error })?.clone();
        Ok(Self { file, columns, rows: reader.into_records() })
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, LayoutError>;

    fn next(&mut self) -> Option<Self::Item> {
        let file = self.file;
        let columns = self.columns.clone();
        Some(match self.rows.next()? {
            Ok(values) => Ok(Record { file, columns, values }),
            Err(error) => Err(LayoutError::Csv { file, error }),
        })
    }
}

struct Record {
    file: &'static str,
    columns: csv::StringRecord,
    values: csv::StringRecord,
}

impl Record {
    /// The value of `column`; empty where the file has no such column, which every caller then refuses.
    fn get(&self, column: &str) -> &str {
        let at = self.columns.iter().position(|c| c == column);
        at.and_then(|i| self.values.get(i)).unwrap_or_default().trim()
    }

    fn wrong(&self, column: &'static str) -> LayoutError {
        let line = self.values.position().map_or(0, csv::Position::line);
        LayoutError::Value { file: self.file, line, column, value: self.get(column).to_owned() }
    }
}

/// FNV-1a: tags are short and come from a fixed list, so a keyed hash would only cost time.
#[derive(Clone)]
pub(crate) struct TagHasher(u64);

impl Default for TagHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for TagHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests;
