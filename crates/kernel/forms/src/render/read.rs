//! Answers to read and to print.

use super::{Page, View};
use crate::answers::Node;
use crate::form::{Item, Kind};
use crate::show;
use crate::value::Value;
use askama::Template;
use mach_ui::Html;

#[derive(Template)]
#[template(path = "read.html")]
struct ReadView {
    heading: String,
    depth: usize,
    rows: Vec<ReadRow>,
    groups: Html,
}

struct ReadRow {
    label: String,
    text: String,
    picture: Option<String>,
}

/// The answers to read and to print: every question that is asked, also those left open, in the order of the form.
pub fn readable(view: View<'_>) -> Html {
    let page = Page { view };
    let shown = view.form.items.iter().zip(&view.answers.nodes);
    let parts = shown.filter(|(i, _)| view.part.is_none_or(|p| p == i.link)).map(|(item, node)| {
        if item.kind == Kind::Group {
            page.read_group(item, node, 0)
        } else {
            page.read(String::new(), &[(item, node)], 0)
        }
    });
    Html::concat(parts)
}

impl Page<'_> {
    fn read_group(&self, item: &Item, node: &Node, depth: usize) -> Html {
        if !node.enabled || item.hidden {
            return Html::EMPTY;
        }
        let many = node.slots.len() > 1;
        Html::concat(node.slots.iter().enumerate().map(|(n, slot)| {
            let mut heading = format!("{} {}", item.prefix, item.text.in_lang(self.lang())).trim().to_owned();
            if many {
                heading.push_str(&format!(" ({})", n + 1));
            }
            let below: Vec<_> = item.items.iter().zip(&slot.items).collect();
            self.read(heading, &below, depth)
        }))
    }

    fn read(&self, heading: String, items: &[(&Item, &Node)], depth: usize) -> Html {
        let (mut rows, mut groups) = (Vec::new(), Vec::new());
        for (item, node) in items.iter().filter(|(i, n)| n.enabled && !i.hidden && i.kind != Kind::Display) {
            if item.kind == Kind::Group {
                groups.push(self.read_group(item, node, depth + 1));
                continue;
            }
            self.read_rows(item, node, &mut rows);
        }
        if rows.is_empty() && groups.iter().all(Html::is_empty) {
            return Html::EMPTY;
        }
        Html::template(&ReadView { heading, depth, rows, groups: Html::concat(groups) })
    }

    fn read_rows(&self, item: &Item, node: &Node, rows: &mut Vec<ReadRow>) {
        let lang = self.lang();
        let label = format!("{} {}", item.prefix, item.text.in_lang(lang)).trim().to_owned();
        let unit = item.units.first().map(|u| if u.display.is_empty() { &u.code } else { &u.display });
        let text = |value: &Value| match (value, unit) {
            (Value::Decimal(_) | Value::Integer(_), Some(unit)) => format!("{} {unit}", show::plain(value)),
            _ => show::in_lang(lang, item, value),
        };
        let texts: Vec<String> = node.values().map(text).collect();
        let picture = node.values().find_map(|v| match v {
            Value::Attachment(f) if f.content_type.starts_with("image/") => Some(self.address(f)),
            _ => None,
        });
        rows.push(ReadRow { label, text: texts.join("; "), picture });
        for slot in node.slots.iter().filter(|s| s.value.is_some()) {
            for (below, inner) in item.items.iter().zip(&slot.items) {
                if inner.enabled && below.kind.is_question() && !below.hidden {
                    self.read_rows(below, inner, rows);
                }
            }
        }
    }
}
