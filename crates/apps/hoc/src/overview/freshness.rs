//! Who has sent, on the overview: the late ones first.

use crate::freshness::Freshness;
use crate::lens::Lens;
use crate::parts::line;
use mach_ui::components::{Card, Cell};
use mach_ui::{Html, Lang, format, msg};

/// Facilities shown here; all are on their own page.
const SHOWN: usize = 8;

/// The facilities that need a look, as a card.
pub(crate) fn card(lang: Lang, lens: &Lens, freshness: &Freshness) -> Html {
    let mut parts = Vec::new();
    if !lens.own {
        let (sent, all) = (freshness.sent() as i64, freshness.rows.len() as i64);
        let values = [("sent", format::integer(lang, sent)), ("all", format::integer(lang, all))];
        let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
        parts.push(line("muted", lang.fmt(msg::FRESHNESS_FACILITIES, &values)));
    }
    parts.push(freshness.table(lang, SHOWN).into());
    let all = Cell::link(lang.t(msg::SHOW_ALL), "/hoc/freshness").0;
    Card::new(lang.t(msg::FRESHNESS), Html::concat(parts)).actions([all]).into()
}
