//! What a search may look for in a resource: values by parameter, as the store's index keeps them.

/// A search parameter as a small number, shared by all types that have a parameter of this name. Stored: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Param(pub u16);

impl Param {
    /// `identifier`.
    pub const IDENTIFIER: Self = Self(1);
    /// `code`.
    pub const CODE: Self = Self(2);
    /// `date` (Encounter, Observation, Procedure), `recorded-date` (Condition), `authoredon`, `created`.
    pub const DATE: Self = Self(3);
    /// `name`.
    pub const NAME: Self = Self(4);
    /// `birthdate`.
    pub const BIRTHDATE: Self = Self(5);
    /// `encounter`.
    pub const ENCOUNTER: Self = Self(6);
    /// `status`, `clinical-status`.
    pub const STATUS: Self = Self(7);
}

/// One value of one parameter of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexValue {
    /// `system|code`; either may be empty.
    Token {
        /// Which parameter.
        param: Param,
        /// URI, or empty.
        system: String,
        /// Code, as written.
        code: String,
    },
    /// A text, kept folded for search and exact for `:exact`.
    Text {
        /// Which parameter.
        param: Param,
        /// As written, NFC.
        text: String,
    },
    /// A period in minutes of local time, both ends inside it.
    Date {
        /// Which parameter.
        param: Param,
        /// First minute.
        low: i64,
        /// Last minute.
        high: i64,
    },
    /// A reference to another resource, by type and id.
    Reference {
        /// Which parameter.
        param: Param,
        /// Target type.
        target: crate::ResourceType,
        /// Target id.
        id: String,
    },
}
