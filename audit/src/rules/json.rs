//! JSON as a tree that refuses an object with two equal keys, wherever it
//! stands: readers disagree on which of the two counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub enum Json<'a> {
    /// `null`, `true` or `false`: no field of ours is one.
    Constant,
    /// A number without fraction and exponent that fits.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads a whole document.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()
    }

    /// Reads a whole document that must be an object.
    pub fn parse_object(bytes: &'a [u8]) -> Option<Self> {
        Self::parse(bytes).filter(|json| matches!(json, Self::Object(_)))
    }

    /// The same of a body that a client sent: no text and no name in it, known or not, may
    /// have control characters.
    pub fn parse_body(bytes: &'a [u8]) -> Option<Self> {
        Self::parse_object(bytes).filter(Self::is_printable)
    }

    fn is_printable(&self) -> bool {
        let printable = |text: &str| !text.contains(char::is_control);
        match self {
            Self::Constant | Self::Integer(_) | Self::Float(_) => true,
            Self::Text(text) => printable(text),
            Self::Array(elements) => elements.iter().all(Self::is_printable),
            Self::Object(members) => {
                members.iter().all(|(key, value)| printable(key) && value.is_printable())
            }
        }
    }

    /// The member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The string, when it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when it was written as an integer.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn elements(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }
}

struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(Tree)? {
            Json::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("a key that is no string")),
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Constant)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Json::Constant)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Json::Float(value as f64), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rest: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = rest.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut rest: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(4);
        while let Some(Text(key)) = rest.next_key()? {
            members.push((key, rest.next_value()?));
        }
        if has_equal_keys(&members) {
            return Err(A::Error::custom("two equal keys"));
        }
        Ok(Json::Object(members))
    }
}

fn has_equal_keys(members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if members.len() <= 8 {
        return (1..members.len())
            .any(|n| members[..n].iter().any(|(key, _)| *key == members[n].0));
    }
    let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_ref()).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_keys_are_refused_at_any_depth_and_in_any_spelling() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"x":[{"b":null,"c":1,"b":2}]}]"#,
            r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"a":1}"#,
        ] {
            assert_eq!(Json::parse(bad.as_bytes()), None, "{bad}");
        }
        assert!(Json::parse(br#"{"a":{"a":1},"b":[1,1]}"#).is_some());
    }

    #[test]
    fn a_body_has_no_control_characters_anywhere() {
        for bad in [r#"{"a\n":1}"#, r#"{"a":[{"b":"\u0000"}]}"#, r#"{"a":"\u0085"}"#, "[]"] {
            assert_eq!(Json::parse_body(bad.as_bytes()), None, "{bad}");
        }
        assert!(Json::parse_body(r#"{"ä":["ö",1,null]}"#.as_bytes()).is_some());
    }

    #[test]
    fn hostile_bytes_are_no_json() {
        let deep = "[".repeat(60_000);
        for bad in ["", "{", "{}x", "\"\\ud800\"", "1e400", "\u{feff}{}", "[\"\u{0}\"]", &deep] {
            assert_eq!(Json::parse(bad.as_bytes()), None, "{bad:.40}");
        }
        assert_eq!(Json::parse(b"\"\xff\""), None);
        assert_eq!(Json::parse(b"18446744073709551615"), Some(Json::Float(18446744073709551615.0)));
        assert_eq!(Json::parse(b"-0"), Some(Json::Float(-0.0)));
    }
}
