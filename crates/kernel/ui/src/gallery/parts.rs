//! The parts of the gallery that are no charts.

use mach_base::{Day, Decimal};

use super::today;
use crate::components::*;
use crate::shell::Crumb;
use crate::{Html, Lang, chart, format, msg};

pub(super) fn patient(lang: Lang) -> PatientBanner {
    let mut banner = PatientBanner::new(lang, "Trần Thị Ngọc Ánh", today());
    banner.born = Day::from_ymd(1962, 6, 1);
    banner.sex = Sex::Female;
    banner.ids = vec![
        (lang.t(msg::ID_PATIENT).into(), "PV-0048213".into()),
        (lang.t(msg::ID_NATIONAL).into(), format::masked("046162000217")),
    ];
    banner.insurance = Some(Insurance { code: "GD4".into(), percent: Some(80), until: Day::from_ymd(2026, 12, 31) });
    banner.weight = Some(format!("54{}kg", format::NBSP));
    banner.allergies = Allergies::Known(vec!["penicillin (phản vệ, 2019)".into()]);
    banner
}

fn spark() -> Vec<Option<Decimal>> {
    let values = [20, 24, 27, 30, 29, 29, 22, 22, 23, 21, 22, 20, 24, 26];
    values.iter().map(|units| Some(Decimal { units: *units, scale: 0 })).collect()
}

pub(super) fn tiles(lang: Lang) -> Html {
    let change = |direction, by: &str, against: crate::Msg, good| Change {
        direction,
        by: by.into(),
        against: lang.t(against).into(),
        good,
    };
    let tile = |label: &str, value: &str, unit: &str, changes: Vec<Change>| {
        let mut tile = Tile::new(lang, label, value);
        tile.unit = unit.into();
        tile.changes = changes;
        tile.spark = spark();
        tile.href = Some("/hoc/CD01".into());
        tile
    };
    let year = |d, by: &str, good| change(d, by, msg::VS_LAST_YEAR, good);
    let period = |d, by: &str, good| change(d, by, msg::VS_LAST_PERIOD, good);
    let mut tet = tile("Cấp cứu", "1.284", "lượt", vec![year(Direction::Up, "38 %", None)]);
    tet.note = lang.t(msg::TET_SHIFT).into();
    let mut none = tile("Công suất giường", "", "", vec![]);
    none.spark = vec![];
    let all = [
        tile(
            "Lượt khám",
            "218.460",
            "",
            vec![period(Direction::Down, "1,1 %", None), year(Direction::Up, "4,2 %", Some(true))],
        ),
        tile("Tổng chi phí KCB", "312,8 tỷ đ", "", vec![year(Direction::Up, "6,9 %", None)]),
        tile("Hồ sơ bị từ chối", "1,7 %", "", vec![period(Direction::Down, "0,9 điểm", Some(true))]),
        tile("Ngày điều trị TB", "6,4", "ngày", vec![year(Direction::Up, "0,2", Some(false))]),
        tile("Tử vong", "12", "ca", vec![year(Direction::Flat, "0", None)]),
        tet,
        none,
    ];
    laid_out(Layout::Tiles, all.map(Html::from))
}

pub(super) fn all(lang: Lang) -> Html {
    Html::concat([
        laid_out(Layout::Three, [chips(lang), notices(lang), actions(lang)]),
        laid_out(Layout::Main, [claims(lang), Card::new(lang.t(msg::UPLOAD), upload(lang)).into()]),
        laid_out(Layout::Three, [results(lang), timeline(lang), form(lang)]),
        laid_out(Layout::Three, [definitions(lang), states(lang)]),
        banners(lang),
    ])
}

fn chips(lang: Lang) -> Html {
    let states = [
        ClaimState::Accepted,
        ClaimState::Refused,
        ClaimState::Duplicate,
        ClaimState::Replaced,
        ClaimState::Withdrawn,
        ClaimState::Pending,
    ];
    let flags = [Flag::Normal, Flag::High, Flag::Low, Flag::CriticalHigh, Flag::CriticalLow];
    let severities = [Severity::Refuse, Severity::Warn];
    let body = laid_out(
        Layout::Stack,
        [
            laid_out(Layout::Row, states.map(|s| claim_chip(lang, s))),
            laid_out(Layout::Row, severities.map(|s| severity_chip(lang, s))),
            laid_out(Layout::Row, flags.map(|f| flag_chip(lang, f))),
            Segment::new(lang.t(msg::PERIOD))
                .item(lang.t(msg::PERIOD_DAY), "?p=day", false)
                .item(lang.t(msg::PERIOD_MONTH), "?p=month", true)
                .item(lang.t(msg::PERIOD_QUARTER), "?p=quarter", false)
                .item(lang.t(msg::PERIOD_YEAR), "?p=year", false)
                .into(),
            Crumbs {
                label: lang.t(msg::DRILL).into(),
                steps: vec![Crumb::link("Huế", "/hoc"), Crumb::link("TTYT Phú Vang", "/hoc"), Crumb::here("Khoa Nội")],
            }
            .into(),
        ],
    );
    Card::new(lang.t(msg::STATUS), body).into()
}

fn notices(lang: Lang) -> Html {
    let result = lang
        .fmt(msg::UPLOAD_RESULT, &[("accepted", "1.204"), ("refused", "3"), ("duplicate", "12"), ("replaced", "1")]);
    let body = Html::concat([
        Notice::new(lang, Tone::Good, result).into(),
        Notice::new(lang, Tone::Info, lang.t(msg::AS_OF_NOTE)).into(),
        Notice::new(lang, Tone::Warning, lang.t(msg::TET_SHIFT)).into(),
        Notice::new(lang, Tone::Bad, lang.t(msg::UPLOAD_FAILED)).into(),
    ]);
    Card::new(lang.t(msg::NOTICE_INFO), body).into()
}

fn actions(lang: Lang) -> Html {
    let buttons = laid_out(
        Layout::Row,
        [
            Button::submit(lang.t(msg::SAVE)).into(),
            Button::link(lang.t(msg::DETAILS), "/ui").icon(Icon::Next).into(),
            PostForm::new(lang, "/ui", Button::submit(lang.t(msg::RECHECK)).icon(Icon::Undo)).into(),
        ],
    );
    let merge = PostForm::new(lang, "/ui", Button::submit(lang.t(msg::REVIEW_MERGE)).icon(Icon::Merge));
    let mut remove = PostForm::new(lang, "/ui", Button::submit(lang.t(msg::REVIEW_UNDO)).icon(Icon::Undo));
    remove.button.danger = true;
    let body = laid_out(
        Layout::Stack,
        [
            buttons,
            merge.sure(lang.t(msg::REVIEW_MERGE_SURE)).into(),
            remove.sure(lang.t(msg::ARE_YOU_SURE)).into(),
            Progress {
                label: lang.t(msg::UPLOAD_CHECKING).into(),
                done: 12,
                total: Some(20),
                text: "12.000/20.000".into(),
            }
            .into(),
            Pager {
                lang,
                previous: Some("?before=1".into()),
                next: Some("?after=100".into()),
                shown: lang.fmt(msg::ROWS_SHOWN, &[("count", "100")]),
            }
            .into(),
        ],
    );
    Card::new(lang.t(msg::CONFIRM), body).into()
}

fn claims(lang: Lang) -> Html {
    let columns = vec![
        Column::text(lang.t(msg::CLAIM_LINK_ID)).sort("?sort=id", None),
        Column::text(lang.t(msg::FACILITY)),
        Column::text(lang.t(msg::CLAIM_LEFT)).sort("?sort=left", Some(false)),
        Column::number(lang.t(msg::CLAIM_TOTAL)).sort("?sort=total", Some(true)),
        Column::text(lang.t(msg::STATUS)),
    ];
    let claim = |id: &str, place: &str, day: &str, total: &str, state| {
        Row::new([
            Cell::link(id, "/claims/1"),
            Cell::two(place, "46009"),
            day.into(),
            total.into(),
            claim_chip(lang, state).into(),
        ])
    };
    let mut rows = vec![
        claim("HS2603180001", "TTYT huyện Phú Vang", "18/03/2026", "412.500 đ", ClaimState::Accepted),
        claim("HS2603180002", "Trạm y tế Phú Diên", "18/03/2026", "86.200 đ", ClaimState::Refused),
        claim("HS2603170113", "BV Đa khoa Bình Điền", "17/03/2026", "3.284.110 đ", ClaimState::Replaced),
    ];
    rows[1].strong = true;
    let total = Row::new([lang.t(msg::TOTAL), "", "", "3.782.810 đ", ""]);
    let table =
        Table { total: Some(total), ..Table::new(lang, lang.t(msg::CLAIMS), columns).rows(rows).walk().stack() };
    let choices = vec![
        (String::new(), lang.t(msg::ALL).to_owned()),
        ("refused".to_owned(), lang.t(msg::CLAIM_REFUSED).to_owned()),
    ];
    let filters = Filters {
        lang,
        action: "/ui".into(),
        fields: vec![
            Field::new("find", lang.t(msg::SEARCH), FieldKind::Search),
            Field::new("status", lang.t(msg::STATUS), FieldKind::Choice(choices)),
            Field::new("from", lang.t(msg::FROM), FieldKind::Date),
        ],
        kept: vec![("p".into(), "month".into())],
        active: true,
    };
    Card::new(lang.t(msg::CLAIMS), Html::concat([filters.into(), table.into()])).into()
}

fn upload(lang: Lang) -> Html {
    Upload { lang, action: "/claims/upload".into(), accept: ".xml".into(), max_megabytes: 100, error: None }.into()
}

fn results(lang: Lang) -> Html {
    let columns = vec![
        Column::text(lang.t(msg::NAME)),
        Column::number(lang.t(msg::VALUE)),
        Column::text(lang.t(msg::RESULT_RANGE)),
        Column::text(lang.t(msg::RESULT_FLAG)),
        Column::text(lang.t(msg::RESULT_TREND)),
    ];
    let result = |name: &str, value: &str, unit: &str, range: &str, flag| {
        let shape = chart::spark(&spark()[..6]);
        Row::new([name.into(), Cell::two(value, unit), range.into(), flag_chip(lang, flag).into(), shape.into()])
    };
    let rows = vec![
        result("Glucose lúc đói", "8,9", "mmol/L", "3,9–6,4", Flag::High),
        result("Creatinin", "92", "µmol/L", "62–106", Flag::Normal),
        result("Kali", "2,4", "mmol/L", "3,5–5,1", Flag::CriticalLow),
    ];
    let table = Table::new(lang, lang.t(msg::RESULTS), columns).rows(rows);
    Card::new(lang.t(msg::RESULTS_NEW), table).note(chip(Tone::Info, "18/03 08:40")).into()
}

fn timeline(lang: Lang) -> Html {
    let item = |day: &str, when: &str, title: crate::Msg, place: Html, text: &str| TimelineItem {
        day: day.into(),
        when: when.into(),
        title: lang.t(title).into(),
        href: Some("/claims/1".into()),
        place,
        text: text.into(),
    };
    let items = vec![
        item(
            "2026-03-18",
            "18/03/2026",
            msg::VISIT_OUTPATIENT,
            chip(Tone::Plain, "TTYT huyện Phú Vang"),
            "E11.9 Đái tháo đường týp 2, không biến chứng",
        ),
        item(
            "2026-02-02",
            "02/02/2026",
            msg::VISIT_MEDICINES,
            chip(Tone::Plain, "Trạm y tế Phú Diên"),
            "metformin, amlodipin — 30 ngày",
        ),
        item(
            "2025-12-11",
            "11/12/2025",
            msg::VISIT_INPATIENT,
            chip(Tone::Plain, "BV Đa khoa Bình Điền"),
            "J18.9 Viêm phổi",
        ),
    ];
    Card::new(lang.t(msg::TIMELINE), Timeline { lang, items }).into()
}

fn form(lang: Lang) -> Html {
    let choices = vec![("1".into(), lang.t(msg::SEX_MALE).into()), ("2".into(), lang.t(msg::SEX_FEMALE).into())];
    let fields = [
        Field::new("name", lang.t(msg::NAME), FieldKind::Text).value("Trần Thị Ngọc Ánh").required(),
        Field::new("year", lang.t(msg::BIRTH_YEAR), FieldKind::Digits).value("19").error(lang.t(msg::DATE_WRONG)),
        Field::new("sex", lang.t(msg::SEX), FieldKind::Choice(choices)).value("2"),
        Field::new("born", lang.t(msg::BORN), FieldKind::Date).hint(lang.t(msg::DATE_HINT)),
        Field::new("note", lang.t(msg::NOTE), FieldKind::Lines),
    ];
    let body = laid_out(
        Layout::Stack,
        [ErrorSummary::of(lang, &fields).into()].into_iter().chain(fields.iter().map(|f| f.html(lang))),
    );
    Card::new(lang.t(msg::PERSON), body).into()
}

fn definitions(lang: Lang) -> Html {
    let source = [("claim", "HS2603180001"), ("table", "XML3"), ("line", "7"), ("version", "2")];
    let rows = Definitions::default()
        .row(lang.t(msg::INSURANCE), "GD4 46 46•••567")
        .row(lang.t(msg::ADDRESS), "Xã Phú Diên, thành phố Huế")
        .row(lang.t(msg::PREGNANCY), "")
        .row(lang.t(msg::PROVENANCE), lang.fmt(msg::PROVENANCE_OF, &source));
    Card::new(lang.t(msg::DETAILS), rows).into()
}

fn states(lang: Lang) -> Html {
    let mut empty = Empty::new(Icon::Claims, lang.t(msg::CLAIMS_EMPTY), lang.t(msg::CLAIMS_EMPTY_DO));
    empty.action = Button::link(lang.t(msg::UPLOAD), "/claims").icon(Icon::Upload).into();
    let none = Table::new(lang, "", vec![]).empty(empty);
    Card::new(lang.t(msg::LOADING), Html::concat([loading(lang), none.into()])).into()
}

/// The other states of the banner, without the fixing on top.
fn banners(lang: Lang) -> Html {
    let mut child = PatientBanner::new(lang, "Nguyễn Gia Bảo", today());
    child.born = Day::from_ymd(2025, 10, 1);
    child.sex = Sex::Male;
    child.weight = Some(format!("7,2{}kg", format::NBSP));
    child.allergies = Allergies::NoneKnown;
    let mut unknown = PatientBanner::new(lang, "Lê Văn Tý", today());
    unknown.infection = Some("lao phổi".into());
    let mut dead = patient(lang);
    dead.died = Day::from_ymd(2026, 1, 2);
    dead.allergies = Allergies::NotAvailable;
    let mut not_asked = PatientBanner::new(lang, "Hồ Thị Năm", today());
    not_asked.sex = Sex::Other;
    not_asked.allergies = Allergies::NotAsked;
    unknown.sex = Sex::Unknown;
    let all = [child, unknown, not_asked, dead]
        .map(|b| Html::trusted(format!("<div class=\"shown\">{}</div>", Html::from(b))));
    Card::new(lang.t(msg::PATIENT_BANNER), Html::concat(all)).into()
}
