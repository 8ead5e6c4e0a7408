//! `/log`: the log for whoever wants to watch it (c2sp.org/tlog-tiles). Nothing in it says whom or what it is about, so it is
//! open.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mach_access::{Act, Actor, decide};
use mach_house::House;
use mach_store::{Reader, log};
use mach_tlog::tile::Tile;
use mach_ui::http::Problem;

/// The routes of the log.
pub fn router() -> Router<House> {
    Router::new().route("/log/checkpoint", get(checkpoint)).route("/log/tile/{*path}", get(tile))
}

async fn read<T: Send + 'static>(
    house: &House,
    work: impl FnOnce(&mut Reader) -> mach_store::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let decision = decide(&Actor::console(), Act::UseAccount).map_err(|_| Problem::Forbidden)?;
    house.read(decision, work).await
}

async fn checkpoint(State(house): State<House>) -> Result<Response, Problem> {
    let kept = read(&house, |reader| log::checkpoint(reader)).await?;
    Ok(match kept {
        Some(kept) => {
            let headers =
                [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=2")];
            (headers, kept.note).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no checkpoint yet\n").into_response(),
    })
}

async fn tile(State(house): State<House>, Path(path): Path<String>) -> Result<Response, Problem> {
    let Ok(tile) = Tile::parse(&path) else { return Ok((StatusCode::NOT_FOUND, "no such tile\n").into_response()) };
    let bytes = read(&house, move |reader| log::tile(reader, tile)).await?;
    Ok(match bytes {
        Some(bytes) => {
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no such tile yet\n").into_response(),
    })
}
