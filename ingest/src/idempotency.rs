//! The `Idempotency-Key` header: a structured-field string as its draft says,
//! or the bare text that most clients send. Both spellings are the same key.

use compact_str::CompactString;
use hyper::HeaderMap;
use hyper::header::HeaderName;

use crate::problem::{Kind, Problem};

const NAME: HeaderName = HeaderName::from_static("idempotency-key");
const CHARS_MAX: usize = 255;

/// The key, when the client sent one.
pub fn key(headers: &HeaderMap) -> Result<Option<CompactString>, Problem> {
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(Kind::InvalidHeader, "idempotency-key appears more than once"));
    }
    unquoted(value.as_bytes()).map(Some).ok_or_else(|| {
        let detail = format!(
            "idempotency-key must be 1 to {CHARS_MAX} visible ASCII characters, bare or quoted"
        );
        Problem::new(Kind::InvalidHeader, detail)
    })
}

fn unquoted(value: &[u8]) -> Option<CompactString> {
    let mut key = CompactString::default();
    match value.strip_prefix(b"\"") {
        None => value.iter().for_each(|byte| key.push(char::from(*byte))),
        Some(quoted) => {
            let mut bytes = quoted.strip_suffix(b"\"")?.iter();
            while let Some(byte) = bytes.next() {
                let byte = match byte {
                    b'\\' => bytes.next().filter(|byte| matches!(byte, b'"' | b'\\'))?,
                    b'"' => return None,
                    plain => plain,
                };
                key.push(char::from(*byte));
            }
        }
    }
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=CHARS_MAX).contains(&key.len())).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_and_quoted_are_the_same_key() {
        assert_eq!(unquoted(b"a-1").as_deref(), Some("a-1"));
        assert_eq!(unquoted(b"\"a-1\"").as_deref(), Some("a-1"));
        assert_eq!(unquoted(br#""a\"\\b""#).as_deref(), Some(r#"a"\b"#));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "x".repeat(256);
        for bad in ["", "\"\"", "\"a", "a b", "\"a b\"", "\"a\\x\"", "\"a\"b\"", "é", &long] {
            assert_eq!(unquoted(bad.as_bytes()), None, "{bad}");
        }
        assert!(unquoted("x".repeat(255).as_bytes()).is_some());
    }

    #[test]
    fn two_keys_are_one_too_many() {
        let one = HeaderMap::from_iter([(NAME, "a".parse().unwrap())]);
        assert_eq!(key(&one).unwrap().as_deref(), Some("a"));
        let mut two = one;
        two.append(NAME, "b".parse().unwrap());
        assert_eq!(key(&two).unwrap_err().kind(), Kind::InvalidHeader);
        assert!(key(&HeaderMap::new()).unwrap().is_none());
    }
}
