//! Members whose names are most of a body: they cost the gateway no more than their
//! bytes, and an answer does not repeat them.

use crate::http::request;
use crate::start::{Gateway, ORDER, mock};

/// The most bytes of an answer, whatever was asked.
const ANSWER_BYTES_MAX: usize = 32 * 1024;

/// An object in which 101 keys stand twice.
fn repeated_keys() -> String {
    let twice: Vec<_> = (0..101).map(|n| format!(r#""{n}":0,"{n}":0"#)).collect();
    format!("{{{}}}", twice.join(","))
}

#[tokio::test]
async fn an_unknown_member_with_a_long_name_is_ignored() {
    let mock = mock();
    let gateway = Gateway::on_mock(&mock, &[]).await;
    let (name, items) = ("~".repeat(32 * 1024), vec!["0"; 16_000].join(","));
    let body = ORDER.replacen('{', &format!(r#"{{"{name}":[{items}],"#), 1);
    let answer = request(gateway.http, "POST", "/orders", &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_answer_about_long_names_is_short() {
    let mock = mock();
    let gateway = Gateway::on_mock(&mock, &[]).await;
    let repeated = repeated_keys();
    let longest = "~".repeat(65_536 - repeated.len() - r#"{"":}"#.len());
    let escaped = r"\u0001".repeat(250);
    for (name, place) in [(longest, String::new()), (escaped, "\u{1}".repeat(250))] {
        let body = format!(r#"{{"{name}":{repeated}}}"#);
        for path in ["/orders", "/stock/p-1/adjustments"] {
            let answer = request(gateway.http, "POST", path, &body).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-body"));
            assert!(answer.body.len() <= ANSWER_BYTES_MAX, "{} bytes", answer.body.len());
            let pointers = answer.pointers();
            assert!(!pointers.is_empty());
            assert!(pointers.iter().all(|pointer| pointer.contains(&place)), "{pointers:?}");
        }
    }
    gateway.stop().await;
}
