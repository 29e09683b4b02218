//! Which ports a start gets: those asked for, else those remembered, else free ones.

use std::path::Path;

use anyhow::{Result, bail};

use super::Teller;
use crate::native::port;
use crate::options::{Ports, Server, Source};
use crate::state::State;

/// Chooses a port for each server that is about to start, and remembers it in `state`.
///
/// # Errors
/// When a port that was asked for is taken.
pub fn choose(
    dir: &Path,
    starting: &[Server],
    asked: Ports,
    state: &mut State,
    teller: &Teller,
) -> Result<()> {
    // Containers that still run from an earlier start have theirs already, and
    // Docker itself says which port it cannot have.
    let usable = |state: &State, port| state.source == Source::Compose || port::is_free(port);
    for &server in starting {
        let port = match (asked.of(server), state.port(server)) {
            (Some(port), _) if usable(state, port) => port,
            (Some(port), _) => bail!(
                "port {port} on 127.0.0.1, asked for {server}, is taken by another program; \
                 ask for another one or let the stack choose (who has it: \
                 ss -ltnp 'sport = :{port}')"
            ),
            (None, Some(port)) if usable(state, port) => port,
            (None, former) => {
                let free = port::free(&(dir, server.name()), &state.ports())?;
                if let Some(former) = former {
                    teller.note(&format!("{server}'s port {former} has been taken; using {free}"));
                }
                free
            }
        };
        state.set_port(server, port);
    }
    if starting.contains(&Server::Kafka) && !state.controller_port.is_some_and(port::is_free) {
        state.controller_port = Some(port::free(&(dir, "controller"), &state.ports())?);
    }
    Ok(())
}
