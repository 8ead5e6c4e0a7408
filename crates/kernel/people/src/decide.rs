//! Whose claim it is: one decision from what the claim says and whom its numbers name. Pure; see the module's table.

use crate::names::{Agreement, Birth, compare_births, compare_names, compare_sexes, compare_years, numbers_conflict};
use mach_base::Minute;

/// What a claim says of its person.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// The facility's number in the store.
    pub facility: i64,
    /// The facility's own number of the person (`MA_BN`); empty where none.
    pub local_id: &'a str,
    /// National number (`SO_CCCD`): CCCD, CMND or passport.
    pub national_id: Option<&'a str>,
    /// Social-insurance number, ten digits.
    pub insurance_id: Option<&'a str>,
    /// `HO_TEN`.
    pub name: &'a str,
    /// `NGAY_SINH`, as far as known.
    pub birth: Birth,
    /// `GIOI_TINH`: 1 male, 2 female, 3 undetermined, 0 unknown.
    pub sex: i64,
    /// `DIEN_THOAI`.
    pub phone: Option<&'a str>,
    /// `DIA_CHI`.
    pub address: &'a str,
    /// `MATINH_CU_TRU`.
    pub province: &'a str,
    /// `MAHUYEN_CU_TRU`.
    pub district: &'a str,
    /// `MAXA_CU_TRU`.
    pub commune: &'a str,
    /// `MA_DANTOC`.
    pub ethnicity: &'a str,
    /// `MA_QUOCTICH`.
    pub nationality: &'a str,
    /// `MA_NGHE_NGHIEP`.
    pub occupation: &'a str,
    /// When the visit began: the later visit's values stand.
    pub seen: Minute,
}

/// A person one of the claim's numbers names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Number of the person, merges followed.
    pub person: i64,
    /// Name.
    pub name: &'a str,
    /// Birth.
    pub birth: Birth,
    /// Sex, as in [`Evidence`].
    pub sex: i64,
    /// Their national number, where known.
    pub national_id: Option<&'a str>,
    /// Their social-insurance number, where known.
    pub insurance_id: Option<&'a str>,
}

/// Whom each number of the claim names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidates<'a> {
    /// By national number.
    pub national: Option<Candidate<'a>>,
    /// By social-insurance number.
    pub insurance: Option<Candidate<'a>>,
    /// By the facility's own number.
    pub local: Option<Candidate<'a>>,
    /// By an earlier claim that stood in the same conflict and was given its own person.
    pub alone: Option<Candidate<'a>>,
}

/// Whose claim it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This person's.
    Existing(i64),
    /// A person's not met before.
    New,
}

/// Why a pair of people is in doubt. Stored as its number: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The national number belongs to someone with another name and another year of birth.
    NationalIdOfAnother = 1,
    /// The insurance number belongs to someone with other particulars.
    InsuranceOfAnother = 2,
    /// The insurance number belongs to someone with another national number.
    InsuranceWithOtherNationalId = 3,
    /// National number and insurance number name two people.
    TwoPeople = 4,
    /// The facility's number belongs to someone with only some of the particulars.
    LocalIdOfAnother = 5,
    /// The facility's number belongs to someone alike, with another national or insurance number.
    LocalIdWithOtherNumbers = 6,
    /// The facility's number names someone alike, the stronger numbers someone else.
    LocalIdOfTwin = 7,
}

/// A pair to look at: the person the claim was given to, and this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Why.
    pub reason: Reason,
    /// The other person.
    pub other: i64,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whose claim it is.
    pub person: Whose,
    /// Pairs to look at, strongest evidence first; at most one for each number.
    pub doubts: Vec<Doubt>,
}

/// Decides whose claim it is.
///
/// The strongest number whose owner's particulars do not contradict the claim wins: national number, then insurance
/// number, then the facility's number with agreeing name, birth and sex. Numbers that name someone else never merge
/// anyone: the pair is put in doubt. Where no number can be trusted, the claim gets its own person.
pub fn decide(evidence: &Evidence<'_>, candidates: &Candidates<'_>) -> Decision {
    let mut choice = Choice { person: None, doubts: Vec::new() };
    if let Some(owner) = &candidates.national {
        choice.weigh(owner, national_refusal(evidence, owner));
    }
    if let Some(owner) = &candidates.insurance {
        match choice.person {
            Some(person) if person != owner.person => choice.doubt(Reason::TwoPeople, owner),
            Some(_) => {}
            None => choice.weigh(owner, insurance_refusal(evidence, owner)),
        }
    }
    if let Some(owner) = &candidates.local {
        match choice.person {
            Some(person) if person != owner.person => {
                // A facility that gives one number to two people is its own trouble; someone alike may be a double.
                if likeness(evidence, owner) == Likeness::Full {
                    choice.doubt(Reason::LocalIdOfTwin, owner);
                }
            }
            Some(_) => {}
            None => match local_refusal(evidence, owner) {
                Refusal::Stranger => {}
                Refusal::None => choice.weigh(owner, None),
                Refusal::Doubt(reason) => choice.weigh(owner, Some(reason)),
            },
        }
    }
    if choice.person.is_none() {
        let same = |owner: &Candidate<'_>| !conflict(evidence.insurance_id, owner.insurance_id);
        choice.person = candidates.alone.filter(same).map(|owner| owner.person);
    }
    let person = choice.person;
    choice.doubts.retain(|doubt| person != Some(doubt.other));
    Decision { person: person.map_or(Whose::New, Whose::Existing), doubts: choice.doubts }
}

struct Choice {
    person: Option<i64>,
    doubts: Vec<Doubt>,
}

impl Choice {
    fn weigh(&mut self, owner: &Candidate<'_>, refusal: Option<Reason>) {
        match refusal {
            None => self.person = Some(owner.person),
            Some(reason) => self.doubt(reason, owner),
        }
    }

    fn doubt(&mut self, reason: Reason, owner: &Candidate<'_>) {
        if self.doubts.iter().all(|doubt| doubt.other != owner.person) {
            self.doubts.push(Doubt { reason, other: owner.person });
        }
    }
}

enum Refusal {
    None,
    Stranger,
    Doubt(Reason),
}

#[derive(PartialEq, Eq)]
enum Likeness {
    Full,
    Part,
    None,
}

fn name(evidence: &Evidence<'_>, owner: &Candidate<'_>) -> Agreement {
    compare_names(evidence.name, owner.name)
}

/// Name, birth and sex together: all agree as far as known (the name known), some, or none.
fn likeness(evidence: &Evidence<'_>, owner: &Candidate<'_>) -> Likeness {
    let name = name(evidence, owner);
    let birth = compare_births(evidence.birth, owner.birth);
    let sex = compare_sexes(evidence.sex, owner.sex);
    match (name, birth) {
        (Agreement::Same, Agreement::Same) if sex != Agreement::Different => Likeness::Full,
        (Agreement::Same, _) | (_, Agreement::Same) => Likeness::Part,
        _ => Likeness::None,
    }
}

/// A national number is believed unless both name and year of birth speak against it: people marry, clerks mistype.
fn national_refusal(evidence: &Evidence<'_>, owner: &Candidate<'_>) -> Option<Reason> {
    let strangers = name(evidence, owner) == Agreement::Different
        && compare_years(evidence.birth, owner.birth) == Agreement::Different;
    strangers.then_some(Reason::NationalIdOfAnother)
}

/// A card is lent more easily than an identity: at most one of name, birth and sex may speak against it, and where the
/// name does, the birth must speak for it.
fn insurance_refusal(evidence: &Evidence<'_>, owner: &Candidate<'_>) -> Option<Reason> {
    if conflict(evidence.national_id, owner.national_id) {
        return Some(Reason::InsuranceWithOtherNationalId);
    }
    let name = name(evidence, owner);
    let birth = compare_births(evidence.birth, owner.birth);
    let sex = compare_sexes(evidence.sex, owner.sex);
    let against = [name, birth, sex].iter().filter(|a| **a == Agreement::Different).count();
    let renamed = name == Agreement::Different && birth != Agreement::Same;
    (against > 1 || renamed).then_some(Reason::InsuranceOfAnother)
}

fn local_refusal(evidence: &Evidence<'_>, owner: &Candidate<'_>) -> Refusal {
    match likeness(evidence, owner) {
        Likeness::None => Refusal::Stranger,
        Likeness::Part => Refusal::Doubt(Reason::LocalIdOfAnother),
        Likeness::Full
            if conflict(evidence.national_id, owner.national_id)
                || conflict(evidence.insurance_id, owner.insurance_id) =>
        {
            Refusal::Doubt(Reason::LocalIdWithOtherNumbers)
        }
        Likeness::Full => Refusal::None,
    }
}

fn conflict(claimed: Option<&str>, known: Option<&str>) -> bool {
    matches!((claimed, known), (Some(claimed), Some(known)) if numbers_conflict(claimed, known))
}

impl Reason {
    /// Every reason, by number.
    pub const ALL: [Self; 7] = [
        Self::NationalIdOfAnother,
        Self::InsuranceOfAnother,
        Self::InsuranceWithOtherNationalId,
        Self::TwoPeople,
        Self::LocalIdOfAnother,
        Self::LocalIdWithOtherNumbers,
        Self::LocalIdOfTwin,
    ];

    /// From its stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as i64 == number)
    }

    /// What to tell the person who reviews: Vietnamese, English.
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::NationalIdOfAnother => (
                "Số CCCD đã thuộc về người khác tên và khác năm sinh",
                "The national number belongs to someone with another name and year of birth",
            ),
            Self::InsuranceOfAnother => (
                "Mã số BHXH đã thuộc về người có họ tên, ngày sinh hoặc giới tính khác",
                "The insurance number belongs to someone with other particulars",
            ),
            Self::InsuranceWithOtherNationalId => (
                "Mã số BHXH đã thuộc về người có số CCCD khác",
                "The insurance number belongs to someone with another national number",
            ),
            Self::TwoPeople => {
                ("Số CCCD và mã số BHXH chỉ đến hai người", "National number and insurance number name two people")
            }
            Self::LocalIdOfAnother => (
                "Mã bệnh nhân của cơ sở thuộc về người chỉ giống một phần thông tin",
                "The facility's number belongs to someone who agrees only in part",
            ),
            Self::LocalIdWithOtherNumbers => (
                "Mã bệnh nhân của cơ sở thuộc về người giống thông tin nhưng khác số CCCD hoặc mã số BHXH",
                "The facility's number belongs to someone alike with another national or insurance number",
            ),
            Self::LocalIdOfTwin => (
                "Mã bệnh nhân của cơ sở chỉ đến một người giống hệt, giấy tờ chỉ đến người khác",
                "The facility's number names someone alike, the papers someone else",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
