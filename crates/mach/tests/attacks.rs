//! Attacks on the program as it is served, class by class (`docs/security.md`): what must not happen does not.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]
#![expect(dead_code, reason = "each test uses some of what they share")]

#[path = "support/attacked.rs"]
mod attacked;
#[path = "support/server.rs"]
mod server;
mod support;

use attacked::{House, PASSWORD};
use mach_access::{Act, Actor, decide};
use mach_store::people;
use server::store_of;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use support::{digest, mach, run};

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

/// What an answer must not tell: how it was made.
const INNARDS: [&str; 10] = [
    "SELECT ",
    "rusqlite",
    "syntax error",
    "no such column",
    "panicked",
    ".rs:",
    "/root/",
    "index_token",
    "stack backtrace",
    "sqlite",
];

/// What the store says; what it is found by is still being written after an import.
fn content(data: &std::path::Path) -> String {
    digest(data).lines().filter(|line| !line.starts_with("index_")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn names_and_values_of_filters_are_never_statements() {
    let house = House::new("attack-filters", |_| {});
    let before = content(&house.root.join("data"));
    let (leader, bearer) = (house.sign_in("lanh"), house.bearer());
    let payloads = [
        "' OR 1=1 --",
        "\"; DROP TABLE account; --",
        "1) UNION SELECT password FROM account --",
        "name,(select 1)",
        "id;",
        "%",
        "_",
        "\\",
        "\0",
        "../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "${7*7}",
        "{{7*7}}",
        "<script>alert(1)</script>",
        "\u{202e}abc",
        "-1",
        "1e309",
        "9223372036854775808",
        "2026-13-45",
        "null",
    ];
    let pages = [
        "/people?q={}",
        "/people?q=a&after={}",
        "/people/{}",
        "/claims?state={}",
        "/claims?after={}",
        "/claims/{}",
        "/claims/files?after={}",
        "/hoc?period={}",
        "/hoc?from={}&to={}",
        "/hoc/claims?indicator={}",
        "/hoc/claims?sort={}",
        "/hoc/indicators/{}",
        "/hoc/diseases?by={}",
        "/api/indicators/{}",
        "/api/indicators/1?by={}",
        "/sign-in?next={}",
        "/nothing/{}",
    ];
    let searches = [
        "/fhir/Patient?_sort={}",
        "/fhir/Patient?_sort=-{}",
        "/fhir/Patient?{}=1",
        "/fhir/Patient?name={}",
        "/fhir/Patient?name:{}=a",
        "/fhir/Observation?code={}",
        "/fhir/Observation?value-quantity={}",
        "/fhir/Observation?date={}",
        "/fhir/Observation?subject:Patient.{}=a",
        "/fhir/Patient?_has:Observation:patient:{}=a",
        "/fhir/Patient?_include={}",
        "/fhir/Patient?_elements={}",
        "/fhir/Patient?_count={}",
        "/fhir/Patient?_filter={}",
        "/fhir/Patient?_lastUpdated={}",
        "/fhir/{}",
        "/fhir/Patient/{}",
        "/fhir/Patient/p/_history/{}",
        "/fhir/Patient?_format={}",
        "/fhir/$export?_type={}",
        "/fhir/CodeSystem/$lookup?code={}",
        "/fhir/bulk/{}/x",
    ];
    let mut asked = 0;
    for payload in payloads {
        for (list, header) in
            [(&pages[..], ("cookie", leader.as_str())), (&searches[..], ("authorization", bearer.as_str()))]
        {
            for page in list {
                let path = page.replace("{}", &encoded(payload));
                let answer = house.get(&path, &[header]);
                assert!((200..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
                for innards in INNARDS {
                    // What was asked for may be said back, escaped.
                    let said = answer.body.contains(innards)
                        && !payload.to_lowercase().contains(&innards.to_lowercase().trim().to_owned());
                    assert!(!said, "{path} tells `{innards}`: {}", answer.body);
                }
                // In a page it would run; in JSON, served as such and never sniffed, it is a text.
                let page = answer.header("content-type").iter().any(|kind| kind.contains("html"));
                assert!(!page || !answer.body.contains("<script>alert(1)"), "{path}: {}", answer.body);
                assert_eq!(answer.header("x-content-type-options"), ["nosniff"], "{path}");
                assert!(!answer.body.contains("root:x:0"), "{path}");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, payloads.len() * (pages.len() + searches.len()));
    drop(leader);
    let after = content(&house.root.join("data"));
    assert_eq!(before, after, "nothing was changed");
}

#[test]
fn another_site_changes_nothing_and_reading_changes_nothing() {
    let house = House::new("attack-csrf", |_| {});
    let (leader, admin) = (house.sign_in("lanh"), house.sign_in("quantri1975"));
    let changing = [
        "/sign-out",
        "/lock",
        "/prove",
        "/account/password",
        "/account/second-factor",
        "/account/second-factor/new",
        "/account/second-factor/remove",
        "/account/sessions/0/end",
        "/admin/accounts/new",
        "/admin/accounts/1",
        "/admin/accounts/1/recovery",
        "/admin/recoveries/1",
        "/claims/send",
        "/claims/1/recheck",
        "/people/review/1",
        "/people/merges/1/undo",
        "/api/claims",
        "/sign-in",
        "/recover",
    ];
    let foreign = [
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("origin", "https://evil.test")],
        vec![("origin", "null")],
        vec![("origin", "http://mach.test.evil.test")],
    ];
    for path in changing {
        for session in [&leader, &admin] {
            for from in &foreign {
                let headers = [from.as_slice(), &[("cookie", session.as_str())]].concat();
                let answer = house.post(path, &headers, "role=administrator&password=x");
                assert_eq!(answer.status, 403, "{path} {from:?}: {}", answer.body);
                assert!(answer.session().is_none(), "{path}: no session is given or ended");
            }
        }
    }
    // Both are signed in still.
    assert_eq!(house.get("/hoc", &[("cookie", &leader)]).status, 200);
    // An administrator without a second factor is sent to make one, not to sign in.
    let sent = house.get("/admin/accounts", &[("cookie", &admin)]);
    assert!(sent.header("location").iter().all(|to| !to.starts_with("/sign-in")), "{}", sent.head);
    for path in [
        "/sign-out",
        "/lock",
        "/account/second-factor/new",
        "/account/second-factor/remove",
        "/claims/1/recheck",
        "/admin/recoveries/1",
    ] {
        for session in [&leader, &admin] {
            let answer = house.get(path, &[("cookie", session)]);
            assert!(matches!(answer.status, 404 | 405), "GET {path}: {}", answer.status);
        }
    }
    let cookie = house.post("/sign-in", &[], &format!("username=lanh&password={}", PASSWORD.replace(' ', "+")));
    let cookie = cookie.header("set-cookie").join("\n").to_lowercase();
    assert!(cookie.contains("httponly") && cookie.contains("samesite=lax"), "{cookie}");
}

#[test]
fn what_people_are_called_is_never_a_script() {
    const SCRIPTS: [&str; 4] = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'-alert(1)-'",
        "</title><svg/onload=alert(1)>",
    ];
    let console = decide(&Actor::console(), Act::Administer).unwrap();
    let house = House::new("attack-scripts", |store| {
        for (n, script) in SCRIPTS.into_iter().enumerate() {
            let id = n as i64 + 1;
            store
                .write(&console, move |tx| {
                    let mut row = people::person(tx, id)?.unwrap();
                    for field in [&mut row.name, &mut row.address, &mut row.ethnicity, &mut row.occupation] {
                        script.clone_into(field);
                    }
                    (row.national, row.insurance, row.phone) =
                        (Some(script.to_owned()), Some(script.to_owned()), Some(script.to_owned()));
                    people::update_person(tx, &row)
                })
                .unwrap();
            let mut command = mach();
            let data = std::env::temp_dir().join(format!("mach-attack-scripts-{}", std::process::id())).join("data");
            command.arg("--data").arg(data).args([
                "account",
                "set",
                &format!("n{n}"),
                "--role",
                "leader",
                "--display",
                script,
            ]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
        }
    });
    let (leader, admin) = (house.sign_in("n0"), house.sign_in("quantri1975"));
    let mut seen = 0;
    let mut pages: Vec<(String, &str)> = (1..=4).map(|n| (format!("/people/{n}"), leader.as_str())).collect();
    pages.extend(["/hoc", "/people", "/claims", "/account"].map(|p| (p.to_owned(), leader.as_str())));
    pages.extend(["/admin/accounts", "/admin/accounts/1", "/admin/accounts/3"].map(|p| (p.to_owned(), admin.as_str())));
    pages.extend(SCRIPTS.map(|s| (format!("/people?q={}", encoded(s)), leader.as_str())));
    for (path, session) in pages {
        let answer = house.get(&path, &[("cookie", session)]);
        assert!(answer.status < 500, "{path}: {}", answer.status);
        for script in ["<script>alert", "<img src=x", "<svg/onload"] {
            assert!(!answer.body.contains(script), "{path} has {script}");
        }
        seen += usize::from(answer.body.contains("alert(1)"));
        assert!(answer.header("content-security-policy")[0].contains("default-src 'self'"), "{path}");
        assert!(!answer.header("content-security-policy")[0].contains("unsafe"), "{path}");
        assert_eq!(
            (answer.header("x-content-type-options"), answer.header("cache-control")),
            (vec!["nosniff"], vec!["no-store"]),
            "{path}"
        );
    }
    assert!(seen >= 6, "they were on the pages, as text: {seen}");
}

#[test]
fn hostile_documents_are_refused_and_read_nothing() {
    let house = House::new("attack-documents", |_| {});
    let bearer = house.bearer();
    let key = run(mach().args(store_of(&house.root.join("data"), None)).args([
        "key",
        "new",
        "--facility",
        "46001",
        "--name",
        "h",
    ]));
    let key = format!("Bearer {}", String::from_utf8_lossy(&key.stdout).trim());
    let entity = "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
    let bomb = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\">{}]>",
        (0..9)
            .map(|n| format!("<!ENTITY {} \"{}\">", (b'b' + n) as char, format!("&{};", (b'a' + n) as char).repeat(10)))
            .collect::<String>()
    );
    let deep = "<a>".repeat(100_000);
    let fhir = |prefix: &str, name: &str| {
        format!("{prefix}<Patient xmlns=\"http://hl7.org/fhir\"><name><text value=\"{name}\"/></name></Patient>")
            .into_bytes()
    };
    let claim = |prefix: &str, name: &str| {
        format!("{prefix}<GIAMDINHHS><THONGTINDONVI><MACSKCB>{name}</MACSKCB></THONGTINDONVI></GIAMDINHHS>")
            .into_bytes()
    };
    let zip =
        b"PK\x03\x04\x14\0\0\0\x08\0\0\0!\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\x14\0\0\0../../../../tmp/slipped".to_vec();
    let exe = [b"MZ\x90\0".as_slice(), &[0; 4096]].concat();
    let json_bomb = "[".repeat(1_000_000).into_bytes();
    let cases: Vec<(&str, &str, &str, Vec<u8>)> = vec![
        ("/fhir/Patient", "application/fhir+xml", &bearer, fhir(entity, "&x;")),
        ("/fhir/Patient", "application/fhir+xml", &bearer, fhir(&bomb, "&j;")),
        ("/fhir/Patient", "application/fhir+xml", &bearer, deep.clone().into_bytes()),
        ("/fhir/Patient", "application/fhir+json", &bearer, json_bomb),
        ("/fhir/Patient", "application/fhir+json", &bearer, exe.clone()),
        ("/fhir/Patient", "application/x-java-serialized-object", &bearer, b"\xac\xed\0\x05sr".to_vec()),
        (
            "/fhir",
            "application/fhir+json",
            &bearer,
            br#"{"resourceType":"Bundle","type":"transaction","entry":{"a":1}}"#.to_vec(),
        ),
        ("/api/claims", "application/xml", &key, claim(entity, "&x;")),
        ("/api/claims", "application/xml", &key, claim(&bomb, "&j;")),
        ("/api/claims", "application/xml", &key, deep.into_bytes()),
        ("/api/claims", "application/zip", &key, zip.clone()),
        ("/api/claims", "application/octet-stream", &key, exe.clone()),
    ];
    for (path, kind, who, body) in cases {
        let answer = house.ask("POST", path, &[("authorization", who), ("content-type", kind)], &body);
        let begin = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert!((400..500).contains(&answer.status), "{path} {begin}: {} {}", answer.status, answer.body);
        assert!(
            !answer.body.contains("root:") && !answer.body.contains("aaaaaaaaaaaaaaaaaaaa"),
            "{path} {begin}: {}",
            answer.body
        );
    }
    assert!(!PathBuf::from("/tmp/slipped").exists());
    // By the form of the pages the same: told, and nothing of it served back as a page.
    let leader = house.sign_in("lanh");
    for (name, body) in [("a.xml", exe), ("../../x.zip", zip), ("<script>.xml", claim(entity, "&x;"))] {
        let mut form = format!("--b\r\ncontent-disposition: form-data; name=\"files\"; filename=\"{name}\"\r\ncontent-type: text/html\r\n\r\n").into_bytes();
        form.extend(body);
        form.extend(b"\r\n--b--\r\n");
        let answer = house.ask(
            "POST",
            "/claims/send",
            &[("cookie", &leader), ("content-type", "multipart/form-data; boundary=b")],
            &form,
        );
        assert!(answer.status < 500, "{name}: {} {}", answer.status, answer.body);
        assert!(!answer.body.contains("root:") && !answer.body.contains("<script>.xml"), "{name}: {}", answer.body);
    }
    assert_eq!(house.get("/healthz", &[]).status, 200);
}

#[test]
fn the_server_calls_and_sends_nobody_where_others_say() {
    let house = House::new("attack-addresses", |_| {});
    let bearer = house.bearer();
    let json = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
    for (n, endpoint) in [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/x",
        "http://localhost:1/x",
        "http://[::1]:1/x",
        "http://0x7f000001/x",
        "http://2130706433/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/x",
        "https://receiver.example@127.0.0.1/x",
        "https://not-listed.example/x",
    ]
    .into_iter()
    .enumerate()
    {
        let body = format!(
            r#"{{"resourceType":"Subscription","id":"s{n}","status":"requested","reason":"t","criteria":"Patient?active=true","channel":{{"type":"rest-hook","endpoint":"{endpoint}"}}}}"#
        );
        let answer = house.ask("PUT", &format!("/fhir/Subscription/s{n}"), &json, body.as_bytes());
        let state = house.get(&format!("/fhir/Subscription/s{n}"), &[("authorization", &bearer)]).body;
        assert!(
            answer.status == 422 || answer.status == 400 || !state.contains("\"active\""),
            "{endpoint}: {} {state}",
            answer.status
        );
    }
    for url in ["http://169.254.169.254/x", "file:///etc/passwd", "file:../../../etc/passwd", "https://evil.test/x"] {
        let body = format!(
            r#"{{"resourceType":"Parameters","parameter":[{{"name":"input","part":[{{"name":"url","valueUrl":"{url}"}},{{"name":"inputType","valueCode":"Patient"}}]}}]}}"#
        );
        let headers = [&json[..], &[("prefer", "respond-async")]].concat();
        let answer = house.ask("POST", "/fhir/$import", &headers, body.as_bytes());
        assert!((400..500).contains(&answer.status), "{url}: {} {}", answer.status, answer.body);
        assert!(!answer.body.contains("root:x"), "{url}");
    }
    // Nor is a browser sent elsewhere.
    for next in [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test/",
        "\\\\evil.test",
        "javascript:alert(1)",
        "/\t/evil.test",
        "https:evil.test",
        "/%0d%0aset-cookie:x=1",
    ] {
        let form = format!("username=lanh&password={}&next={}", PASSWORD.replace(' ', "+"), encoded(next));
        let answer = house.post("/sign-in", &[], &form);
        let to = answer.header("location");
        assert!(
            to.len() == 1 && to[0].starts_with('/') && !to[0].starts_with("//") && !to[0].contains(['\\', '\t']),
            "{next}: {to:?}"
        );
        assert!(
            !answer.head.to_lowercase().contains("\nset-cookie: x=1") && !answer.head.contains("\nset-cookie:x"),
            "{next}"
        );
        let page = house.get(&format!("/sign-in?next={}", encoded(next)), &[]);
        assert!(!page.body.contains("value=\"https://evil") && !page.body.contains("value=\"//evil"), "{next}");
    }
}

#[test]
fn sessions_are_new_and_end_and_names_are_not_told() {
    let house = House::new("attack-sessions", |_| {});
    // A session that somebody planted is not the one that is signed in.
    let planted = "mach_session=0000000000000000000000000000000000000000000000000000000000000000";
    let form = format!("username=lanh&password={}", PASSWORD.replace(' ', "+"));
    let given = house.post("/sign-in", &[("cookie", planted)], &form).session().unwrap();
    assert!(given != planted && given.len() > 70);
    assert_eq!(house.get("/hoc", &[("cookie", &given)]).status, 200);
    assert_eq!(house.get("/hoc", &[("cookie", planted)]).status, 303);
    assert_eq!(house.post("/sign-out", &[("cookie", &given)], "").status, 303);
    assert_eq!(house.get("/hoc", &[("cookie", &given)]).status, 303, "signed out is signed out");
    for cookie in ["mach_session=", "mach_session=x", "mach_session=' OR 1=1 --", "mach_session=../x"] {
        assert_eq!(house.get("/hoc", &[("cookie", cookie)]).status, 303, "{cookie}");
    }

    // A name that there is answers as one that there is not, before and after it rests.
    let tries = |name: &str| -> Vec<(u16, String)> {
        let one = |_| {
            let answer = house.post("/sign-in", &[], &format!("username={name}&password=not+the+password"));
            (answer.status, answer.body.replace(name, "NAME"))
        };
        (0..10).map(one).collect()
    };
    let (known, unknown) = (tries("quantri1975"), tries("aiaido1975"));
    for (n, (a, b)) in known.iter().zip(&unknown).enumerate() {
        assert_eq!(a, b, "try {n}");
    }
    assert_ne!(known[0].1, known[9].1, "it rests");

    // One address has only so many tries, whatever names it takes; a proxy that is named says which address.
    let from = |address: &'static str, n: usize| {
        house.post("/sign-in", &[("x-forwarded-for", address)], &format!("username=n{n}&password=not+the+password"))
    };
    let mut refused = None;
    for n in 0..=mach_base::limits::DOOR_BURST as usize + 20 {
        let answer = from("203.0.113.9", n);
        if answer.status == 429 {
            refused = Some((n, answer));
            break;
        }
        assert_eq!(answer.status, 401);
    }
    let (n, answer) = refused.unwrap();
    assert!(n >= mach_base::limits::DOOR_BURST as usize, "not before its burst: {n}");
    let wait: u64 = answer.header("retry-after")[0].parse().unwrap();
    assert!((1..=60).contains(&wait) && answer.header("retry-after").len() == 1);
    assert_eq!(from("198.51.100.7", 0).status, 401, "another address goes on");

    // What was typed stands nowhere.
    let log = house.serving.log.lock().unwrap().clone();
    for secret in [PASSWORD, "not the password", given.split('=').nth(1).unwrap(), &house.token] {
        assert!(!log.contains(secret), "the log has {secret}");
    }
}

#[test]
fn a_person_searches_at_the_pace_of_a_person() {
    let house = House::new("attack-pace", |_| {});
    let leader = house.sign_in("lanh");
    let burst = mach_base::limits::PEOPLE_SEARCH_BURST as usize;
    let statuses: Vec<u16> = (0..burst * 2)
        .map(|n| house.get(&format!("/people?q=nguyen+{}", n % 7), &[("cookie", &leader)]).status)
        .collect();
    let first = statuses.iter().position(|s| *s == 429).unwrap();
    assert!(first >= burst && statuses[..first].iter().all(|s| *s == 200), "{statuses:?}");
    let answer = house.get("/people?q=nguyen", &[("cookie", &leader)]);
    assert!(answer.status == 429 && answer.header("retry-after").len() == 1, "{}", answer.head);
    assert_eq!(house.get("/hoc", &[("cookie", &leader)]).status, 200, "other pages go on");
}
