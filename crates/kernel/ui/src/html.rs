//! Rendered, safe HTML and the one way to make it.

use std::borrow::Cow;
use std::fmt;

use askama::filters::HtmlSafe;
use axum::response::{IntoResponse, Response};

/// HTML that is safe to send: made by a template, by a component or by [`Html::text`], never from a bare string.
///
/// In an askama template `{{ part }}` writes it as it is; any other text is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(Cow<'static, str>);

impl Html {
    /// Nothing at all.
    pub const EMPTY: Self = Self(Cow::Borrowed(""));

    /// `text` escaped for use between tags and in quoted attributes.
    pub fn text(text: &str) -> Self {
        Self(Cow::Owned(escape(text).into_owned()))
    }

    /// Renders an askama template.
    ///
    /// # Panics
    /// Never for our templates: writing to a `String` cannot fail and no template calls something that can.
    pub fn template(template: &impl askama::Template) -> Self {
        Self(Cow::Owned(template.render().expect("a template only writes text into memory")))
    }

    /// Marks markup of this crate as safe. Others render a template.
    pub(crate) fn trusted(markup: impl Into<Cow<'static, str>>) -> Self {
        Self(markup.into())
    }

    /// One part after another.
    pub fn concat(parts: impl IntoIterator<Item = Html>) -> Self {
        let mut all = String::new();
        parts.into_iter().for_each(|p| all.push_str(&p.0));
        Self(Cow::Owned(all))
    }

    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The markup.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

impl askama::FastWritable for Html {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        dest.write_str(&self.0)?;
        Ok(())
    }
}

impl From<&str> for Html {
    /// Escapes: see [`Html::text`].
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Html {
    /// Escapes: see [`Html::text`].
    fn from(text: String) -> Self {
        Self::text(&text)
    }
}

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        axum::response::Html(self.0.into_owned()).into_response()
    }
}

/// `text` with the five characters that mean something in HTML replaced.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Makes a template struct a component: `{{ part }}` in another template, `Html::from(part)` in code.
macro_rules! component {
    ($($name:ident $(<$life:lifetime>)?),+ $(,)?) => {$(
        impl $(<$life>)? askama::filters::HtmlSafe for $name $(<$life>)? {}
        impl $(<$life>)? From<$name $(<$life>)?> for $crate::Html {
            fn from(part: $name $(<$life>)?) -> Self {
                $crate::Html::template(&part)
            }
        }
    )+};
}
pub(crate) use component;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_means_something() {
        for (text, html) in [
            ("Nguyễn Văn A", "Nguyễn Văn A"),
            ("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            ("a & \"b\"", "a &amp; &quot;b&quot;"),
            ("", ""),
        ] {
            assert_eq!(Html::text(text).as_str(), html);
        }
    }
}
