//! The small bodies: cancellation, shipment, adjustment of stock.

use super::json::Json;

const TEXT_CHARS: std::ops::RangeInclusive<usize> = 1..=200;
const PIECES_MAX: i64 = 1_000_000_000;

/// Reads a cancellation: its reason, when it has one.
pub fn cancellation(value: &[u8]) -> Option<Option<String>> {
    free_text(&document(value)?, "reason")
}

/// Reads a shipment: carrier and tracking id, where given.
pub fn shipment(value: &[u8]) -> Option<(Option<String>, Option<String>)> {
    let document = document(value)?;
    Some((free_text(&document, "carrier")?, free_text(&document, "trackingId")?))
}

/// Reads an adjustment: the pieces added or removed.
pub fn adjustment(value: &[u8]) -> Option<i64> {
    let document = document(value)?;
    let pieces = document.get("quantity")?.integer()?;
    let allowed = match document.get("reason")?.text()? {
        "restock" => (1..=PIECES_MAX).contains(&pieces),
        "correction" => pieces != 0 && (-PIECES_MAX..=PIECES_MAX).contains(&pieces),
        _ => false,
    };
    allowed.then_some(pieces)
}

/// An empty value stands for an empty object.
fn document(value: &[u8]) -> Option<Json<'_>> {
    Json::parse_body(if value.is_empty() { b"{}" } else { value })
}

/// `None` when the member is there and breaks the rules.
fn free_text(document: &Json<'_>, name: &str) -> Option<Option<String>> {
    let Some(member) = document.get(name) else {
        return Some(None);
    };
    let text = member.text()?;
    let fits = TEXT_CHARS.contains(&text.chars().count());
    fits.then(|| Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_short_and_without_control_characters() {
        assert_eq!(cancellation(b""), Some(None));
        assert_eq!(cancellation(br#"{"reason":"too late"}"#), Some(Some("too late".into())));
        let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(201));
        for bad in [r#"{"reason":null}"#, r#"{"reason":""}"#, r#"{"reason":"\n"}"#, "[]", &long] {
            assert_eq!(cancellation(bad.as_bytes()), None, "{bad:.40}");
        }
        assert_eq!(shipment(br#"{"trackingId":"T1"}"#), Some((None, Some("T1".into()))));
    }

    #[test]
    fn a_restock_adds_and_a_correction_goes_both_ways() {
        let read = |pieces: &str, reason: &str| {
            adjustment(format!(r#"{{"quantity":{pieces},"reason":"{reason}"}}"#).as_bytes())
        };
        assert_eq!(read("5", "restock"), Some(5));
        assert_eq!(read("-5", "correction"), Some(-5));
        for (pieces, reason) in
            [("-5", "restock"), ("0", "correction"), ("1000000001", "restock"), ("5", "theft")]
        {
            assert_eq!(read(pieces, reason), None, "{pieces} {reason}");
        }
        assert_eq!(adjustment(b""), None);
    }
}
