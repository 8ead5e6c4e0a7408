//! Forms from outside: what R4 and SDC say of Questionnaires, on small forms and on the shipped ones.

use mach_fhir::Tree;
use mach_fhir::validate::{Validator, is_valid};
use mach_forms::fields::{File, Posted};
use mach_forms::render::{self, Target, View};
use mach_forms::{About, Answers, Coding, Context, Form, Rule, Value, What, extract, library, limits};
use mach_ui::Lang;

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";

fn source(items: &str) -> String {
    format!(
        r#"{{"resourceType":"Questionnaire","url":"urn:t","version":"1","title":"T","status":"active","item":[{items}]}}"#
    )
}

fn form(items: &str) -> Form {
    Form::compile(&source(items)).unwrap_or_else(|f| panic!("{}", library::told(&f)))
}

fn flaws(items: &str) -> String {
    Form::compile(&source(items)).map(|_| String::new()).unwrap_or_else(|f| library::told(&f))
}

fn expression(name: &str, text: &str) -> String {
    format!(r#"{{"url":"{SDC}{name}","valueExpression":{{"language":"text/fhirpath","expression":"{text}"}}}}"#)
}

/// Posts `fields` (`name=value`, one a line) upon the answers before.
fn post(form: &Form, before: &Answers, fields: &str) -> Answers {
    let mut posted = Posted::default();
    for line in fields.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (name, value) = line.split_once('=').expect("name=value");
        posted.text(name, value);
    }
    let mut answers = form.read_posted(&posted, before, None);
    form.settle(&mut answers, &Context::default());
    answers
}

fn filled(form: &Form, fields: &str) -> Answers {
    let (start, failed) = form.start(&Context::default(), &|_, _| None);
    assert_eq!(failed, []);
    post(form, &start, fields)
}

fn problems(form: &Form, answers: &Answers) -> Vec<String> {
    let found = form.check(answers, &Context::default(), None, true);
    found.iter().map(|p| format!("{}: {}", p.field, p.text(Lang::En))).collect()
}

fn html(form: &Form, answers: &Answers) -> String {
    let problems = form.check(answers, &Context::default(), None, true);
    let view = View { lang: Lang::Vi, form, answers, problems: &problems, part: None, files: "/f/" };
    render::form(view, &Target { action: "/x".into(), ..Target::default() }).to_string()
}

#[test]
fn flaws_are_told_with_their_place() {
    for (items, want) in [
        (r#"{"linkId":"a","type":"string"},{"linkId":"a","type":"string"}"#, "unique within the questionnaire"),
        (r#"{"linkId":"a","type":"question","text":"x"}"#, "cannot be asked"),
        (r#"{"linkId":"a","type":"choice","text":"x"}"#, "a choice needs"),
        (
            r#"{"linkId":"a","type":"string","enableWhen":[{"question":"b","operator":"exists","answerBoolean":true}]}"#,
            "asks for `b`, which is no item",
        ),
        (
            r#"{"linkId":"a","type":"string","enableWhen":[{"question":"b","operator":"exists","answerBoolean":true}]},
               {"linkId":"b","type":"string","enableWhen":[{"question":"a","operator":"exists","answerBoolean":true}]}"#,
            "wait for themselves",
        ),
        (
            r#"{"linkId":"g","type":"group","enableWhen":[{"question":"b","operator":"exists","answerBoolean":true}],"item":[{"linkId":"b","type":"string"}]}"#,
            "wait for themselves",
        ),
        (
            &format!(r#"{{"linkId":"a","type":"string","extension":[{}]}}"#, expression("calculatedExpression", "1 +")),
            "cannot be read",
        ),
        (
            r#"{"linkId":"a","type":"string","extension":[{"url":"http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression","valueExpression":{"language":"text/cql","expression":"1"}}]}"#,
            "text/fhirpath",
        ),
        (r#"{"linkId":"a","type":"string","required":"yes"}"#, "required"),
    ] {
        let got = flaws(items);
        assert!(got.contains(want), "{items}\n  gave: {got}");
    }
    assert!(library::told(&Form::compile("{").unwrap_err()).contains("no JSON"));
    assert!(library::told(&Form::compile(r#"{"resourceType":"Patient"}"#).unwrap_err()).contains("Questionnaire"));
}

#[test]
fn limits_hold_at_them_and_not_past_them() {
    let items =
        |n: usize| (0..n).map(|i| format!(r#"{{"linkId":"{i}","type":"string"}}"#)).collect::<Vec<_>>().join(",");
    assert_eq!(flaws(&items(limits::ITEMS)), "");
    assert!(flaws(&items(limits::ITEMS + 1)).contains("more than 2000 items"));
    let deep = |n: usize| {
        (0..n).fold(String::new(), |inner, i| {
            let below = if inner.is_empty() { String::new() } else { format!(r#","item":[{inner}]"#) };
            format!(r#"{{"linkId":"{i}","type":"group"{below}}}"#)
        })
    };
    assert_eq!(flaws(&deep(limits::DEPTH)), "");
    assert!(flaws(&deep(limits::DEPTH + 1)).contains("levels"));
    let computed = |n: usize| {
        let one = |i| {
            format!(r#"{{"linkId":"{i}","type":"integer","extension":[{}]}}"#, expression("calculatedExpression", "1"))
        };
        (0..n).map(one).collect::<Vec<_>>().join(",")
    };
    assert_eq!(flaws(&computed(limits::EXPRESSIONS)), "");
    assert!(flaws(&computed(limits::EXPRESSIONS + 1)).contains("expressions"));
    let body = source(r#"{"linkId":"a","type":"string"}"#);
    let padded = |n: usize| format!("{body}{}", " ".repeat(n - body.len()));
    assert!(Form::compile(&padded(limits::FORM_BYTES)).is_ok());
    assert!(library::told(&Form::compile(&padded(limits::FORM_BYTES + 1)).unwrap_err()).contains("bytes"));
    let form = form(r#"{"linkId":"a","type":"string"},{"linkId":"r","type":"string","repeats":true}"#);
    let text = |n: usize| filled(&form, &format!("a={}", "x".repeat(n)));
    assert_eq!(problems(&form, &text(limits::ANSWER_CHARS)), Vec::<String>::new());
    assert_eq!(problems(&form, &text(limits::ANSWER_CHARS + 1)), ["a: At most 4000 characters."]);
    let mut answers = filled(&form, "");
    for _ in 0..limits::REPEATS + 3 {
        let count = answers.nodes[1].slots.len();
        answers = post(&form, &answers, &format!("n~r={count}\nadd=r"));
    }
    assert_eq!(answers.nodes[1].slots.len(), limits::REPEATS);
}

#[test]
fn conditions_by_operator() {
    let when = |operator: &str, answer: &str, kind: &str| {
        form(&format!(
            r#"{{"linkId":"q","type":"{kind}"}},{{"linkId":"x","type":"string","enableWhen":[{{"question":"q","operator":"{operator}",{answer}}}]}}"#
        ))
    };
    for (operator, answer, kind, typed, want) in [
        ("exists", r#""answerBoolean":true"#, "string", "q=a", true),
        ("exists", r#""answerBoolean":true"#, "string", "q=", false),
        ("exists", r#""answerBoolean":false"#, "string", "q=", true),
        ("=", r#""answerInteger":3"#, "integer", "q=3", true),
        ("=", r#""answerInteger":3"#, "integer", "q=4", false),
        ("!=", r#""answerInteger":3"#, "integer", "q=4", true),
        ("!=", r#""answerInteger":3"#, "integer", "q=", false),
        (">", r#""answerDecimal":1.5"#, "decimal", "q=1,6", true),
        (">=", r#""answerDecimal":1.5"#, "decimal", "q=1,50", true),
        ("<", r#""answerDate":"2026-01-01""#, "date", "q=2025-12-31", true),
        ("<=", r#""answerDate":"2026-01-01""#, "date", "q=2026-01-02", false),
        ("=", r#""answerBoolean":true"#, "boolean", "q=true", true),
    ] {
        let form = when(operator, answer, kind);
        assert_eq!(filled(&form, typed).nodes[1].enabled, want, "{operator} {answer} {typed}");
    }
}

#[test]
fn conditions_meet_all_or_any_and_follow_each_other() {
    let item = |behavior: &str| {
        format!(
            r#"{{"linkId":"a","type":"boolean"}},{{"linkId":"b","type":"boolean"}},
            {{"linkId":"x","type":"string","enableBehavior":"{behavior}","enableWhen":[
                {{"question":"a","operator":"=","answerBoolean":true}},{{"question":"b","operator":"=","answerBoolean":true}}]}},
            {{"linkId":"y","type":"string","enableWhen":[{{"question":"x","operator":"exists","answerBoolean":true}}]}}"#
        )
    };
    let all = form(&item("all"));
    assert!(!filled(&all, "a=true\nx=1").nodes[2].enabled);
    assert!(filled(&all, "a=true\nb=true").nodes[2].enabled);
    let any = form(&item("any"));
    let answers = filled(&any, "a=true\nx=1\ny=2");
    assert!(answers.nodes[2].enabled && answers.nodes[3].enabled);
    // What is not asked has no answer for those who ask it, is not stored, and is there again when it is asked again.
    let off = post(&any, &answers, "x=1\ny=2");
    assert!(!off.nodes[2].enabled && !off.nodes[3].enabled);
    let done = off.json(&any, &About { status: "completed".into(), ..About::default() });
    assert!(!done.contains("\"linkId\":\"x\""), "{done}");
    let page = html(&any, &off);
    assert!(page.contains(r#"<input type="hidden" name="x" value="1">"#), "{page}");
    assert_eq!(any.item("x").map(|i| i.link.as_str()), Some("x"));
}

#[test]
fn conditions_mean_the_same_turn_of_a_group() {
    let form = form(
        r#"{"linkId":"g","type":"group","repeats":true,"item":[{"linkId":"q","type":"boolean"},
            {"linkId":"x","type":"string","enableWhen":[{"question":"q","operator":"=","answerBoolean":true}]}]},
           {"linkId":"any","type":"string","enableWhen":[{"question":"q","operator":"=","answerBoolean":true}]}"#,
    );
    let answers = filled(&form, "n~g=1\nadd=g");
    let answers = post(&form, &answers, "n~g=2\nq~0=false\nq~1=true");
    let turns: Vec<bool> = answers.nodes[0].slots.iter().map(|s| s.items[1].enabled).collect();
    assert_eq!(turns, [false, true]);
    assert!(answers.nodes[1].enabled, "outside the group any turn counts");
    let answers = post(&form, &answers, "n~g=2\nq~0=false\nq~1=true\nremove=g~1");
    assert!(!answers.nodes[1].enabled);
}

#[test]
fn values_are_computed_until_they_rest() {
    let calculated = |text: &str| expression("calculatedExpression", text);
    let items = format!(
        r#"{{"linkId":"w","type":"decimal"}},{{"linkId":"h","type":"decimal"}},
        {{"linkId":"bmi","type":"decimal","readOnly":true,"extension":[{},{{"url":"{CORE}maxDecimalPlaces","valueInteger":1}}]}},
        {{"linkId":"fat","type":"boolean","extension":[{}]}},
        {{"linkId":"why","type":"string","extension":[{}]}}"#,
        calculated(
            "%resource.item.where(linkId='w').answer.value / (%resource.item.where(linkId='h').answer.value.power(2))"
        ),
        calculated("%resource.item.where(linkId='bmi').answer.value >= 25"),
        expression("enableWhenExpression", "%resource.item.where(linkId='fat').answer.value = true"),
    );
    let form = form(&items);
    let answers = filled(&form, "w=80\nh=1,7");
    assert_eq!(answers.text(&form, "bmi"), "27,7");
    assert_eq!(answers.code(&form, "fat"), "true");
    assert!(answers.nodes[4].enabled);
    let answers = post(&form, &answers, "w=60\nh=1,7\nbmi=99");
    assert_eq!(answers.text(&form, "bmi"), "20,8", "nobody types what is computed");
    assert!(!answers.nodes[4].enabled);
    assert_eq!(post(&form, &answers, "w=").text(&form, "bmi"), "");
    let endless = self::form(&format!(
        r#"{{"linkId":"n","type":"integer","extension":[{}]}}"#,
        calculated("iif(%resource.item.answer.value.exists(), %resource.item.answer.value + 1, 0)")
    ));
    let (_, failed) = endless.start(&Context::default(), &|_, _| None);
    assert!(failed.iter().any(|f| f.why.contains("no rest")), "{failed:?}");
}

#[test]
fn forms_begin_with_what_the_record_knows() {
    let items = format!(
        r#"{{"linkId":"name","type":"string","extension":[{}]}},
        {{"linkId":"sex","type":"choice","extension":[{}],"answerOption":[{{"valueCoding":{{"code":"male"}}}},{{"valueCoding":{{"code":"female"}}}}]}},
        {{"linkId":"born","type":"date","extension":[{}]}},
        {{"linkId":"h","type":"decimal","code":[{{"system":"http://loinc.org","code":"8302-2"}}],"extension":[{{"url":"{SDC}observationLinkPeriod","valueDuration":{{"value":1,"system":"http://unitsofmeasure.org","code":"a"}}}}]}},
        {{"linkId":"fixed","type":"integer","initial":[{{"valueInteger":7}}]}},
        {{"linkId":"opt","type":"choice","answerOption":[{{"valueCoding":{{"code":"a"}}}},{{"valueCoding":{{"code":"b"}},"initialSelected":true}}]}}"#,
        expression("initialExpression", "%patient.name.first().text"),
        expression("initialExpression", "%patient.gender"),
        expression("initialExpression", "%patient.birthDate"),
    );
    let form = form(&items);
    let patient =
        r#"{"resourceType":"Patient","name":[{"text":"Nguyễn Văn An"}],"gender":"female","birthDate":"1990-02-03"}"#;
    let recall = |codes: &[Coding], days: i64| {
        (codes[0].code == "8302-2" && days == 366)
            .then(|| Value::Quantity { value: "168.5".into(), unit: Coding::default() })
    };
    let (answers, failed) = form.start(&Context::default().with("patient", patient), &recall);
    assert_eq!(failed, []);
    let texts = ["name", "sex", "born", "h", "fixed", "opt"].map(|l| answers.text(&form, l));
    assert_eq!(texts, ["Nguyễn Văn An", "female", "03/02/1990", "168,5", "7", "b"]);
}

#[test]
fn answers_are_checked_in_words() {
    let items = format!(
        r#"{{"linkId":"must","type":"string","required":true}},
        {{"linkId":"n","type":"integer","extension":[{{"url":"{CORE}minValue","valueInteger":1}},{{"url":"{CORE}maxValue","valueInteger":9}}]}},
        {{"linkId":"p","type":"string","maxLength":5,"extension":[{{"url":"{CORE}regex","valueString":"[0-9]+"}}]}},
        {{"linkId":"d","type":"date"}},
        {{"linkId":"c","type":"choice","answerOption":[{{"valueString":"đỏ"}},{{"valueString":"xanh"}}]}},
        {{"linkId":"r","type":"decimal","extension":[{{"url":"{CORE}questionnaire-constraint","extension":[{{"url":"key","valueId":"k"}},{{"url":"severity","valueCode":"error"}},{{"url":"expression","valueString":"answer.value != 13"}},{{"url":"human","valueString":"Không được là 13"}}]}}]}},
        {{"linkId":"w","type":"decimal","extension":[{{"url":"{CORE}questionnaire-constraint","extension":[{{"url":"key","valueId":"w"}},{{"url":"severity","valueCode":"warning"}},{{"url":"expression","valueString":"answer.value < 5"}},{{"url":"human","valueString":"Cao quá?"}}]}}]}}"#
    );
    let form = form(&items);
    for (typed, want) in [
        ("must=x", vec![]),
        ("n=0", vec!["must: This must be answered.", "n: At least 1."]),
        ("must=x\nn=10", vec!["n: At most 9."]),
        ("must=x\nn=ba", vec!["n: A number is wanted, for example 36.5."]),
        ("must=x\nn=1,5", vec!["n: A number is wanted, for example 36.5."]),
        ("must=x\np=12a", vec!["p: Not in the form that is asked for."]),
        ("must=x\np=123456", vec!["p: At most 5 characters."]),
        ("must=x\nd=31/02/2026", vec!["d: A day is wanted, for example 09/03/2026."]),
        ("must=x\nc=đỏ", vec![]),
        ("must=x\nc=tím", vec!["c: One of the answers must be chosen."]),
        ("must=x\nr=13,0", vec!["r: Không được là 13"]),
        ("must=x\nr=12", vec![]),
        ("must=x\nw=6", vec!["w: Cao quá?"]),
    ] {
        assert_eq!(problems(&form, &filled(&form, typed)), want, "{typed}");
    }
    let warned = form.check(&filled(&form, "must=x\nw=6"), &Context::default(), None, true);
    assert!(warned[0].warns);
    // What cannot be read is kept with the draft and shown again.
    let draft = filled(&form, "n=ba").json(&form, &About::default());
    let again = Answers::read(&form, &draft).expect("a draft");
    assert!(html(&form, &again).contains("value=\"ba\""), "{draft}");
}

#[test]
fn choices_come_from_value_sets() {
    let own = r##"{"resourceType":"Questionnaire","url":"urn:v","version":"1","title":"T","status":"active",
        "contained":[{"resourceType":"ValueSet","id":"vs","status":"active","compose":{"include":[{"system":"urn:s","concept":[{"code":"a","display":"An"},{"code":"b","display":"Ba"}]}]}}],
        "item":[{"linkId":"x","type":"choice","answerValueSet":"#vs"},{"linkId":"g","type":"choice","answerValueSet":"http://hl7.org/fhir/ValueSet/administrative-gender"},
        {"linkId":"o","type":"open-choice","answerValueSet":"#vs"},{"linkId":"m","type":"choice","repeats":true,"answerValueSet":"#vs"}]}"##;
    let form = Form::compile(own).unwrap_or_else(|f| panic!("{}", library::told(&f)));
    assert_eq!(form.item("x").map(|i| i.choices.len()), Some(2));
    assert_eq!(form.item("g").map(|i| i.choices.len()), Some(4));
    let mut posted = Posted::default();
    for (name, value) in [("x", "b"), ("o~other", "Khác"), ("m", "a"), ("m", "b")] {
        posted.text(name, value);
    }
    let (start, _) = form.start(&Context::default(), &|_, _| None);
    let answers = form.read_posted(&posted, &start, None);
    assert_eq!((answers.text(&form, "x"), answers.text(&form, "o")), ("Ba".into(), "Khác".into()));
    assert_eq!(answers.values(&form, "m").len(), 2);
    assert_eq!(problems(&form, &answers), Vec::<String>::new());
    assert!(Form::compile(&own.replace("#vs", "#gone")).is_err());
}

#[test]
fn files_are_what_their_bytes_say_and_bounded() {
    let form = form(r#"{"linkId":"f","type":"attachment"}"#);
    let (start, _) = form.start(&Context::default(), &|_, _| None);
    let with = |bytes: Vec<u8>| {
        let mut posted = Posted::default();
        posted.file("f", File { name: "a.png".into(), content_type: "image/png".into(), bytes });
        form.read_posted(&posted, &start, None)
    };
    let png = |n: usize| [b"\x89PNG".to_vec(), vec![0; n - 4]].concat();
    assert_eq!(problems(&form, &with(png(limits::ATTACHMENT_BYTES))), Vec::<String>::new());
    assert!(problems(&form, &with(png(limits::ATTACHMENT_BYTES + 1)))[0].contains("too large"));
    assert!(problems(&form, &with(b"<script>".to_vec()))[0].contains("Only files"));
    // Nobody sent another one: it stays; it goes where somebody says so.
    let kept = post(&form, &with(png(9)), "");
    assert!(kept.value(&form, "f").is_some());
    assert!(post(&form, &kept, "drop~f=1").value(&form, "f").is_none());
}

#[test]
fn markup_of_answers_and_forms_is_text() {
    let form = form(r#"{"linkId":"a\"><b>","type":"string","text":"<script>1</script>"}"#);
    let page = html(&form, &filled(&form, "a\"><b>=\"><img src=x>"));
    assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains("\"><b>"), "{page}");
}

#[test]
fn responses_are_valid_and_come_back() {
    for form in library::shipped() {
        assert!(form.notes.is_empty(), "{:?}", form.notes);
        let patient = r#"{"resourceType":"Patient","gender":"female"}"#;
        let context = Context::default().with("patient", patient);
        let (start, failed) = form.start(&context, &|_, _| None);
        assert_eq!(failed, []);
        let fields = "class=C\nhx-heart=true\nn~hx-which=1\nhx-name~0=Tăng huyết áp\nhx-year~0=2020\nheight=165\nweight=60,5\n\
            systolic=120\ndiastolic=80\npulse=72\nalcohol=0\nalcohol~unit=mg/L\ndrug-morphine=0\neye-right-without=10";
        let mut answers = post(form, &start, fields);
        assert!(form.settle(&mut answers, &context).is_empty());
        assert_eq!(answers.text(form, "bmi"), "22,2");
        assert_eq!(answers.code(form, "sex"), "female");
        let about =
            About { id: "r1".into(), status: "completed".into(), subject: "Patient/p1".into(), ..About::default() };
        let json = answers.json(form, &about);
        let tree = Tree::parse(json.as_str()).expect("JSON");
        let issues = Validator::r4().validate(&tree, &[]).expect("R4");
        assert!(is_valid(&issues), "{issues:?}\n{json}");
        let mut again = Answers::read(form, &json).expect("a response");
        form.settle(&mut again, &context);
        assert_eq!(again.json(form, &about), json);
        let source = extract::Source {
            response: "r1".into(),
            subject: "Patient/p1".into(),
            effective: "2026-01-01T08:00:00+07:00".into(),
            ..extract::Source::default()
        };
        let made = extract::observations(form, &answers, None, &source);
        assert!(made.iter().any(|o| o.code.1 == "8480-6") && made.iter().any(|o| o.code.1 == "39156-5"));
        for one in &made {
            let tree = Tree::parse(one.body.as_str()).expect("JSON");
            let issues = Validator::r4().validate(&tree, &[]).expect("R4");
            assert!(is_valid(&issues), "{issues:?}\n{}", one.body);
        }
        assert_eq!(extract::particulars(form, &answers).first().map(|p| p.0), Some("Patient.gender"));
    }
}

#[test]
fn rules_ask_answers_by_their_names() {
    let form = form(
        r#"{"linkId":"a-b","type":"decimal"},{"linkId":"c","type":"choice","answerOption":[{"valueCoding":{"code":"x"}}]}"#,
    );
    let holds = |rule: &str, typed: &str| Rule::compile(rule).expect("a rule").holds(&form, &filled(&form, typed));
    assert_eq!(holds("%`a-b` < 5", "a-b=4,5"), Ok(Some(true)));
    assert_eq!(holds("%`a-b` < 5", ""), Ok(None));
    assert_eq!(holds("%`a-b` < 5 or %c = 'x'", "c=x"), Ok(Some(true)));
    assert_eq!(holds("%c in ('x' | 'y')", "c=x"), Ok(Some(true)));
    assert!(holds("%`a-b`", "a-b=1").is_err());
    assert!(holds("%nobody = 1", "").is_err());
    assert!(Rule::compile("%").is_err());
}

#[test]
fn the_page_reads_well_and_prints() {
    let form = &library::shipped()[1];
    let (answers, _) = form.start(&Context::default(), &|_, _| None);
    let problems = form.check(&answers, &Context::default(), Some("eye"), true);
    assert!(problems.iter().any(|p| p.field == "eye-right-without" && p.what == What::Required));
    let view = View { lang: Lang::En, form, answers: &answers, problems: &problems, part: Some("eye"), files: "/f/" };
    let page = render::form(view, &Target { action: "/x".into(), ..Target::default() }).to_string();
    for part in [
        "href=\"#q-eye-right-without\"",
        "id=\"q-eye-right-without\"",
        "Right eye, without glasses",
        "/10",
        "aria-invalid",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("Ear, nose"), "only the part that was asked for");
    let paper = render::readable(View { lang: Lang::Vi, problems: &[], part: None, ..view }).to_string();
    assert!(paper.contains("Mắt phải, không kính") && paper.contains("class=\"blank\""), "{paper}");
}
