//! The terminology core: what R4 ships, hierarchies, filters, imports, what is not known, what is refused.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use mach_fhir::Tree;
use mach_fhir::definitions::{self, Strength};
use mach_fhir::terminology::expand::{Expansion, Options, expand};
use mach_fhir::terminology::map::Question;
use mach_fhir::terminology::{
    self, CodeSystem, ConceptMap, Entry, Library, Membership, Problem, Shelf, Subsumption, Terminology, ValueSet,
};
use std::sync::Arc;

const ANIMALS: &str = r#"{"resourceType":"CodeSystem","url":"urn:animals","version":"2","content":"complete","caseSensitive":false,
  "language":"en","valueSet":"urn:animals:all","property":[{"code":"legs","type":"integer"}],"concept":[
  {"code":"animal","display":"Animal","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
    {"code":"bird","display":"Bird","designation":[{"language":"vi","value":"Chim"}],"property":[{"code":"legs","valueInteger":2}],
      "concept":[{"code":"duck","display":"Duck","designation":[{"language":"vi","value":"Vịt"}],"property":[{"code":"legs","valueInteger":2}]}]},
    {"code":"dog","display":"Dog","property":[{"code":"legs","valueInteger":4}]},
    {"code":"dodo","display":"Dodo","property":[{"code":"inactive","valueBoolean":true},{"code":"valid-to","valueDateTime":"1681-12-31"},{"code":"parent","valueCode":"bird"}]}]},
  {"code":"pet","display":"Pet","property":[{"code":"child","valueCode":"dog"}]}]}"#;

/// A library of these resources before those of R4.
fn library(resources: &[&str]) -> Library {
    let mut shelf = Shelf::default();
    for text in resources {
        let tree = Tree::parse((*text).to_owned()).unwrap();
        let field = |name: &str| tree.root().get_text(name).unwrap_or_default().into_owned();
        let (url, version, text) = (field("url"), field("version"), (*text).to_owned());
        let again = move || Tree::parse(text.clone()).unwrap();
        match field("resourceType").as_str() {
            "CodeSystem" => {
                let all = field("valueSet");
                shelf.add_system(Entry::new(&url, &version, move || CodeSystem::read(again().root())), &all);
            }
            "ValueSet" => shelf.add_set(Entry::new(&url, &version, move || ValueSet::read(again().root()))),
            _ => shelf.add_map(Entry::new(&url, &version, move || ConceptMap::read(again().root()))),
        }
    }
    Library::new(vec![Arc::new(shelf), terminology::r4_shelf()])
}

fn set(compose: &str) -> String {
    format!(r#"{{"resourceType":"ValueSet","url":"urn:set","compose":{compose}}}"#)
}

fn codes(expansion: &Expansion) -> String {
    expansion.members.iter().map(|m| expansion.code(m)).collect::<Vec<_>>().join(" ")
}

fn expanded(library: &Library, url: &str) -> Result<String, Problem> {
    expand(library, &*library.value_set(url, None)?, &Options::default()).map(|e| codes(&e))
}

/// Bytes of memory of this process; 0 where that cannot be read.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

#[test]
fn every_definition_of_r4_is_read() {
    let before = resident();
    let shelf = terminology::r4_shelf();
    assert_eq!((shelf.systems().count(), shelf.sets().count(), shelf.maps().len()), (1063 + 2, 1317, 19));
    let mut bytes = 0;
    for entry in shelf.systems() {
        bytes += entry.get().unwrap_or_else(|e| panic!("{entry:?}: {e}")).size();
    }
    shelf.sets().for_each(|e| drop(e.get().unwrap_or_else(|p| panic!("{e:?}: {p}"))));
    shelf.maps().iter().for_each(|e| drop(e.get().unwrap_or_else(|p| panic!("{e:?}: {p}"))));
    let grown = resident().saturating_sub(before);
    eprintln!("all of R4 made ready: {} KB more memory, code systems {} KB of it", grown >> 10, bytes >> 10);
    assert!(bytes < 8 << 20 && grown < 25 << 20, "code systems of R4 take {bytes} bytes, all together {grown}");
}

#[test]
fn countries_and_currencies_are_known() {
    let library = terminology::r4();
    for (set, code, is) in [
        ("currencies", "VND", Membership::In),
        ("currencies", "VNX", Membership::Out),
        ("iso3166-1-2", "VN", Membership::In),
        ("iso3166-1-3", "VNM", Membership::In),
        ("iso3166-1-3", "VN", Membership::Out),
        ("iso3166-1-N", "704", Membership::In),
        ("iso3166-1-N", "999", Membership::Out),
    ] {
        let url = format!("http://hl7.org/fhir/ValueSet/{set}");
        assert_eq!(library.in_value_set(&url, None, code), is, "{set} {code}");
    }
    assert_eq!(library.display("urn:iso:std:iso:3166", "VN").as_deref(), Some("Vietnam"));
}

#[test]
fn every_enumerated_required_value_set_expands_to_what_the_definitions_list() {
    let (r4, library) = (definitions::r4(), terminology::r4());
    let mut tried = 0;
    let bindings = r4.types().flat_map(|(_, t)| &t.elements).filter_map(|e| e.binding);
    let mut numbers: Vec<u16> = bindings.filter(|b| b.strength == Strength::Required).map(|b| b.value_set).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let set = &r4.value_sets[usize::from(number)];
        if !set.is_known || set.systems.iter().any(|(_, codes)| codes.is_none()) {
            continue;
        }
        let found = library.value_set(set.url, None).unwrap_or_else(|e| panic!("{}: {e}", set.url));
        let expansion = expand(library, &found, &Options::default()).unwrap_or_else(|e| panic!("{}: {e}", set.url));
        let mut expect: Vec<String> =
            set.systems.iter().flat_map(|(s, c)| c.iter().flatten().map(move |c| format!("{s}|{c}"))).collect();
        let mut got: Vec<String> =
            expansion.members.iter().map(|m| format!("{}|{}", expansion.system(m).url, expansion.code(m))).collect();
        expect.sort();
        got.sort();
        assert_eq!(got, expect, "{}", set.url);
        for member in &expansion.members {
            let (system, code) = (&expansion.system(member).url, expansion.code(member));
            assert_eq!(library.in_value_set(set.url, Some(system), code), Membership::In, "{} {code}", set.url);
            assert_eq!(library.in_value_set(set.url, None, code), Membership::In, "{} {code}", set.url);
        }
        assert_eq!(library.in_value_set(set.url, None, "no-such-code"), Membership::Out, "{}", set.url);
        tried += 1;
    }
    assert!(tried > 150, "only {tried} value sets");
}

#[test]
fn codes_stand_in_a_hierarchy() {
    let library = library(&[ANIMALS]);
    let system = library.system("urn:animals", None).unwrap();
    assert_eq!(system.find("DUCK").map(|c| c.code()), Some("duck"), "the system does not care for case");
    for (a, b, expect) in [
        ("animal", "duck", Subsumption::Subsumes),
        ("duck", "animal", Subsumption::SubsumedBy),
        ("dodo", "bird", Subsumption::SubsumedBy),
        ("dog", "pet", Subsumption::SubsumedBy),
        ("dog", "dog", Subsumption::Equivalent),
        ("dog", "bird", Subsumption::Neither),
    ] {
        assert_eq!(library.subsumes("urn:animals", a, b), Some(expect), "{a} {b}");
    }
    assert_eq!(library.subsumes("urn:animals", "cat", "dog"), None);
    let duck = system.find("duck").unwrap();
    assert_eq!((duck.display_in(Some("vi-VN")), duck.display_in(Some("fr")), duck.display()), ("Vịt", "Duck", "Duck"));
    // The hierarchy of v3, told by concepts in concepts and by `child`.
    let r4 = terminology::r4();
    let role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    assert_eq!(r4.subsumes(role, "FAMMEMB", "MTH"), Some(Subsumption::Subsumes));
}

#[test]
fn includes_and_filters_take_what_they_say() {
    let check = |compose: &str, expect: &str| {
        let library = library(&[ANIMALS, &set(compose)]);
        assert_eq!(expanded(&library, "urn:set").as_deref(), Ok(expect), "{compose}");
        // What an expansion lists is in the set, what it does not list is out.
        for concept in library.system("urn:animals", None).unwrap().concepts() {
            let listed = expect.split(' ').any(|c| c == concept.code());
            let held = library.in_value_set("urn:set", Some("urn:animals"), concept.code());
            assert_eq!(held == Membership::In, listed, "{compose} {}", concept.code());
        }
    };
    let filter = |property: &str, op: &str, value: &str| {
        format!(
            r#"{{"include":[{{"system":"urn:animals","filter":[{{"property":"{property}","op":"{op}","value":"{value}"}}]}}]}}"#
        )
    };
    check(r#"{"include":[{"system":"urn:animals"}]}"#, "animal bird duck dog dodo pet");
    check(&filter("concept", "is-a", "bird"), "bird duck dodo");
    check(&filter("concept", "descendent-of", "bird"), "duck dodo");
    check(&filter("concept", "is-not-a", "bird"), "animal dog pet");
    check(&filter("concept", "generalizes", "duck"), "animal bird duck");
    check(&filter("concept", "in", "dog, duck"), "duck dog");
    check(&filter("concept", "not-in", "dog,duck"), "animal bird dodo pet");
    check(&filter("code", "regex", "d.*"), "duck dog dodo");
    check(&filter("display", "=", "Dog"), "dog");
    check(&filter("legs", "=", "2"), "bird duck");
    check(&filter("legs", "exists", "true"), "bird duck dog");
    check(&filter("legs", "exists", "false"), "animal dodo pet");
    check(&filter("parent", "=", "bird"), "duck dodo");
    check(&filter("inactive", "=", "true"), "dodo");
    check(&filter("concept", "is-a", "cat"), "");
    check(r#"{"include":[{"system":"urn:animals","concept":[{"code":"dog"},{"code":"duck"}]}]}"#, "dog duck");
    check(
        r#"{"include":[{"system":"urn:animals"}],"exclude":[{"system":"urn:animals","concept":[{"code":"dog"}]}]}"#,
        "animal bird duck dodo pet",
    );
    check(
        r#"{"include":[{"system":"urn:animals"}],"exclude":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"bird"}]}]}"#,
        "animal dog pet",
    );
    check(r#"{"inactive":false,"include":[{"valueSet":["urn:animals:all"]}]}"#, "animal bird duck dog pet");
    check(r#"{"inactive":false,"include":[{"system":"urn:animals"}]}"#, "animal bird duck dog pet");
    // The same code twice is one.
    check(
        r#"{"include":[{"system":"urn:animals","concept":[{"code":"dog"}]},{"valueSet":["urn:animals:all"]}]}"#,
        "dog animal bird duck dodo pet",
    );
}

#[test]
fn imports_are_all_asked() {
    let birds = r#"{"resourceType":"ValueSet","url":"urn:birds","version":"1","compose":{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"bird"}]}]}}"#;
    let swim = r#"{"resourceType":"ValueSet","url":"urn:swim","compose":{"include":[{"system":"urn:animals","concept":[{"code":"duck"},{"code":"dog"}]}]}}"#;
    let check = |compose: &str, expect: &str| {
        let library = library(&[ANIMALS, birds, swim, &set(compose)]);
        assert_eq!(expanded(&library, "urn:set").as_deref(), Ok(expect), "{compose}");
        for code in ["animal", "bird", "duck", "dog", "dodo", "pet"] {
            let listed = expect.split(' ').any(|c| c == code);
            assert_eq!(library.in_value_set("urn:set", None, code) == Membership::In, listed, "{compose} {code}");
        }
    };
    check(r#"{"include":[{"valueSet":["urn:birds|1"]}]}"#, "bird duck dodo");
    check(r#"{"include":[{"valueSet":["urn:birds","urn:swim"]}]}"#, "duck");
    check(r#"{"include":[{"valueSet":["urn:birds"]},{"valueSet":["urn:swim"]}]}"#, "bird duck dodo dog");
    check(r#"{"include":[{"system":"urn:animals","valueSet":["urn:swim"]}]}"#, "duck dog");
    check(r#"{"include":[{"valueSet":["urn:birds"]}],"exclude":[{"valueSet":["urn:swim"]}]}"#, "bird dodo");
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let loinc =
        r#"{"resourceType":"ValueSet","url":"urn:loinc","compose":{"include":[{"system":"http://loinc.org"}]}}"#;
    let some = r#"{"resourceType":"ValueSet","url":"urn:some","compose":{"include":[{"system":"http://loinc.org","concept":[{"code":"1-1"}]}]}}"#;
    let came = r#"{"resourceType":"ValueSet","url":"urn:came","compose":{"include":[{"system":"http://loinc.org","filter":[{"property":"CLASS","op":"=","value":"CHEM"}]}]},"expansion":{"contains":[{"system":"http://loinc.org","code":"2-2"}]}}"#;
    let part = r#"{"resourceType":"CodeSystem","url":"urn:part","content":"fragment","concept":[{"code":"a"}]}"#;
    let of_part = r#"{"resourceType":"ValueSet","url":"urn:of-part","compose":{"include":[{"system":"urn:part"}]}}"#;
    let library = library(&[loinc, some, came, part, of_part]);
    use Membership::{In, Out, Unknown};
    for (set, system, code, expect) in [
        ("urn:loinc", Some("http://loinc.org"), "1-1", Unknown),
        ("urn:loinc", Some("urn:other"), "1-1", Out),
        ("urn:some", Some("http://loinc.org"), "1-1", In),
        ("urn:some", Some("http://loinc.org"), "1-2", Out),
        ("urn:came", Some("http://loinc.org"), "2-2", In),
        ("urn:came", Some("http://loinc.org"), "3-3", Unknown),
        ("urn:of-part", Some("urn:part"), "a", In),
        ("urn:of-part", Some("urn:part"), "b", Unknown),
        ("urn:nothing", None, "a", Unknown),
        ("http://hl7.org/fhir/ValueSet/all-languages", Some("urn:ietf:bcp:47"), "vi-VN", In),
        ("http://hl7.org/fhir/ValueSet/mimetypes", None, "text/html", In),
        ("http://hl7.org/fhir/ValueSet/mimetypes", None, "html", Out),
        ("http://hl7.org/fhir/ValueSet/ucum-units", Some("http://unitsofmeasure.org"), "mg/dL", In),
        ("http://hl7.org/fhir/ValueSet/ucum-units", Some("http://unitsofmeasure.org"), "mgg", Out),
        ("http://hl7.org/fhir/ValueSet/all-distance-units", Some("http://unitsofmeasure.org"), "cm", In),
        ("http://hl7.org/fhir/ValueSet/all-distance-units", Some("http://unitsofmeasure.org"), "g", Out),
        ("http://hl7.org/fhir/ValueSet/all-time-units", Some("http://unitsofmeasure.org"), "min", In),
        ("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", None, "male", In),
        ("http://hl7.org/fhir/ValueSet/administrative-gender|9", None, "male", In),
    ] {
        assert_eq!(library.in_value_set(set, system, code), expect, "{set} {code}");
    }
    assert!(matches!(expanded(&library, "urn:loinc"), Err(Problem::Unknown(_))));
    assert_eq!(expanded(&library, "urn:came").as_deref(), Ok("2-2"), "its author's expansion serves");
    assert!(matches!(expanded(&library, "http://hl7.org/fhir/ValueSet/ucum-units"), Err(Problem::TooCostly(_))));
    assert_eq!(library.in_system("http://snomed.info/sct", "1"), Unknown);
    assert_eq!(library.in_system("http://unitsofmeasure.org", "kg"), In);
}

#[test]
fn what_is_wrong_is_refused() {
    let circle = r#"{"resourceType":"CodeSystem","url":"urn:c","content":"complete","concept":[{"code":"a","property":[{"code":"parent","valueCode":"b"}]},{"code":"b","property":[{"code":"parent","valueCode":"a"}]}]}"#;
    let twice =
        r#"{"resourceType":"CodeSystem","url":"urn:t","content":"complete","concept":[{"code":"a"},{"code":"a"}]}"#;
    let nobody = r#"{"resourceType":"CodeSystem","url":"urn:n","content":"complete","concept":[{"code":"a","property":[{"code":"parent","valueCode":"z"}]}]}"#;
    let one = r#"{"resourceType":"ValueSet","url":"urn:one","compose":{"include":[{"valueSet":["urn:two"]}]}}"#;
    let two = r#"{"resourceType":"ValueSet","url":"urn:two","compose":{"include":[{"valueSet":["urn:one"]}]}}"#;
    let library = library(&[
        circle,
        twice,
        nobody,
        one,
        two,
        ANIMALS,
        &set(r#"{"include":[{"system":"urn:animals","filter":[{"property":"wings","op":"=","value":"2"}]}]}"#),
    ]);
    for (url, word) in [("urn:c", "circle"), ("urn:t", "twice"), ("urn:n", "`z`")] {
        let Err(Problem::Invalid(text)) = library.system(url, None) else { panic!("{url} was read") };
        assert!(text.contains(word), "{text}");
    }
    for url in ["urn:one", "urn:set"] {
        assert!(matches!(expanded(&library, url), Err(Problem::Invalid(_))), "{url}");
        assert_eq!(library.in_value_set(url, None, "a"), Membership::Unknown, "{url}");
    }
}

#[test]
fn an_expansion_is_narrowed_by_words_day_and_use() {
    let library = library(&[ANIMALS]);
    let all = library.value_set("urn:animals:all", None).unwrap();
    let check = |options: Options, expect: &str| {
        assert_eq!(codes(&expand(&library, &all, &options).unwrap()), expect, "{options:?}");
    };
    let day = |t: &str| mach_base::Day::parse_iso(t);
    check(Options { filter: "vit".into(), ..Options::default() }, "duck");
    check(Options { filter: "VỊT".into(), ..Options::default() }, "duck");
    check(Options { filter: "do".into(), ..Options::default() }, "dog dodo");
    check(Options { filter: "uck".into(), ..Options::default() }, "");
    check(Options { active_only: true, ..Options::default() }, "animal bird duck dog pet");
    check(Options { choices_only: true, ..Options::default() }, "bird duck dog dodo pet");
    check(Options { day: day("1681-12-31"), ..Options::default() }, "animal bird duck dog dodo pet");
    check(Options { day: day("1682-01-01"), ..Options::default() }, "animal bird duck dog pet");
}

#[test]
fn the_latest_version_serves_who_names_none() {
    let version = |v: &str, code: &str| {
        format!(
            r#"{{"resourceType":"CodeSystem","url":"urn:v","version":"{v}","content":"complete","concept":[{{"code":"{code}"}}]}}"#
        )
    };
    let library = library(&[&version("1.10.0", "new"), &version("1.9.0", "old")]);
    assert_eq!(library.system("urn:v", None).unwrap().at(0).code(), "new");
    assert_eq!(library.system("urn:v", Some("1.9.0")).unwrap().at(0).code(), "old");
    assert!(matches!(library.system("urn:v", Some("2")), Err(Problem::Unknown(_))));
}

#[test]
fn maps_translate_there_and_back() {
    let map = r#"{"resourceType":"ConceptMap","url":"urn:map","group":[{"source":"urn:a","target":"urn:b","element":[
        {"code":"1","target":[{"code":"x","equivalence":"wider"},{"code":"y","equivalence":"equal","dependsOn":[{"property":"urn:sex","value":"F"}]}]},
        {"code":"2","target":[{"equivalence":"unmatched"}]}],"unmapped":{"mode":"fixed","code":"other"}}]}"#;
    let map = ConceptMap::read(Tree::parse(map).unwrap().root()).unwrap();
    let ask = |code: &str, reverse: bool, known: &[(&str, &str)]| {
        let known: Vec<_> = known
            .iter()
            .map(|(p, v)| terminology::map::Other { property: (*p).into(), value: (*v).into(), ..Default::default() })
            .collect();
        let system = if reverse { "urn:b" } else { "urn:a" };
        let question = Question { system, code, target_system: None, reverse, known: &known };
        let found = map.translate(question, &mut Vec::new());
        found.iter().map(|m| format!("{}:{}", m.code, m.equivalence)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ask("1", false, &[]), "x:wider");
    assert_eq!(ask("1", false, &[("urn:sex", "F")]), "x:wider y:equal");
    assert_eq!(ask("2", false, &[]), ":unmatched");
    assert_eq!(ask("9", false, &[]), "other:relatedto");
    assert_eq!(ask("x", true, &[]), "1:narrower");
    assert_eq!(ask("z", true, &[]), "");
}
