//! Who is connected, and who has to go when too many are.
//!
//! A connection costs a socket and some memory whether it is of use or not. When there is no room for one more, the one
//! goes that has been of no use for longest: first those that never asked anything, then those between two requests, then
//! those that are sending or taking at a crawl. One whose request is being worked on never goes. So a client that opens
//! five thousand connections mostly pushes out its own.

use mach_house::pace::Network;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Connections that were told to go and have not yet gone: with more, nobody new is taken for a moment, or the system's
/// sockets would run out.
const LEAVING: usize = 32;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// It has not asked anything yet.
    Fresh = 0,
    /// Between two requests.
    Idle = 1,
    /// The body of a request is on its way.
    Receiving = 2,
    /// Its answer is on its way.
    Sending = 3,
    /// The answer is made; what is left of it lies in the buffer.
    Flushing = 4,
    /// A request is being worked on.
    Working = 5,
    /// It speaks another protocol now.
    Upgraded = 6,
}

impl Stage {
    const ALL: [Self; 7] =
        [Self::Fresh, Self::Idle, Self::Receiving, Self::Sending, Self::Flushing, Self::Working, Self::Upgraded];

    /// Whether the connection may be closed for another, or because the program ends.
    fn may_go(self) -> bool {
        self < Self::Working
    }

    /// Whether somebody waits for what this connection does.
    fn is_asked(self) -> bool {
        self > Self::Idle
    }
}

/// One connection.
pub struct Guest {
    address: IpAddr,
    began: Instant,
    stage: AtomicU8,
    /// Milliseconds after `began` at which the stage began.
    since: AtomicU64,
    leave: Notify,
}

impl Guest {
    fn new(address: IpAddr) -> Self {
        Self { address, began: Instant::now(), stage: AtomicU8::new(0), since: AtomicU64::new(0), leave: Notify::new() }
    }

    /// Where it comes from.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        Stage::ALL[usize::from(self.stage.load(Ordering::SeqCst))]
    }

    /// Notes how far it is.
    pub fn set(&self, stage: Stage) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(now, Ordering::SeqCst);
        self.stage.store(stage as u8, Ordering::SeqCst);
    }

    /// Moves on from `from`, where it is still there.
    pub fn pass(&self, from: Stage, to: Stage) {
        if self.stage() == from {
            self.set(to);
        }
    }

    /// When its stage began.
    fn since(&self) -> Instant {
        self.began + Duration::from_millis(self.since.load(Ordering::SeqCst))
    }

    /// Waits until it has to go.
    pub async fn told_to_leave(&self) {
        self.leave.notified().await;
    }
}

/// All connections.
pub struct Crowd {
    most: usize,
    most_of_one: usize,
    proxies: Vec<Network>,
    guests: Mutex<Guests>,
    /// Seats, those of the leaving too.
    seats: AtomicUsize,
    fewer: Notify,
}

#[derive(Default)]
struct Guests {
    all: HashMap<u64, Arc<Guest>>,
    next: u64,
}

/// A connection's place among all; given up when dropped.
pub struct Seat {
    /// The connection.
    pub guest: Arc<Guest>,
    number: u64,
    crowd: Arc<Crowd>,
}

impl Crowd {
    /// Room for `most` connections, and for `most_of_one` of one address that is neither this machine's nor one of `proxies`:
    /// those come for many.
    pub fn behind(proxies: Vec<Network>, most: usize, most_of_one: usize) -> Arc<Self> {
        let (guests, seats, fewer) = (Mutex::default(), AtomicUsize::new(0), Notify::new());
        Arc::new(Self { most, most_of_one, proxies, guests, seats, fewer })
    }

    /// The same without a proxy.
    #[cfg(test)]
    pub fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Self::behind(Vec::new(), most, most_of_one)
    }

    /// Whether an address comes for many.
    fn is_of_many(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.proxies.iter().any(|p| p.holds(address))
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection from `address`; none where nobody can go for it. Who has to go is told and leaves by
    /// itself a moment later.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let mut guests = self.guests();
        let mut count: HashMap<IpAddr, usize> = HashMap::new();
        let many = self.is_of_many(address);
        if guests.all.len() >= self.most || !many {
            for guest in guests.all.values() {
                *count.entry(guest.address).or_default() += 1;
            }
        }
        let crowded = guests.all.len() >= self.most;
        let greedy = !many && count.get(&address).is_some_and(|n| *n >= self.most_of_one);
        if crowded || greedy {
            let candidates = guests.all.iter().filter(|(_, g)| g.stage().may_go() && (!greedy || g.address == address));
            let rank = |g: &Guest| (g.stage(), Reverse(count.get(&g.address).copied().unwrap_or(0)), g.since());
            let (number, _) = candidates.min_by_key(|(_, g)| rank(g))?;
            let number = *number;
            if let Some(guest) = guests.all.remove(&number) {
                guest.leave.notify_one();
            }
        }
        let number = guests.next;
        guests.next += 1;
        let guest = Arc::new(Guest::new(address));
        guests.all.insert(number, Arc::clone(&guest));
        self.seats.fetch_add(1, Ordering::SeqCst);
        Some(Seat { guest, number, crowd: Arc::clone(self) })
    }

    /// Waits until those who were told to go have gone, but for a few.
    pub async fn settled(&self) {
        loop {
            let fewer = self.fewer.notified();
            if self.seats.load(Ordering::SeqCst) < self.most + LEAVING {
                return;
            }
            fewer.await;
        }
    }

    /// Tells those to go whom nobody waits for.
    pub fn dismiss_idle(&self) {
        let guests = self.guests();
        guests.all.values().filter(|g| !g.stage().is_asked()).for_each(|g| g.leave.notify_one());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.guests().all.len()
    }

    /// Waits until `done` of how many there are.
    #[cfg(test)]
    pub async fn until(&self, done: impl Fn(usize) -> bool) {
        loop {
            let fewer = self.fewer.notified();
            if done(self.len()) {
                return;
            }
            fewer.await;
        }
    }

    /// Waits until nobody is there whose request is unanswered.
    pub async fn finished(&self) {
        loop {
            let fewer = self.fewer.notified();
            if self.guests().all.values().all(|g| !g.stage().is_asked() || g.stage() == Stage::Upgraded) {
                return;
            }
            fewer.await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.guests().all.remove(&self.number);
        self.crowd.seats.fetch_sub(1, Ordering::SeqCst);
        self.crowd.fewer.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_least_useful_goes() {
        let crowd = Crowd::new(4, 4);
        let seats: Vec<Seat> = (1..=4).map(|n| crowd.enter(address(n)).unwrap()).collect();
        let gone = |seat: &Seat| !crowd.guests().all.contains_key(&seat.number);
        for (seat, stage) in seats.iter().zip([Stage::Working, Stage::Sending, Stage::Receiving, Stage::Idle]) {
            seat.guest.set(stage);
        }
        // In the order of their use, the one at work never.
        for next in [3, 2, 1] {
            let new = crowd.enter(address(9)).unwrap();
            new.guest.set(Stage::Working);
            assert!(gone(&seats[next]), "{next}");
            std::mem::forget(new);
        }
        assert!(crowd.enter(address(9)).is_none(), "all work");
        assert!(!gone(&seats[0]) && crowd.len() == 4);
    }

    #[test]
    fn who_has_most_loses_first_and_the_oldest_of_those() {
        let crowd = Crowd::new(5, 5);
        let one = crowd.enter(address(1)).unwrap();
        let many: Vec<Seat> = (0..4).map(|_| crowd.enter(address(2)).unwrap()).collect();
        many[0].guest.set(Stage::Idle);
        let _new = crowd.enter(address(3)).unwrap();
        let left = |seat: &Seat| crowd.guests().all.contains_key(&seat.number);
        assert!(left(&one) && left(&many[0]) && !left(&many[1]) && left(&many[2]));
    }

    #[test]
    fn one_address_has_its_share_but_for_this_machine() {
        let crowd = Crowd::new(100, 2);
        let seats: Vec<Seat> = (0..3).map(|_| crowd.enter(address(1)).unwrap()).collect();
        assert_eq!(crowd.len(), 2);
        seats[1].guest.set(Stage::Working);
        seats[2].guest.set(Stage::Working);
        assert!(crowd.enter(address(1)).is_none());
        assert!(crowd.enter(address(2)).is_some());
        let own: Vec<_> = (0..10).map(|_| crowd.enter(IpAddr::from([127, 0, 0, 1])).unwrap()).collect();
        assert_eq!(crowd.len(), 12);
        drop(own);
        assert_eq!(crowd.len(), 2);
        let behind = Crowd::behind(vec!["10.0.0.7".parse().unwrap()], 100, 2);
        let _many: Vec<_> = (0..10).map(|_| behind.enter(address(7)).unwrap()).collect();
        let _two: Vec<_> = (0..3).map(|_| behind.enter(address(8)).unwrap()).collect();
        assert_eq!(behind.len(), 12, "a proxy comes for many, its neighbour for itself");
    }
}
