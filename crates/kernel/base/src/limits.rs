//! Every limit of the product, in one place: what is refused past it, and why the number.
//!
//! A limit is tested at its value and one past it by the crate that enforces it.

/// Bytes of one claim file on disk. The insurer's gateway takes 20–100 MB; a province's yearly archive is larger.
pub const CLAIM_FILE_BYTES: u64 = 2 << 30;
/// Bytes of one `HOSO` after decoding (all its tables). A year of dialysis in one claim is about 3 MB.
pub const CLAIM_DECODED_BYTES: usize = 24 << 20;
/// Bytes between two markup characters in a claim file: the longest `NOIDUNGFILE` in base64.
pub const CLAIM_TEXT_RUN_BYTES: usize = 32 << 20;
/// Rows of one table of one claim.
pub const CLAIM_ROWS: usize = 20_000;
/// `HOSO` in one file.
pub const CLAIMS_IN_FILE: u64 = 1_000_000;
/// Depth of elements in any XML we read.
pub const XML_DEPTH: usize = 32;
/// Findings kept per claim; the count of all is kept beside them.
pub const FINDINGS_PER_CLAIM: usize = 200;
/// Bytes of one HTTP request body for pages and JSON.
pub const BODY_BYTES: usize = 1 << 20;
/// Bytes of one `POST /api/claims` body.
pub const CLAIM_BODY_BYTES: usize = 100 << 20;
/// Rows of one page of any list.
pub const PAGE_ROWS: usize = 100;
/// Rows of one export (CSV, XLSX).
pub const EXPORT_ROWS: usize = 100_000;
/// Cells of one answer of the indicator API.
pub const INDICATOR_ROWS: usize = 200_000;
/// Characters of one search text.
pub const SEARCH_CHARS: usize = 100;
/// Work items waiting for the writer; past it a caller waits.
pub const WRITE_QUEUE: usize = 256;
/// Sign-in failures of one account before it rests for `SIGN_IN_REST_MINUTES`.
pub const SIGN_IN_FAILURES: u32 = 8;
/// Minutes an account rests after `SIGN_IN_FAILURES`.
pub const SIGN_IN_REST_MINUTES: i64 = 5;
/// Minutes after which an idle session ends.
pub const SESSION_IDLE_MINUTES: i64 = 60;
/// Minutes after which a session ends whatever happens.
pub const SESSION_MINUTES: i64 = 12 * 60;
/// Places of one place as text.
pub const NAME_CHARS: usize = 255;
/// Seconds for which the pages of one search stay what they were when it began.
pub const SEARCH_SNAPSHOT_SECONDS: i64 = 3_600;
/// Entries of one page of a FHIR search or history, at most.
pub const FHIR_PAGE: usize = 1_000;
/// Entries of one page where none was asked for.
pub const FHIR_PAGE_DEFAULT: usize = 20;
/// Matches counted where an exact total was not asked for.
pub const FHIR_COUNTED: usize = 10_000;
/// Resources that one page may include beside its matches.
pub const FHIR_INCLUDED: usize = 5_000;
/// Rounds of `_include:iterate`.
pub const FHIR_INCLUDE_DEPTH: usize = 20;
/// Clauses of one search, alternatives after commas counted.
pub const FHIR_CLAUSES: usize = 200;
/// Links of one chain.
pub const FHIR_CHAIN: usize = 6;
/// Entries of one batch or transaction.
pub const FHIR_BUNDLE: usize = 20_000;
/// Bytes of one FHIR request.
pub const FHIR_BODY_BYTES: usize = 64 << 20;
/// How long one search may look through all its matches: to order them by codes or references, or for words. Longer is refused.
pub const FHIR_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// Matches of a conditional delete, at most.
pub const FHIR_DELETED: usize = 100;
/// Bytes of one line, or of one document, of a file that is loaded.
pub const LOAD_LINE_BYTES: usize = 64 << 20;
/// Connections served at once, fewer where the system allows fewer open files. One more takes the place of the one that
/// has been of no use for longest.
pub const HTTP_CONNECTIONS: usize = 2_048;
/// Connections of one address, but for this machine's own: a proxy stands there for everybody.
pub const HTTP_CONNECTIONS_PER_ADDRESS: usize = 256;
/// Bytes of a request's head: request line and headers. Long searches can be posted.
pub const HTTP_HEAD_BYTES: usize = 64 << 10;
/// Headers of a request.
pub const HTTP_HEADERS: usize = 100;
/// Seconds within which a head must be there whole; also how long an idle connection is kept.
pub const HTTP_HEAD_SECONDS: u64 = 30;
/// Seconds that a body or an answer may stand still on its way, beside what `HTTP_BYTES_PER_SECOND` grants.
pub const HTTP_STALL_SECONDS: u64 = 20;
/// The slowest a client may send or take: a second of waiting is granted for each so many bytes moved.
pub const HTTP_BYTES_PER_SECOND: u64 = 1_024;
/// Bytes of all bodies together that are being received or worked on.
pub const HTTP_BODIES_BYTES: usize = 256 << 20;
/// Seconds that running requests have to finish when the program is told to stop.
pub const HTTP_FINISH_SECONDS: u64 = 20;
/// Stored views of one facility, and of the province.
pub const STORED_VIEWS: i64 = 50;
/// Patients of one run of a view that are found by the index; more are looked for in every resource.
pub const VIEW_PATIENTS: usize = 50;
/// Seconds for which the files of a bulk export or import are kept after it ended.
pub const BULK_KEEP_SECONDS: i64 = 24 * 3_600;
/// Jobs of one asker that wait or are at work.
pub const BULK_JOBS: i64 = 5;
/// Resources of one file of a bulk export.
pub const EXPORT_FILE_RESOURCES: i64 = 100_000;
/// Bytes of one body of `$import`, which goes to the disk as it comes; larger files are laid into the folder of imports.
pub const IMPORT_BODY_BYTES: u64 = 128 << 20;
