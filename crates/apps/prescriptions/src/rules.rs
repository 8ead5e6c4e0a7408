//! What holds on a day, as data: kinds of prescription, rules with their numbers and words, medicines, interactions.
//!
//! All lists lie in `content/prescriptions/`; an administrator puts corrected ones into the data folder.

use mach_base::Day;
use mach_base::text::fold;
use mach_signing::patient::Way;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::words::hundredths;

/// A kind of prescription with the limits of its time.
#[derive(Clone, Debug)]
pub struct Kind {
    /// `c`, `n`, `h`, `t`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The title on the paper.
    pub title: String,
    /// The annex that gives its form.
    pub form: String,
    /// Most days in an acute illness.
    pub acute: i64,
    /// Most days otherwise.
    pub longest: i64,
    /// Most days for a long illness of the list.
    pub chronic: i64,
    /// Most days of one part, where what is not acute is written in parts; 0: in one.
    pub part: i64,
    /// Days before its part begins from which a later part may be fetched.
    pub early: i64,
    /// Copies.
    pub copies: i64,
    /// The annex of the patient's undertaking; empty: none.
    pub undertaking: String,
    /// The law.
    pub source: String,
    period: Period,
}

/// From a day, to a day.
#[derive(Clone, Copy, Debug)]
struct Period {
    from: Day,
    to: Option<Day>,
}

impl Period {
    fn read(from: &str, to: &str) -> Result<Self, String> {
        let day = |text: &str| Day::parse_iso(text).ok_or_else(|| format!("`{text}` is no day"));
        let to = if to.is_empty() { None } else { Some(day(to)?) };
        Ok(Self { from: day(from)?, to })
    }

    fn has(&self, day: Day) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// A rule: what the program looks at is told by its name, from when to when, with which number and in which words by the list.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Whether it forbids signing; else a reason passes it over.
    pub forbids: bool,
    /// Its number; 0 where it has none.
    pub value: i64,
    /// In Vietnamese, with `{drug}`, `{n}`, `{of}`.
    pub vi: String,
    /// In English.
    pub en: String,
    period: Period,
}

/// A medicine.
#[derive(Clone, Debug)]
pub struct Drug {
    /// Code.
    pub code: String,
    /// Active ingredients as the label has them.
    pub ingredient: String,
    /// International names of the ingredients, in lower case.
    pub inn: Vec<String>,
    /// Trade name; may be empty.
    pub trade: String,
    /// Strength.
    pub strength: String,
    /// Unit.
    pub unit: String,
    /// Route.
    pub route: String,
    /// The kind of prescription that it needs.
    pub kind: String,
    /// Most units a day, hundredths; 0: no bound known.
    pub most_a_day: i64,
    /// Words of allergies that concern it, folded.
    pub allergy: Vec<String>,
}

impl Drug {
    /// By ingredient, the trade name in brackets: `Paracetamol (Panadol) 500 mg`.
    pub fn label(&self) -> String {
        let trade = if self.trade.is_empty() { String::new() } else { format!(" ({})", self.trade) };
        format!("{}{trade} {}", self.ingredient, self.strength).trim().to_owned()
    }

    /// As the list of the form offers it: `Paracetamol (Panadol) 500 mg [PAR500]`.
    pub fn choice(&self) -> String {
        format!("{} [{}]", self.label(), self.code)
    }
}

/// Two ingredients that should not meet.
#[derive(Clone, Debug)]
pub struct Interaction {
    /// Never, or in the condition only.
    pub contraindicated: bool,
    /// In whom; empty: in anybody.
    pub condition: String,
    /// What may happen.
    pub consequence: String,
    /// What to do.
    pub management: String,
}

/// That who takes medicines of a kind signs for them.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The kind.
    pub kind: String,
    /// By which ways.
    pub ways: Vec<Way>,
    /// The law, and whether somebody compared the row with it.
    pub source: String,
    period: Period,
}

/// All lists.
#[derive(Debug, Default)]
pub struct Rules {
    kinds: Vec<Kind>,
    receipts: Vec<Receipt>,
    rules: Vec<Rule>,
    drugs: Vec<Drug>,
    chronic: Vec<(String, String)>,
    interactions: HashMap<(String, String), Interaction>,
}

/// The texts of the lists.
pub struct Texts<'a> {
    /// `kinds.csv`.
    pub kinds: &'a str,
    /// `receipts.csv`.
    pub receipts: &'a str,
    /// `rules.csv`.
    pub rules: &'a str,
    /// `drugs.csv`.
    pub drugs: &'a str,
    /// `interactions.csv`.
    pub interactions: &'a str,
    /// `chronic.csv`.
    pub chronic: &'a str,
}

type Records = Vec<csv::StringRecord>;

fn records(text: &str) -> Result<Records, String> {
    csv::Reader::from_reader(text.as_bytes()).records().collect::<Result<_, _>>().map_err(|e| e.to_string())
}

fn number(text: &str) -> Result<i64, String> {
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| format!("`{text}` is no number")) }
}

impl Rules {
    /// The lists in use: shipped, or an administrator's in `content/prescriptions/`.
    ///
    /// # Panics
    /// Where a list does not have its shape: half the rules are worse than none.
    pub fn shared() -> &'static Self {
        static ALL: LazyLock<Rules> = LazyLock::new(|| {
            let text = |name: &str, shipped| mach_base::content::text(name, shipped);
            let of = "prescriptions/";
            let kinds = text(&format!("{of}kinds.csv"), include_str!("../../../../content/prescriptions/kinds.csv"));
            let rules = text(&format!("{of}rules.csv"), include_str!("../../../../content/prescriptions/rules.csv"));
            let drugs = text(&format!("{of}drugs.csv"), include_str!("../../../../content/prescriptions/drugs.csv"));
            let shipped = include_str!("../../../../content/prescriptions/interactions.csv");
            let interactions = text(&format!("{of}interactions.csv"), shipped);
            let chronic = text("chronic.csv", include_str!("../../../../content/chronic.csv"));
            let shipped = include_str!("../../../../content/prescriptions/receipts.csv");
            let receipts = text(&format!("{of}receipts.csv"), shipped);
            let texts = Texts {
                kinds: &kinds,
                receipts: &receipts,
                rules: &rules,
                drugs: &drugs,
                interactions: &interactions,
                chronic: &chronic,
            };
            match Rules::read(&texts) {
                Ok(rules) => rules,
                Err(e) => panic!("content/prescriptions: {e}"),
            }
        });
        &ALL
    }

    /// Reads the lists.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(texts: &Texts<'_>) -> Result<Self, String> {
        let mut out = Self::default();
        for row in records(texts.kinds)? {
            out.kinds.push(kind(&row).map_err(|e| format!("kinds.csv: {e}"))?);
        }
        for row in records(texts.receipts)? {
            out.receipts.push(receipt(&row).map_err(|e| format!("receipts.csv: {e}"))?);
        }
        for row in records(texts.rules)? {
            out.rules.push(rule(&row).map_err(|e| format!("rules.csv: {e}"))?);
        }
        for row in records(texts.drugs)? {
            let drug = drug(&row).map_err(|e| format!("drugs.csv: {e}"))?;
            if out.drug(&drug.code).is_some() {
                return Err(format!("drugs.csv: `{}` stands twice", drug.code));
            }
            out.drugs.push(drug);
        }
        for row in records(texts.interactions)? {
            let at = |n: usize| row.get(n).unwrap_or_default().to_owned();
            let interaction = Interaction {
                contraindicated: at(2) == "contraindicated",
                condition: at(3),
                consequence: at(4),
                management: at(5),
            };
            out.interactions.insert((at(0).min(at(1)), at(0).max(at(1))), interaction);
        }
        let range = |r: &csv::StringRecord| Some((r.get(0)?.to_owned(), r.get(1)?.to_owned()));
        out.chronic = records(texts.chronic)?.iter().filter_map(range).collect();
        Ok(out)
    }

    /// The kind, as it is in force on a day.
    pub fn kind(&self, code: &str, on: Day) -> Option<&Kind> {
        self.kinds.iter().find(|k| k.code == code && k.period.has(on))
    }

    /// That who takes medicines of a kind signs for them on a day; `None`: they do not.
    pub fn receipt(&self, kind: &str, on: Day) -> Option<&Receipt> {
        self.receipts.iter().find(|r| r.kind == kind && r.period.has(on))
    }

    /// The kinds in force on a day.
    pub fn kinds(&self, on: Day) -> impl Iterator<Item = &Kind> {
        self.kinds.iter().filter(move |k| k.period.has(on))
    }

    /// A rule, as it is in force on a day.
    pub fn rule(&self, name: &str, on: Day) -> Option<&Rule> {
        self.rules.iter().find(|r| r.name == name && r.period.has(on))
    }

    /// How many days a prescription signed on a day may be dispensed, that day counted.
    pub fn valid_days(&self, on: Day) -> i64 {
        self.rule("valid", on).map_or(1, |r| r.value)
    }

    /// Months below which a child's weight and companion are asked for on a day; 0: never.
    pub fn child_months(&self, on: Day) -> i64 {
        self.rule("weight", on).map_or(0, |r| r.value)
    }

    /// A medicine by its code.
    pub fn drug(&self, code: &str) -> Option<&Drug> {
        self.drugs.iter().find(|d| d.code == code)
    }

    /// The medicine that somebody typed or chose: by its code, by what the list offers, or by its label alone.
    pub fn typed(&self, text: &str) -> Option<&Drug> {
        let text = text.trim();
        let inner = text.strip_suffix(']').and_then(|t| t.rsplit_once('[')).map(|(_, code)| code);
        let code = inner.unwrap_or(text).to_uppercase();
        let folded = fold(text);
        self.drug(&code).or_else(|| {
            let mut same = self.drugs.iter().filter(|d| fold(&d.label()) == folded);
            same.next().filter(|_| same.next().is_none())
        })
    }

    /// All medicines.
    pub fn drugs(&self) -> &[Drug] {
        &self.drugs
    }

    /// How two medicines act on each other, with the ingredients concerned.
    pub fn interaction(&self, one: &[String], other: &[String]) -> Option<&Interaction> {
        let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a.min(b), a.max(b))));
        let found = pairs.filter_map(|(a, b)| self.interactions.get(&(a.clone(), b.clone())));
        found.max_by_key(|i| i.contraindicated)
    }

    /// Whether a diagnosis is a long illness.
    pub fn is_chronic(&self, icd: &str) -> bool {
        let category = icd.get(..3).unwrap_or(icd);
        self.chronic.iter().any(|(first, last)| first.as_str() <= category && category <= last.as_str())
    }
}

fn kind(row: &csv::StringRecord) -> Result<Kind, String> {
    let at = |n: usize| row.get(n).unwrap_or_default();
    Ok(Kind {
        code: at(0).into(),
        name: at(1).into(),
        title: at(2).into(),
        form: at(3).into(),
        acute: number(at(4))?,
        longest: number(at(5))?,
        chronic: number(at(6))?,
        part: number(at(7))?,
        early: number(at(8))?,
        copies: number(at(9))?,
        undertaking: at(10).into(),
        period: Period::read(at(11), at(12))?,
        source: at(13).into(),
    })
}

fn receipt(row: &csv::StringRecord) -> Result<Receipt, String> {
    let at = |n: usize| row.get(n).unwrap_or_default();
    let way = |code: &str| Way::parse(code).ok_or_else(|| format!("`{code}` is no way to sign"));
    if !matches!(at(4), "verified" | "unverified") {
        return Err(format!("`{}` is neither verified nor unverified", at(4)));
    }
    let ways: Vec<Way> = at(1).split_whitespace().map(way).collect::<Result<_, _>>()?;
    if ways.is_empty() {
        return Err(format!("{}: no way to sign", at(0)));
    }
    Ok(Receipt { kind: at(0).into(), ways, period: Period::read(at(2), at(3))?, source: at(5).into() })
}

fn rule(row: &csv::StringRecord) -> Result<Rule, String> {
    let at = |n: usize| row.get(n).unwrap_or_default();
    Ok(Rule {
        name: at(0).into(),
        period: Period::read(at(1), at(2))?,
        forbids: match at(3) {
            "yes" => true,
            "no" => false,
            other => return Err(format!("`{other}` is neither yes nor no")),
        },
        value: number(at(4))?,
        vi: at(5).into(),
        en: at(6).into(),
    })
}

fn drug(row: &csv::StringRecord) -> Result<Drug, String> {
    let at = |n: usize| row.get(n).unwrap_or_default();
    let parts = |text: &str| text.split(';').filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (most, mut inn) = (at(8), parts(at(2)));
    if inn.len() > 1 {
        // Interactions name some combinations as a whole.
        inn.push(inn.join("/"));
    }
    Ok(Drug {
        code: at(0).into(),
        ingredient: at(1).into(),
        inn,
        trade: at(3).into(),
        strength: at(4).into(),
        unit: at(5).into(),
        route: at(6).into(),
        kind: at(7).into(),
        most_a_day: match most {
            "" => 0,
            text => hundredths(text).ok_or_else(|| format!("{}: `{text}` is no quantity", at(0)))?,
        },
        allergy: parts(at(9)).iter().map(|w| fold(w)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_whole_and_medicines_are_found_by_what_is_typed() {
        let rules = Rules::shared();
        assert!(rules.drugs().len() > 100 && rules.interactions.len() > 600);
        for drug in rules.drugs() {
            assert_eq!(rules.typed(&drug.choice()).map(|d| &d.code), Some(&drug.code));
            assert!(rules.kind(&drug.kind, Day::today()).is_some(), "{}: kind `{}`", drug.code, drug.kind);
        }
        let found = |text: &str| rules.typed(text).map(|d| d.code.as_str());
        assert_eq!(found(" mor010 "), Some("MOR010"));
        assert_eq!(found("paracetamol (panadol) 500 mg"), Some("PAR500"));
        assert_eq!((found("para"), found("[X]"), found("")), (None, None, None));
    }

    #[test]
    fn a_broken_list_is_told() {
        let good =
            Texts { kinds: "a\n", receipts: "a\n", rules: "a\n", drugs: "a\n", interactions: "a\n", chronic: "a\n" };
        assert!(Rules::read(&good).is_ok());
        let kinds = "h\nc,x,x,x,viele\n";
        for (texts, file) in [
            (Texts { kinds: "a,b,c,d,e\nc,x,x,x,viele\n", ..good }, "kinds.csv"),
            (Texts { receipts: "a,b,c,d,e,f\nn,pencil,2018-03-01,,unverified,x\n", ..good }, "receipts.csv"),
            (Texts { receipts: "a,b,c,d,e,f\nn,pad,2018-03-01,,perhaps,x\n", ..good }, "receipts.csv"),
            (Texts { receipts: "a,b,c,d,e,f\nn,,2018-03-01,,verified,x\n", ..good }, "receipts.csv"),
            (Texts { rules: "a,b,c,d\nx,2018-13-01,,yes\n", ..good }, "rules.csv"),
            (Texts { rules: "a,b,c,d\nx,2018-01-01,,maybe\n", ..good }, "rules.csv"),
            (Texts { drugs: "a,b\nX,Y\nX,Z\n", ..good }, "stands twice"),
            (Texts { kinds, ..good }, "found record"),
        ] {
            assert!(Rules::read(&texts).expect_err(file).contains(file), "{file}");
        }
    }
}
