//! Papers that came with claims (XML7–XML14), with every field in words.

use crate::fact::{Concept, Fact};
use mach_base::{Day, Minute};
use mach_claims::Layouts;
use mach_claims::record::paper_fields;
use serde::Deserialize;

/// What is read of a `DocumentReference`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DocumentBody {
    #[serde(rename = "type")]
    kind: Concept,
    description: String,
    content: Vec<Content>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    attachment: Attachment,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Attachment {
    data: String,
}

/// One field of a paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaperField {
    /// What it means, in Vietnamese as the decision names it; the tag where no layout knows it.
    pub(crate) name: String,
    /// Its value; days and times as people write them.
    pub(crate) value: String,
}

impl DocumentBody {
    /// The paper's name.
    pub(crate) fn title(&self) -> &str {
        if self.description.is_empty() { self.kind.words() } else { &self.description }
    }

    /// Every field with a value; `None` where the attachment cannot be read.
    pub(crate) fn fields(&self) -> Option<Vec<PaperField>> {
        let table = self.kind.code().strip_prefix("XML").and_then(|n| n.parse().ok());
        let fields = paper_fields(&self.content.first()?.attachment.data)?;
        Some(
            fields
                .into_iter()
                .map(|(tag, value)| PaperField { name: meaning(table, &tag), value: shown(&value, &tag) })
                .collect(),
        )
    }
}

/// What `tag` of `table` means by the newest decision that has it.
fn meaning(table: Option<u8>, tag: &str) -> String {
    let field = |number: u8| {
        let layouts = Layouts::shared().all().iter().rev();
        layouts.filter_map(|l| l.table(number)?.field(tag)).find(|f| !f.meaning_vi.is_empty())
    };
    table.and_then(field).map_or_else(|| tag.to_owned(), |f| f.meaning_vi.clone())
}

fn shown(value: &str, tag: &str) -> String {
    if !tag.starts_with("NGAY") && !tag.contains("_NGAY") {
        return value.to_owned();
    }
    let minute = || Minute::parse_compact(value).map(|m| m.vi());
    Day::parse_compact(value).map(|d| d.vi()).or_else(minute).unwrap_or_else(|| value.to_owned())
}

/// A paper's line in the list.
pub(crate) type Document = Fact<DocumentBody>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_in_words() {
        // `<XML7>…</XML7>` in base64, as claims attach it.
        let data =
            "PFhNTDc+CjxTT19MVVVfVFJVPjEyMzwvU09fTFVVX1RSVT4KPE5HQVlfVkFPPjIwMjYwMzE4MDg0MDwvTkdBWV9WQU8+Cjwvg==";
        let body = |data: &str| -> DocumentBody {
            serde_json::from_str(&format!(
                r#"{{"type":{{"coding":[{{"code":"XML7"}}]}},"description":"Giấy ra viện","content":[{{"attachment":{{"data":"{data}"}}}}]}}"#
            ))
            .unwrap()
        };
        assert_eq!(body(data).fields(), None, "what is damaged is not half shown");
        let whole =
            "PFhNTDc+CjxTT19MVVVfVFJVPjEyMzwvU09fTFVVX1RSVT4KPE5HQVlfVkFPPjIwMjYwMzE4MDg0MDwvTkdBWV9WQU8+CjwvWE1MNz4=";
        let fields = body(whole).fields().unwrap();
        assert_eq!(fields[0], PaperField { name: "Số lưu trữ hồ sơ bệnh án".into(), value: "123".into() });
        assert_eq!(fields[1].value, "18/03/2026 08:40");
        assert_eq!(body(whole).title(), "Giấy ra viện");
    }

    #[test]
    fn days_are_written_as_people_write_them() {
        for (tag, value, expect) in [
            ("NGAY_CT", "20260318", "18/03/2026"),
            ("NGAY_VAO", "202603180840", "18/03/2026 08:40"),
            ("TU_NGAY", "20260318", "18/03/2026"),
            ("NGAY_VAO", "20261318", "20261318"),
            ("SO_CT", "20260318", "20260318"),
        ] {
            assert_eq!(shown(value, tag), expect, "{tag}");
        }
    }
}
