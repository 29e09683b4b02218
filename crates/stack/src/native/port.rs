//! Chooses the ports of servers and says clearly when one is taken.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Free ports are sought here, below the range from which the system takes the
/// local ports of outgoing connections: a client that keeps dialling a stopped
/// server's port in that range can end up connected to itself, and another
/// connection can take the port while the server restarts.
const FROM: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port on 127.0.0.1 that nobody listens on and that is not in `avoid`.
///
/// The search begins at a place that `seed` decides: a stack that was purged
/// and started again has its former addresses, unless somebody took them.
///
/// # Errors
/// When every port of the range is taken.
pub fn free(seed: &impl Hash, avoid: &[u16]) -> Result<u16> {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let start = u16::try_from(hasher.finish() % u64::from(COUNT)).unwrap_or(0);
    for step in 0..COUNT {
        let port = FROM + (start + step) % COUNT;
        if !avoid.contains(&port) && is_free(port) {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 from {FROM} to {}", FROM + COUNT - 1)
}

/// Whether a server could listen on this port of 127.0.0.1.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_port_until_somebody_listens_there() {
        let port = free(&"seed", &[]).unwrap();
        assert_eq!(free(&"seed", &[]).unwrap(), port);
        assert_ne!(free(&"seed", &[port]).unwrap(), port);

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_free(port));
        assert_ne!(free(&"seed", &[]).unwrap(), port);
        drop(listener);
    }
}
