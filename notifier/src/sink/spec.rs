//! What `--sink` says: `[NAME=]log`, `[NAME=]file:PATH`, `[NAME=]webhook:URL`.

use std::path::PathBuf;
use std::str::FromStr;

use hyper::Uri;

/// One sink as a person names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    /// Names its lane, its metrics and its consumer group.
    pub name: String,
    /// Where it goes.
    pub kind: Kind,
}

/// Where a sink goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A line of text an event on standard output.
    Log,
    /// A JSON line an event, appended to a file.
    File(PathBuf),
    /// A POST an event.
    Webhook(Uri),
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = match text.split_once('=') {
            Some((name, rest)) if is_name(name) => (Some(name), rest),
            _ => (None, text),
        };
        let (word, target) = rest.split_once(':').unwrap_or((rest, ""));
        let kind = match (word, target) {
            ("log", "") => Kind::Log,
            ("file", path) if !path.is_empty() => Kind::File(PathBuf::from(path)),
            ("webhook", url) if !url.is_empty() => Kind::Webhook(webhook(url)?),
            _ => return Err("write log, file:PATH or webhook:URL, with NAME= before it".into()),
        };
        Ok(Self { name: name.unwrap_or(word).to_owned(), kind })
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn webhook(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url} is no URL: {error}"))?;
    if uri.scheme_str() != Some("http") {
        return Err("a webhook needs an http:// URL; for TLS put a proxy in between".into());
    }
    match uri.authority() {
        Some(authority) if !authority.as_str().contains('@') => Ok(uri),
        _ => Err("a webhook needs a host and no password in its URL".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Kind)> {
        text.parse::<Spec>().ok().map(|spec| (spec.name, spec.kind))
    }

    #[test]
    fn a_sink_is_named_by_its_kind_unless_it_has_a_name() {
        assert_eq!(read("log"), Some(("log".into(), Kind::Log)));
        let file = Kind::File("/var/log/told.jsonl".into());
        assert_eq!(read("file:/var/log/told.jsonl"), Some(("file".into(), file.clone())));
        assert_eq!(read("crm=file:/var/log/told.jsonl"), Some(("crm".into(), file)));
        let (name, kind) = read("webhook:http://127.0.0.1:9/a?b=c:d").unwrap();
        assert_eq!(name, "webhook");
        assert_eq!(kind, Kind::Webhook("http://127.0.0.1:9/a?b=c:d".parse().unwrap()));
    }

    #[test]
    fn what_is_no_sink_is_refused() {
        for bad in [
            "",
            "mail",
            "file:",
            "file",
            "log:x",
            "webhook:",
            "webhook:example.org",
            "webhook:https://example.org/",
            "webhook:http://user:secret@example.org/",
            "A=log",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
