//! Verdicts on which validators differ, and what the specification and HL7's own validator say.

use mach_fhir::definitions;
use mach_fhir::package::Package;
use mach_fhir::validate::{Issue, Knowledge, Validator, is_valid, read};
use mach_fhir::{Tree, xml};

fn issues(text: &str) -> Vec<Issue> {
    let document = match read(text.as_bytes()) {
        Ok(document) => document,
        Err(issue) => return vec![issue],
    };
    let mut found = Validator::r4().validate(&document.tree, &[]).expect("no profile is asked for");
    found.extend(document.issues);
    found
}

/// That the first are valid, and each of the others has an error that speaks of something.
fn judge(right: &[&str], wrong: &[(&str, &str)]) {
    for text in right {
        let found = issues(text);
        assert!(is_valid(&found), "{text}: {found:#?}");
    }
    for (text, about) in wrong {
        let found = issues(text);
        let is = |i: &Issue| i.severity.is_error() && (i.text.contains(about) || i.path.contains(about));
        assert!(found.iter().any(is), "{text}, about `{about}`: {found:#?}");
    }
}

#[test]
fn an_invariant_without_an_answer_does_not_hold() {
    let named = |start: &str, end: &str| {
        format!(
            r#"{{"resourceType":"Patient","name":[{{"family":"a","period":{{"start":"{start}","end":"{end}"}}}}]}}"#
        )
    };
    // Whether a month begins before one of its days is not known.
    judge(
        &[&named("2020-01-01", "2020-01-01"), &named("2019", "2020-01-15")],
        &[(&named("2020-01", "2020-01-15"), "per-1"), (&named("2020-01-02", "2020-01-01"), "per-1")],
    );
}

#[test]
fn codes_are_called_as_their_system_calls_them() {
    let married = |display: &str| {
        format!(
            r#"{{"resourceType":"Patient","maritalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"{display}"}}]}}}}"#
        )
    };
    // HL7 says it in English; of who says that he speaks otherwise it cannot be known.
    let said = |language: &str| {
        married("Đã kết hôn").replacen("\"Patient\"", &format!("\"Patient\",\"language\":\"{language}\""), 1)
    };
    judge(
        &[&married("Married"), &married("  mArried"), &said("vi"), &said("vi-VN"), &said("eng")],
        &[
            (&married("Single"), "is called `Married`"),
            (&married("M"), "is called `Married`"),
            (&said("en"), "is called `Married`"),
            (&said("EN-gb"), "is called `Married`"),
        ],
    );
}

#[test]
fn a_code_without_a_system_is_of_no_required_set() {
    let condition = |coding: &str| {
        format!(
            r#"{{"resourceType":"Condition","subject":{{"display":"x"}},"clinicalStatus":{{"coding":[{coding}]}},"verificationStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}}]}}}}"#
        )
    };
    let right = r#"{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}"#;
    judge(
        &[&condition(right), &condition(&format!(r#"{{"code":"active"}},{right}"#))],
        &[(&condition(r#"{"code":"active"}"#), "condition-clinical")],
    );
}

#[test]
fn definitions_have_absolute_urls() {
    let set = |url: &str| format!(r#"{{"resourceType":"ValueSet","url":"{url}","status":"draft"}}"#);
    let contained = set("b").replace("\"url\"", "\"id\":\"v\",\"url\"");
    let holder = format!(
        r##"{{"resourceType":"Questionnaire","contained":[{contained}],"status":"draft","item":[{{"linkId":"1","type":"choice","answerValueSet":"#v"}}]}}"##
    );
    judge(
        &[&set("http://x/b"), &set("urn:oid:1.2.3")],
        &[(&set("b"), "ValueSet.url"), (&set("ValueSet/b"), "ValueSet.url"), (&holder, "contained[0].url")],
    );
}

#[test]
fn extensions_of_hl7_are_known() {
    let of = |url: &str| format!(r#"{{"resourceType":"Patient","extension":[{{"url":"{url}","valueString":"a"}}]}}"#);
    let core = "http://hl7.org/fhir/StructureDefinition";
    judge(
        &[&of("http://x.vn/a"), &of("http://hl7.org/fhir/us/core/StructureDefinition/a"), &of("urn:oid:1.2.3")],
        &[(&of(&format!("{core}/patient-birthplace")), "R4 has no extension")],
    );
}

#[test]
fn modifier_extensions_of_examples_are_only_warned_about() {
    let of = |url: &str| {
        format!(r#"{{"resourceType":"Patient","modifierExtension":[{{"url":"{url}","valueBoolean":true}}]}}"#)
    };
    judge(
        &[&of("http://example.org/a"), &of("https://fhir.acme.com#a")],
        &[(&of("http://x.vn/a"), "not known"), (&of("http://notexample.org/a"), "not known")],
    );
}

/// Verdicts on resources by a profile of Patient with these elements.
fn by_profile(kind: &str, elements: &str, right: &[&str], wrong: &[(&str, &str)]) {
    let core = "http://hl7.org/fhir/StructureDefinition";
    let profile = format!(
        r#"{{"resourceType":"StructureDefinition","url":"http://x/p","name":"P","status":"draft","kind":"resource","abstract":false,"type":"{kind}","baseDefinition":"{core}/{kind}","derivation":"constraint","differential":{{"element":[{elements}]}}}}"#
    );
    let mut package = Package::default();
    package.file("p.json", profile.into_bytes());
    let knowledge = Knowledge::new(&[package]);
    let found = |text: &str| {
        let tree = Tree::parse(text.to_owned()).unwrap_or_else(|e| panic!("{text}: {e}"));
        knowledge.validator().validate(&tree, &["http://x/p".to_owned()]).expect("the profile can be used")
    };
    for text in right {
        assert!(is_valid(&found(text)), "{text}: {:#?}", found(text));
    }
    for (text, about) in wrong {
        let is = |i: &Issue| i.severity.is_error() && i.text.contains(about);
        assert!(found(text).iter().any(is), "{text}, about `{about}`: {:#?}", found(text));
    }
}

#[test]
fn a_profile_says_where_targets_are() {
    let of = |ways: &str| {
        format!(
            r#"{{"id":"Patient.managingOrganization","path":"Patient.managingOrganization","type":[{{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Organization"],"aggregation":[{ways}]}}]}}"#
        )
    };
    let contained = r##"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"O"}],"managingOrganization":{"reference":"#o"}}"##;
    let elsewhere = r#"{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1"}}"#;
    let named = r#"{"resourceType":"Patient","managingOrganization":{"display":"O"}}"#;
    by_profile(
        "Patient",
        &of(r#""contained""#),
        &[contained, named],
        &[(elsewhere, "target of the reference is referenced")],
    );
    by_profile(
        "Patient",
        &of(r#""referenced","bundled""#),
        &[elsewhere],
        &[(contained, "target of the reference is contained")],
    );
    by_profile("Patient", &of(r#""contained","referenced""#), &[elsewhere, contained], &[]);
}

#[test]
fn words_are_not_enough_where_a_widest_set_is_told() {
    let of = |strength: &str, max: &str| {
        format!(
            r#"{{"id":"Patient.maritalStatus","path":"Patient.maritalStatus","binding":{{{max}"strength":"{strength}","valueSet":"http://hl7.org/fhir/ValueSet/marital-status"}}}}"#
        )
    };
    let max = r#""extension":[{"url":"http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet","valueCanonical":"http://terminology.hl7.org/ValueSet/v3-MaritalStatus"}],"#;
    let words = r#"{"resourceType":"Patient","maritalStatus":{"text":"married"}}"#;
    by_profile("Patient", &of("extensible", max), &[], &[(words, "no code is given")]);
    by_profile("Patient", &of("extensible", ""), &[words], &[]);
    by_profile("Patient", &of("preferred", max), &[words], &[]);
}

#[test]
fn a_profile_says_how_values_are_written() {
    let extension =
        r#""extension":[{"url":"http://hl7.org/fhir/StructureDefinition/regex","valueString":"[A-Z]{2}\\d+('x')?"}]"#;
    let of = |family: &str| format!(r#"{{"resourceType":"Patient","name":[{{"family":"{family}"}}]}}"#);
    let nothing =
        r#"{"resourceType":"Patient","name":[{"_family":{"extension":[{"url":"http://x/a","valueCode":"a"}]}}]}"#;
    for element in [extension.to_owned(), format!(r#""type":[{{{extension},"code":"string"}}]"#)] {
        by_profile(
            "Patient",
            &format!(r#"{{"id":"Patient.name.family","path":"Patient.name.family",{element}}}"#),
            &[&of("AB1"), &of("AB1'x'"), nothing],
            &[(&of("AB"), "regex"), (&of("xAB1"), "regex")],
        );
    }
}

#[test]
fn an_invariant_about_codes_nobody_knows_is_no_error() {
    let of = |expression: &str| {
        format!(
            r#"{{"id":"Patient","path":"Patient","constraint":[{{"key":"c-1","severity":"error","human":"h","expression":"{expression}"}}]}}"#
        )
    };
    let patient = r#"{"resourceType":"Patient","gender":"male"}"#;
    by_profile("Patient", &of("gender.memberOf('http://unknown/set')"), &[patient], &[]);
    by_profile("Patient", &of("gender.memberOf('http://unknown/set') and false"), &[], &[(patient, "c-1")]);
    by_profile("Patient", &of("birthDate.memberOf('http://unknown/set')"), &[], &[(patient, "c-1")]);
}

#[test]
fn extensions_have_the_url_of_their_definition() {
    let of = |fixed: &str| {
        format!(
            r#"{{"resourceType":"StructureDefinition","url":"http://x/e","name":"E","status":"draft","kind":"complex-type","abstract":false,"type":"Extension","context":[{{"type":"element","expression":"Patient"}}],"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Extension","derivation":"constraint","differential":{{"element":[{{"id":"Extension.url","path":"Extension.url","fixedUri":"{fixed}"}}]}}}}"#
        )
    };
    judge(&[&of("http://x/e")], &[(&of("http://x/f"), "is not that of the definition")]);
}

#[test]
fn items_have_the_words_of_their_question() {
    let of = |text: &str| {
        format!(
            r##"{{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"#q","contained":[{{"resourceType":"Questionnaire","id":"q","status":"draft","item":[{{"linkId":"1","text":"Weight?","type":"decimal"}}]}}],"item":[{{"linkId":"1"{text},"answer":[{{"valueDecimal":1}}]}}]}}"##
        )
    };
    judge(&[&of(""), &of(r#","text":"Weight?""#)], &[(&of(r#","text":"Height?""#), "the text is not that")]);
}

const DIV: &str = "<div xmlns=\"http://www.w3.org/1999/xhtml\">";

#[test]
fn entities_are_those_of_html_in_json_and_of_xml_in_xml() {
    let json = |inner: &str| {
        let div = format!("{DIV}{inner}</div>").replace('"', "\\\"");
        format!(r#"{{"resourceType":"Patient","text":{{"status":"generated","div":"{div}"}}}}"#)
    };
    let written = |inner: &str| {
        format!(
            r#"<Patient xmlns="http://hl7.org/fhir"><text><status value="generated"/>{DIV}{inner}</div></text></Patient>"#
        )
    };
    judge(
        &[&json("a&nbsp;&Eacute;&amp;"), &written("a&#160;&amp;&apos;")],
        &[(&json("a&none;"), "`&none;`"), (&written("a&nbsp;"), "`&nbsp;`")],
    );
}

/// The narrative of a Patient with this one, written as XML; that an XML parser reads it is asserted.
fn as_xml(div: &str) -> String {
    let quoted = div.replace('\\', "\\\\").replace('"', "\\\"");
    let text =
        format!(r#"{{"resourceType":"Patient","text":{{"status":"generated","div":"{quoted}"}},"active":true}}"#);
    let written = xml::from_tree(&Tree::parse(text).expect("JSON"), definitions::r4()).expect("a Patient");
    let document = roxmltree::Document::parse(&written).unwrap_or_else(|e| panic!("{written}: {e}"));
    let names: Vec<_> = document.root_element().children().map(|c| c.tag_name().name().to_owned()).collect();
    assert_eq!(names, ["text", "active"], "{written}");
    xml::parse(&written, definitions::r4()).unwrap_or_else(|e| panic!("{written}: {e}"));
    let from = written.find("<div").expect("a narrative");
    let to = written.rfind("</text>").expect("its end");
    written[from..to].to_owned()
}

#[test]
fn whatever_a_narrative_holds_xml_stays_xml() {
    let of = |inner: &str| format!("{DIV}{inner}</div>");
    assert_eq!(as_xml(&of("a &amp; b")), of("a &amp; b"));
    assert_eq!(as_xml(&of("a&nbsp;&eacute; &lt;")), of("a&#160;&#233; &lt;"));
    assert_eq!(as_xml("<div>a</div>"), of("a"));
    for broken in ["</div></text><active value=\"false\"/>", "a & b", "<p>a", "&none;", "<?xml version=\"1.0\"?>", ""] {
        assert!(as_xml(&of(broken)).starts_with(DIV), "{broken}");
    }
    assert_eq!(as_xml("a < b"), of("a &lt; b"));
    // Neither depth nor many entities without an end are a burden.
    let deep = of(&format!("{}x{}", "<b>".repeat(50_000), "</b>".repeat(50_000)));
    assert!(as_xml(&deep).starts_with(DIV));
    assert!(as_xml(&of(&"&".repeat(300_000))).starts_with(DIV));
    assert!(as_xml("<!DOCTYPE div [<!ENTITY a \"b\">]><div>&a;</div>").starts_with(&format!("{DIV}&lt;!DOCTYPE")));
}
