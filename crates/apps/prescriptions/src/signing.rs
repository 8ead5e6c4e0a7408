//! What is signed: the paper of a prescription, by the prescriber alone (Circular 26/2025/TT-BYT lets the prescriber's digital
//! signature stand for both). How it is signed is [`mach_signing::flights`].

use crate::case;
use crate::paper;
use crate::signed_code;
use crate::work;
use mach_access::Act as May;
use mach_signing::desk::Keys;
use mach_signing::flights::{Papers, Ready, Taken};
use mach_signing::words::{self, Halt, UNSIGNED, later};
use mach_store::prescriptions::{self, State};
use mach_store::signing::{Act, Flight};
use mach_store::sql::Query;
use mach_store::{Reader, Result, Tx, people};

/// Prescriptions, as [`mach_signing::flights`] sees them.
pub struct Prescriptions;

impl Papers for Prescriptions {
    fn what(&self) -> &'static str {
        "prescription"
    }

    fn page(&self, code: &str) -> String {
        format!("/prescriptions/case/{code}")
    }

    fn acts(&self) -> &'static [Act] {
        &[Act::Prescribe]
    }

    fn may(&self) -> May {
        May::Prescribe
    }

    /// The hash of what was written.
    fn revision(&self, on: &mut dyn Query, flight: &Flight) -> Result<Option<String>> {
        let row = prescriptions::by_code(on, &flight.code)?;
        let waits = row.filter(|r| r.state == State::Signing && r.facility == flight.facility);
        Ok(waits.map(|r| r.digest))
    }

    fn prepare(&self, on: &mut Reader, flight: &Flight, keys: &dyn Keys) -> std::result::Result<Ready, Halt> {
        let found = case::load(on, &flight.code).map_err(later)?;
        let case = found.ok_or_else(|| Halt::stopped(UNSIGNED))?;
        if case.altered {
            return Err(Halt::stopped(ALTERED));
        }
        let person = people::person(on, case.row.person).map_err(later)?;
        let person = person.ok_or_else(|| later("there is no such person"))?;
        let mut paper =
            paper::paper(&case, &person, keys.base(), signed_code::text(&case, &person, keys, flight.began));
        // Laid out at the same moment however often it is asked for: the same bytes, the same places.
        paper.draft(false).made(flight.began);
        let rendered = paper.render().map_err(later)?;
        let seal = rendered.seal("doctor").cloned();
        Ok(Ready {
            seal: seal.ok_or_else(|| later("the paper has no place for the signature"))?,
            file: rendered.pdf,
            role: "Bác sĩ kê đơn".to_owned(),
            reason: format!("Kê đơn thuốc {}", case.row.code.to_uppercase()),
            location: mach_house::facility_name(&case.facility),
            shown: format!("Đơn thuốc {}", case.row.code.to_uppercase()),
        })
    }

    fn take(&self, tx: &mut Tx<'_>, flight: &Flight, file: &[u8], now: i64) -> Result<Taken> {
        work::signed(tx, flight, file, now)
    }
}

/// The word kept where what was written was changed by another way.
pub const ALTERED: &str = "prescription-altered";

/// Why a signature stopped or something is not sealed, for the reader, where it is one of our words.
pub(crate) fn known(lang: mach_ui::Lang, said: &str) -> Option<&'static str> {
    match said {
        ALTERED => Some(lang.t(mach_ui::msg::RX_ALTERED)),
        other => words::known(lang, other),
    }
}

/// The same, where anything else is a fault.
pub(crate) fn word(lang: mach_ui::Lang, said: &str) -> &'static str {
    known(lang, said).unwrap_or_else(|| words::word(lang, said))
}
