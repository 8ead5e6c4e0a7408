//! JSON written straight to text: the writer of resources on the import path, where building a tree would cost more.

/// Writes one JSON object or array into a `String`, inserting commas. Values are escaped; keys are literals.
pub struct Writer<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Writer<'a> {
    /// Writes an object to `out`: its fields are what `fields` writes.
    pub fn object(out: &'a mut String, fields: impl FnOnce(&mut Writer<'_>)) {
        out.push('{');
        fields(&mut Writer { out, first: true });
        out.push('}');
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
    }

    fn key(&mut self, key: &'static str) {
        self.comma();
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    /// `"key":"value"`.
    pub fn text(&mut self, key: &'static str, value: &str) -> &mut Self {
        self.key(key);
        quote(self.out, value);
        self
    }

    /// `"key":"value"` where `value` is not empty (FHIR has no empty strings).
    pub fn text_if(&mut self, key: &'static str, value: &str) -> &mut Self {
        if !value.is_empty() {
            self.text(key, value);
        }
        self
    }

    /// `"key":value` for a number or boolean already in JSON.
    pub fn raw(&mut self, key: &'static str, value: impl std::fmt::Display) -> &mut Self {
        use std::fmt::Write;
        self.key(key);
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{value}");
        self
    }

    /// `"key":{…}`.
    pub fn nested(&mut self, key: &'static str, fields: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        self.key(key);
        Writer::object(self.out, fields);
        self
    }

    /// `"key":[…]`; the items are what `items` writes with `item` and `item_text`.
    pub fn list(&mut self, key: &'static str, items: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        self.key(key);
        self.out.push('[');
        items(&mut Writer { out: self.out, first: true });
        self.out.push(']');
        self
    }

    /// In a list: `{…}`.
    pub fn item(&mut self, fields: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        self.comma();
        Writer::object(self.out, fields);
        self
    }

    /// In a list: `"value"`.
    pub fn item_text(&mut self, value: &str) -> &mut Self {
        self.comma();
        quote(self.out, value);
        self
    }
}

/// Appends `text` as a JSON string.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b => out.push_str(&format!("\\u{b:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_a_parser_reads() {
        let nasty = "a\"b\\c\nd\u{1}đ";
        let mut out = String::new();
        Writer::object(&mut out, |w| {
            w.text("s", nasty).text_if("none", "").raw("n", 1.5).nested("o", |w| {
                w.raw("t", true);
            });
            w.list("l", |w| {
                w.item_text("x").item(|w| {
                    w.text("y", "z");
                });
            });
        });
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value, serde_json::json!({"s": nasty, "n": 1.5, "o": {"t": true}, "l": ["x", {"y": "z"}]}));
    }
}
