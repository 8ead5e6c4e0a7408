//! How often somebody may ask: buckets that fill with time, in memory, in bounded number.
//!
//! A bucket is one instant: when it would be full again. Asking moves it on by one interval; it may lie a burst ahead of now
//! and no further. What is not asked for as long as a burst takes is full, and forgotten when room is needed.

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mach_base::limits;
use mach_ui::http::Problem;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{House, Peer};

/// Whose asking is counted, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// An address: whatever it asks.
    Address(IpAddr),
    /// An address that proves who it is, or tries to.
    Door(IpAddr),
    /// A person's account: whatever it asks.
    Account(i64),
    /// A person's account that looks for people.
    Search(i64),
    /// All of one kind for whom there is no room.
    Others(Kind),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Addresses.
    Address,
    /// Tries at the doors.
    Door,
    /// Accounts.
    Account,
    /// Searches for people.
    Search,
}

impl Who {
    fn kind(&self) -> Kind {
        match self {
            Self::Address(_) => Kind::Address,
            Self::Door(_) => Kind::Door,
            Self::Account(_) => Kind::Account,
            Self::Search(_) => Kind::Search,
            Self::Others(kind) => *kind,
        }
    }
}

/// So many at once, then one each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once, after a rest.
    pub burst: u32,
    /// Then one each.
    pub each: Duration,
}

impl Rate {
    const fn per_minute(burst: u32, per_minute: u64) -> Self {
        Self { burst, each: Duration::from_micros(60_000_000 / per_minute) }
    }

    /// Of an address.
    pub const ADDRESS: Self = Self::per_minute(limits::ADDRESS_BURST, limits::ADDRESS_PER_MINUTE);
    /// Of an address at the doors.
    pub const DOOR: Self = Self::per_minute(limits::DOOR_BURST, limits::DOOR_PER_MINUTE);
    /// Of a person's account.
    pub const ACCOUNT: Self = Self::per_minute(limits::ACCOUNT_BURST, limits::ACCOUNT_PER_MINUTE);
    /// Of a person who looks for people.
    pub const SEARCH: Self = Self::per_minute(limits::PEOPLE_SEARCH_BURST, limits::PEOPLE_SEARCHES_PER_MINUTE);
}

/// All buckets.
#[derive(Debug)]
pub struct Pace {
    full_at: Mutex<HashMap<Who, Instant>>,
    /// Names that are nobody's: failures, and until when they rest.
    nobodies: Mutex<HashMap<String, (u32, Option<Instant>)>>,
    most: usize,
}

impl Pace {
    /// Room for `most` buckets.
    pub fn new(most: usize) -> Self {
        Self { full_at: Mutex::default(), nobodies: Mutex::default(), most }
    }

    /// Takes one from a bucket; how long to wait where it is empty.
    ///
    /// # Errors
    /// The time until there is one again.
    pub fn take(&self, who: Who, rate: Rate, now: Instant) -> Result<(), Duration> {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut who = who;
        if !all.contains_key(&who) && all.len() >= self.most {
            all.retain(|_, full_at| *full_at > now);
            if all.len() >= self.most {
                // Nobody is let in for nothing, and nobody is shut out, because others filled the room.
                who = Who::Others(who.kind());
            }
        }
        let each = if matches!(who, Who::Others(_)) { rate.each / limits::PACE_OTHERS } else { rate.each };
        let full_at = all.get(&who).copied().unwrap_or(now).max(now);
        let (next, most) = (full_at + each, now + rate.each * rate.burst);
        if next > most {
            return Err(next - most);
        }
        all.insert(who, next);
        Ok(())
    }

    /// Puts one back that was taken.
    pub fn give_back(&self, who: &Who, rate: Rate) {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = all.get_mut(who)
            && let Some(earlier) = full_at.checked_sub(rate.each)
        {
            *full_at = earlier;
        }
    }

    /// Counts a failure to sign in by a name that is nobody's; true where it rests, exactly as an account would.
    pub fn nobody_rests(&self, name: &str, now: Instant) -> bool {
        let mut all = self.nobodies.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(name) && all.len() >= self.most {
            all.clear();
        }
        let (failures, until) = all.entry(name.to_owned()).or_default();
        if until.is_some_and(|until| until > now) {
            return true;
        }
        *failures += 1;
        if *failures >= limits::SIGN_IN_FAILURES {
            *failures = 0;
            *until = Some(now + Duration::from_secs(limits::SIGN_IN_REST_MINUTES.unsigned_abs() * 60));
        }
        false
    }

    /// How many buckets there are.
    pub fn len(&self) -> usize {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Addresses that are believed where they say for whom they ask: one, or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    start: IpAddr,
    bits: u8,
}

impl FromStr for Network {
    type Err = String;

    /// `10.1.2.3`, `10.1.0.0/16`, `::1`, `2001:db8::/32`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no address and no network: 10.1.2.3, 10.1.0.0/16, 2001:db8::/32");
        let (start, bits) =
            text.trim().split_once('/').map_or((text.trim(), None), |(start, bits)| (start, Some(bits)));
        let start: IpAddr = start.parse().map_err(|_| wrong())?;
        let start = start.to_canonical();
        let most = if start.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |b| b.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { start, bits }) }
    }
}

impl Network {
    /// Whether it holds an address.
    pub fn holds(&self, address: IpAddr) -> bool {
        let differs = match (self.start, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        differs >= u32::from(self.bits)
    }
}

/// Where a request comes from: the peer, or, of a proxy that is believed, the address that it says. `None` for this machine
/// itself, which is not counted: a proxy that nobody named would stand there for everybody.
pub fn address(headers: &HeaderMap, extensions: &Extensions, proxies: &[Network]) -> Option<IpAddr> {
    let mut at = extensions.get::<Peer>()?.address.to_canonical();
    // Each proxy adds whom it was asked by at the end; what stands before was said by that one.
    let said: Vec<&str> = headers.get_all("x-forwarded-for").iter().map(|v| v.to_str().unwrap_or("?")).collect();
    for one in said.iter().flat_map(|value| value.split(',')).rev() {
        if !proxies.iter().any(|p| p.holds(at)) {
            break;
        }
        let one = one.trim();
        let Some(before) = one.parse().ok().or_else(|| Some(one.parse::<SocketAddr>().ok()?.ip())) else { break };
        at = before.to_canonical();
    }
    (!at.is_loopback()).then(|| network(at))
}

/// One household has 64 bits of addresses of its own.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

/// Where a provider says that somebody signed out there.
const ENDED: &str = "/sign-in/ended/";

/// Whether a request tries to prove who asks, of whom nothing is known yet. `/prove` and `/sign-in/code` are of a session, whose
/// account counts the tries.
fn is_at_the_door(method: &Method, path: &str) -> bool {
    // Who comes back from a provider makes this server ask it; so does who says that somebody signed out there.
    if path.starts_with("/sign-in/back/") || path.starts_with(ENDED) {
        return true;
    }
    let doors = ["/sign-in", "/recover", "/me/sign-in", "/me/sign-in/code", "/passkey", "/desk"];
    *method == Method::POST && doors.contains(&path)
}

/// Counts requests by address, before anything else is done for them.
pub async fn by_address(State(house): State<House>, request: Request, next: Next) -> Response {
    let Some(address) = address(request.headers(), request.extensions(), house.proxies()) else {
        return next.run(request).await;
    };
    let now = Instant::now();
    let door = Who::Door(address);
    let tries = is_at_the_door(request.method(), request.uri().path());
    // What a program answers to, or a script, is no page that leads on.
    let by_program = request.uri().path() == "/passkey" || request.uri().path().starts_with(ENDED);
    let taken = house.pace().take(Who::Address(address), Rate::ADDRESS, now);
    let taken = taken.and_then(|()| match tries {
        true => house.pace().take(door.clone(), Rate::DOOR, now),
        false => Ok(()),
    });
    if let Err(wait) = taken {
        return too_many(wait);
    }
    let answer = next.run(request).await;
    // Who is let in goes on; who is asked again failed. The answer to a key is read by a script, which goes on by itself; a
    // provider whose word was good is not counted, however many sign out there.
    if tries && (answer.status().is_redirection() || by_program && answer.status().is_success()) {
        house.pace().give_back(&door, Rate::DOOR);
    }
    answer
}

/// 429, and when to ask again.
fn too_many(wait: Duration) -> Response {
    let seconds = (wait.as_secs() + 1).to_string();
    ([(header::RETRY_AFTER, seconds)], Problem::TooMany).into_response()
}

/// Counts a request of a person's account.
pub(crate) fn of_account(house: &House, account: i64) -> Result<(), Problem> {
    house.pace().take(Who::Account(account), Rate::ACCOUNT, Instant::now()).map_err(|_| Problem::TooMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Rate = Rate { burst: 3, each: Duration::from_secs(10) };

    #[test]
    fn a_burst_then_one_each_interval() {
        let (pace, now) = (Pace::new(10), Instant::now());
        let take = |seconds: u64| pace.take(Who::Account(1), SLOW, now + Duration::from_secs(seconds));
        assert_eq!([take(0), take(0), take(0)], [Ok(()); 3]);
        assert_eq!(take(0), Err(Duration::from_secs(10)), "one past the burst");
        assert_eq!(take(9), Err(Duration::from_secs(1)));
        assert_eq!((take(10), take(10)), (Ok(()), Err(Duration::from_secs(10))));
        assert_eq!([take(99), take(99), take(99)], [Ok(()); 3]);
        assert!(take(99).is_err());
        assert_eq!(pace.take(Who::Account(2), SLOW, now), Ok(()), "another's bucket");
        assert_eq!(pace.take(Who::Search(1), SLOW, now), Ok(()), "another purpose");
        pace.give_back(&Who::Search(1), SLOW);
        assert_eq!([0; 3].map(|_| pace.take(Who::Search(1), SLOW, now)), [Ok(()); 3], "what was given back");
        assert!(pace.take(Who::Search(1), SLOW, now).is_err());
    }

    #[test]
    fn every_form_that_lets_somebody_in_is_a_door() {
        for path in ["/sign-in", "/recover", "/me/sign-in", "/me/sign-in/code", "/desk"] {
            assert!(is_at_the_door(&Method::POST, path) && !is_at_the_door(&Method::GET, path), "{path}");
        }
        assert!(!is_at_the_door(&Method::POST, "/access/desk"));
        assert!(is_at_the_door(&Method::GET, "/sign-in/back/bv") && !is_at_the_door(&Method::GET, "/sign-in/with/bv"));
        assert!(
            is_at_the_door(&Method::POST, "/sign-in/ended/bv"),
            "a provider's word is checked by asking for its keys"
        );
    }

    #[test]
    fn a_name_that_is_nobodys_rests_like_one_that_is() {
        let (pace, now) = (Pace::new(3), Instant::now());
        for n in 0..limits::SIGN_IN_FAILURES {
            assert!(!pace.nobody_rests("lan", now), "{n}");
        }
        let rest = Duration::from_secs(limits::SIGN_IN_REST_MINUTES.unsigned_abs() * 60);
        assert!(pace.nobody_rests("lan", now) && pace.nobody_rests("lan", now + rest - Duration::from_secs(1)));
        assert!(!pace.nobody_rests("hoa", now) && !pace.nobody_rests("lan", now + rest));
        for name in ["a", "b", "c", "d", "e"] {
            pace.nobody_rests(name, now);
        }
        assert!(pace.nobodies.lock().unwrap().len() <= 3);
    }

    #[test]
    fn there_are_never_more_buckets_than_there_is_room() {
        let (pace, now) = (Pace::new(5), Instant::now());
        for n in 0..200 {
            let _ = pace.take(Who::Account(n), SLOW, now);
        }
        assert_eq!(pace.len(), 6, "five, and that of all others");
        assert!(pace.take(Who::Account(200), SLOW, now).is_err(), "accounts filled it");
        assert_eq!(
            pace.take(Who::Door(IpAddr::from([203, 0, 113, 9])), SLOW, now),
            Ok(()),
            "and not that of the doors"
        );
        let later = now + Duration::from_secs(11 * u64::from(limits::PACE_OTHERS));
        assert_eq!(pace.take(Who::Account(50), SLOW, later), Ok(()));
        assert_eq!(pace.len(), 1, "full ones are forgotten");
    }

    #[test]
    fn an_address_is_believed_from_a_proxy_that_was_named() {
        let named: Vec<Network> = ["127.0.0.1", "10.0.0.0/8", "2001:db8:ffff::/48"].map(|t| t.parse().unwrap()).into();
        let of = |peer: &str, said: &[&'static str], proxies: &[Network]| {
            let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
            for value in said {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            extensions.insert(Peer { address: peer.parse().unwrap(), certificate: None });
            address(&headers, &extensions, proxies).map(|a| a.to_string())
        };
        for (peer, said, by_none, by_named) in [
            ("127.0.0.1", &[] as &[&str], None, None),
            ("::ffff:127.0.0.1", &[], None, None),
            ("203.0.113.9", &["198.51.100.1"], Some("203.0.113.9"), Some("203.0.113.9")),
            ("127.0.0.1", &["1.1.1.1, 198.51.100.1"], None, Some("198.51.100.1")),
            ("::ffff:127.0.0.1", &["1.1.1.1", "198.51.100.1"], None, Some("198.51.100.1")),
            ("10.9.9.9", &["1.1.1.1, 198.51.100.1, 10.1.1.1"], Some("10.9.9.9"), Some("198.51.100.1")),
            ("10.9.9.9", &["10.0.0.5"], Some("10.9.9.9"), Some("10.0.0.5")),
            ("10.9.9.9", &["198.51.100.1:4711"], Some("10.9.9.9"), Some("198.51.100.1")),
            ("2001:db8:ffff::1", &["[2001:db8:1:2:3::4]:80"], Some("2001:db8:ffff::"), Some("2001:db8:1:2::")),
            ("2001:db8:1:2:3::4", &[], Some("2001:db8:1:2::"), Some("2001:db8:1:2::")),
            ("::ffff:203.0.113.9", &[], Some("203.0.113.9"), Some("203.0.113.9")),
            ("127.0.0.1", &["nonsense"], None, None),
            ("10.9.9.9", &["nonsense"], Some("10.9.9.9"), Some("10.9.9.9")),
        ] {
            assert_eq!(of(peer, said, &[]).as_deref(), by_none, "{peer} {said:?}");
            assert_eq!(of(peer, said, &named).as_deref(), by_named, "{peer} {said:?}");
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "mach.example.vn", "10.0.0.0/x"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
