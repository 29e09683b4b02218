//! Ids: a UUID in its one canonical spelling, and the grammar of customer ids
//! and SKUs.

use uuid::Uuid;

/// Reads 36 characters, lower-case hexadecimal digits and four hyphens.
pub fn id_of(bytes: &[u8]) -> Option<Uuid> {
    let canonical = bytes.len() == 36 && !bytes.iter().any(u8::is_ascii_uppercase);
    canonical.then(|| Uuid::try_parse_ascii(bytes).ok()).flatten()
}

/// Whether a text is a customer id or SKU: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
pub fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_a_uuid_is_read() {
        let canonical = "01990000-0000-7abc-8def-000000000001";
        assert_eq!(id_of(canonical.as_bytes()).map(|id| id.to_string()), Some(canonical.into()));
        for bad in [
            canonical.to_uppercase(),
            canonical.replace('-', ""),
            format!("{{{canonical}}}"),
            canonical.replace("7abc", "7abg"),
            format!("{} ", &canonical[..35]),
            canonical.replacen("1990000-", "-1990000", 1),
        ] {
            assert_eq!(id_of(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn look_alikes_and_spaces_are_no_ids() {
        assert!(is_id("A.b_c:d-9") && is_id(&"x".repeat(64)));
        for bad in ["", "a b", "é", "а", "a/b", "a\n", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad:?}");
        }
    }
}
