//! Who uses the stack, and when nobody does any more.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// The users of a stack.
#[derive(Debug)]
pub struct Census {
    users: watch::Sender<Users>,
}

#[derive(Debug, Clone)]
struct Users {
    leases: usize,
    pinned: bool,
    down: bool,
    linger: Duration,
    companions: HashSet<u32>,
}

impl Users {
    fn need_the_stack(&self) -> bool {
        self.leases > 0 || !self.companions.is_empty() || self.pinned
    }
}

/// Counts as a user until it is dropped.
#[derive(Debug)]
pub struct Lease<'a>(&'a Census);

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.0.users.send_modify(|users| users.leases -= 1);
    }
}

/// Makes a process count as a user until this is dropped.
#[derive(Debug)]
pub struct Companion<'a>(&'a Census, u32);

impl Drop for Companion<'_> {
    fn drop(&mut self) {
        self.0.users.send_modify(|users| {
            users.companions.remove(&self.1);
        });
    }
}

impl Census {
    /// Nobody yet; the first has this long to come.
    #[must_use]
    pub fn new(first: Duration) -> Self {
        let users = Users {
            leases: 0,
            pinned: false,
            down: false,
            linger: first,
            companions: HashSet::new(),
        };
        Self { users: watch::Sender::new(users) }
    }

    /// Counts a new user.
    pub fn lease(&self) -> Lease<'_> {
        self.users.send_modify(|users| users.leases += 1);
        Lease(self)
    }

    /// Counts a process as a user, unless it is counted already.
    pub fn accompany(&self, pid: u32) -> Option<Companion<'_>> {
        let mut new = false;
        self.users.send_modify(|users| new = users.companions.insert(pid));
        // Not then_some: one made in vain would end the other when it is dropped.
        if new { Some(Companion(self, pid)) } else { None }
    }

    /// Sets how long the stack stays after the last user.
    pub fn linger(&self, linger: Duration) {
        self.users.send_modify(|users| users.linger = linger);
    }

    /// Keeps the stack without users too.
    pub fn pin(&self) {
        self.users.send_modify(|users| users.pinned = true);
    }

    /// Makes everybody leave.
    pub fn down(&self) {
        self.users.send_modify(|users| users.down = true);
    }

    /// How many hold the stack, and whether the stack is pinned.
    #[must_use]
    pub fn count(&self) -> (usize, bool) {
        let users = self.users.borrow();
        (users.leases + users.companions.len(), users.pinned)
    }

    /// Waits until nobody needs the stack; says why.
    pub async fn abandoned(&self) -> &'static str {
        let mut users = self.users.subscribe();
        loop {
            let Ok(now) = users.wait_for(|users| users.down || !users.need_the_stack()).await
            else {
                return "nobody can ask for it any more";
            };
            let linger = now.linger;
            if now.down {
                return "asked to go down";
            }
            drop(now);
            let next = users.wait_for(|users| users.down || users.need_the_stack());
            if timeout(linger, next).await.is_err() {
                return "nobody uses it";
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_stack_is_abandoned_when_the_last_lease_has_gone_and_lingered() {
        let census = Census::new(Duration::from_secs(10));
        let lease = census.lease();
        census.linger(Duration::from_secs(3));
        let day = Duration::from_secs(86_400);
        assert!(timeout(day, census.abandoned()).await.is_err());

        drop(lease);
        let gone = tokio::time::Instant::now();
        assert_eq!(census.abandoned().await, "nobody uses it");
        assert_eq!(gone.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_companion_keeps_the_stack_between_the_users_it_brings() {
        let census = Census::new(Duration::ZERO);
        let companion = census.accompany(7);
        assert!(census.accompany(7).is_none());
        let day = Duration::from_secs(86_400);
        assert!(timeout(day, census.abandoned()).await.is_err());

        drop(companion);
        assert_eq!(census.abandoned().await, "nobody uses it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pinned_stack_stays_until_it_is_asked_to_go_down() {
        let census = Census::new(Duration::ZERO);
        census.pin();
        let day = Duration::from_secs(86_400);
        assert!(timeout(day, census.abandoned()).await.is_err());

        census.down();
        assert_eq!(census.abandoned().await, "asked to go down");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_taken_while_the_stack_lingers_keeps_it() {
        let census = Census::new(Duration::from_secs(10));
        let come_back = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            census.lease()
        };
        let (both, _lease) =
            tokio::join!(timeout(Duration::from_secs(100), census.abandoned()), come_back);
        assert!(both.is_err());
    }
}
