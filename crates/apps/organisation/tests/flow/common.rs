//! A facility as it is typed, and a store to keep it in.

use mach_access::{Act, Actor, Decision, Role, decide};
use mach_base::Day;
use mach_fhir::ResourceType;
use mach_organisation::acts;
use mach_organisation::check;
use mach_organisation::keep::{self, By, Keys, No};
use mach_organisation::kinds::Kinds;
use mach_organisation::read;
use mach_organisation::sheet::{DEPARTMENTS, Draft, FACILITY, ROOMS, SERVICES, STAFF};
use mach_store::{Store, resources};
use mach_ui::Lang;

pub struct World {
    pub store: Store,
    pub admin: Decision,
}

pub fn by() -> By {
    By { account: 7, name: "Quản trị".into(), lang: Lang::Vi, facility: None }
}

/// A row of texts.
pub fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

/// A facility with two people.
pub fn draft() -> Draft {
    let mut draft = Draft::default();
    draft.sheets[FACILITY].push(row(&[
        "clinic",
        "Phòng khám Thử",
        "46X01",
        "8930000000002",
        "19789",
        "1 Lê Lợi",
        "0234",
        "2026-01-01",
    ]));
    draft.install(Kinds::shared().kind("clinic").expect("a kind"));
    draft.sheets[SERVICES][0][2] = "45000".to_owned();
    draft.sheets[STAFF] = vec![
        row(&[
            "Trần Thị Bình",
            "nurse",
            "0002/H-GPHN",
            "Điều dưỡng",
            "2020-01-01",
            "2030-01-01",
            "KB",
            "T2-T6 07:00-11:30; T7 07:00-11:00",
            "dd.binh",
            "clinician",
            "",
        ]),
        row(&["Nguyễn Văn An", "doctor", "0001/H-GPHN", "Nội khoa", "2019-05-01", "", "KB", "", "", "", ""]),
    ];
    draft
}

/// A facility of this code with that content.
pub fn draft_of(code: &str) -> Draft {
    let mut draft = draft();
    draft.set(FACILITY, 0, "code", code);
    draft.set(FACILITY, 0, "gln", "");
    (0..2).for_each(|row| draft.set(STAFF, row, "account", ""));
    draft
}

/// The same without the ids of its people.
pub fn without_ids(draft: &Draft) -> Draft {
    let mut draft = draft.clone();
    (0..draft.sheets[STAFF].len()).for_each(|row| draft.set(STAFF, row, "id", ""));
    draft
}

/// The draft as it is read back: sorted, without what accounts were asked for.
pub fn expected(mut draft: Draft) -> Draft {
    for n in [DEPARTMENTS, ROOMS, SERVICES] {
        draft.sheets[n].sort();
    }
    draft.sheets[SERVICES].iter_mut().filter(|r| r[2].is_empty()).for_each(|r| r[3].clear());
    draft.sheets[STAFF].sort_by_key(|r| mach_base::text::name_key(&r[0]));
    draft.sheets[STAFF].iter_mut().for_each(|r| r[8..].iter_mut().for_each(String::clear));
    draft
}

impl World {
    pub fn new(home: &mach_test_engines::Home) -> Self {
        let admin = decide(&Actor { account: 7, role: Role::Administrator, ..Actor::console() }, Act::Administer);
        Self { store: home.open(), admin: admin.expect("administrators look after facilities") }
    }

    pub fn install(&self, draft: &Draft) -> Result<Vec<keep::Opened>, Vec<check::Flaw>> {
        let (draft, keys) = (draft.clone(), Keys::of(draft).expect("keys"));
        self.store.write(&self.admin, move |tx| keep::install(tx, &draft, &keys, &by())).expect("written")
    }

    pub fn facility(&self, code: &str) -> Option<read::Facility> {
        let mut reader = self.store.read(&self.admin).expect("a reader");
        let scope = reader.scope();
        read::facility(&mut reader, scope, code).expect("read")
    }

    pub fn change(&self, sheet: usize, rows: Draft, seen: &str) -> Result<(), No> {
        let seen = seen.to_owned();
        self.store.write(&self.admin, move |tx| keep::change(tx, "46X01", sheet, rows, &seen, &by())).expect("written")
    }

    pub fn last(&self) -> acts::Last {
        let mut reader = self.store.read(&self.admin).expect("a reader");
        acts::last(&mut reader, "46X01").expect("read").expect("a change")
    }

    /// Takes the last change back, which is on the screen.
    pub fn undo(&self) -> Result<(), No> {
        let mark = self.last().mark;
        self.undo_by(&mark, by())
    }

    pub fn undo_by(&self, mark: &str, who: By) -> Result<(), No> {
        let mark = mark.to_owned();
        self.store.write(&self.admin, move |tx| acts::undo(tx, "46X01", &mark, &who)).expect("written")
    }

    pub fn recode(&self, system: &'static str, value: &'static str, from: Day) -> Result<(), No> {
        self.store.write(&self.admin, move |tx| acts::recode(tx, "46X01", system, value, from, &by())).expect("written")
    }

    pub fn close(&self, last: Day, successor: &'static str) -> Result<(), No> {
        self.store.write(&self.admin, move |tx| acts::close(tx, "46X01", last, successor, &by())).expect("written")
    }

    /// Writes a resource as another program does.
    pub fn put(&self, kind: ResourceType, id: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let part = self.facility("46X01").expect("there").parts.into_iter().find(|p| p.kind == kind && p.id == id);
        let mut body = part.expect("a part").body;
        change(&mut body);
        let (id, facility) = (id.to_owned(), None);
        let put =
            resources::Put { kind, id, body: body.to_string(), patient: None, date: None, facility, index: Vec::new() };
        self.store.write(&self.admin, move |tx| tx.put(&[put]).map(drop)).expect("written");
    }

    pub fn body(&self, kind: ResourceType, id: &str) -> serde_json::Value {
        let parts = self.facility("46X01").expect("there").parts;
        parts.into_iter().find(|p| p.kind == kind && p.id == id).expect("a part").body
    }

    /// Changes rows of a sheet of what is stored.
    pub fn edit(&self, sheet: usize, change: impl FnOnce(&mut Vec<Vec<String>>)) -> Result<(), No> {
        let now = self.facility("46X01").expect("there");
        let mut rows = now.draft.clone();
        change(&mut rows.sheets[sheet]);
        self.change(sheet, rows, &keep::mark(&now))
    }
}
