//! The lines of all orders: a fingerprint each, to compare, and product and
//! quantity in a few bytes, to add up.

use crate::place::Fingerprint;

/// Products and quantities of all orders, as variable-length integers.
#[derive(Default, Debug)]
pub struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    /// Keeps the lines of one order; gives where they start.
    pub fn add(&mut self, lines: impl ExactSizeIterator<Item = (u32, i64)>) -> u64 {
        let start = self.bytes.len() as u64;
        self.push(lines.len() as u64);
        for (sku, quantity) in lines {
            self.push(u64::from(sku));
            self.push(quantity.unsigned_abs());
        }
        start
    }

    /// Product and quantity of each line that starts there.
    pub fn of(&self, start: u64) -> impl Iterator<Item = (u32, i64)> {
        let mut rest = &self.bytes[usize::try_from(start).unwrap_or(self.bytes.len())..];
        let count = take(&mut rest);
        (0..count).map(move |_| {
            let (sku, quantity) = (take(&mut rest), take(&mut rest));
            (u32::try_from(sku).unwrap_or(u32::MAX), i64::try_from(quantity).unwrap_or(i64::MAX))
        })
    }

    fn push(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

fn take(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, rest)) = bytes.split_first() else { break };
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

/// Adds one line to the fingerprint of an order's lines.
pub fn print_line(print: Fingerprint, sku: &str, quantity: i64, price: i64) -> Fingerprint {
    print.bytes(sku.as_bytes()).number(quantity).number(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_went_in() {
        let mut lines = Lines::default();
        let first = [(0, 1), (127, 128), (u32::MAX, 1_000_000)];
        let (a, b) = (lines.add(first.into_iter()), lines.add([(5, 6)].into_iter()));
        assert_eq!(lines.of(a).collect::<Vec<_>>(), first);
        assert_eq!(lines.of(b).collect::<Vec<_>>(), [(5, 6)]);
    }
}
