//! The open part of the official FHIRPath suite for R4, and our own cases beside it.

use mach_fhir::definitions;
use mach_fhir::path::{self, Item};
use mach_fhir::{Tree, xml};
use std::collections::BTreeMap;
use std::path::Path;

const SUITE: &str = "../../../../shared/testdata/fhirpath";

/// Cases of the open suite that are not met, with the reason.
const KNOWN: [(&str, &str); 0] = [];

/// What an expression gives: types and values as the suite writes them, or nothing where it fails.
fn outcome(expression: &str, tree: &Tree<'_>) -> Result<Vec<(String, String)>, String> {
    let items = path::evaluate(expression, tree, definitions::r4()).map_err(|e| e.to_string())?;
    Ok(items.iter().map(|item| (item.type_name(definitions::r4()), shown(item))).collect())
}

fn shown(item: &Item<'_>) -> String {
    let plain = item.plain(definitions::r4()).and_then(|p| p.to_text());
    plain.map_or_else(|| item.to_json(), |t| t.into_owned())
}

fn input(folder: &Path, name: Option<&str>) -> Tree<'static> {
    let Some(name) = name else { return Tree::parse("{}").expect("JSON") };
    let text = std::fs::read_to_string(folder.join("input").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    if name.ends_with(".xml") {
        xml::parse(&text, definitions::r4()).unwrap_or_else(|e| panic!("{name}: {e}"))
    } else {
        Tree::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

/// Runs one case of the suite; what differs.
fn judge(test: roxmltree::Node<'_, '_>, tree: &Tree<'_>) -> Result<(), String> {
    let expression = test.children().find(|c| c.has_tag_name("expression")).ok_or("no expression")?;
    let text = expression.text().unwrap_or_default();
    let got = outcome(text, tree);
    if expression.has_attribute("invalid") {
        return match got {
            Err(_) => Ok(()),
            Ok(got) => Err(format!("{text}\n    gives {got:?} and must fail")),
        };
    }
    let got = got.map_err(|e| format!("{text}\n    fails: {e}"))?;
    let expect: Vec<_> = test.children().filter(|c| c.has_tag_name("output")).collect();
    if test.attribute("predicate") == Some("true") {
        let holds = !got.is_empty() && got != [("boolean".to_owned(), "false".to_owned())];
        let wanted = expect.first().and_then(|o| o.text()) == Some("true");
        return if holds == wanted { Ok(()) } else { Err(format!("{text}\n    gives {got:?}")) };
    }
    let same = got.len() == expect.len()
        && got.iter().zip(&expect).all(|((kind, value), output)| {
            let wanted = output.text().unwrap_or_default().trim();
            let plain = wanted.strip_prefix("@T").or(wanted.strip_prefix('@')).unwrap_or(wanted);
            output.attribute("type").is_none_or(|t| t == kind) && (value == wanted || value == plain)
        });
    let expect: Vec<_> = expect.iter().map(|o| (o.attribute("type"), o.text())).collect();
    if same { Ok(()) } else { Err(format!("{text}\n    gives {got:?}\n    wants {expect:?}")) }
}

#[test]
fn official_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(SUITE);
    let Ok(text) = std::fs::read_to_string(folder.join("tests-open.xml")) else {
        eprintln!("SKIPPED: the official suite is not at {}", folder.display());
        return;
    };
    let suite = roxmltree::Document::parse(&text).unwrap();
    let mut inputs = BTreeMap::new();
    let (mut all, mut problems) = (0, Vec::new());
    for test in suite.descendants().filter(|n| n.has_tag_name("test")) {
        let name = test.attribute("inputfile");
        let tree = inputs.entry(name).or_insert_with(|| input(&folder, name));
        all += 1;
        let case = test.attribute("name").unwrap_or_default();
        let known = KNOWN.iter().any(|(n, _)| *n == case);
        match judge(test, tree) {
            Ok(()) if known => problems.push(format!("{case} is met now: take it off the list")),
            Ok(()) => {}
            Err(_) if known => {}
            Err(problem) => problems.push(format!("{case}: {problem}")),
        }
    }
    println!("{} of {all} cases met", all - problems.len() - KNOWN.len());
    assert!(problems.is_empty(), "{} of {all} cases:\n{}", problems.len(), problems.join("\n"));
    assert!(KNOWN.len() * 100 <= all && all >= 300);
}

const PATIENT: &str = r##"{"resourceType":"Patient","id":"p","active":true,"gender":"male","birthDate":"1974-12-25",
    "_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime",
    "valueDateTime":"1974-12-25T14:35:45-05:00"}]},"_language":{"extension":[{"url":"u","valueCode":"x"}]},
    "name":[{"use":"official","family":"Chalmers","given":["Peter","James"]},{"use":"usual","given":["Jim"]},
    {"use":"maiden","family":"Windsor","given":["Peter","James"],"period":{"end":"2002"}}],
    "contained":[{"resourceType":"Organization","id":"o","name":"Acme"}],"managingOrganization":{"reference":"#o"},
    "generalPractitioner":[{"reference":"Practitioner/1"}],"multipleBirthInteger":2,
    "contact":[{"name":{"family":"du Marché"}}],"deceasedBoolean":false}"##;

/// Each expression on the patient above, and what its items are as texts, joined by `, `; `!` where it must fail.
fn check_all(cases: &[(&str, &str)]) {
    let tree = Tree::parse(PATIENT).expect("JSON");
    let mut problems = Vec::new();
    for (expression, expect) in cases {
        let got = outcome(expression, &tree);
        let shown = got.map(|items| items.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(", "));
        let met = match &shown {
            Ok(shown) => shown == expect,
            Err(_) => *expect == "!",
        };
        if !met {
            problems.push(format!("{expression}\n    gives {shown:?}\n    wants {expect}"));
        }
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), cases.len(), problems.join("\n"));
}

#[test]
fn paths_and_strictness() {
    check_all(&[
        ("name.given", "Peter, James, Jim, Peter, James"),
        ("Patient.name[0].family", "Chalmers"),
        ("Resource.id | DomainResource.id", "p"),
        ("name.given1", "!"),
        ("Encounter.name.given", "!"),
        ("name.where(use = 'usual').givn", "!"),
        ("contact.name.family & '!'", "du Marché!"),
        ("contact.foo", "!"),
        ("deceased", "false"),
        ("deceasedBoolean", "!"),
        ("multipleBirth.is(integer)", "true"),
        ("Patient.children().skip(1)", "!"),
        ("Patient.descendants().first()", "!"),
        ("Patient.children().first()", "!"),
        ("Patient.name.single()", "!"),
        ("managingOrganization.resolve().name", "Acme"),
        ("managingOrganization.resolve().is(Organization)", "true"),
        ("contained.ofType(Organization).name", "Acme"),
        ("language.hasValue()", "false"),
        ("language.extension('u').value", "x"),
        ("language.exists()", "true"),
        ("birthDate.extension.value", "1974-12-25T14:35:45-05:00"),
        ("birthDate.extension(%`ext-patient-birthTime`).exists()", "true"),
        ("birthDate.hasValue() and gender.hasValue()", "true"),
        ("birthDate.getValue() is System.Date", "true"),
        ("Patient.name.given.foo", "!"),
        ("$this.name.given.count()", "5"),
        ("name.given[10]", ""),
        ("name[-1]", ""),
        ("%resource.id = %context.id", "true"),
        ("%unknown", "!"),
        ("%`vs-administrative-gender`", "http://hl7.org/fhir/ValueSet/administrative-gender"),
        ("gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", "true"),
        ("gender.memberOf('http://hl7.org/fhir/ValueSet/all-languages')", "false"),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/Person')", "false"),
        ("nofunction()", "!"),
        ("name.exists(1, 2)", "!"),
    ]);
}

#[test]
fn variables_defined_on_the_way() {
    check_all(&[
        ("defineVariable('v', 'one').select(%v)", "one"),
        ("defineVariable('v').select(%v.id)", "p"),
        ("defineVariable('n', name.first()).active", "true"),
        ("name.defineVariable('n', first()).select(%n.given.count()).distinct()", "2"),
        ("name.select(defineVariable('f', family).given.select($this & ' ' & %f).first()).first()", "Peter Chalmers"),
        ("defineVariable('n', name.first()).select(%n.family) | defineVariable('n', 'x').select(%n)", "Chalmers, x"),
        // Ends with the operand, the argument, the item.
        ("defineVariable('n', name.first()).active | active.select(%n)", "!"),
        ("select(defineVariable('n', 1).id) & %n", "!"),
        ("name.where(false).select(%n) | defineVariable('n', 1).select(%n)", "!"),
        (
            "defineVariable('r', 'r-').select(defineVariable('a', 'x').defineVariable('b', 'y').select(%a | %b)).select(%r & $this)",
            "r-x, r-y",
        ),
        ("'aaa'.replace(defineVariable('p', 'aaa').select(%p), defineVariable('p', 'bbb').select(%p))", "bbb"),
        ("defineVariable(defineVariable('p', 'q').select(%p), 7).select(%q)", "7"),
        ("defineVariable('v', 1).defineVariable('v', 2)", "!"),
        ("defineVariable('v', 1).select(defineVariable('v', 2))", "!"),
        ("defineVariable('context', 1)", "!"),
        ("defineVariable('loinc')", "!"),
        ("defineVariable('')", "!"),
        ("defineVariable()", "!"),
    ]);
}

#[test]
fn types() {
    check_all(&[
        ("active.type().name & ' ' & active.type().namespace", "boolean FHIR"),
        ("1.type().namespace & '.' & 1.type().name", "System.Integer"),
        ("active.is(boolean)", "true"),
        ("active.is(Boolean)", "false"),
        ("active is System.Boolean", "false"),
        ("Patient.is(System.Patient).not()", "true"),
        ("Patient.ofType(System.Patient).id", ""),
        ("Patient is System.Patien", "!"),
        ("gender.is(code) and gender.is(string)", "true"),
        ("gender.as(string)", ""),
        ("gender.as(code)", "male"),
        ("gender.as(string1)", "!"),
        ("gender is string1", "!"),
        ("Patient is DomainResource", "true"),
        ("Patient.ofType(Bundle).count()", "0"),
        ("1 | 1 is Integer", "1, true"),
        ("1 > 2 is Boolean", "!"),
        ("@2015T.is(DateTime)", "true"),
        ("@2015.is(Date)", "true"),
        ("@T14:34:28Z.is(Time)", "!"),
        ("@T14:34:28+10:00.is(Time)", "!"),
        ("name as HumanName", "!"),
        ("name.as(HumanName).given.count()", "5"),
        ("contact.type().name", "BackboneElement"),
    ]);
}

#[test]
fn collections_and_logic() {
    check_all(&[
        ("{} and false", "false"),
        ("{} and true", ""),
        ("true xor true", "false"),
        ("{} implies true", "true"),
        ("true implies {}", ""),
        ("(0).not()", "false"),
        ("(true | false).not()", "!"),
        ("(true and 'foo').empty()", "false"),
        ("(true | 'foo').allTrue()", "false"),
        ("{}.allTrue()", "true"),
        ("{}.anyTrue()", "false"),
        ("(1 | 2 | 2 | 3).count()", "3"),
        ("(1 | 2).combine(2 | 3).count()", "4"),
        ("(1 | 2 | 3).exclude(2)", "1, 3"),
        ("(1 | 2 | 3).intersect(2 | 3 | 4)", "2, 3"),
        ("name.first().subsetOf($this.name)", "true"),
        ("name.supersetOf($this.name.first())", "true"),
        ("name.skip(1).use", "usual, maiden"),
        ("name.tail().use", "usual, maiden"),
        ("name.take(-1)", ""),
        ("(1 | 2) contains 3", "false"),
        ("1 in {}", "false"),
        ("{} in (1 | 2)", ""),
        ("(1 | 2) in (1 | 2)", "!"),
        ("(1|2|3|4).aggregate($this + $total, 0)", "10"),
        ("(1|2|3).sum()", "6"),
        ("(1|2|3).avg()", "2"),
        ("(3|1|2).min() & (3|1|2).max()", "13"),
        ("(3|1|2).sort()", "1, 2, 3"),
        ("name.sort(-family, given.first()).use", "maiden, official, usual"),
        ("name.given.select($this & $index.toString())", "Peter0, James1, Jim2, Peter3, James4"),
        ("name.repeat(given).count()", "3"),
        ("iif(true, 1)", "1"),
        ("iif(false, 1, 2)", "2"),
        ("('a' | 'b').iif(true, 1, 2)", "!"),
        ("iif('x', 1, 2)", "!"),
        ("name.all(given.exists())", "true"),
        ("name.exists(family = 'Windsor')", "true"),
        ("name.given.isDistinct()", "false"),
        ("name.given.distinct()", "Peter, James, Jim"),
        ("{} = {}", ""),
        ("1 = {}", ""),
        ("(1 | 2) = (2 | 1)", "false"),
        ("(1 | 2) ~ (2 | 1)", "true"),
        ("{} ~ {}", "true"),
        ("name.trace('x', given).count()", "3"),
    ]);
}

#[test]
fn texts() {
    check_all(&[
        (r"'a\u0111\n\p'.length()", "4"),
        ("'abc'.substring(1, 1)", "b"),
        ("'abc'.substring(-1)", ""),
        ("'abcdefg'.indexOf('x')", "-1"),
        ("'abcdefg'.indexOf('')", "0"),
        ("'abcb'.lastIndexOf('b')", "3"),
        ("'abc'.replace('', 'x')", "xaxbxcx"),
        ("'abcdefg'.replace('cde', '123')", "ab123fg"),
        ("'11/30/1972'.replaceMatches('(?<m>\\\\d{2})/(?<d>\\\\d{2})/(?<y>\\\\d{4})', '${d}-${m}-${y}')", "30-11-1972"),
        ("'abc'.replaceMatches('(b)', '<$1>')", "a<b>c"),
        ("'abc'.matches('^b')", "false"),
        ("'abc'.matches('(')", "!"),
        ("'abc'.matchesFull('a.c')", "true"),
        ("'a,,b'.split(',').count()", "3"),
        ("('a' | 'b').join(';')", "a;b"),
        ("name.given.join()", "PeterJamesJimPeterJames"),
        ("'test'.encode('base64') & 'test'.encode('hex')", "dGVzdA==74657374"),
        ("'subjects?_d'.encode('urlbase64')", "c3ViamVjdHM_X2Q="),
        ("'c3ViamVjdHM_X2Q='.decode('urlbase64')", "subjects?_d"),
        ("'\"1<2\"'.escape('html')", "&quot;1&lt;2&quot;"),
        ("'&quot;1&lt;2&quot;'.unescape('html')", "\"1<2\""),
        ("'\"1<2\"'.escape('json')", "\\\"1<2\\\""),
        ("'Nguyễn'.upper().lower() ~ 'NGUYỄN'", "true"),
        ("'a' & {} & 'b'", "ab"),
        ("'a' + {}", ""),
        ("'a' - 'b'", "!"),
        ("1 + 'a'", "!"),
        ("(1 | 2) & 'a'", "!"),
        ("1.upper()", "!"),
        ("birthDate.toString().startsWith('1974')", "true"),
    ]);
}

#[test]
fn numbers_and_conversions() {
    check_all(&[
        ("-1.convertsToInteger()", "!"),
        ("(-1).convertsToInteger()", "true"),
        ("-name.given.count() = -5", "true"),
        ("1 + 2 * 3 + 4", "11"),
        ("7 div 2 + 7 mod 4", "6"),
        ("1 / 0", ""),
        ("1 mod 0", ""),
        ("1 / 4", "0.25"),
        ("3.14159.round(3)", "3.142"),
        ("2.5.round()", "3"),
        ("(-1.5).ceiling() & (-1.5).floor()", "-1-2"),
        ("(-2).power(3)", "-8"),
        ("2.power(-1)", "0.5"),
        ("(-1).power(0.5)", ""),
        ("16.log(2) = 4.0 and 100.0.log(10.0) = 2.0", "true"),
        ("81.sqrt() = 9.0", "true"),
        ("1.exp().round(4) = 2.7183", "true"),
        ("'1.5'.toDecimal() + 1", "2.5"),
        ("'1e3'.toDecimal()", ""),
        ("'+1'.toInteger()", "1"),
        ("1.0.toInteger()", ""),
        ("'Y'.toBoolean() and 't'.toBoolean() and 1.0.toBoolean()", "true"),
        ("'maybe'.toBoolean()", ""),
        ("'2015-02-30'.toDate()", ""),
        ("'2015-02-04T14:34:28Z'.toDate()", "2015-02-04"),
        ("'14:34:28.123'.toTime()", "14:34:28.123"),
        ("'25:00'.convertsToTime()", "false"),
        (r"'1 \'wk\''.convertsToQuantity()", "true"),
        ("'1 wk'.convertsToQuantity()", "false"),
        ("'4 days'.toQuantity()", "4 days"),
        ("(1 | 2).toString()", "!"),
        ("1.toQuantity('kg')", ""),
        ("1 'kg'.toQuantity('g').value = 1000", "true"),
        ("1.587.precision()", "3"),
        ("1.58700.precision()", "5"),
        ("@2014.precision()", "4"),
        ("@T10:30.precision()", "4"),
        ("1.58.lowBoundary(-1)", ""),
        ("0.lowBoundary(1)", "-0.5"),
        ("1.highBoundary(0)", "2"),
        ("(-120).highBoundary(2)", "-119.50"),
        ("@2014.lowBoundary(6)", "2014-01"),
        ("@2014.highBoundary(6)", "2014-12"),
        ("@2016-02.highBoundary()", "2016-02-29"),
        ("@2014-01-01T08:05+08:00.lowBoundary(8)", "2014-01-01"),
        ("@T10:30.highBoundary(9)", "10:30:59.999"),
        ("@2014-03-04T10:30.lowBoundary()", "2014-03-04T10:30:00.000+14:00"),
    ]);
}

#[test]
fn moments_and_quantities() {
    check_all(&[
        ("@2012-04-15 = @2012-04-15T10:00:00", ""),
        ("@2012-04-15 = @2012-04-16T10:00:00", "false"),
        ("@2012-04 = @2012", ""),
        ("@2012 ~ @2012-04", "false"),
        ("@T10:30 = @T10:30:00", ""),
        ("@2012-04-15T15:30:31 = @2012-04-15T15:30:31.0", "true"),
        ("@2017-11-05T01:30:00.0-04:00 > @2017-11-05T01:15:00.0-05:00", "false"),
        ("@2012-04-15 < @T10:00", "!"),
        ("1 < 'a'", "!"),
        ("birthDate < today()", "true"),
        ("birthDate < now() and now() <= now()", "true"),
        ("@1974-12-25 + 7", "!"),
        ("@1974-12-25 - 1 'cm'", "!"),
        ("@1974-12-25 + 1 'a'", "!"),
        ("@1974-12-25 + 1 'mo'", "!"),
        ("@1974-12-25 - 1 'month'", "1974-11-25"),
        ("@1974-12-25 + 2 'years'", "1976-12-25"),
        ("@1974-12-25 + 1 'fortnight'", "!"),
        ("@1973-12-25 + 7.7 days", "1974-01-01"),
        ("@2016-02-29 + 1 year", "2017-02-28"),
        ("@2016-01-31 + 1 month", "2016-02-29"),
        ("@2014 + 24 months", "2016"),
        ("@T23:00:00 + 50 hours", "01:00:00"),
        ("@T01:00:00 - 2 hours", "23:00:00"),
        ("@2020-01-01T00:00:00Z - 1 second", "2019-12-31T23:59:59Z"),
        ("@2020-01-01T00:00:00.000 + 1.5 seconds", "2020-01-01T00:00:01.500"),
        ("@2019-02-31", "!"),
        ("4.0000 'g' = 4000.0 'mg'", "true"),
        ("4 'g' ~ 4000 'mg'", "true"),
        ("7 days = 1 week and 7 days = 1 'wk' and 6 days < 1 week", "true"),
        ("1 year = 12 months", "true"),
        ("1 year = 1 'a'", ""),
        ("1 year ~ 1 'a'", "true"),
        ("1 'cm' = 1 's'", ""),
        ("1 'cm' ~ 1 's'", "false"),
        ("1 'cm' < 1 's'", ""),
        ("2.0 'cm' * 2.0 'm' = 0.040 'm2'", "true"),
        ("4.0 'g' / 2.0 'm' = 2 'g/m'", "true"),
        ("1.0 'm' / 1.0 'm' = 1 '1'", "true"),
        ("1 'kg' + 500 'g'", "1500 'g'"),
        ("-(5.5 'mg')", "-5.5 'mg'"),
        ("1 'cm'.comparable(1 'in_i')", "false"),
        ("1 'cm'.comparable(1 '[in_i]') and 1 'cm'.comparable(1 's').not()", "true"),
        ("2.54 'cm' = 1 '[in_i]'", "true"),
        ("37 'Cel' = 310.15 'K'", "true"),
    ]);
}

#[test]
fn limits_hold() {
    use mach_fhir::limits;
    let tree = Tree::parse(PATIENT).unwrap();
    let fails = |expression: &str| outcome(expression, &tree).err();
    let nested = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(fails(&nested(limits::EXPRESSION_DEPTH - 1)), None);
    assert!(fails(&nested(limits::EXPRESSION_DEPTH)).unwrap().contains("levels"));
    assert!(fails(&"-".repeat(5000)).unwrap().contains("levels"));
    assert!(fails(&format!("1{}", ".abs()".repeat(5000))).unwrap().contains("levels"));
    assert!(fails(&format!("1{}", " + 1".repeat(5000))).unwrap().contains("levels"));
    let stairs = (0..150).fold("1".to_owned(), |inner, _| format!("({inner}){}", " + 1".repeat(40)));
    assert!(fails(&stairs).unwrap().contains("levels"));
    assert!(fails(&" ".repeat(limits::EXPRESSION_BYTES + 1)).unwrap().contains("characters"));
    let doubled = format!("'{}'{}", "x".repeat(1000), ".select($this & $this)".repeat(20));
    assert!(fails(&doubled).unwrap().contains("bytes of a string"));
    let many = format!("name.given{}.count()", ".select(%resource.name.given)".repeat(12));
    assert!(fails(&many).unwrap().contains("limit"), "{many}");
    assert!(fails("'x'.matches('(a{1000}){1000}')").unwrap().contains("pattern"));
    assert!(fails("name.repeatAll($this)").unwrap().contains("limit"));
}

#[test]
fn invariants_of_the_definitions_compile() {
    use mach_fhir::path::{Expression, Mode};
    let r4 = definitions::r4();
    for (id, kind) in r4.types() {
        let own = kind.constraints.iter().map(|n| (*n, id));
        let elements = kind.elements.iter().flat_map(|e| {
            let id = e.types.first().map_or(definitions::TypeId::UNKNOWN, |t| t.id);
            e.constraints.iter().map(move |n| (*n, id))
        });
        for (number, _) in own.chain(elements) {
            let constraint = &r4.constraints[usize::from(number)];
            Expression::compile(constraint.expression, r4, definitions::TypeId::UNKNOWN, Mode::Lenient)
                .unwrap_or_else(|e| panic!("{} {}: {e}", constraint.key, constraint.expression));
        }
    }
}
