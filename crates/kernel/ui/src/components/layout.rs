//! How parts stand beside each other; every layout is one column on a phone, tiles two.

use crate::Html;

/// An arrangement of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As many tiles in a row as fit.
    Tiles,
    /// Two columns of equal width.
    Two,
    /// Three columns of equal width.
    Three,
    /// A wide column and a narrow one.
    Main,
    /// One under another.
    Stack,
    /// Small parts in a line that wraps.
    Row,
}

impl Layout {
    /// Its class in the style sheet, for templates.
    pub fn class(self) -> &'static str {
        match self {
            Self::Tiles => "tiles",
            Self::Two => "grid-2",
            Self::Three => "grid-3",
            Self::Main => "grid-main",
            Self::Stack => "stack",
            Self::Row => "row",
        }
    }
}

/// `parts` in that arrangement, with the usual room under it.
pub fn laid_out(layout: Layout, parts: impl IntoIterator<Item = Html>) -> Html {
    Html::trusted(format!("<div class=\"{} section\">{}</div>", layout.class(), Html::concat(parts)))
}

/// Parts below each other.
pub fn stack(parts: impl IntoIterator<Item = Html>) -> Html {
    laid_out(Layout::Stack, parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_order() {
        let html = laid_out(Layout::Main, [Html::text("<a>"), Html::text("b")]);
        assert_eq!(html.as_str(), "<div class=\"grid-main section\">&lt;a&gt;b</div>");
    }
}
