//! Random addresses, parameters and bodies of every shape: an answer of 500 or a panic is a mistake of ours, always.

use crate::oracle::Random;
use crate::support::{PROVINCE, Place};

const SEGMENTS: [&str; 22] = [
    "Patient",
    "Observation",
    "Nothing",
    "p1",
    "o1",
    "_history",
    "_search",
    "1",
    "2",
    "99999999999999999999",
    "*",
    "$everything",
    "$meta",
    "$meta-add",
    "$validate",
    "$fly",
    "metadata",
    "%20",
    "Parameters",
    "ValueSet",
    "Encounter",
    "Location",
];
const NAMES: [&str; 44] = [
    "_id",
    "_lastUpdated",
    "_tag",
    "_profile",
    "_security",
    "_text",
    "_content",
    "_list",
    "_has:Observation:patient:code",
    "_has:Observation:patient:_has:Provenance:target:agent",
    "_type",
    "_sort",
    "_count",
    "_include",
    "_include:iterate",
    "_revinclude",
    "_summary",
    "_total",
    "_elements",
    "_contained",
    "_format",
    "_pretty",
    "_filter",
    "_page",
    "_since",
    "_at",
    "_query",
    "name",
    "name:exact",
    "name:contains",
    "gender:not",
    "gender:missing",
    "birthdate",
    "identifier:of-type",
    "identifier",
    "patient.name",
    "subject:Patient.birthdate",
    "code:text",
    "value-quantity",
    "code-value-quantity",
    "near",
    "url:below",
    "date",
    "subject:identifier",
];
const VALUES: [&str; 50] = [
    "",
    "p1",
    "a,b",
    "a|b",
    "|",
    "||",
    "a|",
    "|a",
    "a$b",
    "$",
    "$$",
    "a$1|b|c",
    "1",
    "-1",
    "1e400",
    "1e-400",
    "1e99999999999",
    "99999999999999999999999999999999999999999",
    "5.4|http://unitsofmeasure.org|mg",
    "5|http://unitsofmeasure.org|[[",
    "gt",
    "ge2020",
    "ap2020-01-01T00:00:00.123456789Z",
    "9999-12-31",
    "0000",
    "0001-01-01",
    "ne2020-13-45",
    "2020-02-30",
    "sa1900",
    "true",
    "false",
    "count",
    "text",
    "*",
    "Patient:organization",
    "Observation:patient:Patient",
    ":::",
    "\\,",
    "\\",
    "Nguyễn",
    "\u{0}",
    "(name eq",
    "name eq a and (gender eq male or not (birthdate ge 2020))",
    "patient[name eq a].gender eq male",
    "[[[[",
    "1|2|3|km",
    "91|200",
    "90|180|1e9",
    "-birthdate,_id",
    "%",
];
const BODIES: [&str; 9] = [
    "",
    "{",
    r#"{"resourceType":"Patient","id":"p1","name":[{"family":"A","given":["B"]}],"birthDate":"2020-02","identifier":[{"system":"s","value":"v"}]}"#,
    r#"{"resourceType":"Observation","id":"o1","status":"final","code":{"coding":[{"code":"c"}]},"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":1.50,"code":"mg","system":"http://unitsofmeasure.org"},"effectivePeriod":{"start":"2020"}}"#,
    r#"{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient","ifNoneExist":"name=a"}},{"request":{"method":"GET","url":"Patient?name=a"}},{"request":{"method":"DELETE","url":"Patient?identifier=x"}}]}"#,
    r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Parameters"},"request":{"method":"PATCH","url":"Patient/p1"}},{"request":{"method":"PUT","url":"Patient/"}}]}"#,
    r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.name[0].given[1]"},{"name":"value","valueString":"x"}]}]}"#,
    r#"[{"op":"add","path":"/name/0/given/-","value":"x"},{"op":"move","from":"/name/0","path":"/name/0/given/0"}]"#,
    r#"<diff xmlns="http://hl7.org/fhir"><add sel="f:Patient/f:name[1]" pos="before"><active value="true"/></add></diff>"#,
];
const KINDS: [&str; 8] = [
    "application/fhir+json",
    "application/json",
    "application/fhir+xml",
    "application/json-patch+json",
    "application/xml-patch+xml",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
];
const HEADERS: [(&str, &str); 12] = [
    ("if-match", "W/\"1\""),
    ("if-match", "x"),
    ("if-none-match", "*"),
    ("if-none-exist", "name=a"),
    ("if-none-exist", "%"),
    ("prefer", "handling=strict"),
    ("prefer", "return=minimal"),
    ("prefer", "respond-async"),
    ("accept", "application/fhir+xml"),
    ("accept", "image/png"),
    ("if-modified-since", "yesterday"),
    ("x-http-method-override", "DELETE"),
];

/// A body with some of its bytes changed, doubled or lost.
fn broken(random: &mut Random, body: &str) -> String {
    let mut bytes = body.as_bytes().to_vec();
    for _ in 0..random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = random.of(b"{}[]\",:0a\\<>/'-"),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, random.of(b"{}[]\",:0a\\<>/'-")),
            _ => bytes.truncate(at),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn no_request_makes_a_server_error() {
    let full = std::env::var_os("MACH_TEST_FULL").is_some();
    let mut random = Random(0x1234_5678_9abc_def1);
    let place = Place::new();
    place.given(PROVINCE, BODIES[2]).await;
    place.given(PROVINCE, BODIES[3]).await;
    let mut answered = [0_usize; 5];
    for round in 0..if full { 40_000 } else { 3_000 } {
        let method = random.of(&["GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
        let mut path = String::from("/fhir");
        let plain = random.chance(60);
        if plain {
            path.push_str(random.of(&[
                "/Patient",
                "/Observation",
                "/Location",
                "/Patient/p1",
                "/Observation/o1",
                "/ValueSet",
                "",
            ]));
        } else {
            for _ in 0..random.below(5) {
                path.push('/');
                path.push_str(random.of(&SEGMENTS));
            }
        }
        for n in 0..random.below(4) {
            let (name, value) = (random.of(&NAMES), random.of(&VALUES));
            path.push(if n == 0 { '?' } else { '&' });
            path.push_str(&format!("{name}={}", value.replace('&', "%26").replace('#', "%23")));
        }
        let body = if method == "GET" {
            String::new()
        } else {
            let body = random.of(&BODIES);
            broken(&mut random, body)
        };
        let mut headers = vec![("content-type", random.of(&KINDS))];
        if random.chance(20) {
            headers.push(random.of(&HEADERS));
        }
        let answer = place.send(PROVINCE, method, &path, &headers, &body).await;
        let status = answer.status.as_u16();
        assert!(status < 500, "round {round}: {method} {path} {headers:?}\n{body}\n{status}: {}", answer.text);
        assert!(status < 400 || method == "HEAD" || !answer.text.is_empty(), "{method} {path}: a refusal says why");
        answered[usize::from(status / 100 - 1)] += 1;
    }
    assert!(answered[1] > 100 && answered[3] > 100, "{answered:?}: both kinds of answers are met");
    // Whoever asks after all this is answered.
    place.given(PROVINCE, BODIES[2]).await;
    assert_eq!(place.all(PROVINCE, "/fhir/Patient?_id=p1").await, ["p1"]);
}
