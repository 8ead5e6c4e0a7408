//! Answers in pieces: made off the async threads, a few pieces ahead of what the asker takes.

use crate::refusal::Refusal;
use axum::body::{Body, Bytes};
use http_body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Pieces made ahead.
const AHEAD: usize = 4;
/// Bytes of one piece, about.
pub const PIECE_BYTES: usize = 64 << 10;

type Piece = Result<Vec<u8>, Refusal>;

/// Where pieces go.
pub struct Pieces {
    to: Sender<Piece>,
}

impl Pieces {
    /// Hands a piece on; false where nobody takes it any more.
    pub fn send(&self, bytes: Vec<u8>) -> bool {
        bytes.is_empty() || self.to.blocking_send(Ok(bytes)).is_ok()
    }
}

/// A body that ends early, and so visibly unfinished, where its making fails.
struct Streamed {
    first: Option<Vec<u8>>,
    rest: Receiver<Piece>,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first.into()))));
        }
        self.rest.poll_recv(cx).map(|next| next.map(|piece| piece.map(|bytes| Frame::data(bytes.into()))))
    }
}

/// Runs `make` off the async threads; the answer begins with its first piece.
///
/// # Errors
/// Those of `make` before its first piece. A later one breaks the answer off.
pub async fn body(make: impl FnOnce(&Pieces) -> Result<(), Refusal> + Send + 'static) -> Result<Body, Refusal> {
    let (to, mut rest) = channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let pieces = Pieces { to };
        if let Err(refusal) = make(&pieces) {
            tracing::warn!("an answer in pieces ended early: {refusal}");
            // Nobody hears it where the asker is gone.
            let _ = pieces.to.blocking_send(Err(refusal));
        }
    });
    match rest.recv().await {
        None => Ok(Body::empty()),
        Some(Err(refusal)) => Err(refusal),
        Some(Ok(first)) => Ok(Body::new(Streamed { first: Some(first), rest })),
    }
}

/// Takes a body piece by piece.
///
/// # Errors
/// 400 where it breaks off; those of `take`.
pub async fn each_piece(mut body: Body, mut take: impl FnMut(&[u8]) -> Result<(), Refusal>) -> Result<(), Refusal> {
    loop {
        let next = std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx)).await;
        match next {
            None => return Ok(()),
            Some(Err(e)) => return Err(Refusal::invalid(format!("the body broke off: {e}"))),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    take(&data)?;
                }
            }
        }
    }
}
