//! Buttons, and forms that change something.

use askama::Template;

use crate::components::Icon;
use crate::html::component;
use crate::{Lang, msg};

/// A button that submits its form, or, with an address, a link that looks like one. One primary button a page.
#[derive(Clone, Debug, Template)]
#[template(path = "components/button.html")]
pub struct Button {
    /// What it does.
    pub label: String,
    /// Its drawing.
    pub icon: Option<Icon>,
    /// Where it goes; none: it submits.
    pub href: Option<String>,
    /// Whether it is the one thing to do here.
    pub primary: bool,
    /// Whether it destroys something.
    pub danger: bool,
    /// What it sends as `do`: which of several things its form is to do.
    pub says: Option<String>,
}
component!(Button);

impl Button {
    /// A quiet button that submits its form.
    pub fn submit(label: impl Into<String>) -> Self {
        Self { label: label.into(), icon: None, href: None, primary: false, danger: false, says: None }
    }

    /// The one primary button of the page; submits its form.
    pub fn primary(label: impl Into<String>) -> Self {
        Self { primary: true, ..Self::submit(label) }
    }

    /// A link that looks like a button.
    pub fn link(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { href: Some(href.into()), ..Self::submit(label) }
    }

    /// One of several that submit a form: the field `do` says which.
    pub fn choosing(label: impl Into<String>, says: impl Into<String>) -> Self {
        Self { says: Some(says.into()), ..Self::submit(label) }
    }

    /// The same with a drawing.
    pub fn icon(self, icon: Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    /// The same, as the primary one.
    pub fn as_primary(self) -> Self {
        Self { primary: true, ..self }
    }
}

/// A `POST` with hidden values and one button. Where `sure` asks a question, the button opens it first, without script.
#[derive(Clone, Debug, Template)]
#[template(path = "components/post-form.html")]
pub struct PostForm {
    /// The reader's language.
    pub lang: Lang,
    /// Where it goes.
    pub action: String,
    /// Hidden names and values.
    pub values: Vec<(String, String)>,
    /// The button.
    pub button: Button,
    /// The question to answer first.
    pub sure: Option<Confirm>,
}
component!(PostForm);

/// A question before something that is hard to take back.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// The question.
    pub question: String,
    /// What confirming does, as a verb: *Gộp làm một*.
    pub yes: String,
}

impl PostForm {
    /// A form of one button.
    pub fn new(lang: Lang, action: impl Into<String>, button: Button) -> Self {
        Self { lang, action: action.into(), values: Vec::new(), button, sure: None }
    }

    /// The same with one more hidden value.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.push((name.to_owned(), value.into()));
        self
    }

    /// The same behind a question.
    pub fn sure(mut self, question: impl Into<String>) -> Self {
        self.sure = Some(Confirm { question: question.into(), yes: self.button.label.clone() });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Html;

    #[test]
    fn forms_post_and_ask() {
        let form = PostForm::new(Lang::Vi, "/review/1/merge", Button::submit("Gộp")).with("version", "<3>");
        let plain = Html::from(form.clone());
        for part in ["method=\"post\"", "action=\"/review/1/merge\"", "name=\"version\" value=\"&#60;3&#62;\"", "Gộp"]
        {
            assert!(plain.as_str().contains(part), "{part} in {plain}");
        }
        assert!(!plain.as_str().contains("<details"));
        let asking = Html::from(form.sure("Gộp hai hồ sơ?"));
        assert!(asking.as_str().contains("<details") && asking.as_str().contains("Gộp hai hồ sơ?"));
    }

    #[test]
    fn links_are_links() {
        let link = Html::from(Button::link("Xuất", "/a?b=1&c=2").icon(Icon::Download));
        assert!(link.as_str().contains("<a class=\"btn\" href=\"/a?b=1&#38;c=2\">"), "{link}");
    }
}
