//! A posted form of a browser, read.

use crate::fields::{File, Posted};
use crate::limits;
use axum::extract::Multipart;
use axum::extract::multipart::MultipartError;
use mach_ui::http::Problem;

/// Bytes of one posted form: its texts, and the pictures it may hold.
pub const POSTED_BYTES: usize = 8 << 20;

fn refused(error: MultipartError) -> Problem {
    if error.status().as_u16() == 413 { Problem::TooLarge } else { Problem::BadRequest(error.body_text()) }
}

/// The fields of a form; the route sets [`POSTED_BYTES`] as its limit of a body.
///
/// # Errors
/// 400 where it is no form or holds more fields than any form of ours, 413 where it is too large.
pub async fn posted(mut form: Multipart) -> Result<Posted, Problem> {
    let (mut posted, mut count) = (Posted::default(), 0);
    while let Some(field) = form.next_field().await.map_err(refused)? {
        count += 1;
        if count > limits::FIELDS {
            return Err(Problem::TooLarge);
        }
        let name = field.name().unwrap_or_default().to_owned();
        match field.file_name().map(str::to_owned) {
            Some(file) => {
                let content_type = field.content_type().unwrap_or_default().to_owned();
                let bytes = field.bytes().await.map_err(refused)?.to_vec();
                posted.file(name, File { name: file, content_type, bytes });
            }
            None => posted.text(name, field.text().await.map_err(refused)?),
        }
    }
    Ok(posted)
}
