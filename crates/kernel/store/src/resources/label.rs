//! Which labels a resource has: what its codings say by the rules of `content/access/sensitive.csv`.

use mach_access::sensitive::{Labels, Sensitive};
use mach_base::Day;
use mach_fhir::Tree;
use mach_fhir::tree::Value;

/// The labels of a body as it is written today. Sketch: most bodies have no code that a rule names, which their text tells
/// in a microsecond; the others are read once more.
pub(crate) fn of(body: &str) -> Labels {
    let rules = Sensitive::shared();
    if !rules.may_concern(body) {
        return Labels::NONE;
    }
    // What is no JSON holds no coding.
    let Ok(tree) = Tree::parse(body) else { return Labels::NONE };
    let (mut labels, today) = (Labels::NONE, Day::today());
    let mut waiting: Vec<Value<'_>> = vec![tree.root()];
    while let Some(value) = waiting.pop() {
        if value.is_object() {
            if let (Some(system), Some(code)) = (value.get_text("system"), value.get_text("code")) {
                labels = labels.and(rules.of(&system, &code, today));
            }
            waiting.extend(value.members().map(|(_, of)| of).filter(|of| of.is_object() || of.is_array()));
        } else {
            waiting.extend(value.items().filter(|of| of.is_object() || of.is_array()));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_access::sensitive::Label;

    #[test]
    fn codings_anywhere_give_labels() {
        let hiv = Labels::NONE.with(Label::Hiv);
        for (body, want) in [
            (
                r#"{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10","code":"B20.1"}]}}"#,
                hiv,
            ),
            (r#"{"diagnosis":[{"c":[{"code":"\u00422\u0030","system":"http:\/\/hl7.org\/fhir\/sid\/icd-10"}]}]}"#, hiv),
            (
                r#"{"contained":[{"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]}}]}"#,
                hiv,
            ),
            (r#"{"code":"B20"}"#, Labels::NONE),
            (r#"{"system":"http://hl7.org/fhir/sid/icd-10","code":"I10"}"#, Labels::NONE),
            ("", Labels::NONE),
        ] {
            assert_eq!(of(body), want, "{body}");
        }
    }
}
