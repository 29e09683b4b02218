//! Samples and how they are spoilt: bytes flipped, pieces dropped, doubled and
//! exchanged, words put in that readers stumble over.

use std::path::Path;

use fastrand::Rng;

/// What parsers of JSON, numbers, ids and headers disagree about.
const WORDS: [&str; 26] = [
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\u0062",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-0",
    "0",
    "1e2",
    "1E400",
    "9007199254740993",
    "18446744073709551616",
    "0.1",
    "99999999999999.9",
    "\u{feff}",
    "\n",
    "!",
    "=",
    "\"customerId\":\"x\",",
    "é",
];

/// The corpus of a fuzz target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Makes inputs of samples, always the same ones.
pub struct Mutator {
    samples: Vec<Vec<u8>>,
    rng: Rng,
}

impl Mutator {
    pub fn new(samples: Vec<Vec<u8>>) -> Self {
        Self { samples, rng: Rng::with_seed(1) }
    }

    /// The next input: a sample with one to four things wrong.
    pub fn next(&mut self) -> Vec<u8> {
        let mut input = self.samples[self.rng.usize(..self.samples.len())].clone();
        for _ in 0..self.rng.usize(1..=4) {
            self.spoil(&mut input);
        }
        input
    }

    fn spoil(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.piece(input);
        match self.rng.u8(..6) {
            0 => input.drain(from..to).for_each(drop),
            1 => {
                let piece = input[from..to].to_vec();
                input.splice(from..from, piece);
            }
            2 => {
                let word = WORDS[self.rng.usize(..WORDS.len())];
                input.splice(from..from, word.bytes());
            }
            3 => {
                let word = WORDS[self.rng.usize(..WORDS.len())];
                input.splice(from..to, word.bytes());
            }
            4 => {
                let other = self.samples[self.rng.usize(..self.samples.len())].clone();
                let (start, end) = self.piece(&other);
                input.splice(from..to, other[start..end].iter().copied());
            }
            _ => {
                let bit = 1 << self.rng.u8(..8);
                input.iter_mut().skip(from).take(1).for_each(|byte| *byte ^= bit);
            }
        }
    }

    fn piece(&mut self, input: &[u8]) -> (usize, usize) {
        let from = self.rng.usize(..=input.len());
        (from, (from + self.rng.usize(..12)).min(input.len()))
    }
}
