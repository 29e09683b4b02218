//! What can be wrong with a record. Several things can be at once; which of
//! them a dead letter names is its writer's choice.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// `ce_id`, `ce_type` or `ce_time` is missing or unreadable, or `ce_specversion` is not 1.0.
    BadHeader,
    /// The type is none that belongs on the topic.
    UnknownType,
    /// The key is not the id that the event is about.
    BadKey,
    /// No value.
    NoValue,
    /// More than 64 KiB.
    TooLarge,
    /// The value is not what its type says.
    InvalidBody,
    /// Readable, but not storable: a time before PostgreSQL's calendar.
    RefusedByDatabase,
}

impl Defect {
    const ALL: [Self; 7] = [
        Self::BadHeader,
        Self::UnknownType,
        Self::BadKey,
        Self::NoValue,
        Self::TooLarge,
        Self::InvalidBody,
        Self::RefusedByDatabase,
    ];

    /// The word in tables and headers.
    pub fn code(self) -> &'static str {
        match self {
            Self::BadHeader => "bad_header",
            Self::UnknownType => "unknown_type",
            Self::BadKey => "bad_key",
            Self::NoValue => "no_value",
            Self::TooLarge => "too_large",
            Self::InvalidBody => "invalid_body",
            Self::RefusedByDatabase => "refused_by_database",
        }
    }
}

/// Everything that is wrong with one record.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Defects(u8);

impl Defects {
    /// Notes one when `wrong`.
    pub fn note(&mut self, defect: Defect, wrong: bool) {
        self.0 |= u8::from(wrong) << defect as u8;
    }

    /// Whether nothing is wrong.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this code names one of them.
    pub fn name(self, code: &str) -> bool {
        self.iter().any(|defect| defect.code() == code)
    }

    fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::ALL.into_iter().filter(move |defect| self.0 & 1 << *defect as u8 != 0)
    }
}

impl fmt::Display for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<_> = self.iter().map(Defect::code).collect();
        f.write_str(&codes.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_true_when_the_record_has_that_defect() {
        let mut defects = Defects::default();
        assert!(defects.is_empty());
        defects.note(Defect::BadKey, true);
        defects.note(Defect::NoValue, false);
        defects.note(Defect::InvalidBody, true);
        assert!(defects.name("bad_key") && defects.name("invalid_body"));
        assert!(!defects.name("no_value") && !defects.name("nonsense"));
        assert_eq!(defects.to_string(), "bad_key, invalid_body");
    }
}
