//! Driver health certificates that were concluded in the period, for who may read certificates. They are no claims: their numbers
//! are counted from the certificates themselves, and lead to their own statistics.

use crate::error::HocError;
use crate::lens::Lens;
use mach_base::Day;
use mach_store::Reader;
use mach_store::certificates::{self, State};
use mach_ui::components::{Button, Card, Definitions, Icon};
use mach_ui::{Html, Lang, format, msg};

/// Seconds from the beginning of a day in Viet Nam to that of the count of days.
const ZONE: i64 = 7 * 3_600;

/// How many, and with what result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drivers {
    /// Concluded.
    pub total: i64,
    /// Of them fit.
    pub fit: i64,
    /// Unfit.
    pub unfit: i64,
    /// With a drug in their urine.
    pub drug: i64,
    /// With alcohol in their breath or blood.
    pub alcohol: i64,
    /// Revoked since.
    pub revoked: i64,
}

/// Counts them. `None` where the page shows one department or patients of one place: certificates know neither.
///
/// # Errors
/// Of the store.
pub fn read(on: &mut Reader, lens: &Lens) -> Result<Option<Drivers>, HocError> {
    if lens.department.is_some() || lens.place.is_some() {
        return Ok(None);
    }
    let second = |day: i32| i64::from(day) * 86_400 - ZONE;
    let (Day(from), Day(to)) = lens.days;
    let counts = certificates::counts(on, second(from), second(to + 1))?;
    let mut out = Drivers::default();
    for c in counts.iter().filter(|c| lens.unit.as_ref().is_none_or(|u| u.number == c.facility)) {
        out.total += c.count;
        match c.result.as_str() {
            "A0-1" => out.fit += c.count,
            "A0-2" => out.unfit += c.count,
            _ => {}
        }
        out.drug += c.drug;
        out.alcohol += c.alcohol;
        if c.state == State::Revoked {
            out.revoked += c.count;
        }
    }
    Ok(Some(out))
}

/// The card; nothing where nobody was examined.
pub(crate) fn card(lang: Lang, lens: &Lens, drivers: Option<Drivers>) -> Option<Html> {
    let d = drivers.filter(|d| d.total > 0)?;
    let rows = [
        (msg::GKSK_TOTAL, d.total),
        (msg::GKSK_FIT, d.fit),
        (msg::GKSK_UNFIT, d.unfit),
        (msg::GKSK_DRUG, d.drug),
        (msg::GKSK_ALCOHOL, d.alcohol),
        (msg::GKSK_STATE_REVOKED, d.revoked),
    ];
    let list = rows
        .into_iter()
        .fold(Definitions::default(), |list, (name, n)| list.row(lang.t(name), format::integer(lang, n)));
    let (from, to) = lens.days;
    let href = format!("/certificates/statistics?from={from}&to={to}");
    let more = Button::link(lang.t(msg::GKSK_STATISTICS), href).icon(Icon::Indicators).into();
    Some(Card::new(lang.t(msg::GKSK), Html::concat([list.into(), more])).into())
}
