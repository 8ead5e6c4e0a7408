//! A revision appended to a file: nothing that is there is touched.

use super::object::{Dictionary, Object, put};
use super::{Pdf, Place, View, bad};
use crate::Result;
use std::collections::BTreeMap;

/// What will be appended.
#[derive(Debug)]
pub struct Update<'f, 'a> {
    view: View<'f, 'a>,
    file: &'f Pdf<'a>,
    objects: BTreeMap<u32, Object>,
    next: u32,
}

impl<'f, 'a> Update<'f, 'a> {
    /// Of this file as it is now.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn new(file: &'f Pdf<'a>) -> Result<Self> {
        let view = file.last();
        let size = view.trailer().get("Size").and_then(Object::int).and_then(|n| u32::try_from(n).ok());
        let size = size.ok_or_else(|| bad("a trailer without its size"))?;
        // Some writers' sizes are too small; a number that was ever used is not new.
        let highest = file.revisions().iter().filter_map(|r| r.entries.keys().next_back()).max().copied();
        let next = size.max(highest.unwrap_or(0) + 1);
        Ok(Self { view, file, objects: BTreeMap::new(), next })
    }

    /// The file before it.
    pub fn view(&self) -> &View<'f, 'a> {
        &self.view
    }

    /// A new object's number, for what points to it before it is there.
    pub fn reserve(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// Adds a new object; its number.
    pub fn add(&mut self, object: Object) -> u32 {
        let number = self.reserve();
        self.objects.insert(number, object);
        number
    }

    /// Puts an object in the place of one that is there, or that was reserved.
    pub fn set(&mut self, number: u32, object: Object) {
        self.objects.insert(number, object);
    }

    /// An object as it is with this update.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn get(&self, number: u32) -> Result<Object> {
        self.objects.get(&number).map_or_else(|| self.view.get(number), |o| Ok(o.clone()))
    }

    fn generation(&self, number: u32) -> u16 {
        match self.view.place(number) {
            Place::At(_, generation) => generation,
            _ => 0,
        }
    }

    /// The whole file with this revision at its end.
    pub fn finish(self) -> Vec<u8> {
        let bytes = self.file.bytes();
        let mut out = bytes.to_vec();
        if !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        let mut places = BTreeMap::new();
        for (number, object) in &self.objects {
            let generation = self.generation(*number);
            places.insert(*number, (out.len(), generation));
            put(&mut out, format_args!("{number} {generation} obj\n"));
            object.write(&mut out);
            out.extend(b"\nendobj\n");
        }
        let last = &self.file.revisions()[self.view.revision];
        let mut trailer = Dictionary::new();
        for key in ["Root", "Info"] {
            if let Some(value) = last.trailer.get(key) {
                trailer.set(key, value.clone());
            }
        }
        trailer.set("Prev", Object::Int(last.table as i64));
        let changed = Object::String(crate::sha256(&out[bytes.len()..])[..16].to_vec());
        if let Some([first, _]) = last.trailer.get("ID").and_then(Object::array) {
            trailer.set("ID", Object::Array(vec![first.clone(), changed]));
        }
        let table = out.len();
        if last.is_stream {
            let own = self.next;
            places.insert(own, (table, 0));
            trailer.set("Size", Object::Int(i64::from(own) + 1));
            trailer.set("Type", super::name("XRef"));
            trailer.set("W", Object::Array([1, 4, 2].map(Object::Int).to_vec()));
            let mut index = Vec::new();
            let mut rows = Vec::new();
            for (first, run) in runs(&places) {
                index.extend([Object::Int(i64::from(first)), Object::Int(run.len() as i64)]);
                for (at, generation) in run {
                    rows.push(1);
                    rows.extend((at as u32).to_be_bytes());
                    rows.extend(generation.to_be_bytes());
                }
            }
            trailer.set("Index", Object::Array(index));
            trailer.set("Length", Object::Int(rows.len() as i64));
            put(&mut out, format_args!("{own} 0 obj\n"));
            Object::Stream(trailer, rows).write(&mut out);
            out.extend(b"\nendobj\n");
        } else {
            trailer.set("Size", Object::Int(i64::from(self.next)));
            out.extend(b"xref\n");
            for (first, run) in runs(&places) {
                put(&mut out, format_args!("{first} {}\n", run.len()));
                for (at, generation) in run {
                    put(&mut out, format_args!("{at:010} {generation:05} n\r\n"));
                }
            }
            out.extend(b"trailer\n");
            Object::Dictionary(trailer).write(&mut out);
            out.push(b'\n');
        }
        put(&mut out, format_args!("startxref\n{table}\n%%EOF\n"));
        out
    }
}

/// Numbers that follow each other, with their places.
fn runs(places: &BTreeMap<u32, (usize, u16)>) -> Vec<(u32, Vec<(usize, u16)>)> {
    let mut out: Vec<(u32, Vec<(usize, u16)>)> = Vec::new();
    for (number, place) in places {
        match out.last_mut() {
            Some((first, run)) if *first + run.len() as u32 == *number => run.push(*place),
            _ => out.push((*number, vec![*place])),
        }
    }
    out
}
