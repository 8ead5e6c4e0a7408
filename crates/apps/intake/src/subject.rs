//! A claim as measures see it: the cube's fields over a dossier.

use mach_base::Day;
use mach_base::text::fold;
use mach_claims::dossier::{Dossier, LineTable};
use mach_cube::derive;
use mach_cube::subject::{Date, Int, LineDate, LineInt, LineText, List, Subject, Table, Text};
use mach_terms::{Antibiotics, Calendar, Facilities, Icd10, Notifiable};

/// `MA_NHOM` of examinations.
const EXAMINATION: u8 = 13;

/// An accepted claim.
pub struct AcceptedClaim<'a> {
    dossier: &'a Dossier,
    drugs: Vec<&'a mach_claims::dossier::Line>,
    services: Vec<&'a mach_claims::dossier::Line>,
    pressure: Option<(i64, i64)>,
    a1c: Option<i64>,
}

impl<'a> AcceptedClaim<'a> {
    /// Works out once what several measures ask.
    pub fn new(dossier: &'a Dossier) -> Self {
        let of = |table| dossier.lines.iter().filter(move |l| l.table == table);
        let pressures =
            dossier.notes.iter().filter_map(|n| derive::blood_pressure(&n.text).map(|pressure| (n.at, pressure)));
        let a1c = dossier
            .results
            .iter()
            .filter(|r| r.code.trim().to_uppercase() == "HBA1C")
            .filter_map(|r| derive::thousandths(&r.value).map(|value| (r.at, value)));
        Self {
            dossier,
            drugs: of(LineTable::Drug).collect(),
            services: of(LineTable::Service).collect(),
            pressure: derive::last_by_time(pressures, |p| p.0).map(|p| p.1),
            a1c: derive::last_by_time(a1c, |a| a.0).map(|a| a.1),
        }
    }

    fn left(&self) -> Day {
        self.dossier.left.day()
    }

    fn wait_minutes(&self) -> Option<i64> {
        let exam = self.services.iter().find(|l| l.group == EXAMINATION)?;
        Some(exam.performed?.0 - self.dossier.arrived.0)
    }

    fn station(&self) -> bool {
        Facilities::shared().get(&self.dossier.facility).is_some_and(mach_terms::Facility::is_station)
    }
}

impl Subject for AcceptedClaim<'_> {
    fn text(&self, field: Text) -> &str {
        let d = self.dossier;
        match field {
            Text::Status => "accepted",
            Text::Kind => &d.kind,
            Text::Entry => &d.entry,
            Text::Leave => &d.leave,
            Text::Result => &d.result,
            Text::Accident => &d.accident,
            Text::MainDiagnosis => &d.main_diagnosis,
            Text::NationalId => d.person.national_id.as_deref().unwrap_or_default(),
        }
    }

    fn any(&self, field: List, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            List::Diagnoses => self.dossier.diagnoses().any(test),
        }
    }

    fn int(&self, field: Int) -> Option<i64> {
        let totals = &self.dossier.totals;
        match field {
            Int::Insurer => Some(totals.insurer.0),
            Int::Copay => Some(totals.copay.0),
            Int::Patient => Some(totals.patient.0),
            Int::Other => Some(totals.other.0),
            Int::Cost => Some(totals.cost.0),
            Int::DrugCost => Some(totals.drugs.0),
            Int::Station => Some(i64::from(self.station())),
            Int::WorkingDaysToSend => self.dossier.written_on.map(|written| {
                derive::working_days_to_send(self.left(), written, |d| Calendar::shared().is_working_day(d))
            }),
            Int::WaitMinutes => self.wait_minutes(),
            Int::AgeDays => self.dossier.person.birth.day.map(|born| i64::from(self.left().0 - born.0)),
            Int::BpSystolic => self.pressure.map(|p| p.0),
            Int::BpDiastolic => self.pressure.map(|p| p.1),
            Int::A1cThousandths => self.a1c,
            Int::Notifiable => Some(i64::from(Notifiable::shared().contains(&self.dossier.main_diagnosis))),
            Int::Chapter => Icd10::shared().chapter_of(&self.dossier.main_diagnosis).map(i64::from),
        }
    }

    fn date(&self, field: Date) -> Option<Day> {
        match field {
            Date::Arrived => Some(self.dossier.arrived.day()),
            Date::Admitted => self.dossier.admitted.map(|m| m.day()),
            Date::Left | Date::Counted => Some(self.left()),
        }
    }

    fn lines(&self, table: Table) -> usize {
        match table {
            Table::Drugs => self.drugs.len(),
            Table::Services => self.services.len(),
            Table::Births => self.dossier.births.len(),
        }
    }

    fn line_text(&self, table: Table, line: usize, field: LineText) -> &str {
        match (table, field) {
            (Table::Births, LineText::Attendant) => self.dossier.births.get(line).map_or("", |b| &b.attendant),
            _ => "",
        }
    }

    fn line_int(&self, table: Table, line: usize, field: LineInt) -> Option<i64> {
        match (table, field) {
            (Table::Drugs, LineInt::Group) => self.drugs.get(line).map(|l| i64::from(l.group)),
            (Table::Services, LineInt::Group) => self.services.get(line).map(|l| i64::from(l.group)),
            (Table::Drugs, LineInt::Antibiotic) => {
                let name = fold(&self.drugs.get(line)?.name);
                Some(i64::from(Antibiotics::shared().contains_antibiotic(&name)))
            }
            (Table::Births, LineInt::WeightG) => self.dossier.births.get(line)?.weight_g,
            _ => None,
        }
    }

    fn line_date(&self, table: Table, line: usize, field: LineDate) -> Option<Day> {
        match (table, field) {
            (Table::Services, LineDate::Performed) => {
                let l = self.services.get(line)?;
                l.performed.or(l.ordered).map(|m| m.day())
            }
            (Table::Births, LineDate::Born) => self.dossier.births.get(line)?.at.map(|m| m.day()),
            _ => None,
        }
    }
}

/// A refused claim: it counts as received and as refused, and nowhere else.
pub struct RefusedClaim {
    /// The day it counts on.
    pub day: Day,
}

impl Subject for RefusedClaim {
    fn text(&self, field: Text) -> &str {
        if field == Text::Status { "refused" } else { "" }
    }

    fn any(&self, _: List, _: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }

    fn int(&self, _: Int) -> Option<i64> {
        None
    }

    fn date(&self, field: Date) -> Option<Day> {
        (field == Date::Counted).then_some(self.day)
    }

    fn lines(&self, _: Table) -> usize {
        0
    }

    fn line_text(&self, _: Table, _: usize, _: LineText) -> &str {
        ""
    }

    fn line_int(&self, _: Table, _: usize, _: LineInt) -> Option<i64> {
        None
    }

    fn line_date(&self, _: Table, _: usize, _: LineDate) -> Option<Day> {
        None
    }
}
