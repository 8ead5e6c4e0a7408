//! Clients that write FHIR resources in every way and remember what they were told: what was acknowledged must be there,
//! what was in doubt is there whole or not at all, and a search finds what a read finds.

use super::server::{Answer, Client};
use std::collections::BTreeMap;

/// What a client was told of a resource.
#[derive(Clone, Debug)]
struct Known {
    /// Its state; `None` where it was deleted.
    state: Option<String>,
    version: i64,
}

/// What a write that was not answered may have done: all of it, or nothing.
type Doubt = Vec<(String, Option<String>)>;

/// One client with its own resources.
pub struct Writer {
    name: String,
    dice: u64,
    next: u64,
    known: BTreeMap<String, Known>,
    doubts: Vec<Doubt>,
    /// A create whose id was never told, by its state; and whether it was conditional.
    unnamed: Option<(String, bool)>,
    pub acknowledged: u64,
    pub refused: u64,
}

/// A resource with a name that stays and a state that changes.
fn body(id: Option<&str>, name: &str, state: &str) -> String {
    let id = id.map(|id| format!(r#""id":"{id}","#)).unwrap_or_default();
    format!(
        r#"{{"resourceType":"Basic",{id}"identifier":[{{"system":"urn:name","value":"{name}"}},{{"system":"urn:state","value":"{state}"}}],"code":{{"text":"x"}}}}"#
    )
}

fn version_of(answer: &Answer) -> i64 {
    answer.header("etag").and_then(|t| t.trim().strip_prefix("W/\"")?.strip_suffix('"')?.parse().ok()).unwrap_or(0)
}

impl Writer {
    pub fn new(name: &str, seed: u64) -> Self {
        let (known, doubts) = (BTreeMap::new(), Vec::new());
        let dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { name: name.to_owned(), dice, next: 0, known, doubts, unnamed: None, acknowledged: 0, refused: 0 }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    fn new_state(&mut self) -> String {
        self.next += 1;
        format!("{}-{}", self.name, self.next)
    }

    fn pick(&mut self) -> String {
        let number = self.roll(12);
        format!("{}-r{number}", self.name)
    }

    /// Writes once, in some way; false where the connection was lost.
    pub fn write(&mut self, client: &mut Client) -> bool {
        let state = self.new_state();
        let answer = match self.roll(8) {
            0 => return self.create(client, &state, false),
            1 => return self.create(client, &state, true),
            2 => {
                let id = self.pick();
                let Some(version) = self.known.get(&id).filter(|k| k.state.is_some()).map(|k| k.version) else {
                    return true;
                };
                self.doubts.push(vec![(id.clone(), None)]);
                let answer = client.send("DELETE", &format!("/fhir/Basic/{id}"), &[], "");
                return self.settle(answer, |_| vec![version + 1]);
            }
            3 => {
                let id = self.pick();
                if self.known.get(&id).is_none_or(|k| k.state.is_none()) {
                    return true;
                }
                self.doubts.push(vec![(id.clone(), Some(state.clone()))]);
                let patch = format!(r#"[{{"op":"replace","path":"/identifier/1/value","value":"{state}"}}]"#);
                let kind = [("content-type", "application/json-patch+json")];
                client.send("PATCH", &format!("/fhir/Basic/{id}"), &kind, &patch)
            }
            4 => return self.bundle(client, "transaction"),
            5 => return self.bundle(client, "batch"),
            6 => {
                // An update by condition: the resource's name stands for its id.
                let id = self.pick();
                if self.known.get(&id).is_none_or(|k| k.state.is_none()) {
                    return true;
                }
                self.doubts.push(vec![(id.clone(), Some(state.clone()))]);
                let path = format!("/fhir/Basic?identifier=urn:name|{id}").replace('|', "%7C");
                client.send("PUT", &path, &[], &body(None, &id, &state))
            }
            _ => {
                let id = self.pick();
                self.doubts.push(vec![(id.clone(), Some(state.clone()))]);
                client.send("PUT", &format!("/fhir/Basic/{id}"), &[], &body(Some(&id), &id, &state))
            }
        };
        self.settle(answer, |answer| vec![version_of(answer)])
    }

    /// Takes an answer: doubts become knowledge, or nothing where it was refused.
    fn settle(&mut self, answer: Option<Answer>, versions: impl Fn(&Answer) -> Vec<i64>) -> bool {
        let Some(answer) = answer else { return false };
        let doubts = std::mem::take(&mut self.doubts);
        if answer.status >= 500 {
            assert!(matches!(answer.status, 503 | 507), "{answer:?}");
            assert_eq!(answer.json()["resourceType"], "OperationOutcome");
            self.refused += 1;
            // A lost server may have stored it all the same.
            self.doubts = doubts;
            return false;
        }
        assert!(answer.status < 300, "{}: {answer:?}", self.name);
        for ((id, state), version) in doubts.into_iter().flatten().zip(versions(&answer)) {
            self.known.insert(id, Known { state, version });
        }
        self.acknowledged += 1;
        true
    }

    fn create(&mut self, client: &mut Client, state: &str, conditional: bool) -> bool {
        self.unnamed = Some((state.to_owned(), conditional));
        let Some(answer) = self.send_create(client, state, conditional) else { return false };
        if answer.status >= 500 {
            self.refused += 1;
            return false;
        }
        assert_eq!(answer.status, 201, "{answer:?}");
        self.unnamed = None;
        let location = answer.header("location").unwrap().to_owned();
        let id = location.split("/Basic/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        self.known.insert(id, Known { state: Some(state.to_owned()), version: 1 });
        self.acknowledged += 1;
        true
    }

    fn send_create(&self, client: &mut Client, state: &str, conditional: bool) -> Option<Answer> {
        let condition = format!("identifier=urn:state|{state}");
        let headers: &[(&str, &str)] = if conditional { &[("if-none-exist", &condition)] } else { &[] };
        client.send("POST", "/fhir/Basic", headers, &body(None, state, state))
    }

    fn bundle(&mut self, client: &mut Client, kind: &str) -> bool {
        let first = self.roll(12);
        let entries: Doubt =
            (0..3).map(|n| (format!("{}-r{}", self.name, (first + n) % 12), Some(self.new_state()))).collect();
        let text: Vec<String> = entries
            .iter()
            .map(|(id, state)| {
                let resource = body(Some(id), id, state.as_deref().unwrap_or_default());
                format!(r#"{{"resource":{resource},"request":{{"method":"PUT","url":"Basic/{id}"}}}}"#)
            })
            .collect();
        // Entries of a batch stand each by itself.
        self.doubts = match kind {
            "batch" => entries.into_iter().map(|entry| vec![entry]).collect(),
            _ => vec![entries],
        };
        let text = format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, text.join(","));
        let answer = client.send("POST", "/fhir", &[], &text);
        if let Some(answer) = &answer
            && answer.status == 200
        {
            let json = answer.json();
            let statuses = json["entry"].as_array().unwrap().iter().map(|e| e["response"]["status"].as_str().unwrap());
            if statuses.clone().any(|s| s.starts_with('5')) {
                // Some of a batch could not be stored.
                self.refused += 1;
                return false;
            }
            assert!(statuses.clone().all(|s| s.starts_with('2')), "{}", answer.body);
        }
        self.settle(answer, |answer| {
            let json = answer.json();
            let tags =
                json["entry"].as_array().unwrap().iter().map(|e| e["response"]["etag"].as_str().unwrap().to_owned());
            tags.map(|t| t.trim_start_matches("W/\"").trim_end_matches('"').parse().unwrap()).collect()
        })
    }

    /// Whether its last write was not answered.
    pub fn is_in_doubt(&self) -> bool {
        !self.doubts.is_empty() || self.unnamed.is_some()
    }

    /// Looks at everything; settles what was in doubt.
    pub fn verify(&mut self, client: &mut Client) {
        for doubt in std::mem::take(&mut self.doubts) {
            let mut happened = Vec::new();
            for (id, state) in doubt {
                let (now, version) = self.read(client, &id);
                let before = self.known.get(&id).cloned();
                let done = now == state && version == before.as_ref().map_or(0, |k| k.version) + 1;
                let same = match &before {
                    Some(known) => now == known.state && version == known.version,
                    None => now.is_none() && version == 0,
                };
                assert!(done || same, "{id}: {now:?} version {version}, was {before:?}, perhaps {state:?}");
                if done {
                    self.known.insert(id, Known { state, version });
                }
                happened.push(done);
            }
            assert!(happened.iter().all(|h| *h == happened[0]), "half of it was stored: {happened:?}");
        }
        if let Some((state, conditional)) = self.unnamed.take() {
            let found = self.found(client, &state);
            assert!(found.len() <= 1, "{found:?}");
            if conditional {
                // Sent again it is there once, whether it was before or not.
                let answer = self.send_create(client, &state, true).unwrap();
                assert_eq!(answer.status, if found.is_empty() { 201 } else { 200 }, "{answer:?}");
            }
            for id in self.found(client, &state) {
                self.known.insert(id, Known { state: Some(state.clone()), version: 1 });
            }
        }
        for (id, known) in self.known.clone() {
            let (state, version) = self.read(client, &id);
            assert_eq!((&state, version), (&known.state, known.version), "{id}");
            if let Some(state) = &known.state {
                assert_eq!(
                    self.found(client, state),
                    std::slice::from_ref(&id),
                    "a search finds what a read finds: {state}"
                );
            }
        }
        // As many as there are, and no index row of what is not.
        let alive = self.known.iter().filter(|(_, k)| k.state.is_some()).count();
        for (id, _) in self.known.iter().filter(|(_, k)| k.state.is_none()) {
            let path = format!("/fhir/Basic?identifier=urn:name%7C{id}");
            assert_eq!(ids(&client.send("GET", &path, &[], "").unwrap()), Vec::<String>::new(), "{id} is deleted");
        }
        assert!(alive <= self.known.len());
    }

    /// Its state and version, as read and as its history's newest.
    fn read(&self, client: &mut Client, id: &str) -> (Option<String>, i64) {
        let answer = client.send("GET", &format!("/fhir/Basic/{id}"), &[], "").unwrap();
        match answer.status {
            404 => (None, 0),
            410 => {
                let history =
                    client.send("GET", &format!("/fhir/Basic/{id}/_history?_count=1"), &[], "").unwrap().json();
                let tag = history["entry"][0]["response"]["etag"].as_str().unwrap_or_default().to_owned();
                (None, tag.trim_start_matches("W/\"").trim_end_matches('"').parse().unwrap())
            }
            200 => {
                let json = answer.json();
                let version = json["meta"]["versionId"].as_str().unwrap().parse().unwrap();
                (Some(json["identifier"][1]["value"].as_str().unwrap().to_owned()), version)
            }
            _ => panic!("{id}: {answer:?}"),
        }
    }

    fn found(&self, client: &mut Client, state: &str) -> Vec<String> {
        ids(&client.send("GET", &format!("/fhir/Basic?identifier=urn:state%7C{state}"), &[], "").unwrap())
    }
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let entries = json["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect()
}
