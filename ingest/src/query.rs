//! Query strings and path segments: small, strict, percent-decoded.

use std::borrow::Cow;

use crate::problem::{Kind, Problem};

/// The parameters of one request, each at most once.
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Reads `a=1&b=2`; only `known` names may appear.
    pub fn parse(text: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(invalid(format!("{pair:?} is not percent-encoded UTF-8")));
            };
            if !known.contains(&name.as_ref()) {
                return Err(invalid(format!("{name:?} is not known; try {}", known.join(", "))));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(invalid(format!("{name} appears more than once")));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The parameter read by `read`, or `None` when it is absent.
    pub fn get<T>(
        &self,
        name: &str,
        rule: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some((_, value)) = self.0.iter().find(|(other, _)| other == name) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| invalid(format!("{name} must be {rule}")))
    }
}

/// A query that is not what the route takes.
pub fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::InvalidQuery, detail)
}

/// Percent-decoded text; `None` when an escape or the UTF-8 is broken.
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Result<Option<u32>, Problem> {
        Query::parse(Some(text), &["limit", "after"])?.get("limit", "a number", |v| v.parse().ok())
    }

    #[test]
    fn parameters_are_read_once_and_by_name() {
        assert_eq!(limit("after=x&limit=5").unwrap(), Some(5));
        assert_eq!(limit("limit=%35").unwrap(), Some(5));
        assert_eq!(limit("").unwrap(), None);
        for bad in ["limit=x", "limit", "limit=1&limit=2", "other=1", "limit=%3", "limit=%zz"] {
            assert_eq!(limit(bad).unwrap_err().kind(), Kind::InvalidQuery, "{bad}");
        }
    }

    #[test]
    fn escapes_that_are_no_text_are_none() {
        assert_eq!(decode("a%3Ab").as_deref(), Some("a:b"));
        assert_eq!(decode("%ff"), None);
        assert_eq!(decode("%"), None);
    }
}
