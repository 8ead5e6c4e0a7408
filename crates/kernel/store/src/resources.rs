//! Versioned resources: exact bytes, the rows that find them, every version kept.
//!
//! Every version is a row of its own with its own number `rid`; `seq` is the change that brought it, `until` the change that
//! ended it (0: none yet; negative: the same change). What was true after change S is therefore `seq <= S AND (until = 0 OR until > S)`, for a search as
//! for its later pages. The index rows of an ended version stay for `SEARCH_SNAPSHOT_SECONDS`, then later writes take them away.
//!
//! An id is unique within its type and facility (0: the province's own), so that one facility's choice of ids tells another
//! nothing.

mod bodies;
pub(crate) mod label;
mod narrow;
mod read;
mod sight;
mod write;

use crate::distribution::every;
use crate::pack::Place;
use crate::sql::Row;
use crate::{Error, Result};
use mach_access::Scope;
use mach_fhir::{IndexValue, ResourceType};

pub use crate::search::value::{ID_DIGITS, ID_LENGTH, Value, code_hash, id_key, system_hash, token_hash};
pub use bodies::{Reference, of_rids, with_references};
pub(crate) use read::after;
pub use read::{
    Of, Page, current, definitions, entity_versions, get, history, history_count, history_page, kinds_of_patient,
    last_written, of_patient, of_prefix, owner, patient_of, pending, pending_rows, pending_types, person_of,
    undated_of_patient, version, with_prefix, with_token,
};
pub(crate) use sight::{claim_of, closed_claims, hidden_claims, in_record, visible};
pub use sight::{is_vip, may_know, may_open, opened_by};
pub use write::{Index, Save, Saved};

/// What an older store lacks: the labels of its resources, which the start that adds this gives them.
pub(crate) const LABELS: &[&str] = &[
    "ALTER TABLE resource ADD COLUMN label SMALLINT NOT NULL DEFAULT 0",
    "CREATE INDEX resource_label ON resource(patient) WHERE label <> 0 AND until = 0",
];

const INDEX_TEXT: &str =
    "CREATE TABLE index_text(rid INTEGER NOT NULL, exact INTEGER NOT NULL, facility INT NOT NULL, param SMALLINT NOT NULL,
        type SMALLINT NOT NULL, folded TEXT NOT NULL, PRIMARY KEY(rid, param, type, facility, exact, folded)) {clustered}";
const INDEX_TEXT_VALUE: &str = "CREATE INDEX index_text_value ON index_text(param, type, folded, rid)";
const INDEX_DATE: &str =
    "CREATE TABLE index_date(rid INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, facility INT NOT NULL,
        param SMALLINT NOT NULL, type SMALLINT NOT NULL, PRIMARY KEY(rid, param, type, facility, low, high)) {clustered}";
const INDEX_DATE_VALUE: &str = "CREATE INDEX index_date_value ON index_date(param, type, low, rid)";
/// Written so that open ends do not overflow; a search repeats it word for word.
const INDEX_DATE_LONG: &str = "CREATE INDEX index_date_long ON index_date(param, type, high) WHERE low < high - 86400";
const INDEX_QUANTITY: &str =
    "CREATE TABLE index_quantity(rid INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, system INT NOT NULL,
        unit INT NOT NULL, facility INT NOT NULL, param SMALLINT NOT NULL, type SMALLINT NOT NULL,
        PRIMARY KEY(rid, param, type, facility, low, high, system, unit)) {clustered}";
const INDEX_QUANTITY_VALUE: &str = "CREATE INDEX index_quantity_value ON index_quantity(param, type, low, rid)";
const INDEX_REFERENCE: &str =
    "CREATE TABLE index_reference(key INTEGER NOT NULL, rid INTEGER NOT NULL, facility INT NOT NULL, target SMALLINT NOT NULL,
        param SMALLINT NOT NULL, type SMALLINT NOT NULL, PRIMARY KEY(rid, param, type, facility, target, key)) {clustered}";
const INDEX_REFERENCE_TARGET: &str =
    "CREATE INDEX index_reference_target ON index_reference(param, type, target, key, rid)";

/// Codes in the order of a date: what has a code and a `date` by one key, so that the newest of a code are a page at its end.
const INDEX_DATED: &str =
    "CREATE TABLE index_dated(hash INTEGER NOT NULL, low INTEGER NOT NULL, rid INTEGER NOT NULL, system INT NOT NULL,
        facility INT NOT NULL, param SMALLINT NOT NULL, type SMALLINT NOT NULL,
        PRIMARY KEY(param, type, hash, low, rid, system, facility)) {clustered}";

/// What an older store lacks: the table, and its rows once codes are sealed.
pub(crate) const DATED: &[&str] = &[INDEX_DATED];
/// See `DATED`. By their numbers: `code` 2, `date` 3.
pub(crate) const DATED_ROWS: &str = concat!(
    "INSERT INTO index_dated(hash, low, rid, system, facility, param, type)
        SELECT DISTINCT t.hash, d.low, t.rid, t.system, t.facility, t.param, t.type FROM index_token t JOIN index_date d
        ON d.rid = t.rid AND d.param = 3 AND d.type = t.type AND d.facility = t.facility WHERE t.param = 2",
    every!("whole store")
);

/// What an older store has by parameter first, it gets by version first.
pub(crate) const BY_VERSION: &[&str] = &[
    "ALTER TABLE index_text RENAME TO index_text_old",
    "DROP INDEX index_text_value",
    INDEX_TEXT,
    "INSERT INTO index_text(rid, exact, facility, param, type, folded) SELECT rid, exact, facility, param, type, folded
        FROM index_text_old ORDER BY rid",
    "DROP TABLE index_text_old",
    INDEX_TEXT_VALUE,
    "ALTER TABLE index_date RENAME TO index_date_old",
    "DROP INDEX index_date_value",
    "DROP INDEX index_date_long",
    INDEX_DATE,
    "INSERT INTO index_date(rid, low, high, facility, param, type) SELECT rid, low, high, facility, param, type
        FROM index_date_old ORDER BY rid",
    "DROP TABLE index_date_old",
    INDEX_DATE_VALUE,
    INDEX_DATE_LONG,
    "ALTER TABLE index_quantity RENAME TO index_quantity_old",
    "DROP INDEX index_quantity_value",
    INDEX_QUANTITY,
    "INSERT INTO index_quantity(rid, low, high, system, unit, facility, param, type) SELECT rid, low, high, system, unit,
        facility, param, type FROM index_quantity_old ORDER BY rid",
    "DROP TABLE index_quantity_old",
    INDEX_QUANTITY_VALUE,
    "ALTER TABLE index_reference RENAME TO index_reference_old",
    "DROP INDEX index_reference_target",
    INDEX_REFERENCE,
    "INSERT INTO index_reference(key, rid, facility, target, param, type) SELECT key, rid, facility, target, param, type
        FROM index_reference_old ORDER BY rid",
    "DROP TABLE index_reference_old",
    INDEX_REFERENCE_TARGET,
];

/// By key first: ids that this server gives rise with time, so that new ones stand at the end whatever their type.
const RESOURCE_KEY: &str = "CREATE UNIQUE INDEX resource_key ON resource(key, type, facility, until)";

/// What an older store has by type first.
pub(crate) const BY_KEY: &[&str] = &["DROP INDEX resource_key", RESOURCE_KEY];

/// Tables of resources and their search index.
pub const DDL: &[&str] = &[
    "CREATE TABLE pack(id INTEGER PRIMARY KEY, facility INT NOT NULL, body BLOB NOT NULL {key id})",
    // Columns from the widest to the narrowest: PostgreSQL pads what stands otherwise.
    "CREATE TABLE resource(rid INTEGER PRIMARY KEY, key INTEGER NOT NULL, seq INTEGER NOT NULL,
        until INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL, pack INTEGER NOT NULL, vpack INTEGER NOT NULL DEFAULT 0,
        eid INTEGER NOT NULL DEFAULT 0, patient INTEGER, date INTEGER, facility INT NOT NULL, version INT NOT NULL,
        slot INT NOT NULL, vslot INT NOT NULL DEFAULT 0, type SMALLINT NOT NULL, deleted SMALLINT NOT NULL DEFAULT 0,
        indexed SMALLINT NOT NULL DEFAULT 0, label SMALLINT NOT NULL DEFAULT 0, id TEXT NOT NULL {key rid})",
    RESOURCE_KEY,
    "CREATE INDEX resource_versions ON resource(eid, version) WHERE eid <> 0",
    "CREATE INDEX resource_type ON resource(type, rid)",
    "CREATE INDEX resource_patient ON resource(patient, type, date) WHERE patient IS NOT NULL AND until = 0",
    "CREATE INDEX resource_unindexed ON resource(type, rid) WHERE indexed = 0 AND until = 0 AND deleted = 0",
    // Ids made by imports are short and are found by their beginning; those that are their own keys are not theirs.
    "CREATE INDEX resource_short_id ON resource(type, id) WHERE length(id) <= 20 AND key < 0 AND until = 0",
    "CREATE INDEX resource_label ON resource(patient) WHERE label <> 0 AND until = 0",
    "CREATE TABLE index_stale(at INTEGER NOT NULL, rid INTEGER NOT NULL, facility INT NOT NULL,
        PRIMARY KEY(facility, at, rid)) {clustered}",
    // The search index: every row names its parameter, its type, its version and the facility. The facility stands last: it
    // follows from the version, and a search of the province must not ask facility by facility.
    "CREATE TABLE index_token(hash INTEGER NOT NULL, rid INTEGER NOT NULL, system INT NOT NULL, facility INT NOT NULL,
        param SMALLINT NOT NULL, type SMALLINT NOT NULL,
        PRIMARY KEY(param, type, hash, rid, system, facility)) {clustered}",
    // What is found by a range or a beginning stands by its version first: what is written together lies together, at the end.
    // Everything that a test of one version names comes next, so that no planner takes the other index for it.
    INDEX_TEXT,
    INDEX_TEXT_VALUE,
    INDEX_DATE,
    INDEX_DATE_VALUE,
    INDEX_DATE_LONG,
    INDEX_QUANTITY,
    INDEX_QUANTITY_VALUE,
    INDEX_REFERENCE,
    INDEX_REFERENCE_TARGET,
    INDEX_DATED,
    "CREATE TABLE index_pair(hash INTEGER NOT NULL, rid INTEGER NOT NULL, n INTEGER NOT NULL, low INTEGER NOT NULL,
        high INTEGER NOT NULL, system INT NOT NULL, second INT NOT NULL, unit INT NOT NULL, facility INT NOT NULL,
        param SMALLINT NOT NULL, type SMALLINT NOT NULL, folded TEXT NOT NULL,
        PRIMARY KEY(param, type, hash, rid, n, facility)) {clustered}",
];

/// A resource to be written: created where its id is new, a new version where its body differs.
#[derive(Clone, Debug)]
pub struct Put {
    /// Resource type.
    pub kind: ResourceType,
    /// FHIR id within its type.
    pub id: String,
    /// The exact bytes, JSON.
    pub body: String,
    /// The person it belongs to, by number.
    pub patient: Option<i64>,
    /// Its own clinical time, minutes of local time: what a timeline sorts by.
    pub date: Option<i64>,
    /// The facility whose fact it is.
    pub facility: Option<i64>,
    /// The few values its writer's own pages need. A FHIR search waits until `mach fhir reindex` has read the body.
    pub index: Vec<IndexValue>,
}

/// What became of a `Put`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The id was new.
    Created,
    /// A new version.
    Updated,
    /// The same bytes as before: nothing was written.
    Unchanged,
}

/// A stored resource version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Number of this version.
    pub rid: i64,
    /// Resource type.
    pub kind: ResourceType,
    /// FHIR id.
    pub id: String,
    /// Version, from 1.
    pub version: i64,
    /// When this version was written, seconds since 1970 UTC.
    pub at: i64,
    /// Its clinical time.
    pub date: Option<i64>,
    /// The facility whose fact it is.
    pub facility: Option<i64>,
    /// The person it belongs to.
    pub patient: Option<i64>,
    /// Whether this version took the resource away; then it has no body.
    pub deleted: bool,
    /// The exact bytes.
    pub body: String,
}

/// Types whose resources of the province are for every facility: registers, lists and definitions. All others are somebody's.
pub const SHARED: [ResourceType; 28] = [
    ResourceType::ORGANIZATION,
    ResourceType::LOCATION,
    ResourceType::PRACTITIONER,
    ResourceType::PRACTITIONER_ROLE,
    ResourceType::HEALTHCARE_SERVICE,
    ResourceType::ENDPOINT,
    ResourceType::MEDICATION,
    ResourceType::MEDICATION_KNOWLEDGE,
    ResourceType::SUBSTANCE,
    ResourceType::CODE_SYSTEM,
    ResourceType::VALUE_SET,
    ResourceType::CONCEPT_MAP,
    ResourceType::NAMING_SYSTEM,
    ResourceType::STRUCTURE_DEFINITION,
    ResourceType::STRUCTURE_MAP,
    ResourceType::SEARCH_PARAMETER,
    ResourceType::OPERATION_DEFINITION,
    ResourceType::COMPARTMENT_DEFINITION,
    ResourceType::CAPABILITY_STATEMENT,
    ResourceType::IMPLEMENTATION_GUIDE,
    ResourceType::QUESTIONNAIRE,
    ResourceType::LIBRARY,
    ResourceType::MEASURE,
    ResourceType::PLAN_DEFINITION,
    ResourceType::ACTIVITY_DEFINITION,
    ResourceType::DEVICE_DEFINITION,
    ResourceType::OBSERVATION_DEFINITION,
    ResourceType::SPECIMEN_DEFINITION,
];

/// The condition that a row `alias` of any table of resources lies where `scope` may look; empty where that may be anywhere.
pub(crate) fn within(alias: &str, scope: Scope) -> String {
    scope.bound().map_or(String::new(), |facility| format!(" AND {alias}.facility IN ({facility}, 0)"))
}

/// The condition that row `alias` of `resource` was current after change `seq`: an argument's mark.
pub(crate) fn as_of(alias: &str, seq: &str) -> String {
    format!("{alias}.seq <= {seq} AND ({alias}.until = 0 OR {alias}.until > {seq})")
}

/// What [`header`] reads, of a row `r` of `resource`.
const COLUMNS: &str =
    "r.rid, r.type, r.id, r.version, r.at, r.date, r.facility, r.patient, r.deleted, r.pack, r.slot, r.vpack, r.vslot";
/// How many those are.
const WIDTH: usize = 13;

/// Where a version's body lies, and the values it is found by.
#[derive(Clone, Copy, Debug)]
struct Parts {
    body: Place,
    values: Place,
}

fn header(r: &dyn Row) -> Result<(Resource, Parts)> {
    let kind = u16::try_from(r.int(1)?).ok().and_then(ResourceType::from_number).ok_or(Error::Column(1))?;
    let resource = Resource {
        rid: r.int(0)?,
        kind,
        id: r.text(2)?.to_owned(),
        version: r.int(3)?,
        at: r.int(4)?,
        date: r.opt_int(5)?,
        facility: Some(r.int(6)?).filter(|f| *f != 0),
        patient: r.opt_int(7)?,
        deleted: r.int(8)? != 0,
        body: String::new(),
    };
    let body = Place { facility: r.int(6)?, pack: r.int(9)?, slot: r.int(10)? };
    // Beside the body, until they were made anew.
    let values = match r.int(11)? {
        0 => Place { slot: body.slot + 1, ..body },
        pack => Place { pack, slot: r.int(12)?, ..body },
    };
    Ok((resource, Parts { body, values }))
}
