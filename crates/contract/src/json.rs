//! A JSON document as a tree that still knows its repeated keys.
//!
//! Parsers disagree on which of two equal keys wins, so a document that has
//! them means different things to different readers (RFC 8259 §4); here each
//! one is a fault. Used for everything that is not the fast path of an order.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::Violations;
use crate::pointer::{Path, Pointer, Step};
use crate::violation::Collector;

/// One JSON value.
#[derive(Clone, PartialEq, Debug)]
pub enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number written without fraction or exponent that fits 64 bits.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A string, unescaped.
    Text(String),
    /// An array.
    Array(Vec<Node>),
    /// An object; members in document order, repeated keys kept.
    Object(Vec<(String, Node)>),
}

/// Parses `bytes`; refuses bad syntax, bad UTF-8, nesting deeper than 128 and
/// every repeated key.
pub fn parse(bytes: &[u8]) -> Result<Node, Violations> {
    let node: Node = serde_json::from_slice(bytes)
        .map_err(|error| Violations::one("", format!("is not JSON: {error}")))?;
    let mut faults = Collector::default();
    node.walk(&mut Path::default(), &mut faults, Node::find_repeated_keys);
    faults.finish(Some(node))
}

impl Node {
    /// The first member of that name, when this is an object that has it.
    pub fn member(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The string, when it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Any number as a double, as other JSON readers see it.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Node::Integer(integer) => Some(*integer as f64),
            Node::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// What it is, for an error message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Integer(_) | Node::Float(_) => "a number",
            Node::Text(_) => "a string",
            Node::Array(_) => "an array",
            Node::Object(_) => "an object",
        }
    }

    /// Ends the reading of a body: what was understood, unless something is wrong with it.
    /// Control characters are, also where nobody reads them: the body is passed on as it came.
    pub(crate) fn finish<T>(
        &self,
        mut faults: Collector,
        value: Option<T>,
    ) -> Result<T, Violations> {
        self.walk(&mut Path::default(), &mut faults, Self::find_control_characters);
        faults.finish(value)
    }

    /// Looks at this value and at all inside it, from the outside in, while there is room
    /// for faults.
    fn walk<'a>(
        &'a self,
        path: &mut Path<'a>,
        faults: &mut Collector,
        look: fn(&'a Self, &mut Path<'a>, &mut Collector),
    ) {
        if faults.is_full() {
            return;
        }
        look(self, path, faults);
        match self {
            Node::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    path.within(Step::Index(n), |path| item.walk(path, faults, look));
                }
            }
            Node::Object(members) => {
                for (key, value) in members {
                    path.within(Step::Key(key), |path| value.walk(path, faults, look));
                }
            }
            _ => {}
        }
    }

    /// In a text, and in the names of an object's members.
    fn find_control_characters<'a>(&'a self, path: &mut Path<'a>, faults: &mut Collector) {
        let found = |text: &str| text.contains(char::is_control);
        let here = match self {
            Node::Text(text) => found(text),
            Node::Object(members) => members.iter().any(|(key, _)| found(key)),
            _ => false,
        };
        if here {
            let (Pointer::Itself(pointer) | Pointer::Around(pointer)) = path.pointer();
            faults.add_once(pointer, "has a control character");
        }
    }

    fn find_repeated_keys<'a>(&'a self, path: &mut Path<'a>, faults: &mut Collector) {
        let Node::Object(members) = self else { return };
        let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        for pair in keys.windows(2).filter(|pair| pair[0] == pair[1]) {
            path.within(Step::Key(pair[0]), |path| add_repeated(path, faults));
        }
    }
}

fn add_repeated(path: &Path<'_>, faults: &mut Collector) {
    if faults.is_full() {
        return;
    }
    match path.pointer() {
        Pointer::Itself(pointer) => faults.add(pointer, "appears more than once"),
        Pointer::Around(pointer) => {
            faults.add(pointer, "has a key inside, too long to name, that appears more than once");
        }
    }
}

/// `pointer` extended by the name of a member of ours, which needs no escape.
pub(crate) fn child(pointer: &str, name: &'static str) -> String {
    format!("{pointer}/{name}")
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(i128::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Integer(i128::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Node::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_named_wherever_they_stand() {
        let faults = parse(br#"{"a":1,"b":[{"x/y":1,"x/y":2}],"a":2}"#).unwrap_err();
        let pointers: Vec<_> = faults.as_slice().iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b/0/x~1y"]);
    }

    #[test]
    fn a_long_name_is_copied_for_none_of_the_places_below_it() {
        // A terabyte, had each of the items its pointer written.
        let items = vec!["0"; 1 << 19].join(",");
        let body = format!(r#"{{"{}":[{items}]}}"#, "~".repeat(1 << 20));
        let started = std::time::Instant::now();
        assert!(parse(body.as_bytes()).is_ok());
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn a_key_with_a_long_pointer_is_named_by_what_holds_it() {
        let body = format!(r#"{{"a":[{{"{}":{{"x":1,"x":2}}}}]}}"#, "~".repeat(200));
        let faults = parse(body.as_bytes()).unwrap_err();
        assert_eq!(faults.as_slice().len(), 1);
        assert_eq!(faults.as_slice()[0].pointer, "/a/0");
        assert!(faults.as_slice()[0].detail.starts_with("has a key inside"), "{faults}");
    }

    #[test]
    fn control_characters_are_named_where_they_stand_or_by_what_holds_them() {
        let body = br#"{"a":"\u0000","b":[{"x\u0085":1,"y":["\u007f"]}],"c":"d\n"}"#;
        let faults = parse(body).unwrap().finish(Collector::default(), Some(())).unwrap_err();
        let pointers: Vec<_> = faults.as_slice().iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b/0", "/b/0/y/0", "/c"]);
    }

    #[test]
    fn hostile_text_is_refused_without_harm() {
        let deep = "[".repeat(60_000);
        for bad in
            ["", "{", "{}x", "\"\\ud800\"", "1e400", "\u{feff}{}", "{\"a\":\"\u{0}\"}", &deep]
        {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:.40}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }
}
