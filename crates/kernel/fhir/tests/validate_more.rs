//! Rules of the validator that look at more than one element: questions that are asked, documents, code systems.

use mach_fhir::Tree;
use mach_fhir::validate::{Issue, Validator, is_valid};

fn issues(text: &str) -> Vec<Issue> {
    let tree = Tree::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    Validator::r4().validate(&tree, &[]).expect("no profile is asked for")
}

/// That a document is valid (`None`), or has an error that speaks of something.
fn judge(text: &str, about: Option<&str>) {
    let found = issues(text);
    match about {
        None => assert!(is_valid(&found), "{text}: {found:#?}"),
        Some(about) => {
            let is = |i: &Issue| i.severity.is_error() && (i.text.contains(about) || i.path.contains(about));
            assert!(found.iter().any(is), "{text}, about `{about}`: {found:#?}");
        }
    }
}

/// A response to questions `q` (of a type) and `d`, which depends on it.
fn response(kind: &str, depends: &str, answers: &str) -> String {
    let questions = format!(
        r#"{{"linkId":"q","type":"{kind}","repeats":true}},{{"linkId":"d","type":"string","required":true,{depends}}}"#
    );
    format!(
        r##"{{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"#x","contained":[{{"resourceType":"Questionnaire","id":"x","status":"draft","item":[{questions}]}}],"item":[{answers}]}}"##
    )
}

const NOT_ASKED: Option<&str> = Some("not asked");
const MISSING: Option<&str> = Some("is required and not answered");

#[test]
fn operators_of_conditions() {
    let d = r#"{"linkId":"d","answer":[{"valueString":"x"}]}"#;
    for (kind, operator, answer, given, asked) in [
        ("boolean", "exists", r#""answerBoolean":true"#, r#"{"valueBoolean":false}"#, true),
        ("boolean", "exists", r#""answerBoolean":true"#, "", false),
        ("boolean", "exists", r#""answerBoolean":false"#, "", true),
        ("boolean", "exists", r#""answerBoolean":false"#, r#"{"valueBoolean":false}"#, false),
        ("string", "exists", r#""answerBoolean":true"#, r#"{"valueString":"a"}"#, true),
        ("boolean", "=", r#""answerBoolean":true"#, r#"{"valueBoolean":true}"#, true),
        ("boolean", "=", r#""answerBoolean":true"#, r#"{"valueBoolean":false}"#, false),
        ("boolean", "=", r#""answerBoolean":true"#, "", false),
        ("boolean", "!=", r#""answerBoolean":true"#, r#"{"valueBoolean":false}"#, true),
        ("boolean", "!=", r#""answerBoolean":true"#, r#"{"valueBoolean":true}"#, false),
        ("integer", ">", r#""answerInteger":3"#, r#"{"valueInteger":4}"#, true),
        ("integer", ">", r#""answerInteger":3"#, r#"{"valueInteger":3}"#, false),
        ("integer", ">=", r#""answerInteger":3"#, r#"{"valueInteger":3}"#, true),
        ("integer", "<", r#""answerInteger":3"#, r#"{"valueInteger":3}"#, false),
        ("integer", "<=", r#""answerInteger":3"#, r#"{"valueInteger":3}"#, true),
        ("integer", "=", r#""answerInteger":3"#, r#"{"valueInteger":2},{"valueInteger":3}"#, true),
        ("decimal", "=", r#""answerDecimal":3"#, r#"{"valueDecimal":3.00}"#, true),
        ("decimal", "<", r#""answerDecimal":10"#, r#"{"valueDecimal":9.5}"#, true),
        ("date", ">", r#""answerDate":"2020-01-31""#, r#"{"valueDate":"2020-02-01"}"#, true),
        ("date", ">", r#""answerDate":"2020-01-31""#, r#"{"valueDate":"2020-01-31"}"#, false),
        ("date", "=", r#""answerDate":"2020""#, r#"{"valueDate":"2020"}"#, true),
        (
            "dateTime",
            "=",
            r#""answerDateTime":"2020-01-01T00:00:00Z""#,
            r#"{"valueDateTime":"2020-01-01T07:00:00+07:00"}"#,
            true,
        ),
        ("time", "<", r#""answerTime":"12:00:00""#, r#"{"valueTime":"11:59:59"}"#, true),
        ("string", "=", r#""answerString":"a""#, r#"{"valueString":"a"}"#, true),
        ("string", "=", r#""answerString":"a""#, r#"{"valueString":"A"}"#, false),
        (
            "choice",
            "=",
            r#""answerCoding":{"system":"http://x","code":"1"}"#,
            r#"{"valueCoding":{"system":"http://x","code":"1","display":"One"}}"#,
            true,
        ),
        (
            "choice",
            "=",
            r#""answerCoding":{"system":"http://x","code":"1"}"#,
            r#"{"valueCoding":{"system":"http://y","code":"1"}}"#,
            false,
        ),
        (
            "choice",
            "!=",
            r#""answerCoding":{"system":"http://x","code":"1"}"#,
            r#"{"valueCoding":{"system":"http://x","code":"2"}}"#,
            true,
        ),
        (
            "quantity",
            ">",
            r#""answerQuantity":{"value":5,"unit":"kg"}"#,
            r#"{"valueQuantity":{"value":6,"unit":"kg"}}"#,
            true,
        ),
        (
            "quantity",
            ">",
            r#""answerQuantity":{"value":5,"unit":"kg"}"#,
            r#"{"valueQuantity":{"value":5,"unit":"kg"}}"#,
            false,
        ),
        (
            "reference",
            "=",
            r#""answerReference":{"reference":"Patient/1"}"#,
            r#"{"valueReference":{"reference":"Patient/1"}}"#,
            true,
        ),
        (
            "reference",
            "=",
            r#""answerReference":{"reference":"Patient/1"}"#,
            r#"{"valueReference":{"reference":"Patient/2"}}"#,
            false,
        ),
    ] {
        let when = format!(r#""enableWhen":[{{"question":"q","operator":"{operator}",{answer}}}]"#);
        let q = if given.is_empty() { String::new() } else { format!(r#"{{"linkId":"q","answer":[{given}]}}"#) };
        let with = if q.is_empty() { d.to_owned() } else { format!("{q},{d}") };
        judge(&response(kind, &when, &with), if asked { None } else { NOT_ASKED });
        if !q.is_empty() {
            judge(&response(kind, &when, &q), if asked { MISSING } else { None });
        }
    }
}

#[test]
fn what_readers_disagree_about_is_no_error() {
    let both = r#"{"linkId":"q","answer":[{"valueInteger":1},{"valueInteger":2}]}"#;
    let d = r#"{"linkId":"d","answer":[{"valueString":"x"}]}"#;
    let not = r#""enableWhen":[{"question":"q","operator":"!=","answerInteger":1}]"#;
    judge(&response("integer", not, both), None);
    judge(&response("integer", not, &format!("{both},{d}")), None);
    // A month is not told to be before or after one of its days.
    let within = r#""enableWhen":[{"question":"q","operator":"<","answerDate":"2020-02-15"}]"#;
    let month = r#"{"linkId":"q","answer":[{"valueDate":"2020-02"}]}"#;
    judge(&response("date", within, month), None);
    judge(&response("date", within, &format!("{month},{d}")), None);
    // Conditions that are FHIRPath are not followed.
    let path = r#""extension":[{"url":"http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression","valueExpression":{"language":"text/fhirpath","expression":"false"}}]"#;
    judge(&response("date", path, d), None);
    judge(&response("date", path, month), None);
}

#[test]
fn all_or_any() {
    let of = |behavior: &str| {
        let when = |n: u8| format!(r#"{{"question":"q","operator":"=","answerInteger":{n}}}"#);
        format!(r#""enableBehavior":"{behavior}","enableWhen":[{},{}]"#, when(1), when(2))
    };
    let one = r#"{"linkId":"q","answer":[{"valueInteger":1}]}"#;
    let both = r#"{"linkId":"q","answer":[{"valueInteger":1},{"valueInteger":2}]}"#;
    let d = r#"{"linkId":"d","answer":[{"valueString":"x"}]}"#;
    judge(&response("integer", &of("any"), &format!("{one},{d}")), None);
    judge(&response("integer", &of("all"), &format!("{one},{d}")), NOT_ASKED);
    judge(&response("integer", &of("all"), &format!("{both},{d}")), None);
    judge(&response("integer", &of("all"), both), MISSING);
    judge(&response("integer", &of("any"), one), MISSING);
}

#[test]
fn the_nearest_answer_counts() {
    let questions = r#"{"linkId":"g","type":"group","repeats":true,"item":[{"linkId":"q","type":"boolean"},{"linkId":"i","type":"group","enableWhen":[{"question":"q","operator":"=","answerBoolean":true}],"item":[{"linkId":"d","type":"string","required":true,"maxLength":3}]}]}"#;
    let turn = |q: bool, d: &str| {
        format!(r#"{{"linkId":"g","item":[{{"linkId":"q","answer":[{{"valueBoolean":{q}}}]}}{d}]}}"#)
    };
    let of = |turns: &[String]| {
        format!(
            r##"{{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"#x","contained":[{{"resourceType":"Questionnaire","id":"x","status":"draft","item":[{questions}]}}],"item":[{}]}}"##,
            turns.join(",")
        )
    };
    let d =
        |text: &str| format!(r#",{{"linkId":"i","item":[{{"linkId":"d","answer":[{{"valueString":"{text}"}}]}}]}}"#);
    judge(&of(&[turn(true, &d("abc")), turn(false, "")]), None);
    judge(&of(&[turn(true, ""), turn(false, &d("abc"))]), NOT_ASKED);
    judge(&of(&[turn(true, &d("abcd"))]), Some("at most 3 characters"));
    // A group that is not asked may stand there empty of answers.
    judge(&of(&[turn(false, r#",{"linkId":"i","item":[{"linkId":"d"}]}"#)]), None);
    judge(&of(&[turn(true, r#",{"linkId":"i","item":[{"linkId":"d"}]}"#)]), MISSING);
    // While it is being filled in nothing is missing.
    judge(&of(&[turn(true, r#",{"linkId":"i","item":[{"linkId":"d"}]}"#)]).replace("completed", "in-progress"), None);
}

#[test]
fn exists_takes_a_boolean() {
    let of = |answer: &str| {
        format!(
            r#"{{"resourceType":"Questionnaire","status":"draft","item":[{{"linkId":"a","type":"string"}},{{"linkId":"b","type":"string","enableWhen":[{{"question":"a","operator":"exists",{answer}}}]}}]}}"#
        )
    };
    judge(&of(r#""answerBoolean":true"#), None);
    judge(&of(r#""answerString":"true""#), Some("que-7"));
}

#[test]
fn documents_hold_what_belongs_to_them() {
    let entry = |kind: &str, id: &str, rest: &str| {
        format!(r#"{{"fullUrl":"http://x/{kind}/{id}","resource":{{"resourceType":"{kind}","id":"{id}"{rest}}}}}"#)
    };
    let composition = entry(
        "Composition",
        "c",
        r#","status":"final","type":{"text":"a"},"subject":{"reference":"Patient/p"},"date":"2024","author":[{"display":"b"}],"title":"t""#,
    );
    let of = |rest: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"document","identifier":{{"system":"http://x","value":"1"}},"timestamp":"2024-01-01T00:00:00Z","entry":[{composition},{}{rest}]}}"#,
            entry("Patient", "p", "")
        )
    };
    let agent = r#""recorded":"2024-01-01T00:00:00Z","agent":[{"who":{"display":"a"}}]"#;
    judge(&of(""), None);
    // Whatever refers to what is in it belongs to it; a stylesheet too.
    judge(
        &of(&format!(
            ",{}",
            entry("Provenance", "v", &format!(r#","target":[{{"reference":"Composition/c"}}],{agent}"#))
        )),
        None,
    );
    judge(&of(&format!(",{}", entry("Binary", "s", r#","contentType":"text/css","data":"aGE=""#))), None);
    judge(&of(&format!(",{}", entry("Patient", "q", ""))), Some("linked with nothing"));
    let far = entry("Organization", "o", r#","name":"O""#);
    let near = entry(
        "Practitioner",
        "z",
        r#","qualification":[{"code":{"text":"a"},"issuer":{"reference":"Organization/o"}}]"#,
    );
    judge(&of(&format!(",{far},{near}")), Some("linked with nothing"));
}

#[test]
fn searchsets_hold_what_was_found() {
    let of = |entry: &str| format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{entry}]}}"#);
    let patient = r#""fullUrl":"http://x/Patient/a","resource":{"resourceType":"Patient","id":"a"}"#;
    judge(&of(&format!(r#"{{{patient},"search":{{"mode":"match"}}}}"#)), None);
    judge(&of(&format!(r#"{{{patient},"search":{{"mode":"outcome"}}}}"#)), Some("OperationOutcome"));
    judge(&of(r#"{"fullUrl":"http://x/Patient/a","search":{"mode":"match"}}"#), Some("holds a resource"));
}

#[test]
fn code_systems_and_maps_agree_with_themselves() {
    let system = |rest: &str| format!(r#"{{"resourceType":"CodeSystem","url":"http://x","status":"draft",{rest}}}"#);
    let concepts = r#""concept":[{"code":"a","concept":[{"code":"b"}]}]"#;
    judge(&system(&format!(r#""content":"complete","count":2,{concepts}"#)), None);
    judge(&system(&format!(r#""content":"complete","count":3,{concepts}"#)), Some("CodeSystem.count"));
    judge(&system(&format!(r#""content":"fragment","count":3,{concepts}"#)), None);
    judge(&system(r#""content":"supplement","supplements":"http://y""#), None);
    judge(&system(r#""content":"supplement""#), Some("supplement"));
    judge(&system(r#""content":"complete","supplements":"http://y""#), Some("supplement"));
    let property = |value: &str| {
        system(&format!(
            r#""content":"complete","property":[{{"code":"p","type":"integer"}}],"concept":[{{"code":"a","property":[{{"code":"p",{value}}}]}}]"#
        ))
    };
    judge(&property(r#""valueInteger":1"#), None);
    judge(&property(r#""valueString":"1""#), Some("is of type `integer`"));
    let map = |code: &str| {
        format!(
            r#"{{"resourceType":"ConceptMap","status":"draft","group":[{{"source":"http://hl7.org/fhir/administrative-gender","target":"http://x","element":[{{"code":"{code}","target":[{{"code":"m","equivalence":"equal"}}]}}]}}]}}"#
        )
    };
    let warned = |code: &str| issues(&map(code)).iter().any(|i| i.text.contains("has no code `m`"));
    assert!(!warned("male") && warned("m"));
    judge(&map("m"), None);
}

#[test]
fn media_types_and_canonicals() {
    let photo =
        |kind: &str| format!(r#"{{"resourceType":"Patient","photo":[{{"contentType":"{kind}","data":"aGE="}}]}}"#);
    judge(&photo("image/png"), None);
    judge(&photo("text/plain; charset=utf-8"), None);
    judge(&photo("picture"), Some("no media type"));
    let plan = |canonical: &str| {
        format!(
            r#"{{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{{"display":"a"}},"instantiatesCanonical":["{canonical}"]}}"#
        )
    };
    judge(&plan("http://x/PlanDefinition/a|1"), None);
    judge(&plan("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), None);
    judge(&plan("a plan"), Some("blanks"));
    judge(&plan("a-plan"), Some("absolute"));
    judge(&plan("#p"), Some("no contained resource `p`"));
}

#[test]
fn definitions_narrow_what_they_are_based_on() {
    let of = |element: &str| {
        format!(
            r#"{{"resourceType":"StructureDefinition","url":"http://x/a","name":"A","status":"draft","kind":"resource","abstract":false,"type":"Patient","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{{"element":[{{"id":"Patient.active","path":"Patient.active",{element}}}]}}}}"#
        )
    };
    judge(&of(r#""fixedBoolean":true"#), None);
    judge(&of(r#""fixedString":"true""#), Some("none of the element's types"));
    judge(&of(r#""type":[{"code":"boolean"}]"#), None);
    judge(&of(r#""type":[{"code":"string"}]"#), Some("none of the base's"));
    judge(&of(r#""type":[{"code":"date"}]"#), Some("none of the base's"));
}
