//! Tables: caption, headings that sort by link, numbers at the right, an empty state, scroll or stack on a phone.

use askama::Template;

use crate::html::component;
use crate::{Html, Lang};

/// A data table.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/table.html")]
pub struct Table {
    /// The reader's language.
    pub lang: Lang,
    /// What the table shows. Hidden where `caption_hidden`, because a card's title says the same.
    pub caption: String,
    /// Whether only screen readers get the caption.
    pub caption_hidden: bool,
    /// The headings.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// The sums, under the rows.
    pub total: Option<Row>,
    /// Shown instead of the rows where there is none; usually [`crate::components::Empty`].
    pub empty: Html,
    /// On a phone: rows as small cards instead of a sideways scroll.
    pub stack: bool,
    /// Whether arrow keys walk the rows and Enter opens the row's first link.
    pub walk: bool,
}
component!(Table);

/// A heading.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// What the column holds.
    pub label: String,
    /// Whether it holds numbers: right-aligned.
    pub numeric: bool,
    /// A link that sorts by it.
    pub sort: Option<Sort>,
}

/// How a column sorts.
#[derive(Clone, Debug)]
pub struct Sort {
    /// Where the heading leads: the same page, sorted (or turned round).
    pub href: String,
    /// The order now: `Some(true)` ascending, `Some(false)` descending, none: not by this column.
    pub ascending: Option<bool>,
}

/// A row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its cells, as many as there are headings. The first names the row.
    pub cells: Vec<Cell>,
    /// Whether it stands out: the reader's own facility, the chosen one.
    pub strong: bool,
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub struct Cell(pub Html);

impl Column {
    /// A column of text.
    pub fn text(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// A column of numbers.
    pub fn number(label: impl Into<String>) -> Self {
        Self { label: label.into(), numeric: true, sort: None }
    }

    /// The same with a link that sorts.
    pub fn sort(self, href: impl Into<String>, ascending: Option<bool>) -> Self {
        Self { sort: Some(Sort { href: href.into(), ascending }), ..self }
    }

    fn aria_sort(&self) -> &'static str {
        match self.sort.as_ref().and_then(|s| s.ascending) {
            Some(true) => "ascending",
            Some(false) => "descending",
            None => "",
        }
    }
}

impl Row {
    /// A row of cells.
    pub fn new<T: Into<Cell>>(cells: impl IntoIterator<Item = T>) -> Self {
        Self { cells: cells.into_iter().map(Into::into).collect(), strong: false }
    }
}

impl Cell {
    /// A link, escaped. The first link of a row is what Enter opens.
    pub fn link(text: &str, href: &str) -> Self {
        Self(Html::trusted(format!("<a href=\"{}\">{}</a>", crate::escape(href), crate::escape(text))))
    }

    /// A text with a smaller one under it.
    pub fn two(text: &str, under: &str) -> Self {
        Self(Html::trusted(format!("{}<small>{}</small>", crate::escape(text), crate::escape(under))))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self(Html::text(text))
    }
}
impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self(Html::text(&text))
    }
}
impl From<Html> for Cell {
    fn from(html: Html) -> Self {
        Self(html)
    }
}

impl Table {
    /// A table whose caption only screen readers hear.
    pub fn new(lang: Lang, caption: impl Into<String>, columns: Vec<Column>) -> Self {
        Self { lang, caption: caption.into(), caption_hidden: true, columns, ..Self::default() }
    }

    /// The same with its rows.
    pub fn rows(self, rows: Vec<Row>) -> Self {
        Self { rows, ..self }
    }

    /// The same with what to show where there is no row.
    pub fn empty(self, empty: impl Into<Html>) -> Self {
        Self { empty: empty.into(), ..self }
    }

    /// The same, walked by arrow keys.
    pub fn walk(self) -> Self {
        Self { walk: true, ..self }
    }

    /// The same, stacked on a phone.
    pub fn stack(self) -> Self {
        Self { stack: true, ..self }
    }

    /// Cells with their heading, for stacking and alignment.
    fn cells<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = (usize, &'a Column, &'a Html)> {
        self.columns.iter().zip(&row.cells).enumerate().map(|(i, (column, cell))| (i, column, &cell.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = vec![Column::text("Đơn vị"), Column::number("Lượt").sort("?sort=n", Some(false))];
        Table::new(Lang::Vi, "Xếp <hạng>", columns).empty(Html::text("chưa có"))
    }

    #[test]
    fn rows_have_names_and_numbers_stand_right() {
        let html = Html::from(table().rows(vec![Row::new([Cell::link("TTYT <Phú>", "/u?a=1&b=2"), "1.234".into()])]));
        for part in [
            "<caption class=\"visually-hidden\">Xếp &#60;hạng&#62;</caption>",
            "<th scope=\"row\"",
            "<a href=\"/u?a=1&amp;b=2\">TTYT &lt;Phú&gt;</a>",
            "<td class=\"num\"",
            "aria-sort=\"descending\"",
            "href=\"?sort=n\"",
        ] {
            assert!(html.as_str().contains(part), "{part} in {html}");
        }
        assert!(!html.as_str().contains("chưa có"));
    }

    #[test]
    fn no_rows_say_so() {
        let html = Html::from(table());
        assert!(html.as_str().contains("chưa có") && !html.as_str().contains("<table"));
    }
}
