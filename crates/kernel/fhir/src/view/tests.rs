use super::*;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","active":true,
    "name":[{"family":"Nguyễn","given":["Đức","An"]},{"family":"Trần"}],"_birthDate":{"id":"x"}}"#;

fn run(view: &str, resource: &str) -> Result<String, ViewError> {
    let view = View::compile(&Tree::parse(view).expect("JSON"))?;
    let tree = Tree::parse(resource).expect("JSON");
    let mut out = String::new();
    for row in view.rows(&tree)? {
        json_row(&mut out, view.columns(), &row);
    }
    Ok(out)
}

/// A view on `Patient` whose select is `select` and that has the further members `more`.
fn patient(select: &str, more: &str) -> Result<String, ViewError> {
    run(&format!(r#"{{"resource":"Patient","select":{select}{more}}}"#), PATIENT)
}

fn column(path: &str) -> String {
    format!(r#"[{{"column":[{{"name":"v","path":"{path}"}}]}}]"#)
}

#[test]
fn rows_of_views() {
    for (select, expect) in [
        (column("name.given.join(' ')"), r#"{"v":"Đức An"}"#),
        (column("name.suffix.join(' ')"), r#"{"v":""}"#),
        (column("name.suffix.join ( name.suffix.join(')') ) = '' and 'join()' = 'join(' + ')'"), r#"{"v":true}"#),
        (column("birthDate"), r#"{"v":null}"#),
        (column("name[1]"), r#"{"v":{"family":"Trần"}}"#),
        (column("birthDate.id"), r#"{"v":"x"}"#),
        (column("elementOfAnotherVersion"), r#"{"v":null}"#),
        (column("%`vs-x` & '%none' /* %none */"), r#"{"v":"http://hl7.org/fhir/ValueSet/x%none"}"#),
        (r#"[{"forEach":"name","column":[{"name":"n","path":"%rowIndex"}]}]"#.into(), r#"{"n":0}{"n":1}"#),
        (
            r#"[{"forEach":"name","column":[{"name":"a","path":"family"}]},
                {"forEach":"name.given","column":[{"name":"b","path":"$this"}]}]"#
                .into(),
            concat!(
                r#"{"a":"Nguyễn","b":"Đức"}{"a":"Nguyễn","b":"An"}"#,
                r#"{"a":"Trần","b":"Đức"}{"a":"Trần","b":"An"}"#
            ),
        ),
    ] {
        assert_eq!(patient(&select, "").as_deref(), Ok(expect), "{select}");
    }
}

#[test]
fn other_resources_and_unmet_conditions_give_nothing() {
    let select = column("id");
    assert_eq!(patient(&select, r#","where":[{"path":"active"}]"#).as_deref(), Ok(r#"{"v":"p"}"#));
    assert_eq!(patient(&select, r#","where":[{"path":"active.not()"}]"#).as_deref(), Ok(""));
    assert_eq!(patient(&select, r#","where":[{"path":"birthDate"}]"#).as_deref(), Ok(""));
    let other = run(&format!(r#"{{"resource":"Device","select":{select}}}"#), PATIENT);
    assert_eq!(other.as_deref(), Ok(""));
}

#[test]
fn refusals_tell_where() {
    let ok = column("id");
    for (select, more, expect) in [
        ("[]", "", "`select`"),
        ("{}", "", "`select`"),
        (r#"[{"column":[{"name":"v"}]}]"#, "", "`select[0].column[0].path`"),
        (r#"[{"column":[{"path":"id"}]}]"#, "", "has a name"),
        (r#"[{"column":[{"name":"1v","path":"id"}]}]"#, "", "`1v` is no name"),
        (r#"[{"column":[{"name":"v","path":"id","collection":"yes"}]}]"#, "", "true or false"),
        (r#"[{"column":[{"name":"v","path":"id"},{"name":"v","path":"id"}]}]"#, "", "two columns are named `v`"),
        (r#"[{"column":[{"name":"v","path":"name.family"}]}]"#, "", "column `v` has 2 values"),
        (r#"[{"column":[{"name":"v","path":"name[0]","type":"string"}]}]"#, "", "declared `string`"),
        (r#"[{"column":[{"name":"v","path":"gender = %g"}]}]"#, "", "`%g` is not defined"),
        (r#"[{"column":[{"name":"v","path":"id +"}]}]"#, "", "`select[0].column[0].path`, expression `id +`"),
        (r#"[{"forEach":"name","repeat":["name"]}]"#, "", "only one of"),
        (r#"[{"forEachOrNull":"name","forEach":"name"}]"#, "", "only one of"),
        (r#"[{"repeat":"name"}]"#, "", "`select[0].repeat`"),
        (r#"[{"repeat":["$this"]}]"#, "", "the limit of levels of `repeat`"),
        (
            r#"[{"unionAll":[{"column":[{"name":"v","path":"id","type":"id"}]},
                {"column":[{"name":"v","path":"active","type":"boolean"}]}]}]"#,
            "",
            "`select[0].unionAll[1]`: the column `v` is of another type",
        ),
        (&ok, r#","where":[{}]"#, "`where[0].path`"),
        (&ok, r#","where":[{"path":"name.family"}]"#, "2 items"),
        (&ok, r#","where":[{"path":"id"}]"#, "one `id`"),
        (&ok, r#","resourceType":"Patient""#, "no ViewDefinition"),
        (&ok, r#","constant":[{"name":"a"}]"#, "has one value"),
        (&ok, r#","constant":[{"name":"a","valueCode":"b","valueUri":"c"}]"#, "has one value"),
        (&ok, r#","constant":[{"name":"a","valueCode":1}]"#, "`constant[0].valueCode`"),
        (&ok, r#","constant":[{"name":"a","valueDate":"soon"}]"#, "`constant[0].valueDate`"),
        (&ok, r#","constant":[{"name":"a","valuePositiveInt":0}]"#, "`constant[0].valuePositiveInt`"),
        (&ok, r#","constant":[{"name":"a","valueInteger":1.5}]"#, "`constant[0].valueInteger`"),
        (&ok, r#","constant":[{"name":"rowIndex","valueInteger":1}]"#, "already defined"),
    ] {
        let got = patient(select, more).map_err(|e| e.to_string());
        assert!(got.as_ref().is_err_and(|e| e.contains(expect)), "{select} {more} gives {got:?}, wants {expect}");
    }
    for view in [r#"{"select":[]}"#, r#"{"resource":"Nobody","select":[]}"#, "[]"] {
        assert!(matches!(run(view, PATIENT), Err(ViewError::Definition { .. })), "{view}");
    }
}

#[test]
fn a_resource_gives_as_many_rows_as_the_limit_and_no_more() {
    // Rows multiply from list to list: 100 × 100 × 100 is the limit.
    let names = vec![r#"{"family":"x"}"#; 100].join(",");
    let rows = |last: &str| {
        let each = |path: &str| format!(r#"{{"forEach":"{path}"}}"#);
        let view = format!(r#"{{"resource":"Patient","select":[{},{},{}]}}"#, each("name"), each("name"), each(last));
        let view = View::compile(&Tree::parse(view).expect("JSON")).expect("a view");
        let more = r#""contact":[{"gender":"male"}]"#;
        let tree = Tree::parse(format!(r#"{{"resourceType":"Patient","name":[{names}],{more}}}"#)).expect("JSON");
        view.rows(&tree).map(|rows| rows.len())
    };
    assert_eq!(rows("name"), Ok(ROWS_PER_RESOURCE));
    assert_eq!(rows("name.combine(contact)"), Err(ViewError::Limit("rows of a resource")));
}

#[test]
fn a_view_has_as_many_columns_as_the_limit_and_no_more() {
    let compiled = |count: usize| {
        let columns: Vec<_> = (0..count).map(|n| format!(r#"{{"name":"v{n}","path":"id"}}"#)).collect();
        let view = format!(r#"{{"resource":"Patient","select":[{{"column":[{}]}}]}}"#, columns.join(","));
        View::compile(&Tree::parse(view).expect("JSON")).map(|view| view.columns().len())
    };
    assert_eq!(compiled(COLUMNS), Ok(COLUMNS));
    assert_eq!(compiled(COLUMNS + 1), Err(ViewError::Limit("columns")));
}

#[test]
fn cells_in_csv_and_json() {
    let text = |t: &str| Cell::Text(t.to_owned());
    for (cell, csv, json) in [
        (Cell::Null, "", "null"),
        (text(""), "\"\"", "\"\""),
        (text("Đức"), "Đức", "\"Đức\""),
        (text("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"", "\"a,\\\"b\\\"\\nc\""),
        (text(" a"), "\" a\"", "\" a\""),
        (Cell::Bool(false), "false", "false"),
        (Cell::Integer(-7), "-7", "-7"),
        (Cell::Decimal("1.00".into()), "1.00", "1.00"),
        (Cell::List(vec![]), "[]", "[]"),
        (Cell::List(vec![text("a"), Cell::Integer(1)]), "\"[\"\"a\"\",1]\"", "[\"a\",1]"),
        (Cell::Json("{\"a\":\n1}".into()), "\"{\"\"a\"\":1}\"", "{\"a\":1}"),
    ] {
        let columns = [Column { name: "v".into(), kind: None, is_collection: false }];
        let row = [cell];
        let (mut as_csv, mut as_json) = (String::new(), String::new());
        csv_header(&mut as_csv, &columns);
        csv_row(&mut as_csv, &row);
        json_row(&mut as_json, &columns, &row);
        assert_eq!(as_csv, format!("v\r\n{csv}\r\n"));
        assert_eq!(as_json, format!("{{\"v\":{json}}}"));
    }
}

#[test]
fn decimals_keep_their_digits() {
    let view =
        r#"{"resource":"Observation","select":[{"column":[{"name":"v","path":"value.ofType(Quantity).value"}]}]}"#;
    for digits in ["1.00", "37", "0.10", "1e-3"] {
        let resource = format!(r#"{{"resourceType":"Observation","valueQuantity":{{"value":{digits}}}}}"#);
        assert_eq!(run(view, &resource), Ok(format!("{{\"v\":{digits}}}")));
    }
}

/// A Python with pyarrow, in a folder below `target` that is made the first time; `None`, said loudly, where there is none.
pub(super) fn pyarrow() -> Option<std::path::PathBuf> {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().find(|p| p.join("Cargo.lock").exists())?;
    let venv = root.join("target/pyarrow");
    let python = venv.join("bin/python");
    let has = |python: &std::path::Path| {
        let out = std::process::Command::new(python).args(["-c", "import pyarrow.parquet"]).output();
        out.is_ok_and(|out| out.status.success())
    };
    if !has(&python) {
        let run = |program: &std::ffi::OsStr, args: &[&str]| {
            let out = std::process::Command::new(program).args(args).output();
            out.is_ok_and(|out| out.status.success())
        };
        let made = run("python3".as_ref(), &["-m", "venv", &venv.to_string_lossy()])
            && run(python.as_os_str(), &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pyarrow"]);
        if !made || !has(&python) {
            eprintln!(
                "SKIPPED: Parquet is not read back: there is no python3 with venv, or pyarrow cannot be installed"
            );
            return None;
        }
    }
    Some(python)
}
