//! What is signed: the paper of a prescription, by the prescriber alone (Circular 26/2025/TT-BYT lets the prescriber's digital
//! signature stand for both). How it is signed is [`mach_signing::flights`].

use crate::case;
use crate::paper;
use crate::work;
use mach_access::Act as May;
use mach_signing::flights::{Papers, Ready};
use mach_store::signing::{Act, Flight};
use mach_store::{Reader, Result, Tx, people};

/// Prescriptions, as [`mach_signing::flights`] sees them.
pub struct Prescriptions;

impl Papers for Prescriptions {
    fn acts(&self) -> &'static [Act] {
        &[Act::Prescribe]
    }

    fn may(&self) -> May {
        May::Prescribe
    }

    fn prepare(
        &self,
        on: &mut Reader,
        flight: &Flight,
        base: &str,
    ) -> std::result::Result<std::result::Result<Ready, String>, String> {
        let told = |e: mach_store::Error| e.to_string();
        let found = case::load(on, &flight.code).map_err(told)?.filter(|c| c.row.facility == flight.facility);
        let Some(case) = found else { return Ok(Err("there is no such prescription".to_owned())) };
        if case.altered {
            return Ok(Err(ALTERED.to_owned()));
        }
        let person = people::person(on, case.row.person).map_err(told)?.ok_or("there is no such person")?;
        let mut paper = paper::paper(&case, &person, base);
        // Laid out at the same moment however often it is asked for: the same bytes, the same places.
        paper.draft(false).made(flight.began);
        let rendered = paper.render().map_err(|e| e.to_string())?;
        let seal = rendered.seal("doctor").cloned().ok_or("the paper has no place for the signature")?;
        Ok(Ok(Ready {
            file: rendered.pdf,
            seal,
            role: "Bác sĩ kê đơn".to_owned(),
            reason: format!("Kê đơn thuốc {}", case.row.code.to_uppercase()),
            location: mach_house::facility_name(&case.facility),
            shown: format!("Đơn thuốc {}", case.row.code.to_uppercase()),
        }))
    }

    fn take(&self, tx: &mut Tx<'_>, flight: &Flight, file: &[u8], now: i64) -> Result<bool> {
        work::signed(tx, flight, file, now)
    }
}

/// The word kept where what was written was changed by another way.
pub const ALTERED: &str = "prescription-altered";

/// Why a signature stopped, for the reader.
pub(crate) fn word(lang: mach_ui::Lang, said: &str) -> String {
    match said {
        ALTERED => lang.t(mach_ui::msg::RX_ALTERED).to_owned(),
        other => mach_signing::flights::word(lang, other),
    }
}
