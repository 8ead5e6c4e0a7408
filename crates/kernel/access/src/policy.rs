//! The policy as data: rows that permit, read and checked once, asked by index.

use crate::sensitive::Labels;
use crate::{Act, Role};
use mach_base::content;
use std::sync::OnceLock;

const FILE: &str = "access/policy.csv";
const HEADER: &str = "rule,role,relation,act,class,sensitivity,purpose,why";

/// Why the policy, or a list beside it, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The first line is not the names of the columns.
    #[error("{file}: the header must be `{expected}`")]
    Header {
        /// Name of the list.
        file: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A row says something that is not known.
    #[error("{file}, line {line}: {what}")]
    Row {
        /// Name of the list.
        file: &'static str,
        /// Its line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

/// A row of a list, with its place.
pub(crate) struct Row<'a> {
    file: &'static str,
    line: u64,
    record: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    pub(crate) fn text(&self, i: usize) -> &'a str {
        self.record.get(i).unwrap_or_default()
    }

    pub(crate) fn error(&self, what: String) -> PolicyError {
        PolicyError::Row { file: self.file, line: self.line, what }
    }

    pub(crate) fn filled(&self, i: usize) -> Result<&'a str, PolicyError> {
        match self.text(i) {
            "" => Err(self.error(format!("column {} is empty", i + 1))),
            text => Ok(text),
        }
    }

    pub(crate) fn read<T>(
        &self,
        i: usize,
        what: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, PolicyError> {
        let text = self.text(i);
        parse(text).ok_or_else(|| self.error(format!("`{text}` is not {what}")))
    }

    /// The words of a cell; all of them for `*`.
    fn words<T: Copy>(
        &self,
        i: usize,
        all: &[T],
        what: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, PolicyError> {
        if self.text(i) == "*" {
            return Ok(all.to_vec());
        }
        let word = |w: &str| parse(w).ok_or_else(|| self.error(format!("`{w}` is not {what}")));
        self.text(i).split('|').map(word).collect()
    }
}

/// Calls `each` for every row of a list, a line each; lines that begin with `#` are remarks.
pub(crate) fn rows(
    file: &'static str,
    text: &str,
    header: &'static str,
    mut each: impl FnMut(Row<'_>) -> Result<(), PolicyError>,
) -> Result<(), PolicyError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut columns = 0;
    for (line, text) in (1_u64..).zip(text.lines()).filter(|(_, t)| !t.starts_with('#') && !t.trim().is_empty()) {
        let wrong = |what: String| PolicyError::Row { file, line, what };
        let mut record = csv::StringRecord::new();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        reader.read_record(&mut record).map_err(|e| wrong(e.to_string()))?;
        if columns == 0 {
            columns = record.len();
            if !record.iter().eq(header.split(',')) {
                return Err(PolicyError::Header { file, expected: header });
            }
            continue;
        }
        if record.len() != columns {
            return Err(wrong(format!("{} cells where there are {columns} columns", record.len())));
        }
        each(Row { file, line, record: &record })?;
    }
    if columns == 0 { Err(PolicyError::Header { file, expected: header }) } else { Ok(()) }
}

/// Makes an enumeration of words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As the policy names it.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// From its name.
            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|w| w.code() == code)
            }
        }
    };
}

words! {
    /// What joins who asks and whom a fact is about.
    Relation {
        /// The fact is of the asker's facility, or about a person whom it knows.
        OwnFacility = "own-facility",
        /// The asker treats the person.
        OwnPatient = "own-patient",
        /// The person lies in the asker's ward.
        OwnWard = "own-ward",
        /// The asker speaks for the whole province.
        Department = "department",
        /// The person was referred to the asker's facility.
        Referred = "referred",
        /// The person consented.
        Consented = "consented",
        /// They live in one household.
        Household = "household",
        /// It is the asker.
        OneSelf = "self",
        /// The asker is a parent or carer.
        Proxy = "proxy",
        /// An emergency the asker vouches for.
        BreakGlass = "break-glass",
        /// A permission of the access desk.
        Desk = "desk",
        /// The asker was named for a person of public interest, whom their facility knows.
        Named = "named",
    }
}

impl Relation {
    /// As stored.
    pub fn number(self) -> i64 {
        self as i64 + 1
    }

    /// From its stored form.
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.number() == number)
    }
}

words! {
    /// Kinds of resources.
    Class {
        /// Registers, lists and definitions.
        Register = "register",
        /// Who a person is.
        Identity = "identity",
        /// Everything clinical.
        Care = "care",
        /// Claims, cover and accounts.
        Money = "money",
    }
}

words! {
    /// What for: codes of HL7's v3-ActReason, but for the last.
    Purpose {
        /// Treatment.
        Treatment = "TREAT",
        /// Payment.
        Payment = "HPAYMT",
        /// The work of the facility.
        Operations = "HOPERAT",
        /// Public health.
        PublicHealth = "PUBHLTH",
        /// Research.
        Research = "HRESCH",
        /// Teaching.
        Education = "EDUC",
        /// A court, an inspection, an investigation.
        Legal = "LEGAL",
        /// An emergency.
        Emergency = "ETREAT",
        /// The person asks.
        Patient = "PATRQT",
        /// Their family asks.
        Family = "FAMRQT",
        /// The system's own work.
        System = "SYSADMN",
    }
}

impl Purpose {
    /// As stored.
    pub fn number(self) -> i64 {
        self as i64 + 1
    }

    /// From its stored form.
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.number() == number)
    }
}

/// A row of the policy.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Names it.
    pub id: String,
    /// Who.
    pub roles: Vec<Role>,
    /// By which relations; none where nobody's record is concerned.
    pub relations: Vec<Relation>,
    /// What may be done.
    pub acts: Vec<Act>,
    /// With which kinds of resources; none where nobody's record is concerned.
    pub classes: Vec<Class>,
    /// Whether facts without a label are among them.
    pub ordinary: bool,
    /// Labels that a fact may have.
    pub labels: Labels,
    /// What for.
    pub purposes: Vec<Purpose>,
    /// On which ground.
    pub why: String,
}

impl Rule {
    /// Whether it is about somebody's record.
    pub fn concerns_records(&self) -> bool {
        !self.relations.is_empty()
    }
}

/// What is hidden of a kind of resources: everything, or facts with one of some labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Everything.
    All,
    /// Facts that have any of these labels.
    Labelled(Labels),
}

/// The policy.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    /// Role × act.
    granted: Vec<bool>,
    /// Role × act × relation × class.
    hidden: Vec<Hidden>,
}

const RELATIONS: usize = Relation::ALL.len();
const CLASSES: usize = Class::ALL.len();

impl Policy {
    /// The policy in use.
    ///
    /// # Panics
    /// Where the file does not have its shape: the program does not start with half a policy.
    pub fn shared() -> &'static Self {
        static POLICY: OnceLock<Policy> = OnceLock::new();
        POLICY.get_or_init(|| {
            let text = content::text(FILE, include_str!("../../../../content/access/policy.csv"));
            Self::read(&text).unwrap_or_else(|e| panic!("{e}"))
        })
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        let mut rules: Vec<Rule> = Vec::new();
        rows(FILE, text, HEADER, |row| {
            let id = row.filled(0)?.to_owned();
            if rules.iter().any(|r| r.id == id) {
                return Err(row.error(format!("`{id}` stands twice")));
            }
            let about_nobody = row.text(2) == "-";
            if about_nobody != (row.text(4) == "-") || about_nobody != (row.text(5) == "-") {
                return Err(row.error("relation, class and sensitivity are `-` together or not at all".to_owned()));
            }
            let (mut ordinary, mut labels) = (false, Labels::NONE);
            let sensitivity = if about_nobody { "" } else { row.text(5) };
            for word in sensitivity.split('|').filter(|_| !about_nobody) {
                match word {
                    "*" => (ordinary, labels) = (true, Labels::ALL),
                    "ordinary" => ordinary = true,
                    word => {
                        let label = crate::sensitive::Label::parse(word);
                        labels = labels.with(label.ok_or_else(|| row.error(format!("`{word}` is no sensitivity")))?);
                    }
                }
            }
            if !about_nobody && !ordinary {
                return Err(row.error("a rule that opens sensitive facts opens ordinary ones too".to_owned()));
            }
            let relations =
                if about_nobody { Vec::new() } else { row.words(2, Relation::ALL, "a relation", Relation::parse)? };
            let classes = if about_nobody { Vec::new() } else { row.words(4, Class::ALL, "a class", Class::parse)? };
            rules.push(Rule {
                id,
                roles: row.words(1, &Role::ALL, "a role", Role::parse)?,
                relations,
                acts: row.words(3, &Act::ALL, "an act", Act::parse)?,
                classes,
                ordinary,
                labels,
                purposes: row.words(6, Purpose::ALL, "a purpose", Purpose::parse)?,
                why: row.filled(7)?.to_owned(),
            });
            Ok(())
        })?;
        Ok(Self::of(rules))
    }

    fn of(rules: Vec<Rule>) -> Self {
        let mut granted = vec![false; Role::ALL.len() * Act::ALL.len()];
        let mut hidden = vec![Hidden::All; granted.len() * RELATIONS * CLASSES];
        for rule in &rules {
            for (role, act) in pairs(&rule.roles, &rule.acts) {
                granted[grant_at(role, act)] = true;
                for (relation, class) in pairs(&rule.relations, &rule.classes) {
                    let cell = &mut hidden[cell_at(role, act, relation, class)];
                    let before = match cell {
                        Hidden::All => Labels::ALL,
                        Hidden::Labelled(labels) => *labels,
                    };
                    *cell = Hidden::Labelled(before.others().and(rule.labels).others());
                }
            }
        }
        Self { rules, granted, hidden }
    }

    /// Its rows.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a role may do an act at all.
    pub fn grants(&self, role: Role, act: Act) -> bool {
        self.granted[grant_at(role, act)]
    }

    /// What stays hidden of a kind of resources from a role that does an act by a relation.
    pub fn hidden(&self, role: Role, act: Act, relation: Relation, class: Class) -> Hidden {
        self.hidden[cell_at(role, act, relation, class)]
    }

    /// Whether nothing at all stays hidden by this relation.
    pub fn opens_all(&self, role: Role, act: Act, relation: Relation) -> bool {
        let open = |class: &Class| self.hidden(role, act, relation, *class) == Hidden::Labelled(Labels::NONE);
        Class::ALL.iter().all(open)
    }

    /// The same for one purpose only: what a permission that was given for it opens.
    pub fn hidden_for(&self, (role, act): (Role, Act), relation: Relation, class: Class, purpose: Purpose) -> Hidden {
        let of = |rule: &&Rule| {
            rule.purposes.contains(&purpose)
                && rule.roles.contains(&role)
                && rule.acts.contains(&act)
                && rule.relations.contains(&relation)
                && rule.classes.contains(&class)
        };
        self.rules.iter().filter(of).fold(Hidden::All, |hidden, rule| {
            let before = match hidden {
                Hidden::All => Labels::ALL,
                Hidden::Labelled(labels) => labels,
            };
            Hidden::Labelled(before.others().and(rule.labels).others())
        })
    }

    /// The purposes for which a relation opens anything to a role.
    pub fn purposes(&self, role: Role, relation: Relation) -> Vec<Purpose> {
        let mut found: Vec<Purpose> = Vec::new();
        for rule in self.rules.iter().filter(|r| r.roles.contains(&role) && r.relations.contains(&relation)) {
            found.extend(rule.purposes.iter().filter(|p| !found.contains(p)).copied().collect::<Vec<_>>());
        }
        found.sort_unstable();
        found
    }

    /// The rows that permit this.
    pub fn why(&self, asked: &Question) -> Vec<&Rule> {
        let holds = |rule: &&Rule| {
            let record = match asked.record {
                None => !rule.concerns_records(),
                Some((relation, class, labels)) => {
                    rule.relations.contains(&relation)
                        && rule.classes.contains(&class)
                        && rule.labels.others().and(labels.others()) == labels.others()
                }
            };
            record && rule.roles.contains(&asked.role) && rule.acts.contains(&asked.act)
        };
        self.rules.iter().filter(holds).collect()
    }

    /// Why a role does what it does, where nothing else is known: the purpose of the first row that lets it.
    pub fn purpose(&self, role: Role, act: Act) -> Purpose {
        let rule = self.rules.iter().find(|r| r.roles.contains(&role) && r.acts.contains(&act));
        rule.and_then(|r| r.purposes.first().copied()).unwrap_or(Purpose::Operations)
    }
}

/// A question to the policy.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Who.
    pub role: Role,
    /// What.
    pub act: Act,
    /// By which relation to whose record, on which kind of resources with which labels; none where it is nobody's.
    pub record: Option<(Relation, Class, Labels)>,
}

fn pairs<'a, A: Copy, B: Copy>(one: &'a [A], other: &'a [B]) -> impl Iterator<Item = (A, B)> + 'a {
    one.iter().flat_map(move |a| other.iter().map(move |b| (*a, *b)))
}

fn grant_at(role: Role, act: Act) -> usize {
    role as usize * Act::ALL.len() + act as usize
}

fn cell_at(role: Role, act: Act, relation: Relation, class: Class) -> usize {
    (grant_at(role, act) * RELATIONS + relation as usize) * CLASSES + class as usize
}
