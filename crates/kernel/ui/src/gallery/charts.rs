//! The charts of the gallery.

use mach_base::{Decimal, Grain};

use super::today;
use crate::chart::{BarRow, Bars, Map, MapValue, Shape, Stack, StackPart, Trend, TrendNote, TrendPoint};
use crate::components::{Card, Layout, Tone, chip, laid_out};
use crate::{Html, Lang, format, msg};

pub(super) fn all(lang: Lang) -> Html {
    let place = "Huế";
    let trend_title = lang.fmt(msg::TREND_OF, &[("name", "Lượt khám"), ("period", "tháng")]);
    let map_title = lang.fmt(msg::MAP_OF, &[("name", "Lượt khám trên 1.000 dân")]);
    let first = laid_out(
        Layout::Main,
        [
            Card::new(trend_title, trend(lang)).note(chip(Tone::Plain, "nghìn lượt")).into(),
            Card::new(map_title, map(lang)).note(chip(Tone::Plain, place)).into(),
        ],
    );
    let second = laid_out(
        Layout::Main,
        [Card::new(lang.t(msg::RANKING), bars(lang)).into(), Card::new(lang.t(msg::PAYERS), stack(lang)).into()],
    );
    Html::concat([first, second])
}

fn tenths(units: i64) -> Decimal {
    Decimal { units, scale: 1 }
}

pub(super) fn trend(lang: Lang) -> Trend {
    let now = [2055, 2035, 2206, 2290, 2251, 2255, 2098, 2096, 2002, 2086, 2003, 2068];
    let before = [2014, 1977, 2152, 2168, 2136, 2170, 1991, 1968, 1888, 1940, 1890, 2025];
    let points = (0..12).map(|i| {
        let day = today().step(Grain::Month, i - 11);
        TrendPoint {
            day,
            label: format::period(lang, day, Grain::Month),
            short: format::period_short(lang, day, Grain::Month),
            now: Some(tenths(now[i as usize])),
            before: Some(tenths(before[i as usize])),
            href: Some(format!("/hoc/CD01?at={}", day.label(Grain::Month))),
        }
    });
    let notes = mach_base::Day::from_ymd(2025, 7, 1)
        .map(|day| TrendNote { day, text: lang.t(msg::AS_OF_NOTE_SHORT).into() })
        .into_iter();
    Trend {
        lang,
        title: lang.fmt(msg::TREND_OF, &[("name", "Lượt khám"), ("period", "tháng")]),
        unit: "nghìn lượt".into(),
        points: points.collect(),
        notes: notes.collect(),
        places: 1,
    }
}

fn bars(lang: Lang) -> Bars {
    let units = [
        ("TTYT huyện Phú Lộc", 28_412, "96 %", Tone::Bad),
        ("TTYT huyện Phú Vang", 26_105, "94 %", Tone::Bad),
        ("TTYT thành phố Huế", 24_870, "91 %", Tone::Warning),
        ("TTYT huyện Phong Điền", 15_322, "88 %", Tone::Good),
        ("BV Giao thông vận tải", 14_960, "82 %", Tone::Good),
        ("BV Y học cổ truyền", 13_475, "86 %", Tone::Good),
    ];
    let rows = units.map(|(label, n, share, tone)| BarRow {
        label: label.into(),
        href: Some("/hoc/unit".into()),
        value: Decimal { units: n, scale: 0 },
        text: format::integer(lang, n),
        value_href: Some("/claims".into()),
        note: chip(tone, share),
        tone: Tone::Plain,
    });
    Bars {
        lang,
        caption: lang.t(msg::RANKING).into(),
        label: lang.t(msg::FACILITY).into(),
        value: "Lượt khám".into(),
        note: "Công suất".into(),
        ranked: true,
        rows: rows.into(),
    }
}

fn stack(lang: Lang) -> Stack {
    let parts = [
        (msg::PAYER_INSURER, 245_200_000_000_i64),
        (msg::PAYER_COPAYMENT, 31_400_000_000),
        (msg::PAYER_PATIENT, 29_100_000_000),
        (msg::PAYER_OTHER, 7_100_000_000),
    ];
    let parts = parts.map(|(label, dong)| StackPart {
        label: lang.t(label).into(),
        value: Decimal { units: dong, scale: 0 },
        text: format::money_short(lang, mach_base::decimal::Fixed(dong * 100)),
        href: Some("/claims".into()),
    });
    Stack { lang, title: lang.t(msg::COSTS_BY_PAYER).into(), parts: parts.into() }
}

/// Twelve invented communes as a honeycomb; one has sent nothing.
fn map(lang: Lang) -> Map {
    let (w, h) = (52.0, 60.0);
    let shapes = (0..12).map(|i| {
        let (col, row) = (f64::from(i % 4), f64::from(i / 4));
        let (x, y) = (30.0 + col * w + (row % 2.0) * w / 2.0, 34.0 + row * h * 0.75);
        let corner = |dx: f64, dy: f64| format!("{:.1} {:.1}", x + dx * w / 2.0, y + dy * h / 2.0);
        let corners = [(0.0, -1.0), (1.0, -0.5), (1.0, 0.5), (0.0, 1.0), (-1.0, 0.5), (-1.0, -0.5)];
        let path = format!("M{}Z", corners.map(|(dx, dy)| corner(dx, dy)).join("L"));
        Shape { code: i.to_string(), path, label: format!("Xã số {}", i + 1) }
    });
    let values = (0..11_i64).map(|i| {
        let value = Decimal { units: 820 + (i * 37 % 11) * 55, scale: 0 };
        let text = format!("{} lượt", format::number(lang, value));
        (i.to_string(), MapValue { value, text, href: Some(format!("/hoc?commune={i}")) })
    });
    Map {
        lang,
        title: lang.fmt(msg::MAP_OF, &[("name", "Lượt khám trên 1.000 dân")]),
        view_box: [0.0, 0.0, 242.0, 162.0],
        shapes: shapes.collect(),
        values: values.collect(),
        place: lang.t(msg::COMMUNE).into(),
        value: "Lượt khám trên 1.000 dân".into(),
        places: 0,
    }
}
