//! Who pays.

use crate::lens::Lens;
use crate::parts::line;
use mach_base::Decimal;
use mach_base::decimal::Fixed;
use mach_cube::Top;
use mach_ui::chart::{Stack, StackPart};
use mach_ui::components::Card;
use mach_ui::{Html, Lang, Msg, format, msg};

/// The payers by the item of the measure `money`, in the order they are shown.
pub(crate) const PAYERS: [(i64, Msg); 4] =
    [(1, msg::PAYER_INSURER), (2, msg::PAYER_COPAYMENT), (3, msg::PAYER_PATIENT), (4, msg::PAYER_OTHER)];

/// What `payer` paid, in hundredths of a đồng.
pub(crate) fn paid(money: &Top, payer: i64) -> i64 {
    money.rows.iter().find(|r| r.item == payer).map_or(0, |r| r.value)
}

/// The payers as one bar; each leads to the claims it is the sum of.
pub(crate) fn card(lang: Lang, lens: &Lens, money: &Top) -> Html {
    let title = lang.t(msg::PAYERS);
    if money.rows.is_empty() {
        return Card::new(title, line("muted", lang.t(msg::NOT_COUNTED))).into();
    }
    let parts = PAYERS.map(|(item, label)| {
        let value = paid(money, item);
        StackPart {
            label: lang.t(label).to_owned(),
            value: Decimal { units: value, scale: 2 },
            text: format::money_short(lang, Fixed(value)),
            href: (value != 0).then(|| lens.items("money", &item.to_string()).into()),
        }
    });
    let stack = Stack { lang, title: title.to_owned(), parts: parts.into() };
    let total = lang.fmt(msg::HOC_TOTAL_OF, &[("value", &format::money_short(lang, Fixed(money.total)))]);
    Card::new(title, Html::concat([line("v", total), stack.into()])).into()
}
