//! What this crate bounds. Every bound is tested at it and one past it.

/// Bytes of one JSON or XML document: offsets are 32-bit, and a larger bundle is sent in parts.
pub const DOCUMENT_BYTES: usize = 256 << 20;
/// Nesting of arrays and objects (a resource of the R4 examples nests at most 24).
pub const TREE_DEPTH: usize = 128;
/// Bytes of a member's name.
pub const KEY_BYTES: usize = 1 << 12;
/// Nesting of elements in FHIR XML: each is at most two levels of JSON.
pub const XML_DEPTH: usize = TREE_DEPTH / 2;
/// Characters of a FHIRPath expression.
pub const EXPRESSION_BYTES: usize = 64 << 10;
/// Nesting of a FHIRPath expression (parentheses, arguments, operators).
pub const EXPRESSION_DEPTH: usize = 200;
/// Steps of one evaluation: one per expression node evaluated and one per item it visits.
pub const EVALUATION_STEPS: u64 = 10_000_000;
/// Steps of the expression of a search parameter that others defined, on one resource.
pub const SEARCH_STEPS: u64 = 100_000;
/// Depth of `repeat()`, `descendants()` and of nested evaluation.
pub const EVALUATION_DEPTH: usize = 400;
/// Items of one collection within an evaluation.
pub const COLLECTION_ITEMS: usize = 1_000_000;
/// Bytes of the compiled form of one regular expression.
pub const REGEX_BYTES: usize = 1 << 20;
/// Bytes of one string an expression makes (`join`, `replace`, `&` in a loop).
pub const TEXT_BYTES: usize = 16 << 20;
/// Operations of one patch.
pub const PATCH_OPERATIONS: usize = 1_000;
/// Bytes that one patch may read: its resource, once or more for each operation.
pub const PATCH_READ_BYTES: usize = 1 << 30;
/// Steps of one FHIRPath of a patch: it names a place, it does not compute.
pub const PATCH_STEPS: u64 = 100_000;
/// Bytes of a package as it comes (hl7.fhir.r4.core has 6 MB).
pub const PACKAGE_PACKED: usize = 64 << 20;
/// Bytes of a package when unpacked.
pub const PACKAGE_UNPACKED: usize = 256 << 20;
/// Bytes of one file in a package.
pub const PACKAGE_FILE: usize = 48 << 20;
/// Files in a package.
pub const PACKAGE_FILES: usize = 20_000;
/// Issues of one validation; that there are more is said by one of them.
pub const ISSUES: usize = 500;
/// Steps of all invariants of one validation together.
pub const VALIDATION_STEPS: u64 = 400_000_000;
/// Elements that profiles look at in one validation, each profile anew.
pub const PROFILE_STEPS: u64 = 20_000_000;
/// Profiles within profiles: types, slices, targets of references.
pub const PROFILE_DEPTH: usize = 24;
/// Elements of one StructureDefinition.
pub const PROFILE_ELEMENTS: usize = 10_000;
