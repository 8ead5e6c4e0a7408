//! Functions by name, and what each takes.

mod boundary;
mod collection;
mod convert;
mod fhir;
mod math;
mod text;

use super::Result;
use super::ast::{Call, Expr};
use super::eval::{Evaluation, Frame};
use super::item::{Item, Items};
use super::{PathError, eval::execution};
use crate::limits;

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Function { $($variant),* }

        impl Function {
            /// The function of that name.
            pub fn named(name: &str) -> Option<Self> {
                Some(match name { $($name => Self::$variant,)* _ => return None })
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Fewest and most arguments.
            pub fn arity(self) -> (usize, usize) {
                match self { $(Self::$variant => ($least, $most)),* }
            }
        }
    };
}

functions! {
    Empty "empty" 0 0, Exists "exists" 0 1, All "all" 1 1, AllTrue "allTrue" 0 0, AnyTrue "anyTrue" 0 0,
    AllFalse "allFalse" 0 0, AnyFalse "anyFalse" 0 0, SubsetOf "subsetOf" 1 1, SupersetOf "supersetOf" 1 1,
    Count "count" 0 0, Distinct "distinct" 0 0, IsDistinct "isDistinct" 0 0, Where "where" 1 1, Select "select" 1 1,
    Repeat "repeat" 1 1, RepeatAll "repeatAll" 1 1, OfType "ofType" 1 1, Single "single" 0 0, First "first" 0 0,
    Last "last" 0 0, Tail "tail" 0 0, Skip "skip" 1 1, Take "take" 1 1, Intersect "intersect" 1 1,
    Exclude "exclude" 1 1, Union "union" 1 1, Combine "combine" 1 2, Coalesce "coalesce" 1 32, Iif "iif" 2 3,
    ToBoolean "toBoolean" 0 0, ConvertsToBoolean "convertsToBoolean" 0 0, ToInteger "toInteger" 0 0,
    ConvertsToInteger "convertsToInteger" 0 0, ToDate "toDate" 0 0, ConvertsToDate "convertsToDate" 0 0,
    ToDateTime "toDateTime" 0 0, ConvertsToDateTime "convertsToDateTime" 0 0, ToDecimal "toDecimal" 0 0,
    ConvertsToDecimal "convertsToDecimal" 0 0, ToQuantity "toQuantity" 0 1, ConvertsToQuantity "convertsToQuantity" 0 1,
    ToText "toString" 0 0, ConvertsToText "convertsToString" 0 0, ToTime "toTime" 0 0,
    ConvertsToTime "convertsToTime" 0 0, IndexOf "indexOf" 1 1, LastIndexOf "lastIndexOf" 1 1,
    Substring "substring" 1 2, StartsWith "startsWith" 1 1, EndsWith "endsWith" 1 1, Contains "contains" 1 1,
    Upper "upper" 0 0, Lower "lower" 0 0, Replace "replace" 2 2, Matches "matches" 1 2, MatchesFull "matchesFull" 1 2,
    ReplaceMatches "replaceMatches" 2 3, Length "length" 0 0, ToChars "toChars" 0 0, Trim "trim" 0 0,
    Split "split" 1 1, Join "join" 0 1, Encode "encode" 1 1, Decode "decode" 1 1, Escape "escape" 1 1,
    Unescape "unescape" 1 1, Abs "abs" 0 0, Ceiling "ceiling" 0 0, Exp "exp" 0 0, Floor "floor" 0 0, Ln "ln" 0 0,
    Log "log" 1 1, Power "power" 1 1, Round "round" 0 1, Sqrt "sqrt" 0 0, Truncate "truncate" 0 0,
    Children "children" 0 0, Descendants "descendants" 0 0, Trace "trace" 1 2, Now "now" 0 0, TimeOfDay "timeOfDay" 0 0,
    Today "today" 0 0, Not "not" 0 0, Is "is" 1 1, As "as" 1 1, Aggregate "aggregate" 1 2, Sum "sum" 0 0, Min "min" 0 0,
    Max "max" 0 0, Avg "avg" 0 0, Sort "sort" 0 16, Type "type" 0 0, LowBoundary "lowBoundary" 0 1,
    HighBoundary "highBoundary" 0 1, Precision "precision" 0 0, Comparable "comparable" 1 1,
    Extension "extension" 1 1, HasValue "hasValue" 0 0, GetValue "getValue" 0 0, Resolve "resolve" 0 0,
    MemberOf "memberOf" 1 1, ConformsTo "conformsTo" 1 1, ElementDefinition "elementDefinition" 0 0,
    Slice "slice" 2 2, DefineVariable "defineVariable" 1 2, CheckModifiers "checkModifiers" 0 32, HtmlChecks "htmlChecks" 0 0, Subsumes "subsumes" 1 1,
    SubsumedBy "subsumedBy" 1 1, YearOf "yearOf" 0 0, MonthOf "monthOf" 0 0, DayOf "dayOf" 0 0, HourOf "hourOf" 0 0,
    MinuteOf "minuteOf" 0 0, SecondOf "secondOf" 0 0, MillisecondOf "millisecondOf" 0 0,
    TimezoneOffsetOf "timezoneOffsetOf" 0 0, DateOf "dateOf" 0 0, TimeOf "timeOf" 0 0,
    GetResourceKey "getResourceKey" 0 0, GetReferenceKey "getReferenceKey" 0 1,
}

impl Function {
    /// Whether its argument is the name of a type.
    pub fn takes_type(self) -> bool {
        matches!(self, Self::OfType | Self::Is | Self::As)
    }
}

/// A text an evaluation made, within the limit.
pub(super) fn bounded<'t>(text: String) -> Result<Items<'t>> {
    if text.len() > limits::TEXT_BYTES {
        Err(PathError::Limit("bytes of a string"))
    } else {
        Ok(vec![Item::text(text)])
    }
}

pub(super) fn yes<'t>(value: bool) -> Result<Items<'t>> {
    Ok(vec![Item::Boolean(value)])
}

impl<'t> Evaluation<'_, 't> {
    pub(super) fn call(&self, call: &Call, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        use Function as F;
        let input = match &call.of {
            Some(of) => self.eval(of, frame)?,
            None => frame.this.to_vec(),
        };
        self.spend(input.len())?;
        match call.function {
            F::Is => match call.kind {
                Some(kind) => self.is(&input, kind),
                None => Ok(Vec::new()),
            },
            F::OfType | F::As => match call.kind {
                Some(kind) => Ok(self.of_type(input, kind)),
                None => Ok(Vec::new()),
            },
            F::Empty
            | F::Exists
            | F::All
            | F::AllTrue
            | F::AnyTrue
            | F::AllFalse
            | F::AnyFalse
            | F::SubsetOf
            | F::SupersetOf
            | F::Count
            | F::Distinct
            | F::IsDistinct
            | F::Where
            | F::Select
            | F::Repeat
            | F::RepeatAll
            | F::Single
            | F::First
            | F::Last
            | F::Tail
            | F::Skip
            | F::Take
            | F::Intersect
            | F::Exclude
            | F::Union
            | F::Combine
            | F::Coalesce
            | F::Iif
            | F::Aggregate
            | F::Sort
            | F::Not => collection::call(self, call, input, frame),
            _ => self.call_on_values(call, input, frame),
        }
    }

    fn call_on_values(&self, call: &Call, input: Items<'t>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        use Function as F;
        match call.function {
            F::ToBoolean
            | F::ConvertsToBoolean
            | F::ToInteger
            | F::ConvertsToInteger
            | F::ToDate
            | F::ConvertsToDate
            | F::ToDateTime
            | F::ConvertsToDateTime
            | F::ToDecimal
            | F::ConvertsToDecimal
            | F::ToQuantity
            | F::ConvertsToQuantity
            | F::ToText
            | F::ConvertsToText
            | F::ToTime
            | F::ConvertsToTime => convert::call(self, call, &input, frame),
            F::Abs
            | F::Ceiling
            | F::Exp
            | F::Floor
            | F::Ln
            | F::Log
            | F::Power
            | F::Round
            | F::Sqrt
            | F::Truncate
            | F::Sum
            | F::Min
            | F::Max
            | F::Avg => math::call(self, call, &input, frame),
            F::LowBoundary
            | F::HighBoundary
            | F::Precision
            | F::YearOf
            | F::MonthOf
            | F::DayOf
            | F::HourOf
            | F::MinuteOf
            | F::SecondOf
            | F::MillisecondOf
            | F::TimezoneOffsetOf
            | F::DateOf
            | F::TimeOf => boundary::call(self, call, &input, frame),
            F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Replace
            | F::Matches
            | F::MatchesFull
            | F::ReplaceMatches
            | F::Length
            | F::ToChars
            | F::Trim
            | F::Split
            | F::Join
            | F::Encode
            | F::Decode
            | F::Escape
            | F::Unescape => text::call(self, call, input, frame),
            _ => fhir::call(self, call, input, frame),
        }
    }

    /// The argument at `n`, evaluated where the call stands; empty where it is not given.
    pub(super) fn arg(&self, call: &Call, n: usize, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        call.args.get(n).map_or(Ok(Vec::new()), |arg| self.scoped(arg, frame))
    }

    /// An expression evaluated with one item as `$this`.
    pub(super) fn each(&self, arg: &Expr, item: &Item<'t>, index: usize, frame: Frame<'_, 't>) -> Result<Items<'t>> {
        let this = std::slice::from_ref(item);
        self.scoped(arg, Frame { this, index: Some(index), total: frame.total })
    }

    /// A criterion evaluated on one item: whether it is true. It must be a boolean or empty.
    pub(super) fn test(&self, arg: &Expr, item: &Item<'t>, index: usize, frame: Frame<'_, 't>) -> Result<bool> {
        Ok(self.boolean(&self.each(arg, item, index, frame)?)? == Some(true))
    }

    /// One single value, as FHIRPath sees it.
    pub(super) fn value(&self, call: &Call, input: &[Item<'t>]) -> Result<Option<Item<'t>>> {
        if input.len() > 1 {
            return execution(format!("`{}` takes one item, {} are given", call.function.name(), input.len()));
        }
        self.single(input, "the input")
    }
}
