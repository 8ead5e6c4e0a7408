//! Searching resources: what is asked as a tree of clauses, how it is answered as SQL on rows of integers.
//!
//! A question is asked of one state: that after change [`Ask::seq`]. Its later pages ask of the same state, so that writes
//! in between neither hide nor repeat anything. Plan: every clause can be tested for a given resource version (an `EXISTS`
//! by a key that leads to it), most can also list versions; the one that lists fewest leads, the others are tested.
//! Sketch: 2 M resources, 300 of a patient: 300 seeks in each tested index at 2 µs are 1 ms with the row of each version.

pub(crate) mod codec;
mod compartment;
mod given;
mod include;
mod many;
pub mod number;
mod plan;
pub(crate) mod rows;
mod run;
mod sort;
mod sql;
mod steps;
pub mod value;
mod walk;

use mach_access::Scope;
use mach_fhir::ResourceType;
use mach_fhir::index::Param;

pub use include::{Includes, Target, included, included_by_rows, revincluded};
pub use run::{Hit, count, first_page, page, rids_of, snapshot, snapshot_ahead};
pub use sort::{Key, Order, Sort};

/// What a search asks, but for its order and page.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Types to look in, each with what must hold of it; several only for a search of the whole system or a compartment.
    pub asked: Vec<(ResourceType, Clause)>,
    /// Whose rows may be seen.
    pub scope: Scope,
    /// The change after which the state is asked.
    pub seq: i64,
}

/// How a value is compared with one of a resource. FHIR R4 §3.1.1.4.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The asked range holds the whole value.
    Eq,
    /// It does not.
    Ne,
    /// Some of the value lies above the asked range.
    Gt,
    /// Some of the value lies below.
    Lt,
    /// Above, or equal.
    Ge,
    /// Below, or equal.
    Le,
    /// All of the value lies after the asked range.
    Sa,
    /// All of it lies before.
    Eb,
    /// The ranges overlap (the caller widens the asked one).
    Ap,
}

/// A range asked for, ends inside: seconds for dates, sortable numbers for numbers and quantities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// How.
    pub compare: Compare,
    /// Least.
    pub low: i64,
    /// Greatest.
    pub high: i64,
}

/// How a text is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// Begins so, accents and case aside.
    Starts(String),
    /// Has it somewhere, accents and case aside.
    Contains(String),
    /// Ends so, accents and case aside.
    Ends(String),
    /// Is so, accents and case aside.
    Same(String),
    /// Is exactly so.
    Exact(String),
    /// A URI that is exactly so.
    Uri(String),
    /// A URI that is this one or lies below it.
    Below(String),
}

/// One test of one resource. Every variant names its parameter; what a parameter means is the caller's to know.
#[derive(Clone, Debug)]
pub enum Clause {
    /// All of these.
    All(Vec<Clause>),
    /// Any of these.
    Any(Vec<Clause>),
    /// Not so.
    Not(Box<Clause>),
    /// A token: any system where `None`; any code where `None`.
    Token {
        /// Parameter.
        param: Param,
        /// System; empty for codes without one.
        system: Option<String>,
        /// Code.
        code: Option<String>,
        /// Ask identifiers with their type (`:of-type`), or references' identifiers (`:identifier`), instead.
        second: bool,
    },
    /// A token that is one of many codes of one system.
    Codes {
        /// Parameter.
        param: Param,
        /// The systems of the codes; empty for codes without one.
        systems: Vec<String>,
        /// The codes.
        codes: std::sync::Arc<[String]>,
    },
    /// A text.
    Text {
        /// Parameter.
        param: Param,
        /// How.
        test: TextTest,
        /// Ask the printed texts of tokens (`:text`) instead.
        shown: bool,
    },
    /// A date.
    Date {
        /// Parameter.
        param: Param,
        /// Seconds.
        range: Range,
    },
    /// A number or quantity.
    Quantity {
        /// Parameter.
        param: Param,
        /// Sortable numbers.
        range: Range,
        /// Unit system; any where `None`.
        system: Option<String>,
        /// Unit; any where `None`.
        unit: Option<String>,
    },
    /// A reference to a resource here.
    Reference {
        /// Parameter.
        param: Param,
        /// Target type; any where `None`.
        target: Option<ResourceType>,
        /// Target id.
        id: String,
    },
    /// A reference by absolute URL or canonical.
    Url {
        /// Parameter.
        param: Param,
        /// As written.
        url: String,
    },
    /// Two values of one element.
    Pair {
        /// Parameter.
        param: Param,
        /// System of the first; any where `None`.
        system: Option<String>,
        /// Code of the first.
        code: String,
        /// The second: a `Token`, `Text`, `Date`, `Quantity`, `Reference` or `Url`; its parameter is not looked at.
        second: Box<Clause>,
    },
    /// A code with two numbers of one element.
    Triple {
        /// Parameter.
        param: Param,
        /// System; any where `None`.
        system: Option<String>,
        /// Code.
        code: String,
        /// What must hold of the first number.
        first: Range,
        /// And of the second.
        second: Range,
    },
    /// A place on earth that is near another one.
    Near {
        /// Parameter.
        param: Param,
        /// The other place on a globe of some radius of at most 5 × 10⁸.
        place: [i64; 3],
        /// Square of the straight distance between them, at most.
        within: i64,
    },
    /// Has any value of the parameter, in one of these tables.
    Has {
        /// Parameter.
        param: Param,
        /// Tables it may stand in.
        tables: &'static [Table],
    },
    /// Refers by `param` to a resource of which `clause` holds.
    Chain {
        /// Parameter.
        param: Param,
        /// Types of the target.
        target: ResourceType,
        /// What must hold of it.
        clause: Box<Clause>,
    },
    /// A resource of type `source` of which `clause` holds refers to this one by `param`.
    Referred {
        /// The other resource's type.
        source: ResourceType,
        /// Its parameter.
        param: Param,
        /// What must hold of it.
        clause: Box<Clause>,
    },
    /// The id.
    Id(String),
    /// When the version was written, seconds.
    LastUpdated(Range),
    /// The type.
    Type(ResourceType),
}

impl Clause {
    /// Holds of everything.
    pub const EVERYTHING: Self = Self::All(Vec::new());
    /// Holds of nothing.
    pub const NOTHING: Self = Self::Any(Vec::new());
}

/// A table of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Tokens.
    Token,
    /// Strings and URIs.
    Text,
    /// Dates.
    Date,
    /// Numbers and quantities.
    Quantity,
    /// References.
    Reference,
    /// Pairs.
    Pair,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "index_token",
            Self::Text => "index_text",
            Self::Date => "index_date",
            Self::Quantity => "index_quantity",
            Self::Reference => "index_reference",
            Self::Pair => "index_pair",
        }
    }
}
