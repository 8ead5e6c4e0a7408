//! Cards, notices, empty states, progress, definition lists.

use askama::Template;

use crate::components::{Icon, Tone};
use crate::html::component;
use crate::{Html, Lang, msg};

/// The head of a page: its `h1`, a line under it, its actions at the right.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/page-head.html")]
pub struct PageHead {
    /// The `h1`.
    pub title: String,
    /// What the page shows and how fresh it is.
    pub lead: String,
    /// Buttons and filters.
    pub actions: Html,
}
component!(PageHead);

impl PageHead {
    /// A title alone.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// The same with a line under it.
    pub fn lead(self, lead: impl Into<String>) -> Self {
        Self { lead: lead.into(), ..self }
    }

    /// The same with actions.
    pub fn actions(self, parts: impl IntoIterator<Item = Html>) -> Self {
        Self { actions: Html::concat(parts), ..self }
    }
}

#[derive(Template)]
#[template(source = "<p{% if muted %} class=\"muted\"{% endif %}>{{ text }}</p>", ext = "html")]
struct Line<'a> {
    text: &'a str,
    muted: bool,
}

/// A paragraph.
pub fn line(text: &str) -> Html {
    Html::template(&Line { text, muted: false })
}

/// A quiet paragraph.
pub fn muted(text: &str) -> Html {
    Html::template(&Line { text, muted: true })
}

/// A titled box.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/card.html")]
pub struct Card {
    /// Its `h2`.
    pub title: String,
    /// A chip or a unit behind the title.
    pub note: Html,
    /// Links at the right of the title.
    pub actions: Html,
    /// What it holds.
    pub body: Html,
    /// Its edge: bad and warning stand out.
    pub tone: Tone,
    /// The anchor.
    pub id: String,
}
component!(Card);

impl Card {
    /// A box with a title and a body.
    pub fn new(title: impl Into<String>, body: impl Into<Html>) -> Self {
        Self { title: title.into(), body: body.into(), ..Self::default() }
    }

    /// The same with something behind the title.
    pub fn note(self, note: impl Into<Html>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// The same with links at the right.
    pub fn actions(self, parts: impl IntoIterator<Item = Html>) -> Self {
        Self { actions: Html::concat(parts), ..self }
    }
}

/// A message across the page: what happened, and what to do.
#[derive(Clone, Debug, Template)]
#[template(path = "components/notice.html")]
pub struct Notice {
    /// The reader's language.
    pub lang: Lang,
    /// What kind of message; [`Tone::Bad`] interrupts a screen reader, the others wait.
    pub tone: Tone,
    /// The message.
    pub text: String,
    /// More, links.
    pub more: Html,
    /// Whether the message says by itself what kind it is.
    pub says_kind: bool,
}
component!(Notice);

impl Notice {
    /// A message.
    pub fn new(lang: Lang, tone: Tone, text: impl Into<String>) -> Self {
        Self { lang, tone, text: text.into(), more: Html::EMPTY, says_kind: false }
    }

    fn is_bad(&self) -> bool {
        self.tone == Tone::Bad
    }

    fn icon(&self) -> Icon {
        match self.tone {
            Tone::Good => Icon::Check,
            Tone::Warning => Icon::Warning,
            Tone::Bad => Icon::Error,
            Tone::Plain | Tone::Info => Icon::Info,
        }
    }

    fn kind(&self) -> &'static str {
        self.lang.t(match self.tone {
            Tone::Good => msg::NOTICE_GOOD,
            Tone::Warning => msg::NOTICE_WARNING,
            Tone::Bad => msg::NOTICE_ERROR,
            Tone::Plain | Tone::Info => msg::NOTICE_INFO,
        })
    }
}

/// Nothing to show: say so, and what to do next.
#[derive(Clone, Debug, Template)]
#[template(path = "components/empty.html")]
pub struct Empty {
    /// What is not there.
    pub title: String,
    /// What to do next.
    pub text: String,
    /// A button for it.
    pub action: Html,
    /// The drawing above.
    pub icon: Icon,
}
component!(Empty);

impl Empty {
    /// A title and what to do.
    pub fn new(icon: Icon, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { title: title.into(), text: text.into(), action: Html::EMPTY, icon }
    }
}

/// How far a piece of work is.
#[derive(Clone, Debug, Template)]
#[template(path = "components/progress.html")]
pub struct Progress {
    /// What is being done.
    pub label: String,
    /// How much is done.
    pub done: u64,
    /// Out of how much; none: not known.
    pub total: Option<u64>,
    /// The same in words: *1.200/20.000 hồ sơ*.
    pub text: String,
}
component!(Progress);

/// Names and values, two columns.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/definitions.html")]
pub struct Definitions {
    /// Name and value; an empty value shows an em dash.
    pub rows: Vec<(String, Html)>,
}
component!(Definitions);

impl Definitions {
    /// One more row.
    pub fn row(mut self, name: impl Into<String>, value: impl Into<Html>) -> Self {
        self.rows.push((name.into(), value.into()));
        self
    }
}

#[derive(Template)]
#[template(path = "components/loading.html")]
struct Loading {
    lang: Lang,
}

/// A place that is being filled.
pub fn loading(lang: Lang) -> Html {
    Html::template(&Loading { lang })
}

#[derive(Template)]
#[template(path = "components/print.html")]
struct Print {
    lang: Lang,
}

/// A button that prints the page; shown where script runs, as the browser's own command does the same.
pub fn print_button(lang: Lang) -> Html {
    Html::template(&Print { lang })
}
