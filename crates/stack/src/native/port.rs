//! Chooses the ports of servers and says clearly when one is taken.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

/// Free ports are sought here, below the range from which the system takes the
/// local ports of outgoing connections: a client that keeps dialling a stopped
/// server's port in that range can end up connected to itself, and another
/// connection can take the port while the server restarts.
const FROM: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port on 127.0.0.1 that nobody listens on and that is not in `avoid`.
///
/// # Errors
/// When every port of the range is taken.
pub fn free(avoid: &[u16]) -> Result<u16> {
    let start = offset();
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

/// Two stacks that start at once begin their search at different places.
fn offset() -> u16 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let mixed = nanos.wrapping_mul(2_654_435_761).wrapping_add(std::process::id()) >> 8;
    u16::try_from(mixed % u32::from(COUNT)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let port = free(&[]).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_free(port));
        drop(listener);
        assert_ne!(free(&[port]).unwrap(), port);
    }
}
