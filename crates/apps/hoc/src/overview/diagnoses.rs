//! What people came with: chapters of ICD-10, and the diagnoses seen most.

use crate::lens::Lens;
use crate::parts::line;
use mach_base::Decimal;
use mach_base::decimal::Fixed;
use mach_cube::{Top, change_percent};
use mach_terms::Icd10;
use mach_ui::chart::{BarRow, Bars};
use mach_ui::components::{Card, Cell, Tone, chip};
use mach_ui::{Html, Lang, format, msg};

/// Chapters on the overview; all are on the page of diseases.
const CHAPTERS: usize = 10;

/// The name of chapter `number`.
pub(crate) fn chapter_name(lang: Lang, number: i64) -> String {
    let chapter = u8::try_from(number).ok().and_then(|n| Icd10::shared().chapter(n));
    chapter.map_or_else(
        || lang.t(msg::HOC_NO_CHAPTER).to_owned(),
        |c| format!("{} · {}", roman(c.number), lang.pick(&*c.name_vi, &*c.name_en)),
    )
}

fn roman(number: u8) -> String {
    let (tens, ones) = ("X".repeat(usize::from(number / 10)), usize::from(number % 10));
    format!("{tens}{}", ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"][ones])
}

/// A diagnosis with its name: `J18 Viêm phổi`.
pub(crate) fn diagnosis_name(lang: Lang, code: &str) -> String {
    match Icd10::shared().category(code) {
        Some(d) => format!("{code} {}", lang.pick(&*d.name_vi, &*d.name_en)),
        None => code.to_owned(),
    }
}

/// The change of an item's count against the base, as a chip; nothing where there is no base.
pub(crate) fn change(lang: Lang, now: i64, item: i64, then: Option<&Top>) -> Html {
    let base = then.and_then(|t| t.rows.iter().find(|r| r.item == item)).map(|r| r.value);
    let scaled = |n: i64| n.checked_mul(10_000).map(Fixed);
    let percent = base.and_then(|b| change_percent(scaled(now)?, scaled(b)?));
    percent.map_or(Html::EMPTY, |p| {
        chip(Tone::Plain, &format!("{}{}%", format::signed(lang, crate::figures::decimal(p), 1), format::NBSP))
    })
}

/// The largest chapters; each leads to its diagnoses.
pub(crate) fn chapters(lang: Lang, lens: &Lens, (now, then): &(Top, Option<Top>)) -> Html {
    let title = lang.t(msg::DISEASE_CHAPTERS);
    let rows = now.rows.iter().take(CHAPTERS).map(|r| BarRow {
        label: chapter_name(lang, r.item),
        href: Some(lens.to("/hoc/diseases").with("chapter", r.item).into()),
        value: Decimal { units: r.value, scale: 0 },
        text: format::integer(lang, r.value),
        value_href: Some(lens.items("chapter", &r.code).into()),
        note: change(lang, r.value, r.item, then.as_ref()),
        tone: Tone::Plain,
    });
    let all = Cell::link(lang.t(msg::SHOW_ALL), &lens.to("/hoc/diseases").to_string()).0;
    bars(lang, title, lang.t(msg::HOC_CHAPTER), rows.collect(), all)
}

/// The diagnoses seen most; each leads to its claims.
pub(crate) fn top(lang: Lang, lens: &Lens, (now, then): &(Top, Option<Top>)) -> Html {
    let title = lang.t(msg::TOP_DIAGNOSES);
    let rows = now.rows.iter().map(|r| diagnosis_bar(lang, lens, (&r.code, r.item, r.value), then.as_ref()));
    let all = lang.fmt(msg::HOC_SHOW_ALL, &[("count", &format::integer(lang, now.items as i64))]);
    let all = Cell::link(&all, &lens.to("/hoc/diseases").to_string()).0;
    bars(lang, title, lang.t(msg::DIAGNOSIS), rows.collect(), all)
}

/// One diagnosis as a bar that leads to its claims.
pub(crate) fn diagnosis_bar(
    lang: Lang,
    lens: &Lens,
    (code, item, value): (&str, i64, i64),
    then: Option<&Top>,
) -> BarRow {
    let claims = lens.items("cases", code).to_string();
    BarRow {
        label: diagnosis_name(lang, code),
        href: Some(claims.clone()),
        value: Decimal { units: value, scale: 0 },
        text: format::integer(lang, value),
        value_href: Some(claims),
        note: change(lang, value, item, then),
        tone: Tone::Plain,
    }
}

fn bars(lang: Lang, title: &str, label: &str, rows: Vec<BarRow>, all: Html) -> Html {
    if rows.is_empty() {
        return Card::new(title, line("muted", lang.t(msg::NOT_COUNTED))).into();
    }
    let bars = Bars {
        lang,
        caption: title.to_owned(),
        label: label.to_owned(),
        value: lang.t(msg::CASES).to_owned(),
        note: lang.t(msg::HOC_CHANGE).to_owned(),
        ranked: false,
        rows,
    };
    Card::new(title, bars).actions([all]).into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn chapters_are_numbered_as_the_book_does() {
        for (n, text) in [(1, "I"), (4, "IV"), (9, "IX"), (10, "X"), (14, "XIV"), (19, "XIX"), (22, "XXII")] {
            assert_eq!(super::roman(n), text);
        }
    }
}
