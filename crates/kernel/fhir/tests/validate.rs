//! Each rule of the validator: a resource that keeps it, and its neighbour that does not.

use mach_fhir::Tree;
use mach_fhir::validate::{Issue, Severity, Validator, is_valid, shape, unfit, unfit_envelope};

fn issues(text: &str) -> Vec<Issue> {
    let tree = Tree::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    Validator::r4().validate(&tree, &[]).expect("no profile is asked for")
}

fn patient(rest: &str) -> String {
    format!(r#"{{"resourceType":"Patient",{rest}}}"#)
}

fn observation(rest: &str) -> String {
    let code = r#""status":"final","code":{"text":"a"}"#;
    format!(r#"{{"resourceType":"Observation",{code},{rest}}}"#)
}

/// That the first is valid, and the second has an error whose text or path holds `about`.
fn pairs(of: impl Fn(&str) -> String, table: &[(&str, &str, &str)]) {
    for (right, wrong, about) in table {
        let found = issues(&of(right));
        assert!(is_valid(&found), "{right}: {found:#?}");
        let found = issues(&of(wrong));
        let is = |i: &Issue| i.severity.is_error() && (i.text.contains(about) || i.path.contains(about));
        assert!(found.iter().any(is), "{wrong}, about `{about}`: {found:#?}");
    }
}

#[test]
fn json_shape() {
    pairs(
        patient,
        &[
            (r#""active":true"#, r#""activ":true"#, "Patient.activ"),
            (r#""name":[{"family":"A"}]"#, r#""name":{"family":"A"}"#, "an array is expected"),
            (r#""gender":"male""#, r#""gender":["male"]"#, "one value"),
            (r#""name":[{"family":"A"}]"#, r#""name":[]"#, "must not be empty"),
            (r#""name":[{"family":"A"}]"#, r#""name":[{}]"#, "must not be empty"),
            (r#""name":[{"family":"A"}]"#, r#""name":[{"family":""}]"#, "must not be empty"),
            (r#""active":true"#, r#""active":null"#, "no value"),
            (r#""active":true"#, r#""active":"true""#, "without quotes"),
            (r#""deceasedBoolean":true"#, r#""deceasedBoolean":true,"deceasedDateTime":"2020""#, "of one type"),
            (r#""deceasedBoolean":true"#, r#""deceased":true"#, "no element"),
            (r#""deceasedBoolean":true"#, r#""deceasedString":"x""#, "no element"),
            (
                r#""name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"http://x","valueCode":"a"}]}]}]"#,
                r#""name":[{"given":["A",null]}]"#,
                "companion",
            ),
            (
                r#""_birthDate":{"extension":[{"url":"http://x","valueCode":"a"}]}"#,
                r#""_birthDate":{"id":"a"}"#,
                "neither a value nor extensions",
            ),
            (r#""name":[{"family":"A"}]"#, r#""_name":[{"id":"a"}]"#, "only primitives"),
            (
                r#""birthDate":"1974-12-25","_birthDate":{"id":"a"}"#,
                r#""birthDate":"1974-12-25","_birthDate":1"#,
                "object",
            ),
            (r#""id":"a""#, r#""id":"a_b""#, "no id"),
            (r#""birthDate":"2024-02-29""#, r#""birthDate":"2023-02-29""#, "Patient.birthDate"),
            (
                r#""photo":[{"contentType":"a/b","data":"aGE="}]"#,
                r#""photo":[{"contentType":"a/b","data":"aGE"}]"#,
                "base64",
            ),
            (r#""multipleBirthInteger":2"#, r#""multipleBirthInteger":2.0"#, "integer"),
            (r#""communication":[{"language":{"text":"vi"}}]"#, r#""communication":[{"preferred":true}]"#, "language"),
            (r#""name":[{"id":"a","family":"A"}]"#, r#""name":[{"id":"a"}]"#, "ele-1"),
        ],
    );
    for whole in [
        r#"{"resourceType":"Patientt"}"#,
        r#"{"resourceType":"DomainResource"}"#,
        r#"{"id":"a"}"#,
        r#"[]"#,
        r#"1"#,
        r#"{"resourceType":1}"#,
        r#"{"resourceType":"Observation"}"#,
        r#"{"resourceType":"Patient","contained":[{"id":"a"}]}"#,
    ] {
        assert!(!is_valid(&issues(whole)), "{whole}");
    }
    assert!(is_valid(&issues(r#"{"resourceType":"Patient"}"#)));
}

#[test]
fn shape_is_the_same_without_meaning() {
    let of = |text: &str| shape(&Tree::parse(text).unwrap());
    let found =
        of(r#"{"resourceType":"Patient","nam":1,"name":[{"family":1}],"contained":[{"resourceType":"Observation"}]}"#);
    let paths: Vec<_> = found.iter().map(|i| i.path.as_str()).collect();
    assert_eq!(paths, ["Patient.nam", "Patient.name[0].family", "Patient.contained[0]", "Patient.contained[0]"]);
    assert!(found.iter().all(|i| i.severity == Severity::Error));
    // A value set is meaning.
    assert_eq!(of(r#"{"resourceType":"Patient","gender":"m"}"#), []);
}

#[test]
fn what_is_tolerated_is_exactly_that() {
    let of = |text: &str| unfit(&Tree::parse(text).unwrap()).into_iter().map(|i| i.path).collect::<Vec<_>>();
    let guide = r#"{"resourceType":"ImplementationGuide","url":"http://x","packageId":"x","fhirVersion":["4.0.1"]}"#;
    assert!(of(guide).is_empty());
    assert_eq!(of(&guide.replace(r#""url":"http://x","#, "")), ["ImplementationGuide"]);
    let library = |oid: &str| {
        format!(
            r#"{{"resourceType":"Library","status":"draft","type":{{"text":"x"}},"dataRequirement":[{{"type":"Condition","codeFilter":[{{"valueSet":"{oid}"}}]}}]}}"#
        )
    };
    for (oid, fine) in [
        ("urn:oid:1.2.3", true),
        ("urn:oid:X.Y.Z", true),
        ("urn:oid:", false),
        ("urn:oid:X.", false),
        ("urn:oid:x.y", false),
        ("urn:oid:1.X", false),
    ] {
        assert_eq!(of(&library(oid)).is_empty(), fine, "{oid}");
    }
    let bundle = r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","x":1},"fullUrl":"urn:uuid:p","request":{"method":"POST","url":"Patient","y":2}}]}"#;
    let all = ["Bundle.entry[0].resource.x", "Bundle.entry[0].fullUrl", "Bundle.entry[0].request.y"];
    assert_eq!(of(bundle), all, "a stored Bundle has no placeholders");
    let envelope = unfit_envelope(&Tree::parse(bundle).unwrap());
    assert_eq!(envelope.iter().map(|i| i.path.as_str()).collect::<Vec<_>>(), ["Bundle.entry[0].request.y"]);
}

#[test]
fn codes() {
    pairs(
        patient,
        &[
            (r#""gender":"male""#, r#""gender":"m""#, "administrative-gender"),
            (
                r#""telecom":[{"system":"phone","value":"1"}]"#,
                r#""telecom":[{"system":"telephone","value":"1"}]"#,
                "contact-point-system",
            ),
            (
                r#""identifier":[{"system":"http://x","value":"1"}]"#,
                r#""identifier":[{"system":"x","value":"1"}]"#,
                "absolute",
            ),
            (
                r#""identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:oid:1.2.3"}]"#,
                r#""identifier":[{"system":"urn:ietf:rfc:3986","value":"1.2.3"}]"#,
                "rfc:3986",
            ),
            (
                r#""meta":{"tag":[{"system":"http://x","code":"1"}]}"#,
                r#""meta":{"tag":[{"system":"x","code":"1"}]}"#,
                "absolute",
            ),
            (
                r#""meta":{"tag":[{"system":"http://x","code":"1"}]}"#,
                r#""meta":{"tag":[{"system":"http://hl7.org/fhir/ValueSet/x","code":"1"}]}"#,
                "is a value set",
            ),
            (
                r#""maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]}"#,
                r#""maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"Q"}]}"#,
                "has no code `Q`",
            ),
        ],
    );
    // A code outside of an extensible set, and another word for a code that is not HL7's, are worth a warning.
    let other = r#""maritalStatus":{"coding":[{"system":"http://x","code":"M"}]}"#;
    let words = r#""address":[{"_country":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-SC-coding","valueCoding":{"system":"urn:iso:std:iso:3166","code":"US","display":"America"}}]}}]"#;
    for text in [other, words] {
        let found = issues(&patient(text));
        assert!(
            found.iter().any(|i| i.severity == Severity::Warning && i.code == "code-invalid"),
            "{text}: {found:#?}"
        );
        assert!(is_valid(&found), "{found:#?}");
    }
    let quantity = |code: &str| {
        observation(&format!(r#""valueQuantity":{{"value":1,"system":"http://unitsofmeasure.org","code":"{code}"}}"#))
    };
    assert!(is_valid(&issues(&quantity("mm[Hg]"))));
    assert!(!is_valid(&issues(&quantity("mmHg?"))));
    // The value set of a required binding on a CodeableConcept: words alone are not enough.
    let allergy = |status: &str| {
        format!(r#"{{"resourceType":"AllergyIntolerance","patient":{{"display":"a"}},"clinicalStatus":{status}}}"#)
    };
    let coded = r#"{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]}"#;
    assert!(is_valid(&issues(&allergy(coded))), "{:#?}", issues(&allergy(coded)));
    assert!(!is_valid(&issues(&allergy(r#"{"text":"active"}"#))));
}

#[test]
fn invariants() {
    pairs(
        observation,
        &[
            (
                r#""effectivePeriod":{"start":"2020-01-01","end":"2020-01-02"}"#,
                r#""effectivePeriod":{"start":"2020-01-02","end":"2020-01-01"}"#,
                "per-1",
            ),
            (r#""valueString":"a""#, r#""valueString":"a","dataAbsentReason":{"text":"b"}"#, "obs-6"),
            (
                r#""extension":[{"url":"http://x","valueCode":"a"}]"#,
                r#""extension":[{"url":"http://x"}]"#,
                "Must have either extensions or value",
            ),
            (
                r#""extension":[{"url":"http://x","extension":[{"url":"a","valueCode":"a"}]}]"#,
                r#""extension":[{"url":"http://x","valueCode":"a","extension":[{"url":"a","valueCode":"a"}]}]"#,
                "Must have either extensions or value",
            ),
            (r#""referenceRange":[{"text":"a"}]"#, r#""referenceRange":[{"type":{"text":"a"}}]"#, "obs-3"),
            (
                r#""referenceRange":[{"low":{"value":1}}]"#,
                r#""referenceRange":[{"low":{"value":1,"comparator":"<"}}]"#,
                "sqty-1",
            ),
        ],
    );
}

#[test]
fn contained_and_references() {
    let org = r#"{"resourceType":"Organization","id":"o","name":"O"}"#;
    let of = |reference: &str, contained: &str| {
        format!(r#""contained":[{contained}],"managingOrganization":{{"reference":"{reference}"}}"#)
    };
    let meta = org.replace("\"name\"", "\"meta\":{\"versionId\":\"1\"},\"name\"");
    let label = org.replace("\"name\"", "\"meta\":{\"security\":[{\"system\":\"http://x\",\"code\":\"R\"}]},\"name\"");
    let nested = org.replace("\"name\"", &format!("\"contained\":[{org}],\"name\""));
    let back =
        r##"{"resourceType":"Observation","id":"b","status":"final","code":{"text":"a"},"subject":{"reference":"#"}}"##;
    let right = of("#o", org);
    let table = [
        (right.clone(), of("#p", org), "ref-1"),
        (right.clone(), of("Organization/1", org), "dom-3"),
        (right.clone(), of("#o", &meta), "dom-4"),
        (right.clone(), of("#o", &label), "dom-5"),
        (right.clone(), of("#o", &nested), "dom-2"),
        (right.clone(), of("#o", &format!("{org},{org}")), "two contained"),
        (right.clone(), of("#o", r#"{"resourceType":"Patient","id":"o"}"#), "not allowed here"),
        (
            format!(r#""contained":[{back}]"#),
            format!(r#""contained":[{}]"#, back.replace("\"#\"", "\"Patient/1\"")),
            "dom-3",
        ),
        (
            r#""managingOrganization":{"reference":"http://x/Organization/1/_history/2"}"#.to_owned(),
            r#""managingOrganization":{"reference":"Practitioner/1"}"#.to_owned(),
            "not allowed here",
        ),
        (
            r#""managingOrganization":{"reference":"Organization/1","type":"Organization"}"#.to_owned(),
            r#""managingOrganization":{"reference":"Organization/1","type":"Patient"}"#.to_owned(),
            "its `type` says",
        ),
        (
            r#""managingOrganization":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}"#.to_owned(),
            r#""managingOrganization":{"reference":"Hospital/1"}"#.to_owned(),
            "is no reference",
        ),
        (
            r#""managingOrganization":{"reference":"Organization?name=a"}"#.to_owned(),
            r#""managingOrganization":{"reference":"Organization/a_b"}"#.to_owned(),
            "is no reference",
        ),
    ];
    let table: Vec<_> = table.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), *c)).collect();
    pairs(patient, &table);
}

#[test]
fn extensions() {
    let core = "http://hl7.org/fhir/StructureDefinition";
    let place = |kind: &str| format!(r#""extension":[{{"url":"{core}/patient-birthPlace",{kind}}}]"#);
    let on_name =
        format!(r#""name":[{{"extension":[{{"url":"{core}/patient-birthPlace","valueAddress":{{"city":"H"}}}}]}}]"#);
    let time = |on: &str| {
        format!(
            r#"{on}:{{"extension":[{{"url":"{core}/patient-birthTime","valueDateTime":"1974-12-25T14:35:45+07:00"}}]}}"#
        )
    };
    let right = place(r#""valueAddress":{"city":"H"}"#);
    let table = [
        (right.clone(), place(r#""valueString":"H""#), "allows only"),
        (right.clone(), on_name, "stands on"),
        (right.clone(), right.replace("\"extension\"", "\"modifierExtension\""), "no modifier"),
        (format!(r#""birthDate":"1974-12-25",{}"#, time("\"_birthDate\"")), time("\"_gender\""), "stands on"),
        (
            r#""extension":[{"url":"http://x/unknown","valueCode":"a"}]"#.to_owned(),
            r#""modifierExtension":[{"url":"http://x/unknown","valueCode":"a"}]"#.to_owned(),
            "not known",
        ),
        (right.clone(), r#""extension":[{"url":"unknown","valueCode":"a"}]"#.to_owned(), "absolute"),
        (right.clone(), r#""extension":[{"valueCode":"a"}]"#.to_owned(), "Extension.url"),
        // An extension of parts: the slices of its definition.
        (
            format!(
                r#""extension":[{{"url":"{core}/patient-citizenship","extension":[{{"url":"code","valueCodeableConcept":{{"text":"a"}}}}]}}]"#
            ),
            format!(
                r#""extension":[{{"url":"{core}/patient-citizenship","extension":[{{"url":"code","valueCode":"a"}}]}}]"#
            ),
            "allows only",
        ),
    ];
    let table: Vec<_> = table.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), *c)).collect();
    pairs(patient, &table);
    let found = issues(&patient(r#""extension":[{"url":"http://x/unknown","valueCode":"a"}]"#));
    assert!(found.iter().any(|i| i.severity == Severity::Information && i.text.contains("http://x/unknown")));
}

#[test]
fn narratives_and_attachments() {
    let text = |inner: &str| {
        format!(r#""text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>"}}"#)
    };
    let (right, wrong, empty) = (text("<p>a</p>"), text("<script>a</script>"), text(" "));
    pairs(patient, &[(&right, &wrong, "script"), (&right, &empty, "no content")]);
    pairs(
        patient,
        &[
            (
                r#""photo":[{"contentType":"a/b","data":"aGE=","size":2}]"#,
                r#""photo":[{"contentType":"a/b","data":"aGE=","size":3}]"#,
                "size",
            ),
            (r#""photo":[{"contentType":"a/b","data":"aGE="}]"#, r#""photo":[{"data":"aGE="}]"#, "att-1"),
        ],
    );
}

#[test]
fn bundles() {
    let bundle = |kind: &str, entries: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","identifier":{{"system":"http://x","value":"1"}},"timestamp":"2024-01-01T00:00:00Z","entry":[{entries}]}}"#
        )
    };
    let entry =
        |url: &str, id: &str| format!(r#"{{"fullUrl":"{url}","resource":{{"resourceType":"Patient","id":"{id}"}}}}"#);
    let uuid = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
    let collection = |entries: &str| bundle("collection", entries);
    let (a, b) = (entry("http://x/Patient/a", "a"), entry("http://x/Patient/b", "b"));
    let both = format!("{a},{b}");
    let twice = format!("{a},{a}");
    pairs(
        collection,
        &[
            (&both, &twice, "bdl-7"),
            (&a, &entry("http://x/Patient/b", "a"), "another resource"),
            (&a, &entry("Patient/a", "a"), "absolute"),
            (&entry(uuid, "a"), r#"{"resource":{"resourceType":"Patient","id":"a"}}"#, "fullUrl"),
            (&a, r#"{"fullUrl":"http://x/Patient/a","resource":{"resourceType":"Patient"}}"#, "has an id"),
            (
                &a,
                r#"{"fullUrl":"http://x/Patient/a/_history/1","resource":{"resourceType":"Patient","id":"a"}}"#,
                "bdl-8",
            ),
        ],
    );
    let composition = |subject: &str| {
        format!(
            r#"{{"fullUrl":"http://x/Composition/c","resource":{{"resourceType":"Composition","id":"c","status":"final","type":{{"text":"a"}},"subject":{{"reference":"{subject}"}},"date":"2024","author":[{{"display":"b"}}],"title":"t"}}}}"#
        )
    };
    let document = |entries: &str| bundle("document", entries);
    let right = format!("{},{a}", composition("Patient/a"));
    pairs(
        document,
        &[
            (&right, &a, "bdl-11"),
            (&right, &format!("{},{a}", composition("Patient/z")), "is not in the bundle"),
            (
                &format!("{},{a}", composition("http://x/Patient/a")),
                &format!("{},{a}", composition("http://y/Patient/a")),
                "not in the bundle",
            ),
        ],
    );
    let transaction =
        |entries: &str| format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entries}]}}"#);
    let post = r#"{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}"#;
    pairs(transaction, &[(post, &a, "bdl-3"), (post, &post.replace("POST", "SEND"), "http-verb")]);
    // The target's type is known from the bundle where its URL does not tell it.
    let refers = |kind: &str| {
        let entry = format!(r#"{{"fullUrl":"{uuid}","resource":{{"resourceType":"{kind}","id":"o","name":"a"}}}}"#);
        format!(
            r#"{{"fullUrl":"http://x/Patient/p","resource":{{"resourceType":"Patient","id":"p","managingOrganization":{{"reference":"{uuid}"}}}}}},{entry}"#
        )
    };
    pairs(
        collection,
        &[(
            &refers("Organization"),
            &refers("Library").replace("\"name\":\"a\"", "\"status\":\"draft\",\"type\":{\"text\":\"a\"}"),
            "not allowed here",
        )],
    );
}

#[test]
fn claimed_profiles() {
    let core = "http://hl7.org/fhir/StructureDefinition";
    let found = issues(&patient(r#""meta":{"profile":["http://x/unknown"]}"#));
    assert!(
        is_valid(&found)
            && found.iter().any(|i| i.severity == Severity::Warning && i.text.contains("http://x/unknown"))
    );
    assert!(!is_valid(&issues(&patient(&format!(r#""meta":{{"profile":["{core}/Observation"]}}"#)))));
    assert!(is_valid(&issues(&patient(&format!(r#""meta":{{"profile":["{core}/Patient"]}}"#)))));
    let pressure = |components: &str, rest: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"85354-9"}}]}},"subject":{{"reference":"Patient/a"}},"effectiveDateTime":"2024-01-01"{rest},"component":[{components}]}}"#
        )
    };
    let part = |code: &str, unit: &str| {
        format!(
            r#"{{"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"valueQuantity":{{"value":1,"unit":"u","system":"http://unitsofmeasure.org","code":"{unit}"}}}}"#
        )
    };
    let (high, low) = (part("8480-6", "mm[Hg]"), part("8462-4", "mm[Hg]"));
    let right = pressure(&format!("{high},{low}"), "");
    assert!(is_valid(&issues(&right)), "{:#?}", issues(&right));
    for (wrong, about) in [
        (pressure(&high, ""), "DiastolicBP"),
        (pressure(&format!("{high},{high},{low}"), ""), "SystolicBP"),
        (pressure(&format!("{high},{}", part("8462-4", "kPa")), ""), "fixed"),
        (right.replace("\"effectiveDateTime\":\"2024-01-01\",", ""), "effective"),
        (right.replace("vital-signs", "laboratory"), "VSCat"),
    ] {
        let found = issues(&wrong);
        assert!(found.iter().any(|i| i.severity.is_error() && i.text.contains(about)), "{about}: {found:#?}");
    }
    // A profile that is asked for, and one that nobody knows.
    let tree = Tree::parse(right).unwrap();
    let asked = |url: &str| Validator::r4().validate(&tree, &[url.to_owned()]);
    assert!(is_valid(&asked(&format!("{core}/bp")).unwrap()));
    assert!(!is_valid(&asked(&format!("{core}/bodyheight")).unwrap()));
    assert!(!is_valid(&asked(&format!("{core}/Patient")).unwrap()));
    assert!(asked("http://x/unknown").is_err());
}

#[test]
fn questionnaires() {
    let questionnaire =
        |items: &str| format!(r#"{{"resourceType":"Questionnaire","status":"draft","item":[{items}]}}"#);
    let when = |question: &str, answer: &str| {
        format!(
            r#"{{"linkId":"a","type":"boolean"}},{{"linkId":"b","type":"string","enableWhen":[{{"question":"{question}","operator":"=",{answer}}}]}}"#
        )
    };
    let right = when("a", "\"answerBoolean\":true");
    pairs(
        questionnaire,
        &[
            (&right, &when("c", "\"answerBoolean\":true"), "no item"),
            (&right, &when("a", "\"answerString\":\"x\""), "not of the type"),
            (&right, &right.replace("\"linkId\":\"b\"", "\"linkId\":\"a\""), "que-2"),
        ],
    );
    let response = |items: &str| {
        let questions = r#"{"linkId":"g","type":"group","item":[{"linkId":"a","type":"boolean","required":true},{"linkId":"b","type":"choice","repeats":true,"answerOption":[{"valueCoding":{"system":"http://x","code":"1"}},{"valueCoding":{"system":"http://x","code":"2"}}]}]}"#;
        format!(
            r##"{{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"#q","contained":[{{"resourceType":"Questionnaire","id":"q","status":"draft","item":[{questions}]}}],"item":[{{"linkId":"g","item":[{items}]}}]}}"##
        )
    };
    let yes = r#"{"linkId":"a","answer":[{"valueBoolean":true}]}"#;
    let option = |code: &str| {
        format!(r#"{{"linkId":"b","answer":[{{"valueCoding":{{"system":"http://x","code":"{code}"}}}}]}}"#)
    };
    pairs(
        response,
        &[
            (yes, &option("1"), "required"),
            (&format!("{yes},{}", option("1")), &format!("{yes},{}", option("3")), "none of the options"),
            (&format!("{yes},{}", option("1")), &format!("{},{yes}", option("1")), "out of order"),
            (yes, r#"{"linkId":"a","answer":[{"valueString":"x"}]}"#, "valueBoolean"),
            (yes, r#"{"linkId":"a","answer":[{"valueBoolean":true},{"valueBoolean":true}]}"#, "one answer"),
            (yes, &format!(r#"{yes},{{"linkId":"z"}}"#), "no item `z`"),
        ],
    );
}

#[test]
fn hostile_input_ends() {
    // Contained resources, each of which an expression would look for in all of the others.
    let one = |n: usize| format!(r#"{{"resourceType":"Basic","id":"c{n}","code":{{"text":"a"}}}}"#);
    let many: Vec<_> = (0..3000).map(one).collect();
    let found = issues(&patient(&format!("\"contained\":[{}]", many.join(","))));
    assert_eq!(found.len(), mach_fhir::limits::ISSUES + 1);
    assert!(found.last().is_some_and(|i| i.text.contains("the rest is not told")));
    // Errors are told although warnings came first.
    let odd: Vec<_> = (0..1000).map(|n| format!("{{\"family\":\" {n}\"}}")).collect();
    let found = issues(&patient(&format!("\"name\":[{}],\"gender\":\"m\"", odd.join(","))));
    assert!(!is_valid(&found), "the error is kept");
    let entries: Vec<_> = (0..5000)
        .map(|n| format!(r#"{{"fullUrl":"http://x/Patient/{n}","resource":{{"resourceType":"Patient","id":"{n}"}}}}"#))
        .collect();
    let found = issues(&format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(",")));
    assert!(is_valid(&found), "{found:#?}");
}
