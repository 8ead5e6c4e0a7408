//! What each field of a layout must be, worked out once from the layout's own columns and notes.

use super::codes::Codes;
use super::conditions::{Conditions, Expr, Place};
use super::formats::{DateForm, Form};
use crate::layout::{Family, Field, Kind, Layout, Need, TableLayout};

/// Checks of all tables of one layout.
#[derive(Debug)]
pub(super) struct Plan {
    tables: Vec<(u8, Vec<FieldPlan>)>,
}

impl Plan {
    /// Checks of table `number`, field by field in the layout's order.
    pub(super) fn table(&self, number: u8) -> &[FieldPlan] {
        self.tables.iter().find(|(n, _)| *n == number).map_or(&[], |(_, fields)| fields)
    }

    /// Works out the checks of `layout`. Sizes that differ between amendments of the 130 family, or between the appendix
    /// and the portal, are refused only past the largest: `layouts` are all layouts.
    pub(super) fn new(layout: &Layout, layouts: &[Layout], conditions: &Conditions) -> Self {
        let fields = |t: &TableLayout| t.fields.iter().map(|f| field_plan(layout, t, f, layouts, conditions)).collect();
        Self { tables: layout.tables.iter().map(|t| (t.table, fields(t))).collect() }
    }
}

/// When a field must be filled.
#[derive(Debug)]
pub(super) enum Want {
    /// Always.
    Always,
    /// Under a condition; `rule` speaks, `when` are its words in Vietnamese and English.
    When { expr: Expr<Place>, rule: String, when: [String; 2] },
    /// It may be empty.
    Never,
}

/// Checks of one field.
#[derive(Debug)]
pub(super) struct FieldPlan {
    /// When it must be filled.
    pub(super) want: Want,
    /// Size in the appendix.
    pub(super) listed: Option<u32>,
    /// Largest size any source gives; past it the field is refused.
    pub(super) limit: Option<u32>,
    /// It is a number; so many digits after the point at most, where that is said.
    pub(super) number: Option<Option<u32>>,
    /// It is a date.
    pub(super) date: Option<DateForm>,
    /// It holds values joined by `;`.
    pub(super) multi: bool,
    /// Its code list, and whether an unknown code only warns.
    pub(super) codes: Option<(String, bool)>,
    /// Its shape.
    pub(super) form: Option<Form>,
    /// Index in XML1 of the field it must equal, if filled.
    pub(super) same_as: Option<usize>,
}

fn field_plan(
    layout: &Layout,
    table: &TableLayout,
    field: &Field,
    layouts: &[Layout],
    conditions: &Conditions,
) -> FieldPlan {
    let want = match conditions.of(layout, table, &field.tag) {
        Some((c, expr)) => Want::When { expr, rule: c.rule.clone(), when: c.when.clone() },
        None if field.required == Need::Required => Want::Always,
        None => Want::Never,
    };
    let form = form(layout, table.table, &field.tag);
    // A list given as a shape is judged by its shape: the list of departments is known only in part.
    let list = field.code_list.as_deref().filter(|l| !l.starts_with("EXT:") && form != Some(Form::Department));
    FieldPlan {
        want,
        listed: field.max_length,
        limit: largest(layout, table.table, field, layouts),
        number: number(field),
        date: date(layout, field),
        multi: form == Some(Form::Department)
            || note(field, "multi ';'").is_some()
            || date(layout, field).is_some() && field.max_length.is_some_and(|n| n > 12),
        codes: list
            .map(|l| (l.to_owned(), Codes::unsure(l) && !(l == "PHACDO_DTRI_LAO_XML6" && layout.decision == "130"))),
        form,
        same_as: same_as(layout, table.table, field),
    }
}

/// A note that begins with `prefix`: what follows it.
fn note<'a>(field: &'a Field, prefix: &str) -> Option<&'a str> {
    field.notes.split("; ").find_map(|n| n.trim().strip_prefix(prefix))
}

fn largest(layout: &Layout, table: u8, field: &Field, layouts: &[Layout]) -> Option<u32> {
    let family = layouts.iter().filter(|l| l.family == layout.family && l.decision != layout.decision);
    let others = family.filter_map(|l| l.table(table)?.field(&field.tag)).map(|f| f.max_length);
    let stored = ["portal sheet size ", "conflict: one secondary source gives ", "conflict: one storage schema gives "]
        .into_iter()
        .filter_map(|p| note(field, p)?.parse().ok())
        .map(Some);
    // `None` is unlimited, and the largest.
    others.chain(stored).try_fold(field.max_length?, |most, size| size.map(|s| most.max(s)))
}

fn number(field: &Field) -> Option<Option<u32>> {
    let tag = field.tag.as_str();
    let places = if tag == "SO_LUONG" || tag.starts_with("DON_GIA") {
        Some(3)
    } else if tag == "CAN_NANG" || tag.starts_with("THANH_TIEN") || tag.starts_with("T_") {
        Some(2)
    } else {
        None
    };
    // Identity numbers were typed as numbers in 130, and hold letters; their own rule judges them.
    let number = field.kind == Kind::Number && !tag.starts_with("SO_CCCD") || tag == "CAN_NANG";
    number.then_some(places)
}

fn date(layout: &Layout, field: &Field) -> Option<DateForm> {
    match field.tag.as_str() {
        "NGAY_SINH" if layout.family == Family::Q4210 => return Some(DateForm::Birth4210),
        "NGAY_SINH" => return Some(DateForm::Birth),
        // The day form came with 3176, by secondary sources: either is read in both.
        "NGAY_HEN_KL" => return Some(DateForm::DayOrMinute),
        _ => {}
    }
    match note(field, "fmt ")? {
        "yyyyMMdd" => Some(DateForm::Day),
        "yyyyMMddHHmm" => Some(DateForm::Minute),
        _ => Some(DateForm::DayOrMinute),
    }
}

fn form(layout: &Layout, table: u8, tag: &str) -> Option<Form> {
    Some(match tag {
        "MA_CSKCB" | "MA_DKBD" | "MA_NOI_DI" | "MA_NOI_DEN" | "MA_NOI_CHUYEN" | "MA_CSKCB_DI" | "MA_CSKCB_DEN"
        | "NOI_LAY_MAU_XN" | "NOI_XN_KD" | "NOI_BDDT_ARV" => Form::Facility,
        "MA_GIUONG" => Form::Bed,
        "GOI_VTYT" => Form::Package,
        "TT_THAU" if layout.family == Family::Q4210 => return None,
        "TT_THAU" if table == 2 => Form::TenderDrug,
        "TT_THAU" => Form::TenderSupply,
        "SO_DANG_KY" => Form::Registration,
        "MA_MAY" if layout.family == Family::Q130 => Form::Machine,
        "TUOI_THAI" => Form::Gestation,
        "MA_KHOA" | "MA_KHOA_RV" => Form::Department,
        "SO_CCCD" => Form::NationalId,
        "MA_BHXH" | "MA_BHXH_NND" => Form::SocialId,
        "MA_TTDV" => Form::HeadId,
        "MUC_HUONG" | "TYLE_TT" | "TYLE_TT_DV" | "TYLE_TT_BH" => Form::Rate,
        _ => return None,
    })
}

fn same_as(layout: &Layout, table: u8, field: &Field) -> Option<usize> {
    note(field, "portal check: if present must equal XML1")?;
    let tag = match (table, field.tag.as_str()) {
        (_, "PP_DIEUTRI") => "PP_DIEU_TRI",
        (_, tag) => tag,
    };
    layout.table(1)?.index(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layouts;

    fn of(decision: &str, table: u8, tag: &str) -> FieldPlan {
        let layouts = Layouts::shared();
        let layout = layouts.get(decision).unwrap();
        let table = layout.table(table).unwrap();
        field_plan(layout, table, table.field(tag).unwrap(), layouts.all(), &Conditions::load(|_| true).unwrap())
    }

    #[test]
    fn sizes_take_the_larger() {
        for (decision, table, tag, listed, limit) in [
            ("4750", 1, "MA_TTDV", Some(10), Some(255)),
            ("3176", 1, "MA_BENH_YHCT", Some(150), Some(255)),
            ("4750", 1, "SO_CCCD", Some(15), None),
            ("3176", 3, "TT_THAU", Some(50), Some(255)),
            ("4750", 1, "HO_TEN", Some(255), Some(255)),
            ("130", 1, "MA_DOITUONG_KCB", Some(3), Some(5)),
            ("3176", 3, "NGUOI_THUC_HIEN", Some(255), Some(1024)),
            ("4210", 2, "TT_THAU", Some(25), Some(25)),
        ] {
            let plan = of(decision, table, tag);
            assert_eq!((plan.listed, plan.limit), (listed, limit), "{decision} XML{table} {tag}");
        }
    }

    #[test]
    fn fields_know_what_they_hold() {
        assert_eq!(of("4210", 1, "NGAY_SINH").date, Some(DateForm::Birth4210));
        assert_eq!(of("3176", 1, "NGAY_MIEN_CCT").date, Some(DateForm::DayOrMinute));
        assert_eq!(of("3176", 13, "NGAY_RA").date, Some(DateForm::Minute));
        assert!(of("3176", 13, "NGAY_RA").multi && of("4210", 1, "GT_THE_TU").multi && !of("3176", 1, "NGAY_RA").multi);
        assert_eq!(of("3176", 1, "CAN_NANG").number, Some(Some(2)));
        assert_eq!(of("130", 1, "SO_CCCD").number, None);
        assert_eq!(of("4210", 3, "DON_GIA").number, Some(Some(3)));
        assert_eq!(of("3176", 6, "PHACDO_DTRI_LAO").codes, Some(("PHACDO_DTRI_LAO_XML6".to_owned(), true)));
        assert_eq!(of("130", 6, "PHACDO_DTRI_LAO").codes, Some(("PHACDO_DTRI_LAO_XML6".to_owned(), false)));
        assert_eq!(of("3176", 1, "MA_KHOA").codes, None);
        let head = Layouts::shared().get("3176").unwrap().table(1).unwrap();
        assert_eq!(of("3176", 14, "GIOI_TINH").same_as, head.index("GIOI_TINH"));
        assert_eq!(of("3176", 13, "PP_DIEUTRI").same_as, head.index("PP_DIEU_TRI"));
        assert!(matches!(of("3176", 1, "HO_TEN").want, Want::Always));
        assert!(matches!(of("3176", 1, "STT").want, Want::Never));
        assert!(matches!(of("3176", 3, "TT_THAU").want, Want::When { .. }));
    }
}
