use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// A tar member with a right header.
fn member(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; BLOCK];
    header[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
    header[124..136].copy_from_slice(format!("{:011o} ", content.len()).as_bytes());
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = header.to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().div_ceil(BLOCK) * BLOCK, 0);
    out
}

fn packed(members: &[Vec<u8>]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for member in members {
        gzip.write_all(member).unwrap();
    }
    gzip.write_all(&[0; 2 * BLOCK]).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn definitions_are_kept_and_the_rest_is_not() {
    let long = format!("package/{}.json", "x".repeat(150));
    let pax = format!("{} path={long}\n", long.len() + 10);
    let package = Package::read(&packed(&[
        member("package/package.json", b'0', br#"{"name":"hl7.fhir.vn.core","version":"1.0.0"}"#),
        member("package", b'5', b""),
        member("package/.index.json", b'0', b"{}"),
        member("package/a.json", b'0', br#"{"resourceType":"ValueSet","url":"http://x/vs","version":"2"}"#),
        member("package/example/p.json", b'0', br#"{"resourceType":"ValueSet","url":"http://x/not"}"#),
        member("package/p.json", 0, br#"{"resourceType":"Patient","id":"a"}"#),
        member("pax", b'x', pax.as_bytes()),
        member("short", b'0', br#"{"resourceType":"CodeSystem","url":"http://x/cs"}"#),
        member("package/b.json", b'0', b"{\"resourceType\":"),
    ]))
    .unwrap();
    assert_eq!((package.name.as_str(), package.version.as_str()), ("hl7.fhir.vn.core", "1.0.0"));
    let found: Vec<_> = package.definitions.iter().map(|d| (d.kind.as_str(), d.url.as_str())).collect();
    assert_eq!(found, [("ValueSet", "http://x/vs"), ("CodeSystem", "http://x/cs")]);
    assert_eq!(package.unread.len(), 1);
    assert!(package.unread[0].starts_with("package/b.json: "), "{:?}", package.unread);
}

#[test]
fn what_is_no_package_is_refused() {
    assert!(matches!(Package::read(b"PK\x03\x04"), Err(PackageError::Unpack(_))));
    let mut wrong = member("package/a.json", b'0', b"{}");
    wrong[0] = b'q';
    assert_eq!(Package::read(&packed(&[wrong])).unwrap_err(), PackageError::Archive("a header's sum is wrong"));
    let whole = packed(&[member("package/a.json", b'0', &[b' '; 5000])]);
    assert!(Package::read(&whole[..whole.len() / 2]).is_err());
    let short = &member("package/a.json", b'0', &[b' '; 5000])[..1024];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(short).unwrap();
    let cut = Package::read(&gzip.finish().unwrap());
    assert_eq!(cut.unwrap_err(), PackageError::Archive("it is cut off"));
}

#[test]
fn a_bomb_is_stopped() {
    let blanks = |size: usize| vec![b' '; size];
    let at = member("package/a.json", b'0', &blanks(limits::PACKAGE_FILE));
    assert!(Package::read(&packed(std::slice::from_ref(&at))).is_ok());
    let past = member("package/a.json", b'0', &blanks(limits::PACKAGE_FILE + 1));
    assert_eq!(Package::read(&packed(&[past])).unwrap_err(), PackageError::Limit("bytes of one file in a package"));
    let many = vec![at; limits::PACKAGE_UNPACKED / limits::PACKAGE_FILE + 1];
    assert_eq!(Package::read(&packed(&many)).unwrap_err(), PackageError::Limit("unpacked bytes of a package"));
    let files = |n: usize| (0..n).map(|i| member(&format!("package/{i}.txt"), b'0', b"")).collect::<Vec<_>>();
    assert!(Package::read(&packed(&files(limits::PACKAGE_FILES))).is_ok());
    assert_eq!(
        Package::read(&packed(&files(limits::PACKAGE_FILES + 1))).unwrap_err(),
        PackageError::Limit("files in a package")
    );
    let large = vec![0; limits::PACKAGE_PACKED + 1];
    assert_eq!(Package::read(&large).unwrap_err(), PackageError::Limit("bytes of a package"));
}
