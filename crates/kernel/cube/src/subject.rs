//! What a measure may ask of a claim.
//!
//! Measures are data; the fields they name are here. Whoever knows the format of a claim implements [`Subject`] over it.
//!
//! | field | value |
//! |---|---|
//! | `status` | `accepted` or `refused` |
//! | `kind` | `MA_LOAI_KCB`, two digits |
//! | `entry` | `MA_DOITUONG_KCB`; `8` withdraws |
//! | `leave` | `MA_LOAI_RV` |
//! | `result` | `KET_QUA_DTRI` |
//! | `accident` | `MA_TAI_NAN` |
//! | `main_diagnosis` | `MA_BENH_CHINH` |
//! | `diagnoses` (list) | main diagnosis, then the others |
//! | `national_id` | `SO_CCCD` |
//! | `arrived`, `left` (days) | days of `NGAY_VAO`, `NGAY_RA` |
//! | `admitted` (day) | day of `NGAY_VAO_NOI_TRU`, where present |
//! | `counted` (day) | the day `received` and `refused` count on: `left`; of a refused claim its `NGAY_RA` if it can be read, else `NGAYLAP`, else the day it was received |
//! | `insurer`, `copay`, `patient`, `other`, `cost`, `drug_cost` | money of XML1 in hundredths of a đồng |
//! | `station` | 1 where the facility is a commune station |
//! | `working_days_to_send` | the smallest n with `NGAYLAP` ≤ n-th working day after `left`; [`crate::derive::working_days_to_send`]; absent without `NGAYLAP` |
//! | `wait_minutes` | minutes from `NGAY_VAO` to `NGAY_TH_YL` of the first XML3 line with `MA_NHOM` 13; absent without one |
//! | `age_days` | days from the full birth date to `left`; absent where month or day of birth is unknown |
//! | `bp_systolic`, `bp_diastolic` | of the last note of XML5 with a blood pressure; [`crate::derive::blood_pressure`], [`crate::derive::last_by_time`] |
//! | `a1c_thousandths` | the last decimal `HBA1C` of XML4, × 1000; [`crate::derive::thousandths`] |
//! | `notifiable` | 1 where the main diagnosis starts with a code of `notifiable.csv` |
//! | `chapter` | 1–22, the ICD-10 chapter of the main diagnosis |
//! | `drugs` (lines) | XML2: `group` = `MA_NHOM`, `antibiotic` = 1 where the name holds one; [`crate::derive::holds_name`] |
//! | `services` (lines) | XML3: `group`, `performed` (day) = `NGAY_TH_YL`, else `NGAY_YL` |
//! | `births` (lines) | XML9: `attendant` = `NGUOI_DO_DE`, `weight_g` = `CAN_NANG_CON`, `born` (day) = `NGAY_SINH_CON` |

use mach_base::Day;

/// A set of field names that definitions may use.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the table of this module says what each field is")]
        pub enum $name { $($(#[$field_doc])* $field),+ }

        impl $name {
            /// Every field, in order.
            pub const ALL: &[Self] = &[$(Self::$field),+];

            /// The name in definitions.
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $text),+ }
            }

            /// The field of that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|f| f.name() == name)
            }
        }
    };
}

fields! {
    /// Texts of a claim.
    Text {
        Status = "status", Kind = "kind", Entry = "entry", Leave = "leave", Result = "result", Accident = "accident",
        MainDiagnosis = "main_diagnosis", NationalId = "national_id",
    }
}
fields! {
    /// Lists of texts of a claim.
    List { Diagnoses = "diagnoses" }
}
fields! {
    /// Whole numbers of a claim; money in hundredths of a đồng, flags as 1 or 0.
    Int {
        Insurer = "insurer", Copay = "copay", Patient = "patient", Other = "other", Cost = "cost", DrugCost = "drug_cost",
        Station = "station", WorkingDaysToSend = "working_days_to_send", WaitMinutes = "wait_minutes",
        AgeDays = "age_days", BpSystolic = "bp_systolic", BpDiastolic = "bp_diastolic",
        A1cThousandths = "a1c_thousandths", Notifiable = "notifiable", Chapter = "chapter",
    }
}
fields! {
    /// Days of a claim.
    Date { Arrived = "arrived", Admitted = "admitted", Left = "left", Counted = "counted" }
}
fields! {
    /// Tables of lines of a claim.
    Table { Drugs = "drugs", Services = "services", Births = "births" }
}
fields! {
    /// Texts of a line.
    LineText { Attendant = "attendant" }
}
fields! {
    /// Whole numbers of a line.
    LineInt { Group = "group", Antibiotic = "antibiotic", WeightG = "weight_g" }
}
fields! {
    /// Days of a line.
    LineDate { Performed = "performed", Born = "born" }
}

/// A claim as measures see it. An absent text is empty; an absent number or day is `None`.
pub trait Subject {
    /// A text.
    fn text(&self, field: Text) -> &str;
    /// Whether `test` holds for one of a list; an empty list has none.
    fn any(&self, field: List, test: &mut dyn FnMut(&str) -> bool) -> bool;
    /// A number.
    fn int(&self, field: Int) -> Option<i64>;
    /// A day.
    fn date(&self, field: Date) -> Option<Day>;
    /// How many lines a table has.
    fn lines(&self, table: Table) -> usize;
    /// A text of line `line`, from 0.
    fn line_text(&self, table: Table, line: usize, field: LineText) -> &str;
    /// A number of line `line`.
    fn line_int(&self, table: Table, line: usize, field: LineInt) -> Option<i64>;
    /// A day of line `line`.
    fn line_date(&self, table: Table, line: usize, field: LineDate) -> Option<Day>;
}
