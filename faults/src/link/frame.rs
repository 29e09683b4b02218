//! Cuts a stream of bytes into the messages of its protocol; pure.

use super::Speech;

/// Largest message that is held together; a longer one is a mistake in the framing.
const LONGEST: usize = 64 << 20;
/// Length of a request for encryption or cancellation: no type stands before it.
const UNTYPED: usize = 8;

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// Who dialled.
    Client,
    Server,
}

/// The messages of one direction.
pub(super) struct Frames {
    speech: Speech,
    /// A PostgreSQL client says who it is before its messages carry a type.
    introduced: bool,
    pending: Vec<u8>,
}

impl Frames {
    pub(super) fn new(speech: Speech, side: Side) -> Self {
        // A server's answers are not looked at; they may pass as they come.
        let speech =
            if speech == Speech::Postgres && side == Side::Server { Speech::Http } else { speech };
        Self { speech, introduced: false, pending: Vec::new() }
    }

    /// Takes bytes as they come; gives every message that is complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.pending.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some(length) = self.length().filter(|length| *length <= self.pending.len()) {
            let rest = self.pending.split_off(length);
            messages.push(std::mem::replace(&mut self.pending, rest));
        }
        messages
    }

    fn length(&mut self) -> Option<usize> {
        let body_at = match self.speech {
            Speech::Http => return Some(self.pending.len()).filter(|length| *length > 0),
            Speech::Kafka => 0,
            Speech::Postgres => usize::from(self.introduced),
        };
        let length = self.pending.get(body_at..body_at + 4)?.first_chunk().copied()?;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?.min(LONGEST);
        match self.speech {
            // Kafka does not count the length itself, PostgreSQL does.
            Speech::Kafka => Some(length + 4),
            Speech::Http | Speech::Postgres => {
                if !self.introduced && self.pending.len() >= length {
                    self.introduced = length > UNTYPED;
                }
                Some(length.max(4) + body_at)
            }
        }
    }
}

/// Puts the proxy's port where a broker names its own: brokers say in answers
/// where they are to be found (Metadata and `FindCoordinator`: host, then port as
/// 32 bits), and clients dial what is said there.
pub(super) fn advertise(message: &mut [u8], server: u16, proxy: u16) {
    let address = |port: u16| [b"127.0.0.1".as_slice(), &u32::from(port).to_be_bytes()].concat();
    let (known, told) = (address(server), address(proxy));
    let mut at = 0;
    while let Some(found) = message[at..].windows(known.len()).position(|bytes| bytes == known) {
        message[at + found..at + found + told.len()].copy_from_slice(&told);
        at += found + told.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [[kind].as_slice(), &length, body].concat()
    }

    fn startup() -> Vec<u8> {
        [[0, 0, 0, 12].as_slice(), b"\0\x03\0\0abcd"].concat()
    }

    #[test]
    fn a_client_of_postgresql_is_cut_into_messages_wherever_its_bytes_break() {
        let spoken = [startup(), typed(b'Q', b"BEGIN\0"), typed(b'S', b"")];
        for size in 1..spoken.concat().len() {
            let mut frames = Frames::new(Speech::Postgres, Side::Client);
            let cut: Vec<_> =
                spoken.concat().chunks(size).flat_map(|bytes| frames.feed(bytes)).collect();
            assert_eq!(cut, spoken, "chunks of {size}");
        }
    }

    #[test]
    fn a_request_for_encryption_comes_before_the_introduction() {
        let request = vec![0, 0, 0, 8, 4, 210, 22, 47];
        let spoken = [request, startup(), typed(b'Q', b"COMMIT\0")];
        let mut frames = Frames::new(Speech::Postgres, Side::Client);
        assert_eq!(frames.feed(&spoken.concat()), spoken);
    }

    #[test]
    fn kafka_is_cut_by_its_lengths_and_http_not_at_all() {
        let spoken = [vec![0, 0, 0, 2, 7, 7], vec![0, 0, 0, 1, 9]];
        let mut frames = Frames::new(Speech::Kafka, Side::Server);
        assert!(frames.feed(&spoken.concat()[..5]).is_empty());
        assert_eq!(frames.feed(&spoken.concat()[5..]), spoken);
        let mut frames = Frames::new(Speech::Http, Side::Client);
        assert_eq!(frames.feed(b"GET"), [b"GET"]);
    }

    #[test]
    fn a_broker_is_found_behind_the_proxy() {
        let mut message = b"\x0a127.0.0.1\0\0\x23\x84..127.0.0.1\0\0\x23\x85".to_vec();
        advertise(&mut message, 0x2384, 7);
        assert_eq!(message, b"\x0a127.0.0.1\0\0\0\x07..127.0.0.1\0\0\x23\x85");
    }
}
