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
/// Bytes of a file or code that anybody may have verified at `/verify`.
pub const VERIFY_BYTES: usize = 16 << 20;
/// Days after which a list for checking QR codes without a network is too old to call anything valid: what was taken back since
/// is not on it.
pub const VERIFY_LIST_DAYS: i64 = 7;
/// Rows of one page of any list.
pub const PAGE_ROWS: usize = 100;
/// Rows of one export (CSV, XLSX).
pub const EXPORT_ROWS: usize = 100_000;
/// Cells of one answer of the indicator API.
pub const INDICATOR_ROWS: usize = 200_000;
/// Rows counted of one kind of work: more are "that many or more".
pub const WAITING_ROWS: i64 = 1_000;
/// Days for which a file that could not be read waits for whoever sent it.
pub const BROKEN_FILE_DAYS: i64 = 14;
/// Notices kept of an account: the oldest beyond them go.
pub const NOTICES_KEPT: i64 = 500;
/// Pages that a session finds again in its search, and sessions whose pages are kept.
pub const RECENT_PAGES: usize = 8;
/// See `RECENT_PAGES`.
pub const RECENT_SESSIONS: usize = 2_000;
/// Lines of one kind that the search of the house shows; more are behind the link of the kind.
pub const FOUND_ROWS: usize = 8;
/// Characters of one search text.
pub const SEARCH_CHARS: usize = 100;
/// Work items waiting for the writer; past it a caller waits.
pub const WRITE_QUEUE: usize = 256;
/// Seconds that PostgreSQL may be silent to a reader or the writer before the connection is given up: a statement that counts a whole
/// province ends within it.
pub const POSTGRES_SILENCE_SECONDS: u64 = 300;
/// The same where tables are made or written anew.
pub const POSTGRES_LABOUR_SECONDS: u64 = 6 * 3_600;
/// Entries of the audit trail that one export gives; the next goes on where it ended.
pub const AUDIT_EXPORT: usize = 20_000;
/// Minutes that a citizen's sign-in code works.
pub const CITIZEN_CODE_MINUTES: i64 = 5;
/// Codes a citizen is sent within `CITIZEN_CODES_MINUTES`.
pub const CITIZEN_CODES: i64 = 3;
/// Minutes after which a citizen may be sent codes again.
pub const CITIZEN_CODES_MINUTES: i64 = 15;
/// Wrong codes after which the one that was sent is worth nothing.
pub const CITIZEN_CODE_TRIES: i64 = 5;
/// Days that a consent opens a record where it names no end.
pub const CONSENT_DAYS: i64 = 365;
/// People whom a citizen may have let in at the same time.
pub const SHARES: usize = 50;
/// Days for which somebody may be named for a person of public interest, at most.
pub const NAMED_DAYS: i32 = 366;
/// Days for which the access desk opens records, at most.
pub const DESK_DAYS: i64 = 30;
/// Characters of the ground and of the reason of a request to the access desk, and of what is remarked to it, at most.
pub const DESK_TEXT_CHARS: usize = 2_000;
/// Papers laid to one request to the access desk, at most.
pub const DESK_PAPERS: usize = 10;
/// Bytes of one of them.
pub const DESK_PAPER_BYTES: usize = 10 << 20;
/// Bytes of those that are sent together.
pub const DESK_PAPERS_BYTES: usize = 40 << 20;
/// Bytes of what is sent when a guardian is written down: the scan of a paper, and what was typed.
pub const GUARDIAN_BYTES: usize = DESK_PAPER_BYTES + (1 << 16);
/// People whose records one request to the access desk names, at most.
pub const DESK_PEOPLE: usize = 20;
/// Days that a referral opens a record to where the person was referred.
pub const REFERRAL_DAYS: i64 = 90;
/// Minutes that a record stays open to who opened it in an emergency.
pub const BREAK_GLASS_MINUTES: i64 = 60;
/// Sign-in failures of one account before it rests for `SIGN_IN_REST_MINUTES`.
pub const SIGN_IN_FAILURES: u32 = 8;
/// Minutes an account rests after `SIGN_IN_FAILURES`.
pub const SIGN_IN_REST_MINUTES: i64 = 5;
/// Minutes after which an idle session ends.
pub const SESSION_IDLE_MINUTES: i64 = 60;
/// Minutes after which an idle session of somebody who treats people ends: their screens stand where others pass.
pub const SESSION_IDLE_CLINICAL_MINUTES: i64 = 15;
/// Minutes for which somebody who proved who they are may do what is dangerous, without proving it again.
pub const PROVEN_MINUTES: i64 = 10;
/// Bytes of a posted form that the door of a proof carries, so that what was typed is not lost.
pub const CARRIED_BYTES: usize = 4 << 20;
/// Bytes of what is posted to that door: what it carries, and each field's name a little longer.
pub const PROOF_BYTES: usize = 12 << 20;
/// Fewest characters of a password (NIST SP 800-63B-4 asks 15 where it is the only factor; 12 with a rest after failures).
pub const PASSWORD_CHARS: usize = 12;
/// Hours for which one administrator's wish that somebody may get back in waits for another's.
pub const RECOVERY_HOURS: i64 = 24;
/// Wishes to get back in that are listed at a time.
pub const RECOVERIES: usize = 100;
/// Minutes for which the code of an allowed recovery is good.
pub const RECOVERY_CODE_MINUTES: i64 = 30;
/// Codes for paper that a second factor comes with.
pub const PAPER_CODES: usize = 8;
/// Passkeys of one account.
pub const PASSKEYS: usize = 20;
/// Characters of what somebody calls a passkey.
pub const PASSKEY_NAME_CHARS: usize = 60;
/// Challenges of passkeys that wait for an answer at a time, of all who ask.
pub const PASSKEY_CHALLENGES: usize = 20_000;
/// Providers that sign accounts on.
pub const SIGN_ON_PROVIDERS: usize = 50;
/// Links of one account with providers.
pub const SIGN_ON_LINKS: usize = 10;
/// Seconds for which somebody may be away at a provider.
pub const SIGN_ON_AWAY_SECONDS: i64 = 600;
/// Bytes of what a provider says of itself, and of whom.
pub const SIGN_ON_ANSWER_BYTES: usize = 256 << 10;
/// Seconds for which what a provider says of itself is believed.
pub const SIGN_ON_METADATA_SECONDS: i64 = 3_600;
/// Bytes of an ID token, and of a logout token.
pub const SIGN_ON_TOKEN_BYTES: usize = 32 << 10;
/// Seconds that may lie between the making of such a token and its being read, at most, beside the difference of the clocks.
pub const SIGN_ON_TOKEN_SECONDS: i64 = 600;
/// Bytes of a subject (OpenID Connect Core §2), and of a session's name.
pub const SIGN_ON_SUBJECT_BYTES: usize = 255;
/// Bytes of the path that is gone on to after signing on.
pub const SIGN_ON_NEXT_BYTES: usize = 1_024;
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
/// Tests of all types that a search comes to: a reference of unknown type is a test for each, a unit one for each it converts to.
pub const FHIR_TESTS: usize = 100_000;
/// Tests of one type that a search comes to.
pub const FHIR_TYPE_TESTS: usize = 2_000;
/// Links of one chain.
pub const FHIR_CHAIN: usize = 6;
/// Entries of one batch or transaction.
pub const FHIR_BUNDLE: usize = 20_000;
/// Bytes of what the reading entries of one batch are answered; what is asked after that is refused.
pub const FHIR_BATCH_BYTES: usize = 128 << 20;
/// Parts of a `_sort`, at most.
pub const FHIR_SORTS: usize = 10;
/// Bytes of one FHIR request.
pub const FHIR_BODY_BYTES: usize = 64 << 20;
/// How long one search may look through all its matches: to order them by codes or references, or for words. Longer is refused.
pub const FHIR_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// Matches of a conditional delete, at most.
pub const FHIR_DELETED: usize = 100;
/// Bytes of a Binary that is sent as it is: a third more as the resource it makes.
pub const FHIR_BINARY_BYTES: usize = 32 << 20;
/// Search parameters that a facility, or the province, defines for itself.
pub const FHIR_CUSTOM_PARAMS: usize = 20;
/// Definitions of search parameters that one ever had: each keeps its number.
pub const FHIR_CUSTOM_NUMBERS: usize = 200;
/// Bytes of what one of them says: expression, URL, types.
pub const FHIR_CUSTOM_CHARS: usize = 8_000;
/// Bytes of one line, or of one document, of a file that is loaded.
pub const LOAD_LINE_BYTES: usize = 64 << 20;
/// Requests of one address at once, and in a minute; not counted for this machine itself.
pub const ADDRESS_BURST: u32 = 2_000;
/// See `ADDRESS_BURST`.
pub const ADDRESS_PER_MINUTE: u64 = 60_000;
/// Tries of one address to prove who asks that failed, at once, and in a minute: one that succeeds is given back, so that the
/// many people behind one address do not shut each other out.
pub const DOOR_BURST: u32 = 30;
/// See `DOOR_BURST`.
pub const DOOR_PER_MINUTE: u64 = 30;
/// Requests of one person's account at once, and in a minute; programs with a key or token are not counted here.
pub const ACCOUNT_BURST: u32 = 1_000;
/// See `ACCOUNT_BURST`.
pub const ACCOUNT_PER_MINUTE: u64 = 1_200;
/// Searches for people by one person's account, at once, and in a minute: nobody reads faster, but a list is copied so.
pub const PEOPLE_SEARCH_BURST: u32 = 60;
/// See `PEOPLE_SEARCH_BURST`.
pub const PEOPLE_SEARCHES_PER_MINUTE: u64 = 60;
/// Addresses and accounts whose asking is counted at one time.
pub const PACE_BUCKETS: usize = 65_536;
/// How much faster than one all those may ask for whom there is no room.
pub const PACE_OTHERS: u32 = 50;
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
/// Seconds within which a TLS handshake must be done.
pub const TLS_HANDSHAKE_SECONDS: u64 = 10;
/// Seconds between two looks whether the listener's certificate is another.
pub const TLS_RELOAD_SECONDS: u64 = 2;
/// Seconds that a body or an answer may stand still on its way, beside what `HTTP_BYTES_PER_SECOND` grants.
pub const HTTP_STALL_SECONDS: u64 = 20;
/// The slowest a client may send or take: a second of waiting is granted for each so many bytes moved.
pub const HTTP_BYTES_PER_SECOND: u64 = 1_024;
/// Bytes of all bodies together that are being received or worked on.
pub const HTTP_BODIES_BYTES: usize = 256 << 20;
/// Seconds that running requests have to finish when the program is told to stop.
pub const HTTP_FINISH_SECONDS: u64 = 20;
/// Codes of one answer of `$expand` that asks for no page.
pub const EXPANSION_CODES: usize = 20_000;
/// Codes that a search by value set or hierarchy asks for.
pub const FHIR_SET_CODES: usize = 10_000;
/// Bytes of stored code systems, value sets and concept maps kept ready; what is over is refused when it is asked.
pub const TERMINOLOGY_BYTES: usize = 64 << 20;
/// Live subscriptions of one account.
pub const SUBSCRIPTIONS: i64 = 100;
/// Events a subscription's receiver may have left untaken before the subscription looks no further.
pub const SUBSCRIPTION_EVENTS: i64 = 10_000;
/// Events of one notification.
pub const SUBSCRIPTION_BATCH: usize = 100;
/// Bytes of one notification past which no further event is added.
pub const SUBSCRIPTION_BYTES: usize = 1 << 20;
/// Seconds a receiver has to answer.
pub const SUBSCRIPTION_SECONDS: u32 = 60;
/// Bytes of a receiver's answer that are read.
pub const SUBSCRIPTION_ANSWER_BYTES: usize = 16 << 10;
/// Headers a receiver is called with.
pub const SUBSCRIPTION_HEADERS: usize = 16;
/// Bytes of one of them.
pub const SUBSCRIPTION_HEADER_BYTES: usize = 4_096;
/// Notifications under way at one time.
pub const SUBSCRIPTIONS_AT_ONCE: usize = 256;
/// Open websockets.
pub const WEBSOCKETS: usize = 256;
/// Bytes of a message that comes by a websocket.
pub const WEBSOCKET_MESSAGE_BYTES: usize = 4_096;
/// Subscriptions bound to one websocket.
pub const WEBSOCKET_SUBSCRIPTIONS: usize = 32;
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
/// Seconds for which the code of an app is good.
pub const SMART_CODE_SECONDS: i64 = 60;
/// Seconds for which an app may ask in somebody's name with one token.
pub const SMART_ACCESS_SECONDS: i64 = 900;
/// Seconds for which an app may ask for itself with one token.
pub const SMART_SYSTEM_SECONDS: i64 = 300;
/// Seconds after which an app that was not heard of needs somebody's consent again.
pub const SMART_REFRESH_SECONDS: i64 = 30 * 86_400;
/// Seconds after which it does in any case.
pub const SMART_GRANT_SECONDS: i64 = 180 * 86_400;
/// Seconds for which what an app may do while its person is there holds at most: as long as a session.
pub const SMART_ONLINE_SECONDS: i64 = SESSION_MINUTES * 60;
/// Seconds in which an app that was opened from a page must ask for its code.
pub const SMART_LAUNCH_SECONDS: i64 = 300;
/// Seconds by which the clocks of others may differ.
pub const SMART_SKEW_SECONDS: i64 = 60;
/// For how long the page of consent may be read before who reads it proves once more who they are.
pub const SMART_READING_SECONDS: i64 = PROVEN_MINUTES * 60;
/// Seconds for which an app's signed proof of itself may be good at most.
pub const SMART_ASSERTION_SECONDS: i64 = 300;
/// Bytes of such a proof.
pub const SMART_ASSERTION_BYTES: usize = 8 << 10;
/// Scopes of one request.
pub const SMART_SCOPES: usize = 100;
/// Bytes of the scopes of one request.
pub const SMART_SCOPE_BYTES: usize = 8 << 10;
/// Tests of one scope, and alternatives of one test.
pub const SMART_SCOPE_TESTS: usize = 8;
/// Bytes of an app's published keys.
pub const SMART_KEYS_BYTES: usize = 64 << 10;
/// Keys of an app that are looked at.
pub const SMART_KEYS: usize = 32;
/// Seconds for which fetched keys are believed, and seconds between two fetches where a key is not among them.
pub const SMART_KEYS_SECONDS: i64 = 300;
/// Seconds that an app's or a provider's server has to answer.
pub const SMART_FETCH_SECONDS: u64 = 10;
/// Addresses at which one app may be answered.
pub const SMART_REDIRECTS: usize = 20;
/// Bytes of one such address.
pub const SMART_REDIRECT_BYTES: usize = 512;
/// Bytes of an app's `state` and `nonce`.
pub const SMART_STATE_BYTES: usize = 1_024;
/// Days after which another key signs ID tokens.
pub const SMART_KEY_DAYS: i64 = 90;
/// Seconds between two fetches of an app's keys where the one it names is not among those known.
pub const SMART_KEYS_AGAIN_SECONDS: i64 = 10;
/// Apps registered at a time, shut out or not.
pub const SMART_APPS: usize = 500;
