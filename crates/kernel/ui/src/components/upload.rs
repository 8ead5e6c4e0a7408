//! Sending files.

use askama::Template;

use crate::components::Icon;
use crate::html::component;
use crate::{Lang, msg};

/// A form that sends files as `multipart/form-data` in the field `files`. Shows how far it is where script runs.
#[derive(Clone, Debug, Template)]
#[template(path = "components/upload.html")]
pub struct Upload {
    /// The reader's language.
    pub lang: Lang,
    /// Where it goes.
    pub action: String,
    /// What the browser offers: `.xml`.
    pub accept: String,
    /// Most megabytes at a time.
    pub max_megabytes: u64,
    /// What is wrong with what was sent before.
    pub error: Option<String>,
}
component!(Upload);

impl Upload {
    fn hint(&self) -> String {
        self.lang.fmt(msg::UPLOAD_HINT, &[("max", &self.max_megabytes.to_string())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Html;

    #[test]
    fn works_as_a_plain_form() {
        let upload = Upload {
            lang: Lang::Vi,
            action: "/claims/upload".into(),
            accept: ".xml".into(),
            max_megabytes: 100,
            error: None,
        };
        let html = Html::from(upload.clone());
        assert!(!html.as_str().contains("aria-invalid"), "{html}");
        let wrong = Html::from(Upload { error: Some("không phải PDF".into()), ..upload });
        for part in ["aria-invalid=\"true\"", "aria-describedby=\"files-hint files-error\"", "id=\"files-error\""] {
            assert!(wrong.as_str().contains(part), "{part} in {wrong}");
        }
        for part in [
            "enctype=\"multipart/form-data\"",
            "type=\"file\"",
            "name=\"files\"",
            "multiple",
            "accept=\".xml\"",
            "100 MB",
        ] {
            assert!(html.as_str().contains(part), "{part} in {html}");
        }
    }
}
