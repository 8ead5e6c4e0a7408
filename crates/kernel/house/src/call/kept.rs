//! What another machine published, kept for a while: it is asked now and then, and not again at once where it did not answer.

use mach_base::time::now_seconds;
use std::sync::Arc;

/// For how long something is believed.
#[derive(Clone, Copy, Debug)]
pub struct Believed {
    /// Seconds for which it is.
    pub seconds: i64,
    /// Seconds between two fetches: where one failed, or what came was not enough.
    pub again_after: i64,
}

/// What came from an address the last time. Who asks while it is fetched waits for the same answer: it is kept behind a lock of its own.
#[derive(Debug)]
pub struct Kept<T> {
    /// From where.
    url: String,
    /// When that was last tried, seconds.
    tried: i64,
    /// The last that came, and when.
    found: Option<(i64, Arc<T>)>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { url: String::new(), tried: 0, found: None }
    }
}

/// What is done for one who needs it.
enum Need<T> {
    /// It is known.
    Known(Arc<T>),
    /// It could not be had a moment ago: nobody is asked again yet.
    Rest,
    /// It is fetched.
    Fetch,
}

impl<T> Kept<T> {
    fn need(&self, url: &str, believed: Believed, again: bool, now: i64) -> Need<T> {
        if self.url != url {
            return Need::Fetch;
        }
        let just_tried = now - self.tried < believed.again_after;
        match &self.found {
            Some((at, found)) if now - at < believed.seconds && (!again || just_tried) => {
                Need::Known(Arc::clone(found))
            }
            _ if just_tried => Need::Rest,
            _ => Need::Fetch,
        }
    }

    /// What `url` publishes: what is known, or what `fetch` brings; `again`: what is known was not enough.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn get(
        &mut self,
        url: &str,
        believed: Believed,
        again: bool,
        fetch: impl Future<Output = Result<T, String>>,
    ) -> Result<Arc<T>, String> {
        match self.need(url, believed, again, now_seconds()) {
            Need::Known(found) => return Ok(found),
            Need::Rest => return Err("it could not be had a moment ago".to_owned()),
            Need::Fetch => {}
        }
        if self.url != url {
            *self = Self { url: url.to_owned(), ..Self::default() };
        }
        let fetched = fetch.await;
        // What failed is not asked for again at once, and what was known before it failed stays known.
        self.tried = now_seconds();
        let found = Arc::new(fetched?);
        self.found = Some((self.tried, Arc::clone(&found)));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELIEVED: Believed = Believed { seconds: 300, again_after: 10 };

    #[test]
    fn it_is_fetched_now_and_then() {
        let found = Some((1_000, Arc::new(())));
        let known = Kept { url: "u".to_owned(), tried: 1_000, found };
        let failed = Kept { url: "u".to_owned(), tried: 1_000, found: None };
        let need = |kept: &Kept<()>, url, again, now| match kept.need(url, BELIEVED, again, now) {
            Need::Known(_) => "known",
            Need::Rest => "rest",
            Need::Fetch => "fetch",
        };
        for (kept, url, lacking, now, expect) in [
            (&Kept::default(), "u", false, 1_000, "fetch"),
            (&known, "u", false, 1_299, "known"),
            (&known, "u", false, 1_300, "fetch"),
            (&known, "u", true, 1_009, "known"),
            (&known, "u", true, 1_010, "fetch"),
            (&known, "another", false, 1_000, "fetch"),
            (&failed, "u", false, 1_009, "rest"),
            (&failed, "u", true, 1_009, "rest"),
            (&failed, "u", false, 1_010, "fetch"),
            (&failed, "another", false, 1_000, "fetch"),
        ] {
            assert_eq!(need(kept, url, lacking, now), expect, "{url} {lacking} {now}");
        }
    }
}
