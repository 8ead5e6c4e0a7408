//! The file: PDF 1.7 that keeps to PDF/A-2b (ISO 19005-2).

use crate::Result;
use crate::canvas::{Canvas, Glyphs, Sink, jpeg_size, packed};
use crate::paper::Paper;
use mach_sign::pdf::{Dictionary, Object, name};
use std::io::Write;

/// Objects of a new file; the first has number 1.
#[derive(Default)]
struct File {
    objects: Vec<Object>,
}

impl Sink for File {
    fn add(&mut self, object: Object) -> u32 {
        self.objects.push(object);
        self.objects.len() as u32
    }
}

pub fn write(paper: &Paper, (width, height): (f64, f64), pages: &[Canvas], glyphs: &Glyphs) -> Result<Vec<u8>> {
    let mut file = File::default();
    let catalog = file.add(Object::Null);
    let tree = file.add(Object::Null);
    let fonts = glyphs.embed(&mut file);
    let fonts = file.add(Object::Dictionary(fonts));
    let number = |n: f64| Object::Real(format!("{n:.2}"));
    let mut kids = Vec::new();
    for page in pages {
        let content = file.add(packed(Dictionary::new(), page.content.as_bytes()));
        let mut resources = Dictionary::new().with("Font", Object::Reference(fonts, 0));
        let mut pictures = Dictionary::new();
        for (i, jpeg) in page.pictures.iter().enumerate() {
            let (w, h, colours) = jpeg_size(jpeg)?;
            let picture = Dictionary::new()
                .with("Type", name("XObject"))
                .with("Subtype", name("Image"))
                .with("Width", Object::Int(i64::from(w)))
                .with("Height", Object::Int(i64::from(h)))
                .with("BitsPerComponent", Object::Int(8))
                .with("ColorSpace", name(if colours == 1 { "DeviceGray" } else { "DeviceRGB" }))
                .with("Filter", name("DCTDecode"))
                .with("Length", Object::Int(jpeg.len() as i64));
            pictures.set(&format!("P{i}"), Object::Reference(file.add(Object::Stream(picture, jpeg.clone())), 0));
        }
        if !page.pictures.is_empty() {
            resources.set("XObject", Object::Dictionary(pictures));
        }
        kids.push(Object::Reference(
            file.add(Object::Dictionary(
                Dictionary::new()
                    .with("Type", name("Page"))
                    .with("Parent", Object::Reference(tree, 0))
                    .with("MediaBox", Object::Array(vec![number(0.0), number(0.0), number(width), number(height)]))
                    .with("Resources", Object::Dictionary(resources))
                    .with("Contents", Object::Reference(content, 0)),
            )),
            0,
        ));
    }
    let count = Object::Int(kids.len() as i64);
    let pages = Dictionary::new().with("Type", name("Pages")).with("Kids", Object::Array(kids)).with("Count", count);
    file.objects[tree as usize - 1] = Object::Dictionary(pages);
    let profile = file.add(packed(Dictionary::new().with("N", Object::Int(3)), &srgb()));
    let intent = Dictionary::new()
        .with("Type", name("OutputIntent"))
        .with("S", name("GTS_PDFA1"))
        .with("OutputConditionIdentifier", Object::String(b"sRGB".to_vec()))
        .with("DestOutputProfile", Object::Reference(profile, 0));
    let metadata = xmp(paper).into_bytes();
    let about = Dictionary::new()
        .with("Type", name("Metadata"))
        .with("Subtype", name("XML"))
        .with("Length", Object::Int(metadata.len() as i64));
    let metadata = file.add(Object::Stream(about, metadata));
    let preferences = Dictionary::new().with("DisplayDocTitle", Object::Bool(true));
    file.objects[catalog as usize - 1] = Object::Dictionary(
        Dictionary::new()
            .with("Type", name("Catalog"))
            .with("Pages", Object::Reference(tree, 0))
            .with("Lang", Object::String(paper.language.clone().into_bytes()))
            .with("Metadata", Object::Reference(metadata, 0))
            .with("OutputIntents", Object::Array(vec![Object::Dictionary(intent)]))
            .with("ViewerPreferences", Object::Dictionary(preferences)),
    );
    Ok(assemble(&file, catalog))
}

fn assemble(file: &File, catalog: u32) -> Vec<u8> {
    // Four bytes past ASCII tell programs that move files that it is not text.
    let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    for (i, object) in file.objects.iter().enumerate() {
        places.push(out.len());
        put(&mut out, &format!("{} 0 obj\n", i + 1));
        object.write(&mut out);
        out.extend(b"\nendobj\n");
    }
    let id = Object::String(mach_sign::sha256(&out)[..16].to_vec());
    let table = out.len();
    let size = places.len() + 1;
    put(&mut out, &format!("xref\n0 {size}\n0000000000 65535 f\r\n"));
    places.iter().for_each(|at| put(&mut out, &format!("{at:010} 00000 n\r\n")));
    let trailer = Dictionary::new()
        .with("Size", Object::Int(size as i64))
        .with("Root", Object::Reference(catalog, 0))
        .with("ID", Object::Array(vec![id.clone(), id]));
    out.extend(b"trailer\n");
    Object::Dictionary(trailer).write(&mut out);
    put(&mut out, &format!("\nstartxref\n{table}\n%%EOF\n"));
    out
}

fn put(out: &mut Vec<u8>, text: &str) {
    // Writing to a vector does not fail.
    let _ = out.write_all(text.as_bytes());
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What the file says of itself, as PDF/A wants it.
fn xmp(paper: &Paper) -> String {
    let made = mach_sign::time::to_iso(paper.made);
    let mut identifiers = String::new();
    if !paper.identifiers.is_empty() {
        let items: String = paper.identifiers.iter().map(|i| format!("<rdf:li>{}</rdf:li>", escape(i))).collect();
        identifiers = format!("<xmp:Identifier><rdf:Bag>{items}</rdf:Bag></xmp:Identifier>");
    }
    let title = escape(&paper.title);
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">\
         <pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance></rdf:Description>\
         <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <dc:format>application/pdf</dc:format>\
         <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">{title}</rdf:li></rdf:Alt></dc:title></rdf:Description>\
         <rdf:Description rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\">\
         <xmp:CreateDate>{made}</xmp:CreateDate><xmp:CreatorTool>Mach</xmp:CreatorTool>{identifiers}</rdf:Description>\
         </rdf:RDF></x:xmpmeta>\n<?xpacket end=\"r\"?>"
    )
}

/// A profile of the colours of sRGB (ICC version 2), with its curve as a plain power of 2.2.
fn srgb() -> Vec<u8> {
    let fixed = |n: f64| ((n * 65536.0).round() as i32).to_be_bytes();
    let xyz = |x, y, z| [&b"XYZ \0\0\0\0"[..], &fixed(x), &fixed(y), &fixed(z)].concat();
    let mut words = b"desc\0\0\0\0".to_vec();
    words.extend(5_u32.to_be_bytes());
    words.extend(b"sRGB\0");
    words.extend([0; 78]);
    let mut right = b"text\0\0\0\0CC0\0".to_vec();
    for part in [&mut words, &mut right] {
        part.resize(part.len().next_multiple_of(4), 0);
    }
    // One value: a power, in 256ths.
    let curve = [&b"curv\0\0\0\0\0\0\0\x01"[..], &563_u16.to_be_bytes(), &[0, 0]].concat();
    let tags: [(&[u8; 4], Vec<u8>); 9] = [
        (b"desc", words),
        (b"cprt", right),
        (b"wtpt", xyz(0.9505, 1.0, 1.0891)),
        (b"rXYZ", xyz(0.4361, 0.2225, 0.0139)),
        (b"gXYZ", xyz(0.3851, 0.7169, 0.0971)),
        (b"bXYZ", xyz(0.1431, 0.0606, 0.7141)),
        (b"rTRC", curve.clone()),
        (b"gTRC", curve.clone()),
        (b"bTRC", curve),
    ];
    let mut table = (tags.len() as u32).to_be_bytes().to_vec();
    let mut data: Vec<u8> = Vec::new();
    let start = 128 + 4 + 12 * tags.len();
    for (tag, bytes) in &tags {
        table.extend(*tag);
        table.extend(((start + data.len()) as u32).to_be_bytes());
        table.extend((bytes.len() as u32).to_be_bytes());
        data.extend(bytes);
    }
    let mut out = ((start + data.len()) as u32).to_be_bytes().to_vec();
    out.extend([0; 4]);
    out.extend(0x0210_0000_u32.to_be_bytes());
    out.extend(b"mntrRGB XYZ ");
    for n in [2026_u16, 1, 1, 0, 0, 0] {
        out.extend(n.to_be_bytes());
    }
    out.extend(b"acsp");
    out.extend([0; 28]);
    out.extend([fixed(0.9642), fixed(1.0), fixed(0.8249)].concat());
    out.resize(128, 0);
    out.extend(table);
    out.extend(data);
    out
}
