//! What a text may be the number of: a certificate, a prescription, a claim. Looking a number up is one row by its key.

use mach_access::Scope;
use mach_base::text::is_facility_code;
use mach_house::facility_name;
use mach_store::certificates::{self, Certificate, Filter};
use mach_store::claims::State;
use mach_store::claims_list::{self, ClaimRow};
use mach_store::prescriptions::{self, Prescription};
use mach_store::sql::Query;
use mach_store::{Result, people, schema};
use mach_ui::components::{Icon, LinkItem, Tone, chip};
use mach_ui::{Lang, format, msg};

/// Characters of a certificate's look-up code.
const CODE_CHARS: usize = 12;
/// Characters of `MA_LK` from which on a text that has a digit is taken for one.
const LINK_CHARS: usize = 4;
/// Years of two digits are of this century.
const CENTURY: i64 = 2000;

/// The number on the paper: `00001/GKSKLX/34001/20`; facility, year and serial.
fn paper_number(text: &str) -> Option<(&str, i64, i64)> {
    let [serial, kind, facility, year] = text.split('/').map(str::trim).collect::<Vec<_>>().try_into().ok()?;
    let (serial, year) = (serial.parse().ok()?, year.parse::<i64>().ok().filter(|y| (0..100).contains(y))?);
    (kind.eq_ignore_ascii_case("GKSKLX") && is_facility_code(facility)).then_some((facility, CENTURY + year, serial))
}

/// Certificates with this look-up code, this number on the paper, or of this national number, as the reader may see them.
pub(crate) fn certificates(on: &mut dyn Query, text: &str, limit: usize) -> Result<Vec<LinkItem>> {
    if let Some((facility, year, serial)) = paper_number(text) {
        let facility = schema::facility_of_code(on, facility)?;
        let found = facility.map(|f| certificates::by_number(on, f, year, serial)).transpose()?.flatten();
        return Ok(found.iter().map(certificate).collect());
    }
    let code = text.to_ascii_uppercase();
    if code.len() != CODE_CHARS || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(Vec::new());
    }
    let mut found: Vec<Certificate> = certificates::by_code(on, &code)?.into_iter().collect();
    if code.bytes().all(|b| b.is_ascii_digit()) {
        let filter = Filter { national: code, ..Filter::default() };
        found.extend(certificates::list(on, &filter, None, limit)?);
    }
    Ok(found.iter().map(certificate).collect())
}

fn certificate(c: &Certificate) -> LinkItem {
    let opened = format::moment(c.opened);
    let detail = format!("{} · {} · {opened}", c.code, c.class);
    LinkItem::new(Icon::Check, &c.name, format!("/certificates/case/{}", c.code)).detail(detail)
}

/// The prescription with this code, as an account may see it.
pub(crate) fn prescription(on: &mut dyn Query, text: &str, account: i64) -> Result<Option<LinkItem>> {
    let is_code = |t: &str| t.len() == 14 && t.is_ascii() && is_facility_code(&t[..5]);
    let code = text.to_ascii_lowercase();
    if !is_code(&code) {
        return Ok(None);
    }
    // Sensitive ones are seen by who wrote them alone.
    let found: Option<Prescription> =
        prescriptions::by_code(on, &code)?.filter(|p| !p.sensitive || p.account == account);
    let Some(p) = found else { return Ok(None) };
    let name = people::person(on, p.person)?.map(|row| row.name).unwrap_or_default();
    let item = LinkItem::new(Icon::Medicine, name, format!("/prescriptions/case/{}", p.code));
    Ok(Some(item.detail(format!("{} · {}", p.code, format::moment(p.written)))))
}

/// Claims with this `MA_LK`: the facility's own, or those of every facility to whoever sees the province.
pub(crate) fn claims(
    on: &mut dyn Query,
    lang: Lang,
    text: &str,
    (scope, limit): (Scope, usize),
) -> Result<Vec<LinkItem>> {
    let is_link = text.chars().count() >= LINK_CHARS
        && text.bytes().any(|b| b.is_ascii_digit())
        && !text.contains(char::is_whitespace);
    if !is_link {
        return Ok(Vec::new());
    }
    let facilities = match scope {
        Scope::All => schema::facilities(on)?.into_iter().map(|(id, _)| id).collect(),
        _ => scope.facility().into_iter().collect::<Vec<_>>(),
    };
    let found = claims_list::by_link(on, &facilities, text, limit)?;
    Ok(found.iter().map(|claim| claim_item(lang, claim)).collect())
}

fn claim_item(lang: Lang, claim: &ClaimRow) -> LinkItem {
    let (tone, state) = match claim.state {
        State::Accepted => (Tone::Good, msg::CLAIM_ACCEPTED),
        State::Refused => (Tone::Bad, msg::CLAIM_REFUSED),
        State::Disputed => (Tone::Warning, msg::CLAIM_DISPUTED),
        State::Withdrawn => (Tone::Plain, msg::CLAIM_WITHDRAWN),
    };
    let item = LinkItem::new(Icon::Claims, &claim.link, format!("/claims/{}", claim.id));
    item.detail(facility_name(&claim.facility)).note(chip(tone, lang.t(state)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_on_a_paper() {
        for (text, number) in [
            ("00001/GKSKLX/34001/20", Some(("34001", 2020, 1))),
            ("12 / gksklx / 34001 / 26", Some(("34001", 2026, 12))),
            ("00001/GKSKLX/34001/2026", None),
            ("00001/GKSK/34001/20", None),
            ("x/GKSKLX/34001/20", None),
            ("1/GKSKLX/34001/20/1", None),
            ("////", None),
        ] {
            assert_eq!(paper_number(text), number, "{text}");
        }
    }
}
