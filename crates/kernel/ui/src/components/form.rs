//! Form fields with label, hint and error, the summary of errors, and filters that apply themselves.

use askama::Template;

use crate::components::Icon;
use crate::html::component;
use crate::{Html, Lang, msg};

/// What a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// One line.
    Text,
    /// One line that is not shown.
    Password,
    /// A search text.
    Search,
    /// Digits only; kept as text so that leading zeros stay.
    Digits,
    /// `dd/MM/yyyy` by the browser's own picker; the value is `yyyy-MM-dd`.
    Date,
    /// A month; the value is `yyyy-MM`.
    Month,
    /// Several lines.
    Lines,
    /// One of several: value and label.
    Choice(Vec<(String, String)>),
    /// One file; what the browser offers: `.pdf,.png`. Its form is sent as `multipart/form-data`, and what was chosen is never kept.
    File(&'static str),
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name, and its id where it has no other.
    pub name: String,
    /// What its id ends with, where several of its name stand on one page.
    pub nth: String,
    /// Its label.
    pub label: String,
    /// What it takes.
    pub kind: FieldKind,
    /// What it holds.
    pub value: String,
    /// How to fill it.
    pub hint: String,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Whether it must be filled.
    pub required: bool,
    /// The `autocomplete` token (HTML); empty: off.
    pub autocomplete: &'static str,
    /// Whether the caret starts here.
    pub autofocus: bool,
    /// Most characters it takes; 0: no limit of its own.
    pub max_chars: usize,
}

impl Field {
    /// An empty field.
    pub fn new(name: impl Into<String>, label: impl Into<String>, kind: FieldKind) -> Self {
        // What takes several lines is pasted, too, and a browser cuts off in silence: whoever reads it says what is too long.
        let max_chars = if kind == FieldKind::Lines { 0 } else { mach_base::limits::NAME_CHARS };
        Self {
            name: name.into(),
            nth: String::new(),
            label: label.into(),
            kind,
            value: String::new(),
            hint: String::new(),
            error: None,
            required: false,
            autocomplete: "",
            autofocus: false,
            max_chars,
        }
    }

    /// The same with a value.
    pub fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// The same, of which there are several on the page.
    pub fn nth(self, n: i64) -> Self {
        Self { nth: format!("-{n}"), ..self }
    }

    /// Its id.
    pub fn id(&self) -> String {
        format!("{}{}", self.name, self.nth)
    }

    /// The same with a hint.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// The same with what is wrong.
    pub fn error(self, error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..self }
    }

    /// The same with what is said of it in `errors`, each the name of a field and what is wrong with it. The first of its name counts.
    pub fn told<N: AsRef<str>, E: AsRef<str>>(self, errors: &[(N, E)]) -> Self {
        match errors.iter().find(|(name, _)| name.as_ref() == self.name) {
            Some((_, error)) => self.error(error.as_ref()),
            None => self,
        }
    }

    /// The same, to be filled.
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same choice, which a person must make: it starts on an entry that says so and is none, and is not sent like that. Whoever
    /// reads what was sent refuses an empty value.
    pub fn to_choose(self, lang: Lang) -> Self {
        let kind = match self.kind {
            FieldKind::Choice(mut choices) => {
                choices.insert(0, (String::new(), lang.t(msg::FORM_CHOOSE).to_owned()));
                FieldKind::Choice(choices)
            }
            other => other,
        };
        Self { kind, required: true, ..self }
    }

    /// The field with its label.
    pub fn html(&self, lang: Lang) -> Html {
        let mut described = Vec::new();
        if !self.hint.is_empty() {
            described.push(format!("{}-hint", self.id()));
        }
        if self.error.is_some() {
            described.push(format!("{}-error", self.id()));
        }
        Html::template(&FieldView { lang, f: self, described: described.join(" ") })
    }

    fn input_type(&self) -> &'static str {
        match self.kind {
            FieldKind::Password => "password",
            FieldKind::Search => "search",
            FieldKind::Date => "date",
            FieldKind::Month => "month",
            _ => "text",
        }
    }
}

#[derive(Template)]
#[template(path = "components/field.html")]
struct FieldView<'a> {
    lang: Lang,
    f: &'a Field,
    described: String,
}

/// All errors of a form above it, each a link to its field. Nothing where there is none.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "components/error-summary.html")]
pub struct ErrorSummary {
    /// The reader's language.
    pub lang: Lang,
    /// Field name and what is wrong.
    pub errors: Vec<(String, String)>,
}
component!(ErrorSummary);

impl ErrorSummary {
    /// The errors that `fields` carry.
    pub fn of(lang: Lang, fields: &[Field]) -> Self {
        let errors = fields.iter().filter_map(|f| Some((f.id(), f.error.clone()?))).collect();
        Self { lang, errors }
    }
}

/// A `GET` form in one row: the address says everything. Choices apply at once where script runs; else by the button.
#[derive(Clone, Debug, Template)]
#[template(path = "components/filters.html")]
pub struct Filters {
    /// The reader's language.
    pub lang: Lang,
    /// The page; usually its own path.
    pub action: String,
    /// The fields.
    pub fields: Vec<Field>,
    /// Names and values that stay as they are.
    pub kept: Vec<(String, String)>,
    /// Whether anything is filtered now: offers to clear it.
    pub active: bool,
}
component!(Filters);

impl Filters {
    fn field(&self, field: &Field) -> Html {
        field.html(self.lang)
    }

    /// Whether it is nothing but a text to look for: its button says so.
    fn is_search(&self) -> bool {
        self.fields.iter().all(|field| matches!(field.kind, FieldKind::Search))
    }
}

/// A `POST` of fields with its buttons; what is wrong with them stands above.
#[derive(Template)]
#[template(path = "components/field-form.html")]
struct FieldForm {
    action: String,
    has_file: bool,
    errors: Html,
    hidden: Vec<(&'static str, String)>,
    lead: String,
    fields: Vec<Html>,
    buttons: Html,
}

/// A form that posts to `action`: a sentence before its fields, hidden names and values, fields, buttons.
pub fn field_form(
    lang: Lang,
    action: impl Into<String>,
    (lead, hidden): (&str, Vec<(&'static str, String)>),
    fields: &[Field],
    buttons: impl IntoIterator<Item = Html>,
) -> Html {
    Html::template(&FieldForm {
        action: action.into(),
        has_file: fields.iter().any(|field| matches!(field.kind, FieldKind::File(_))),
        errors: ErrorSummary::of(lang, fields).into(),
        hidden,
        lead: lead.to_owned(),
        fields: fields.iter().map(|f| f.html(lang)).collect(),
        buttons: Html::concat(buttons),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_tied_to_its_words() {
        let field =
            Field::new("born", "Năm sinh", FieldKind::Digits).hint("4 số").error("<sai>").value("19\"").required();
        let html = field.html(Lang::Vi);
        for part in [
            "<label for=\"born\">",
            "id=\"born\" name=\"born\"",
            "inputmode=\"numeric\"",
            "aria-describedby=\"born-hint born-error\"",
            "aria-invalid=\"true\"",
            "value=\"19&#34;\"",
            "&#60;sai&#62;",
            " required",
        ] {
            assert!(html.as_str().contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_only_looks_for_a_text_says_so() {
        let text = || Field::new("q", "Tìm", FieldKind::Search);
        let choice = Field::new("kind", "Loại", FieldKind::Choice(Vec::new()));
        for (fields, says) in [(vec![text()], "#search"), (vec![text(), choice], "#settings")] {
            let filters = Filters { lang: Lang::Vi, action: "/people".into(), fields, kept: Vec::new(), active: false };
            let html = Html::from(filters);
            assert!(html.as_str().contains(says), "{says} in {html}");
        }
    }

    #[test]
    fn choices_keep_what_was_chosen() {
        let choices = vec![("a".to_owned(), "A".to_owned()), ("b".to_owned(), "B".to_owned())];
        let html = Field::new("s", "S", FieldKind::Choice(choices)).value("b").html(Lang::Vi);
        assert!(html.as_str().contains("<option value=\"b\" selected>B</option>"), "{html}");
    }

    #[test]
    fn a_choice_that_must_be_made_starts_on_nothing() {
        let choices = || FieldKind::Choice(vec![("a".to_owned(), "A".to_owned())]);
        let html = Field::new("s", "S", choices()).to_choose(Lang::Vi).html(Lang::Vi);
        let options = html.as_str().split("<option").skip(1).collect::<Vec<_>>();
        assert!(options[0].starts_with(" value=\"\" selected>Chọn…<") && html.as_str().contains(" required"), "{html}");
        assert_eq!(options.len(), 2);
        let chosen = Field::new("s", "S", choices()).to_choose(Lang::Vi).value("a").html(Lang::Vi);
        assert!(chosen.as_str().contains("<option value=\"a\" selected>"), "{chosen}");
        assert_eq!(chosen.as_str().matches(" selected").count(), 1);
    }

    #[test]
    fn a_form_with_a_file_is_sent_in_parts() {
        let file = Field::new("scan", "Bản chụp", FieldKind::File(".pdf")).value("C:\\x.pdf").required();
        let html = field_form(Lang::Vi, "/a", ("", Vec::new()), &[file], []);
        for part in ["enctype=\"multipart/form-data\"", "type=\"file\"", "accept=\".pdf\"", " required"] {
            assert!(html.as_str().contains(part), "{part} in {html}");
        }
        assert!(!html.as_str().contains("x.pdf"), "a browser takes no name of a file: {html}");
        let plain = field_form(Lang::Vi, "/a", ("", Vec::new()), &[Field::new("a", "A", FieldKind::Text)], []);
        assert!(!plain.as_str().contains("enctype"), "{plain}");
    }

    #[test]
    fn a_field_is_told_its_own_error() {
        let errors = [("b", "của ô khác".to_owned()), ("a", "thiếu".to_owned()), ("a", "thứ hai".to_owned())];
        let told = Field::new("a", "A", FieldKind::Text).told(&errors);
        assert_eq!(told.error.as_deref(), Some("thiếu"));
        assert_eq!(Field::new("c", "C", FieldKind::Text).told(&errors).error, None);
    }

    #[test]
    fn errors_are_listed_or_nothing_is() {
        let fields = [Field::new("a", "A", FieldKind::Text), Field::new("b", "B", FieldKind::Text).error("thiếu")];
        let html = Html::from(ErrorSummary::of(Lang::Vi, &fields));
        assert!(html.as_str().contains("role=\"alert\"") && html.as_str().contains("href=\"#b\""), "{html}");
        assert_eq!(Html::from(ErrorSummary::of(Lang::Vi, &fields[..1])).as_str().trim(), "");
    }
}
