//! Values of search parameters.

use crate::decimal::Decimal;
use std::borrow::Cow;

/// A value of one parameter of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<'t> {
    /// The parameter's stored number.
    pub number: u16,
    /// Its code: `birthdate`.
    pub code: &'static str,
    /// The value.
    pub value: SearchValue<'t>,
}

/// What a parameter finds.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchValue<'t> {
    /// `system|code`, with the words beside it.
    Token {
        /// URI; `None` where the element tells none.
        system: Option<Cow<'t, str>>,
        /// Code or identifier; `None` where there are only words.
        code: Option<Cow<'t, str>>,
        /// `display`, or `text` of the concept: for `:text`.
        text: Option<Cow<'t, str>>,
    },
    /// An identifier with its type: for `:of-type`.
    TypedIdentifier {
        /// System of the type.
        system: Option<Cow<'t, str>>,
        /// Code of the type.
        code: Cow<'t, str>,
        /// The identifier's value.
        value: Cow<'t, str>,
    },
    /// A text.
    Text {
        /// As written.
        text: Cow<'t, str>,
        /// Made by joining the parts of a name, so that `nguyen duc` is found: no text of the resource, not for `:exact`.
        is_joined: bool,
    },
    /// A literal reference to a resource.
    Reference {
        /// Base URL of another server; empty where it is relative.
        base: Cow<'t, str>,
        /// Type and id.
        target: crate::ResourceType,
        /// Logical id.
        id: Cow<'t, str>,
        /// Version, where the reference is to one.
        version: Option<Cow<'t, str>>,
    },
    /// A logical reference: the identifier of a target, for `:identifier`.
    Identifier {
        /// System of the identifier.
        system: Option<Cow<'t, str>>,
        /// Its value.
        value: Cow<'t, str>,
    },
    /// A time, as microseconds since 1970 UTC.
    Date {
        /// First; `i64::MIN` where open.
        low: i64,
        /// One past the last; `i64::MAX` where open.
        high: i64,
    },
    /// A number.
    Number {
        /// Least value it may mean by its precision; `None` where open.
        low: Option<Decimal>,
        /// Greatest; `None` where open.
        high: Option<Decimal>,
    },
    /// A quantity.
    Quantity {
        /// As in `Number`.
        low: Option<Decimal>,
        /// As in `Number`.
        high: Option<Decimal>,
        /// System of the unit.
        system: Option<Cow<'t, str>>,
        /// Code of the unit.
        code: Option<Cow<'t, str>>,
        /// The unit in words.
        unit: Option<Cow<'t, str>>,
    },
    /// A URI, canonical URL or reference by URL; a canonical keeps its `|version`.
    Uri(Cow<'t, str>),
    /// A place on earth: `near`.
    Position {
        /// Degrees.
        latitude: Decimal,
        /// Degrees.
        longitude: Decimal,
    },
    /// The values of each part of a composite, of one element.
    Composite(Vec<Vec<SearchValue<'t>>>),
}
